//! The live page and its charts, over the questions that monitor answers. Everything that a browser needs is in the binary, and
//! the page may load nothing from anywhere else: banks' networks are closed.
//!
//! Nothing here changes anything, computes a figure of its own or speaks SQL.

mod alerts;
mod answers;
mod assets;
mod drift;
mod models;
mod rules;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::get;
use ingest::Currency;
use monitor::{Warehouse, Watch, experiment, performance};
use scoring::Registry;
use utoipa::OpenApi;

use self::answers::Live;

/// Scripts and styles come as files of their own from here; markup made from text is refused even if a script should try it.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// What the page of models is made of.
#[derive(Clone)]
pub struct Sources {
    /// Where decisions and labels are asked for.
    pub warehouse: Arc<dyn Warehouse>,
    /// Where models are.
    pub registry: Arc<dyn Registry>,
    /// The name of the model that decides.
    pub model: String,
    /// What money is told in: the currency of the pipeline.
    pub currency: Currency,
    /// How performance is measured.
    pub performance: performance::Policy,
    /// How a challenger is judged.
    pub experiment: experiment::Policy,
    /// The attributes whose values are looked at one by one.
    pub segments: Vec<String>,
}

/// The page at `/`, those of logging in, of the audit, of people, of keys and of rules, all files under `/assets/`, and the answers that the first draws under `/v1/monitor/`
/// and in `/v1/decisions`, that of rules in `/v1/rules/{rule_id}/versions`. The first also asks `/v1/status` and `/v1/decisions/{event_id}` of the same server, the others `/v1/session`,
/// `/v1/audit`, `/v1/users`, `/v1/keys`, `/v1/rules`, `/v1/lists` and `/v1/changes`.
///
/// Answers are JSON. The query parameters `from` and `to` are event days as `2018-08-01`, both included; without them a range is
/// open at that end. Money is told in `currency`. What cannot be answered is a problem as in RFC 9457: 400 with the field named,
/// 404, or 503 when the warehouse fails.
pub fn router(warehouse: Arc<dyn Warehouse>, currency: Currency) -> Router {
    Router::new()
        .route("/", get(assets::page))
        .route("/login", get(assets::login))
        .route("/audit", get(assets::audit))
        .route("/people", get(assets::people))
        .route("/keys", get(assets::keys))
        .route("/rules", get(assets::rules))
        .route("/assets/{name}", get(assets::asset))
        .route("/v1/monitor/{question}", get(answers::answer))
        .route("/v1/decisions", get(answers::newest))
        .route("/v1/rules/{rule_id}/versions", get(rules::versions))
        .with_state(Live { warehouse, currency })
        .layer(map_response(harden))
}

/// The page of models at `/models`, that of experiments at `/experiments`, and what they draw: `/v1/monitor/performance` and
/// `/v1/monitor/comparison`. They also ask `/v1/models`, `/v1/experiments` and `/v1/changes` of the same server.
pub fn models_router(sources: Sources) -> Router {
    Router::new()
        .route("/models", get(assets::models))
        .route("/experiments", get(assets::experiments))
        .merge(models::router(sources))
        .layer(map_response(harden))
}

/// The page of drift at `/drift`, and what it draws under `/v1/monitor/drift`.
pub fn drift_router(watch: Arc<Watch>) -> Router {
    Router::new()
        .route("/drift", get(assets::drift_page))
        .route("/v1/monitor/drift", get(drift::drift))
        .with_state(watch)
        .layer(map_response(harden))
}

/// The pages of the alert desk at `/alerts` and `/alerts/{id}`, and what they draw beside the alerts: `/v1/monitor/alerts` and
/// `/v1/entities/{entity}/{key}`. They also ask `/v1/alerts` of the same server.
pub fn alerts_router(warehouse: Arc<dyn Warehouse>, watch: Arc<Watch>) -> Router {
    alerts::router(warehouse, watch).layer(map_response(harden))
}

/// What of it an API document describes: the answers, not the page.
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(
        answers::answer,
        answers::newest,
        rules::versions,
        drift::drift,
        models::performance,
        models::comparison,
        alerts::alerts,
        alerts::entity,
    ))]
    struct Described;
    Described::openapi()
}

async fn harden(mut response: Response) -> Response {
    let headers: [(HeaderName, &str); 4] = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
