//! What the page asks of the warehouse, over HTTP: days are checked here, the rest is monitor's.

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use ingest::{Timestamp, with_causes};
use monitor::{Days, Warehouse, questions};
use scoring::api::{InPath, Problem};
use serde::Serialize;

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
        (status = 200, description = "the answer, as the page draws it", body = serde_json::Value),
        (status = 400, description = "a parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is no such question", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn answer(
    State(warehouse): State<Arc<dyn Warehouse>>,
    InPath(question): InPath<String>,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(parameters) = query.map_err(|rejection| Problem::parameter("query", rejection.body_text()))?;
    let days = days(&parameters)?;
    answered(&*warehouse, &question, days)
        .await
        .map_err(unanswered)?
        .ok_or_else(|| Problem::not_found(format!("there is no question `{question}`")))
}

/// `None` when there is no such question.
async fn answered(warehouse: &dyn Warehouse, question: &str, days: Days) -> Result<Option<Response>, monitor::Error> {
    Ok(Some(match question {
        "volume" => Json(questions::volume(warehouse, days).await?).into_response(),
        "decision-mix" => Json(questions::decision_mix(warehouse, days).await?).into_response(),
        "score-distribution" => Json(questions::score_distribution(warehouse, days).await?).into_response(),
        "latency" => {
            let overall = questions::latency_overall(warehouse, days).await?;
            Json(Latency { overall, days: questions::latency(warehouse, days).await? }).into_response()
        }
        "detection" => Json(questions::detection(warehouse, days).await?).into_response(),
        _ => return Ok(None),
    }))
}

/// How many decisions are listed without a `limit`, and with one at most.
const LISTED: u32 = 50;
const MOST_LISTED: u32 = 500;

/// The newest decisions, at most `limit`.
#[utoipa::path(
    get,
    path = "/v1/decisions",
    tag = "decisions",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "1 to 500, 50 by default"),
        ("from" = Option<String>, Query, format = Date, description = "the first day, as 2018-08-01"),
        ("to" = Option<String>, Query, format = Date, description = "the last day, as 2018-08-01"),
    ),
    responses(
        (status = 200, description = "the newest decisions", body = Vec<Object>),
        (status = 400, description = "a parameter is not valid", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn newest(
    State(warehouse): State<Arc<dyn Warehouse>>,
    query: Result<Query<HashMap<String, String>>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(mut parameters) = query.map_err(|rejection| Problem::parameter("query", rejection.body_text()))?;
    let limit = match parameters.remove("limit") {
        None => LISTED,
        Some(text) => (text.parse().ok().filter(|limit| (1..=MOST_LISTED).contains(limit)))
            .ok_or_else(|| Problem::parameter("limit", format!("`limit` is a number from 1 to {MOST_LISTED}")))?,
    };
    let days = days(&parameters.into_iter().collect::<Vec<_>>())?;
    Ok(Json(questions::newest(&*warehouse, days, limit).await.map_err(unanswered)?).into_response())
}

/// What went wrong is said to the caller, why to the log: causes name files and columns.
pub(crate) fn unanswered(error: monitor::Error) -> Problem {
    tracing::error!(error = with_causes(&error), "a question of the page was not answered");
    let more = if error.source().is_none() { "" } else { "; the log of the server says why" };
    Problem::unavailable(format!("{error}{more}"))
}

/// The days from `from` to `to`, both included.
pub(crate) fn days(parameters: &[(String, String)]) -> Result<Days, Problem> {
    let (mut from, mut to) = (None, None);
    for (name, value) in parameters {
        match name.as_str() {
            "from" => from = Some(day("from", value)?),
            "to" => to = Some(day("to", value)?),
            other => {
                return Err(Problem::parameter(other, format!("there is no parameter `{other}`; there are `from` and `to`")));
            }
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
