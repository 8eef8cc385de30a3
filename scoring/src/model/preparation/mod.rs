//! What is done to a vector before a model reads it: gaps are filled and tails clipped, each number is replaced by the weight of
//! evidence of its bin, or it is encoded. Plain data, and pure functions from one vector to another; training fits it or it comes with a
//! model, nothing here learns.

mod encoded;
mod evidence;
mod filled;
#[cfg(test)]
pub(super) mod tests;

use serde::{Deserialize, Serialize};

pub use self::encoded::{Encoded, Piece};
pub use self::evidence::{Bin, Evidence};
pub use self::filled::Filled;

use super::Invalid;

/// A fitted preparation: how each feature becomes what the model reads, in the order of the vector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preparation {
    /// Gaps filled and flagged, tails clipped. A feature becomes one column, and a second one where gaps are flagged.
    Linear(Vec<Filled>),
    /// The weight of evidence of the feature's bin: one column a feature.
    Evidence(Vec<Evidence>),
    /// The number itself, and whether it lies in each of some pieces: as many columns as that are, or none.
    Encoded(Vec<Encoded>),
}

impl Preparation {
    /// Its word in pipeline files and in reports.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Linear(_) => "linear",
            Self::Evidence(_) => "evidence",
            Self::Encoded(_) => "encoded",
        }
    }

    /// How many features it reads.
    pub const fn width(&self) -> usize {
        match self {
            Self::Linear(features) => features.len(),
            Self::Evidence(features) => features.len(),
            Self::Encoded(features) => features.len(),
        }
    }

    /// How many columns it makes of each feature.
    pub fn spans(&self) -> impl Iterator<Item = usize> {
        (0..self.width()).map(|feature| match self {
            Self::Linear(features) => features[feature].columns(),
            Self::Evidence(_) => 1,
            Self::Encoded(features) => features[feature].columns(),
        })
    }

    /// What the model reads of an event. `values` has one number a feature, NaN where one is missing. Only an encoded one
    /// that is missing comes out so.
    pub fn row(&self, values: &[f64]) -> Vec<f64> {
        match self {
            Self::Linear(features) => features.iter().zip(values).flat_map(|(filled, value)| filled.cells(*value)).collect(),
            Self::Evidence(features) => features.iter().zip(values).map(|(evidence, value)| evidence.weight(*value)).collect(),
            Self::Encoded(features) => features.iter().zip(values).flat_map(|(encoded, value)| encoded.cells(*value)).collect(),
        }
    }

    /// What the model reads of many events, from one column a feature: the very numbers of [`row`](Self::row).
    pub fn columns(&self, columns: &[Vec<f64>]) -> Vec<Vec<f64>> {
        match self {
            Self::Linear(features) => features.iter().zip(columns).flat_map(|(filled, column)| filled.made(column)).collect(),
            Self::Evidence(features) => features.iter().zip(columns).map(|(evidence, column)| evidence.made(column)).collect(),
            Self::Encoded(features) => features.iter().zip(columns).flat_map(|(encoded, column)| encoded.made(column)).collect(),
        }
    }

    /// What each feature contributes, from what each column does: the sum over the columns that were made of it.
    pub fn by_feature(&self, contributions: &[f64]) -> Vec<f64> {
        let mut rest = contributions;
        self.spans()
            .map(|span| {
                let (of_feature, behind) = rest.split_at(span);
                rest = behind;
                of_feature.iter().sum()
            })
            .collect()
    }

    /// Whether every number is one and every bin can be found.
    pub fn check(&self) -> Result<(), Invalid> {
        match self {
            Self::Linear(features) => features.iter().try_for_each(Filled::check),
            Self::Evidence(features) => features.iter().try_for_each(Evidence::check),
            Self::Encoded(features) => features.iter().try_for_each(Encoded::check),
        }
    }
}
