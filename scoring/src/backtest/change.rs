//! What is tried: the control record that would make it hold.

use std::fmt;

use ingest::Timestamp;

use super::Refused;
use crate::control::{Control, State};
use crate::error::Error;
use crate::lists::Entry;
use crate::pipeline::Pipeline;
use crate::policy::Policy;
use crate::rules::{Rule, RuleId, State as RuleState};

/// A change that is tried.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A rule, new or in place of the one with its id. A draft or a rule in shadow is tried as if it were active; one that is paused or archived
    /// is off.
    Rule(Rule),
    /// Other thresholds; one that is not given stays.
    Thresholds {
        /// Reviewed from this score on, 0 to 1000.
        review: Option<u16>,
        /// Declined from this score on, 0 to 1000.
        decline: Option<u16>,
    },
    /// More entries on a list.
    Listed {
        /// The list.
        list: String,
        /// The entries.
        entries: Vec<Entry>,
    },
    /// Another champion.
    Model {
        /// Its name in the registry.
        name: String,
        /// Its version.
        version: u32,
    },
}

impl Change {
    /// The rule that is tried, if it is one.
    pub(super) const fn rule(&self) -> Option<&RuleId> {
        match self {
            Self::Rule(rule) => Some(&rule.id),
            _ => None,
        }
    }

    /// The record that would make it hold.
    pub(super) fn control(&self, state: &State, pipeline: &Pipeline, at: Timestamp) -> Result<Control, Error> {
        let by = || "a backtest".to_owned();
        Ok(match self.clone() {
            Self::Rule(rule) => Control::Ruled { rules: vec![Rule { state: tried(rule.state), ..rule }], by: by(), at },
            Self::Thresholds { review, decline } => {
                let present = state.policy.as_ref().unwrap_or(&pipeline.policy);
                let (review, decline) = (review.unwrap_or(present.review), decline.unwrap_or(present.decline));
                let policy = Policy { review, decline, ..present.clone() };
                policy.check().map_err(|reason| Refused::Thresholds { reason })?;
                Control::Governed { policy, by: by(), at }
            }
            Self::Listed { list, entries } => Control::Listed { list, entries, by: by(), at },
            Self::Model { name, version } => Control::Promoted { name, version, by: by(), reason: String::new(), at },
        })
    }
}

/// The state in which a rule is tried: one that does not count yet, as if it did.
fn tried(state: RuleState) -> RuleState {
    match state {
        RuleState::Draft | RuleState::Shadow => RuleState::Active,
        RuleState::Rollout(_) | RuleState::Active | RuleState::Paused | RuleState::Archived => state,
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(rule) => write!(f, "rule {}, {}", rule.id, tried(rule.state.clone()).name()),
            Self::Thresholds { review, decline } => {
                let named = [("review", review), ("decline", decline)];
                let given: Vec<String> = named.iter().filter_map(|(name, at)| at.map(|at| format!("{name} from {at}"))).collect();
                f.write_str(&given.join(", "))
            }
            Self::Listed { list, entries } => write!(f, "{} entries on list {list}", entries.len()),
            Self::Model { name, version } => write!(f, "model {name} {version}"),
        }
    }
}
