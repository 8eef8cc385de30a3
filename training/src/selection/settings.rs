//! What features are asked to do, and what can be wrong with the question.

use serde::{Deserialize, Serialize};

/// What a feature has to do to be kept, and how it is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The information value, in nats, that a feature has to reach; 0 or more. It has to exceed what chance gives, too, or to
    /// order the rows clearly better. A feature without which a model loses something need not.
    pub least_information: f64,
    /// Over how many shufflings of the labels it is measured what chance gives; 2 or more, or 0 for none.
    pub chance_rounds: u32,
    /// A population stability index, on average over the periods after the first, from which on a feature is unstable; above 0.
    pub psi: f64,
    /// How many days a period is, 1 or more; `None` for 30 where the rows span 90 days, and else 7.
    pub period_days: Option<u32>,
    /// Periods with fewer rows are left out.
    pub least_rows: u64,
    /// In periods with fewer bad rows, or fewer good ones, a feature has no direction.
    pub least_bad: u64,
    /// The rank correlation, without its sign, from which on two features say the same; above 0, at most 1.
    pub redundant_from: f64,
    /// On how many rows, at most, correlations are measured; 2 or more. Where there are more, they are drawn.
    pub correlation_rows: usize,
    /// On how many rows, at most, a model is asked; 2 or more. Where there are more, they are drawn: bad ones first, up to half.
    pub importance_rows: usize,
    /// How often each feature is shuffled to see what a model loses; 2 or more.
    pub repeats: u32,
    /// The area under the curve, or the average precision, that a model loses without a feature that helps, at least; 0 or more.
    pub least_loss: f64,
    /// What chance grows from.
    pub seed: u64,
    /// On how many threads to measure; 0 is taken as 1. The result is the same on any number.
    #[serde(skip)]
    pub threads: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            least_information: 0.02,
            chance_rounds: 10,
            psi: 0.25,
            period_days: None,
            least_rows: 200,
            least_bad: 20,
            redundant_from: 0.9,
            correlation_rows: 10_000,
            importance_rows: 20_000,
            repeats: 5,
            least_loss: 0.0005,
            seed: 0,
            threads: 0,
        }
    }
}

impl Settings {
    /// Whether every setting is in its range.
    pub fn check(&self) -> Result<(), Error> {
        let out = [
            ("least_information", self.least_information >= 0.0),
            ("chance_rounds", self.chance_rounds != 1),
            ("psi", self.psi > 0.0),
            ("period_days", self.period_days != Some(0)),
            ("redundant_from", self.redundant_from > 0.0 && self.redundant_from <= 1.0),
            ("correlation_rows", self.correlation_rows >= 2),
            ("importance_rows", self.importance_rows >= 2),
            ("repeats", self.repeats >= 2),
            ("least_loss", self.least_loss >= 0.0),
        ];
        out.iter().find(|(_, is_right)| !is_right).map_or(Ok(()), |(setting, _)| Err(Error::Setting { setting }))
    }
}

/// Why nothing could be selected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A setting that is out of its range.
    #[error("the setting {setting} of the selection is out of its range")]
    Setting {
        /// The setting.
        setting: &'static str,
    },
    /// Rows of one label tell nothing of a feature.
    #[error("all {rows} rows are {label}, so that no feature can be judged")]
    OneLabel {
        /// How many rows there are.
        rows: usize,
        /// `good` or `bad`.
        label: &'static str,
    },
    /// A model that does not score each row.
    #[error("the model gives {scores} scores for {rows} rows")]
    Scores {
        /// How many scores it gives.
        scores: usize,
        /// How many rows there are.
        rows: usize,
    },
    /// A score that is no number.
    #[error("the model gives no number for row {row} when {feature} is shuffled")]
    NoScore {
        /// The features that are shuffled; `nothing` where none is.
        feature: String,
        /// The row among those asked about, from 1.
        row: usize,
    },
}
