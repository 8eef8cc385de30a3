//! What the API says: the shapes of its answers, apart from the records that the log keeps.

use std::collections::BTreeMap;

use features::definition::Unit;
use ingest::log::Position;
use ingest::{Currency, Label, Timestamp};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::control::Role;
use crate::decision::{Decision, Degradation, EngineMode, FeatureState, Ground, Reason, Thresholds, TimingsUs, Verdict};
use crate::engine::{History, Scored, Status};
use crate::lists;
use crate::pipeline::Pipeline;
use crate::rules::{Evidence, RuleHit, RuleReason, Seen};

/// The answer to `POST /v1/score`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ScoreAnswer {
    decision_id: String,
    event_id: String,
    status: Status,
    decision: Verdict,
    score: Option<u16>,
    risk_level: RiskLevel,
    model: Option<ModelAnswer>,
    /// What had the last word.
    decided_by: Ground,
    reasons: Vec<Reason>,
    rules: Vec<RuleAnswer>,
    lists: Vec<lists::Match>,
    thresholds: Thresholds,
    engine: EngineAnswer,
    features: FeatureState,
    versions: Versions,
}

/// A rule that hit, would have hit, or failed.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct RuleAnswer {
    rule_id: String,
    version: u32,
    outcome: &'static str,
    /// Whether it is asked for the record alone.
    shadow: bool,
    action: Option<Verdict>,
    score_modifier: i16,
    reason: Option<RuleReason>,
    /// What the rule saw, by name; keys of entities are masked.
    #[schema(value_type = BTreeMap<String, serde_json::Value>)]
    evidence: Shown,
}

/// Evidence as it is shown: names and values, without the keys of entities.
#[derive(Clone, Debug)]
struct Shown(Vec<Evidence>);

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for Evidence { name, value } in &self.0 {
            match value {
                Seen::Missing => map.serialize_entry(name, &()),
                Seen::Flag(flag) => map.serialize_entry(name, flag),
                Seen::Whole(whole) => map.serialize_entry(name, whole),
                Seen::Number(number) => map.serialize_entry(name, number),
                Seen::Time(time) => map.serialize_entry(name, time),
                Seen::Text(text) => map.serialize_entry(name, text),
                Seen::Key(_) => map.serialize_entry(name, Seen::MASK),
            }?;
        }
        map.end()
    }
}

impl RuleAnswer {
    fn of(hit: RuleHit) -> Self {
        Self {
            rule_id: hit.rule_id.to_string(),
            version: hit.version,
            outcome: hit.outcome.name(),
            shadow: hit.shadow,
            action: hit.action,
            score_modifier: hit.score_modifier.get(),
            reason: hit.reason,
            evidence: Shown(hit.evidence),
        }
    }
}

/// How a score lies to the thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum RiskLevel {
    /// More than 200 points below review.
    Low,
    /// Up to 200 points below review.
    Medium,
    /// Reviewed.
    High,
    /// Declined.
    Critical,
    /// No model scored it.
    Unknown,
}

