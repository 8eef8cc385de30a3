//! The desk: what all steps of the log come to. Alerts that are not closed are at hand, and those that were closed last; of an older one it is known
//! where in the log it lies whole. A plain fold.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use ingest::Timestamp;
use ingest::log::Position;
use serde::{Deserialize, Serialize};

use super::alert::{Alert, AlertId, Subject};
use super::policy::{Policy, Severity};
use super::queue::{Filter, Order};
use super::raise::{Joined, Raise, Seen, Worthy, raise};
use super::step::Step;
use crate::control::Person;

/// So many of those that were closed last are at hand.
const RECENT: usize = 1_000;

/// With so many that are not closed the desk is full: decisions wait in the log until some are.
const MOST_LIVE: usize = 50_000;

/// All alerts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Kept", into = "Kept")]
pub struct Desk {
    /// Which policies hold from which position of the log on; those that matter to decisions that were not looked at yet.
    policies: BTreeMap<Position, Vec<Arc<Policy>>>,
    until: Position,
    from: Position,
    /// Those that are not closed.
    live: BTreeMap<AlertId, Alert>,
    /// The last of them of each policy about each entity.
    last: HashMap<(String, Subject), AlertId>,
    /// Those that were closed last, the newest last.
    recent: VecDeque<Alert>,
    /// Where the last record of one that was closed lies, by its id.
    closed: HashMap<AlertId, Position>,
    opened: u64,
}

/// A desk as a snapshot keeps it.
#[derive(Serialize, Deserialize)]
struct Kept {
    policies: Vec<(Position, Vec<Policy>)>,
    until: Position,
    from: Position,
    live: Vec<Alert>,
    recent: Vec<Alert>,
    closed: Vec<(AlertId, Position)>,
    opened: u64,
}

impl From<Kept> for Desk {
    fn from(kept: Kept) -> Self {
        let Kept { policies, until, from, live, recent, closed, opened } = kept;
        let shared = |policies: Vec<Policy>| policies.into_iter().map(Arc::new).collect();
        let policies = policies.into_iter().map(|(position, policies)| (position, shared(policies))).collect();
        let mut desk = Self {
            policies,
            until,
            from,
            recent: recent.into(),
            closed: closed.into_iter().collect(),
            opened,
            ..Self::default()
        };
        live.into_iter().for_each(|alert| desk.hold(alert));
        desk
    }
}

impl From<Desk> for Kept {
    fn from(desk: Desk) -> Self {
        let plain = |policies: Vec<Arc<Policy>>| policies.into_iter().map(Arc::unwrap_or_clone).collect();
        let mut closed: Vec<_> = desk.closed.into_iter().collect();
        closed.sort();
        Self {
            policies: desk.policies.into_iter().map(|(position, policies)| (position, plain(policies))).collect(),
            until: desk.until,
            from: desk.from,
            live: desk.live.into_values().collect(),
            recent: desk.recent.into(),
            closed,
            opened: desk.opened,
        }
    }
}

impl Desk {
    /// Takes the step at a position.
    pub fn apply(&mut self, step: Step, by: &str, at: Timestamp, position: Position) {
        match step {
            Step::Policies(policies) => {
                // Before the first policies nothing was to be looked at.
                if self.policies.is_empty() {
                    (self.until, self.from) = (position.next(), position.next());
                }
                self.policies.insert(position.next(), policies.into_iter().map(Arc::new).collect());
            }
            Step::Looked { raised, until, from } => {
                raised.into_iter().for_each(|raised| self.raised(raised));
                self.looked(until, from);
            }
            Step::Did { id, did, next, before, .. } => {
                let Some(alert) = self.taken(&id).or(before.map(|before| *before)) else { return };
                let alert = alert.after(did, next, by, at);
                if alert.stage.closed().is_none() {
                    self.closed.remove(&id);
                    return self.hold(alert);
                }
                self.closed.insert(id, position);
                self.recent.push_back(alert);
                if self.recent.len() > RECENT {
                    self.recent.pop_front();
                }
            }
        }
    }

    fn raised(&mut self, raise: Raise) {
        match raise {
            Raise::Open(alert) => {
                self.opened += 1;
                self.hold(*alert);
            }
            Raise::Join(Joined { id, hit, entities, severity, .. }) => {
                if let Some(alert) = self.live.get_mut(&id) {
                    alert.join(hit, &entities);
                    alert.severity = severity;
                }
            }
        }
    }

    fn looked(&mut self, until: Position, from: Position) {
        (self.until, self.from) = (self.until.max(until), from);
        // What is read again after a start is looked at with the policies of then; those of before it matter no more.
        if let Some(first) = self.policies.range(..=self.from()).next_back().map(|(position, _)| *position) {
            self.policies = self.policies.split_off(&first);
        }
    }

    /// An alert that is not closed is at hand from here on.
    fn hold(&mut self, alert: Alert) {
        if let Some(about) = about(&alert) {
            let last = self.last.get(&about).and_then(|last| self.live.get(last));
            if last.is_none_or(|last| last.raised_by() <= alert.raised_by()) {
                self.last.insert(about, alert.id.clone());
            }
        }
        self.live.insert(alert.id.clone(), alert);
    }

