//! The decision itself: a plain function from an event, its vector and the champion to what is done. It reads no clock, does no
//! I/O and cannot fail; a model that gives no number is the operator's `on_failure`, said in the record.

use features::Plan;
use ingest::Event;
use ingest::Timestamp;
use ingest::log::Position;

use crate::decision::{Decision, EngineMode, ModelScore, TimingsUs, Verdict};
use crate::model::score;
use crate::pipeline::Pipeline;
use crate::registry::Artifact;

/// The model that decides, with its version in the registry.
#[derive(Clone, Debug)]
pub struct Champion {
    /// Its version.
    pub version: u32,
    /// The artifact.
    pub artifact: Artifact,
}

/// Why a model cannot score a pipeline's events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "model {name} {version} was trained on features {trained}, the pipeline has {present}: train it again, or use the pipeline that it was trained with"
)]
pub struct Mismatch {
    name: String,
    version: u32,
    trained: String,
    present: String,
}

impl Champion {
    /// Refuses an artifact that was trained on other features.
    pub fn new(artifact: Artifact, version: u32, plan: &Plan) -> Result<Self, Mismatch> {
        let same = artifact.features_version == plan.version()
            && artifact.features.iter().eq(plan.definitions().iter().map(|definition| &definition.name));
        if same {
            return Ok(Self { version, artifact });
        }
        Err(Mismatch { name: artifact.name, version, trained: artifact.features_version, present: plan.version().to_owned() })
    }
}

/// An event that wants a decision, with its place in the log and its vector.
#[derive(Clone, Debug)]
pub struct Case {
    /// The event.
    pub event: Event,
    /// Where it lies in the log.
    pub position: Position,
    /// When it came through the door.
    pub received_at: Timestamp,
    /// Its features.
    pub vector: Vec<f64>,
}

/// What the champion says of a case: a probability from 0 to 1, or `None` without a champion or a number.
pub fn probability(case: &Case, champion: Option<&Champion>) -> Option<f64> {
    champion
        .map(|champion| champion.artifact.model.probability(&case.vector))
        .filter(|probability| (0.0..=1.0).contains(probability))
}

/// The decision, from what the champion said. Its timings are left at zero for the shell, which has the clock.
pub fn decide(
    case: Case,
    probability: Option<f64>,
    champion: Option<&Champion>,
    pipeline: &Pipeline,
    decided_at: Timestamp,
) -> Decision {
    let score = probability.map(score);
    let verdict = match score {
        Some(score) => pipeline.policy.verdict(score),
        None => pipeline.policy.on_failure.verdict(),
    };
    let scored = champion.zip(probability);
    let reasons = match scored {
        Some((champion, _)) if verdict >= Verdict::Review => {
            pipeline.reasons.strongest(&case.vector, &champion.artifact.model.contributions(&case.vector))
        }
        _ => Vec::new(),
    };
    Decision {
        event_id: case.event.event_id,
        event_position: case.position,
        occurred_at: case.event.occurred_at,
        received_at: case.received_at,
        decided_at,
        amount_minor: case.event.amount.map(ingest::Amount::minor),
        decision: verdict,
        score,
        champion: scored.map(|(champion, probability)| ModelScore {
            name: champion.artifact.name.clone(),
            version: champion.version,
            probability,
        }),
        thresholds: pipeline.policy.thresholds(),
        vector: case.vector,
        features_version: pipeline.plan.version().to_owned(),
        reasons,
        engine_mode: if score.is_some() { EngineMode::Normal } else { EngineMode::Degraded },
        timings_us: TimingsUs::default(),
    }
}
