//! What the page of drift draws: each thing of each window, with its bins then and now.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use monitor::drift::{Against, Moved, Rules};
use monitor::{Watch, Window};
use scoring::api::Problem;
use serde::Serialize;

use crate::answers::{Queried, days, parameters, unanswered};

/// What moved in the windows of some days.
#[derive(Serialize)]
struct Answer {
    window: &'static str,
    against: &'static str,
    segment: String,
    /// The segments that these days have.
    segments: Vec<String>,
    rules: Rules,
    moved: Vec<Moved>,
}

/// How far features, score and decisions have moved, window by window.
#[utoipa::path(
    get,
    path = "/v1/monitor/drift",
    tag = "monitor",
    params(
        ("window" = Option<String>, Query, pattern = "^(hour|day|week)$", description = "how long the windows are; day by default"),
        (
            "against" = Option<String>, Query, pattern = "^(training|week_before|same_hours)$",
            description = "what each window is held against; training by default",
        ),
        ("segment" = Option<String>, Query, description = "as channel=ecom; all decisions by default"),
        ("from" = Option<String>, Query, format = Date, description = "the first day, as 2018-08-01"),
        ("to" = Option<String>, Query, format = Date, description = "the last day, as 2018-08-01"),
    ),
    responses(
        (status = 200, description = "each thing of each window, oldest first", body = serde_json::Value),
        (status = 400, description = "a parameter is not valid", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn drift(State(watch): State<Arc<Watch>>, query: Queried) -> Result<Response, Problem> {
    let parameters = parameters(query, &["window", "against", "segment", "from", "to"])?;
    let days = days(&parameters)?;
    let (mut window, mut against, mut segment) = (Window::Day, Against::Training, String::new());
    for (name, value) in parameters {
        match name.as_str() {
            "window" => window = self::window(&value)?,
            "against" => {
                against = value.parse().map_err(|error: String| Problem::parameter("against", format!("`against`: {error}")))?;
            }
            "segment" => segment = value,
            // Days are read already.
            _ => {}
        }
    }
    let drift = watch.drift(window, against, &segment, days).await.map_err(unanswered)?;
    let answer = Answer {
        window: window.name(),
        against: against.name(),
        segment,
        segments: drift.segments,
        rules: watch.monitoring().rules,
        moved: drift.moved,
    };
    Ok(Json(answer).into_response())
}

fn window(text: &str) -> Result<Window, Problem> {
    let found = [Window::Hour, Window::Day, Window::Week].into_iter().find(|window| window.name() == text);
    found.ok_or_else(|| Problem::parameter("window", format!("`window` is `{text}`, which is none of hour, day, week")))
}
