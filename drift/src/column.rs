//! A column of numbers as it comes.

use crate::lanes;
use crate::sorted::key;

/// Values, of which some are missing.
pub(crate) struct Column<'a> {
    values: &'a [f64],
    /// How many are there.
    pub(crate) present: usize,
    /// Infinity where there is none.
    pub(crate) lowest: f64,
    /// Minus infinity where there is none.
    pub(crate) highest: f64,
}

/// Values of a column that say where cells have to be narrow.
pub(crate) const SAMPLE: usize = 4_096;

impl<'a> Column<'a> {
    /// NaN is missing.
    pub(crate) fn new(values: &'a [f64]) -> Self {
        let (lowest, highest) = lanes::extremes(values);
        Self { values, present: lanes::present(values) as usize, lowest, highest }
    }

    /// How many rows it has, those without a value included.
    pub(crate) const fn rows(&self) -> usize {
        self.values.len()
    }

    /// The values that are there.
    pub(crate) fn present(&self) -> impl Iterator<Item = f64> {
        self.values.iter().copied().filter(|value| !value.is_nan())
    }

    /// The keys of some of the values, from all over the column.
    pub(crate) fn sample(&self) -> impl Iterator<Item = u64> {
        self.values.iter().step_by((self.values.len() / SAMPLE).max(1)).filter(|value| !value.is_nan()).map(|value| key(*value))
    }
}
