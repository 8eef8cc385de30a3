//! A model with what stands between it and a score.

use serde::{Deserialize, Serialize};

use super::{Calibration, Invalid, Model};

/// What scoring runs: from the features to a calibrated probability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scorer {
    /// The model itself.
    pub model: Model,
    /// From its probability to one that is true.
    pub calibration: Calibration,
}

impl Scorer {
    /// A model whose probability is taken as it is.
    pub const fn plain(model: Model) -> Self {
        Self { model, calibration: Calibration::Identity }
    }

    /// How many features it reads.
    pub fn width(&self) -> usize {
        self.model.width()
    }

    /// Whether it can be run at all.
    pub fn check(&self) -> Result<(), Invalid> {
        self.model.check()?;
        self.calibration.check()
    }

    /// The probability, 0 to 1, that the event is bad. `values` has one number a feature, NaN where one is missing.
    pub fn probability(&self, values: &[f64]) -> f64 {
        self.calibration.apply(self.model.probability(values))
    }

    /// The probability of each row of some columns, one a feature: the very numbers of [`probability`](Self::probability), sooner.
    pub fn probabilities(&self, columns: &[Vec<f64>]) -> Vec<f64> {
        let mut probabilities = self.model.probabilities(columns);
        probabilities.iter_mut().for_each(|probability| *probability = self.calibration.apply(*probability));
        probabilities
    }
}
