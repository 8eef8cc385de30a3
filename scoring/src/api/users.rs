//! `/v1/users`: who may log in, for admins.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ingest::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::{Access, LockedOut, Password, PasswordError, PasswordKept, Role, Standing, User, UserChange, UserError};
use super::in_path::InPath;
use super::problem::Problem;
use super::{Body, Caller, Words};

/// A user, without what is kept of the password.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UserAnswer {
    name: String,
    role: Role,
    disabled: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When the password was set.
    #[schema(value_type = String, format = DateTime)]
    password_at: Timestamp,
    /// In how many browsers the user is logged in.
    sessions: usize,
    /// `null` where it is not so: where the user may log in now, with the right password.
    locked_out: Option<LockedOut>,
}

impl UserAnswer {
    fn new(User { name, role, disabled, created_at, password_at, .. }: User, standing: Standing) -> Self {
        let Standing { sessions, locked_out } = standing;
        Self { name, role, disabled, created_at, password_at, sessions, locked_out }
    }
}

/// All users.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Users {
    users: Vec<UserAnswer>,
    /// The time now, by the clock of the server.
    #[schema(value_type = String, format = DateTime)]
    now: Timestamp,
}

/// All users.
#[utoipa::path(get, path = "/v1/users", tag = "people", responses((status = 200, description = "all users", body = Users)))]
pub(super) async fn list(State(access): State<Arc<Access>>) -> Json<Users> {
    let users = access.users().into_iter().map(|(user, standing)| UserAnswer::new(user, standing)).collect();
    Json(Users { users, now: access.now() })
}

/// A user to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserDraft {
    name: String,
    role: Role,
    /// At least 12 characters, without the name in it. The user sets another one.
    password: String,
}

/// Adds a user. The first one is added at a command line, since it shuts the door to everybody else.
#[utoipa::path(
    post,
    path = "/v1/users",
    tag = "people",
    request_body(content = UserDraft),
    responses(
        (status = 201, description = "the user may log in", body = UserAnswer),
        (status = 409, description = "there is one of this name, or nobody has to log in yet", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn add(State(access): State<Arc<Access>>, Caller(by): Caller, body: Body) -> Result<Response, Problem> {
    let UserDraft { name, role, password } = super::json(&body.map_err(Problem::body)?)?;
    if access.is_open() {
        return Err(Problem::taken("nobody has to log in yet: add the first user with `riskflow user add`".to_owned()));
    }
    let kept = kept(&access, &password, &name).await?;
    let user = access.change_users(move |users, now| users.add(&name, role, kept, &by.name, now)).await?;
    let standing = access.standing(&user.name);
    Ok((StatusCode::CREATED, Json(UserAnswer::new(user, standing))).into_response())
}

/// What is to be another about a user: exactly one of these.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = UserChange)]
pub(super) enum Wanted {
    /// Another role, from the next request on.
    Role(Role),
    /// Another password; all sessions end, and so does a lock-out.
    Password(String),
    /// No way in any more, or the way in again; all sessions end.
    Disabled(bool),
}

/// What is changed, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserEdit {
    change: Wanted,
    /// Why; it may be left unsaid.
    #[serde(default)]
    reason: Words,
}

/// Changes the role or the password of a user, or whether they may log in.
#[utoipa::path(
    put,
    path = "/v1/users/{name}",
    tag = "people",
    params(("name" = String, Path, description = "the user")),
    request_body(content = UserEdit),
    responses(
        (status = 200, description = "it holds", body = UserAnswer),
        (status = 400, description = "a parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is no such user", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "it is the last admin who can log in", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn edit(
    State(access): State<Arc<Access>>,
    Caller(by): Caller,
    InPath(name): InPath<String>,
    body: Body,
) -> Result<Json<UserAnswer>, Problem> {
    let UserEdit { change: wanted, reason: Words(reason) } = super::json(&body.map_err(Problem::body)?)?;
    let wanted = match wanted {
        Wanted::Role(role) => UserChange::Role(role),
        Wanted::Password(password) => UserChange::Password(kept(&access, &password, &name).await?),
        Wanted::Disabled(true) => UserChange::Disable,
        Wanted::Disabled(false) => UserChange::Enable,
    };
    let user = access.change_users(move |users, now| users.change_from_within(&name, wanted, &by.name, &reason, now)).await?;
    let standing = access.standing(&user.name);
    Ok(Json(UserAnswer::new(user, standing)))
}

/// Removes a user: nobody logs in under the name any more. What was done under it stays.
#[utoipa::path(
    delete,
    path = "/v1/users/{name}",
    tag = "people",
    params(("name" = String, Path, description = "the user")),
    responses(
        (status = 204, description = "there is none of this name any more"),
        (status = 400, description = "a parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is no such user", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "it is the last admin who can log in", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn remove(
    State(access): State<Arc<Access>>,
    Caller(by): Caller,
    InPath(name): InPath<String>,
) -> Result<StatusCode, Problem> {
    access.change_users(move |users, now| users.change_from_within(&name, UserChange::Remove, &by.name, "", now)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn kept(access: &Access, password: &str, name: &str) -> Result<PasswordKept, Problem> {
    let wrong = |error: PasswordError| Problem::invalid(Some("password".to_owned()), error.to_string());
    let password = Password::new(password, name).map_err(wrong)?;
    access.hashed(move || password.hash()).await?.map_err(|error| Problem::unavailable(error.to_string()))
}

/// Why nothing was changed about a user.
pub(super) fn refused(error: UserError) -> Problem {
    match &error {
        UserError::Unknown { .. } => Problem::not_found(error.to_string()),
        UserError::Taken { .. } | UserError::LastAdmin { .. } => Problem::taken(error.to_string()),
        UserError::Reserved { .. } | UserError::Name => Problem::invalid(Some("name".to_owned()), error.to_string()),
        UserError::File(_) => Problem::unwritten(&error),
    }
}
