//! What the page asks of the warehouse, over HTTP: days are checked here, the rest is monitor's.

use std::error::Error as _;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use ingest::{Currency, Duration, Timestamp, with_causes};
use monitor::questions::{NewestDecision, Wanted};
use monitor::{Days, Period, Warehouse, questions};
use scoring::Verdict;
use scoring::api::{InPath, Page, Problem};
use scoring::rules::RuleId;
use serde::Serialize;

/// What the live page is made of.
#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) warehouse: Arc<dyn Warehouse>,
    /// What money is told in.
    pub(crate) currency: Currency,
}

/// The parameters of a query, as they are written.
pub(crate) type Queried = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// The parameters of what is asked of some days.
pub(crate) const DAYS: [&str; 2] = ["from", "to"];

/// The parameters, one by one: each is one of those that are known, and there once. Of two values nobody could say which one was meant.
pub(crate) fn parameters(query: Queried, known: &[&str]) -> Result<Vec<(String, String)>, Problem> {
    let Query(parameters) = query.map_err(|rejection| Problem::parameter("query", rejection.body_text()))?;
    for (place, (name, _)) in parameters.iter().enumerate() {
        if !known.contains(&name.as_str()) {
            let detail = format!("there is no parameter `{name}`; there are {}", listed(known));
            return Err(Problem::parameter(name, detail));
        }
        if parameters[..place].iter().any(|(before, _)| before == name) {
            return Err(Problem::parameter(name, format!("`{name}` is there twice: say it once")));
        }
    }
    Ok(parameters)
}

/// Names in a sentence: `from`, `to` and `as_of`.
fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        _ => quoted.concat(),
    }
}

/// Percentiles of all days together (`None` without decisions) and of each day.
#[derive(Serialize)]
struct Latency {
    overall: Option<questions::Latency>,
    days: Vec<questions::LatencyDay>,
}

