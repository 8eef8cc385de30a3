//! Proposals: changes that wait for a second person. A proposal keeps what it rests on; when that has changed meanwhile, nobody can approve
//! it any more, since nobody would know what they approve.

use std::collections::BTreeMap;

use ingest::Timestamp;
use ingest::log::Position;
use serde::{Deserialize, Serialize};

use super::{Control, Course, State};

/// What a proposal rests on: what holds of all that it would change, by its name. What is not there has no name.
pub type Facts = BTreeMap<String, String>;

/// A change that waits for a second person, or did. What exactly it changes is in its record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Counts them, from 1.
    pub id: u32,
    /// Where its record lies in the log.
    pub position: Position,
    /// What it would change, a line a change.
    pub what: Vec<String>,
    /// Who proposes it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When it was proposed.
    pub at: Timestamp,
    /// What became of it.
    pub stage: Stage,
}

/// What became of a proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// It waits.
    Pending,
    /// It holds.
    Approved(Settled),
    /// Somebody else refused it.
    Rejected(Settled),
    /// Whoever proposed it took it back.
    Recalled(Settled),
}

/// By whom, why and when a proposal was settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// By whom.
    pub by: String,
    /// Why; it may be left unsaid.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

impl Stage {
    /// Its word in the API and in messages.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved(_) => "approved",
            Self::Rejected(_) => "rejected",
            Self::Recalled(_) => "withdrawn",
        }
    }

    /// How it was settled, if it was.
    pub const fn settled(&self) -> Option<&Settled> {
        match self {
            Self::Pending => None,
            Self::Approved(settled) | Self::Rejected(settled) | Self::Recalled(settled) => Some(settled),
        }
    }
}

/// Something that changed between a proposal and its approval.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} has changed since it was proposed: it was {then}, and is {now}; propose it again")]
pub struct Outdated {
    what: String,
    then: String,
    now: String,
}

/// The first thing that is not as it was.
pub fn outdated(then: &Facts, now: &Facts) -> Option<Outdated> {
    let what = then.keys().chain(now.keys()).find(|what| then.get(*what) != now.get(*what))?;
    let said = |facts: &Facts| facts.get(what).cloned().unwrap_or_else(|| "not there".to_owned());
    Some(Outdated { what: what.clone(), then: said(then), now: said(now) })
}

/// What holds of all that changes would change.
pub fn facts(controls: &[Control], state: &State) -> Facts {
    let mut facts = Facts::new();
    for control in controls {
        match control {
            Control::Promoted { name, version, .. } => {
                facts.extend([champion(state)]);
                // An experiment that it may be the end of may have ended meanwhile, and not well.
                let is_its = |course: &&Course| course.experiment.model == *name && course.experiment.challenger == *version;
                let is_bad = |course: &&Course| course.ended.as_ref().is_some_and(|ended| ended.outcome.is_bad());
                facts.extend(state.experiments.iter().filter(is_its).filter(is_bad).map(experiment));
            }
            Control::Challenged { name, version, .. } | Control::Withdrawn { name, version, .. } => {
                facts.extend([champion(state)]);
                facts.extend(challenger(name, *version, state));
            }
            Control::Experimented { experiments, .. } => {
                facts.extend([champion(state)]);
                facts.extend(experiments.iter().filter_map(|each| challenger(&each.model, each.challenger, state)));
            }
            Control::Concluded { name, .. } => {
                facts.extend(state.experiments.iter().find(|course| course.experiment.name == *name).map(experiment));
            }
            Control::Ruled { rules, .. } => {
                let known = rules.iter().filter_map(|rule| state.rules.iter().find(|known| known.id == rule.id));
                facts.extend(known.map(|rule| (format!("rule {}", rule.id), format!("version {}", rule.version))));
            }
            Control::Listed { list, entries, .. } => {
                facts.extend(entries.iter().filter_map(|entry| listed(list, &entry.pattern, state)));
            }
            Control::Unlisted { list, values, .. } => {
                facts.extend(values.iter().filter_map(|value| listed(list, value, state)));
            }
            Control::Governed { .. } => {
                facts.extend(state.policy.as_ref().map(|policy| ("the policy".to_owned(), policy.to_string())));
            }
            Control::Part { changes, .. } | Control::Explained { changes, .. } => facts.extend(self::facts(changes, state)),
            Control::Serving { .. }
            | Control::RetrainWanted { .. }
            | Control::RolledBack { .. }
            | Control::Guarded { .. }
            | Control::Proposed { .. }
            | Control::Approved { .. }
            | Control::Rejected { .. }
            | Control::Recalled { .. }
            | Control::Alerts { .. }
            | Control::Declared { .. } => {}
        }
    }
    facts
}

