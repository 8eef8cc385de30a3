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

/// So many tables hold the entries: a table that is full moves all that it holds while everybody waits, and each holds little.
const TABLES: usize = 256;

/// Every event that was accepted.
#[derive(Debug)]
pub struct Ledger {
    /// By the first byte of the fingerprint.
    tables: Box<[HashMap<u128, Entry>; TABLES]>,
    /// Labels whose event has not come yet.
    early: Waiting<Position>,
    history: u64,
    decisions: u64,
    labels: u64,
}

impl Default for Ledger {
    fn default() -> Self {
        let tables = Box::new(std::array::from_fn(|_| HashMap::new()));
        Self { tables, early: Waiting::default(), history: 0, decisions: 0, labels: 0 }
    }
}

impl Ledger {
    fn table(&self, fingerprint: u128) -> &HashMap<u128, Entry> {
        &self.tables[table_of(fingerprint)]
    }

    fn table_mut(&mut self, fingerprint: u128) -> &mut HashMap<u128, Entry> {
        &mut self.tables[table_of(fingerprint)]
    }

    /// What an event that says `content` is.
    pub fn check(&self, event_id: &EventId, content: u64) -> Known {
        match self.get(event_id) {
            None => Known::New,
            Some(entry) if entry.content == content => Known::Duplicate(entry),
            Some(entry) => Known::Conflict(entry),
        }
    }

    /// What is known of an event.
    pub fn get(&self, event_id: &EventId) -> Option<Entry> {
        let fingerprint = event_id.fingerprint();
        self.table(fingerprint).get(&fingerprint).copied()
    }

    /// Enters an event that was appended.
    pub fn accept(&mut self, event_id: &EventId, content: u64, event: Position) {
        self.enter(event_id, content, event, NONE);
    }

    fn enter(&mut self, event_id: &EventId, content: u64, event: Position, decision: u64) {
        let fingerprint = event_id.fingerprint();
        let label = self.early.take(fingerprint).map_or(NONE, |label| label.0);
        self.table_mut(fingerprint).insert(fingerprint, Entry { event, content, decision, label });
    }

    /// How many events were accepted, for a decision or for none.
    fn len(&self) -> u64 {
        self.tables.iter().map(|table| table.len() as u64).sum()
    }

    /// Enters an event of before riskflow watched, which gets no decision.
    pub fn accept_history(&mut self, event_id: &EventId, content: u64, event: Position) {
        self.history += 1;
        self.enter(event_id, content, event, HISTORY);
    }

    /// Enters the decision of an accepted event.
    pub fn decide(&mut self, event_id: &EventId, decision: Position) {
        let fingerprint = event_id.fingerprint();
        if let Some(entry) = self.table_mut(fingerprint).get_mut(&fingerprint) {
            let is_first = entry.decision == NONE;
            entry.decision = decision.0;
            self.decisions += u64::from(is_first);
        }
    }

    /// Enters a label; the one that is entered last holds. One whose event has not come yet waits for it.
    pub fn label(&mut self, event_id: &EventId, label: Position) {
        self.labels += 1;
        let fingerprint = event_id.fingerprint();
        match self.table_mut(fingerprint).get_mut(&fingerprint) {
            Some(entry) => entry.label = label.0,
            None => self.early.put(fingerprint, label),
        }
    }

    /// Writes everything into a snapshot.
    pub(super) fn save(&self, out: &mut Writer) -> io::Result<()> {
        for count in [self.len(), self.history, self.decisions, self.labels] {
            out.u64(count)?;
        }
        for (fingerprint, entry) in self.tables.iter().flatten() {
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
            let entry = Entry { event, content, decision: input.u64()?, label: input.u64()? };
            ledger.table_mut(fingerprint).insert(fingerprint, entry);
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
        self.len() - self.history
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

const fn table_of(fingerprint: u128) -> usize {
    (fingerprint >> 120) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_table_that_grows_moves_more_than_a_small_share() {
        let event_id = |number: u64| EventId::new(&format!("e{number}")).unwrap();
        let mut ledger = Ledger::default();
        for number in 0..100_000 {
            ledger.accept(&event_id(number), number, Position(number));
        }
        assert_eq!(ledger.events(), 100_000);
        let largest = ledger.tables.iter().map(HashMap::len).max();
        assert!(largest.is_some_and(|largest| largest < 600), "{largest:?}");
        for number in [0, 7, 99_999] {
            let event_id = event_id(number);
            assert!(matches!(ledger.check(&event_id, number), Known::Duplicate(entry) if entry.event == Position(number)));
            assert!(matches!(ledger.check(&event_id, number + 1), Known::Conflict(_)));
        }
    }
}
