//! `/v1/changes`: what waits for a second person, and what became of it.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use ingest::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::change_draft::{ChangeDraft, ProposalDraft};
use super::in_path::InPath;
use super::lists::{drafted, of_tokens};
use super::page::{Page, PageQuery, page};
use super::problem::Problem;
use super::{Api, Body, Caller, Reason, Words, experiments, models, refuse_card_numbers, rules};
use crate::control::{Control, Experiment, Outcome, Proposal, Stage, State as Known};
use crate::engine::Made;
use crate::error::Error;
use crate::lists::Entry;
use crate::policy::Policy;
use crate::rules::Rule;

/// A change that waits for a second person, or did.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ChangeAnswer {
    id: u32,
    state: ChangeState,
    /// What it changes, a line a change.
    what: Vec<String>,
    /// Who proposed it.
    by: String,
    reason: String,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// How it was settled; `null` while it waits.
    settled: Option<SettledAnswer>,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ChangeState {
    Pending,
    Approved,
    Rejected,
    Withdrawn,
}

/// By whom, why and when a change was settled.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct SettledAnswer {
    by: String,
    reason: String,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

impl From<Proposal> for ChangeAnswer {
    fn from(proposal: Proposal) -> Self {
        let settled = proposal.stage.settled().cloned();
        let state = match proposal.stage {
            Stage::Pending => ChangeState::Pending,
            Stage::Approved(_) => ChangeState::Approved,
            Stage::Rejected(_) => ChangeState::Rejected,
            Stage::Recalled(_) => ChangeState::Withdrawn,
        };
        let settled = settled.map(|settled| SettledAnswer { by: settled.by, reason: settled.reason, at: settled.at });
        let Proposal { id, what, by, reason, at, .. } = proposal;
        Self { id, state, what, by, reason, at, settled }
    }
}

/// The answer to a change that was made, or that waits for a second person now.
pub(super) fn made<T: Serialize>(made: Made<T>) -> Response {
    match made {
        Made::Now(answer) => Json(answer).into_response(),
        Made::Waits(proposal) => waiting(StatusCode::ACCEPTED, proposal),
    }
}

fn waiting(status: StatusCode, proposal: Proposal) -> Response {
    let place = format!("/v1/changes/{}", proposal.id);
    (status, [(header::LOCATION, place)], Json(ChangeAnswer::from(proposal))).into_response()
}

/// A change and exactly what it changes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChangeDetail {
    #[serde(flatten)]
    change: ChangeAnswer,
    changes: Vec<Part>,
}

/// A part of a change.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Part {
    /// A model gets a role.
    Role { name: String, version: u32, role: &'static str, share_percent: u8 },
    /// Rules as they will be.
    Rules { rules: Vec<Rule> },
    /// Entries that come on a list.
    Listed { list: String, entries: Vec<Entry> },
    /// Entries that go off a list.
    Unlisted { list: String, values: Vec<String> },
    /// Thresholds, and what holds on failure.
    Policy { policy: Policy },
    /// An experiment that begins.
    Experiment { experiment: Experiment },
    /// An experiment that ends.
    ExperimentEnd { name: String, outcome: Outcome },
}

fn parts(control: Control) -> Vec<Part> {
    let role =
        |name: String, version: u32, role: &'static str, share_percent: u8| Part::Role { name, version, role, share_percent };
    match control {
        Control::Promoted { name, version, .. } => vec![role(name, version, "champion", 100)],
        Control::Challenged { name, version, share_percent, .. } => vec![role(name, version, "challenger", share_percent)],
        Control::Withdrawn { name, version, .. } => vec![role(name, version, "candidate", 0)],
        Control::Ruled { rules, .. } => vec![Part::Rules { rules }],
        Control::Listed { list, entries, .. } => vec![Part::Listed { list, entries }],
        Control::Unlisted { list, values, .. } => {
            vec![Part::Unlisted { list, values: values.into_iter().map(String::from).collect() }]
        }
        Control::Governed { policy, .. } => vec![Part::Policy { policy }],
        Control::Experimented { experiments, .. } => {
            experiments.into_iter().map(|experiment| Part::Experiment { experiment }).collect()
        }
        Control::Concluded { name, outcome, .. } => vec![Part::ExperimentEnd { name, outcome }],
        Control::Part { changes, .. } | Control::Explained { changes, .. } => changes.into_iter().flat_map(parts).collect(),
        // Nobody proposes these.
        Control::Serving { .. }
        | Control::RetrainWanted { .. }
        | Control::RolledBack { .. }
        | Control::Guarded { .. }
        | Control::Proposed { .. }
        | Control::Approved { .. }
        | Control::Rejected { .. }
        | Control::Recalled { .. }
        | Control::Alerts { .. }
        | Control::Declared { .. } => Vec::new(),
    }
}

