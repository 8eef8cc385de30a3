//! Errors over HTTP: RFC 9457 problem details with the field named. The one place where an error becomes a status.

use std::error::Error as _;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// A problem, as the caller sees it.
#[derive(Debug, Serialize)]
pub(crate) struct Problem {
    /// The kind of problem, as a URI reference.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The kind of problem, in words.
    title: &'static str,
    #[serde(serialize_with = "number")]
    status: StatusCode,
    /// What is wrong this time.
    detail: String,
    /// The parameter that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

impl Problem {
    pub(crate) fn invalid(field: &str, detail: String) -> Self {
        let (kind, title) = ("/problems/invalid", "the request is not valid");
        Self { kind, title, status: StatusCode::BAD_REQUEST, detail, field: Some(field.to_owned()) }
    }

    pub(crate) fn not_found(what: &str, name: &str) -> Self {
        let detail = format!("there is no {what} `{name}`");
        Self { kind: "/problems/not-found", title: "not found", status: StatusCode::NOT_FOUND, detail, field: None }
    }
}

/// What went wrong is said to the caller, why to the log: causes name files and columns.
impl From<monitor::Error> for Problem {
    fn from(error: monitor::Error) -> Self {
        let causes: Vec<String> =
            std::iter::successors(error.source(), |cause| (*cause).source()).map(ToString::to_string).collect();
        tracing::error!(%error, cause = causes.join(": "), "a question of the page was not answered");
        let more = if causes.is_empty() { "" } else { "; the log of the server says why" };
        let (kind, title) = ("/problems/warehouse", "the warehouse does not answer");
        Self { kind, title, status: StatusCode::SERVICE_UNAVAILABLE, detail: format!("{error}{more}"), field: None }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, [(header::CONTENT_TYPE, "application/problem+json")], Json(self)).into_response()
    }
}

fn number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}
