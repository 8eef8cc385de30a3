//! The states of an alert, and who may bring it from one to the next. A state carries what belongs to it; a transition takes it and gives the
//! next one, or says why not.

use ingest::Timestamp;
use serde::{Deserialize, Serialize};

use crate::control::{May, Person, may_be_one};

/// Where an alert is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// Nobody has it.
    #[default]
    Open,
    /// Somebody looks at it.
    InReview(Held),
    /// Whoever had it wants another person to look at it.
    Escalated {
        /// Who wants that.
        by: String,
        /// Why.
        reason: String,
        /// Since when.
        at: Timestamp,
        /// Who looks at it now.
        held: Option<Held>,
    },
    /// It is known what it was.
    Resolved {
        /// What.
        outcome: Outcome,
        /// Who says so.
        by: String,
        /// Since when.
        at: Timestamp,
    },
    /// It was not worth an answer.
    Dismissed {
        /// Why.
        reason: String,
        /// Who says so.
        by: String,
        /// Since when.
        at: Timestamp,
    },
}

/// Who has an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Their name.
    pub by: String,
    /// Since when.
    pub since: Timestamp,
}

/// What an alert was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(as = AlertOutcome))]
pub enum Outcome {
    /// Its events are fraud.
    ConfirmedFraud,
    /// Its events are genuine.
    FalsePositive,
    /// Nobody can tell.
    Inconclusive,
    /// Another alert is about the same.
    Duplicate,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::ConfirmedFraud, Self::FalsePositive, Self::Inconclusive, Self::Duplicate];

    /// Its word in the API and in the warehouse.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConfirmedFraud => "confirmed_fraud",
            Self::FalsePositive => "false_positive",
            Self::Inconclusive => "inconclusive",
            Self::Duplicate => "duplicate",
        }
    }

    /// What it says of the events, for models to learn from.
    pub const fn label(self) -> Option<ingest::Outcome> {
        match self {
            Self::ConfirmedFraud => Some(ingest::Outcome::Fraud),
            Self::FalsePositive => Some(ingest::Outcome::Legit),
            Self::Inconclusive | Self::Duplicate => None,
        }
    }
}

/// Why something cannot be done with an alert.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Somebody has it.
    #[error("it is {state}, and {by} has it since {since}")]
    Held {
        /// The state.
        state: &'static str,
        /// Who.
        by: String,
        /// Since when.
        since: Timestamp,
    },
    /// Nobody has it.
    #[error("it is {state}, and nobody has it: claim it first")]
    Unheld {
        /// The state.
        state: &'static str,
    },
    /// It is closed.
    #[error("it was {what} by {by} at {at}")]
    Closed {
        /// How.
        what: String,
        /// By whom.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// It is not closed.
    #[error("it is {state}, and only what is closed can be reopened")]
    NotClosed {
        /// The state.
        state: &'static str,
    },
    /// It was escalated before.
    #[error("it was escalated by {by} at {at} already")]
    Escalated {
        /// By whom.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// It is for reviewers, and the caller is none.
    #[error(
        "it was escalated by {by} at {at}, and is for the role reviewer or one above (the scope `review`): whoever has another may read it and write notes"
    )]
    ForReviewers {
        /// Who escalated it.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// It changed since the caller looked.
    #[error("it has changed since version {expected}: {what}; it has version {version} now")]
    Changed {
        /// The version that the caller saw.
        expected: u32,
        /// The one that it has.
        version: u32,
        /// What happened in between.
        what: String,
    },
    /// Events that it does not have.
    #[error("it has no event `{event_id}`")]
    NoEvent {
        /// The first of them.
        event_id: String,
    },
    /// More happened to it than is kept.
    #[error("{entries} things were done with it: no more are taken but to close it")]
    Full {
        /// How many.
        entries: usize,
    },
}

