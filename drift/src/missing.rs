//! Whether more values are missing than before, or fewer.

use serde::{Deserialize, Serialize};

use crate::chi_square::chi_square;

/// The shares of rows without a value, and how surprising their difference is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MissingChange {
    /// Of the reference, 0 to 1.
    pub reference_rate: f64,
    /// Of the current rows, 0 to 1.
    pub current_rate: f64,
    /// How likely two samples of one rate differ at least as much: the chi-square test of two shares, without a correction.
    pub p: f64,
}

/// From missing rows and all rows of each side; `None` where a side has no row.
///
/// # Panics
/// When more are missing than there are.
pub fn missing_change(reference: (u64, u64), current: (u64, u64)) -> Option<MissingChange> {
    let present = |(missing, rows): (u64, u64)| rows.checked_sub(missing).expect("not more are missing than there are");
    let test = chi_square(&[reference.0, present(reference)], &[current.0, present(current)])?;
    let rate = |(missing, rows): (u64, u64)| missing as f64 / rows as f64;
    Some(MissingChange { reference_rate: rate(reference), current_rate: rate(current), p: test.p })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_of_no_rows_are_none() {
        let change = missing_change((1, 4), (3, 4)).unwrap();
        assert_eq!((change.reference_rate, change.current_rate), (0.25, 0.75));
        assert_eq!(missing_change((0, 9), (0, 5)).unwrap().p, 1.0);
        assert_eq!(missing_change((0, 0), (0, 5)), None);
    }
}
