//! `/v1/alerts`: the queue, one alert with what is known of it, and what a person does with it. Whoever changes something says at which version they saw it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ingest::log::Position;
use ingest::{Currency, EventId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

use super::answer::DecisionPage;
use super::in_path::InPath;
use super::in_query::InQuery;
use super::page::{Page, PageQuery, page};
use super::problem::Problem;
use super::{Api, Body, Caller, Words};
use crate::alerts::{Action, Alert, AlertId, Desk, Did, Entry, Filter, Hit, Order, Outcome, Policy, STATES, Severity, Stage};
use crate::control::Person;
use crate::decision::Verdict;
use crate::profile::Distribution;

/// An alert, as the queue shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct AlertAnswer {
    id: String,
    policy: String,
    severity: Severity,
    /// `open`, `in_review`, `escalated`, `resolved` or `dismissed`.
    state: &'static str,
    /// Who has it, or closed it.
    assignee: Option<String>,
    /// Since when it is so.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    outcome: Option<Outcome>,
    group: Option<String>,
    /// What it is about; `null` where it is about its one event alone.
    subject: Option<SubjectAnswer>,
    /// How many events it has.
    events: u32,
    /// Their amounts together, in minor units.
    money_minor: i64,
    #[schema(value_type = Option<String>)]
    currency: Option<Currency>,
    /// The strictest decision among its events.
    decision: Option<Verdict>,
    /// The highest score among them.
    score: Option<u16>,
    #[schema(value_type = String, format = DateTime)]
    opened_at: Timestamp,
    /// When the last of its events happened.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_occurred_at: Option<Timestamp>,
    /// How many notes it has.
    notes: usize,
    /// To be sent with whatever is done with it.
    version: u32,
}

/// An entity.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct SubjectAnswer {
    entity: String,
    key: String,
}

impl AlertAnswer {
    fn of(alert: &Alert) -> Self {
        let (assignee, since) = match (alert.stage.held(), alert.stage.closed(), &alert.stage) {
            (Some(held), ..) => (Some(held.by.clone()), Some(held.since)),
            (None, Some((by, at)), _) => (Some(by.clone()), Some(at)),
            (None, None, Stage::Escalated { at, .. }) => (None, Some(*at)),
            (None, None, _) => (None, None),
        };
        let lead = alert.lead();
        Self {
            id: alert.id.to_string(),
            policy: alert.policy.clone(),
            severity: alert.severity,
            state: alert.stage.name(),
            assignee,
            since,
            outcome: match alert.stage {
                Stage::Resolved { outcome, .. } => Some(outcome),
                _ => None,
            },
            group: alert.group.clone(),
            subject: alert
                .subject
                .as_ref()
                .map(|subject| SubjectAnswer { entity: subject.entity.clone(), key: subject.key.clone() }),
            events: alert.events(),
            money_minor: alert.money_minor(),
            currency: alert.currency,
            decision: lead.map(|hit| hit.verdict),
            score: alert.score(),
            opened_at: alert.opened_at,
            last_occurred_at: alert.last_occurred_at(),
            notes: alert.entries.iter().filter(|entry| matches!(entry.did, Did::Noted { .. })).count(),
            version: alert.version,
        }
    }
}

/// A part of the queue.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Queue {
    #[serde(flatten)]
    page: Page<AlertAnswer>,
    /// How many are not closed, whatever was asked for: by severity, then by state.
    #[schema(value_type = BTreeMap<String, BTreeMap<String, u64>>)]
    counts: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// The policies that hold.
    policies: Vec<PolicyAnswer>,
    /// When the oldest that is not closed was raised.
    #[schema(value_type = Option<String>, format = DateTime)]
    oldest: Option<Timestamp>,
    /// Whether no more are raised until some are closed.
    is_full: bool,
    /// The time now, by the clock of the server.
    #[schema(value_type = String, format = DateTime)]
    now: Timestamp,
    /// Who asks.
    me: String,
}

/// A policy, in a few words.
#[derive(Debug, Serialize, ToSchema)]
struct PolicyAnswer {
    name: String,
    description: String,
    severity: Severity,
    group: Option<String>,
}

