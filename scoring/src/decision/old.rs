//! Decisions as earlier versions wrote them.

use ingest::log::Position;
use ingest::log::record::{self, RecordError};
use ingest::{EventId, Timestamp};
use serde::Deserialize;

use super::{
    Decision, Degradation, EngineMode, FeatureState, Ground, ModelScore, Reason, Reasons, Thresholds, TimingsUs, Verdict,
};
use crate::control::Role;

/// Version 1; version 2 had a `FeatureState` behind it.
#[derive(Deserialize)]
struct First {
    event_id: EventId,
    event_position: Position,
    occurred_at: Timestamp,
    received_at: Timestamp,
    decided_at: Timestamp,
    amount_minor: Option<i64>,
    decision: Verdict,
    score: Option<u16>,
    champion: Option<FirstScore>,
    thresholds: Thresholds,
    vector: Vec<f64>,
    features_version: String,
    reasons: Vec<FirstReason>,
    engine_mode: EngineMode,
    timings_us: TimingsUs,
}

#[derive(Deserialize)]
struct FirstScore {
    name: String,
    version: u32,
    probability: f64,
}

#[derive(Deserialize)]
struct FirstReason {
    code: String,
    text: String,
    feature: String,
    value: Option<f64>,
    contribution: f64,
}

/// Reads version 1 or 2. Until then the score alone decided, and features were exact unless said otherwise.
pub(super) fn decode(version: u8, body: &[u8]) -> Result<Decision, RecordError> {
    let (first, feature_state) = match version {
        1 => (decode_body(body)?, FeatureState::default()),
        _ => decode_body::<(First, FeatureState)>(body)?,
    };
    let First { event_id, event_position, occurred_at, received_at, decided_at, amount_minor, decision, score, champion, .. } =
        first;
    let reason = |FirstReason { code, text, feature, value, contribution }| Reason {
        code,
        text,
        feature,
        value,
        usual: None,
        contribution,
    };
    let model = |FirstScore { name, version, probability }| ModelScore {
        name,
        version,
        role: Role::Champion,
        raw_probability: probability,
        probability,
    };
    Ok(Decision {
        event_id,
        event_position,
        occurred_at,
        received_at,
        decided_at,
        amount_minor,
        decision,
        score,
        champion: champion.map(model),
        thresholds: first.thresholds,
        vector: first.vector,
        features_version: first.features_version,
        reasons: first.reasons.into_iter().map(reason).collect(),
        reasons_wanted: Reasons::Needed,
        engine_mode: first.engine_mode,
        timings_us: first.timings_us,
        feature_state,
        ground: if score.is_some() { Ground::Score } else { Ground::OnFailure },
        degradation: score.is_none().then_some(Degradation::NoModel),
        lists: Vec::new(),
        rules: Vec::new(),
        control_version: Position(0),
        supersedes: None,
    })
}

fn decode_body<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, RecordError> {
    record::decode("decision", body)
}
