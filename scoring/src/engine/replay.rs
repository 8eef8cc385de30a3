//! Deciding again: what was decided about an event, made anew from the log and the registry, and what differs.

use std::sync::Arc;

use ingest::EventId;
use ingest::log::{Log, Position};
use serde::Serialize;

use super::core::Core;
use super::{Engine, changes};
use crate::control::State;
use crate::decide::{Case, Deciders, ask, decide};
use crate::decision::{Decision, EngineMode, FeatureState};
use crate::error::Error;

/// A decision that was made again.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// What was recorded.
    pub recorded: Decision,
    /// What comes out now, from the same events and the same artifacts.
    pub replayed: Decision,
    /// What is not the same.
    pub differences: Vec<Difference>,
}

/// A part of a decision that came out otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Difference {
    /// Which part: `score`, or `feature card_tx_count_1h`.
    pub what: String,
    /// As it was recorded.
    pub recorded: String,
    /// As it came out now.
    pub replayed: String,
    /// Why, where that is known.
    pub why: Option<String>,
}

impl Engine {
    /// Decides an event again: its vector out of the events before it, by the models, rules, lists and thresholds that held then. `None` when it was
    /// never decided. Reads the log up to the event.
    pub async fn replay(self: &Arc<Self>, event_id: EventId) -> Result<Option<Replayed>, Error> {
        let Some(history) = self.history(event_id).await? else { return Ok(None) };
        let engine = Arc::clone(self);
        let replayed = tokio::task::spawn_blocking(move || engine.replay_decision(history.decision));
        replayed.await.map_err(|_| Error::Stopped)?.map(Some)
    }

    fn replay_decision(&self, recorded: Decision) -> Result<Replayed, Error> {
        let (case, state) = past(self, &recorded)?;
        let present = self.deciders.load_full();
        let mut models = |name: &str, version: u32| changes::load(&present, &*self.registry, name, version, &self.pipeline);
        let (deciders, problems) = Deciders::new(&state, &present.pipeline, &mut models);
        // A model that was too late then is not asked now.
        let said = match (recorded.engine_mode, recorded.degradation) {
            (EngineMode::Degraded, Some(cause)) => Err(cause),
            _ => ask(&case, &deciders),
        };
        let again = decide(case, said, &deciders, recorded.reasons_wanted, recorded.decided_at);
        let mut differences = differences(&recorded, &again, &self.pipeline);
        if !differences.is_empty() {
            let missing = problems.into_iter().map(|problem| Difference {
                what: problem.what,
                recorded: "it decided".to_owned(),
                replayed: "it cannot be used".to_owned(),
                why: Some(problem.error.to_string()),
            });
            differences.extend(missing);
        }
        Ok(Replayed { recorded, replayed: again, differences })
    }
}

/// The event with its vector out of all events before it, and what decided then.
fn past(engine: &Engine, recorded: &Decision) -> Result<(Case, State), Error> {
    let log: Arc<dyn Log> = Arc::clone(&engine.log);
    let at = recorded.event_position;
    let (case, mut state) = Core::case_at(Arc::clone(&engine.pipeline), Arc::clone(&log), engine.snapshots.as_ref(), recorded)?;
    if state.version > recorded.control_version {
        // It was changed between the decision and a record that is read for the event.
        state = State::default();
        super::core::fold_control(&*log, Position(0), recorded.control_version, &mut state)?;
    }
    Ok((case.ok_or(Error::Missing { position: at })?, state))
}

/// What is not the same, in the order in which a decision comes about.
fn differences(recorded: &Decision, again: &Decision, pipeline: &crate::Pipeline) -> Vec<Difference> {
    let mut differences = Vec::new();
    let other_definitions = (recorded.features_version != again.features_version).then(|| {
        format!("features were defined as {} then, and are as {} now", recorded.features_version, again.features_version)
    });
    let mut check = |what: &str, recorded: String, replayed: String| {
        if recorded != replayed {
            differences.push(Difference { what: what.to_owned(), recorded, replayed, why: other_definitions.clone() });
        }
    };
    if recorded.vector.len() == again.vector.len() {
        for (definition, (then, now)) in pipeline.plan.definitions().iter().zip(recorded.vector.iter().zip(&again.vector)) {
            if then.to_bits() != now.to_bits() && !(then.is_nan() && now.is_nan()) {
                check(&format!("feature {}", definition.name), then.to_string(), now.to_string());
            }
        }
    } else {
        check("features", recorded.vector.len().to_string(), again.vector.len().to_string());
    }
    let state = |state: &FeatureState| format!("{state:?}");
    check("feature_state", state(&recorded.feature_state), state(&again.feature_state));
    check("model", format!("{:?}", recorded.champion), format!("{:?}", again.champion));
    check("lists", format!("{:?}", recorded.lists), format!("{:?}", again.lists));
    check("rules", format!("{:?}", recorded.rules), format!("{:?}", again.rules));
    check("score", format!("{:?}", recorded.score), format!("{:?}", again.score));
    check("thresholds", format!("{:?}", recorded.thresholds), format!("{:?}", again.thresholds));
    check("decision", recorded.decision.to_string(), again.decision.to_string());
    check("ground", format!("{:?}", recorded.ground), format!("{:?}", again.ground));
    check("reasons", format!("{:?}", recorded.reasons), format!("{:?}", again.reasons));
    differences
}