impl PolicyAnswer {
    fn of(policy: &Policy) -> Self {
        let Policy { name, description, severity, group, .. } = policy.clone();
        Self { name, description, severity, group }
    }
}

/// What of the queue is asked for, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    severity: Option<String>,
    state: Option<String>,
    policy: Option<String>,
    group: Option<String>,
    assignee: Option<String>,
    older_than: Option<String>,
    money_at_least: Option<String>,
    key: Option<String>,
    sort: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

impl Asked {
    /// The filter that it means, for whoever asks.
    fn filter(&self, me: &str) -> Result<Filter, Problem> {
        let words = |text: &Option<String>| -> Vec<String> {
            let words = text.iter().flat_map(|text| text.split(',')).map(|word| word.trim().to_owned());
            words.filter(|word| !word.is_empty()).collect()
        };
        let severity = |word: String| {
            let known = Severity::ALL.into_iter().find(|severity| severity.name() == word);
            known.ok_or_else(|| Problem::parameter("severity", format!("`{word}` is none of low, medium, high, critical")))
        };
        let states = words(&self.state);
        if let Some(wrong) = states.iter().find(|state| !STATES.contains(&state.as_str())) {
            return Err(Problem::parameter("state", format!("`{wrong}` is none of {}", STATES.join(", "))));
        }
        let older_than = self.older_than.as_deref().map(str::parse).transpose();
        let money = self.money_at_least.as_deref().map(str::parse).transpose();
        Ok(Filter {
            severities: words(&self.severity).into_iter().map(severity).collect::<Result<_, _>>()?,
            states,
            policy: self.policy.clone(),
            group: self.group.clone(),
            assignee: self.assignee.as_deref().map(|name| match name {
                "me" => me.to_owned(),
                "nobody" => String::new(),
                name => name.to_owned(),
            }),
            older_than: older_than
                .map_err(|error: ingest::time::ParseError| Problem::parameter("older_than", error.to_string()))?,
            money_at_least: money.map_err(|_| {
                Problem::parameter("money_at_least", "it is a whole number of minor units, as 100000 for 1,000.00".to_owned())
            })?,
            key: self.key.clone().filter(|key| !key.is_empty()),
        })
    }

    /// The order that it means, for whoever asks.
    fn order(&self, person: &Person) -> Result<Order, Problem> {
        let order = self.sort.as_deref().map_or(Ok(Order::of(person)), str::parse);
        order.map_err(|error: String| Problem::parameter("sort", error))
    }
}

