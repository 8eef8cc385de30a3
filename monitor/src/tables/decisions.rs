use std::sync::Arc;

use arrow::array::{
    Float64Builder, Int64Builder, ListBuilder, RecordBatch, StringViewBuilder, TimestampMicrosecondBuilder, UInt16Builder,
    UInt32Builder, UInt64Builder,
};
use ingest::log::Position;
use scoring::Decision;

use super::{batch, times};

/// Rows of the table of decisions, as they gather.
#[derive(Debug)]
pub(crate) struct DecisionRows {
    log_position: UInt64Builder,
    event_position: UInt64Builder,
    event_id: StringViewBuilder,
    occurred_at: TimestampMicrosecondBuilder,
    received_at: TimestampMicrosecondBuilder,
    decided_at: TimestampMicrosecondBuilder,
    amount_minor: Int64Builder,
    decision: StringViewBuilder,
    score: UInt16Builder,
    model: StringViewBuilder,
    model_version: UInt32Builder,
    probability: Float64Builder,
    engine_mode: StringViewBuilder,
    review_threshold: UInt16Builder,
    decline_threshold: UInt16Builder,
    features_version: StringViewBuilder,
    vector: ListBuilder<Float64Builder>,
    reasons: StringViewBuilder,
    queue_us: UInt32Builder,
    features_us: UInt32Builder,
    model_us: UInt32Builder,
    policy_us: UInt32Builder,
    total_us: UInt32Builder,
}

impl Default for DecisionRows {
    fn default() -> Self {
        Self {
            log_position: UInt64Builder::new(),
            event_position: UInt64Builder::new(),
            event_id: StringViewBuilder::new(),
            occurred_at: times(),
            received_at: times(),
            decided_at: times(),
            amount_minor: Int64Builder::new(),
            decision: StringViewBuilder::new(),
            score: UInt16Builder::new(),
            model: StringViewBuilder::new(),
            model_version: UInt32Builder::new(),
            probability: Float64Builder::new(),
            engine_mode: StringViewBuilder::new(),
            review_threshold: UInt16Builder::new(),
            decline_threshold: UInt16Builder::new(),
            features_version: StringViewBuilder::new(),
            vector: ListBuilder::new(Float64Builder::new()),
            reasons: StringViewBuilder::new(),
            queue_us: UInt32Builder::new(),
            features_us: UInt32Builder::new(),
            model_us: UInt32Builder::new(),
            policy_us: UInt32Builder::new(),
            total_us: UInt32Builder::new(),
        }
    }
}

impl DecisionRows {
    pub(crate) fn len(&self) -> usize {
        use arrow::array::ArrayBuilder;
        self.log_position.len()
    }

    pub(crate) fn push(&mut self, position: Position, decision: &Decision) {
        let champion = decision.champion.as_ref();
        self.log_position.append_value(position.0);
        self.event_position.append_value(decision.event_position.0);
        self.event_id.append_value(decision.event_id.as_str());
        self.occurred_at.append_value(decision.occurred_at.micros());
        self.received_at.append_value(decision.received_at.micros());
        self.decided_at.append_value(decision.decided_at.micros());
        self.amount_minor.append_option(decision.amount_minor);
        self.decision.append_value(decision.decision.name());
        self.score.append_option(decision.score);
        self.model.append_option(champion.map(|model| &model.name));
        self.model_version.append_option(champion.map(|model| model.version));
        self.probability.append_option(champion.map(|model| model.probability));
        self.engine_mode.append_value(decision.engine_mode.name());
        self.review_threshold.append_value(decision.thresholds.review);
        self.decline_threshold.append_value(decision.thresholds.decline);
        self.features_version.append_value(&decision.features_version);
        // A missing feature is NaN in a vector and NULL in SQL, where NaN would spoil every sum.
        self.vector.append_value(decision.vector.iter().map(|value| (!value.is_nan()).then_some(*value)));
        if decision.reasons.is_empty() {
            self.reasons.append_value("[]");
        } else {
            self.reasons.append_value(serde_json::to_string(&decision.reasons).expect("plain data always has a JSON form"));
        }
        self.queue_us.append_value(decision.timings_us.queue);
        self.features_us.append_value(decision.timings_us.features);
        self.model_us.append_value(decision.timings_us.model);
        self.policy_us.append_value(decision.timings_us.policy);
        self.total_us.append_value(decision.timings_us.total());
    }

    pub(crate) fn finish(&mut self) -> RecordBatch {
        batch([
            ("log_position", Arc::new(self.log_position.finish()), false),
            ("event_position", Arc::new(self.event_position.finish()), false),
            ("event_id", Arc::new(self.event_id.finish()), false),
            ("occurred_at", Arc::new(self.occurred_at.finish()), false),
            ("received_at", Arc::new(self.received_at.finish()), false),
            ("decided_at", Arc::new(self.decided_at.finish()), false),
            ("amount_minor", Arc::new(self.amount_minor.finish()), true),
            ("decision", Arc::new(self.decision.finish()), false),
            ("score", Arc::new(self.score.finish()), true),
            ("model", Arc::new(self.model.finish()), true),
            ("model_version", Arc::new(self.model_version.finish()), true),
            ("probability", Arc::new(self.probability.finish()), true),
            ("engine_mode", Arc::new(self.engine_mode.finish()), false),
            ("review_threshold", Arc::new(self.review_threshold.finish()), false),
            ("decline_threshold", Arc::new(self.decline_threshold.finish()), false),
            ("features_version", Arc::new(self.features_version.finish()), false),
            ("vector", Arc::new(self.vector.finish()), false),
            ("reasons", Arc::new(self.reasons.finish()), false),
            ("queue_us", Arc::new(self.queue_us.finish()), false),
            ("features_us", Arc::new(self.features_us.finish()), false),
            ("model_us", Arc::new(self.model_us.finish()), false),
            ("policy_us", Arc::new(self.policy_us.finish()), false),
            ("total_us", Arc::new(self.total_us.finish()), false),
        ])
    }
}
