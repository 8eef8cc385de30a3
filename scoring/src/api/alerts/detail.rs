//! One alert with what is known of it: its events and what was decided of them, what is usual, what was done, and what is related.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use ingest::log::Position;
use ingest::{EventId, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::answer::DecisionPage;
use super::super::in_path::InPath;
use super::super::problem::Problem;
use super::super::{Api, Caller};
use super::AlertAnswer;
use crate::alerts::{AlertId, Did, Entry, Hit, Outcome, Stage};
use crate::decision::Verdict;
use crate::profile::Distribution;

/// One alert with what is known of it.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct AlertPage {
    #[serde(flatten)]
    alert: AlertAnswer,
    /// Why it was escalated, and by whom.
    escalated: Option<EscalatedAnswer>,
    /// What the policy is for, where it still holds.
    about: Option<String>,
    /// Its events, in the order in which they were decided.
    hits: Vec<HitAnswer>,
    /// The keys of its events' entities, by the entity's name.
    entities: BTreeMap<String, Vec<String>>,
    /// What was done with it, the oldest first.
    timeline: Vec<EntryAnswer>,
    /// Others that share an entity with it, the newest first, at most 20.
    related: Vec<AlertAnswer>,
    /// The event that weighs most, as it was decided.
    lead: Option<DecisionPage>,
    /// What features usually are, by name: where the champion has learned.
    usual: BTreeMap<String, Usual>,
    #[schema(value_type = String, format = DateTime)]
    now: Timestamp,
    me: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct EscalatedAnswer {
    by: String,
    reason: String,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

/// An event of an alert.
#[derive(Debug, Serialize, ToSchema)]
struct HitAnswer {
    event_id: String,
    #[schema(value_type = String, format = DateTime)]
    occurred_at: Timestamp,
    /// In minor units of the alert's `currency`; `null` where the event has no amount, or one in another currency.
    amount_minor: Option<i64>,
    decision: Verdict,
    score: Option<u16>,
    rules: Vec<String>,
    /// Whether it joined after the alert was raised.
    joined: bool,
}

impl HitAnswer {
    fn of(hit: Hit, raised_by: Option<Position>) -> Self {
        let Hit { event_id, decision, occurred_at, amount_minor, verdict, score, rules } = hit;
        let joined = raised_by.is_some_and(|raised_by| decision > raised_by);
        Self { event_id: event_id.to_string(), occurred_at, amount_minor, decision: verdict, score, rules, joined }
    }
}

/// Something that was done with an alert.
#[derive(Debug, Serialize, ToSchema)]
struct EntryAnswer {
    version: u32,
    by: String,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// `claimed`, `released`, `noted`, `escalated`, `resolved`, `dismissed` or `reopened`.
    did: &'static str,
    /// The note, or the reason.
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
    /// The events that the outcome is of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    events: Vec<EventId>,
}

impl From<Entry> for EntryAnswer {
    fn from(entry: Entry) -> Self {
        let Entry { version, by, at, did } = entry;
        let (name, outcome) = (did.name(), did.outcome());
        let (text, events) = match did {
            Did::Claimed | Did::Released => (String::new(), Vec::new()),
            Did::Noted { text } => (text, Vec::new()),
            Did::Escalated { reason } | Did::Dismissed { reason } | Did::Reopened { reason } => (reason, Vec::new()),
            Did::Resolved { note, events, .. } => (note, events),
        };
        Self { version, by, at, did: name, text, outcome, events }
    }
}

/// What a feature usually is: four in five of the rows that the champion has learned from are from `low` to `high`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
struct Usual {
    low: f64,
    high: f64,
    mean: f64,
}

impl Usual {
    fn of(distribution: &Distribution) -> Option<Self> {
        let (lowest, highest) = distribution.range?;
        let rows: u64 = distribution.counts.iter().sum();
        // The upper end of the first bin up to which so many tenths of the rows lie.
        let up_to = |tenths: u64| {
            let mut before = 0;
            let mut ends = distribution.edges.iter().zip(&distribution.counts);
            let end = ends.find(|(_, count)| {
                before += **count;
                before * 10 >= rows * tenths
            });
            end.map_or(highest, |(edge, _)| *edge)
        };
        Some(Self { low: up_to(1).max(lowest), high: up_to(9), mean: distribution.mean })
    }
}

/// One alert: its events, what was decided of the one that weighs most and from which numbers, what they usually are, what was done, and
/// others that share an entity with it.
#[utoipa::path(
    get,
    path = "/v1/alerts/{id}",
    tag = "alerts",
    params(("id" = String, Path, description = "the alert")),
    responses(
        (status = 200, description = "the alert with what is known of it", body = AlertPage),
        (status = 404, description = "there is no such thing", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::api) async fn get(
    State(api): State<Api>,
    Caller(person): Caller,
    InPath(id): InPath<String>,
) -> Result<Json<AlertPage>, Problem> {
    const RELATED: usize = 20;
    let alert = api.engine.alert(&AlertId::written(&id)).await?;
    let (related, about) = api.engine.desk(|desk| {
        let policy = desk.policies().iter().find(|policy| policy.name == alert.policy);
        (desk.related(&alert, RELATED), policy.map(|policy| policy.description.clone()))
    });
    let history = match alert.lead() {
        Some(hit) => api.engine.history(hit.event_id.clone()).await?,
        None => None,
    };
    let profile = api.engine.champion().map(|champion| champion.artifact.profile.features.clone()).unwrap_or_default();
    let raised_by = alert.raised_by();
    let usual = profile.iter().filter_map(|feature| Some((feature.name.clone(), Usual::of(feature)?))).collect();
    Ok(Json(AlertPage {
        escalated: match &alert.stage {
            Stage::Escalated { by, reason, at, .. } => Some(EscalatedAnswer { by: by.clone(), reason: reason.clone(), at: *at }),
            _ => None,
        },
        about: about.filter(|about| !about.is_empty()),
        related: related.iter().map(AlertAnswer::of).collect(),
        lead: history.map(|history| DecisionPage::new(history, api.engine.pipeline())),
        usual,
        now: api.engine.now(),
        me: person.name,
        alert: AlertAnswer::of(&alert),
        entities: alert.entities.into_iter().map(|(entity, keys)| (entity, keys.into_iter().collect())).collect(),
        hits: alert.hits.into_iter().map(|hit| HitAnswer::of(hit, raised_by)).collect(),
        timeline: alert.entries.into_iter().map(EntryAnswer::from).collect(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_usual_is_where_four_in_five_lie() {
        let check = |values: &[f64], expect: Option<(f64, f64)>| {
            let usual = Usual::of(&Distribution::new("f", values));
            assert_eq!(usual.map(|usual| (usual.low, usual.high)), expect, "{values:?}");
        };
        check(&(0..100).map(f64::from).collect::<Vec<_>>(), Some((9.0, 89.0)));
        check(&[[0.0; 7].as_slice(), &[1.0; 3]].concat(), Some((0.0, 1.0)));
        check(&[5.0; 10], Some((5.0, 5.0)));
        check(&[f64::NAN], None);
    }
}
