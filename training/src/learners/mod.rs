//! What learns: a logistic regression, a random forest and gradient boosting behind one door. A learner sees numbers and labels,
//! never an event; what it makes is a model that scoring runs as it is.

pub mod boosting;
pub mod forest;
pub mod logistic;
#[cfg(test)]
mod tests;

use std::thread;

use scoring::Model;
use serde::{Deserialize, Serialize};

use crate::matrix::Matrix;

/// A way to learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Learner {
    /// A logistic regression on standardised features.
    Logistic,
    /// A random forest.
    Forest,
    /// Gradient-boosted trees.
    Boosting,
}

impl Learner {
    /// All of them, from the plainest on.
    pub const ALL: [Self; 3] = [Self::Logistic, Self::Forest, Self::Boosting];

    /// Its word on the command line, in pipeline files and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Logistic => "logistic",
            Self::Forest => "forest",
            Self::Boosting => "boosting",
        }
    }

    /// Learns from the rows. Equal rows and an equal seed give an equal model, on any number of cores.
    pub fn fit(self, matrix: &Matrix, seed: u64) -> Result<Model, Error> {
        Ok(match self {
            Self::Logistic => Model::Linear(logistic::fit(matrix, &logistic::Settings::default())?),
            Self::Forest => {
                let threads = thread::available_parallelism().map_or(1, usize::from);
                Model::Trees(forest::fit(matrix, &forest::Settings::default(), seed, threads)?)
            }
            Self::Boosting => Model::Trees(boosting::fit(matrix, &boosting::Settings { seed, ..boosting::Settings::default() })?),
        })
    }
}

/// Why nothing could be learned.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Rows of one label teach nothing.
    #[error("all {rows} rows have the label {label}")]
    OneLabel {
        /// How many rows there are.
        rows: usize,
        /// Their label.
        label: &'static str,
    },
    /// linfa failed.
    #[error("the weights of the logistic regression were not found")]
    Logistic(#[source] Box<linfa_logistic::error::Error>),
    /// smartcore failed.
    #[error("the forest did not grow")]
    Forest(#[source] smartcore::error::Failed),
    /// The rows that are watched have other features.
    #[error("the rows to watch have other features than those to learn from")]
    Watched,
    /// A setting that is out of its range.
    #[error("the setting {name} of {learner} is out of its range")]
    Setting {
        /// The learner.
        learner: &'static str,
        /// The setting.
        name: &'static str,
    },
}

fn require_both_labels(matrix: &Matrix) -> Result<(), Error> {
    match (matrix.bad(), matrix.rows()) {
        (0, rows) => Err(Error::OneLabel { rows, label: "legit" }),
        (bad, rows) if bad == rows => Err(Error::OneLabel { rows, label: "fraud" }),
        _ => Ok(()),
    }
}
