//! The HTTP API: it decodes and checks at the door, asks the engine, and says the answer in the words of the API. It holds no
//! state and decides nothing.

pub mod access;
mod alerts;
mod answer;
mod audit;
mod backtest;
mod change_draft;
mod changes;
mod credit;
mod decisions;
mod experiments;
pub mod health;
mod in_path;
mod in_query;
mod json;
mod keys;
mod lists;
mod models;
mod no_parameters;
mod openapi;
mod page;
mod problem;
mod rules;
mod score;
mod session;
mod users;
mod words;

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use ingest::decode;
use tokio::sync::Semaphore;
use utoipa::openapi::OpenApi;

pub use self::answer::{DecisionPage, ScoreAnswer};
pub use self::in_path::InPath;
use self::json::json;
use self::no_parameters::Bare;
pub use self::page::Page;
pub use self::problem::Problem;
pub use self::score::{Trace, Traced, answer_score};
use self::words::{Reason, Words};
use crate::control::Person;
use crate::engine::Engine;

/// The largest request body, in bytes.
const BODY_LIMIT: usize = 64 * 1024;
/// The largest batch or file, in bytes.
const LARGE_BODY_LIMIT: usize = 8 * 1024 * 1024;

/// Writes metrics of other parts of the program behind those of scoring.
pub type MoreMetrics = Arc<dyn Fn(&mut String) + Send + Sync>;

#[derive(Clone)]
struct Api {
    engine: Arc<Engine>,
    more_metrics: MoreMetrics,
    /// The document of the whole API.
    document: Arc<serde_json::Value>,
    /// A replay reads much of the log: one at a time.
    replays: Arc<Semaphore>,
    /// A backtest reads all of it: one at a time, and nobody waits in line.
    backtests: Arc<Semaphore>,
}

/// A body, or why it was not read.
type Body = Result<Bytes, BytesRejection>;

/// Refuses texts that have card numbers in them, by their fields: none reaches the log.
fn refuse_card_numbers<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<(), Problem> {
    let refused = |field: &str| {
        let detail = format!("`{field}` has what looks like a card number in it: write the token that stands for it");
        Problem::invalid(Some(field.to_owned()), detail)
    };
    texts.into_iter().find(|(_, text)| decode::has_card_number(text)).map_or(Ok(()), |(field, _)| Err(refused(field)))
}

/// Who calls, by their key; where no keys are kept, everybody is the same.
struct Caller(Person);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Ok(Self(parts.extensions.get::<Person>().cloned().unwrap_or_else(Person::anybody)))
    }
}

/// The routes of the API with those of other parts of the program, which its document describes, too: whatever that describes refuses
/// parameters that it does not have.
pub fn router(engine: Arc<Engine>, more_metrics: MoreMetrics, more_routes: Router, described: OpenApi) -> Router {
    let document = Arc::new(openapi::document(engine.pipeline(), described));
    let bare = Arc::new(Bare::of(&document));
    Router::new()
        .route("/v1/score", post(score::score))
        .route("/v1/credit/score", post(credit::score))
        .route("/v1/labels", post(label))
        .route("/v1/decisions/{event_id}", get(decisions::decision))
        .route("/v1/decisions/{event_id}/replay", get(decisions::replay))
        .route("/v1/rules", get(rules::list))
        .route("/v1/rules/check", post(rules::check))
        .route("/v1/rules/{rule_id}", get(rules::get).put(rules::put))
        .route("/v1/rules/{rule_id}/backtest", post(backtest::backtest))
        .route("/v1/lists", get(lists::list))
        .route("/v1/lists/{list}/entries", get(lists::entries).post(lists::add).delete(lists::remove))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{version}/role", put(models::put_role))
        .route("/v1/models/rollback", post(models::roll_back))
        .route("/v1/models/retrain", post(models::retrain))
        .route("/v1/experiments", get(experiments::list).post(experiments::start))
        .route("/v1/experiments/{name}/end", post(experiments::end))
        .route("/v1/alerts", get(alerts::queue::list))
        .route("/v1/alerts/next", post(alerts::queue::next))
        .route("/v1/alerts/{id}", get(alerts::detail::get))
        .route("/v1/alerts/{id}/{act}", post(alerts::acts::act))
        .route("/v1/changes", get(changes::list).post(changes::propose))
        .route("/v1/changes/{id}", get(changes::get))
        .route("/v1/changes/{id}/approve", post(changes::approve))
        .route("/v1/changes/{id}/reject", post(changes::reject))
        .route("/v1/changes/{id}/withdraw", post(changes::withdraw))
        .route("/livez", get(health::live))
        .route("/openapi.json", get(openapi))
        .route("/docs", get(docs))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .merge(large_bodies())
        .with_state(Api {
            engine,
            more_metrics,
            document,
            replays: Arc::new(Semaphore::new(1)),
            backtests: Arc::new(Semaphore::new(1)),
        })
        .merge(more_routes)
        .layer(from_fn_with_state(bare, no_parameters::refuse))
}

