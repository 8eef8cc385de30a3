//! A linear model on standardised features: margin = intercept + sum of weight x (value - mean) / deviation.

use serde::{Deserialize, Serialize};

use super::Invalid;

/// A weighted sum of standardised features, on the scale of log-odds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Linear {
    /// The log-odds where every feature is at its mean, or missing.
    pub intercept: f64,
    /// The weight of each standardised feature.
    pub weights: Vec<f64>,
    /// What each feature is counted from: its mean in training, or for naive Bayes the middle between the two labels. A missing value counts
    /// as it, and so adds nothing.
    pub means: Vec<f64>,
    /// The unit of each feature: its standard deviation in training, never zero.
    pub deviations: Vec<f64>,
}

impl Linear {
    /// The log-odds of bad to good.
    pub fn margin(&self, values: &[f64]) -> f64 {
        self.margin_of(|feature| values[feature])
    }

    /// The log-odds of bad to good, with the value of each feature.
    pub(super) fn margin_of(&self, value: impl Fn(usize) -> f64) -> f64 {
        self.intercept + (0..self.weights.len()).map(|feature| self.contribution(feature, value(feature))).sum::<f64>()
    }

    /// What each feature adds to the log-odds, against an event at the mean of training.
    pub fn contributions(&self, values: &[f64]) -> Vec<f64> {
        (0..self.weights.len()).map(|feature| self.contribution(feature, values[feature])).collect()
    }

    /// Whether its parts belong together and every number is one.
    pub fn check(&self) -> Result<(), Invalid> {
        let (weights, means, deviations) = (self.weights.len(), self.means.len(), self.deviations.len());
        if means != weights || deviations != weights {
            return Err(Invalid::Lengths { weights, means, deviations });
        }
        let usable = |what, good: bool| if good { Ok(()) } else { Err(Invalid::Number { what }) };
        let finite = |numbers: &[f64]| numbers.iter().all(|number| number.is_finite());
        usable("the intercept", self.intercept.is_finite())?;
        usable("a weight", finite(&self.weights))?;
        usable("a mean", finite(&self.means))?;
        usable("a deviation", finite(&self.deviations) && self.deviations.iter().all(|&deviation| deviation > 0.0))
    }

    /// What one feature adds with a value.
    pub(super) fn contribution(&self, feature: usize, value: f64) -> f64 {
        if value.is_nan() { 0.0 } else { self.weights[feature] * (value - self.means[feature]) / self.deviations[feature] }
    }
}
