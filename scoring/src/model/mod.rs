//! Models as scoring runs them: trees flattened into one array, linear models and neural networks, all plain data, all pure functions
//! from a feature vector to a probability. Training makes them or others do; nothing here learns.

pub mod calibration;
mod compact;
pub mod compiled;
pub mod linear;
pub mod network;
pub mod preparation;
pub mod reasons;
pub mod runnable;
pub mod scale;
pub mod scorecard;
pub mod scorer;
pub mod trees;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use calibration::Calibration;
pub use compiled::CompiledTrees;
pub use linear::Linear;
pub use network::Network;
pub use preparation::Preparation;
pub use reasons::Reasons;
pub use runnable::Runnable;
pub use scale::Scale;
pub use scorecard::Scorecard;
pub use scorer::Scorer;
pub use trees::{Node, Trees};

/// So many rows are taken out of columns at once.
const BLOCK_ROWS: usize = 256;
/// For so many rows trees are made ready first: it takes as long as walking some thousand.
const COMPILED_FROM_ROWS: usize = 4_000;

/// A model that has been trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Model {
    /// A weighted sum of the features.
    Linear(Linear),
    /// A sum or mean of trees.
    Trees(Trees),
    /// A neural network.
    Network(Network),
}

impl Model {
    /// How many features it reads.
    pub fn width(&self) -> usize {
        match self {
            Self::Linear(linear) => linear.weights.len(),
            Self::Trees(trees) => trees.width,
            Self::Network(network) => network.width(),
        }
    }

    /// Whether the model can be run at all: one that comes from outside is checked once, before it serves.
    pub fn check(&self) -> Result<(), Invalid> {
        match self {
            Self::Linear(linear) => linear.check(),
            Self::Trees(trees) => trees.check(),
            Self::Network(network) => network.check(),
        }
    }

    /// The probability, 0 to 1, that the event is bad. `values` has one number a feature, NaN where one is missing. NaN where a network
    /// gives no such number.
    pub fn probability(&self, values: &[f64]) -> f64 {
        match self {
            Self::Linear(linear) => sigmoid(linear.margin(values)),
            Self::Trees(trees) => trees.probability(values),
            Self::Network(network) => network.probability(values),
        }
    }

    /// The probability of each row of some columns, one a feature: the very numbers of [`probability`](Self::probability), sooner.
    pub fn probabilities(&self, columns: &[Vec<f64>]) -> Vec<f64> {
        let rows = columns.first().map_or(0, Vec::len);
        let mut probabilities = Vec::with_capacity(rows);
        match self {
            Self::Trees(trees) if rows >= COMPILED_FROM_ROWS => {
                let compiled = CompiledTrees::new(trees, usize::from);
                by_rows(columns, |values| probabilities.push(compiled.probability(values)));
            }
            _ => by_rows(columns, |values| probabilities.push(self.probability(values))),
        }
        probabilities
    }

    /// Whether contributions add up to the output, on the scale of log-odds bad : good. Those of a network need not add up.
    pub fn adds_log_odds(&self) -> bool {
        match self {
            Self::Linear(_) => true,
            Self::Trees(trees) => trees.combine == trees::Combine::LogisticSum,
            Self::Network(_) => false,
        }
    }

    /// What each feature adds to the model's output, on the scale that it adds up on (log-odds; probability for a mean of trees; the binary
    /// logarithm of the strangeness for an isolation forest): contributions and the expected output sum to the output,
    /// but for a network, whose are those of [`Network::contributions`].
    pub fn contributions(&self, values: &[f64]) -> Vec<f64> {
        match self {
            Self::Linear(linear) => linear.contributions(values),
            Self::Trees(trees) => reasons::tree_contributions(trees, values),
            Self::Network(network) => network.contributions(values),
        }
    }

