//! What a control record comes to, in an entry's words.

use crate::alerts::{Did, Outcome, Step};
use crate::control::proposal::{facts, lines};
use crate::control::{Control, PIPELINE_FILE, State};

use super::Draft;

/// An entry about a control record; `state` is what held before it. Nothing is told of what nobody did: that decisions were looked at.
pub fn told(control: &Control, state: &State) -> Option<Draft> {
    let (who, what, object, reason) = head(control)?;
    let before = match control {
        // What holds is told of changes, not of a proposal of them.
        Control::Proposed { facts, .. } => said(facts),
        Control::Approved { changes, .. } => said(&facts(changes, state)),
        _ => said(&facts(std::slice::from_ref(control), state)),
    };
    let (reason, after) = (reason.to_owned(), after(control));
    Some(Draft { reason, before, after, ..Draft::new(control.at(), who, what, object) })
}

/// What is there by a control record.
fn after(control: &Control) -> String {
    match control {
        Control::Alerts { steps, .. } => steps.iter().find_map(outcome).unwrap_or_default().to_owned(),
        Control::Part { left: 0, changes, .. } => format!("last part: {}", lines(changes).join("; ")),
        Control::Part { left, changes, .. } => format!("part, {left} more follow: {}", lines(changes).join("; ")),
        Control::Explained { changes, .. } => changes.iter().map(after).collect::<Vec<_>>().join("; "),
        _ => lines(std::slice::from_ref(control)).join("; "),
    }
}

/// Whether an entry tells of a control record.
pub(super) fn is_told(control: &Control) -> bool {
    head(control).is_some()
}

fn said(facts: &crate::control::Facts) -> String {
    facts.iter().map(|(what, holds)| format!("{what}: {holds}")).collect::<Vec<_>>().join("; ")
}

/// Who did what to what, and why.
fn head(control: &Control) -> Option<(&str, &'static str, String, &str)> {
    let model = |name: &str, version: u32| format!("model {name} {version}");
    Some(match control {
        Control::Promoted { name, version, by, reason, .. } => (by, "promoted", model(name, *version), reason),
        Control::Serving { features, .. } => (PIPELINE_FILE, "serving", format!("{} features", features.len()), ""),
        Control::RetrainWanted { by, reason, .. } => (by, "retraining_wanted", "the model".to_owned(), reason),
        Control::Challenged { name, version, by, reason, .. } => (by, "challenged", model(name, *version), reason),
        Control::Withdrawn { name, version, by, reason, .. } => (by, "withdrawn", model(name, *version), reason),
        Control::Ruled { rules, by, .. } => {
            let ids: Vec<String> = rules.iter().map(|rule| rule.id.to_string()).collect();
            (by, "ruled", format!("rule {}", ids.join(", ")), "")
        }
        Control::Listed { list, by, .. } => (by, "listed", format!("list {list}"), ""),
        Control::Unlisted { list, by, .. } => (by, "unlisted", format!("list {list}"), ""),
        Control::Governed { by, .. } => (by, "governed", "the policy".to_owned(), ""),
        Control::RolledBack { name, to, by, reason, .. } => (by, "rolled_back", model(name, *to), reason),
        Control::Guarded { by, .. } => (by, "guarded", "four eyes".to_owned(), ""),
        Control::Declared { by, .. } => (by, "declared", "lists and reasons".to_owned(), ""),
        // A part is of one kind of changes, to one thing.
        Control::Part { changes, .. } => return changes.first().and_then(head),
        Control::Explained { changes, reason, .. } => {
            let (who, what, object, _) = changes.first().and_then(head)?;
            (who, what, object, reason)
        }
        Control::Proposed { id, by, reason, .. } => (by, "proposed", format!("change {id}"), reason),
        Control::Approved { id, by, reason, .. } => (by, "approved", format!("change {id}"), reason),
        Control::Rejected { id, by, reason, .. } => (by, "rejected", format!("change {id}"), reason),
        Control::Recalled { id, by, reason, .. } => (by, "withdrawn", format!("change {id}"), reason),
        Control::Experimented { experiments, by, reason, .. } => {
            let names: Vec<&str> = experiments.iter().map(|experiment| experiment.name.as_str()).collect();
            (by, "experiment_started", format!("experiment {}", names.join(", ")), reason)
        }
        Control::Concluded { name, by, reason, .. } => (by, "experiment_ended", format!("experiment {name}"), reason),
        Control::Alerts { steps, by, .. } => {
            let (what, object, reason) = steps.iter().find_map(step)?;
            (by, what, object, reason)
        }
    })
}

/// What was done at the desk, to what, and why.
fn step(step: &Step) -> Option<(&'static str, String, &str)> {
    match step {
        Step::Policies(policies) => Some(("alert_policies", format!("{} alert policies", policies.len()), "")),
        Step::Looked { .. } => None,
        Step::Did { id, did, .. } => {
            let reason = match did {
                Did::Claimed | Did::Released => "",
                Did::Noted { text } => text,
                Did::Escalated { reason } | Did::Dismissed { reason } | Did::Reopened { reason } => reason,
                Did::Resolved { note, .. } => note,
            };
            Some((did.name(), format!("alert {id}"), reason))
        }
    }
}

/// What an alert was.
fn outcome(step: &Step) -> Option<&'static str> {
    match step {
        Step::Did { did, .. } => did.outcome().map(Outcome::name),
        Step::Policies(_) | Step::Looked { .. } => None,
    }
}
