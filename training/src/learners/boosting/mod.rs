//! Gradient boosting: trees that each lower the log-loss of those before them, grown from sums over bins, always at the leaf
//! that gains most (Ke and others, "LightGBM", 2017). Sums are taken in the order of the rows, so equal rows give equal trees,
//! to the bit. Chance comes in only where trees see a part of the rows or of the features, and then from a seed.

mod bins;
mod grow;
mod sample;
#[cfg(test)]
mod tests;
mod watch;

use std::thread;

use scoring::model::sigmoid;
use scoring::model::trees::{Combine, Trees};
use serde::{Deserialize, Serialize};

use self::bins::Binned;
use self::grow::{Grower, Slope};
use self::sample::Sampler;
use self::watch::Watch;
use super::{Error, require_both_labels};
use crate::matrix::Matrix;

/// One part in so many of the rows, the last, is watched where growing stops early.
const WATCHED_PART: usize = 5;

/// How much is learned, and how cautiously.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How many trees, at most: growing ends when no split gains anything.
    pub trees: usize,
    /// How many leaves a tree has, at most; 2 or more.
    pub leaves: usize,
    /// How much of each step is taken; above 0, at most 1.
    pub rate: f64,
    /// How many bins a feature is cut into, at most, not counting the missing values; 2 or more.
    pub max_bins: u16,
    /// How many rows a leaf has, at least, whatever they weigh; 1 or more.
    pub min_rows: u32,
    /// The L2 penalty on the value of a leaf, in units of hessian (a row at even odds has a quarter); above 0.
    pub lambda: f64,
    /// The share of the rows that each tree learns from, drawn anew; above 0, at most 1.
    pub row_share: f64,
    /// The share of the features that each tree may split, drawn anew; above 0, at most 1.
    pub feature_share: f64,
    /// Whether as many trees are grown as the last fifth of the rows asks for: trees that learn from the rows before say how many.
    pub early_stopping: bool,
    /// Where other rows are watched, growing ends when so many trees in a row did not lower their log-loss; 1 or more.
    pub patience: usize,
    /// Equal seeds draw equal shares.
    #[serde(skip)]
    pub seed: u64,
    /// How the risk may depend on each feature; all free where empty.
    #[serde(skip)]
    pub directions: Vec<Direction>,
    /// How many threads add up, 1 or more; the trees are the same with any number.
    #[serde(skip)]
    pub threads: usize,
}

/// How the risk may depend on a feature, all others staying what they are. Missing values stand outside of the order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// In any way.
    #[default]
    Free,
    /// It never falls while the feature rises.
    Rising,
    /// It never rises while the feature rises.
    Falling,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            trees: 100,
            leaves: 16,
            rate: 0.1,
            max_bins: 1024,
            min_rows: 20,
            lambda: 1.0,
            row_share: 1.0,
            feature_share: 1.0,
            early_stopping: false,
            patience: 20,
            seed: 0,
            directions: Vec::new(),
            threads: thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// Learns trees whose sum is the log-odds of bad. A missing value goes where it helps most, or, where training saw none missing,
/// with the majority.
pub fn fit(matrix: &Matrix, settings: &Settings) -> Result<Trees, Error> {
    settings.check()?;
    settings.check_width(matrix.width())?;
    require_both_labels(matrix)?;
    if !settings.early_stopping {
        return Ok(grow(matrix, settings, None).0);
    }
    let (before, last) = matrix.split_at(matrix.rows() - matrix.rows() / WATCHED_PART);
    let watched = fit_watched(&before, settings, &last)?;
    Ok(grow(matrix, &Settings { trees: watched.roots.len().max(1), ..settings.clone() }, None).0)
}

/// As [`fit`], and ends when the log-loss of other rows falls no more: the trees up to its lowest point.
pub fn fit_watched(matrix: &Matrix, settings: &Settings, watched: &Matrix) -> Result<Trees, Error> {
    settings.check()?;
    settings.check_width(matrix.width())?;
    require_both_labels(matrix)?;
    if watched.names() != matrix.names() {
        return Err(Error::Watched);
    }
    Ok(grow(matrix, settings, Some(watched)).0)
}

/// The trees, and the log-odds that they give each row.
fn grow(matrix: &Matrix, settings: &Settings, watched: Option<&Matrix>) -> (Trees, Vec<f64>) {
    let columns: Vec<Binned> = matrix.columns().iter().map(|column| Binned::new(column, settings.max_bins)).collect();
    let bad = matrix.bad_weight();
    let base = (bad / (matrix.total_weight() - bad)).ln();
    let mut trees = Trees { width: matrix.width(), combine: Combine::LogisticSum, base, roots: Vec::new(), nodes: Vec::new() };
    let mut grower = Grower::new(&columns, settings, matrix.rows(), matrix.weights());
    let mut margins = vec![base; matrix.rows()];
    let mut watch = watched.map(|rows| Watch::new(rows, base));
    let mut sampler = Sampler::new(matrix.rows(), matrix.width(), settings);
    for _ in 0..settings.trees {
        let mut slopes: Vec<Slope> = margins.iter().zip(matrix.labels()).map(|(&margin, &bad)| slope(margin, bad)).collect();
        if let Some(weights) = matrix.weights() {
            slopes.iter_mut().zip(weights).for_each(|(slope, weight)| slope.weigh(*weight));
        }
        let root = trees.nodes.len() as u32;
        if !grower.tree(sampler.draw(), &slopes, &mut trees.nodes, &mut margins) {
            if sampler.is_partial() {
                // Another part may have more to tell.
                continue;
            }
            break;
        }
        trees.roots.push(root);
        if watch.as_mut().is_some_and(|watch| watch.add(&trees, root) >= settings.patience) {
            break;
        }
    }
    if let Some(watch) = watch {
        watch.cut(&mut trees);
    }
    trees.sum_up();
    (trees, margins)
}

/// The first and the second derivative of a row's log-loss at its margin.
fn slope(margin: f64, bad: bool) -> Slope {
    let probability = sigmoid(margin);
    Slope { gradient: probability - f64::from(u8::from(bad)), hessian: probability * (1.0 - probability) }
}

fn within(name: &'static str, good: bool) -> Result<(), Error> {
    if good { Ok(()) } else { Err(Error::Setting { learner: "boosting", name }) }
}

impl Settings {
    /// The direction of a feature.
    fn direction(&self, feature: usize) -> Direction {
        self.directions.get(feature).copied().unwrap_or_default()
    }

    /// Whether every setting is in its range.
    pub(crate) fn check(&self) -> Result<(), Error> {
        within("leaves", self.leaves >= 2)?;
        within("rate", self.rate > 0.0 && self.rate <= 1.0)?;
        within("max_bins", self.max_bins >= 2)?;
        within("min_rows", self.min_rows >= 1)?;
        within("lambda", self.lambda > 0.0 && self.lambda.is_finite())?;
        within("row_share", self.row_share > 0.0 && self.row_share <= 1.0)?;
        within("feature_share", self.feature_share > 0.0 && self.feature_share <= 1.0)?;
        within("patience", self.patience >= 1)?;
        within("threads", self.threads >= 1)
    }

    fn check_width(&self, width: usize) -> Result<(), Error> {
        within("directions", self.directions.is_empty() || self.directions.len() == width)
    }
}
