//! Whether the program runs, and whether it is ready: the same two answers while it is starting and afterwards.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Api;

/// Whether it runs at all.
#[utoipa::path(
    get,
    path = "/livez",
    tag = "operation",
    responses(
        (status = 200, description = "it runs", body = Object),
    )
)]
pub(super) async fn live() -> Response {
    alive()
}

#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operation",
    responses(
        (status = 200, description = "it decides as it is meant to", body = Object),
        (status = 503, description = "what is missing", body = Object),
    )
)]
pub(super) async fn ready(State(api): State<Api>) -> Response {
    let deciders = api.engine.deciders();
    let mut missing = Vec::new();
    if api.engine.failure().is_some() {
        missing.push("a log that takes records: see the log of the server".to_owned());
    } else if let Some(trouble) = api.engine.trouble() {
        missing.push(format!("a log that gets on: {trouble}"));
    }
    if deciders.champion.is_none() {
        missing.push("a champion model: train one, then promote it".to_owned());
    }
    missing.extend(deciders.missing.iter().map(|what| format!("{what}, which cannot be used: see the log of the server")));
    let model = deciders.champion.as_ref().map(|champion| format!("{} {}", champion.artifact.about.name, champion.version));
    match model.filter(|_| missing.is_empty()) {
        Some(model) => Json(json!({"ready": true, "model": model})).into_response(),
        None => unready(&missing),
    }
}

/// Whether it is one of the two.
pub(super) fn is_probe(path: &str) -> bool {
    matches!(path, "/livez" | "/readyz")
}

/// The answer to `GET /livez`, of whoever can give one.
pub fn alive() -> Response {
    Json(json!({"live": true})).into_response()
}

/// The answer to `GET /readyz` while something is missing.
pub fn unready(missing: &[String]) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"ready": false, "missing": missing}))).into_response()
}
