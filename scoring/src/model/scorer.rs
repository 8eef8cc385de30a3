//! A model with what stands between a vector and it, and between it and a score.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Calibration, Invalid, Model, Preparation};

/// What scoring runs: from the features to a calibrated probability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scorer {
    /// What is done to the features before the model reads them; nothing where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preparation: Option<Preparation>,
    /// The model itself.
    pub model: Model,
    /// From its probability to one that is true.
    pub calibration: Calibration,
}

impl Scorer {
    /// A model that reads the features as they are and whose probability is taken as it is.
    pub const fn plain(model: Model) -> Self {
        Self { preparation: None, model, calibration: Calibration::Identity }
    }

    /// How many features it reads.
    pub fn width(&self) -> usize {
        self.preparation.as_ref().map_or_else(|| self.model.width(), Preparation::width)
    }

    /// Whether it can be run at all.
    pub fn check(&self) -> Result<(), Invalid> {
        if let Some(preparation) = &self.preparation {
            preparation.check()?;
            let (made, width) = (preparation.spans().sum(), self.model.width());
            if made != width {
                return Err(Invalid::Prepared { made, width });
            }
        }
        self.model.check()?;
        self.calibration.check()
    }

    /// The probability, 0 to 1, that the event is bad. `values` has one number a feature, NaN where one is missing.
    pub fn probability(&self, values: &[f64]) -> f64 {
        self.calibration.apply(self.raw_probability(values))
    }

    /// The same as the model itself says it, before calibration.
    pub fn raw_probability(&self, values: &[f64]) -> f64 {
        self.model.probability(&self.read(values))
    }

    /// The probability of each row of some columns, one a feature: the very numbers of [`probability`](Self::probability), sooner.
    pub fn probabilities(&self, columns: &[Vec<f64>]) -> Vec<f64> {
        let mut probabilities = match &self.preparation {
            None => self.model.probabilities(columns),
            Some(preparation) => self.model.probabilities(&preparation.columns(columns)),
        };
        probabilities.iter_mut().for_each(|probability| *probability = self.calibration.apply(*probability));
        probabilities
    }

    /// What each feature adds to the model's output, before calibration, on the scale of [`Model::contributions`]: they and
    /// [`expected_output`](Self::expected_output) sum to the output. Of a feature that is prepared as several columns it is their sum.
    pub fn contributions(&self, values: &[f64]) -> Vec<f64> {
        let contributions = self.model.contributions(&self.read(values));
        match &self.preparation {
            None => contributions,
            Some(preparation) => preparation.by_feature(&contributions),
        }
    }

    /// The output that contributions start from.
    pub fn expected_output(&self) -> f64 {
        self.model.expected_output()
    }

    /// What the model reads of a vector.
    fn read<'a>(&self, values: &'a [f64]) -> Cow<'a, [f64]> {
        match &self.preparation {
            None => Cow::Borrowed(values),
            Some(preparation) => Cow::Owned(preparation.row(values)),
        }
    }
}