impl RiskLevel {
    const fn of(score: Option<u16>, thresholds: Thresholds) -> Self {
        match score {
            None => Self::Unknown,
            Some(score) if score >= thresholds.decline => Self::Critical,
            Some(score) if score >= thresholds.review => Self::High,
            Some(score) if score + 200 >= thresholds.review => Self::Medium,
            Some(_) => Self::Low,
        }
    }
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ModelAnswer {
    name: String,
    version: String,
    role: Role,
    /// What the model itself says, before calibration.
    raw_probability: f64,
    probability: f64,
}

impl ModelAnswer {
    pub(super) fn of(decision: &Decision) -> Option<Self> {
        let champion = decision.champion.as_ref()?;
        let (name, version) = (champion.name.clone(), champion.version.to_string());
        let (raw_probability, probability) = (champion.raw_probability, champion.probability);
        Some(Self { name, version, role: champion.role, raw_probability, probability })
    }
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct EngineAnswer {
    mode: EngineMode,
    /// Why no model scored, where none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Degradation>,
    timings_us: AnswerTimings,
}

impl EngineAnswer {
    pub(super) fn of(decision: &Decision, commit_us: u32) -> Self {
        Self {
            mode: decision.engine_mode,
            cause: decision.degradation,
            timings_us: AnswerTimings { stages: decision.timings_us, commit: commit_us },
        }
    }
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct AnswerTimings {
    #[serde(flatten)]
    stages: TimingsUs,
    commit: u32,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Versions {
    features: String,
    /// The position in the log up to which changes of models, rules, lists and thresholds were known.
    #[schema(value_type = u64)]
    control: Position,
}

impl Versions {
    pub(super) fn of(decision: &Decision) -> Self {
        Self { features: decision.features_version.clone(), control: decision.control_version }
    }
}

pub(super) fn decision_id(decision: &Decision) -> String {
    format!("dec_{}", decision.event_position)
}

/// Where the event lies that a decision of this id is about, if it is an id of decisions.
pub(super) fn position_of(decision_id: &str) -> Option<Position> {
    let number = decision_id.strip_prefix("dec_")?;
    number.parse().ok().filter(|position: &u64| position.to_string() == number).map(Position)
}

impl ScoreAnswer {
    /// Of a decision as the log keeps it, for who reads decisions and asks for none.
    pub fn published(decision: Decision) -> Self {
        let status = if decision.supersedes.is_some() { Status::Superseding } else { Status::New };
        Self::new(Scored { status, decision, commit_us: 0 })
    }

    /// Of a decision that is durable.
    pub fn new(scored: Scored) -> Self {
        let Scored { status, decision, commit_us } = scored;
        let (engine, versions) = (EngineAnswer::of(&decision, commit_us), Versions::of(&decision));
        Self {
            decision_id: decision_id(&decision),
            event_id: decision.event_id.to_string(),
            status,
            decision: decision.decision,
            score: decision.score,
            risk_level: RiskLevel::of(decision.score, decision.thresholds),
            model: ModelAnswer::of(&decision),
            decided_by: decision.ground,
            reasons: decision.reasons,
            rules: decision.rules.into_iter().map(RuleAnswer::of).collect(),
            lists: decision.lists,
            thresholds: decision.thresholds,
            engine,
            features: decision.feature_state,
            versions,
        }
    }
}

/// The answer to `GET /v1/decisions/{event_id}`: everything that was recorded.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DecisionPage {
    decision_id: String,
    event_id: String,
    #[schema(value_type = String, format = DateTime)]
    occurred_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    received_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    decided_at: Timestamp,
    amount_minor: Option<i64>,
    #[schema(value_type = Option<String>)]
    currency: Option<Currency>,
    #[schema(value_type = BTreeMap<String, String>)]
    entities: BTreeMap<String, Box<str>>,
    attributes: BTreeMap<String, String>,
    decision: Verdict,
    score: Option<u16>,
    risk_level: RiskLevel,
    model: Option<ModelAnswer>,
    thresholds: Thresholds,
    features: Vec<FeatureAnswer>,
    /// What `minor_units` of features are taken for: the currency of the pipeline, whatever the event is in.
    #[schema(value_type = String)]
    features_currency: Currency,
    features_version: String,
    feature_state: FeatureState,
    decided_by: Ground,
    reasons: Vec<Reason>,
    rules: Vec<RuleAnswer>,
    lists: Vec<lists::Match>,
    supersedes: Option<String>,
    #[schema(value_type = u64)]
    control_version: Position,
    engine_mode: EngineMode,
    cause: Option<Degradation>,
    timings_us: TimingsUs,
    #[schema(value_type = Option<Object>)]
    label: Option<Label>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct FeatureAnswer {
    name: String,
    value: Option<f64>,
    /// What the value is in, where its definition says: `minor_units`, `events`, `values`, `seconds`, `share`, `bits`, `kilometres_an_hour`, `deviations`, `times` or `flag`;
    /// `null` where only who declared an attribute knows.
    #[schema(value_type = Option<String>)]
    unit: Option<&'static str>,
}

impl DecisionPage {
    /// The features are named, with their units, by the pipeline's plan where the decision was made under it, and numbered where under another.
    pub fn new(history: History, pipeline: &Pipeline) -> Self {
        let History { event, decision, label } = history;
        let (plan, schema) = (&pipeline.plan, &pipeline.schema);
        let same = decision.features_version == plan.version();
        let name = |feature: usize| match plan.definitions().get(feature) {
            Some(definition) if same => definition.name.clone(),
            _ => format!("feature {feature} of {}", decision.features_version),
        };
        let value = |value: f64| (!value.is_nan()).then_some(value);
        let unit = |feature: usize| {
            let definition = plan.definitions().get(feature).filter(|_| same)?;
            definition.unit(plan.definitions()).map(Unit::name)
        };
        let features = (decision.vector.iter().enumerate())
            .map(|(feature, number)| FeatureAnswer { name: name(feature), value: value(*number), unit: unit(feature) })
            .collect();
        Self {
            decision_id: decision_id(&decision),
            event_id: decision.event_id.to_string(),
            occurred_at: decision.occurred_at,
            received_at: decision.received_at,
            decided_at: decision.decided_at,
            amount_minor: decision.amount_minor,
            currency: event.amount.map(ingest::Amount::currency),
            entities: (schema.entities.iter().zip(event.entities))
                .filter_map(|(entity, key)| Some((entity.name.clone(), key?)))
                .collect(),
            attributes: (schema.attributes.iter().zip(event.attributes))
                .filter_map(|(attribute, value)| Some((attribute.name.clone(), value?.to_string())))
                .collect(),
            decision: decision.decision,
            score: decision.score,
            risk_level: RiskLevel::of(decision.score, decision.thresholds),
            model: ModelAnswer::of(&decision),
            thresholds: decision.thresholds,
            features,
            features_currency: schema.default_currency,
            features_version: decision.features_version,
            feature_state: decision.feature_state,
            decided_by: decision.ground,
            reasons: decision.reasons,
            rules: decision.rules.into_iter().map(RuleAnswer::of).collect(),
            lists: decision.lists,
            supersedes: decision.supersedes.map(|id| id.to_string()),
            control_version: decision.control_version,
            engine_mode: decision.engine_mode,
            cause: decision.degradation,
            timings_us: decision.timings_us,
            label,
        }
    }
}
