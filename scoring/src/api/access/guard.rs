//! The guard that every request passes: which scope it needs, whether its caller has that, and what is answered where not.

use std::net::IpAddr;

use axum::http::{HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::super::problem::{Detail, Problem};
use super::headers::secret_in;
use super::refusal::Refusal;
use super::{Access, Allowance, Scope, is_own, told};
use crate::audit::Draft;
use crate::control::Person;

/// Where many events come as one request; who reads them counts them.
const BATCH: &str = "/v1/score/batch";

/// Has `next` answer what the caller may do, and tells it who that is. What a person was refused is told in the audit.
pub async fn guard<B, F: Future<Output = Response>>(
    access: &Access,
    address: IpAddr,
    mut request: Request<B>,
    next: impl FnOnce(Request<B>, Option<Person>) -> F,
) -> Response {
    let Some(scope) = needed(request.method(), request.uri().path()) else { return next(request, None).await };
    let (headers, method, now) = (request.headers(), request.method(), access.now());
    // A browser sends a key that it keeps, or where none is needed nothing, from whatever page asks it to. Programs say nothing of pages.
    let is_plain = matches!(*method, Method::GET | Method::HEAD) || is_own(headers);
    if access.is_open() {
        return if is_plain { next(request, None).await } else { foreign().into_response() };
    }
    let is_batch = request.uri().path() == BATCH;
    let admitted = if let Some(secret) = secret_in(headers) {
        if !is_plain {
            return foreign().into_response();
        }
        access.admit(&secret, scope, now)
    } else if let Some(token) = access.token_in(headers) {
        access.session_of(&token, method, headers, now).and_then(|(user, _)| {
            let is_opened = user.role.scopes().iter().any(|granted| granted.opens(scope));
            if is_opened { Ok((user.person(), None)) } else { Err(Refusal::Role { name: user.name, role: user.role, scope }) }
        })
    } else {
        Err(Refusal::NoKey)
    };
    let changes = !matches!(*method, Method::GET | Method::HEAD) && scope != Scope::Score && scope != Scope::Label;
    let call = changes.then(|| format!("{method} {}", told(request.uri().path())));
    match admitted {
        Ok((person, rate)) => {
            let who = call.is_some().then(|| person.name.clone());
            if let Some(rate) = rate.filter(|_| is_batch) {
                request.extensions_mut().insert(Allowance { name: person.name.clone(), rate });
            }
            let response = next(request, Some(person)).await;
            if let (Some(call), Some(who), StatusCode::FORBIDDEN) = (call, who, response.status()) {
                let reason = response.extensions().get::<Detail>().map(|Detail(detail)| detail.clone()).unwrap_or_default();
                access.tell_refusals([Draft { reason, ..Draft::new(now, &who, "refused", call) }]);
            }
            response
        }
        Err(refusal) => {
            access.refused(&refusal, method, request.uri().path(), call.as_deref(), Some(address));
            if refusal.problem().is_unauthorized() && access.has_users() && wants_page(&request) {
                return to_log_in(&request);
            }
            answer(&refusal, access.has_users())
        }
    }
}

fn foreign() -> Problem {
    Problem::forbidden("a change has to come from a page of this server, or from a program".to_owned())
}

fn answer(refusal: &Refusal, has_users: bool) -> Response {
    let mut response = refusal.problem().into_response();
    if response.status() == StatusCode::UNAUTHORIZED {
        // Where nobody logs in, a browser asks for a password: the key is one, the name does not matter.
        let ways = if has_users { "Bearer" } else { "Bearer, Basic realm=\"riskflow\"" };
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(ways));
    }
    response
}

/// Whether a person is to see the answer, not a program.
fn wants_page<B>(request: &Request<B>) -> bool {
    let accepts = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    request.method() == Method::GET && accepts.contains("text/html") && !request.uri().path().starts_with("/v1/")
}

/// To the page where people log in, and from there back.
fn to_log_in<B>(request: &Request<B>) -> Response {
    let wanted = request.uri().path_and_query().map_or("/", |wanted| wanted.as_str());
    let place = format!("/login?next={}", utf8_percent_encode(wanted, NON_ALPHANUMERIC));
    (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response()
}

/// Whether what is found there tells nothing about anybody.
pub(in crate::api) fn is_public(path: &str) -> bool {
    matches!(path, "/livez" | "/readyz" | "/openapi.json" | "/docs" | "/login") || path.starts_with("/assets/")
}

/// The scope that a request needs; `None` for what tells nothing about anybody, and for what is about the caller alone.
pub(super) fn needed(method: &Method, path: &str) -> Option<Scope> {
    match (method, path) {
        (&Method::GET | &Method::HEAD, path) if is_public(path) => None,
        (_, "/v1/session" | "/v1/session/password") => None,
        (_, path) if is_at(path, "/v1/users") || is_at(path, "/v1/keys") => Some(Scope::Admin),
        (_, "/v1/audit") => Some(Scope::Review),
        (&Method::GET | &Method::HEAD, _) | (_, "/v1/rules/check") => Some(Scope::Read),
        (_, "/v1/score" | BATCH | "/v1/credit/score") => Some(Scope::Score),
        (_, "/v1/labels") => Some(Scope::Label),
        (&Method::POST, path) if is_backtest(path) => Some(Scope::Read),
        // What these alter waits for somebody who may change it.
        (&Method::POST, "/v1/changes" | "/v1/experiments" | "/v1/models/retrain") => Some(Scope::Review),
        (&Method::POST, path) if path.starts_with("/v1/changes/") && path.ends_with("/withdraw") => Some(Scope::Review),
        // The way back was agreed to before.
        (&Method::POST, "/v1/models/rollback") => Some(Scope::Approve),
        (&Method::POST, path) if path.starts_with("/v1/changes/") => Some(Scope::Approve),
        (&Method::POST, path) if path.starts_with("/v1/alerts/") => Some(Scope::Alerts),
        _ => Some(Scope::Admin),
    }
}

/// Whether it is that path, or one below it.
fn is_at(path: &str, place: &str) -> bool {
    path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A backtest reads, and changes nothing.
fn is_backtest(path: &str) -> bool {
    path.strip_prefix("/v1/rules/").is_some_and(|rest| rest.ends_with("/backtest"))
}
