//! The decision record: what was decided about an event, by what, from which numbers. It is complete: with the artifacts that it
//! names, the decision can be made again bit for bit.

mod old;
#[cfg(test)]
mod tests;

use std::fmt;

use features::{Placement, Plan};
use ingest::log::Position;
use ingest::log::record::{RecordError, check_version, decode, decode_first, encode};
use ingest::{EventId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::control::Role;
use crate::lists;
use crate::rules::RuleHit;

/// Version 2 added `feature_state` at the end; version 3 all that a decision rests on beside its score.
const DECISION_VERSION: u8 = 3;

/// What to do with the event. Precedence rises downward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub enum Verdict {
    /// Let it pass.
    Approve,
    /// Ask its author for more proof.
    Challenge,
    /// Have a person look at it.
    Review,
    /// Refuse it.
    Decline,
}

impl Verdict {
    /// All of them, in order of precedence.
    pub const ALL: [Self; 4] = [Self::Approve, Self::Challenge, Self::Review, Self::Decline];

    /// Its word in the API, in pipeline files and in the warehouse.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Challenge => "challenge",
            Self::Review => "review",
            Self::Decline => "decline",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether everything that decides was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub enum EngineMode {
    /// A model scored.
    Normal,
    /// No model could; lists, rules and the operator's `on_failure` decided.
    Degraded,
}

impl EngineMode {
    /// Its word in the API, in metrics and in the warehouse.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Degraded => "degraded",
        }
    }
}

/// Why no model scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub enum Degradation {
    /// None was loaded.
    NoModel,
    /// It gave no number from 0 to 1.
    NoNumber,
    /// Too much time had passed since the event came in.
    OutOfTime,
}

impl Degradation {
    /// Its word in the API and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoModel => "no_model",
            Self::NoNumber => "no_number",
            Self::OutOfTime => "out_of_time",
        }
    }
}

/// What had the last word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub enum Ground {
    /// The score, by its thresholds.
    Score,
    /// A rule, by its id.
    Rule(String),
    /// A list, by its name.
    List(String),
    /// What the operator wants where no model scored.
    OnFailure,
}

/// Which reasons are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub enum Reasons {
    /// The four strongest that raised the score, where it is reviewed or declined.
    #[default]
    Needed,
    /// None.
    None,
    /// The four strongest that raised the score.
    Top,
    /// Every feature's part, the strongest first.
    All,
}

/// What a model said of an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelScore {
    /// The model's name.
    pub name: String,
    /// Its version in the registry.
    pub version: u32,
    /// What it is for.
    pub role: Role,
    /// What the model itself says, before calibration, 0 to 1; equal to `probability` where it was not kept.
    pub raw_probability: f64,
    /// The probability that the event is bad, 0 to 1.
    pub probability: f64,
}

/// Why a score is what it is: one feature's part in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Reason {
    /// The code that the pipeline file gives it.
    pub code: String,
    /// A sentence for a person.
    pub text: String,
    /// The feature.
    pub feature: String,
    /// Its value, `None` where it was missing.
    pub value: Option<f64>,
    /// What it usually is: the mean over the rows that the model learned from, where that is known.
    pub usual: Option<f64>,
    /// What it added to the model's output, on the model's own scale.
    pub contribution: f64,
}

/// How long each stage took, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct TimingsUs {
    /// Waiting for the engine.
    pub queue: u32,
    /// Computing the features.
    pub features: u32,
    /// Running the models.
    pub model: u32,
    /// Applying the policy and finding the reasons.
    pub policy: u32,
}

impl TimingsUs {
    /// The stages by their names, in the order of time.
    pub const fn named(&self) -> [(&'static str, u32); 4] {
        [("queue", self.queue), ("features", self.features), ("model", self.model), ("policy", self.policy)]
    }

    /// From the door to the decision, before the wait for durability.
    pub const fn total(&self) -> u32 {
        self.queue.saturating_add(self.features).saturating_add(self.model).saturating_add(self.policy)
    }
}

/// What was decided about an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The event.
    pub event_id: EventId,
    /// Where the event lies in the log.
    pub event_position: Position,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When it came through the door.
    pub received_at: Timestamp,
    /// When this was decided.
    pub decided_at: Timestamp,
    /// The event's amount in minor units, if it has one.
    pub amount_minor: Option<i64>,
    /// What to do.
    pub decision: Verdict,
    /// 0 to 1000; `None` when no model ran.
    pub score: Option<u16>,
    /// What the model that scored it said: the champion, or a challenger for its share; `None` when no model ran.
    pub champion: Option<ModelScore>,
    /// The thresholds that held.
    pub thresholds: Thresholds,
    /// The feature vector as used, in the order of the definitions; NaN where one was missing.
    pub vector: Vec<f64>,
    /// The hash of the feature definitions.
    pub features_version: String,
    /// The reasons, strongest first.
    pub reasons: Vec<Reason>,
    /// Which of them were wanted.
    pub reasons_wanted: Reasons,
    /// Whether everything was there.
    pub engine_mode: EngineMode,
    /// How long it took.
    pub timings_us: TimingsUs,
    /// How the vector came about.
    pub feature_state: FeatureState,
    /// What had the last word.
    pub ground: Ground,
    /// Why no model scored, where none did.
    pub degradation: Option<Degradation>,
    /// The lists that the event is on.
    pub lists: Vec<lists::Match>,
    /// The rules that hit, would have hit, or failed.
    pub rules: Vec<RuleHit>,
    /// What decided, as of this position of the log: every control record before it and none after.
    pub control_version: Position,
    /// The event that this one corrects.
    pub supersedes: Option<EventId>,
}

/// How a vector came about: where the event was put in the history of its keys, and what was not exact about them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct FeatureState {
    /// Its place in history.
    #[cfg_attr(feature = "http", schema(value_type = String, example = "in_order"))]
    pub placement: Placement,
    /// Entities whose windows are coarse: kept as tiles of the resolution that the pipeline declares, forgotten in part since a key
    /// has too many events, or estimated.
    pub coarse: Vec<String>,
    /// Entities whose key was not taken since memory is full; their features are missing.
    pub refused: Vec<String>,
}

impl FeatureState {
    /// With the names of a plan.
    pub fn new(outcome: features::Outcome, plan: &Plan) -> Self {
        let named = |bits: u64| plan.named(bits).map(str::to_owned).collect();
        Self { placement: outcome.placement, coarse: named(outcome.coarse), refused: named(outcome.refused) }
    }
}

/// From which score on an event is reviewed and declined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Thresholds {
    /// Reviewed from this score on.
    pub review: u16,
    /// Declined from this score on.
    pub decline: u16,
}

impl Decision {
    /// As the log keeps it.
    pub fn encode(&self) -> Vec<u8> {
        encode(DECISION_VERSION, self, Vec::with_capacity(384))
    }

    /// From the log.
    pub fn decode(payload: &[u8]) -> Result<Self, RecordError> {
        let body = check_version("decision", payload, DECISION_VERSION)?;
        match payload[0] {
            1 | 2 => old::decode(payload[0], body),
            _ => decode("decision", body),
        }
    }

    /// Where the event of an encoded decision lies in the log, without reading the rest of it.
    pub fn event_position_of(payload: &[u8]) -> Result<Position, RecordError> {
        let body = check_version("decision", payload, DECISION_VERSION)?;
        let (_, position): (&str, Position) = decode_first("decision", body)?;
        Ok(position)
    }
}
