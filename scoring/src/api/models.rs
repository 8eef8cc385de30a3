//! `/v1/models`: the versions of the pipeline's model, what each is for, and changes of it.

use axum::Json;
use axum::extract::State;
use ingest::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::in_path::InPath;
use super::problem::Problem;
use super::{Api, Body, Caller};
use crate::control::{Control, Role, RoleChange, role};

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
    let challengers = api.engine.control().await.challengers;
    let line = |version: u32| {
        let challenger = challengers.iter().find(|each| each.name == *name && each.version == version);
        let share_percent = challenger.map_or(0, |challenger| challenger.share_percent);
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
    reason: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
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
        (status = 400, description = "a parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is no such thing", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn put_role(
    State(api): State<Api>,
    Caller(by): Caller,
    InPath(version): InPath<u32>,
    body: Body,
) -> Result<Json<RoleAnswer>, Problem> {
    let RoleDraft { role: wanted, share_percent, reason } = super::json(&body.map_err(Problem::body)?)?;
    let (name, at) = (api.engine.pipeline().model.name.clone(), api.engine.now());
    let (control, role) = match wanted {
        Wanted::Champion => (Control::Promoted { name: name.clone(), version, by, reason, at }, Role::Champion),
        Wanted::Challenger => {
            (Control::Challenged { name: name.clone(), version, share_percent, by, reason, at }, Role::Challenger)
        }
        Wanted::Candidate => (Control::Withdrawn { name: name.clone(), version, by, reason, at }, Role::Candidate),
    };
    api.engine.change(control).await?;
    Ok(Json(RoleAnswer { name, version, role, at }))
}
