//! Numbers cut into few bins, and each bin replaced by its weight of evidence: the logarithm of how much more often bad rows of
//! training fell into it than good ones, in nats. Above zero means riskier than the average.

use serde::{Deserialize, Serialize};

use crate::model::Invalid;

/// A feature's bins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The highest number of each bin but the last, which has no end; rising. The first bin has no beginning, so no number lies outside.
    pub ends: Vec<f64>,
    /// The bins in the order of their numbers; none where training had no number at all.
    pub bins: Vec<Bin>,
    /// What the numbers stand for where they are the places of words: a bin for each, its end the place. None where they are numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<String>,
    /// Numbers that mean something else than those around them, each with its own bin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub special: Vec<(f64, Bin)>,
    /// The rows without a number; `None` where training had none.
    pub missing: Option<Bin>,
    /// What the feature tells, in nats.
    pub information_value: f64,
}

/// One bin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bin {
    /// Training rows in it.
    pub rows: u64,
    /// Bad ones among them.
    pub bad: u64,
    /// Its weight of evidence.
    pub weight: f64,
}

impl Evidence {
    /// The bin of a number, NaN where it is missing; so is a place outside of the words. What training never had, numbers where all were missing or a gap where none was,
    /// falls into a bin without rows: its weight of evidence is 0, which speaks neither way.
    pub fn bin(&self, number: f64) -> Bin {
        if let Some((_, bin)) = self.special.iter().find(|(value, _)| *value == number) {
            return *bin;
        }
        let is_missing = number.is_nan() || (!self.words.is_empty() && !(0.0..self.words.len() as f64).contains(&number));
        let bin = match is_missing {
            true => self.missing.as_ref(),
            false => self.bins.get(self.ends.partition_point(|end| *end < number)),
        };
        bin.copied().unwrap_or_default()
    }

    /// The weight of evidence of a number.
    pub fn weight(&self, number: f64) -> f64 {
        self.bin(number).weight
    }

    /// The weights of many numbers.
    pub fn made(&self, numbers: &[f64]) -> Vec<f64> {
        numbers.iter().map(|number| self.weight(*number)).collect()
    }

    pub(super) fn check(&self) -> Result<(), Invalid> {
        let usable = |what, good: bool| if good { Ok(()) } else { Err(Invalid::Number { what }) };
        let (bins, ends) = (self.bins.len(), self.ends.len());
        if bins != ends + 1 && (bins, ends) != (0, 0) {
            return Err(Invalid::Bins { bins, ends });
        }
        if ![0, bins].contains(&self.words.len()) {
            return Err(Invalid::Words { bins, words: self.words.len() });
        }
        let rises = self.ends.is_sorted_by(|a, b| a < b) && self.ends.iter().all(|end| end.is_finite());
        usable("an end of a bin", rises)?;
        let special = self.special.iter();
        usable("a special number", special.clone().all(|(value, _)| value.is_finite()))?;
        let mut all = self.bins.iter().chain(special.map(|(_, bin)| bin)).chain(&self.missing);
        usable("a weight of evidence", all.all(|bin| bin.weight.is_finite()))?;
        usable("an information value", self.information_value.is_finite())
    }
}
