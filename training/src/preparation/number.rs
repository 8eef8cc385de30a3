//! A number without gaps and tails, for learners that take both badly.

use serde::{Deserialize, Serialize};

/// The share of rows that is clipped at each end.
const TAIL: f64 = 0.005;

/// How gaps are filled and tails clipped.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filled {
    /// In place of a gap: the median of the training rows, 0 where all are missing.
    pub median: f64,
    /// The half and the 99.5th percentile of the training rows; what lies beyond is taken to them.
    pub range: (f64, f64),
    /// Whether a column of its own says that the number was missing: where training had gaps.
    pub flag: bool,
}

impl Filled {
    pub(super) fn fit(numbers: &[f64]) -> Self {
        let mut present: Vec<f64> = numbers.iter().copied().filter(|number| !number.is_nan()).collect();
        present.sort_unstable_by(f64::total_cmp);
        let flag = present.len() < numbers.len();
        if present.is_empty() {
            return Self { median: 0.0, range: (0.0, 0.0), flag };
        }
        let range = (quantile(&present, TAIL), quantile(&present, 1.0 - TAIL));
        Self { median: quantile(&present, 0.5), range, flag }
    }

    /// The number that a learner sees.
    pub fn apply(&self, number: f64) -> f64 {
        if number.is_nan() { self.median } else { number.clamp(self.range.0, self.range.1) }
    }
}

/// The quantile of sorted numbers, between two of them in proportion (Hyndman and Fan's type 7).
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (lower, part) = (place.floor() as usize, place.fract());
    let (below, above) = (sorted[lower], sorted[(lower + 1).min(sorted.len() - 1)]);
    // Each part of its own, so that the difference of two extremes cannot overflow.
    below * (1.0 - part) + above * part
}
