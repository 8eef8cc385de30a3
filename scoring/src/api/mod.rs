//! The HTTP API: it decodes and checks at the door, asks the engine, and says the answer in the words of the API. It holds no
//! state and decides nothing.

mod answer;
mod problem;

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use ingest::{EventId, decode};

pub use self::answer::{DecisionPage, ScoreAnswer};
pub use self::problem::Problem;
use crate::engine::{Engine, Terms};

/// The largest request body, in bytes.
const BODY_LIMIT: usize = 64 * 1024;

/// Writes metrics of other parts of the program behind those of scoring.
pub type MoreMetrics = Arc<dyn Fn(&mut String) + Send + Sync>;

#[derive(Clone)]
struct Api {
    engine: Arc<Engine>,
    more_metrics: MoreMetrics,
}

/// The routes of the API.
pub fn router(engine: Arc<Engine>, more_metrics: MoreMetrics) -> Router {
    Router::new()
        .route("/v1/score", post(score))
        .route("/v1/labels", post(label))
        .route("/v1/decisions/{event_id}", get(decision))
        .route("/livez", get(|| async { Json(serde_json::json!({"live": true})) }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(Api { engine, more_metrics })
}

async fn score(
    State(api): State<Api>,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Json<ScoreAnswer>, Problem> {
    let body = body.map_err(Problem::body)?;
    let received_at = api.engine.clock().now();
    let event = decode::json::event(&body, &api.engine.pipeline().schema)?;
    if let Some(ahead) = api.engine.pipeline().skew(&event, received_at) {
        let detail =
            format!("it is {} s ahead of the clock, allowed are {}", ahead.micros() / 1_000_000, api.engine.pipeline().max_skew);
        return Err(Problem::invalid(Some("event_time".to_owned()), detail));
    }
    let scored = api.engine.score(event, received_at, Terms::default()).await?;
    Ok(Json(ScoreAnswer::new(scored)))
}

async fn label(
    State(api): State<Api>,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Response, Problem> {
    let body = body.map_err(Problem::body)?;
    let received_at = api.engine.clock().now();
    let label = decode::json::label(&body)?;
    if label.observed_at.since(received_at) > api.engine.pipeline().max_skew {
        return Err(Problem::invalid(Some("observed_at".to_owned()), "it lies in the future".to_owned()));
    }
    let event_id = label.event_id.clone();
    let position = api.engine.label(label, received_at).await?;
    let answer = serde_json::json!({"event_id": event_id, "status": "accepted", "log_position": position});
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}

async fn decision(State(api): State<Api>, Path(event_id): Path<String>) -> Result<Json<DecisionPage>, Problem> {
    let unknown = || Problem::not_found(format!("there is no decision about an event `{event_id}`"));
    let id = EventId::new(&event_id).ok_or_else(unknown)?;
    let history = api.engine.history(id).await?.ok_or_else(unknown)?;
    Ok(Json(DecisionPage::new(history, api.engine.pipeline())))
}

async fn ready(State(api): State<Api>) -> Response {
    let (status, body) = match (api.engine.champion(), api.engine.failure()) {
        (_, Some(_)) => {
            let missing = ["a log that takes records: see the log of the server"];
            (StatusCode::SERVICE_UNAVAILABLE, serde_json::json!({"ready": false, "missing": missing}))
        }
        (Some(champion), None) => {
            let model = format!("{} {}", champion.artifact.about.name, champion.version);
            (StatusCode::OK, serde_json::json!({"ready": true, "model": model}))
        }
        (None, None) => (
            StatusCode::SERVICE_UNAVAILABLE,
            serde_json::json!({"ready": false, "missing": ["a champion model: train one, then promote it"]}),
        ),
    };
    (status, Json(body)).into_response()
}

async fn metrics(State(api): State<Api>) -> Response {
    let mut text = String::new();
    // An engine that has stopped still tells what it last knew.
    let _ = api.engine.measure().await;
    api.engine.metrics().encode(&mut text);
    (api.more_metrics)(&mut text);
    text.push_str("# EOF\n");
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response()
}
