//! Parts of wholes with their intervals, for independent rows.

use serde::Serialize;

/// The reach of an interval of 95 % in standard errors.
const REACH: f64 = 1.959_963_984_540_054;

/// A part of a whole, 0 to 1, with Wilson's interval of 95 %.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Proportion {
    /// The share itself.
    pub point: f64,
    /// The lower end of its interval.
    pub lower: f64,
    /// The upper end of its interval.
    pub upper: f64,
}

impl Proportion {
    /// `None` of nothing.
    pub fn new(part: u64, whole: u64) -> Option<Self> {
        let (lower, upper) = wilson(part as f64, whole as f64, REACH)?;
        let point = part as f64 / whole as f64;
        // Rounding may put an end on the wrong side of the point.
        Some(Self { point, lower: lower.min(point), upper: upper.max(point) })
    }
}

/// The ends, 0 to 1, of Wilson's interval (1927) of `part` of `whole`, which holds at few rows and at shares near 0 and 1; `None` of
/// nothing. Both are counts of rows; where rows are alike, of as many independent ones as they are worth, which need not be whole. `z` is
/// the reach of the level in standard errors.
pub fn wilson(part: f64, whole: f64, z: f64) -> Option<(f64, f64)> {
    let square = z * z;
    let middle = part + square / 2.0;
    let half = z * (part * (whole - part) / whole + square / 4.0).sqrt();
    let end = |at: f64| (at / (whole + square)).clamp(0.0, 1.0);
    (whole > 0.0).then(|| (end(middle - half), end(middle + half)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_wilson() {
        let check = |part: u64, whole: u64, expect: Option<[f64; 3]>| {
            let round = |share: f64| (share * 1e4).round() / 1e4;
            let found = Proportion::new(part, whole).map(|found| [found.point, found.lower, found.upper].map(round));
            assert_eq!(found, expect, "{part} of {whole}");
        };
        check(0, 0, None);
        check(0, 10, Some([0.0, 0.0, 0.2775]));
        check(10, 10, Some([1.0, 0.7225, 1.0]));
        check(81, 263, Some([0.308, 0.2553, 0.3662]));
    }
}
