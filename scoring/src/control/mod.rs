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
#[cfg(test)]
mod tests;

use ingest::Timestamp;
use ingest::log::record::{RecordError, check_version, decode, encode};
use serde::{Deserialize, Serialize};

pub use self::declared::{PIPELINE_FILE, declared};
pub use self::experiment::{Course, Ended, Experiment, Guardrails, Outcome};
pub use self::governance::{Governance, Kind, Probation};
#[cfg(feature = "http")]
pub(crate) use self::person::plain;
pub use self::person::{ANYBODY, DESK, GUARDRAIL, May, PLAN, PROGRAM, Person, SOMEBODY, is_one, is_reserved, may_be_one};
pub use self::proposal::{Facts, Outdated, Proposal, Stage};
pub use self::roles::{Role, RoleChange, role, role_changes};
pub use self::state::{Challenger, State};
use crate::alerts::Step;
use crate::lists::{Entry, Pattern};
use crate::policy::Policy;
use crate::rules::Rule;

/// Version 2 added `Serving`; version 3 wishes for training, challengers, rules, lists and the policy; version 4 proposals, experiments and the way
/// back; version 5 alerts.
const CONTROL_VERSION: u8 = 5;

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
}

impl Control {
    /// As the log keeps it.
    pub fn encode(&self) -> Vec<u8> {
        encode(CONTROL_VERSION, self, Vec::with_capacity(64))
    }

    /// A change of a proposal as it is approved: it holds from now on, and list entries name who agreed.
    pub fn approved(mut self, by: &str, now: Timestamp) -> Self {
        if let Self::Listed { entries, .. } = &mut self {
            entries.iter_mut().for_each(|entry| entry.approved_by = Some(by.to_owned()));
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
            | Self::Alerts { at, .. } => *at = now,
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
            | Self::Alerts { at, .. } => *at,
        }
    }
}
