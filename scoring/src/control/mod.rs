//! Control records: changes of what decides. They lie in the log between the decisions, so that which model decided at any time
//! is known from the log alone.

mod declared;
mod roles;
mod rule_texts;
mod state;
#[cfg(test)]
mod tests;

use ingest::Timestamp;
use ingest::log::record::{RecordError, check_version, decode, encode};
use serde::{Deserialize, Serialize};

pub use self::declared::{PIPELINE_FILE, declared};
pub use self::roles::{Role, RoleChange, role, role_changes};
pub use self::state::{Challenger, State};
use crate::lists::{Entry, Pattern};
use crate::policy::Policy;
use crate::rules::Rule;

/// Version 2 added `Serving`; version 3 wishes for training, challengers, rules, lists and the policy.
const CONTROL_VERSION: u8 = 3;

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
        #[serde(with = "rule_texts")]
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
}

impl Control {
    /// As the log keeps it.
    pub fn encode(&self) -> Vec<u8> {
        encode(CONTROL_VERSION, self, Vec::with_capacity(64))
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
            | Self::Governed { at, .. } => *at,
        }
    }
}
