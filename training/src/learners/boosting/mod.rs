//! Gradient boosting: trees that each lower the log-loss of those before them, grown from sums over bins, always at the leaf
//! that gains most (Ke and others, "LightGBM", 2017). Sums are taken in the order of the rows, so equal rows give equal trees,
//! to the bit. Nothing here is random.

mod bins;
mod grow;
#[cfg(test)]
mod tests;

use scoring::model::sigmoid;
use scoring::model::trees::{Combine, Trees};

use self::bins::Binned;
use self::grow::{Grower, Slope};
use super::{Error, require_both_labels};
use crate::matrix::Matrix;

/// How much is learned, and how cautiously.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// How many trees, at most: growing ends when no split gains anything.
    pub trees: usize,
    /// How many leaves a tree has, at most; 2 or more.
    pub leaves: usize,
    /// How much of each step is taken; above 0, at most 1.
    pub rate: f64,
    /// How many bins a feature is cut into, at most, not counting the missing values; 2 or more.
    pub max_bins: u16,
    /// How many rows a leaf has, at least; 1 or more.
    pub min_rows: u32,
    /// The L2 penalty on the value of a leaf, in units of hessian (a row at even odds has a quarter); above 0.
    pub lambda: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { trees: 100, leaves: 16, rate: 0.1, max_bins: 1024, min_rows: 20, lambda: 1.0 }
    }
}

/// Learns trees whose sum is the log-odds of bad. A missing value goes where it helps most, or, where training saw none missing,
/// with the majority.
pub fn fit(matrix: &Matrix, settings: &Settings) -> Result<Trees, Error> {
    settings.check()?;
    require_both_labels(matrix)?;
    Ok(grow(matrix, settings).0)
}

/// The trees, and the log-odds that they give each row.
fn grow(matrix: &Matrix, settings: &Settings) -> (Trees, Vec<f64>) {
    let columns: Vec<Binned> = matrix.columns().iter().map(|column| Binned::new(column, settings.max_bins)).collect();
    let bad = matrix.bad() as f64;
    let base = (bad / (matrix.rows() as f64 - bad)).ln();
    let mut trees = Trees { width: matrix.width(), combine: Combine::LogisticSum, base, roots: Vec::new(), nodes: Vec::new() };
    let mut grower = Grower::new(&columns, settings, matrix.rows());
    let mut margins = vec![base; matrix.rows()];
    for _ in 0..settings.trees {
        let slopes: Vec<Slope> = margins.iter().zip(matrix.labels()).map(|(&margin, &bad)| slope(margin, bad)).collect();
        let root = trees.nodes.len() as u32;
        if !grower.tree(&slopes, &mut trees.nodes, &mut margins) {
            break;
        }
        trees.roots.push(root);
    }
    trees.sum_up();
    (trees, margins)
}

/// The first and the second derivative of a row's log-loss at its margin.
fn slope(margin: f64, bad: bool) -> Slope {
    let probability = sigmoid(margin);
    Slope { gradient: probability - f64::from(u8::from(bad)), hessian: probability * (1.0 - probability) }
}

impl Settings {
    fn check(&self) -> Result<(), Error> {
        let within = |name, good: bool| if good { Ok(()) } else { Err(Error::Setting { learner: "boosting", name }) };
        within("leaves", self.leaves >= 2)?;
        within("rate", self.rate > 0.0 && self.rate <= 1.0)?;
        within("max_bins", self.max_bins >= 2)?;
        within("min_rows", self.min_rows >= 1)?;
        within("lambda", self.lambda > 0.0 && self.lambda.is_finite())
    }
}
