//! `/v1/rules`: what analysts say, as it is and as it changes. A change holds from the next decision on.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use ingest::decode::has_card_number;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::changes::{self, ChangeAnswer, Said};
use super::in_path::InPath;
use super::in_query::InQuery;
use super::page::{Page, PageQuery, page};
use super::problem::Problem;
use super::{Api, Body, Caller, Words, refuse_card_numbers};
use crate::control::{Control, State as Known};
use crate::decide::names;
use crate::decision::Verdict;
use crate::error::Error;
use crate::rules::{Expression, Points, Rule, RuleId, RuleReason, State as RuleState};

/// A rule as a caller writes it: its id is in the path, its version is counted here, its author is the caller. A rule that was read may be
/// sent back with what was changed in it.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleDraft {
    /// That of the path, where it is said.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    id: Option<RuleId>,
    /// The version that it was written from, where it is said: if there is another by now, nothing is changed.
    #[serde(default)]
    version: Option<u32>,
    /// As it was read; who writes it is the author of the next version.
    #[serde(default, rename = "author")]
    _author: Option<String>,
    name: String,
    #[serde(default)]
    description: String,
    when: String,
    #[serde(default)]
    action: Option<Verdict>,
    #[serde(default)]
    #[schema(value_type = i16)]
    score_modifier: Points,
    #[serde(default)]
    priority: i32,
    state: RuleState,
    #[serde(default)]
    reason: Option<RuleReason>,
}

impl RuleDraft {
    pub(super) fn rule(self, id: RuleId, version: u32, author: String) -> Rule {
        let Self { name, description, when, action, score_modifier, priority, state, reason, .. } = self;
        Rule { id, version, name, description, when, action, score_modifier, priority, state, author, reason }
    }

    /// Refuses one that is of another rule, or has a card number in it, which would reach the log; events have the token that stands for it.
    pub(super) fn check(&self, id: &RuleId) -> Result<(), Problem> {
        if let Some(other) = self.id.as_ref().filter(|other| *other != id) {
            return Err(Problem::invalid(Some("id".to_owned()), format!("it is `{other}`, and the path says `{id}`")));
        }
        refuse_card_numbers(self.clone().rule(id.clone(), 0, String::new()).texts())
    }
}

