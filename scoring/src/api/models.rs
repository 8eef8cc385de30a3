//! `/v1/models`: the versions of the pipeline's model, what each is for, and changes of it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ingest::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::changes::{self, ChangeAnswer};
use super::in_path::InPath;
use super::problem::Problem;
use super::{Api, Body, Caller, Reason};
use crate::control::{Challenger, Control, Role, RoleChange, role};
use crate::engine::Returned;

/// A version of the model.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ModelLine {
    name: String,
    version: u32,
    role: Role,
    /// The share of entities that a challenger decides for, in percent.
    share_percent: u8,
}

/// All versions and every change of their roles.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Models {
    models: Vec<ModelLine>,
    history: Vec<RoleChange>,
}

/// What is in the registry, and which version was what, when, by whom and why.
#[utoipa::path(
    get,
    path = "/v1/models",
    tag = "models",
    responses(
        (status = 200, description = "versions and their roles", body = Models),
    )
)]
pub(super) async fn list(State(api): State<Api>) -> Result<Json<Models>, Problem> {
    let (versions, history) = api.engine.models().await?;
    let name = &api.engine.pipeline().model.name;
    let state = api.engine.control();
    let line = |version: u32| {
        let challenger = state.challengers.iter().find(|each| each.name == *name && each.version == version);
        let share_percent = challenger.map_or(0, Challenger::share_percent);
        ModelLine { name: name.clone(), version, role: role(&history, name, version), share_percent }
    };
    Ok(Json(Models { models: versions.into_iter().map(line).collect(), history }))
}

/// What a version is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleDraft {
    role: Wanted,
    /// For a challenger: the share of entities that it decides for, in percent, 0 to 99.
    #[serde(default)]
    share_percent: u8,
    reason: Reason,
}

/// A role that can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = WantedRole)]
pub(super) enum Wanted {
    Champion,
    Challenger,
    Candidate,
}

/// A change that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RoleAnswer {
    name: String,
    version: u32,
    role: Role,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

/// Gives a version a role: champion, challenger, or neither any more.
#[utoipa::path(
    put,
    path = "/v1/models/{version}/role",
    tag = "models",
    params(("version" = u32, Path, description = "the version")),
    request_body(content = RoleDraft),
    responses(
        (status = 200, description = "it has the role", body = RoleAnswer),
        (status = 202, description = "it waits for a second person", body = ChangeAnswer),
        (status = 400, description = "a parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is no such thing", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "the model cannot have this role now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn put_role(
    State(api): State<Api>,
    Caller(by): Caller,
    InPath(version): InPath<u32>,
    body: Body,
) -> Result<Response, Problem> {
    let RoleDraft { role: wanted, share_percent, reason: Reason(reason) } = super::json(&body.map_err(Problem::body)?)?;
    let (name, at) = (api.engine.pipeline().model.name.clone(), api.engine.now());
    let control = given(&name, version, wanted, share_percent, (&by.name, &reason), at);
    let answer = RoleAnswer { name, version, role: wanted.role(), at };
    Ok(changes::made(api.engine.make(by, &reason, move |_| Ok((vec![control], answer))).await?))
}

/// A version gets a role, through whom and why.
pub(super) fn given(
    name: &str,
    version: u32,
    role: Wanted,
    share_percent: u8,
    (by, reason): (&str, &str),
    at: Timestamp,
) -> Control {
    let (name, by, reason) = (name.to_owned(), by.to_owned(), reason.to_owned());
    match role {
        Wanted::Champion => Control::Promoted { name, version, by, reason, at },
        Wanted::Challenger => Control::Challenged { name, version, share_percent, by, reason, at },
        Wanted::Candidate => Control::Withdrawn { name, version, by, reason, at },
    }
}

impl Wanted {
    const fn role(self) -> Role {
        match self {
            Self::Champion => Role::Champion,
            Self::Challenger => Role::Challenger,
            Self::Candidate => Role::Candidate,
        }
    }
}

/// Why something is done.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    reason: Reason,
}

/// Gives the champion's place back to the one before it, at once: what decided before was agreed to, so nobody else is asked.
#[utoipa::path(
    post,
    path = "/v1/models/rollback",
    tag = "models",
    request_body(content = Why),
    responses(
        (status = 200, description = "the one before decides again", body = RoleAnswer),
        (status = 404, description = "it is gone from the registry", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "there was none before", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn roll_back(State(api): State<Api>, Caller(by): Caller, body: Body) -> Result<Json<RoleAnswer>, Problem> {
    let Why { reason: Reason(reason) } = super::json(&body.map_err(Problem::body)?)?;
    let Returned { name, version, .. } = api.engine.roll_back(&by.name, &reason).await?;
    Ok(Json(RoleAnswer { name, version, role: Role::Champion, at: api.engine.now() }))
}

/// Asks for the model to be trained anew; `riskflow retrain` does it. Nothing that decides changes.
#[utoipa::path(
    post,
    path = "/v1/models/retrain",
    tag = "models",
    request_body(content = Why),
    responses((status = 202, description = "it is asked for", body = Object)),
)]
pub(super) async fn retrain(State(api): State<Api>, Caller(by): Caller, body: Body) -> Result<Response, Problem> {
    let Why { reason: Reason(reason) } = super::json(&body.map_err(Problem::body)?)?;
    let position = api.engine.want_retraining(&by.name, &reason).await?;
    Ok((StatusCode::ACCEPTED, Json(serde_json::json!({"status": "accepted", "log_position": position}))).into_response())
}
