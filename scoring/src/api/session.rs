//! `/v1/session`: logging in, who is logged in, logging out, another password.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Body;
use super::access::{Access, By, Password, Role, Scope, User, UserChange, UserFile, address_in, is_own};
use super::in_query::InQuery;
use super::problem::Problem;
use crate::audit::Draft;
use crate::control::ANYBODY;

/// Who calls, and what is open to them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Who {
    /// Whether nobody has to say who calls: there is no key and no user.
    open: bool,
    name: String,
    /// `null` for a key, and where nobody has to say who calls.
    role: Option<Role>,
    /// Everything that is open to the caller.
    scopes: Vec<Scope>,
    /// What a page sends as `x-csrf-token` when it changes something; `null` where there is no session.
    csrf_token: Option<String>,
}

impl Who {
    fn new(by: Option<&By>) -> Self {
        let Some(by) = by else {
            return Self { open: true, name: ANYBODY.to_owned(), role: None, scopes: Scope::ALL.to_vec(), csrf_token: None };
        };
        let (role, csrf_token) = match by {
            By::Key(_) => (None, None),
            By::Session(user, session) => (Some(user.role), Some(session.csrf.clone())),
        };
        Self { open: false, name: by.person().name, role, scopes: opened(by.scopes()), csrf_token }
    }
}

/// Everything that some scopes open.
fn opened(granted: &[Scope]) -> Vec<Scope> {
    Scope::ALL.into_iter().filter(|wanted| granted.iter().any(|scope| scope.opens(*wanted))).collect()
}

/// A name and a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LogIn {
    name: String,
    password: String,
}

/// Logs in: the answer sets a cookie. Who is wrong too often waits, longer each time.
#[utoipa::path(
    post,
    path = "/v1/session",
    tag = "people",
    request_body(content = LogIn),
    security(()),
    responses(
        (status = 200, description = "who has logged in", body = Who),
        (status = 401, description = "the name or the password is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there are no users", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "too many tries have failed", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn log_in(State(access): State<Arc<Access>>, parts: Parts, body: Body) -> Result<Response, Problem> {
    if !is_own(&parts.headers) {
        return Err(Problem::forbidden("a log-in has to come from a page of this server".to_owned()));
    }
    let LogIn { name, password } = super::json(&body.map_err(Problem::body)?)?;
    if !access.has_users() {
        return Err(Problem::not_found("there are no users: add one with `riskflow user add`".to_owned()));
    }
    let (user, begun) = access.log_in(&name, password, &parts.headers, address_in(&parts.extensions)).await?;
    let User { name, role, .. } = user;
    let who = Who { open: false, name, role: Some(role), scopes: opened(role.scopes()), csrf_token: Some(begun.csrf) };
    Ok(([(header::SET_COOKIE, access.cookie(Some(&begun.token)))], Json(who)).into_response())
}

/// Who calls, by cookie or key.
#[utoipa::path(get, path = "/v1/session", tag = "people", responses((status = 200, description = "who calls", body = Who)))]
pub(super) async fn who(State(access): State<Arc<Access>>, parts: Parts) -> Result<Response, Problem> {
    let by = access.caller(&parts)?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(Who::new(by.as_ref()))).into_response())
}

/// Where to log out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Where {
    #[serde(default)]
    everywhere: bool,
}

/// Logs out: the session ends, or all sessions of the user.
#[utoipa::path(
    delete,
    path = "/v1/session",
    tag = "people",
    params(("everywhere" = Option<bool>, Query, description = "all sessions of the user, in other browsers too")),
    responses(
        (status = 204, description = "it has ended"),
        (status = 400, description = "a parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is no session", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn log_out(
    State(access): State<Arc<Access>>,
    InQuery(Where { everywhere }): InQuery<Where>,
    parts: Parts,
) -> Result<Response, Problem> {
    let user = own(&access, &parts)?;
    let object = if everywhere { "all sessions" } else { "a session" };
    // A door can always be closed, whether that can be told or not.
    access.log_out(&parts.headers, &user.name, everywhere);
    access.tell(Draft::new(access.now(), &user.name, "logged_out", object)).await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, access.cookie(None))]).into_response())
}

/// The password as it is, and as it is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    present: String,
    /// At least 12 characters, without the name in it.
    new: String,
}

/// Sets another password for who is logged in; all of their sessions end.
#[utoipa::path(
    put,
    path = "/v1/session/password",
    tag = "people",
    request_body(content = NewPassword),
    responses(
        (status = 204, description = "it is set: log in with it"),
        (status = 404, description = "there is no session", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "too many tries have failed", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn set_password(State(access): State<Arc<Access>>, parts: Parts, body: Body) -> Result<Response, Problem> {
    let user = own(&access, &parts)?;
    let NewPassword { present, new } = super::json(&body.map_err(Problem::body)?)?;
    let new = Password::new(&new, &user.name).map_err(|error| Problem::invalid(Some("new".to_owned()), error.to_string()))?;
    let object = format!("user {}", user.name);
    access.right(&user.name, present, address_in(&parts.extensions), "password_refused", &object).await?;
    let kept = access.hashed(move || new.hash()).await?.map_err(|error| Problem::unavailable(error.to_string()))?;
    let set = move |users: &UserFile, now| users.change(&user.name, UserChange::Password(kept), &user.name, "", now);
    access.change_users(set).await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, access.cookie(None))]).into_response())
}

/// Who is logged in; a key is nobody who is.
fn own(access: &Access, parts: &Parts) -> Result<User, Problem> {
    match access.caller(parts)? {
        Some(By::Session(user, _)) => Ok(user),
        Some(By::Key(_)) | None => Err(Problem::not_found("there is no session: nobody has logged in".to_owned())),
    }
}
