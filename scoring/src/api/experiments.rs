//! `/v1/experiments`: challengers beside the champion, as they were declared and as they ended.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use ingest::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::changes::{self, ChangeAnswer};
use super::in_path::InPath;
use super::models::{self, Wanted};
use super::page::{Page, PageQuery, page};
use super::problem::Problem;
use super::{Api, Body, Caller, Reason};
use crate::control::{Control, Course, Ended, Experiment, Guardrails, Outcome};
use crate::decide::Deciders;
use crate::error::Error;

/// An experiment and what became of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ExperimentAnswer {
    #[serde(flatten)]
    experiment: Experiment,
    /// Through whom it began.
    by: String,
    reason: String,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// How it ended; `null` while it runs.
    ended: Option<Ended>,
    /// What one model reads and the other does not; `null` where one of them is not loaded.
    inputs: Option<Inputs>,
}

/// Features that only one of two models reads. The pipeline computes all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Inputs {
    only_champion: Vec<String>,
    only_challenger: Vec<String>,
}

impl ExperimentAnswer {
    fn new(course: Course, deciders: &Deciders) -> Self {
        let Course { experiment, by, reason, started_at, ended } = course;
        let inputs = inputs(&experiment, deciders);
        Self { experiment, by, reason, started_at, ended, inputs }
    }
}

fn inputs(experiment: &Experiment, deciders: &Deciders) -> Option<Inputs> {
    let features = |version: u32| {
        let model = deciders.serving(&experiment.model, version)?;
        Some(model.artifact.about.features.iter().cloned().collect::<BTreeSet<String>>())
    };
    let (champion, challenger) = (features(experiment.champion)?, features(experiment.challenger)?);
    Some(Inputs {
        only_champion: champion.difference(&challenger).cloned().collect(),
        only_challenger: challenger.difference(&champion).cloned().collect(),
    })
}

/// All experiments, by their names.
#[utoipa::path(
    get,
    path = "/v1/experiments",
    tag = "experiments",
    params(("limit" = Option<usize>, Query, minimum = 1, maximum = 1000, description = "1 to 1000, 100 by default"), ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before")),
    responses(
        (status = 200, description = "experiments by their names", body = Page<ExperimentAnswer>),
        (status = 400, description = "a parameter is not valid", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(State(api): State<Api>, query: PageQuery) -> Json<Page<ExperimentAnswer>> {
    let (state, deciders) = (api.engine.control(), api.engine.deciders());
    let all: Vec<_> = state.experiments.iter().map(|course| ExperimentAnswer::new(course.clone(), &deciders)).collect();
    Json(page(all.iter(), query, |answer| answer.experiment.name.clone()))
}

/// An experiment to be started.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExperimentDraft {
    /// Names it for good: 1 to 64 letters, digits, underscores and hyphens.
    name: String,
    /// The version that is tried.
    challenger: u32,
    /// The version that it is compared with: the present champion, which is meant where nothing is said.
    #[serde(default)]
    champion: Option<u32>,
    /// The share of entities that it decides for, in percent, 0 to 99; 0 in shadow, where it only looks on.
    #[serde(default)]
    share_percent: u8,
    #[serde(default)]
    guardrails: Option<Guardrails>,
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    planned_end: Option<Timestamp>,
    reason: Reason,
}

/// Starts an experiment. In shadow it begins at once; where the challenger decides for somebody, it may wait for a second person.
#[utoipa::path(
    post,
    path = "/v1/experiments",
    tag = "experiments",
    request_body(content = ExperimentDraft),
    responses(
        (status = 200, description = "it runs", body = ExperimentAnswer),
        (status = 202, description = "it waits for a second person", body = ChangeAnswer),
        (status = 404, description = "there is no such thing", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn start(State(api): State<Api>, Caller(person): Caller, body: Body) -> Result<Response, Problem> {
    let draft: ExperimentDraft = super::json(&body.map_err(Problem::body)?)?;
    let (model, at, by) = (api.engine.pipeline().model.name.clone(), api.engine.now(), person.name.clone());
    let ExperimentDraft { name, challenger, champion, share_percent, guardrails, planned_end, reason: Reason(reason) } = draft;
    let why = reason.clone();
    let started = move |state: &crate::control::State| {
        let present = state.champion.as_ref().map_or(0, |(_, version)| *version);
        let champion = champion.unwrap_or(present);
        let experiment = Experiment { name, model, champion, challenger, share_percent, guardrails, planned_end };
        let course =
            Course { experiment: experiment.clone(), by: by.clone(), reason: reason.clone(), started_at: at, ended: None };
        Ok((vec![Control::Experimented { experiments: vec![experiment], by, reason, at }], course))
    };
    let refused = |error| match error {
        Error::Mismatch(mismatch) => Problem::invalid(Some("challenger".to_owned()), mismatch.to_string()),
        error => error.into(),
    };
    let made = api.engine.make(person, &why, started).await.map_err(refused)?;
    let deciders = api.engine.deciders();
    Ok(changes::made(made.map(|course| ExperimentAnswer::new(course, &deciders))))
}

/// How an experiment is to end.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum End {
    /// The challenger becomes champion.
    Promote,
    /// The champion stays.
    Keep,
    /// It is broken off.
    Abort,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EndDraft {
    outcome: End,
    reason: Reason,
}

/// Ends an experiment. Its challenger runs no longer, or becomes champion, which may wait for a second person.
#[utoipa::path(
    post,
    path = "/v1/experiments/{name}/end",
    tag = "experiments",
    params(("name" = String, Path, description = "the experiment")),
    request_body(content = EndDraft),
    responses(
        (status = 200, description = "it has ended", body = Object),
        (status = 202, description = "it waits for a second person", body = ChangeAnswer),
        (status = 404, description = "there is no such thing", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn end(
    State(api): State<Api>,
    Caller(person): Caller,
    InPath(name): InPath<String>,
    body: Body,
) -> Result<Response, Problem> {
    let EndDraft { outcome, reason: Reason(reason) } = super::json(&body.map_err(Problem::body)?)?;
    let (at, by, why) = (api.engine.now(), person.name.clone(), reason.clone());
    let ended = move |state: &crate::control::State| {
        let known = state.experiments.iter().rfind(|course| course.experiment.name == name);
        let course = known.ok_or_else(|| Error::NoExperiment { name: name.clone() })?;
        if let Some(ended) = &course.ended {
            let what = format!("it has ended: {}", ended.outcome.name());
            return Err(Error::Experiment { name, field: "outcome", what });
        }
        let Experiment { model, challenger: version, .. } = course.experiment.clone();
        let outcome = match outcome {
            End::Promote => Outcome::Promoted,
            End::Keep => Outcome::Kept,
            End::Abort => Outcome::Aborted,
        };
        let answer = serde_json::json!({"name": name, "outcome": outcome});
        let control = match outcome {
            // Its experiment ends with it.
            Outcome::Promoted => models::given(&model, version, Wanted::Champion, 100, (&by, &reason), at),
            _ => Control::Concluded { name, model, version, outcome, by, reason, at },
        };
        Ok((vec![control], answer))
    };
    Ok(changes::made(api.engine.make(person, &why, ended).await?))
}