/// All rules, in the order of their ids.
#[utoipa::path(
    get,
    path = "/v1/rules",
    tag = "rules",
    params(("limit" = Option<usize>, Query, minimum = 1, maximum = 1000, description = "1 to 1000, 100 by default"), ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before")),
    responses(
        (status = 200, description = "rules by their ids", body = Page<Rule>),
        (status = 400, description = "a parameter is not valid", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(State(api): State<Api>, query: PageQuery) -> Result<Json<Page<Rule>>, Problem> {
    let query = query.of_keys(|key| RuleId::try_from(key.to_owned()).is_ok())?;
    Ok(Json(page(api.engine.control().rules.iter(), query, |rule| rule.id.to_string())))
}

/// One rule.
#[utoipa::path(
    get,
    path = "/v1/rules/{rule_id}",
    tag = "rules",
    params(("rule_id" = String, Path, description = "the rule")),
    responses(
        (status = 200, description = "the rule", body = Rule),
        (status = 404, description = "there is no such thing", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn get(State(api): State<Api>, InPath(rule_id): InPath<String>) -> Result<Json<Rule>, Problem> {
    let state = api.engine.control();
    let rule = state.rules.iter().find(|rule| rule.id.as_str() == rule_id).cloned();
    rule.map(Json).ok_or_else(|| Problem::not_found(format!("there is no rule `{rule_id}`")))
}

/// Writes a rule, or its next version.
#[utoipa::path(
    put,
    path = "/v1/rules/{rule_id}",
    tag = "rules",
    params(
        ("rule_id" = String, Path, description = "the rule"),
        ("reason" = Option<String>, Query, max_length = 4000, description = "why, for the audit, and for the second person where one is asked"),
    ),
    request_body(content = RuleDraft),
    responses(
        (status = 200, description = "the rule as it holds now", body = Rule),
        (status = 202, description = "it counts, or did, and waits for a second person", body = ChangeAnswer),
        (status = 400, description = "a parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "the rule has changed since it was read", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn put(
    State(api): State<Api>,
    Caller(author): Caller,
    InPath(rule_id): InPath<String>,
    InQuery(Said { reason: Words(reason) }): InQuery<Said>,
    body: Body,
) -> Result<Response, Problem> {
    let draft: RuleDraft = super::json(&body.map_err(Problem::body)?)?;
    let id = rule_id_of(rule_id)?;
    draft.check(&id)?;
    let (at, by) = (api.engine.now(), author.name.clone());
    let written = move |known: &Known| {
        let rule = next(draft, id, by.clone(), known)?;
        Ok((vec![Control::Ruled { rules: vec![rule.clone()], by, at }], rule))
    };
    Ok(changes::made(api.engine.make(author, &reason, written).await?))
}

pub(super) fn rule_id_of(rule_id: String) -> Result<RuleId, Problem> {
    let wrong = |detail: String| Problem::invalid(Some("rule_id".to_owned()), detail);
    if has_card_number(&rule_id) {
        return Err(wrong("must not have a card number in it".to_owned()));
    }
    RuleId::try_from(rule_id).map_err(wrong)
}

/// The next version of a rule, or its first.
pub(super) fn next(draft: RuleDraft, id: RuleId, author: String, state: &Known) -> Result<Rule, Error> {
    let known = state.rules.iter().find(|rule| rule.id == id);
    let present = known.map_or(0, |known| known.version);
    if draft.version.is_some_and(|version| version != present) {
        return Err(Error::RuleChanged { rule: id, present });
    }
    if let Some(known) = known.filter(|known| known.state != draft.state) {
        known.state.clone().to(draft.state.clone())?;
    }
    Ok(draft.rule(id, present + 1, author))
}

/// A condition to be checked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Condition {
    when: String,
}

/// Whether a condition is one, without saving anything.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Checked {
    valid: bool,
    /// What is wrong, and where.
    error: Option<String>,
}

/// Checks a condition while it is being written.
#[utoipa::path(
    post,
    path = "/v1/rules/check",
    tag = "rules",
    request_body(content = Condition),
    responses(
        (status = 200, description = "whether the condition is one", body = Checked),
    )
)]
pub(super) async fn check(State(api): State<Api>, body: Body) -> Result<Json<Checked>, Problem> {
    let Condition { when } = super::json(&body.map_err(Problem::body)?)?;
    let pipeline = api.engine.pipeline();
    let lists = pipeline.list_names();
    let error = Expression::new(&when, &names(pipeline, &lists)).err().map(|error| error.to_string());
    Ok(Json(Checked { valid: error.is_none(), error }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_was_read_can_be_put_back_unless_it_has_changed() {
        let id = || RuleId::try_from("r_1".to_owned()).expect("an id");
        let draft = |text: &str| serde_json::from_str::<RuleDraft>(text).expect("a draft");
        let first = draft(r#"{"name":"large","when":"event.amount_minor > 1","state":"draft","version":0}"#);
        let mut state = Known::default();
        let first = next(first, id(), "ada".to_owned(), &state).expect("there is none");
        state.rules = vec![first.clone()];
        let read = serde_json::to_string(&first).expect("plain data");
        assert!(draft(&read).check(&id()).is_ok());
        let second = next(draft(&read), id(), "bob".to_owned(), &state).expect("it is as it was read");
        assert_eq!((second.version, second.author.as_str()), (2, "bob"));
        state.rules = vec![second];
        let late = next(draft(&read), id(), "ada".to_owned(), &state).expect_err("bob was faster");
        assert!(matches!(late, Error::RuleChanged { present: 2, .. }), "{late}");
        let other = RuleId::try_from("r_2".to_owned()).expect("an id");
        assert!(draft(&read).check(&other).is_err());
    }
}
