use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, BooleanBuilder, Float64Builder, RecordBatch, StringViewBuilder, TimestampMicrosecondBuilder, UInt16Builder,
    UInt32Builder, UInt64Builder,
};
use ingest::log::Position;
use ingest::{EventId, Timestamp};
use scoring::engine::ShadowScores;
use scoring::{Decision, ModelScore, model};

use super::{batch, times};

/// Rows of the table of scores, as they gather: what each model said of an event, whether it decided or looked on.
#[derive(Debug)]
pub(crate) struct ScoreRows {
    log_position: UInt64Builder,
    event_position: UInt64Builder,
    event_id: StringViewBuilder,
    occurred_at: TimestampMicrosecondBuilder,
    model: StringViewBuilder,
    model_version: UInt32Builder,
    role: StringViewBuilder,
    decided: BooleanBuilder,
    raw_probability: Float64Builder,
    probability: Float64Builder,
    score: UInt16Builder,
    features_version: StringViewBuilder,
}

/// The event that was scored.
struct Scored<'a> {
    position: Position,
    event_position: Position,
    event_id: &'a EventId,
    occurred_at: Timestamp,
    /// Known where the decision is.
    features_version: Option<&'a str>,
    decided: bool,
}

impl Default for ScoreRows {
    fn default() -> Self {
        Self {
            log_position: UInt64Builder::new(),
            event_position: UInt64Builder::new(),
            event_id: StringViewBuilder::new(),
            occurred_at: times(),
            model: StringViewBuilder::new(),
            model_version: UInt32Builder::new(),
            role: StringViewBuilder::new(),
            decided: BooleanBuilder::new(),
            raw_probability: Float64Builder::new(),
            probability: Float64Builder::new(),
            score: UInt16Builder::new(),
            features_version: StringViewBuilder::new(),
        }
    }
}

impl ScoreRows {
    pub(crate) fn len(&self) -> usize {
        self.log_position.len()
    }

    /// The model that decided, where one did.
    pub(crate) fn push_decision(&mut self, position: Position, decision: &Decision) {
        let scored = Scored {
            position,
            event_position: decision.event_position,
            event_id: &decision.event_id,
            occurred_at: decision.occurred_at,
            features_version: Some(&decision.features_version),
            decided: true,
        };
        decision.champion.iter().for_each(|said| self.push(&scored, said));
    }

    /// The models that looked on.
    pub(crate) fn push_shadow(&mut self, position: Position, shadow: &ShadowScores) {
        let scored = Scored {
            position,
            event_position: shadow.event_position,
            event_id: &shadow.event_id,
            occurred_at: shadow.occurred_at,
            features_version: None,
            decided: false,
        };
        shadow.scores.iter().for_each(|said| self.push(&scored, said));
    }

    fn push(&mut self, scored: &Scored<'_>, said: &ModelScore) {
        self.log_position.append_value(scored.position.0);
        self.event_position.append_value(scored.event_position.0);
        self.event_id.append_value(scored.event_id.as_str());
        self.occurred_at.append_value(scored.occurred_at.micros());
        self.model.append_value(&said.name);
        self.model_version.append_value(said.version);
        self.role.append_value(said.role.name());
        self.decided.append_value(scored.decided);
        self.raw_probability.append_value(said.raw_probability);
        self.probability.append_value(said.probability);
        // Before rules add to it, so that models compare.
        self.score.append_value(model::score(said.probability));
        self.features_version.append_option(scored.features_version);
    }

    pub(crate) fn finish(&mut self) -> RecordBatch {
        batch([
            ("log_position", Arc::new(self.log_position.finish()), false),
            ("event_position", Arc::new(self.event_position.finish()), false),
            ("event_id", Arc::new(self.event_id.finish()), false),
            ("occurred_at", Arc::new(self.occurred_at.finish()), false),
            ("model", Arc::new(self.model.finish()), false),
            ("model_version", Arc::new(self.model_version.finish()), false),
            ("role", Arc::new(self.role.finish()), false),
            ("decided", Arc::new(self.decided.finish()), false),
            ("raw_probability", Arc::new(self.raw_probability.finish()), false),
            ("probability", Arc::new(self.probability.finish()), false),
            ("score", Arc::new(self.score.finish()), false),
            ("features_version", Arc::new(self.features_version.finish()), true),
        ])
    }
}