impl Stage {
    /// Its word in the API, in metrics and in the warehouse.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::InReview(_) => "in_review",
            Self::Escalated { .. } => "escalated",
            Self::Resolved { .. } => "resolved",
            Self::Dismissed { .. } => "dismissed",
        }
    }

    /// Who has it.
    pub const fn held(&self) -> Option<&Held> {
        match self {
            Self::InReview(held) | Self::Escalated { held: Some(held), .. } => Some(held),
            Self::Open | Self::Escalated { held: None, .. } | Self::Resolved { .. } | Self::Dismissed { .. } => None,
        }
    }

    /// When it was closed, and by whom.
    pub const fn closed(&self) -> Option<(&String, Timestamp)> {
        match self {
            Self::Resolved { by, at, .. } | Self::Dismissed { by, at, .. } => Some((by, *at)),
            Self::Open | Self::InReview(_) | Self::Escalated { .. } => None,
        }
    }

    /// Whether nobody has it and it is somebody's turn: what was escalated is that of reviewers, but of whoever wants another person to look at it.
    pub fn waits_for(&self, person: &Person) -> bool {
        match self {
            Self::Open => true,
            Self::Escalated { by, held: None, .. } => person.reviews() && !may_be_one(by, &person.name),
            _ => false,
        }
    }

    /// Somebody takes it, if nobody has it.
    pub fn claimed(self, by: &Person, at: Timestamp) -> Result<Self, Refusal> {
        self.is_for(by)?;
        let now_held = Held { by: by.name.clone(), since: at };
        match self {
            Self::Open => Ok(Self::InReview(now_held)),
            Self::Escalated { by, reason, at, held: None } => Ok(Self::Escalated { by, reason, at, held: Some(now_held) }),
            taken => Err(taken.held_or_closed()),
        }
    }

    /// Whoever has it gives it back; so may an administrator for them.
    pub fn released(self, by: &Person) -> Result<Self, Refusal> {
        if by.may < May::Change || self.held().is_none() {
            self.holds(by)?;
        }
        match self {
            Self::Escalated { by, reason, at, .. } => Ok(Self::Escalated { by, reason, at, held: None }),
            _ => Ok(Self::Open),
        }
    }

    /// Whoever has it wants another person to look at it.
    pub fn escalated(self, by: &Person, reason: &str, at: Timestamp) -> Result<Self, Refusal> {
        self.holds(by)?;
        match self {
            Self::Escalated { by, at, .. } => Err(Refusal::Escalated { by, at }),
            _ => Ok(Self::Escalated { by: by.name.clone(), reason: reason.to_owned(), at, held: None }),
        }
    }

    /// Whoever has it says what it was.
    pub fn resolved(self, by: &Person, outcome: Outcome, at: Timestamp) -> Result<Self, Refusal> {
        self.is_for(by)?;
        self.holds(by)?;
        Ok(Self::Resolved { outcome, by: by.name.clone(), at })
    }

    /// Whoever has it says that it was not worth an answer.
    pub fn dismissed(self, by: &Person, reason: &str, at: Timestamp) -> Result<Self, Refusal> {
        self.is_for(by)?;
        self.holds(by)?;
        Ok(Self::Dismissed { reason: reason.to_owned(), by: by.name.clone(), at })
    }

    /// Somebody wants it looked at again.
    pub fn reopened(self) -> Result<Self, Refusal> {
        match self.closed() {
            Some(_) => Ok(Self::Open),
            None => Err(Refusal::NotClosed { state: self.name() }),
        }
    }

    /// Refuses whoever is no reviewer where it was escalated.
    fn is_for(&self, person: &Person) -> Result<(), Refusal> {
        match self {
            Self::Escalated { by, at, .. } if !person.reviews() => Err(Refusal::ForReviewers { by: by.clone(), at: *at }),
            _ => Ok(()),
        }
    }

    /// Refuses whoever does not have it.
    fn holds(&self, person: &Person) -> Result<(), Refusal> {
        match self.held() {
            Some(held) if may_be_one(&held.by, &person.name) => Ok(()),
            _ => Err(self.held_or_closed()),
        }
    }

    /// Why it is not the caller's.
    fn held_or_closed(&self) -> Refusal {
        let state = self.name();
        match self {
            Self::Resolved { outcome, by, at } => {
                Refusal::Closed { what: format!("resolved as {}", outcome.name()), by: by.clone(), at: *at }
            }
            Self::Dismissed { by, at, .. } => Refusal::Closed { what: state.to_owned(), by: by.clone(), at: *at },
            Self::InReview(Held { by, since }) | Self::Escalated { held: Some(Held { by, since }), .. } => {
                Refusal::Held { state, by: by.clone(), since: *since }
            }
            Self::Open | Self::Escalated { held: None, .. } => Refusal::Unheld { state },
        }
    }
}
