//! Pearson's chi-square test (1900) of counts of two samples in the same categories, and the V of Cramer ("Mathematical methods of
//! statistics", 1946), which says how much it matters.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ChiSquared, ContinuousCDF};

/// Whether categories are spread in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChiSquare {
    /// The sum of (count - expected)^2 / expected over both samples, without a correction.
    pub statistic: f64,
    /// Categories that have a row, less one.
    pub degrees: usize,
    /// How likely two samples of one distribution give at least as much.
    pub p: f64,
    /// The size of the difference, whatever the number of rows: 0 for none, 1 where no category has rows of both samples.
    pub cramers_v: f64,
}

/// The test; categories without rows are no categories. `None` where a side has no row.
///
/// # Panics
/// When the sides have different numbers of categories.
pub fn chi_square(reference: &[u64], current: &[u64]) -> Option<ChiSquare> {
    assert_eq!(reference.len(), current.len(), "the same categories on both sides");
    let (n, m) = (reference.iter().sum::<u64>() as f64, current.iter().sum::<u64>() as f64);
    if n == 0.0 || m == 0.0 {
        return None;
    }
    let (mut statistic, mut categories) = (0.0, 0);
    for (reference, current) in reference.iter().zip(current) {
        let both = (reference + current) as f64;
        if both > 0.0 {
            categories += 1;
            for (count, rows) in [(*reference, n), (*current, m)] {
                let expected = both * rows / (n + m);
                statistic += (count as f64 - expected).powi(2) / expected;
            }
        }
    }
    let degrees = categories - 1;
    let p = match degrees {
        0 => 1.0,
        _ => ChiSquared::new(degrees as f64).expect("there is at least one degree of freedom").sf(statistic),
    };
    Some(ChiSquare { statistic, degrees, p, cramers_v: (statistic / (n + m)).sqrt() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_knows_equal_and_apart() {
        let equal = chi_square(&[10, 20, 0], &[1, 2, 0]).unwrap();
        assert_eq!((equal.statistic, equal.degrees, equal.p, equal.cramers_v), (0.0, 1, 1.0, 0.0));
        let apart = chi_square(&[10, 0], &[0, 10]).unwrap();
        assert_eq!((apart.statistic, apart.cramers_v), (20.0, 1.0));
        assert_eq!(chi_square(&[3], &[4]).unwrap().p, 1.0);
        assert_eq!(chi_square(&[0], &[4]), None);
    }
}
