//! The files of the page, as they are in `page/`.

use axum::http::header;
use axum::response::{IntoResponse, Response};

use scoring::api::{InPath, Problem};

const ALERT: &str = include_str!("../page/alert.html");
const ALERTS: &str = include_str!("../page/alerts.html");
const PAGE: &str = include_str!("../page/index.html");
const DRIFT: &str = include_str!("../page/drift.html");
const AUDIT: &str = include_str!("../page/audit.html");
const EXPERIMENTS: &str = include_str!("../page/experiments.html");
const KEYS: &str = include_str!("../page/keys.html");
const LOGIN: &str = include_str!("../page/login.html");
const MODELS: &str = include_str!("../page/models.html");
const PEOPLE: &str = include_str!("../page/people.html");
const RULES: &str = include_str!("../page/rules.html");

/// Each with its name under `/assets/`; the ending says what it is.
pub(crate) const ASSETS: [(&str, &str); 43] = [
    ("alert.js", include_str!("../page/alert.js")),
    ("alerts.css", include_str!("../page/alerts.css")),
    ("alerts.js", include_str!("../page/alerts.js")),
    ("app.css", include_str!("../page/app.css")),
    ("app.js", include_str!("../page/app.js")),
    ("ask.js", include_str!("../page/ask.js")),
    ("audit.js", include_str!("../page/audit.js")),
    ("charts.js", include_str!("../page/charts.js")),
    ("decisions.js", include_str!("../page/decisions.js")),
    ("desk.js", include_str!("../page/desk.js")),
    ("dom.js", include_str!("../page/dom.js")),
    ("drift.css", include_str!("../page/drift.css")),
    ("drift.js", include_str!("../page/drift.js")),
    ("duel.js", include_str!("../page/duel.js")),
    ("event.js", include_str!("../page/event.js")),
    ("experiment.js", include_str!("../page/experiment.js")),
    ("experiments.css", include_str!("../page/experiments.css")),
    ("experiments.js", include_str!("../page/experiments.js")),
    ("figures.js", include_str!("../page/figures.js")),
    ("format.js", include_str!("../page/format.js")),
    ("frame.js", include_str!("../page/frame.js")),
    ("guardrails.js", include_str!("../page/guardrails.js")),
    ("heat.js", include_str!("../page/heat.js")),
    ("icon.svg", include_str!("../page/icon.svg")),
    ("keys.js", include_str!("../page/keys.js")),
    ("lists.js", include_str!("../page/lists.js")),
    ("login.js", include_str!("../page/login.js")),
    ("marks.js", include_str!("../page/marks.js")),
    ("maturity.js", include_str!("../page/maturity.js")),
    ("models.css", include_str!("../page/models.css")),
    ("models.js", include_str!("../page/models.js")),
    ("people.css", include_str!("../page/people.css")),
    ("people.js", include_str!("../page/people.js")),
    ("proposals.js", include_str!("../page/proposals.js")),
    ("rivals.js", include_str!("../page/rivals.js")),
    ("rule.js", include_str!("../page/rule.js")),
    ("rules.css", include_str!("../page/rules.css")),
    ("rules.js", include_str!("../page/rules.js")),
    ("scales.js", include_str!("../page/scales.js")),
    ("start.js", include_str!("../page/start.js")),
    ("table_page.js", include_str!("../page/table_page.js")),
    ("trial.js", include_str!("../page/trial.js")),
    ("who.js", include_str!("../page/who.js")),
];

pub(crate) async fn page() -> Response {
    file("text/html; charset=utf-8", PAGE)
}

pub(crate) async fn alerts() -> Response {
    file("text/html; charset=utf-8", ALERTS)
}

pub(crate) async fn alert() -> Response {
    file("text/html; charset=utf-8", ALERT)
}

pub(crate) async fn models() -> Response {
    file("text/html; charset=utf-8", MODELS)
}

pub(crate) async fn experiments() -> Response {
    file("text/html; charset=utf-8", EXPERIMENTS)
}

pub(crate) async fn audit() -> Response {
    file("text/html; charset=utf-8", AUDIT)
}

pub(crate) async fn login() -> Response {
    file("text/html; charset=utf-8", LOGIN)
}

pub(crate) async fn people() -> Response {
    file("text/html; charset=utf-8", PEOPLE)
}

pub(crate) async fn keys() -> Response {
    file("text/html; charset=utf-8", KEYS)
}

pub(crate) async fn rules() -> Response {
    file("text/html; charset=utf-8", RULES)
}

pub(crate) async fn drift_page() -> Response {
    file("text/html; charset=utf-8", DRIFT)
}

pub(crate) async fn asset(InPath(name): InPath<String>) -> Result<Response, Problem> {
    let (_, text) = ASSETS
        .into_iter()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| Problem::not_found(format!("there is no file `{name}`")))?;
    let kind = match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/javascript; charset=utf-8",
    };
    Ok(file(kind, text))
}

fn file(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
