//! Errors over HTTP: RFC 9457 problem details with the field named. The one place where an error becomes a status.

use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http_body_util::LengthLimitError;
use ingest::Schema;
use ingest::decode::{Rejection, without_card_numbers};
use ingest::with_causes;
use serde::Serialize;
use utoipa::ToSchema;

use super::{BODY_LIMIT, LARGE_BODY_LIMIT};
use crate::alerts::Refusal;
use crate::backtest::Refused;
use crate::error::Error;

/// A problem, as the caller sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// The kind of problem, as a URI reference.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The kind of problem, in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong this time.
    detail: String,
    /// The field that it is about, as a path.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// How the engine is, where that is why nothing was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    engine: Option<Box<Condition>>,
    /// After how many seconds it may be tried again.
    #[serde(skip)]
    retry_after_s: Option<u32>,
}

/// How the engine is that decides nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = EngineCondition)]
struct Condition {
    /// `degraded` or, when it takes nothing until it is started again, `stopped`.
    mode: &'static str,
    /// Why.
    cause: &'static str,
}

impl Problem {
    /// What somebody sent may be in the detail, and a card number in that.
    fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: String) -> Self {
        let detail = without_card_numbers(&detail).into_owned();
        Self { kind, title, status: status.as_u16(), detail, field: None, engine: None, retry_after_s: None }
    }

    /// A request that does not say what it must.
    pub fn invalid(field: Option<String>, detail: String) -> Self {
        let field = field.map(|field| without_card_numbers(&field).into_owned());
        Self { field, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "/problems/invalid", "the request is not valid", detail) }
    }

    /// Why an event got no decision; its id is called what the sender calls it.
    pub(super) fn of(error: Error, schema: &Schema) -> Self {
        let is_about_id = matches!(error, Error::Conflict { .. } | Error::History { .. });
        let problem = Self::from(error);
        if is_about_id { Self { field: Some(schema.event_id.json.join(".")), ..problem } } else { problem }
    }

    /// A query parameter that does not fit.
    pub fn parameter(name: &str, detail: String) -> Self {
        Self::parameters(Some(name.to_owned()), detail)
    }

    /// One of a query's parameters that does not fit, where it is known which.
    pub(super) fn parameters(name: Option<String>, detail: String) -> Self {
        let field = name.map(|name| without_card_numbers(&name).into_owned());
        Self { field, ..Self::new(StatusCode::BAD_REQUEST, "/problems/parameter", "a parameter is not valid", detail) }
    }

    /// This problem, where what it is about is a part of something else.
    pub(super) fn within(self, place: &str) -> Self {
        let field = Some(self.field.map_or_else(|| place.to_owned(), |field| format!("{place}.{field}")));
        Self { field, ..self }
    }

    /// Something that is not there.
    pub fn not_found(detail: String) -> Self {
        Self::new(StatusCode::NOT_FOUND, "/problems/not-found", "not found", detail)
    }

    /// A file of who may call could not be changed: why is for the server's own log.
    pub(super) fn unwritten(error: &dyn std::error::Error) -> Self {
        tracing::error!(error = ingest::with_causes(error), "nothing was changed about who may call");
        Self::unavailable("nothing was changed; the log of the server says why".to_owned())
    }

    /// A call without a key that is known.
    pub(super) fn unauthorized(detail: String) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "/problems/unauthorized", "who calls is not known", detail)
    }

    /// Whether it is one of those.
    pub(super) fn is_unauthorized(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED.as_u16()
    }

    /// A name and a password that do not belong together; which of them is wrong is not said.
    pub(super) fn wrong_password() -> Self {
        Self::unauthorized("the name or the password is wrong".to_owned())
    }

    /// A call that the caller may not make.
    pub(super) fn forbidden(detail: String) -> Self {
        Self::new(StatusCode::FORBIDDEN, "/problems/forbidden", "the caller may not do this", detail)
    }

    /// Something that cannot be as things are.
    pub(super) fn taken(detail: String) -> Self {
        Self::new(StatusCode::CONFLICT, "/problems/taken", "it cannot be as things are", detail)
    }

    /// More calls than a key's rate allows.
    pub(super) fn too_many(detail: String) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "/problems/too-many-requests", "too many requests", detail)
    }

    /// A call to `path` that took too long. What it asked for may be done all the same.
    pub fn slow(path: &str, detail: String) -> Self {
        let slow = Self::new(StatusCode::SERVICE_UNAVAILABLE, "/problems/slow", "it took too long", detail).retry_after(1);
        if path.starts_with("/v1/score") || path == "/v1/credit/score" { slow.engine("degraded", "out_of_time") } else { slow }
    }

    /// A call that comes too early.
    pub fn not_ready(detail: String) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "/problems/not-ready", "not ready to decide", detail)
    }

    /// A path under which there is nothing.
    pub fn no_route(path: &str) -> Self {
        Self::not_found(format!("there is nothing at `{path}`"))
    }

    /// A method that a path does not take.
    pub fn no_method(method: &str, path: &str) -> Self {
        let detail = format!("`{path}` does not take {method}");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "/problems/method", "the path does not take this method", detail)
    }

    fn engine(self, mode: &'static str, cause: &'static str) -> Self {
        Self { engine: Some(Box::new(Condition { mode, cause })), ..self }
    }

    /// After how many seconds it may be tried again.
    pub fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }

    /// A path that does not say what it must.
    pub(super) fn path(rejection: PathRejection) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "/problems/parameter", "a parameter is not valid", rejection.body_text())
    }

    /// Something that is done for somebody else at the moment.
    pub(super) fn one_at_a_time(detail: String) -> Self {
        Self::new(StatusCode::CONFLICT, "/problems/one-at-a-time", "one at a time", detail)
    }

    /// Something that does not answer at the moment.
    pub fn unavailable(detail: String) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "/problems/unavailable", "not available", detail)
    }

    /// A body that could not be read.
    pub(super) fn body(rejection: BytesRejection) -> Self {
        let is_long = rejection.status() == StatusCode::PAYLOAD_TOO_LARGE;
        if is_long { Self::long() } else { Self::broken_off(&rejection.body_text()) }
    }

    /// The same, where no extractor read it.
    pub(super) fn unread(error: &(dyn std::error::Error + 'static)) -> Self {
        if error.is::<LengthLimitError>() { Self::long() } else { Self::broken_off(&error.to_string()) }
    }

    fn long() -> Self {
        let (most, most_of_many) = (BODY_LIMIT / 1024, LARGE_BODY_LIMIT / (1024 * 1024));
        let detail = format!("a body has at most {most} KiB, and {most_of_many} MiB where it has many events or entries");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "/problems/body", "the body is too long", detail)
    }

    fn broken_off(why: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "/problems/body", "the body could not be read", format!("it ended early: {why}"))
    }

    /// A body that was not all there in time. Nothing was done with it.
    pub fn slow_body(detail: String) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "/problems/slow-body", "the body came too slowly", detail)
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        Self::invalid(rejection.field, rejection.reason)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let (detail, cause) = (error.to_string(), error.cause());
        match error {
            Error::Conflict { .. } => Self {
                field: Some("event_id".to_owned()),
                ..Self::new(StatusCode::CONFLICT, "/problems/conflict", "the event id is taken", detail)
            },
            Error::History { .. } => Self {
                field: Some("event_id".to_owned()),
                ..Self::new(StatusCode::CONFLICT, "/problems/history", "the event is history", detail)
            },
            Error::NothingToSupersede { .. } => Self::invalid(Some("supersedes".to_owned()), detail),
            Error::Rule(error) => Self::invalid(Some(error.member().to_owned()), detail),
            Error::RuleChanged { .. } => Self {
                field: Some("version".to_owned()),
                ..Self::new(StatusCode::CONFLICT, "/problems/changed", "the rule has changed", detail)
            },
            Error::NoReason { .. } => Self::invalid(Some("reason".to_owned()), detail),
            Error::NoList { .. } => Self::not_found(detail),
            Error::Registry(crate::registry::Error::NotFound { .. }) => Self::not_found(detail),
            Error::Mismatch(_) => Self::invalid(Some("version".to_owned()), detail),
            Error::NeedsRestart { .. } => Self::invalid(None, detail),
            Error::Role { .. } => Self {
                field: Some("role".to_owned()),
                ..Self::new(StatusCode::CONFLICT, "/problems/role", "the model cannot have this role now", detail)
            },
            Error::Share { .. } => Self::invalid(Some("share_percent".to_owned()), detail),
            Error::Policy { .. } => Self::invalid(Some("policy".to_owned()), detail),
            Error::TooLarge { .. } => Self::invalid(None, detail),
            Error::Experiment { field, .. } => Self::invalid(Some(field.to_owned()), detail),
            Error::NoProposal { .. } | Error::NoExperiment { .. } => Self::not_found(detail),
            Error::OwnProposal { .. } | Error::NotProposer { .. } => {
                Self::new(StatusCode::FORBIDDEN, "/problems/four-eyes", "another person has to do this", detail)
            }
            Error::Settled { .. } => Self::new(StatusCode::CONFLICT, "/problems/settled", "the change is settled", detail),
            Error::Outdated(_) => Self::new(StatusCode::CONFLICT, "/problems/outdated", "the change is out of date", detail),
            Error::NoFormer => Self::new(StatusCode::CONFLICT, "/problems/no-former", "there is nothing to go back to", detail),
            Error::NoAlert { .. } => Self::not_found(detail),
            Error::Alert { refusal: Refusal::NoEvent { .. }, .. } => Self::invalid(Some("events".to_owned()), detail),
            Error::Alert { refusal: Refusal::ForReviewers { .. }, .. } => Self::forbidden(detail),
            Error::Alert { refusal: Refusal::Changed { .. }, .. } => {
                let field = Some("version".to_owned());
                Self { field, ..Self::new(StatusCode::CONFLICT, "/problems/changed", "the alert has changed", detail) }
            }
            Error::Alert { .. } => Self::new(
                StatusCode::CONFLICT,
                "/problems/alert-state",
                "the alert is in another state or with somebody else",
                detail,
            ),
            Error::Forbidden(_) => Self::invalid(Some("state".to_owned()), detail),
            Error::NotReady => Self::not_ready(detail).engine("degraded", cause),
            Error::Busy => Self::new(StatusCode::SERVICE_UNAVAILABLE, "/problems/busy", "busy", detail)
                .engine("degraded", cause)
                .retry_after(1),
            Error::Backtest(Refused::Nothing { .. }) => Self::invalid(Some("from".to_owned()), detail),
            Error::Backtest(Refused::TooMany { .. }) => Self::invalid(Some("to".to_owned()), detail),
            Error::Backtest(Refused::Thresholds { .. }) => Self::invalid(Some("thresholds".to_owned()), detail),
            Error::Backtest(Refused::TooLong { .. } | Refused::Abandoned) => Self::unavailable(detail),
            Error::Stopped | Error::Log(ingest::log::Error::Stopped { .. }) => {
                tracing::error!(error = with_causes(&error), "a request was refused");
                let detail = "the engine has stopped; see the log of the server".to_owned();
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "/problems/stopped", "nothing is accepted any more", detail)
                    .engine("stopped", cause)
            }
            Error::Log(_)
            | Error::Unreadable { .. }
            | Error::Missing { .. }
            | Error::Registry(_)
            | Error::Snapshot(_)
            | Error::FeatureChanged { .. }
            | Error::Thread(_) => {
                tracing::error!(error = with_causes(&error), "a request failed");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "/problems/internal",
                    "riskflow failed",
                    "see the log of the server".to_owned(),
                )
            }
        }
    }
}

/// What is wrong, for those who see the answer on its way.
#[derive(Clone, Debug)]
pub(super) struct Detail(pub(super) String);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).expect("it was made from one");
        let retry_after = self.retry_after_s.map(|seconds| [(header::RETRY_AFTER, HeaderValue::from(seconds))]);
        let detail = Extension(Detail(self.detail.clone()));
        (status, detail, [(header::CONTENT_TYPE, "application/problem+json")], retry_after, Json(self)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_repeats_no_card_number() {
        let batch = super::super::json::json::<Vec<u8>>(&"\"4111111111111111\"".into()).expect_err("it is no sequence");
        let label: Problem = ingest::decode::json::label(br#"{"4111111111111111": 1}"#).expect_err("no such member").into();
        for problem in [batch, label, Problem::no_route("/v1/decisions/4111 1111 1111 1111/what")] {
            let said = serde_json::to_string(&problem).expect("plain data");
            assert!(said.contains("[a card number]") && !said.contains("1111"), "{said}");
        }
    }
}
