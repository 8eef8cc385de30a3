//! The queue of alerts: those that are asked for, in their order, and the one to look at next.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ingest::{Currency, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::in_query::InQuery;
use super::super::page::{Page, PageQuery, page};
use super::super::problem::Problem;
use super::super::{Api, Caller};
use super::AlertAnswer;
use crate::alerts::{Desk, Filter, Order, Policy, STATES, Severity};
use crate::control::Person;

/// A part of the queue.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Queue {
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
    /// What `money_at_least` is in, as `EUR`: the currency of the pipeline.
    #[schema(value_type = String)]
    currency: Currency,
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
pub(in crate::api) struct Asked {
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
        ("money_at_least" = Option<i64>, Query, description = "of at least so much, in minor units of `currency`"),
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
pub(in crate::api) async fn list(
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
            currency: api.engine.pipeline().schema.default_currency,
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
pub(in crate::api) async fn next(
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
