//! Control records: changes of what decides. They lie in the log between the decisions, so that which model decided at any time
//! is known from the log alone.

use ingest::Timestamp;
use ingest::log::record::{RecordError, check_version, decode, encode};
use serde::{Deserialize, Serialize};

/// Version 2 added `Serving`.
const CONTROL_VERSION: u8 = 2;

/// A change of what decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
}