/// The routes of those who may call: who is logged in, who may log in, which keys there are, and what everybody has done.
pub fn people_router(access: Arc<access::Access>) -> Router {
    Router::new()
        .route("/v1/session", get(session::who).post(session::log_in).delete(session::log_out))
        .route("/v1/session/password", put(session::set_password))
        .route("/v1/users", get(users::list).post(users::add))
        .route("/v1/users/{name}", put(users::edit).delete(users::remove))
        .route("/v1/keys", get(keys::list).post(keys::add))
        .route("/v1/keys/{name}", delete(keys::revoke))
        .route("/v1/keys/{name}/rotate", post(keys::rotate))
        .route("/v1/audit", get(audit::list))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(access)
}

/// This document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "operation",
    responses((status = 200, description = "this document", body = Object)),
)]
async fn openapi(State(api): State<Api>) -> Json<serde_json::Value> {
    Json(serde_json::Value::clone(&api.document))
}

/// This document for people.
#[utoipa::path(
    get,
    path = "/docs",
    tag = "operation",
    responses((status = 200, description = "this document for people", body = String, content_type = "text/html")),
)]
async fn docs() -> Html<&'static str> {
    Html(openapi::PAGE)
}

/// Those that take more than one thing at once.
fn large_bodies() -> Router<Api> {
    Router::new()
        .route("/v1/score/batch", post(score::batch))
        .route("/v1/lists/{list}/import", post(lists::import))
        .layer(DefaultBodyLimit::max(LARGE_BODY_LIMIT))
}

#[utoipa::path(
    post,
    path = "/v1/labels",
    tag = "labels",
    request_body(content = Object, description = "a label, as `components.schemas.Label` describes it"),
    responses(
        (status = 202, description = "it is in the log", body = Object),
    )
)]
async fn label(State(api): State<Api>, body: Body) -> Result<Response, Problem> {
    let body = body.map_err(Problem::body)?;
    let received_at = api.engine.now();
    let label = decode::json::label(&body)?;
    if label.observed_at.since(received_at) > api.engine.pipeline().max_skew {
        return Err(Problem::invalid(Some("observed_at".to_owned()), "it lies in the future".to_owned()));
    }
    let event_id = label.event_id.clone();
    let position = api.engine.label(label, received_at).await?;
    let answer = serde_json::json!({"event_id": event_id, "status": "accepted", "log_position": position});
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}

#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operation",
    responses(
        (status = 200, description = "OpenMetrics text", body = String, content_type = "application/openmetrics-text"),
    )
)]
async fn metrics(State(api): State<Api>) -> Response {
    let mut text = String::new();
    api.engine.measure();
    api.engine.metrics().encode(&mut text);
    (api.more_metrics)(&mut text);
    text.push_str("# EOF\n");
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response()
}
