//! ONNX, as far as it is trees or a linear model: what leads from the inputs to the probability is followed node by node, and an
//! operator that is not known is refused by its name. What only leads to other outputs, such as the label, is not looked at.
//!
//! The probability is that of the second class, or the only number that comes out. Where the standard leaves open how scores of two
//! classes come about, ONNX Runtime's way counts.

mod column;
mod ensemble;
mod graph;
mod linear;
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
    let (score, mut features) = graph::follow(graph)?;
    let (model, has_cover) = score.finish()?;
    if let Some(entry) = file.metadata_props.iter().find(|entry| entry.key == FEATURES) {
        let names: Vec<String> = serde_json::from_str(&entry.value).map_err(|error| FORMAT.damaged(error.to_string()))?;
        if names.len() != features.len() {
            return Err(FORMAT.damaged(format!("it has {} names for {} features", names.len(), features.len())));
        }
        features = names;
    }
    Ok(Imported { source: FORMAT, features, model, has_cover })
}
