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
