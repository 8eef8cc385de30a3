//! What happens at the desk, as the log keeps it. Whatever a step depends on is in it, so that folding them needs nothing else and cannot fail.

use ingest::EventId;
use ingest::log::Position;
use serde::{Deserialize, Serialize};

use super::alert::{Alert, AlertId};
use super::policy::Policy;
use super::raise::Raise;
use super::stage::{Outcome, Stage};

/// Something that happened at the desk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// These policies hold for decisions from here on.
    Policies(Vec<Policy>),
    /// Decisions were looked at; the last of them raised alerts or joined some, or none did.
    Looked {
        /// What came of it, at most one for each policy.
        raised: Vec<Raise>,
        /// One after the last decision that was looked at.
        until: Position,
        /// Where to read from so that all that may still join a pattern is seen.
        from: Position,
    },
    /// Somebody did something with an alert.
    Did {
        /// Which.
        id: AlertId,
        /// What.
        did: Did,
        /// Where the alert is then.
        next: Stage,
        /// The alert before it, where the desk does not have it at hand any more: it was closed long ago.
        before: Option<Box<Alert>>,
        /// The alert after it, where it is closed with this: from here it is read when somebody asks for it later.
        whole: Option<Box<Alert>>,
    },
}

/// What somebody wants to do with an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Take it.
    Claim,
    /// Give it back.
    Release,
    /// Write something down.
    Note {
        /// What.
        text: String,
    },
    /// Have another person look at it.
    Escalate {
        /// Why.
        reason: String,
    },
    /// Say what it was.
    Resolve {
        /// What.
        outcome: Outcome,
        /// What else there is to say; it may be empty.
        note: String,
        /// Of which of its events; of all where that is not said.
        events: Option<Vec<EventId>>,
    },
    /// Say that it was not worth an answer.
    Dismiss {
        /// Why.
        reason: String,
    },
    /// Have it looked at again.
    Reopen {
        /// Why.
        reason: String,
    },
}

/// What somebody did with an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(as = AlertDid))]
pub enum Did {
    /// Took it.
    Claimed,
    /// Gave it back.
    Released,
    /// Wrote something down.
    Noted {
        /// What.
        text: String,
    },
    /// Wants another person to look at it.
    Escalated {
        /// Why.
        reason: String,
    },
    /// Said what it was.
    Resolved {
        /// What.
        outcome: Outcome,
        /// What else there was to say.
        note: String,
        /// Of which events.
        #[cfg_attr(feature = "http", schema(value_type = Vec<String>))]
        events: Vec<EventId>,
    },
    /// Said that it was not worth an answer.
    Dismissed {
        /// Why.
        reason: String,
    },
    /// Wants it looked at again.
    Reopened {
        /// Why.
        reason: String,
    },
}

impl Did {
    /// Its word in messages, in the warehouse and on the page.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Released => "released",
            Self::Noted { .. } => "noted",
            Self::Escalated { .. } => "escalated",
            Self::Resolved { .. } => "resolved",
            Self::Dismissed { .. } => "dismissed",
            Self::Reopened { .. } => "reopened",
        }
    }

    /// What the alert was, where that was said.
    pub const fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Resolved { outcome, .. } => Some(*outcome),
            _ => None,
        }
    }
}
