//! What a person does with an alert, each act with what belongs to it. Whoever acts says at which version they saw the alert.

use axum::Json;
use axum::extract::State;
use ingest::EventId;
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::in_path::InPath;
use super::super::problem::Problem;
use super::super::{Api, Body, Caller, Words, json};
use super::AlertAnswer;
use crate::alerts::{Action, AlertId, Outcome};

/// What is done with an alert: the version at which it was seen, and what belongs to what is done.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct ActDraft {
    version: u32,
    /// The words of a note, 1 to 4,000 characters.
    #[serde(default)]
    note: Option<Words>,
    /// Why it is escalated, dismissed or reopened, 1 to 4,000 characters.
    #[serde(default)]
    reason: Option<Words>,
    /// What it was, where it is resolved.
    #[serde(default)]
    outcome: Option<Outcome>,
    /// The events that the outcome is of; all of the alert where it is not said.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    events: Option<Vec<EventId>>,
}

/// Does something with an alert. `claim`, `release` want nothing more than a version; `note` wants `note`; `escalate`, `dismiss` and `reopen` want `reason`;
/// `resolve` wants `outcome` and takes `note` and `events`. Of what was escalated whoever does not review may write notes only. With `confirmed_fraud` and `false_positive` labels of the events are taken, from which models learn.
#[utoipa::path(
    post,
    path = "/v1/alerts/{id}/{act}",
    tag = "alerts",
    params(
        ("id" = String, Path, description = "the alert"),
        ("act" = String, Path, pattern = "^(claim|release|note|escalate|resolve|dismiss|reopen)$", description = "what is done"),
    ),
    request_body(content = ActDraft),
    responses(
        (status = 200, description = "it is done", body = AlertAnswer),
        (status = 404, description = "there is no such thing", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "it has changed, somebody else has it, or it is closed", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::api) async fn act(
    State(api): State<Api>,
    Caller(person): Caller,
    InPath((id, act)): InPath<(String, String)>,
    body: Body,
) -> Result<Json<AlertAnswer>, Problem> {
    let draft: ActDraft = json(&body.map_err(Problem::body)?)?;
    let version = draft.version;
    let action = action(&act, draft)?;
    let alert = api.engine.act_on_alert(&AlertId::written(&id), version, action, &person).await?;
    Ok(Json(AlertAnswer::of(&alert)))
}

/// What is wanted; a field that does not belong to it is refused rather than passed over.
fn action(act: &str, draft: ActDraft) -> Result<Action, Problem> {
    let ActDraft { note, reason, outcome, events, .. } = draft;
    let takes: &[&str] = match act {
        "claim" | "release" => &[],
        "note" => &["note"],
        "escalate" | "dismiss" | "reopen" => &["reason"],
        "resolve" => &["outcome", "note", "events"],
        _ => {
            let acts = "claim, release, note, escalate, resolve, dismiss, reopen";
            return Err(Problem::not_found(format!("nothing can be done with an alert by `{act}`; there are {acts}")));
        }
    };
    let given =
        [("note", note.is_some()), ("reason", reason.is_some()), ("outcome", outcome.is_some()), ("events", events.is_some())];
    if let Some((extra, _)) = given.into_iter().find(|(name, is_given)| *is_given && !takes.contains(name)) {
        return Err(Problem::invalid(Some(extra.to_owned()), format!("`{act}` takes no `{extra}`")));
    }
    let words = |name: &str, text: Option<Words>| {
        let text = text.map(|Words(text)| text).filter(|text| !text.is_empty());
        text.ok_or_else(|| Problem::invalid(Some(name.to_owned()), format!("`{act}` wants a `{name}`")))
    };
    Ok(match act {
        "claim" => Action::Claim,
        "release" => Action::Release,
        "note" => Action::Note { text: words("note", note)? },
        "escalate" => Action::Escalate { reason: words("reason", reason)? },
        "dismiss" => Action::Dismiss { reason: words("reason", reason)? },
        "reopen" => Action::Reopen { reason: words("reason", reason)? },
        _ => {
            let wanted = Outcome::ALL.map(Outcome::name).join(", ");
            let outcome = outcome.ok_or_else(|| {
                Problem::invalid(Some("outcome".to_owned()), format!("`resolve` wants an `outcome`: one of {wanted}"))
            })?;
            if events.as_ref().is_some_and(Vec::is_empty) {
                return Err(Problem::invalid(Some("events".to_owned()), "it names no event; leave it out for all".to_owned()));
            }
            let Words(note) = note.unwrap_or_default();
            Action::Resolve { outcome, note, events }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_an_act_is_asked_for_and_nothing_else() {
        let check = |act: &str, body: &str, expect: Result<Action, &str>| {
            let draft = serde_json::from_str(body).expect("a draft");
            let found = action(act, draft).map_err(|problem| serde_json::to_value(problem).expect("JSON")["detail"].to_string());
            match (&found, &expect) {
                (Err(found), Err(expect)) => assert!(found.contains(expect), "{found}"),
                _ => assert_eq!(found.as_ref().ok(), expect.as_ref().ok(), "{act} {body}: {found:?}"),
            }
        };
        check("claim", r#"{"version":1}"#, Ok(Action::Claim));
        check("claim", r#"{"version":1,"note":"x"}"#, Err("`claim` takes no `note`"));
        check("note", r#"{"version":1,"note":" x "}"#, Ok(Action::Note { text: "x".to_owned() }));
        check("note", r#"{"version":1,"note":" "}"#, Err("`note` wants a `note`"));
        check("escalate", r#"{"version":1}"#, Err("`escalate` wants a `reason`"));
        check("resolve", r#"{"version":1}"#, Err("one of confirmed_fraud, false_positive, inconclusive, duplicate"));
        check("resolve", r#"{"version":1,"outcome":"duplicate","events":[]}"#, Err("it names no event"));
        let resolve = Action::Resolve { outcome: Outcome::Duplicate, note: String::new(), events: None };
        check("resolve", r#"{"version":1,"outcome":"duplicate"}"#, Ok(resolve));
        check("close", r#"{"version":1}"#, Err("there are claim, release"));
    }
}