    /// The output that contributions start from: the mean over the training rows for trees, the output at the mean of every
    /// feature for a linear model, and where every feature is usual for a network.
    pub fn expected_output(&self) -> f64 {
        match self {
            Self::Linear(linear) => linear.intercept,
            Self::Trees(trees) => trees.expected_output(),
            Self::Network(network) => network.expected_output(),
        }
    }
}

/// Hands over row after row of some columns, block by block, as columns lie far apart.
fn by_rows(columns: &[Vec<f64>], mut each: impl FnMut(&[f64])) {
    let rows = columns.first().map_or(0, Vec::len);
    let mut block = vec![0.0; BLOCK_ROWS * columns.len()];
    for from in (0..rows).step_by(BLOCK_ROWS) {
        let to = rows.min(from + BLOCK_ROWS);
        for (place, column) in columns.iter().enumerate() {
            let cells = block[place..].iter_mut().step_by(columns.len());
            cells.zip(&column[from..to]).for_each(|(cell, value)| *cell = *value);
        }
        block.chunks_exact(columns.len()).take(to - from).for_each(&mut each);
    }
}

/// Why a model cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// A number that is NaN, infinite, or a deviation of zero or less.
    #[error("{what} of the model is not a usable number")]
    Number {
        /// Which.
        what: &'static str,
    },
    /// A linear model whose parts differ in length.
    #[error("the model has {weights} weights, {means} means and {deviations} deviations")]
    Lengths {
        /// How many weights.
        weights: usize,
        /// How many means.
        means: usize,
        /// How many deviations.
        deviations: usize,
    },
    /// A preparation that makes another number of columns than the model reads.
    #[error("the preparation makes {made} columns, the model reads {width}")]
    Prepared {
        /// How many are made.
        made: usize,
        /// How many are read.
        width: usize,
    },
    /// Bins that do not fit between their ends.
    #[error("the preparation of the model has {bins} bins with {ends} ends between them")]
    Bins {
        /// How many bins.
        bins: usize,
        /// How many ends.
        ends: usize,
    },
    /// Words that are other than one a bin.
    #[error("the preparation of the model has {bins} bins for {words} words")]
    Words {
        /// How many bins.
        bins: usize,
        /// How many words.
        words: usize,
    },
    /// A network that cannot be made ready.
    #[error("the neural network cannot be run: {what}")]
    Network {
        /// Why not; it names what it cannot do.
        what: String,
    },
    /// A mean of no trees.
    #[error("the model is a mean of no trees")]
    NoTrees,
    /// A node of a tree.
    #[error("node {index} of the model {what}")]
    Node {
        /// Where it lies.
        index: u32,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// The logistic function.
pub fn sigmoid(margin: f64) -> f64 {
    1.0 / (1.0 + (-margin).exp())
}

/// The score at odds of one bad event in a hundred.
const SCORE_AT_ANCHOR: f64 = 500.0;
/// Odds bad : good at the anchor.
const ANCHOR_ODDS: f64 = 0.01;
/// Points that double the odds.
const POINTS_TO_DOUBLE: f64 = 60.0;

/// The score of a probability, 0 to 1000: 500 at odds of 1 : 100, 60 points more for every doubling of the odds, so 700 is about
/// 9 % and 900 about 50 %. Points = offset + factor x ln(odds) with factor = points to double the odds / ln 2.
pub fn score(probability: f64) -> u16 {
    let odds = probability / (1.0 - probability);
    let points = SCORE_AT_ANCHOR + POINTS_TO_DOUBLE * (odds / ANCHOR_ODDS).log2();
    points.round().clamp(0.0, 1000.0) as u16
}

/// The lowest probability that scores so many points.
pub fn probability_at(points: u16) -> f64 {
    let odds = ANCHOR_ODDS * ((f64::from(points) - 0.5 - SCORE_AT_ANCHOR) / POINTS_TO_DOUBLE).exp2();
    let mut probability = odds / (1.0 + odds);
    while score(probability) < points {
        probability = probability.next_up();
    }
    probability
}
