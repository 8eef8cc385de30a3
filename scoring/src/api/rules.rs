//! `/v1/rules`: what analysts say, as it is and as it changes. A change holds from the next decision on.

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};

use super::page::{Page, PageQuery, page};
use super::problem::Problem;
use super::{Api, Body, Caller};
use crate::control::Control;
use crate::decide::names;
use crate::decision::Verdict;
use crate::rules::{Expression, Points, Rule, RuleId, RuleReason, State as RuleState};

/// A rule as a caller writes it: its id is in the path, its version is counted here, its author is the caller.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleDraft {
    name: String,
    #[serde(default)]
    description: String,
    when: String,
    #[serde(default)]
    action: Option<Verdict>,
    #[serde(default)]
    score_modifier: Points,
    #[serde(default)]
    priority: i32,
    state: RuleState,
    #[serde(default)]
    reason: Option<RuleReason>,
}

/// All rules, in the order of their ids.
pub(super) async fn list(State(api): State<Api>, query: PageQuery) -> Result<Json<Page<Rule>>, Problem> {
    let mut rules = api.engine.control().await.rules;
    rules.sort_by(|a, b| a.id.cmp(&b.id));
    page(rules, query, |rule| rule.id.to_string()).map(Json)
}

/// One rule.
pub(super) async fn get(State(api): State<Api>, Path(rule_id): Path<String>) -> Result<Json<Rule>, Problem> {
    let rules = api.engine.control().await.rules;
    let rule = rules.into_iter().find(|rule| rule.id.as_str() == rule_id);
    rule.map(Json).ok_or_else(|| Problem::not_found(format!("there is no rule `{rule_id}`")))
}

/// Writes a rule, or its next version.
pub(super) async fn put(
    State(api): State<Api>,
    Caller(author): Caller,
    Path(rule_id): Path<String>,
    body: Body,
) -> Result<Json<Rule>, Problem> {
    let draft: RuleDraft = super::json(&body.map_err(Problem::body)?)?;
    let id = RuleId::try_from(rule_id).map_err(|detail| Problem::invalid(Some("rule_id".to_owned()), detail))?;
    let at = api.engine.clock().now();
    let mut written = None;
    api.engine
        .change_with(|state| {
            let known = state.rules.iter().find(|rule| rule.id == id);
            let state = match known.filter(|known| known.state != draft.state) {
                Some(known) => known.state.clone().to(draft.state)?,
                None => draft.state,
            };
            let RuleDraft { name, description, when, action, score_modifier, priority, reason, .. } = draft;
            let version = known.map_or(1, |known| known.version + 1);
            let by = author.clone();
            let rule = Rule { id, version, name, description, when, action, score_modifier, priority, state, author, reason };
            written = Some(rule.clone());
            Ok(Control::Ruled { rules: vec![rule], by, at })
        })
        .await?;
    Ok(Json(written.expect("the change was made from it")))
}

/// Whether a condition is one, without saving anything.
#[derive(Debug, Serialize)]
pub(super) struct Checked {
    valid: bool,
    /// What is wrong, and where.
    error: Option<String>,
}

/// Checks a condition while it is being written.
pub(super) async fn check(State(api): State<Api>, body: Body) -> Result<Json<Checked>, Problem> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Condition {
        when: String,
    }
    let Condition { when } = super::json(&body.map_err(Problem::body)?)?;
    let pipeline = api.engine.pipeline();
    let lists = pipeline.list_names();
    let error = Expression::new(&when, &names(pipeline, &lists)).err().map(|error| error.to_string());
    Ok(Json(Checked { valid: error.is_none(), error }))
}
