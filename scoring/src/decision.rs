//! The decision record: what was decided about an event, by what, from which numbers. It is complete: with the artifacts that it
//! names, the decision can be made again bit for bit.

use std::fmt;

use features::{Placement, Plan};
use ingest::log::Position;
use ingest::log::record::{RecordError, check_version, decode, encode};
use ingest::{EventId, Timestamp};
use serde::{Deserialize, Serialize};

/// Version 2 added `feature_state` at the end.
const DECISION_VERSION: u8 = 2;

/// What to do with the event. Precedence rises downward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
pub enum EngineMode {
    /// The model decided.
    Normal,
    /// No model could; the operator's `on_failure` decided.
    Degraded,
}

/// What a model said of an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelScore {
    /// The model's name.
    pub name: String,
    /// Its version in the registry.
    pub version: u32,
    /// The probability that the event is bad, 0 to 1.
    pub probability: f64,
}

/// Why a score is what it is: one feature's part in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// The code that the pipeline file gives it.
    pub code: String,
    /// A sentence for a person.
    pub text: String,
    /// The feature.
    pub feature: String,
    /// Its value, `None` where it was missing.
    pub value: Option<f64>,
    /// What it added to the model's output, on the model's own scale.
    pub contribution: f64,
}

/// How long each stage took, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// What the champion said; `None` when no model ran.
    pub champion: Option<ModelScore>,
    /// The thresholds that held.
    pub thresholds: Thresholds,
    /// The feature vector as used, in the order of the definitions; NaN where one was missing.
    pub vector: Vec<f64>,
    /// The hash of the feature definitions.
    pub features_version: String,
    /// The reasons, strongest first; only computed for review and decline.
    pub reasons: Vec<Reason>,
    /// Whether everything was there.
    pub engine_mode: EngineMode,
    /// How long it took.
    pub timings_us: TimingsUs,
    /// How the vector came about.
    pub feature_state: FeatureState,
}

/// How a vector came about: where the event was put in the history of its keys, and what was not exact about them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureState {
    /// Its place in history.
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
        if payload[0] > 1 {
            return decode("decision", body);
        }
        // What version 2 added lies at the end, so that an old record becomes a new one by what it left unsaid: all was exact.
        decode("decision", &postcard::to_extend(&FeatureState::default(), body.to_vec()).expect("plain data always encodes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision() -> Decision {
        Decision {
            event_id: EventId::new("e1").expect("short"),
            event_position: Position(3),
            occurred_at: Timestamp::from_micros(1),
            received_at: Timestamp::from_micros(2),
            decided_at: Timestamp::from_micros(3),
            amount_minor: Some(100),
            decision: Verdict::Review,
            score: Some(700),
            champion: Some(ModelScore { name: "m".to_owned(), version: 7, probability: 0.5 }),
            thresholds: Thresholds { review: 700, decline: 900 },
            vector: vec![1.5],
            features_version: "ab".to_owned(),
            reasons: Vec::new(),
            engine_mode: EngineMode::Normal,
            timings_us: TimingsUs { queue: 1, features: 2, model: 3, policy: 4 },
            feature_state: FeatureState::default(),
        }
    }

    #[test]
    fn every_version_that_was_ever_written_is_read() {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let body = concat!(
            "02653103",                 // event id, position
            "020406",                   // three times, zigzag
            "01c801",                   // amount
            "02",                       // review
            "01bc05",                   // score
            "01016d07000000000000e03f", // champion
            "bc058407",                 // thresholds
            "01000000000000f83f",       // vector
            "026162",                   // definitions
            "00",                       // no reasons
            "00",                       // normal
            "01020304",                 // timings
        );
        let first: Vec<u8> = format!("01{body}")
            .as_bytes()
            .chunks(2)
            .map(|digits| u8::from_str_radix(std::str::from_utf8(digits).expect("ASCII"), 16).expect("hexadecimal"))
            .collect();
        assert_eq!(Decision::decode(&first), Ok(decision()));
        assert_eq!(hex(&decision().encode()), format!("02{body}000000"));
        let coarse = FeatureState { placement: Placement::Late, coarse: vec!["card".to_owned()], refused: Vec::new() };
        let newest = Decision { feature_state: coarse, ..decision() };
        assert_eq!(Decision::decode(&newest.encode()), Ok(newest));
    }
}
