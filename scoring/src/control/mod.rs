//! Control records: changes of what decides. They lie in the log between the decisions, so that which model decided at any time
//! is known from the log alone.

mod declared;
pub mod experiment;
pub mod governance;
mod json_texts;
mod person;
pub mod proposal;
mod roles;
mod state;
mod tables;
#[cfg(test)]
mod tests;

use ingest::Timestamp;
use ingest::log::record::{RecordError, check_version, decode, encode};
use serde::{Deserialize, Serialize};

pub use self::declared::{PIPELINE_FILE, declared};
pub use self::experiment::{Course, Ended, Experiment, Flaw, Guardrails, Outcome};
pub use self::governance::{Governance, Kind, Probation};
#[cfg(feature = "http")]
pub(crate) use self::person::plain;
pub use self::person::{ANYBODY, DESK, GUARDRAIL, May, PLAN, PROGRAM, Person, SOMEBODY, is_one, is_reserved, may_be_one};
pub use self::proposal::{Facts, Outdated, Proposal, Stage};
pub use self::roles::{Role, RoleChange, is_training_asked, role, role_changes};
pub use self::state::{Challenger, State};
pub use self::tables::Tables;
use crate::alerts::Step;
use crate::lists::{Entry, Pattern};
use crate::policy::Policy;
use crate::rules::Rule;

/// Version 2 added `Serving`; version 3 wishes for training, challengers, rules, lists and the policy; version 4 proposals, experiments and the way
/// back; version 5 alerts; version 6 what the pipeline file declares, and changes in parts; version 7 why a change was made that has no
/// place for that.
const CONTROL_VERSION: u8 = 7;

