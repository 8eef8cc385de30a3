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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum End {
    /// The challenger becomes champion.
    Promote,
    /// The champion stays.
    Keep,
    /// It is broken off.
    Abort,
}

impl End {
    const fn outcome(self) -> Outcome {
        match self {
            Self::Promote => Outcome::Promoted,
            Self::Keep => Outcome::Kept,
            Self::Abort => Outcome::Aborted,
        }
    }
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
        let answer = serde_json::json!({"name": name, "outcome": outcome.outcome()});
        Ok((vec![ending(name, outcome, (&by, &reason), at, state)?], answer))
    };
    Ok(changes::made(api.engine.make(person, &why, ended).await?))
}

/// What ends an experiment, as long as it runs, through whom and why.
pub(super) fn ending(
    name: String,
    end: End,
    (by, reason): (&str, &str),
    at: Timestamp,
    state: &crate::control::State,
) -> Result<Control, Error> {
    let known = state.experiments.iter().rfind(|course| course.experiment.name == name);
    let course = known.ok_or_else(|| Error::NoExperiment { name: name.clone() })?;
    if let Some(ended) = &course.ended {
        let what = format!("it has ended: {}", ended.outcome.name());
        return Err(Error::Experiment { name, field: "outcome", what });
    }
    let Experiment { model, challenger: version, .. } = course.experiment.clone();
    Ok(match end.outcome() {
        // Its experiment ends with it.
        Outcome::Promoted => models::given(&model, version, Wanted::Champion, 100, (by, reason), at),
        outcome => {
            let (by, reason) = (by.to_owned(), reason.to_owned());
            Control::Concluded { name, model, version, outcome, by, reason, at }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::State as Known;
    use crate::control::proposal::lines;

    #[test]
    fn what_runs_is_ended_and_nothing_else() {
        let at = Timestamp::from_micros(0);
        let course = |name: &str, outcome: Option<Outcome>| {
            let (by, reason) = (|| "ada".to_owned(), || "to see".to_owned());
            let (name, model) = (name.to_owned(), "m".to_owned());
            let experiment =
                Experiment { name, model, champion: 1, challenger: 2, share_percent: 0, guardrails: None, planned_end: None };
            let ended = outcome.map(|outcome| Ended { outcome, by: by(), reason: reason(), at });
            Course { experiment, by: by(), reason: reason(), started_at: at, ended }
        };
        let experiments = vec![course("runs", None), course("over", Some(Outcome::Over))];
        let state = Known { experiments, ..Known::default() };
        let check = |name: &str, end: End, expect: Result<&str, &str>| {
            let found = ending(name.to_owned(), end, ("bob", "no better"), at, &state);
            let found = found.map(|control| lines(&[control]).concat()).map_err(|error| error.to_string());
            assert_eq!(found, expect.map(str::to_owned).map_err(str::to_owned), "{name} {end:?}");
        };
        check("runs", End::Keep, Ok("experiment runs ends: kept"));
        check("runs", End::Abort, Ok("experiment runs ends: aborted"));
        check("runs", End::Promote, Ok("m 2 becomes champion"));
        check("over", End::Keep, Err("experiment `over`: it has ended: over"));
        check("nobody", End::Abort, Err("there is no experiment `nobody`"));
    }
}
