//! Why a foreign model cannot be read or does not predict as its makers say.

use super::Source;

/// Why a foreign model cannot be read or does not predict as its makers say.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// Of no format that is known here.
    #[error("the file is neither LightGBM text, nor XGBoost JSON or UBJSON, nor ONNX")]
    UnknownFormat,
    /// A file that ends early or contradicts itself.
    #[error("the {format} file is damaged: {what}")]
    Damaged {
        /// Its format.
        format: Source,
        /// What is wrong where.
        what: String,
    },
    /// A tree that is none.
    #[error("node {node} of tree {tree} {what}")]
    Tree {
        /// The tree, from 0.
        tree: usize,
        /// The node as the file numbers it.
        node: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Something whose predictions could not be kept.
    #[error("{what} is not supported ({format})")]
    Unsupported {
        /// The format.
        format: Source,
        /// The objective, booster, option and the like, with its name.
        what: String,
    },
    /// An ONNX operator that is not known here.
    #[error("the operator {operator}{} (node {node}) is not supported", of_domain(domain))]
    Operator {
        /// The operator's type.
        operator: String,
        /// The node's name, or its number in the graph when it has none.
        node: String,
        /// The operator's domain; empty for ONNX's own.
        domain: String,
    },
    /// More nodes than a model may have.
    #[error("the model needs more than {most} nodes: a tree with many splits on categories grows with each of them")]
    TooLarge {
        /// How many it may have.
        most: usize,
    },
    /// What was read cannot be run.
    #[error(transparent)]
    Invalid(#[from] scoring::model::Invalid),
    /// The rows with known predictions cannot be read.
    #[error("the known predictions cannot be read: {what}")]
    GoldenRows {
        /// What is wrong where.
        what: String,
    },
    /// Something is said that only a network has open.
    #[error("the file is no neural network: what a missing value counts as and what its output is stand in it")]
    NoNetwork,
    /// Something is said of a feature that there is not.
    #[error("the model does not read {feature}, so that it cannot be missing")]
    NoFeature {
        /// Its name.
        feature: String,
    },
    /// A value is missing of which nothing is said.
    #[error("row {row} of the known predictions lacks {feature}, and nothing says what a missing value counts as")]
    Missing {
        /// The row, from 1, not counting the header.
        row: usize,
        /// The feature.
        feature: String,
    },
    /// A network shall deal with a missing value, and nothing shows that it does.
    #[error("no row of the known predictions lacks {feature}, so that nothing shows what the network makes of it")]
    Unseen {
        /// The feature.
        feature: String,
    },
    /// A network fails, or what it gives is no probability.
    #[error("row {row} of the known predictions gives no number from 0 to 1; perhaps the network gives log-odds")]
    NoProbability {
        /// The row, from 1, not counting the header.
        row: usize,
    },
    /// A prediction is not the known one.
    #[error("row {row} of the known predictions gives {found} and not {expected}")]
    Differs {
        /// The row, from 1, not counting the header.
        row: usize,
        /// The known prediction.
        expected: f64,
        /// Ours.
        found: f64,
    },
}

fn of_domain(domain: &str) -> String {
    if domain.is_empty() { String::new() } else { format!(" of {domain}") }
}
