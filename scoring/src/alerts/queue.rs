//! The queue: which alerts somebody wants to see, and in which order.

use std::fmt;
use std::str::FromStr;

use ingest::{Duration, Timestamp};

use super::alert::Alert;
use super::policy::Severity;
use super::stage::Stage;
use crate::control::Person;

/// Which alerts are meant. What is not said leaves none out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of these severities; empty for all.
    pub severities: Vec<Severity>,
    /// In these states, by their words; empty for all that are not closed.
    pub states: Vec<String>,
    /// Of this policy.
    pub policy: Option<String>,
    /// Of this group.
    pub group: Option<String>,
    /// That somebody has; with an empty name those that nobody has.
    pub assignee: Option<String>,
    /// Raised at least so long ago.
    pub older_than: Option<Duration>,
    /// Of at least so much money, in minor units; what is in another currency than the alert's counts nothing.
    pub money_at_least: Option<i64>,
    /// About or with an entity of this key.
    pub key: Option<String>,
}

/// The words of all states.
pub(crate) const STATES: [&str; 5] = ["open", "in_review", "escalated", "resolved", "dismissed"];

impl Filter {
    /// Whether an alert is meant.
    pub fn takes(&self, alert: &Alert, now: Timestamp) -> bool {
        let state = alert.stage.name();
        let in_state = match self.states.as_slice() {
            [] => alert.stage.closed().is_none(),
            states => states.iter().any(|wanted| wanted == state),
        };
        let has = |wanted: &str| match alert.stage.held() {
            Some(held) => held.by == wanted,
            None => wanted.is_empty() || alert.stage.closed().is_some_and(|(by, _)| by == wanted),
        };
        in_state
            && (self.severities.is_empty() || self.severities.contains(&alert.severity))
            && self.policy.as_ref().is_none_or(|policy| alert.policy == *policy)
            && self.group.as_ref().is_none_or(|group| alert.group.as_ref() == Some(group))
            && self.assignee.as_deref().is_none_or(has)
            && self.older_than.is_none_or(|length| now.since(alert.opened_at) >= length)
            && self.money_at_least.is_none_or(|least| alert.money_minor() >= least)
            && self.key.as_ref().is_none_or(|key| alert.entities.values().any(|keys| keys.contains(key)))
    }

    /// Whether alerts that are closed may be meant.
    pub fn asks_for_closed(&self) -> bool {
        self.states.iter().any(|state| state == STATES[3] || state == STATES[4])
    }
}

/// The order of a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// What is open before what somebody has; then the highest severity, the most money, the oldest.
    #[default]
    Priority,
    /// What was escalated and nobody has before all that; then the same.
    Escalated,
    /// The most money first.
    Money,
    /// The oldest first.
    Oldest,
    /// The newest first.
    Newest,
}

impl Order {
    /// What matters most to somebody: to a reviewer what was escalated, which nobody else takes.
    pub fn of(person: &Person) -> Self {
        if person.reviews() { Self::Escalated } else { Self::Priority }
    }

    /// A text by which alerts come in this order. It begins with the order, and ends with the id, so that no two are equal.
    pub fn key(self, alert: &Alert) -> String {
        let severity = Severity::Critical as u8 - alert.severity as u8;
        let money = i64::MAX - alert.money_minor().max(0);
        let opened = alert.opened_at.micros().wrapping_sub(i64::MIN) as u64;
        let id = &alert.id;
        let key = match self {
            Self::Priority | Self::Escalated => {
                let place = match &alert.stage {
                    Stage::Escalated { held: None, .. } if self == Self::Escalated => 0,
                    Stage::Open => 1,
                    Stage::Escalated { held: None, .. } => 2,
                    Stage::Escalated { .. } | Stage::InReview(_) => 3,
                    Stage::Resolved { .. } | Stage::Dismissed { .. } => 4,
                };
                format!("{place}{severity}{money:019}{opened:020}{id}")
            }
            Self::Money => format!("{money:019}{opened:020}{id}"),
            Self::Oldest => format!("{opened:020}{id}"),
            Self::Newest => format!("{:020}{id}", u64::MAX - opened),
        };
        format!("{self}.{key}")
    }

    /// Whether a text may be the key of an alert in this order, of one that is gone, too.
    pub fn is_key(self, text: &str) -> bool {
        let digits = match self {
            Self::Priority | Self::Escalated => 41,
            Self::Money => 39,
            Self::Oldest | Self::Newest => 20,
        };
        let key = text.strip_prefix(&self.to_string()).and_then(|rest| rest.strip_prefix('.'));
        key.and_then(|key| key.split_at_checked(digits))
            .is_some_and(|(digits, id)| digits.bytes().all(|digit| digit.is_ascii_digit()) && !id.is_empty())
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Priority => "priority",
            Self::Escalated => "escalated",
            Self::Money => "money",
            Self::Oldest => "oldest",
            Self::Newest => "newest",
        })
    }
}

impl FromStr for Order {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Priority, Self::Escalated, Self::Money, Self::Oldest, Self::Newest];
        all.into_iter()
            .find(|order| order.to_string() == text)
            .ok_or_else(|| format!("`{text}` is none of priority, escalated, money, oldest, newest"))
    }
}
