//! One alert: what it is about, the events that it has, where it is, and what was done with it. Everything in it has a bound.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use ingest::log::Position;
use ingest::{Currency, EventId, Timestamp};
use serde::{Deserialize, Serialize};

use super::policy::{Policy, Severity};
use super::raise::{Seen, Worthy};
use super::stage::{Refusal, Stage};
use super::step::{Action, Did};
use crate::control::Person;
use crate::decision::Verdict;

/// An alert has at most so many events; what comes then is another alert.
pub const MOST_HITS: usize = 200;

/// So much may be done with an alert, so that it fits a record; then it can only be closed.
const MOST_ENTRIES: usize = 500;

/// Names an alert: its policy, and where the decision that raised it lies in the log. So the same decision never raises it twice.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AlertId(String);

impl AlertId {
    /// Of the policy and the position of the decision.
    pub fn new(policy: &str, decision: Position) -> Self {
        Self(format!("{policy}-{decision}"))
    }

    /// As somebody wrote it; whether there is one of this name the desk knows.
    pub fn written(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The policy that raised it.
    pub fn policy(&self) -> &str {
        self.0.rsplit_once('-').map_or(&self.0, |(policy, _)| policy)
    }
}

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An entity: which, and the key of one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subject {
    /// The entity, as the pipeline file declares it.
    pub entity: String,
    /// Its key.
    pub key: String,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.entity, self.key)
    }
}

/// An event of an alert, and what was decided about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    /// The event.
    pub event_id: EventId,
    /// Where the decision lies in the log.
    pub decision: Position,
    /// When the event happened.
    pub occurred_at: Timestamp,
    /// Its amount in minor units of the alert's currency; `None` where it has none, or one in another currency.
    pub amount_minor: Option<i64>,
    /// What was decided.
    pub verdict: Verdict,
    /// 0 to 1000; `None` when no model ran.
    pub score: Option<u16>,
    /// The rules that hit and counted.
    pub rules: Vec<String>,
}

/// Something that was done with an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The version that it has since then.
    pub version: u32,
    /// Who did it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What.
    pub did: Did,
}

/// What a person should look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Names it.
    pub id: AlertId,
    /// The policy that raised it.
    pub policy: String,
    /// How much it matters.
    pub severity: Severity,
    /// Whose it is, where the policy says so.
    pub group: Option<String>,
    /// What it is about, where it is not about its one event alone.
    pub subject: Option<Subject>,
    /// The entities of its events, at most [`MOST_HITS`] keys of each: other alerts may share them.
    pub entities: BTreeMap<String, BTreeSet<String>>,
    /// What its money is in: the currency of the pipeline when it was raised; `None` where its events move no money.
    pub currency: Option<Currency>,
    /// Its events, in the order of the log: at least one, at most [`MOST_HITS`].
    pub hits: Vec<Hit>,
    /// When it was raised.
    pub opened_at: Timestamp,
    /// Where it is.
    pub stage: Stage,
    /// What people did with it.
    pub entries: Vec<Entry>,
    /// Counts its changes, from 1: those of people, and events that joined.
    pub version: u32,
}

impl Alert {
    /// One that a decision raises, with those before it that belong to it.
    pub(super) fn opened(policy: &Policy, worthy: &Worthy, earlier: &[Arc<Seen>]) -> Self {
        let seen = || earlier.iter().chain([&worthy.seen]);
        let mut alert = Self {
            id: AlertId::new(&policy.name, worthy.seen.hit.decision),
            policy: policy.name.clone(),
            severity: policy.severity,
            group: policy.group.clone(),
            subject: worthy.subject(policy),
            entities: BTreeMap::new(),
            currency: seen().any(|seen| seen.currency.is_some()).then_some(worthy.currency),
            hits: Vec::new(),
            opened_at: worthy.decided_at,
            stage: Stage::Open,
            entries: Vec::new(),
            version: 0,
        };
        seen().for_each(|seen| alert.join(alert.hit(seen), &seen.entities));
        Self { version: 1, severity: alert.severity_by(policy), ..alert }
    }

    /// An event as it is here: without its amount where that is in another currency, so that money is added up in one.
    pub(super) fn hit(&self, seen: &Seen) -> Hit {
        let amount_minor = seen.hit.amount_minor.filter(|_| seen.currency == self.currency);
        Hit { amount_minor, ..seen.hit.clone() }
    }

    /// Another event is of it.
    pub(super) fn join(&mut self, hit: Hit, entities: &BTreeMap<String, String>) {
        for (entity, key) in entities {
            let keys = self.entities.entry(entity.clone()).or_default();
            if keys.len() < MOST_HITS {
                keys.insert(key.clone());
            }
        }
        self.hits.push(hit);
        self.version += 1;
    }

    /// How much it matters by its policy; never less than it did.
    pub(super) fn severity_by(&self, policy: &Policy) -> Severity {
        self.severity.max(policy.severity(self.events(), self.money_minor(), self.score()))
    }

    /// Where the decision lies that raised it.
    pub fn raised_by(&self) -> Option<Position> {
        let (_, position) = self.id.0.rsplit_once('-')?;
        position.parse().ok().map(Position)
    }

