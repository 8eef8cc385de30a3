//! A graph that is neither trees nor a linear model and may be a neural network: it is kept as it is.

use scoring::model::Network;
use scoring::{Model, Scorer};

use super::graph::{ML, given, needed, probability};
use super::proto::Graph;
use crate::import::Error;

/// What neural networks multiply by.
const PRODUCTS: [&str; 2] = ["Gemm", "MatMul"];
/// What may be done to features or scores beside it. Other operators of this domain are models.
const BESIDE: [&str; 7] = ["ArrayFeatureExtractor", "Imputer", "LabelEncoder", "Normalizer", "OneHotEncoder", "Scaler", "ZipMap"];

/// Whether the graph is that of a network, as far as its operators tell.
pub(super) fn is_one(graph: &Graph) -> bool {
    let Ok(output) = probability(graph) else { return false };
    let needed = needed(graph, output);
    let mut nodes = graph.node.iter().filter(|node| node.output.iter().any(|name| needed.contains(&**name)));
    nodes.clone().any(|node| node.domain != ML && PRODUCTS.contains(&&*node.op_type))
        && nodes.all(|node| node.domain != ML || BESIDE.contains(&&*node.op_type))
}

/// The network and the names of its features.
pub(super) fn read(bytes: &[u8], graph: &Graph) -> Result<(Scorer, Vec<String>), Error> {
    let mut output = probability(graph)?;
    // Probabilities by their label are those before, which are tensors.
    if let Some(zip) = graph.node.iter().find(|node| node.op_type == "ZipMap" && node.output.iter().any(|name| name == output)) {
        output = zip.input.first().map_or(output, String::as_str);
    }
    let (_, features) = given(graph, &needed(graph, output))?;
    let network = Network::new(bytes.to_vec(), output.to_owned(), features.len());
    Ok((Scorer::plain(Model::Network(network)), features))
}