fn champion(state: &State) -> (String, String) {
    let said = state.champion.as_ref().map_or_else(|| "none".to_owned(), |(name, version)| format!("{name} {version}"));
    ("the champion".to_owned(), said)
}

fn experiment(course: &Course) -> (String, String) {
    let said = course.ended.as_ref().map_or("running", |ended| ended.outcome.name());
    (format!("experiment {}", course.experiment.name), said.to_owned())
}

fn challenger(name: &str, version: u32, state: &State) -> Option<(String, String)> {
    let challenger = state.challenger(name, version)?;
    Some((format!("challenger {name} {version}"), format!("at {} %", challenger.share_percent())))
}

fn listed(list: &str, pattern: &crate::lists::Pattern, state: &State) -> Option<(String, String)> {
    let entry = state.lists.get(list)?.get(pattern)?;
    let time = |time: Option<Timestamp>| time.map_or_else(|| "-".to_owned(), |time| time.to_string());
    let period = format!("{} to {}", time(entry.valid_from), time(entry.valid_until));
    Some((format!("`{pattern}` on list {list}"), format!("by {}, for `{}`, {period}", entry.created_by, entry.reason)))
}

/// The most values of a list that a line names.
const NAMED: usize = 5;

/// What changes would do, a line each, for a person.
pub fn lines(controls: &[Control]) -> Vec<String> {
    controls.iter().flat_map(line).collect()
}

fn line(control: &Control) -> Vec<String> {
    let some = |values: Vec<String>| {
        let more = if values.len() > NAMED { ", …" } else { "" };
        format!("{}{more}", values.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", "))
    };
    match control {
        Control::Promoted { name, version, .. } => vec![format!("{name} {version} becomes champion")],
        Control::Challenged { name, version, share_percent: 0, .. } => vec![format!("{name} {version} looks on as challenger")],
        Control::Challenged { name, version, share_percent, .. } => {
            vec![format!("{name} {version} decides as challenger for {share_percent} % of the entities")]
        }
        Control::Withdrawn { name, version, .. } => vec![format!("{name} {version} is challenger no longer")],
        Control::RolledBack { name, version, to, .. } => vec![format!("{name} {to} is champion again, instead of {version}")],
        Control::Experimented { experiments, .. } => experiments.iter().map(super::Experiment::to_string).collect(),
        Control::Concluded { name, outcome, .. } => vec![format!("experiment {name} ends: {}", outcome.name())],
        Control::Ruled { rules, .. } => {
            let line = |rule: &crate::rules::Rule| {
                let action = rule.action.map_or_else(String::new, |action| format!(", {action}"));
                format!("rule {} version {}, {}{action}: {}", rule.id, rule.version, rule.state.name(), rule.when)
            };
            rules.iter().map(line).collect()
        }
        Control::Listed { list, entries, .. } => {
            let values = entries.iter().map(|entry| entry.pattern.to_string()).collect();
            vec![format!("list {list} gets {}: {}", entries.len(), some(values))]
        }
        Control::Unlisted { list, values, .. } => {
            vec![format!("list {list} loses {}: {}", values.len(), some(values.iter().map(ToString::to_string).collect()))]
        }
        Control::Governed { policy, .. } => vec![policy.to_string()],
        Control::Guarded { four_eyes, .. } => vec![format!("four eyes are asked for {} kinds of changes", four_eyes.len())],
        Control::Declared { tables, .. } => {
            vec![format!("the pipeline file has {} lists, and words for {} features", tables.lists.len(), tables.reasons.len())]
        }
        Control::Approved { changes, .. }
        | Control::Proposed { changes, .. }
        | Control::Part { changes, .. }
        | Control::Explained { changes, .. } => lines(changes),
        Control::Serving { .. }
        | Control::RetrainWanted { .. }
        | Control::Rejected { .. }
        | Control::Recalled { .. }
        | Control::Alerts { .. } => Vec::new(),
    }
}
