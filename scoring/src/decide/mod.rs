//! The decision itself: a plain function from an event, its vector and what decides to what is done. It reads no clock, does no
//! I/O and cannot fail; a model that gives no number is the operator's `on_failure`, said in the record.

mod deciders;
mod loaded;
mod tally;
#[cfg(test)]
mod tests;

use ingest::log::Position;
use ingest::{Event, Timestamp};

pub use self::deciders::{Challenger, Deciders, Models, Problem, names};
pub use self::loaded::{LoadedModel, Mismatch};
pub use self::tally::Figures;
use crate::control::Role;
use crate::decision::{Decision, Degradation, EngineMode, FeatureState, Ground, ModelScore, Reason, Reasons, TimingsUs, Verdict};
use crate::lists;
use crate::model::score;
use crate::pipeline::Pipeline;
use crate::rules::{self, Effect, Facts, RuleHit};

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
    /// How they came about.
    pub outcome: features::Outcome,
}

/// What a model said of a case.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// The model.
    pub model: &'a LoadedModel,
    /// What it is for.
    pub role: Role,
    /// Its own probability, 0 to 1.
    pub raw_probability: f64,
    /// The calibrated one.
    pub probability: f64,
}

/// Has a model score a case: the champion, or the challenger whose share the event's entity is in.
pub fn ask<'a>(case: &Case, deciders: &'a Deciders) -> Result<Said<'a>, Degradation> {
    let (model, role) = deciders.model_for(&case.event).ok_or(Degradation::NoModel)?;
    let (raw_probability, probability) = model.probabilities_of(&case.vector);
    if !(0.0..=1.0).contains(&probability) {
        return Err(Degradation::NoNumber);
    }
    Ok(Said { model, role, raw_probability, probability })
}

/// The decision, from what a model said. Its timings are left at zero for the shell, which has the clock.
///
/// A list that blocks has the last word, then one that allows; without them what is most severe of the score's verdict, the rules' and
/// a watching list's.
pub fn decide(
    case: Case,
    said: Result<Said<'_>, Degradation>,
    deciders: &Deciders,
    reasons_wanted: Reasons,
    decided_at: Timestamp,
) -> Decision {
    let pipeline = &*deciders.pipeline;
    let said_score = said.as_ref().ok().map(|said| score(said.probability));
    let lists = deciders.lists.matches(&case.event);
    let lists_then = deciders.lists.at(case.event.occurred_at);
    let facts =
        Facts::new(&case.event, &case.vector, &lists_then).scored(said_score, said.as_ref().ok().map(|said| said.probability));
    let rules = deciders.rules.evaluate(&facts);
    let effect = rules::effect(&rules);
    let score = said_score.map(|score| modified(score, effect));
    let (verdict, ground) = verdict(score, &lists, &rules, effect, deciders);
    let reasons = match said {
        Ok(said) => reasons(reasons_wanted, verdict, &case.vector, said.model, pipeline),
        Err(_) => Vec::new(),
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
        champion: said.as_ref().ok().map(|said| ModelScore {
            name: said.model.artifact.about.name.clone(),
            version: said.model.version,
            role: said.role,
            raw_probability: said.raw_probability,
            probability: said.probability,
        }),
        thresholds: deciders.policy.thresholds(),
        vector: case.vector,
        features_version: pipeline.plan.version().to_owned(),
        reasons,
        reasons_wanted,
        engine_mode: if said.is_ok() { EngineMode::Normal } else { EngineMode::Degraded },
        timings_us: TimingsUs::default(),
        feature_state: FeatureState::new(case.outcome, &pipeline.plan),
        ground,
        degradation: said.err(),
        lists,
        rules,
        control_version: deciders.version,
        supersedes: case.event.supersedes,
    }
}

/// A score with the points of rules.
fn modified(score: u16, effect: Effect) -> u16 {
    i32::from(score).saturating_add(effect.modifier).clamp(0, 1_000) as u16
}

fn verdict(
    score: Option<u16>,
    lists: &[lists::Match],
    rules: &[RuleHit],
    effect: Effect,
    deciders: &Deciders,
) -> (Verdict, Ground) {
    let on = |kind: lists::Kind| lists.iter().find(|found| found.kind == kind).map(|found| Ground::List(found.list.clone()));
    if let Some(ground) = on(lists::Kind::Block) {
        return (Verdict::Decline, ground);
    }
    if let Some(ground) = on(lists::Kind::Allow) {
        return (Verdict::Approve, ground);
    }
    let policy = &deciders.policy;
    let by_score = score.map_or((policy.on_failure.verdict(), Ground::OnFailure), |score| (policy.verdict(score), Ground::Score));
    let first_with = |action| rules.iter().find(|hit| hit.is_effective() && hit.action == Some(action));
    let by_rule = effect.verdict.and_then(|action| Some((action, Ground::Rule(first_with(action)?.rule_id.to_string()))));
    let by_list = on(lists::Kind::Watch).map(|ground| (Verdict::Review, ground));
    [by_rule, by_list].into_iter().flatten().fold(by_score, |most, next| if next.0 > most.0 { next } else { most })
}

fn reasons(wanted: Reasons, verdict: Verdict, vector: &[f64], model: &LoadedModel, pipeline: &Pipeline) -> Vec<Reason> {
    let contributions = || model.contributions(vector);
    match wanted {
        // An applicant who is not approved has to be told why, whatever was asked for with the application.
        Reasons::None if pipeline.credit.is_none() => Vec::new(),
        Reasons::None | Reasons::Needed if verdict < Verdict::Review => Vec::new(),
        Reasons::None | Reasons::Needed | Reasons::Top => pipeline.reasons.strongest(vector, &contributions(), model.usual()),
        Reasons::All => pipeline.reasons.all(vector, &contributions(), model.usual()),
    }
}