/// The queue: alerts that are not closed, or those that are asked for. Of closed ones the last 1,000 are listed.
#[utoipa::path(
    get,
    path = "/v1/alerts",
    tag = "alerts",
    params(
        ("severity" = Option<String>, Query, description = "low, medium, high, critical, or several with commas between; all by default"),
        ("state" = Option<String>, Query, description = "open, in_review, escalated, resolved, dismissed, or several; all that are not closed by default"),
        ("policy" = Option<String>, Query, description = "of this policy"),
        ("group" = Option<String>, Query, description = "of this group"),
        ("assignee" = Option<String>, Query, description = "that somebody has, by name; `me`, or `nobody`"),
        ("older_than" = Option<String>, Query, description = "raised at least so long ago, as 4h"),
        ("money_at_least" = Option<i64>, Query, description = "of at least so much, in minor units"),
        ("key" = Option<String>, Query, description = "with an entity of this key"),
        ("sort" = Option<String>, Query, pattern = "^(priority|escalated|money|oldest|newest)$", description = "priority by default: open ones first, the highest severity, the most money, the oldest; for who reviews escalated: those first, then the same"),
        ("limit" = Option<usize>, Query, minimum = 1, maximum = 1000, description = "1 to 1000, 100 by default"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "alerts in their order, and how many there are", body = Queue),
        (status = 400, description = "a parameter is not valid", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(person): Caller,
    InQuery(asked): InQuery<Asked>,
) -> Result<Json<Queue>, Problem> {
    let (filter, order, now) = (asked.filter(&person.name)?, asked.order(&person)?, api.engine.now());
    let query = PageQuery::new(asked.limit, asked.cursor)?.of_keys(|key| order.is_key(key))?;
    let queue = api.engine.desk(|desk| {
        let closed = desk.recent().filter(|_| filter.asks_for_closed());
        let meant = desk.live().chain(closed).filter(|alert| filter.takes(alert, now));
        let page = page(meant, query, |alert| order.key(alert)).map(|alert| AlertAnswer::of(&alert));
        Queue {
            page,
            counts: counts(desk),
            policies: desk.policies().iter().map(|policy| PolicyAnswer::of(policy)).collect(),
            oldest: desk.oldest(),
            is_full: desk.is_full(),
            now,
            me: person.name,
        }
    });
    Ok(Json(queue))
}

fn counts(desk: &Desk) -> BTreeMap<&'static str, BTreeMap<&'static str, u64>> {
    let mut counts: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for ((severity, state), count) in desk.counts() {
        counts.entry(severity.name()).or_default().insert(state, count);
    }
    counts
}

/// One alert with what is known of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AlertPage {
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
pub(super) struct Usual {
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
pub(super) async fn get(
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

/// Takes the alert to look at next: open, of the highest severity, with the most money, the oldest; who reviews gets what others have escalated first. The query
/// says among which, as for the queue.
#[utoipa::path(
    post,
    path = "/v1/alerts/next",
    tag = "alerts",
    params(
        ("severity" = Option<String>, Query, description = "as in the queue"),
        ("policy" = Option<String>, Query, description = "as in the queue"),
        ("group" = Option<String>, Query, description = "as in the queue"),
        ("older_than" = Option<String>, Query, description = "as in the queue"),
        ("money_at_least" = Option<i64>, Query, description = "as in the queue"),
        ("key" = Option<String>, Query, description = "as in the queue"),
    ),
    responses(
        (status = 200, description = "it is the caller's", body = AlertAnswer),
        (status = 204, description = "none waits for the caller"),
        (status = 400, description = "a parameter is not valid", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn next(
    State(api): State<Api>,
    Caller(person): Caller,
    InQuery(asked): InQuery<Asked>,
) -> Result<Response, Problem> {
    // Of those that nobody has, whatever the queue shows.
    let filter = Filter { states: Vec::new(), assignee: None, ..asked.filter(&person.name)? };
    Ok(match api.engine.claim_next_alert(&filter, &person).await? {
        Some(alert) => Json(AlertAnswer::of(&alert)).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

/// What is done with an alert: the version at which it was seen, and what belongs to what is done.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ActDraft {
    version: u32,
    /// The words of a note, 1 to 4,000 characters.
    #[serde(default)]
    note: Option<Words>,
    /// Why it is escalated, dismissed or reopened, 1 to 4,000 characters.
    #[serde(default)]
    reason: Option<Words>,
    /// What it was, where it is resolved.
    #[serde(default)]
    outcome: Option<Outcome>,
    /// The events that the outcome is of; all of the alert where it is not said.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    events: Option<Vec<EventId>>,
}

/// Does something with an alert. `claim`, `release` want nothing more than a version; `note` wants `note`; `escalate`, `dismiss` and `reopen` want `reason`;
/// `resolve` wants `outcome` and takes `note` and `events`. Of what was escalated whoever does not review may write notes only. With `confirmed_fraud` and `false_positive` labels of the events are taken, from which models learn.
#[utoipa::path(
    post,
    path = "/v1/alerts/{id}/{act}",
    tag = "alerts",
    params(
        ("id" = String, Path, description = "the alert"),
        ("act" = String, Path, pattern = "^(claim|release|note|escalate|resolve|dismiss|reopen)$", description = "what is done"),
    ),
    request_body(content = ActDraft),
    responses(
        (status = 200, description = "it is done", body = AlertAnswer),
        (status = 404, description = "there is no such thing", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "it has changed, somebody else has it, or it is closed", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn act(
    State(api): State<Api>,
    Caller(person): Caller,
    InPath((id, act)): InPath<(String, String)>,
    body: Body,
) -> Result<Json<AlertAnswer>, Problem> {
    let draft: ActDraft = super::json(&body.map_err(Problem::body)?)?;
    let version = draft.version;
    let action = action(&act, draft)?;
    let alert = api.engine.act_on_alert(&AlertId::written(&id), version, action, &person).await?;
    Ok(Json(AlertAnswer::of(&alert)))
}

/// What is wanted; a field that does not belong to it is refused rather than passed over.
fn action(act: &str, draft: ActDraft) -> Result<Action, Problem> {
    let ActDraft { note, reason, outcome, events, .. } = draft;
    let takes: &[&str] = match act {
        "claim" | "release" => &[],
        "note" => &["note"],
        "escalate" | "dismiss" | "reopen" => &["reason"],
        "resolve" => &["outcome", "note", "events"],
        _ => {
            let acts = "claim, release, note, escalate, resolve, dismiss, reopen";
            return Err(Problem::not_found(format!("nothing can be done with an alert by `{act}`; there are {acts}")));
        }
    };
    let given =
        [("note", note.is_some()), ("reason", reason.is_some()), ("outcome", outcome.is_some()), ("events", events.is_some())];
    if let Some((extra, _)) = given.into_iter().find(|(name, is_given)| *is_given && !takes.contains(name)) {
        return Err(Problem::invalid(Some(extra.to_owned()), format!("`{act}` takes no `{extra}`")));
    }
    let words = |name: &str, text: Option<Words>| {
        let text = text.map(|Words(text)| text).filter(|text| !text.is_empty());
        text.ok_or_else(|| Problem::invalid(Some(name.to_owned()), format!("`{act}` wants a `{name}`")))
    };
    Ok(match act {
        "claim" => Action::Claim,
        "release" => Action::Release,
        "note" => Action::Note { text: words("note", note)? },
        "escalate" => Action::Escalate { reason: words("reason", reason)? },
        "dismiss" => Action::Dismiss { reason: words("reason", reason)? },
        "reopen" => Action::Reopen { reason: words("reason", reason)? },
        _ => {
            let wanted = Outcome::ALL.map(Outcome::name).join(", ");
            let outcome = outcome.ok_or_else(|| {
                Problem::invalid(Some("outcome".to_owned()), format!("`resolve` wants an `outcome`: one of {wanted}"))
            })?;
            if events.as_ref().is_some_and(Vec::is_empty) {
                return Err(Problem::invalid(Some("events".to_owned()), "it names no event; leave it out for all".to_owned()));
            }
            let Words(note) = note.unwrap_or_default();
            Action::Resolve { outcome, note, events }
        }
    })
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

    #[test]
    fn what_belongs_to_an_act_is_asked_for_and_nothing_else() {
        let check = |act: &str, body: &str, expect: Result<Action, &str>| {
            let draft = serde_json::from_str(body).expect("a draft");
            let found = action(act, draft).map_err(|problem| serde_json::to_value(problem).expect("JSON")["detail"].to_string());
            match (&found, &expect) {
                (Err(found), Err(expect)) => assert!(found.contains(expect), "{found}"),
                _ => assert_eq!(found.as_ref().ok(), expect.as_ref().ok(), "{act} {body}: {found:?}"),
            }
        };
        check("claim", r#"{"version":1}"#, Ok(Action::Claim));
        check("claim", r#"{"version":1,"note":"x"}"#, Err("`claim` takes no `note`"));
        check("note", r#"{"version":1,"note":" x "}"#, Ok(Action::Note { text: "x".to_owned() }));
        check("note", r#"{"version":1,"note":" "}"#, Err("`note` wants a `note`"));
        check("escalate", r#"{"version":1}"#, Err("`escalate` wants a `reason`"));
        check("resolve", r#"{"version":1}"#, Err("one of confirmed_fraud, false_positive, inconclusive, duplicate"));
        check("resolve", r#"{"version":1,"outcome":"duplicate","events":[]}"#, Err("it names no event"));
        let resolve = Action::Resolve { outcome: Outcome::Duplicate, note: String::new(), events: None };
        check("resolve", r#"{"version":1,"outcome":"duplicate"}"#, Ok(resolve));
        check("close", r#"{"version":1}"#, Err("there are claim, release"));
    }
}
