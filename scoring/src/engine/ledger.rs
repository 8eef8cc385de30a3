//! The ledger: for every event that was accepted, where it and its decision lie in the log. It is what makes scoring idempotent.

use std::io;

use features::snapshot::{self, Reader, Writer};
use hashbrown::HashMap;
use ingest::EventId;
use ingest::log::Position;
use ingest::waiting::Waiting;

/// What is known of an accepted event. Thirty-two bytes and a sixteen-byte key for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where the event lies.
    pub event: Position,
    /// What it said, as 64 bits.
    pub content: u64,
    decision: u64,
    label: u64,
}

/// No record: a position that no log reaches.
const NONE: u64 = u64::MAX;

/// In place of a decision: the event happened before riskflow watched, and gets none.
const HISTORY: u64 = u64::MAX - 1;

impl Entry {
    /// Where the decision lies, once there is one.
    pub fn decision(self) -> Option<Position> {
        (self.decision < HISTORY).then_some(Position(self.decision))
    }

    /// Whether it happened before riskflow watched, and gets no decision.
    pub fn is_history(self) -> bool {
        self.decision == HISTORY
    }

    /// Where the label that was taken last lies, once there is one.
    pub fn label(self) -> Option<Position> {
        (self.label != NONE).then_some(Position(self.label))
    }
}

/// What an event is to the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Never seen.
    New,
    /// Accepted before, saying the same.
    Duplicate(Entry),
    /// Accepted before, saying something else.
    Conflict(Entry),
}

/// Every event that was accepted.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: HashMap<u128, Entry>,
    /// Labels whose event has not come yet.
    early: Waiting<Position>,
    history: u64,
    decisions: u64,
    labels: u64,
}

impl Ledger {
    /// What an event that says `content` is.
    pub fn check(&self, event_id: &EventId, content: u64) -> Known {
        match self.entries.get(&event_id.fingerprint()) {
            None => Known::New,
            Some(entry) if entry.content == content => Known::Duplicate(*entry),
            Some(entry) => Known::Conflict(*entry),
        }
    }

    /// What is known of an event.
    pub fn get(&self, event_id: &EventId) -> Option<Entry> {
        self.entries.get(&event_id.fingerprint()).copied()
    }

    /// Enters an event that was appended.
    pub fn accept(&mut self, event_id: &EventId, content: u64, event: Position) {
        self.enter(event_id, content, event, NONE);
    }

    fn enter(&mut self, event_id: &EventId, content: u64, event: Position, decision: u64) {
        let fingerprint = event_id.fingerprint();
        let label = self.early.take(fingerprint).map_or(NONE, |label| label.0);
        self.entries.insert(fingerprint, Entry { event, content, decision, label });
    }

    /// Enters an event of before riskflow watched, which gets no decision.
    pub fn accept_history(&mut self, event_id: &EventId, content: u64, event: Position) {
        self.history += 1;
        self.enter(event_id, content, event, HISTORY);
    }

    /// Enters the decision of an accepted event.
    pub fn decide(&mut self, event_id: &EventId, decision: Position) {
        if let Some(entry) = self.entries.get_mut(&event_id.fingerprint()) {
            self.decisions += u64::from(entry.decision == NONE);
            entry.decision = decision.0;
        }
    }

    /// Enters a label; the one that is entered last holds. One whose event has not come yet waits for it.
    pub fn label(&mut self, event_id: &EventId, label: Position) {
        self.labels += 1;
        let fingerprint = event_id.fingerprint();
        match self.entries.get_mut(&fingerprint) {
            Some(entry) => entry.label = label.0,
            None => self.early.put(fingerprint, label),
        }
    }

    /// Writes everything into a snapshot.
    pub(super) fn save(&self, out: &mut Writer) -> io::Result<()> {
        for count in [self.entries.len() as u64, self.history, self.decisions, self.labels] {
            out.u64(count)?;
        }
        for (fingerprint, entry) in &self.entries {
            out.u128(*fingerprint)?;
            [entry.event.0, entry.content, entry.decision, entry.label].into_iter().try_for_each(|word| out.u64(word))?;
        }
        out.u64(self.early.iter().count() as u64)?;
        self.early.iter().try_for_each(|(fingerprint, label)| {
            out.u128(fingerprint)?;
            out.u64(label.0)
        })
    }

    /// Reads what [`Ledger::save`] wrote.
    pub(super) fn load(input: &mut Reader) -> Result<Self, snapshot::Error> {
        let (entries, history, decisions, labels) = (input.u64()?, input.u64()?, input.u64()?, input.u64()?);
        let mut ledger = Self { history, decisions, labels, ..Self::default() };
        for _ in 0..entries {
            let fingerprint = input.u128()?;
            let (event, content) = (Position(input.u64()?), input.u64()?);
            ledger.entries.insert(fingerprint, Entry { event, content, decision: input.u64()?, label: input.u64()? });
        }
        for _ in 0..input.u64()? {
            let fingerprint = input.u128()?;
            ledger.early.put(fingerprint, Position(input.u64()?));
        }
        Ok(ledger)
    }

    /// How many events have a decision.
    pub fn decisions(&self) -> u64 {
        self.decisions
    }

    /// How many events were accepted to be decided.
    pub fn events(&self) -> u64 {
        self.entries.len() as u64 - self.history
    }

    /// How many events of before riskflow watched were accepted.
    pub fn history(&self) -> u64 {
        self.history
    }

    /// How many labels were taken.
    pub fn labels(&self) -> u64 {
        self.labels
    }
}
