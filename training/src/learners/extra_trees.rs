//! Extremely randomised trees by smartcore (Geurts, Ernst and Wehenkel, 2006): as a forest, but every tree learns from all rows, and a
//! split is the best of few thresholds that are drawn at random. They vary less from sample to sample than a forest does.

use scoring::model::trees::Trees;
use serde::{Deserialize, Serialize};
use smartcore::ensemble::extra_trees_regressor::{ExtraTreesRegressor, ExtraTreesRegressorParameters};
use smartcore::linalg::basic::matrix::DenseMatrix;

use super::forest::grown::{self, Data};
use super::{Error, require_both_labels};
use crate::matrix::Matrix;

/// How far below the lowest value a missing one lies while trees grow, as a part of the column's range: thresholds are drawn evenly over
/// both, so one in five asks whether the value is missing.
const GAP: f64 = 0.25;
/// What lies beyond counts as it, since a range has to be a number.
const LARGEST: f64 = f64::MAX / 4.0;

/// How large the forest grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How many trees; 1 or more.
    pub trees: usize,
    /// How many rows a leaf has, at least, whatever they weigh; 1 or more.
    pub min_rows: usize,
    /// How many trees one run of smartcore grows; 1 or more. Few bound the memory and let threads share the work. It changes the
    /// forest, because each run has a seed of its own.
    pub trees_a_run: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { trees: 100, min_rows: 5, trees_a_run: 5 }
    }
}

type Regressor = ExtraTreesRegressor<f64, f64, DenseMatrix<f64>, Vec<f64>>;

/// Learns trees whose mean is the probability of bad, each from all rows, each split the best of a threshold for each of √width features,
/// the features and the thresholds drawn at random. The number of threads changes nothing but the time.
///
/// A missing value counts as lower than every other; where training saw none missing, it goes with the majority.
pub fn fit(matrix: &Matrix, settings: &Settings, seed: u64, threads: usize) -> Result<Trees, Error> {
    settings.check()?;
    require_both_labels(matrix)?;
    let data = Data::new(matrix, LARGEST, below);
    let runs = grown::runs(settings.trees, settings.trees_a_run, seed, |trees, seed| {
        ExtraTreesRegressorParameters::default()
            .with_n_trees(trees)
            .with_m((matrix.width() as f64).sqrt() as usize)
            .with_min_samples_leaf(settings.min_rows)
            .with_seed(seed)
    });
    data.forest(&runs, threads, |run| match matrix.weights() {
        Some(weights) => Regressor::fit_with_weights(&data.x, &data.y, weights, run.clone()),
        None => Regressor::fit(&data.x, &data.y, run.clone()),
    })
}

/// A number below all of a column's, at some distance.
fn below(column: &[f64]) -> f64 {
    let present = || column.iter().filter(|value| !value.is_nan()).map(|value| value.clamp(-LARGEST, LARGEST));
    let Some(lowest) = present().reduce(f64::min) else { return 0.0 };
    let range = present().fold(lowest, f64::max) - lowest;
    let gap = GAP * if range > 0.0 { range } else { lowest.abs().max(1.0) };
    (lowest - gap).min(lowest.next_down()).max(-LARGEST)
}

impl Settings {
    /// Whether every setting is in its range.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let within = |name, good: bool| if good { Ok(()) } else { Err(Error::Setting { learner: "extra_trees", name }) };
        within("trees", self.trees >= 1)?;
        within("min_rows", self.min_rows >= 1)?;
        within("trees_a_run", self.trees_a_run >= 1)
    }
}
