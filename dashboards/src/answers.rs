//! What the page asks of the warehouse, over HTTP: days are checked here, the rest is monitor's.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use ingest::Timestamp;
use monitor::{Days, Warehouse, questions};
use serde::Serialize;

use crate::problem::Problem;

/// Percentiles of all days together (`None` without decisions) and of each day.
#[derive(Serialize)]
struct Latency {
    overall: Option<questions::Latency>,
    days: Vec<questions::LatencyDay>,
}

pub(crate) async fn answer(
    State(warehouse): State<Arc<dyn Warehouse>>,
    Path(question): Path<String>,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(parameters) = query.map_err(|rejection| Problem::invalid("query", rejection.body_text()))?;
    let days = days(&parameters)?;
    let warehouse = warehouse.as_ref();
    Ok(match question.as_str() {
        "volume" => Json(questions::volume(warehouse, days).await?).into_response(),
        "decision-mix" => Json(questions::decision_mix(warehouse, days).await?).into_response(),
        "score-distribution" => Json(questions::score_distribution(warehouse, days).await?).into_response(),
        "latency" => {
            let overall = questions::latency_overall(warehouse, days).await?;
            Json(Latency { overall, days: questions::latency(warehouse, days).await? }).into_response()
        }
        "detection" => Json(questions::detection(warehouse, days).await?).into_response(),
        _ => return Err(Problem::not_found("question", &question)),
    })
}

/// The days from `from` to `to`, both included.
fn days(parameters: &[(String, String)]) -> Result<Days, Problem> {
    let (mut from, mut to) = (None, None);
    for (name, value) in parameters {
        match name.as_str() {
            "from" => from = Some(day("from", value)?),
            "to" => to = Some(day("to", value)?),
            other => return Err(Problem::invalid(other, format!("there is no parameter `{other}`; there are `from` and `to`"))),
        }
    }
    if let (Some(from), Some(to)) = (from, to)
        && to < from
    {
        return Err(Problem::invalid("to", format!("`to` is {}, before `from`, which is {}", to.date(), from.date())));
    }
    Ok(Days::between(from, to))
}

fn day(field: &str, text: &str) -> Result<Timestamp, Problem> {
    let time = text.parse().ok().filter(|time: &Timestamp| time.date() == text);
    time.ok_or_else(|| Problem::invalid(field, format!("`{field}` is not a day: write it as 2018-08-01, not `{text}`")))
}