    /// How many events it has.
    pub fn events(&self) -> u32 {
        u32::try_from(self.hits.len()).unwrap_or(u32::MAX)
    }

    /// The amounts of its events together, in minor units of its currency; those in other currencies are not in it.
    pub fn money_minor(&self) -> i64 {
        self.hits.iter().filter_map(|hit| hit.amount_minor).fold(0, i64::saturating_add)
    }

    /// How many of its events are in other currencies.
    pub fn other_currency(&self) -> u32 {
        let without = self.hits.iter().filter(|hit| self.currency.is_some() && hit.amount_minor.is_none());
        u32::try_from(without.count()).unwrap_or(u32::MAX)
    }

    /// The highest score among its events.
    pub fn score(&self) -> Option<u16> {
        self.hits.iter().filter_map(|hit| hit.score).max()
    }

    /// Its event that weighs most: by what was decided, then the score, then the amount; the last of equal ones.
    pub fn lead(&self) -> Option<&Hit> {
        self.hits.iter().max_by_key(|hit| (hit.verdict, hit.score, hit.amount_minor))
    }

    /// Its event that happened last.
    pub fn last_occurred_at(&self) -> Option<Timestamp> {
        self.hits.iter().map(|hit| hit.occurred_at).max()
    }

    /// Whether another alert has an entity with it in common.
    pub fn is_related(&self, other: &Self) -> bool {
        let shares = |(entity, keys): (&String, &BTreeSet<String>)| {
            other.entities.get(entity).is_some_and(|others| !keys.is_disjoint(others))
        };
        self.id != other.id && self.entities.iter().any(shares)
    }

    /// What somebody does with it, who saw it at a version: what is to be recorded, or why it cannot be done.
    pub fn did(&self, action: Action, expected: u32, by: &Person, at: Timestamp) -> Result<(Did, Stage), Refusal> {
        if self.version != expected {
            // Who comes too late to one that was closed is told by whom.
            let closed = self.stage.clone().claimed(by, at).err().filter(|_| self.stage.closed().is_some());
            return Err(closed.unwrap_or_else(|| self.changed(expected)));
        }
        let stage = self.stage.clone();
        let (did, next) = match action {
            Action::Claim => (Did::Claimed, stage.claimed(by, at)?),
            Action::Release => (Did::Released, stage.released(by)?),
            Action::Note { text } => (Did::Noted { text }, stage),
            Action::Escalate { reason } => {
                let next = stage.escalated(by, &reason, at)?;
                (Did::Escalated { reason }, next)
            }
            Action::Resolve { outcome, note, events } => {
                let next = stage.resolved(by, outcome, at)?;
                (Did::Resolved { outcome, note, events: self.chosen(events)? }, next)
            }
            Action::Dismiss { reason } => {
                let next = stage.dismissed(by, &reason, at)?;
                (Did::Dismissed { reason }, next)
            }
            Action::Reopen { reason } => {
                let next = stage.reopened()?;
                // Open again it is anybody's: what a reviewer has judged only a reviewer gives away.
                match self.entries.iter().rfind(|entry| matches!(entry.did, Did::Escalated { .. })) {
                    Some(entry) if !by.reviews() => {
                        return Err(Refusal::ForReviewers { by: entry.by.clone(), at: entry.at });
                    }
                    _ => (Did::Reopened { reason }, next),
                }
            }
        };
        let closes = self.stage.closed().is_none() && next.closed().is_some();
        if self.entries.len() >= MOST_ENTRIES && !closes {
            return Err(Refusal::Full { entries: self.entries.len() });
        }
        Ok((did, next))
    }

    /// It, after that.
    pub fn after(mut self, did: Did, next: Stage, by: &str, at: Timestamp) -> Self {
        self.version += 1;
        self.stage = next;
        self.entries.push(Entry { version: self.version, by: by.to_owned(), at, did });
        self
    }

    /// The events that are meant: all of them where none is named.
    fn chosen(&self, events: Option<Vec<EventId>>) -> Result<Vec<EventId>, Refusal> {
        let all = || self.hits.iter().map(|hit| hit.event_id.clone());
        let Some(mut events) = events else { return Ok(all().collect()) };
        let mut seen = BTreeSet::new();
        events.retain(|event| seen.insert(event.to_string()));
        match events.iter().find(|event| all().all(|known| known != **event)) {
            Some(unknown) => Err(Refusal::NoEvent { event_id: unknown.to_string() }),
            None => Ok(events),
        }
    }

    /// What happened since somebody saw it.
    fn changed(&self, expected: u32) -> Refusal {
        let since: Vec<&Entry> = self.entries.iter().filter(|entry| entry.version > expected).collect();
        let joined = (self.version.saturating_sub(expected) as usize).saturating_sub(since.len());
        let mut what: Vec<String> =
            since.iter().map(|entry| format!("{} {} it at {}", entry.by, entry.did.name(), entry.at)).collect();
        if joined > 0 {
            what.push(format!("{joined} of its events joined"));
        }
        if what.is_empty() {
            what.push("there was no such version yet".to_owned());
        }
        Refusal::Changed { expected, version: self.version, what: what.join(", ") }
    }
}
