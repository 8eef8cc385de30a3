//! What an evaluation is asked to do.

use serde::{Deserialize, Serialize};

use super::Error;

/// What an evaluation is asked to do. All but the number of threads shows in the result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// From which probabilities on what is decided.
    pub thresholds: Vec<Threshold>,
    /// How many events, and how many entities, people can look at in a day.
    pub capacity_a_day: usize,
    /// How many resamples standard errors are taken over. With fewer than two there are no such intervals.
    pub rounds: usize,
    /// What chance grows from.
    pub seed: u64,
    /// The confidence of intervals, between 0 and 1.
    pub level: f64,
    /// With fewer bad rows than this, or fewer good ones, a segment or a month has no ranking figures.
    pub least_bad: u64,
    /// With fewer rows than this a protected group is not compared with others.
    pub least_rows: u64,
    /// On how many threads to resample; 0 is taken as 1. The result is the same on any number.
    #[serde(skip)]
    pub threads: usize,
}

/// A probability from which on an event is flagged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// What is decided from there on: `review`, `decline`.
    pub name: String,
    /// The probability, 0 to 1; the threshold itself is flagged.
    pub at: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            thresholds: Vec::new(),
            capacity_a_day: 100,
            rounds: 200,
            seed: 0,
            level: 0.95,
            least_bad: 20,
            least_rows: 100,
            threads: 0,
        }
    }
}

impl Settings {
    /// What is wrong with them, if anything.
    ///
    /// # Errors
    /// [`Error::Capacity`] where people can look at nothing, [`Error::Level`] where the level does not lie between 0 and 1, and
    /// [`Error::Threshold`] where a threshold is no probability from 0 to 1.
    pub fn check(&self) -> Result<(), Error> {
        if self.capacity_a_day == 0 {
            return Err(Error::Capacity);
        }
        // Written so that NaN fails, too.
        if !(self.level > 0.0 && self.level < 1.0) {
            return Err(Error::Level { level: self.level });
        }
        match self.thresholds.iter().find(|threshold| !(0.0..=1.0).contains(&threshold.at)) {
            Some(Threshold { name, at }) => Err(Error::Threshold { name: name.clone(), at: *at }),
            None => Ok(()),
        }
    }
}
