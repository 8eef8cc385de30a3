//! Control records: changes of what decides. They lie in the log between the decisions, so that which model decided at any time
//! is known from the log alone.

use ingest::Timestamp;
use ingest::log::record::{RecordError, check_version, decode, encode};
use ingest::log::{Position, Readable, Topic};
use serde::{Deserialize, Serialize};

/// Version 2 added `Serving`, version 3 `RetrainWanted`.
const CONTROL_VERSION: u8 = 3;

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

/// A model that became champion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promotion {
    /// The model's name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// Who did it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// All promotions of a log, in its order.
pub fn promotions(log: &dyn Readable) -> Result<Vec<Promotion>, crate::Error> {
    let mut promotions = Vec::new();
    for record in log.read(Position(0))? {
        let record = record?;
        if record.topic != Topic::Control {
            continue;
        }
        let unreadable = |source| crate::Error::Unreadable { position: record.position, source };
        if let Control::Promoted { name, version, by, reason, at } = Control::decode(&record.payload).map_err(unreadable)? {
            promotions.push(Promotion { name, version, by, reason, at });
        }
    }
    Ok(promotions)
}

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It waits.
    Candidate,
    /// It decides.
    Champion,
    /// It has decided.
    Retired,
}

impl Role {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Candidate => "candidate",
            Self::Champion => "champion",
            Self::Retired => "retired",
        }
    }
}

/// The role of a version after some promotions.
pub fn role(promotions: &[Promotion], name: &str, version: u32) -> Role {
    let mut of_name = promotions.iter().filter(|promotion| promotion.name == name).rev().map(|promotion| promotion.version);
    match of_name.next() {
        Some(last) if last == version => Role::Champion,
        _ if of_name.any(|before| before == version) => Role::Retired,
        _ => Role::Candidate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_promotion_decides() {
        let promotion = |name: &str, version: u32| Promotion {
            name: name.to_owned(),
            version,
            by: "ada".to_owned(),
            reason: String::new(),
            at: Timestamp::from_micros(0),
        };
        let promotions = [promotion("a", 1), promotion("a", 3), promotion("b", 2), promotion("a", 4), promotion("a", 3)];
        let check =
            |name: &str, version: u32, expect: Role| assert_eq!(role(&promotions, name, version), expect, "{name} {version}");
        check("a", 1, Role::Retired);
        check("a", 2, Role::Candidate);
        check("a", 3, Role::Champion);
        check("a", 4, Role::Retired);
        check("b", 2, Role::Champion);
        check("b", 1, Role::Candidate);
        assert_eq!(role(&[], "a", 1), Role::Candidate);
    }
}
