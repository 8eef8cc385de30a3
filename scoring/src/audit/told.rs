//! What a control record comes to, in an entry's words.

use crate::control::proposal::{facts, lines};
use crate::control::{Control, PIPELINE_FILE, State};

use super::Draft;

/// An entry about a control record; `state` is what held before it.
pub fn told(control: &Control, state: &State) -> Draft {
    let (who, what, object, reason) = head(control);
    let before = match control {
        // What holds is told of changes, not of a proposal of them.
        Control::Proposed { facts, .. } => said(facts),
        Control::Approved { changes, .. } => said(&facts(changes, state)),
        _ => said(&facts(std::slice::from_ref(control), state)),
    };
    let after = lines(std::slice::from_ref(control)).join("; ");
    Draft { reason: reason.to_owned(), before, after, ..Draft::new(control.at(), who, what, object) }
}

fn said(facts: &crate::control::Facts) -> String {
    facts.iter().map(|(what, holds)| format!("{what}: {holds}")).collect::<Vec<_>>().join("; ")
}

/// Who did what to what, and why.
fn head(control: &Control) -> (&str, &'static str, String, &str) {
    let model = |name: &str, version: u32| format!("model {name} {version}");
    match control {
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
        Control::Proposed { id, by, reason, .. } => (by, "proposed", format!("change {id}"), reason),
        Control::Approved { id, by, reason, .. } => (by, "approved", format!("change {id}"), reason),
        Control::Rejected { id, by, reason, .. } => (by, "rejected", format!("change {id}"), reason),
        Control::Recalled { id, by, reason, .. } => (by, "withdrawn", format!("change {id}"), reason),
        Control::Experimented { experiments, by, reason, .. } => {
            let names: Vec<&str> = experiments.iter().map(|experiment| experiment.name.as_str()).collect();
            (by, "experiment_started", format!("experiment {}", names.join(", ")), reason)
        }
        Control::Concluded { name, by, reason, .. } => (by, "experiment_ended", format!("experiment {name}"), reason),
    }
}
