//! Deciding again: what was decided about an event, made anew from the log and the registry, and what differs.

use std::sync::Arc;

use ingest::EventId;
use ingest::log::{Log, Position};
use serde::Serialize;

use super::core::Core;
use super::{Engine, changes};
use crate::control::State;
use crate::decide::{Case, Deciders, ask, decide};
use crate::decision::{Decision, EngineMode};
use crate::error::Error;
use crate::rules::{Evidence, RuleHit};

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
        let pipeline =
            state.tables.as_ref().map_or_else(|| Arc::clone(&present.pipeline), |tables| tables.within(&present.pipeline));
        let (deciders, problems) = Deciders::new(&state, &pipeline, &mut models);
        // A model that was too late then is not asked now.
        let said = match (recorded.engine_mode, recorded.degradation) {
            (EngineMode::Degraded, Some(cause)) => Err(cause),
            _ => ask(&case, &deciders),
        };
        let again = decide(case, said, &deciders, recorded.reasons_wanted, recorded.decided_at);
        let mut differences = differences(&recorded, &again, &self.pipeline, state.tables.is_some());
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

/// What is not the same, in the order in which a decision comes about. `knows_tables` is whether the log says which lists and reasons the
/// pipeline file had then.
fn differences(recorded: &Decision, again: &Decision, pipeline: &crate::Pipeline, knows_tables: bool) -> Vec<Difference> {
    let other_definitions = (recorded.features_version != again.features_version).then(|| {
        format!("features were defined as {} then, and are as {} now", recorded.features_version, again.features_version)
    });
    let unknown_tables = (!knows_tables)
        .then(|| "the log does not say which lists and reasons the pipeline file had then: they may have been others".to_owned());
    let mut differences = Vec::new();
    let mut add = |what: &str, is_same: bool, (recorded, replayed): (String, String), why: &Option<String>| {
        if !is_same {
            differences.push(Difference { what: what.to_owned(), recorded, replayed, why: why.clone() });
        }
    };
    if recorded.vector.len() == again.vector.len() {
        for (definition, (then, now)) in pipeline.plan.definitions().iter().zip(recorded.vector.iter().zip(&again.vector)) {
            let is_same = then.to_bits() == now.to_bits() || (then.is_nan() && now.is_nan());
            let what = format!("feature {}", definition.name);
            add(&what, is_same, (then.to_string(), now.to_string()), &other_definitions);
        }
    } else {
        let (then, now) = (recorded.vector.len(), again.vector.len());
        add("features", false, (then.to_string(), now.to_string()), &other_definitions);
    }
    let (then, now) = (recorded, again);
    let otherwise = other_definitions.clone().or_else(|| unknown_tables.clone());
    add(
        "feature_state",
        then.feature_state == now.feature_state,
        (said(&then.feature_state), said(&now.feature_state)),
        &other_definitions,
    );
    add("model", then.champion == now.champion, (said(&then.champion), said(&now.champion)), &other_definitions);
    add("lists", then.lists == now.lists, (said(&then.lists), said(&now.lists)), &unknown_tables);
    add("rules", then.rules == now.rules, (hits(&then.rules), hits(&now.rules)), &otherwise);
    add("score", then.score == now.score, (said(&then.score), said(&now.score)), &otherwise);
    add("thresholds", then.thresholds == now.thresholds, (said(&then.thresholds), said(&now.thresholds)), &None);
    add("decision", then.decision == now.decision, (then.decision.to_string(), now.decision.to_string()), &otherwise);
    add("ground", then.ground == now.ground, (said(&then.ground), said(&now.ground)), &otherwise);
    add("reasons", then.reasons == now.reasons, (said(&then.reasons), said(&now.reasons)), &otherwise);
    differences
}

/// As the API writes it.
fn said(part: &impl Serialize) -> String {
    serde_json::to_string(part).expect("plain data always has a JSON form")
}

/// Which rules had something to report, and of what; keys of entities are masked.
fn hits(hits: &[RuleHit]) -> String {
    let seen = |evidence: &Evidence| format!("{} {:?}", evidence.name, evidence.value);
    let one = |hit: &RuleHit| {
        let seen: Vec<String> = hit.evidence.iter().map(seen).collect();
        format!("{} version {}, {}: {}", hit.rule_id, hit.version, hit.outcome.name(), seen.join(", "))
    };
    if hits.is_empty() { "none".to_owned() } else { hits.iter().map(one).collect::<Vec<_>>().join("; ") }
}
