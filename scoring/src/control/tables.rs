//! What the pipeline file says beside rules and policy that shows in decisions: which lists there are, and how features are put into
//! words. The log keeps it, so that a decision is made again by the tables that held then.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::lists::{Declared, Key, Kind};
use crate::pipeline::Pipeline;
use crate::policy::ReasonLine;

/// The lists and the reasons of a pipeline file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tables {
    /// The lists, in their order.
    #[serde(with = "super::json_texts")]
    pub lists: Vec<ListLine>,
    /// The code and the sentence of every feature.
    #[serde(with = "super::json_texts")]
    pub reasons: Vec<ReasonLine>,
}

/// A list as a pipeline file declares it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListLine {
    name: String,
    kind: Kind,
    of: String,
}

impl Tables {
    /// What a pipeline says.
    pub fn of(pipeline: &Pipeline) -> Self {
        let line = |list: &Declared| ListLine { name: list.name.clone(), kind: list.kind, of: list.of.clone() };
        Self { lists: pipeline.lists.iter().map(line).collect(), reasons: pipeline.reasons.lines() }
    }

    /// The pipeline with these tables instead of its own. A list that looks at what events no longer have is left out, and so is what was said of
    /// features that there are no more.
    pub fn within(&self, pipeline: &Arc<Pipeline>) -> Arc<Pipeline> {
        if *self == Self::of(pipeline) {
            return Arc::clone(pipeline);
        }
        let list = |ListLine { name, kind, of }: &ListLine| {
            let key = Key::named(of, &pipeline.schema)?;
            Some(Declared { name: name.clone(), kind: *kind, of: of.clone(), key })
        };
        let lists = self.lists.iter().filter_map(list).collect();
        let reasons = pipeline.reasons.with(&self.reasons);
        Arc::new(Pipeline { lists, reasons, ..Pipeline::clone(pipeline) })
    }
}