    /// Takes an alert out of what is at hand.
    fn taken(&mut self, id: &AlertId) -> Option<Alert> {
        let Some(alert) = self.live.remove(id) else {
            let place = self.recent.iter().position(|alert| alert.id == *id)?;
            return self.recent.remove(place);
        };
        if let Some(of) = about(&alert).filter(|of| self.last.get(of) == Some(id)) {
            let others = self.live.values().filter(|other| other.policy == of.0 && other.subject.as_ref() == Some(&of.1));
            match others.max_by_key(|other| other.raised_by()).map(|other| other.id.clone()) {
                Some(before) => self.last.insert(of, before),
                None => self.last.remove(&of),
            };
        }
        Some(alert)
    }

    /// What comes of a decision that was not looked at yet; `None` where nothing does, or it was. So looking twice raises nothing twice.
    pub fn plan(&self, worthy: &Worthy) -> Option<Step> {
        let position = worthy.seen.hit.decision;
        if position < self.until {
            return None;
        }
        let by_policy = worthy.by.iter().filter_map(|(policy, earlier)| self.raise(policy, worthy, earlier));
        let raised: Vec<Raise> = by_policy.collect();
        (!raised.is_empty()).then(|| Step::Looked { raised, until: position.next(), from: worthy.from })
    }

    fn raise(&self, policy: &Policy, worthy: &Worthy, earlier: &[Arc<Seen>]) -> Option<Raise> {
        let of = worthy.subject(policy).map(|subject| (policy.name.clone(), subject));
        let open = of.as_ref().and_then(|of| self.live.get(self.last.get(of)?));
        // What is in another one already, closed or full, is not in two.
        let is_of = |alert: &&Alert| {
            of.as_ref().is_some_and(|(policy, subject)| alert.policy == *policy && alert.subject.as_ref() == Some(subject))
        };
        let taken: HashSet<Position> = match earlier {
            [] => HashSet::new(),
            _ => {
                let others = self.live.values().chain(&self.recent).filter(is_of);
                others.flat_map(|alert| &alert.hits).map(|hit| hit.decision).collect()
            }
        };
        let earlier: Vec<Arc<Seen>> = earlier.iter().filter(|seen| !taken.contains(&seen.hit.decision)).cloned().collect();
        raise(policy, worthy, &earlier, open)
    }

    /// The policies that hold for the next decisions.
    pub fn policies(&self) -> &[Arc<Policy>] {
        self.policies.last_key_value().map_or(&[][..], |(_, policies)| policies.as_slice())
    }

    /// The policies that hold from which position on, as far as they matter to decisions that were not looked at yet.
    pub fn policies_by_position(&self) -> &BTreeMap<Position, Vec<Arc<Policy>>> {
        &self.policies
    }

    /// One after the last decision that was looked at.
    pub const fn until(&self) -> Position {
        self.until
    }

    /// From where the log has to be read to go on looking.
    pub fn from(&self) -> Position {
        self.from.min(self.until)
    }

    /// Whether no more are raised until some are closed.
    pub fn is_full(&self) -> bool {
        self.live.len() >= MOST_LIVE
    }

    /// How many were raised, all in all.
    pub const fn opened(&self) -> u64 {
        self.opened
    }

    /// Those that are not closed.
    pub fn live(&self) -> impl Iterator<Item = &Alert> {
        self.live.values()
    }

    /// Those that were closed last, the newest first.
    pub fn recent(&self) -> impl Iterator<Item = &Alert> {
        self.recent.iter().rev()
    }

    /// One that is at hand.
    pub fn get(&self, id: &AlertId) -> Option<&Alert> {
        self.live.get(id).or_else(|| self.recent.iter().find(|alert| alert.id == *id))
    }

    /// Where one that was closed lies in the log.
    pub fn closed(&self, id: &AlertId) -> Option<Position> {
        self.closed.get(id).copied()
    }

    /// Those at hand that share an entity with one, the newest first, at most `limit`.
    pub fn related(&self, alert: &Alert, limit: usize) -> Vec<Alert> {
        let mut related: Vec<&Alert> = self.live().chain(self.recent()).filter(|other| alert.is_related(other)).collect();
        related.sort_by_key(|other| std::cmp::Reverse((other.opened_at, other.raised_by())));
        related.into_iter().take(limit).cloned().collect()
    }

    /// The one that somebody looks at next: it waits for them, is of what is asked for, and first in the order of their queue.
    pub fn next(&self, filter: &Filter, by: &Person, now: Timestamp) -> Option<&Alert> {
        let waits = self.live().filter(|alert| alert.stage.waits_for(by) && filter.takes(alert, now));
        waits.min_by_key(|alert| Order::of(by).key(alert))
    }

    /// How many are not closed, by severity and state.
    pub fn counts(&self) -> BTreeMap<(Severity, &'static str), u64> {
        let mut counts = BTreeMap::new();
        for alert in self.live() {
            *counts.entry((alert.severity, alert.stage.name())).or_default() += 1;
        }
        counts
    }

    /// When the oldest of those that are not closed was raised.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.live().map(|alert| alert.opened_at).min()
    }
}

/// The policy of an alert, and what it is about.
fn about(alert: &Alert) -> Option<(String, Subject)> {
    Some((alert.policy.clone(), alert.subject.clone()?))
}
