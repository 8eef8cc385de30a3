//! ONNX. Trees and linear models are read into our own layout: what leads from the inputs to the probability is followed node by node,
//! and an operator that is not known is refused by its name. What only leads to other outputs, such as the label, is not looked at.
//! A neural network is kept as the file that it is.
//!
//! The probability is that of the second class, or the only number that comes out. Where the standard leaves open how scores of two
//! classes come about, ONNX Runtime's way counts.

mod column;
mod ensemble;
mod graph;
mod linear;
mod network;
mod operator;
pub(crate) mod proto;
mod score;
#[cfg(test)]
mod tests;
mod trees;

use prost::Message;

use super::{Error, Imported, Source, numbered};

const FORMAT: Source = Source::Onnx;

/// The remark under which our own export keeps the names of the features, a JSON list.
pub(crate) const FEATURES: &str = "riskflow.features";

pub(super) fn read(bytes: &[u8]) -> Result<Imported, Error> {
    let file = proto::Model::decode(bytes).map_err(|error| FORMAT.damaged(error.to_string()))?;
    let graph = file.graph.as_ref().ok_or_else(|| FORMAT.damaged("it has no graph"))?;
    let own = graph::follow(graph).and_then(|(score, features)| Ok((score.finish()?, features)));
    let ((scorer, has_cover), mut features) = match own {
        Err(_) if network::is_one(graph) => {
            let (scorer, features) = network::read(bytes, graph)?;
            ((scorer, false), features)
        }
        own => own?,
    };
    if let Some(entry) = file.metadata_props.iter().find(|entry| entry.key == FEATURES) {
        let names: Vec<String> = serde_json::from_str(&entry.value).map_err(|error| FORMAT.damaged(error.to_string()))?;
        if names.len() != features.len() {
            return Err(FORMAT.damaged(format!("it has {} names for {} features", names.len(), features.len())));
        }
        features = names;
    }
    Ok(Imported { source: FORMAT, features, scorer, has_cover })
}
