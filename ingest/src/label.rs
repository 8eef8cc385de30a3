//! A label: what an event turned out to be, told by somebody, days or months after it.

use serde::{Deserialize, Serialize};

use crate::event::EventId;
use crate::time::Timestamp;

/// What an event turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Not authorised by the account's owner.
    Fraud,
    /// Genuine.
    Legit,
    /// The borrower did not pay.
    Default,
    /// The borrower paid.
    Repaid,
}

impl Outcome {
    /// Whether it is the outcome that models predict: fraud or default.
    pub const fn is_bad(self) -> bool {
        matches!(self, Self::Fraud | Self::Default)
    }

    /// Who says so as a rule, where history does not tell.
    pub const fn usual_source(self) -> LabelSource {
        match self {
            Self::Fraud | Self::Legit => LabelSource::Chargeback,
            Self::Default | Self::Repaid => LabelSource::Servicing,
        }
    }
}

/// What the bad events of a pipeline are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Harm {
    /// Fraud; the others are legit.
    #[default]
    Fraud,
    /// Default; the others are repaid.
    Default,
}

impl Harm {
    /// What an event turned out to be.
    pub const fn outcome(self, is_bad: bool) -> Outcome {
        match (self, is_bad) {
            (Self::Fraud, true) => Outcome::Fraud,
            (Self::Fraud, false) => Outcome::Legit,
            (Self::Default, true) => Outcome::Default,
            (Self::Default, false) => Outcome::Repaid,
        }
    }
}

/// Who said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelSource {
    /// The card scheme's dispute.
    Chargeback,
    /// Somebody who reviewed an alert.
    Analyst,
    /// The account's owner.
    Customer,
    /// The issuing bank.
    Issuer,
    /// The lender's servicing system.
    Servicing,
}

/// One label. Several may arrive for one event: the one that was observed last holds, all are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// The event that it is about.
    pub event_id: EventId,
    /// What the event turned out to be.
    pub label: Outcome,
    /// Who said so.
    pub source: LabelSource,
    /// The source's own word for the kind: a chargeback's reason code, a fraud type.
    pub category: Option<String>,
    /// When it became known; never before the event.
    pub observed_at: Timestamp,
    /// The loss in minor units, where it differs from the event's amount.
    pub amount_minor: Option<i64>,
}