/// The answer to a question of the page.
#[utoipa::path(
    get,
    path = "/v1/monitor/{question}",
    tag = "monitor",
    params(
        (
            "question" = String, Path, pattern = "^(volume|decision-mix|score-distribution|latency|detection)$",
            description = "what is asked",
        ),
        ("from" = Option<String>, Query, format = Date, description = "the first day, as 2018-08-01"),
        ("to" = Option<String>, Query, format = Date, description = "the last day, as 2018-08-01"),
    ),
    responses(
        (
            status = 200,
            description = "the answer, as the page draws it; money is in `currency`, without that of `other_currency` events in others",
            body = serde_json::Value,
        ),
        (status = 400, description = "a parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is no such question", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn answer(
    State(live): State<Live>,
    InPath(question): InPath<String>,
    query: Queried,
) -> Result<Response, Problem> {
    let days = days(&parameters(query, &DAYS)?)?;
    answered(&live, &question, days)
        .await
        .map_err(unanswered)?
        .ok_or_else(|| Problem::not_found(format!("there is no question `{question}`")))
}

/// `None` when there is no such question.
async fn answered(live: &Live, question: &str, days: Days) -> Result<Option<Response>, monitor::Error> {
    let (warehouse, currency) = (&*live.warehouse, live.currency);
    Ok(Some(match question {
        "volume" => Json(questions::volume(warehouse, days, currency).await?).into_response(),
        "decision-mix" => Json(questions::decision_mix(warehouse, days).await?).into_response(),
        "score-distribution" => Json(questions::score_distribution(warehouse, days).await?).into_response(),
        "latency" => {
            let overall = questions::latency_overall(warehouse, days).await?;
            Json(Latency { overall, days: questions::latency(warehouse, days).await? }).into_response()
        }
        "detection" => Json(questions::detection(warehouse, days, currency).await?).into_response(),
        _ => return Ok(None),
    }))
}

/// The parameters of a list.
const LISTED: [&str; 4] = ["from", "to", "limit", "cursor"];

/// How many rows a page has without a `limit`, and with one at most.
const USUAL: u16 = 50;
const MOST: u16 = 500;

/// A page of a list in the order of the log, the newest first.
pub(crate) struct Listed {
    pub(crate) days: Days,
    /// Where the last row of the page before lies in the log: no two rows lie there, and none comes in behind it.
    pub(crate) before: Option<u64>,
    limit: u16,
}

impl Listed {
    /// As `from`, `to`, `limit` and `cursor` say.
    pub(crate) fn asked(query: Queried) -> Result<Self, Problem> {
        Self::of(parameters(query, &LISTED)?)
    }

    /// As those of some parameters say that are its own; the others are somebody else's.
    pub(crate) fn of(parameters: Vec<(String, String)>) -> Result<Self, Problem> {
        let days = days(&parameters)?;
        let (mut before, mut limit) = (None, USUAL);
        for (name, value) in parameters {
            match name.as_str() {
                "limit" => {
                    limit = (value.parse().ok().filter(|limit| (1..=MOST).contains(limit)))
                        .ok_or_else(|| Problem::parameter("limit", format!("`limit` is a number from 1 to {MOST}")))?;
                }
                "cursor" => {
                    let position = value.parse().ok().filter(|position: &u64| position.to_string() == value);
                    let wrong = || Problem::parameter("cursor", "`cursor` is the `next_cursor` of no page".to_owned());
                    before = Some(position.ok_or_else(wrong)?);
                }
                // Days are read already.
                _ => {}
            }
        }
        Ok(Self { days, before, limit })
    }

    /// How many rows are to be asked for: one more than the page has says that there is another page.
    pub(crate) fn rows(&self) -> u32 {
        u32::from(self.limit) + 1
    }

    /// The page of what was found, of which each row lies somewhere in the log.
    pub(crate) fn page<Row>(&self, mut found: Vec<Row>, position: impl Fn(&Row) -> u64) -> Page<Row> {
        let is_last = found.len() <= usize::from(self.limit);
        found.truncate(usize::from(self.limit));
        let next_cursor = found.last().filter(|_| !is_last).map(|row| position(row).to_string());
        Page { items: found, next_cursor }
    }
}

/// The newest decisions, those before them page by page.
#[utoipa::path(
    get,
    path = "/v1/decisions",
    tag = "decisions",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "1 to 500, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("from" = Option<String>, Query, format = Date, description = "the first day, as 2018-08-01"),
        ("to" = Option<String>, Query, format = Date, description = "the last day, as 2018-08-01"),
        ("decision" = inline(Option<Verdict>), Query, description = "those that came to this"),
        ("rule" = Option<String>, Query, description = "those that this rule hit, also while it was in shadow", pattern = "^[A-Za-z0-9_-]{1,64}$"),
    ),
    responses(
        (status = 200, description = "decisions, the newest first", body = Page<serde_json::Value>),
        (status = 400, description = "a parameter is not valid", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn newest(State(live): State<Live>, query: Queried) -> Result<Json<Page<NewestDecision>>, Problem> {
    let parameters = parameters(query, &["from", "to", "limit", "cursor", "decision", "rule"])?;
    let wanted = wanted(&parameters)?;
    let listed = Listed::of(parameters)?;
    let found = questions::newest(&*live.warehouse, listed.days, wanted, listed.before, listed.rows()).await;
    Ok(Json(listed.page(found.map_err(unanswered)?, |decision| decision.log_position)))
}

/// Which decisions, as `decision` and `rule` say.
fn wanted(parameters: &[(String, String)]) -> Result<Wanted, Problem> {
    let mut wanted = Wanted::default();
    for (name, value) in parameters {
        match name.as_str() {
            "decision" => {
                let verdict = Verdict::ALL.into_iter().find(|verdict| verdict.name() == value);
                let words = Verdict::ALL.map(Verdict::name).join(", ");
                let wrong = || Problem::parameter("decision", format!("`decision` is one of {words}, not `{value}`"));
                wanted.verdict = Some(verdict.ok_or_else(wrong)?);
            }
            "rule" => {
                let rule = RuleId::try_from(value.clone()).map_err(|wrong| Problem::parameter("rule", wrong))?;
                wanted.rule = Some(rule);
            }
            _ => {}
        }
    }
    Ok(wanted)
}

/// What went wrong is said to the caller, why to the log: causes name files and columns.
pub(crate) fn unanswered(error: monitor::Error) -> Problem {
    tracing::error!(error = with_causes(&error), "a question of the page was not answered");
    let more = if error.source().is_none() { "" } else { "; the log of the server says why" };
    Problem::unavailable(format!("{error}{more}"))
}

/// The days from `from` to `to`, both included; other parameters are somebody else's.
pub(crate) fn days(parameters: &[(String, String)]) -> Result<Days, Problem> {
    let (mut from, mut to) = (None, None);
    for (name, value) in parameters {
        match name.as_str() {
            "from" => from = Some(day("from", value)?),
            "to" => to = Some(day("to", value)?),
            _ => {}
        }
    }
    if let (Some(from), Some(to)) = (from, to)
        && to < from
    {
        return Err(Problem::parameter("to", format!("`to` is {}, before `from`, which is {}", to.date(), from.date())));
    }
    Ok(Days::between(from, to))
}

fn day(field: &str, text: &str) -> Result<Timestamp, Problem> {
    let time = text.parse().ok().filter(|time: &Timestamp| time.date() == text);
    time.ok_or_else(|| Problem::parameter(field, format!("`{field}` is not a day: write it as 2018-08-01, not `{text}`")))
}

/// The time from `from` to `to`, each of which is a day, and then all of it, or a moment: the period begins at the one and ends before the
/// other. Other parameters are somebody else's.
pub(crate) fn period(parameters: &[(String, String)]) -> Result<Period, Problem> {
    let written = |name: &str| parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let (from, to) = (written("from"), written("to"));
    let mut period = Period::from(Days::ALL);
    if let Some(from) = from {
        period.from = moment("from", from)?;
    }
    if let Some(to) = to {
        let end = moment("to", to)?;
        period.until = if end.date() == to { end + Duration::days(1) } else { end };
    }
    if let (Some(from), Some(to)) = (from, to)
        && period.until <= period.from
    {
        return Err(Problem::parameter("to", format!("`to` is {to}, and nothing lies between it and `from`, which is {from}")));
    }
    Ok(period)
}

/// A moment, or the midnight that a day begins with.
fn moment(field: &str, text: &str) -> Result<Timestamp, Problem> {
    let wrong = || format!("`{field}` is no day and no time: write it as 2018-08-01 or 2018-08-01T12:00:00Z, not `{text}`");
    // A day in another form would count as its first moment.
    let time = text.parse().ok().filter(|time: &Timestamp| text.contains(':') || time.date() == text);
    time.ok_or_else(|| Problem::parameter(field, wrong()))
}
