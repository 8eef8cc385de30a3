//! Finds the rows of an event when its label comes, for as long as the label can matter to a feature.

use std::collections::VecDeque;

use hashbrown::HashTable;
use ingest::waiting::Waiting;

/// Spread over so many parts that growing one of them takes microseconds.
const SHARDS: usize = 64;

/// Events by fingerprint.
#[derive(Debug)]
pub(crate) struct Labels {
    pub(super) shards: Vec<Shard>,
    /// Labels that came before their event.
    pub(super) early: Waiting<bool>,
    /// How many slots an event has.
    stride: usize,
}

/// Some of them, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Shard {
    /// The numbers of events, counted since the beginning.
    numbers: HashTable<u64>,
    pub(super) events: VecDeque<Labelled>,
    /// The slots of the keys of each event, one after another.
    pub(super) slots: VecDeque<u32>,
    /// The number of the first event that is kept.
    pub(super) first: u64,
}

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Labelled {
    pub(crate) fingerprint: u128,
    pub(crate) occurred_at: i64,
    pub(crate) position: u64,
    pub(crate) is_bad: bool,
}

/// In place of a slot where an event has no key.
pub(crate) const NO_SLOT: u32 = u32::MAX;

impl Labels {
    /// For events with `stride` keys each.
    pub(super) fn new(stride: usize) -> Self {
        let shards = std::iter::repeat_with(Shard::default).take(SHARDS).collect();
        Self { shards, early: Waiting::default(), stride }
    }

    /// Keeps an event, and lets go of those of its shard that are not later than `before`.
    pub(super) fn remember(&mut self, event: Labelled, slots: impl Iterator<Item = u32>, before: i64) {
        let shard = &mut self.shards[shard(event.fingerprint)];
        while shard.events.front().is_some_and(|oldest| oldest.occurred_at <= before) {
            shard.forget_first(self.stride);
        }
        shard.push(event, slots);
    }

    /// Changes what is known of an event; what it was before, with its slots, when it is kept and something changes.
    pub(super) fn learn(&mut self, fingerprint: u128, is_bad: bool) -> Option<(Labelled, impl Iterator<Item = u32>)> {
        let shard = &mut self.shards[shard(fingerprint)];
        let number = shard.find(fingerprint)?;
        let place = (number - shard.first) as usize;
        let event = &mut shard.events[place];
        if event.is_bad == is_bad {
            return None;
        }
        let before = *event;
        event.is_bad = is_bad;
        Some((before, shard.slots.range(place * self.stride..(place + 1) * self.stride).copied()))
    }

    /// How many events are kept.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.events.len()).sum()
    }

    /// Bytes of what is kept.
    pub(super) fn bytes(&self) -> usize {
        self.len() * (size_of::<Labelled>() + size_of::<u64>() + self.stride * size_of::<u32>())
    }
}

impl Shard {
    pub(super) fn push(&mut self, event: Labelled, slots: impl Iterator<Item = u32>) {
        let number = self.first + self.events.len() as u64;
        self.events.push_back(event);
        self.slots.extend(slots);
        let Self { numbers, events, first, .. } = self;
        let hash = |number: &u64| hash(events[(*number - *first) as usize].fingerprint);
        numbers.insert_unique(self::hash(event.fingerprint), number, hash);
    }

    fn forget_first(&mut self, stride: usize) {
        let Some(event) = self.events.pop_front() else { return };
        self.slots.drain(..stride);
        let number = self.first;
        self.first += 1;
        if let Ok(entry) = self.numbers.find_entry(hash(event.fingerprint), |known| *known == number) {
            entry.remove();
        }
    }

    fn find(&self, fingerprint: u128) -> Option<u64> {
        let is = |number: &u64| self.events[(*number - self.first) as usize].fingerprint == fingerprint;
        self.numbers.find(hash(fingerprint), is).copied()
    }
}

/// A fingerprint is a hash already: the shard takes some of its bits, the table others.
const fn shard(fingerprint: u128) -> usize {
    (fingerprint >> 120) as usize % SHARDS
}

const fn hash(fingerprint: u128) -> u64 {
    fingerprint as u64
}
