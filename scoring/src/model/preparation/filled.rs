//! A number without gaps and tails, for weighted sums, which take both badly.

use serde::{Deserialize, Serialize};

use crate::model::Invalid;

/// How gaps are filled and tails clipped.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filled {
    /// In place of a gap: the median of the training rows, 0 where all are missing.
    pub median: f64,
    /// The lowest number and the highest that the model sees; what lies beyond is taken to them.
    pub range: (f64, f64),
    /// Whether a column of its own says that the number was missing: where training had gaps.
    pub flag: bool,
}

impl Filled {
    /// The number that a model sees in place of this one, NaN where it is missing.
    pub fn apply(&self, number: f64) -> f64 {
        if number.is_nan() { self.median } else { number.clamp(self.range.0, self.range.1) }
    }

    /// What the second column holds: 1 where the number is missing, 0 elsewhere.
    pub fn flag_of(number: f64) -> f64 {
        f64::from(u8::from(number.is_nan()))
    }

    /// How many columns are made of the number.
    pub fn columns(&self) -> usize {
        1 + usize::from(self.flag)
    }

    /// What stands in those columns for one number.
    pub(super) fn cells(&self, number: f64) -> impl Iterator<Item = f64> {
        std::iter::once(self.apply(number)).chain(self.flag.then(|| Self::flag_of(number)))
    }

    /// Those columns for many numbers.
    pub fn made(&self, numbers: &[f64]) -> impl Iterator<Item = Vec<f64>> {
        let filled = numbers.iter().map(|number| self.apply(*number)).collect();
        let flags = self.flag.then(|| numbers.iter().map(|number| Self::flag_of(*number)).collect());
        std::iter::once(filled).chain(flags)
    }

    pub(super) fn check(&self) -> Result<(), Invalid> {
        let (lowest, highest) = self.range;
        let is_good = self.median.is_finite() && lowest.is_finite() && highest.is_finite() && lowest <= highest;
        if is_good { Ok(()) } else { Err(Invalid::Number { what: "a median or a range of the preparation" }) }
    }
}
