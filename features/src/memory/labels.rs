//! Finds the rows of an event when its label comes, for as long as the label can matter to a feature.

use std::collections::VecDeque;

use hashbrown::HashTable;
use ingest::waiting::Waiting;

/// The table is spread over so many parts that growing one of them takes microseconds.
const SHARDS: usize = 64;

/// Events lie in chunks, so that none is ever moved.
const CHUNK: usize = 1_024;

/// Events in the order in which they came.
#[derive(Debug)]
pub(crate) struct Labels {
    /// Some bits of an event's fingerprint, and the last bits of its number.
    shards: Vec<HashTable<(u32, u32)>>,
    chunks: VecDeque<Chunk>,
    /// The number of the first event of the first chunk; a multiple of the size of one.
    chunks_from: u64,
    /// The number of the first event that is kept.
    first: u64,
    /// The number of the next event.
    next: u64,
    /// How many slots an event has.
    stride: usize,
    /// Labels that came before their event.
    pub(super) early: Waiting<bool>,
}

#[derive(Debug)]
struct Chunk {
    events: Vec<Labelled>,
    /// The slots of the keys of each event, one after another.
    slots: Vec<u32>,
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
        Self {
            shards: std::iter::repeat_with(HashTable::new).take(SHARDS).collect(),
            chunks: VecDeque::new(),
            chunks_from: 0,
            first: 0,
            next: 0,
            stride,
            early: Waiting::default(),
        }
    }

    /// Keeps an event, and lets go of the first ones that are not later than `before`.
    pub(super) fn remember(&mut self, event: Labelled, slots: &[u32], before: i64) {
        while self.first < self.next && self.event(self.first).0.occurred_at <= before {
            self.forget_first();
        }
        self.push(event, slots);
    }

    pub(super) fn push(&mut self, event: Labelled, slots: &[u32]) {
        let number = self.next;
        self.next += 1;
        if number as usize % CHUNK == 0 {
            if self.chunks.is_empty() {
                self.chunks_from = number;
            }
            self.chunks.push_back(Chunk { events: Vec::with_capacity(CHUNK), slots: Vec::with_capacity(CHUNK * self.stride) });
        }
        let chunk = self.chunks.back_mut().expect("the first event of a chunk makes it");
        chunk.events.push(event);
        chunk.slots.extend_from_slice(slots);
        let entry = (hash(event.fingerprint), number as u32);
        self.shards[shard(event.fingerprint)].insert_unique(spread(entry.0), entry, |(hash, _)| spread(*hash));
    }

    fn forget_first(&mut self) {
        let number = self.first;
        let fingerprint = self.event(number).0.fingerprint;
        let is = |(_, known): &(u32, u32)| *known == number as u32;
        if let Ok(entry) = self.shards[shard(fingerprint)].find_entry(spread(hash(fingerprint)), is) {
            entry.remove();
        }
        self.first += 1;
        if self.first == self.chunks_from + CHUNK as u64 {
            self.chunks.pop_front();
            self.chunks_from = self.first;
        }
    }

    /// An event that is kept, with its slots.
    fn event(&self, number: u64) -> (&Labelled, &[u32]) {
        let place = (number - self.chunks_from) as usize;
        let (chunk, place) = (&self.chunks[place / CHUNK], place % CHUNK);
        (&chunk.events[place], &chunk.slots[place * self.stride..(place + 1) * self.stride])
    }

    /// All events that are kept, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Labelled, &[u32])> {
        (self.first..self.next).map(|number| self.event(number))
    }

    /// Changes what is known of an event; what it was before, with its slots, when it is kept and something changes.
    pub(super) fn learn(&mut self, fingerprint: u128, is_bad: bool) -> Option<(Labelled, &[u32])> {
        let is = |(_, known): &(u32, u32)| self.event(self.number(*known)).0.fingerprint == fingerprint;
        let (_, known) = *self.shards[shard(fingerprint)].find(spread(hash(fingerprint)), is)?;
        let place = (self.number(known) - self.chunks_from) as usize;
        let (chunk, place) = (&mut self.chunks[place / CHUNK], place % CHUNK);
        let before = chunk.events[place];
        chunk.events[place].is_bad = is_bad;
        (before.is_bad != is_bad).then(|| (before, &chunk.slots[place * self.stride..(place + 1) * self.stride]))
    }

    /// A number by its last bits.
    const fn number(&self, last_bits: u32) -> u64 {
        self.first + last_bits.wrapping_sub(self.first as u32) as u64
    }

    /// How many events are kept.
    pub(super) const fn len(&self) -> u64 {
        self.next - self.first
    }

    /// Bytes of what is kept.
    pub(super) const fn bytes(&self) -> u64 {
        self.len() * (size_of::<Labelled>() + size_of::<(u32, u32)>() + 1 + self.stride * size_of::<u32>()) as u64
    }
}

/// A fingerprint is a hash already: the shard takes some of its bits, the table others.
const fn shard(fingerprint: u128) -> usize {
    (fingerprint >> 120) as usize % SHARDS
}

const fn hash(fingerprint: u128) -> u32 {
    fingerprint as u32
}

/// A table looks at the highest and the lowest bits.
pub(super) const fn spread(hash: u32) -> u64 {
    (hash as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
