use std::sync::Arc;

use arrow::array::{
    Float64Builder, Int64Builder, ListBuilder, RecordBatch, StringBuilder, StringViewBuilder, TimestampMicrosecondBuilder,
    UInt16Builder, UInt32Builder, UInt64Builder,
};
use ingest::EventId;
use ingest::log::Position;
use scoring::rules::{Outcome, RuleHit};
use scoring::{Decision, Degradation, Ground};
use serde::Serialize;

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
    model_role: StringViewBuilder,
    raw_probability: Float64Builder,
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
    ground: StringViewBuilder,
    ground_id: StringViewBuilder,
    degradation: StringViewBuilder,
    /// The ids of the rules that had a say.
    rules_hit: ListBuilder<StringBuilder>,
    /// The ids of the rules that hold and only look on.
    rules_watched: ListBuilder<StringBuilder>,
    rules: StringViewBuilder,
    lists: StringViewBuilder,
    control_version: UInt64Builder,
    supersedes: StringViewBuilder,
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
            model_role: StringViewBuilder::new(),
            raw_probability: Float64Builder::new(),
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
            ground: StringViewBuilder::new(),
            ground_id: StringViewBuilder::new(),
            degradation: StringViewBuilder::new(),
            rules_hit: ListBuilder::new(StringBuilder::new()),
            rules_watched: ListBuilder::new(StringBuilder::new()),
            rules: StringViewBuilder::new(),
            lists: StringViewBuilder::new(),
            control_version: UInt64Builder::new(),
            supersedes: StringViewBuilder::new(),
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
        self.model_role.append_option(champion.map(|model| model.role.name()));
        self.raw_probability.append_option(champion.map(|model| model.raw_probability));
        self.probability.append_option(champion.map(|model| model.probability));
        self.engine_mode.append_value(decision.engine_mode.name());
        self.review_threshold.append_value(decision.thresholds.review);
        self.decline_threshold.append_value(decision.thresholds.decline);
        self.features_version.append_value(&decision.features_version);
        // A missing feature is NaN in a vector and NULL in SQL, where NaN would spoil every sum.
        self.vector.append_value(decision.vector.iter().map(|value| (!value.is_nan()).then_some(*value)));
        append_json(&mut self.reasons, &decision.reasons);
        self.queue_us.append_value(decision.timings_us.queue);
        self.features_us.append_value(decision.timings_us.features);
        self.model_us.append_value(decision.timings_us.model);
        self.policy_us.append_value(decision.timings_us.policy);
        self.total_us.append_value(decision.timings_us.total());
        let (ground, id) = match &decision.ground {
            Ground::Score => ("score", None),
            Ground::Rule(id) => ("rule", Some(id)),
            Ground::List(name) => ("list", Some(name)),
            Ground::OnFailure => ("on_failure", None),
        };
        self.ground.append_value(ground);
        self.ground_id.append_option(id);
        self.degradation.append_option(decision.degradation.map(Degradation::name));
        let watched = |hit: &&RuleHit| hit.shadow && hit.outcome == Outcome::Hit;
        append_ids(&mut self.rules_hit, decision.rules.iter().filter(|hit| hit.is_effective()));
        append_ids(&mut self.rules_watched, decision.rules.iter().filter(watched));
        append_json(&mut self.rules, &decision.rules);
        append_json(&mut self.lists, &decision.lists);
        self.control_version.append_value(decision.control_version.0);
        self.supersedes.append_option(decision.supersedes.as_ref().map(EventId::as_str));
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
            ("model_role", Arc::new(self.model_role.finish()), true),
            ("raw_probability", Arc::new(self.raw_probability.finish()), true),
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
            ("ground", Arc::new(self.ground.finish()), false),
            ("ground_id", Arc::new(self.ground_id.finish()), true),
            ("degradation", Arc::new(self.degradation.finish()), true),
            ("rules_hit", Arc::new(self.rules_hit.finish()), false),
            ("rules_watched", Arc::new(self.rules_watched.finish()), false),
            ("rules", Arc::new(self.rules.finish()), false),
            ("lists", Arc::new(self.lists.finish()), false),
            ("control_version", Arc::new(self.control_version.finish()), false),
            ("supersedes", Arc::new(self.supersedes.finish()), true),
        ])
    }
}

/// A list as JSON; most are empty.
fn append_json(column: &mut StringViewBuilder, items: &[impl Serialize]) {
    match items {
        [] => column.append_value("[]"),
        items => column.append_value(serde_json::to_string(items).expect("plain data always has a JSON form")),
    }
}

fn append_ids<'a>(column: &mut ListBuilder<StringBuilder>, hits: impl Iterator<Item = &'a RuleHit>) {
    hits.for_each(|hit| column.values().append_value(hit.rule_id.as_str()));
    column.append(true);
}