/// All changes that were proposed, the newest first.
#[utoipa::path(
    get,
    path = "/v1/changes",
    tag = "changes",
    params(("limit" = Option<usize>, Query, minimum = 1, maximum = 1000, description = "1 to 1000, 100 by default"), ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before")),
    responses(
        (status = 200, description = "changes, the newest first", body = Page<ChangeAnswer>),
        (status = 400, description = "a parameter is not valid", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(State(api): State<Api>, query: PageQuery) -> Result<Json<Page<ChangeAnswer>>, Problem> {
    let query = query.of_keys(|key| key.parse().is_ok_and(|place: u32| format!("{place:010}") == key))?;
    let all: Vec<ChangeAnswer> = api.engine.control().proposals.iter().cloned().map(ChangeAnswer::from).collect();
    Ok(Json(page(all.iter(), query, |change| format!("{:010}", u32::MAX - change.id))))
}

/// One change, with exactly what it changes.
#[utoipa::path(
    get,
    path = "/v1/changes/{id}",
    tag = "changes",
    params(("id" = u32, Path, description = "the change")),
    responses(
        (status = 200, description = "the change", body = ChangeDetail),
        (status = 400, description = "a parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is no such thing", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn get(State(api): State<Api>, InPath(id): InPath<u32>) -> Result<Json<ChangeDetail>, Problem> {
    let (proposal, controls) = api.engine.proposal(id).await?;
    Ok(Json(ChangeDetail { change: proposal.into(), changes: controls.into_iter().flat_map(parts).collect() }))
}

/// Changes that depend on what holds.
type Wanting = Box<dyn FnOnce(&Known) -> Result<Vec<Control>, Error> + Send>;

/// Proposes a change. It holds when somebody approves it: another person, where the pipeline asks for four eyes.
#[utoipa::path(
    post,
    path = "/v1/changes",
    tag = "changes",
    request_body(content = ProposalDraft),
    responses(
        (status = 201, description = "it waits", body = ChangeAnswer),
        (status = 404, description = "there is no such thing", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "the model cannot have this role now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn propose(State(api): State<Api>, Caller(person): Caller, body: Body) -> Result<Response, Problem> {
    let ProposalDraft { change, reason: Reason(reason) } = ProposalDraft::of(&body.map_err(Problem::body)?)?;
    let (at, by, model) = (api.engine.now(), person.name.clone(), api.engine.pipeline().model.name.clone());
    let one = |control: Control| -> Wanting { Box::new(move |_| Ok(vec![control])) };
    let changes: Wanting = match change {
        ChangeDraft::Role { version, role, share_percent } => {
            one(models::given(&model, version, role, share_percent, (&by, &reason), at))
        }
        ChangeDraft::Rule { rule_id, rule } => {
            let id = rules::rule_id_of(rule_id).map_err(|problem| problem.within("change"))?;
            rule.check(&id).map_err(|problem| problem.within("change.rule"))?;
            Box::new(move |state: &Known| {
                Ok(vec![Control::Ruled { rules: vec![rules::next(rule, id, by.clone(), state)?], by, at }])
            })
        }
        ChangeDraft::Listed { list, entries } => {
            let entries = drafted(entries, &by, of_tokens(&api, &list)).map_err(|problem| problem.within("change"))?;
            one(Control::Listed { list, entries, by, at })
        }
        ChangeDraft::Unlisted { list, values } => {
            let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
            if of_tokens(&api, &list) {
                refuse_card_numbers(texts.iter().map(|text| ("change.values", text.as_str())))?;
            }
            one(Control::Unlisted { list, values, by, at })
        }
        ChangeDraft::Policy { policy } => one(Control::Governed { policy, by, at }),
        ChangeDraft::ExperimentEnd { name, outcome } => {
            let why = reason.clone();
            Box::new(move |state: &Known| Ok(vec![experiments::ending(name, outcome, (&by, &why), at, state)?]))
        }
    };
    // What is refused is a part of the change.
    let refused = |error| match error {
        error @ (Error::NoReason { .. } | Error::RuleChanged { .. } | Error::Rule(_)) => {
            Problem::from(error).within("change.rule")
        }
        error @ (Error::Mismatch(_)
        | Error::Role { .. }
        | Error::Share { .. }
        | Error::Policy { .. }
        | Error::Experiment { field: "outcome", .. }) => Problem::from(error).within("change"),
        error => error.into(),
    };
    let proposal = api.engine.propose(person, &reason, changes).await.map_err(refused)?;
    Ok(waiting(StatusCode::CREATED, proposal))
}

/// Why something is done.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Said {
    /// Why; it may be left unsaid.
    pub(super) reason: Words,
}

/// Approves a change of somebody else: it holds from the next decision on.
#[utoipa::path(
    post,
    path = "/v1/changes/{id}/approve",
    tag = "changes",
    params(("id" = u32, Path, description = "the change")),
    request_body(content = Said),
    responses(
        (status = 200, description = "it holds", body = ChangeAnswer),
        (status = 403, description = "the caller may not do this, or proposed the change", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is no such change, or what it names is gone", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "it is settled, or what it rests on has changed", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn approve(
    State(api): State<Api>,
    Caller(person): Caller,
    InPath(id): InPath<u32>,
    body: Body,
) -> Result<Json<ChangeAnswer>, Problem> {
    let Said { reason: Words(reason) } = super::json(&body.map_err(Problem::body)?)?;
    Ok(Json(api.engine.approve(id, person, &reason).await?.into()))
}

/// Rejects a change of somebody else.
#[utoipa::path(
    post,
    path = "/v1/changes/{id}/reject",
    tag = "changes",
    params(("id" = u32, Path, description = "the change")),
    request_body(content = Said),
    responses(
        (status = 200, description = "it does not hold", body = ChangeAnswer),
        (status = 403, description = "the caller may not do this, or proposed the change", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is no such change", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "it is settled", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn reject(
    State(api): State<Api>,
    Caller(person): Caller,
    InPath(id): InPath<u32>,
    body: Body,
) -> Result<Json<ChangeAnswer>, Problem> {
    let Said { reason: Words(reason) } = super::json(&body.map_err(Problem::body)?)?;
    Ok(Json(api.engine.reject(id, person, &reason).await?.into()))
}

/// Takes a change back, for who proposed it.
#[utoipa::path(
    post,
    path = "/v1/changes/{id}/withdraw",
    tag = "changes",
    params(("id" = u32, Path, description = "the change")),
    request_body(content = Said),
    responses(
        (status = 200, description = "it does not hold", body = ChangeAnswer),
        (status = 403, description = "the caller may not do this, or somebody else proposed the change", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is no such change", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "it is settled", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn withdraw(
    State(api): State<Api>,
    Caller(person): Caller,
    InPath(id): InPath<u32>,
    body: Body,
) -> Result<Json<ChangeAnswer>, Problem> {
    let Said { reason: Words(reason) } = super::json(&body.map_err(Problem::body)?)?;
    Ok(Json(api.engine.recall(id, person, &reason).await?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_approves_a_change_in_parts_sees_all_that_is_in_them() {
        let entry =
            |value: &str| serde_json::from_value(serde_json::json!({"value": value, "created_by": "ada"})).expect("an entry");
        let (by, at) = ("ada".to_owned(), Timestamp::from_micros(0));
        let listed = |value| Control::Listed { list: "stolen".to_owned(), entries: vec![entry(value)], by: by.clone(), at };
        let shown: Vec<Part> =
            Control::in_parts(vec![listed("tok_1"), listed("tok_2")], &by, at).into_iter().flat_map(parts).collect();
        let shown = serde_json::to_value(shown).expect("plain data");
        let value = |part: usize| (&shown[part]["kind"], &shown[part]["entries"][0]["value"]);
        assert_eq!([value(0), value(1)], [(&"listed".into(), &"tok_1".into()), (&"listed".into(), &"tok_2".into())]);
    }
}