/// A change of what decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Control {
    /// A model became champion; the one before it retired.
    Promoted {
        /// The model's name.
        name: String,
        /// Its version in the registry.
        version: u32,
        /// Who did it.
        by: String,
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// These features are computed for decisions from here on, and did not serve before.
    Serving {
        /// Each feature's name and the hash of its definition.
        features: Vec<(String, String)>,
        /// When.
        at: Timestamp,
    },
    /// Somebody or something, such as a drift that was seen, wants the model to be trained anew. It changes no decision; what follows
    /// the log trains.
    RetrainWanted {
        /// Who or what wants it.
        by: String,
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// A model runs beside the champion from here on.
    Challenged {
        /// The model's name.
        name: String,
        /// Its version in the registry.
        version: u32,
        /// The share of entities that it decides for, in percent; 0 when it only looks on.
        share_percent: u8,
        /// Who did it.
        by: String,
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// A model runs beside the champion no longer.
    Withdrawn {
        /// The model's name.
        name: String,
        /// Its version in the registry.
        version: u32,
        /// Who did it.
        by: String,
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// Rules as they are from here on; each takes the place of the one with its id.
    Ruled {
        /// The rules.
        #[serde(with = "json_texts")]
        rules: Vec<Rule>,
        /// Who did it.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// Entries are on a list from here on; each takes the place of the one with its value.
    Listed {
        /// The list.
        list: String,
        /// The entries.
        entries: Vec<Entry>,
        /// Who did it.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// Entries are off a list from here on.
    Unlisted {
        /// The list.
        list: String,
        /// Their values.
        values: Vec<Pattern>,
        /// Who did it.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// Thresholds, and what holds on failure, from here on.
    Governed {
        /// The policy.
        policy: Policy,
        /// Who did it.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// The champion gave its place back to the one before it.
    RolledBack {
        /// The model's name.
        name: String,
        /// The version that decides no longer.
        version: u32,
        /// The version that decides again.
        to: u32,
        /// Who did it.
        by: String,
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// For these kinds of changes a second person is asked from here on.
    Guarded {
        /// The kinds.
        four_eyes: Vec<Kind>,
        /// Who did it.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// Changes wait for a second person; nothing of them holds.
    Proposed {
        /// Counts proposals, from 1.
        id: u32,
        /// What would change.
        #[serde(with = "json_texts")]
        changes: Vec<Control>,
        /// What held of it.
        facts: Facts,
        /// Who proposes it.
        by: String,
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// A second person agreed: the changes hold from here on.
    Approved {
        /// The proposal.
        id: u32,
        /// What changes.
        #[serde(with = "json_texts")]
        changes: Vec<Control>,
        /// Who approved it.
        by: String,
        /// Why; it may be left unsaid.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// A second person did not agree.
    Rejected {
        /// The proposal.
        id: u32,
        /// Who rejected it.
        by: String,
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// Who proposed it took it back.
    Recalled {
        /// The proposal.
        id: u32,
        /// Who did it.
        by: String,
        /// Why; it may be left unsaid.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// Challengers run beside the champion from here on, as experiments.
    Experimented {
        /// The experiments; one as a rule.
        #[serde(with = "json_texts")]
        experiments: Vec<Experiment>,
        /// Who did it.
        by: String,
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// An experiment ended.
    Concluded {
        /// Its name.
        name: String,
        /// The name of its models.
        model: String,
        /// The challenger's version.
        version: u32,
        /// How.
        outcome: Outcome,
        /// Through whom.
        by: String,
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// Something happened at the alert desk. It changes no decision.
    Alerts {
        /// What; one step.
        #[serde(with = "json_texts")]
        steps: Vec<Step>,
        /// Who did it, or in whose name.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// The pipeline file has these lists and reasons from here on.
    Declared {
        /// What it says.
        tables: Tables,
        /// Who did it.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// A part of a change that is too large for one record: nothing of it holds before the last part is there.
    Part {
        /// How many parts follow; at 0 all that was said since the first one holds.
        left: u32,
        /// Whether it is the first one. What another change left unfinished, when the program ended in the middle of it, is forgotten.
        is_first: bool,
        /// What changes.
        #[serde(with = "json_texts")]
        changes: Vec<Control>,
        /// Who did it.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// A change that has no place for why it was made, with that.
    Explained {
        /// What changes; one change.
        #[serde(with = "json_texts")]
        changes: Vec<Control>,
        /// Why.
        reason: String,
        /// Who did it.
        by: String,
        /// When.
        at: Timestamp,
    },
}

impl Control {
    /// As the log keeps it.
    pub fn encode(&self) -> Vec<u8> {
        encode(CONTROL_VERSION, self, Vec::with_capacity(64))
    }

    /// Changes that hold all at once or, where the program ends before the last of their records is durable, not at all.
    pub fn in_parts(changes: Vec<Self>, by: &str, at: Timestamp) -> Vec<Self> {
        let parts = changes.len() as u32;
        if parts < 2 {
            return changes;
        }
        let part = |(change, left): (Self, u32)| {
            let (is_first, changes, by) = (left == parts - 1, vec![change], by.to_owned());
            Self::Part { left, is_first, changes, by, at }
        };
        changes.into_iter().zip((0..parts).rev()).map(part).collect()
    }

    /// The same with why it was made. Where nothing was said, and where it has a place of its own for that, it stays as it is.
    pub fn explained(self, reason: &str) -> Self {
        if reason.is_empty() {
            return self;
        }
        let (by, at) = match &self {
            Self::Ruled { by, at, .. }
            | Self::Listed { by, at, .. }
            | Self::Unlisted { by, at, .. }
            | Self::Governed { by, at, .. }
            | Self::Part { by, at, .. } => (by.clone(), *at),
            _ => return self,
        };
        Self::Explained { changes: vec![self], reason: reason.to_owned(), by, at }
    }

    /// A change of a proposal as it is approved: it holds from now on, and list entries name who agreed.
    pub fn approved(mut self, by: &str, now: Timestamp) -> Self {
        match &mut self {
            Self::Listed { entries, .. } => entries.iter_mut().for_each(|entry| entry.approved_by = Some(by.to_owned())),
            Self::Part { changes, .. } | Self::Explained { changes, .. } => {
                *changes = std::mem::take(changes).into_iter().map(|change| change.approved(by, now)).collect();
            }
            _ => {}
        }
        match &mut self {
            Self::Promoted { at, .. }
            | Self::Serving { at, .. }
            | Self::RetrainWanted { at, .. }
            | Self::Challenged { at, .. }
            | Self::Withdrawn { at, .. }
            | Self::Ruled { at, .. }
            | Self::Listed { at, .. }
            | Self::Unlisted { at, .. }
            | Self::Governed { at, .. }
            | Self::RolledBack { at, .. }
            | Self::Guarded { at, .. }
            | Self::Proposed { at, .. }
            | Self::Approved { at, .. }
            | Self::Rejected { at, .. }
            | Self::Recalled { at, .. }
            | Self::Experimented { at, .. }
            | Self::Concluded { at, .. }
            | Self::Alerts { at, .. }
            | Self::Declared { at, .. }
            | Self::Part { at, .. }
            | Self::Explained { at, .. } => *at = now,
        }
        self
    }

    /// From the log.
    pub fn decode(payload: &[u8]) -> Result<Self, RecordError> {
        decode("control", check_version("control", payload, CONTROL_VERSION)?)
    }

    /// When it was made.
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::Promoted { at, .. }
            | Self::Serving { at, .. }
            | Self::RetrainWanted { at, .. }
            | Self::Challenged { at, .. }
            | Self::Withdrawn { at, .. }
            | Self::Ruled { at, .. }
            | Self::Listed { at, .. }
            | Self::Unlisted { at, .. }
            | Self::Governed { at, .. }
            | Self::RolledBack { at, .. }
            | Self::Guarded { at, .. }
            | Self::Proposed { at, .. }
            | Self::Approved { at, .. }
            | Self::Rejected { at, .. }
            | Self::Recalled { at, .. }
            | Self::Experimented { at, .. }
            | Self::Concluded { at, .. }
            | Self::Alerts { at, .. }
            | Self::Declared { at, .. }
            | Self::Part { at, .. }
            | Self::Explained { at, .. } => *at,
        }
    }
}
