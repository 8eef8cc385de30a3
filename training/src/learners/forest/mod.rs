//! A random forest by smartcore. Its classifier gives no probabilities, so its regressor learns the labels as 0 and 1: a leaf is
//! then the share of bad rows in it, and the mean over the trees a probability.

pub(super) mod grown;
#[cfg(test)]
mod tests;

use scoring::model::trees::Trees;
use serde::{Deserialize, Serialize};
use smartcore::ensemble::random_forest_regressor::{RandomForestRegressor, RandomForestRegressorParameters};
use smartcore::error::Failed;
use smartcore::linalg::basic::matrix::DenseMatrix;

use self::grown::Data;
use super::{Error, require_both_labels};
use crate::matrix::Matrix;

/// What a missing value counts as while the forest grows.
const MISSING: f64 = f64::MIN;

/// How large the forest grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How many trees; 1 or more.
    pub trees: usize,
    /// How many rows of its sample a leaf has, at least; 1 or more.
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

/// Learns trees whose mean is the probability of bad, each on a sample of the rows drawn with replacement, each split the best on
/// any of √width features drawn at random. The number of threads changes nothing but the time.
///
/// A missing value counts as lower than every other; where training saw none missing, it goes with the majority.
///
/// Of each label a sample has as many rows as there are, whatever they weigh, so that a tree sees all the bad ones where good ones
/// stand for many; within a label rows are drawn by their weight. The shares of the leaves are then those of the weighted rows.
pub fn fit(matrix: &Matrix, settings: &Settings, seed: u64, threads: usize) -> Result<Trees, Error> {
    settings.check()?;
    require_both_labels(matrix)?;
    let data = Data::new(matrix, f64::MAX, |_| MISSING);
    let labels = Labels::new(matrix);
    let runs = runs(matrix.width(), settings, seed);
    let mut forest = data.forest(&runs, threads, |run| labels.grow(&data, run))?;
    labels.put_right(&mut forest);
    Ok(forest)
}

type Regressor = RandomForestRegressor<f64, f64, DenseMatrix<f64>, Vec<f64>>;
type Parameters = RandomForestRegressorParameters;

fn runs(width: usize, settings: &Settings, seed: u64) -> Vec<Parameters> {
    grown::runs(settings.trees, settings.trees_a_run, seed, |trees, seed| {
        Parameters::default()
            .with_n_trees(trees)
            .with_m((width as f64).sqrt() as usize)
            .with_min_samples_leaf(settings.min_rows)
            .with_seed(seed)
    })
}

/// What the rows of each label weigh.
struct Labels {
    /// How much a bad row weighs in the mean, over how much a good one does.
    ratio: f64,
    /// What each row weighs beside the others of its label; `None` where all weigh the same.
    within: Option<Vec<f64>>,
}

impl Labels {
    fn new(matrix: &Matrix) -> Self {
        let Some(weights) = matrix.weights() else { return Self { ratio: 1.0, within: None } };
        let (bad, bad_weight) = (matrix.bad() as f64, matrix.bad_weight());
        let means = [(matrix.total_weight() - bad_weight) / (matrix.rows() as f64 - bad), bad_weight / bad];
        let first = |label: bool| matrix.labels().iter().position(|bad| *bad == label).map(|row| weights[row]);
        let firsts = [first(false), first(true)];
        let is_first = |(weight, bad): (&f64, &bool)| Some(*weight) == firsts[usize::from(*bad)];
        let all_alike = weights.iter().zip(matrix.labels()).all(is_first);
        let beside = |(weight, bad): (&f64, &bool)| weight / means[usize::from(*bad)];
        let within = (!all_alike).then(|| weights.iter().zip(matrix.labels()).map(beside).collect());
        Self { ratio: means[1] / means[0], within }
    }

    fn grow(&self, data: &Data<'_>, run: &Parameters) -> Result<Regressor, Failed> {
        match &self.within {
            None => Regressor::fit(&data.x, &data.y, run.clone()),
            Some(weights) => Regressor::fit_with_weights(&data.x, &data.y, weights, run.clone()),
        }
    }

    /// Makes shares of rows those of their weight.
    fn put_right(&self, forest: &mut Trees) {
        if self.ratio == 1.0 {
            return;
        }
        for (index, node) in (0..).zip(&mut forest.nodes) {
            if node.is_leaf(index) {
                let (bad, good) = (node.value * self.ratio, 1.0 - node.value);
                node.value = bad / (bad + good);
            }
        }
        forest.sum_up();
    }
}

impl Settings {
    /// Whether every setting is in its range.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let within = |name, good: bool| if good { Ok(()) } else { Err(Error::Setting { learner: "forest", name }) };
        within("trees", self.trees >= 1)?;
        within("min_rows", self.min_rows >= 1)?;
        within("trees_a_run", self.trees_a_run >= 1)
    }
}
