//! Windowed features, and how whole numbers become them.

use super::reads::OrderedQuantile;
use crate::definition::Source;

/// Windowed features, by how numbers are made of what was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outputs {
    /// Those that are a count.
    pub(crate) counts: Vec<Output>,
    /// Those that are a sum divided by a count.
    pub(crate) quotients: Vec<Output>,
    pub(crate) others: Vec<Output>,
}

impl Outputs {
    pub(super) fn push(&mut self, output: Output) {
        match output.finish {
            Finish::Count => self.counts.push(output),
            Finish::Mean | Finish::Rate | Finish::Share => self.quotients.push(output),
            _ => self.others.push(output),
        }
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Output> {
        self.counts.iter().chain(&self.quotients).chain(&self.others)
    }
}

/// One windowed feature.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub(crate) feature: usize,
    pub(crate) default: f64,
    pub(crate) finish: Finish,
    /// The number of what is read for it; a count and a mean over one window share it.
    pub(crate) read: usize,
}

/// How whole numbers become the feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    Count,
    Sum,
    Mean,
    Variance,
    Std,
    ZScore(Source),
    Rate,
    Word(Source),
    Seconds,
    Distinct,
    First,
    Share,
    Bits,
    Quantile(Source, OrderedQuantile),
    Decayed,
    Speed { latitude: Source, longitude: Source },
}
