//! Finds the rows of an event when its label comes, for as long as the label can matter to a feature.
//!
//! Every event is entered and few are ever looked for, so entering is what must be cheap: events lie in generations, each with a table of
//! its own that is small enough to stay near while it fills, and a generation goes as a whole when its newest event is too old.

use hashbrown::HashTable;
use ingest::waiting::Waiting;

/// The least events of a generation; one is as large as an eighth of all that are kept, so that there are never many.
pub(super) const LEAST: u64 = 32_768;

/// So many events are entered into the table at once: the waits for their places in it pass together.
const AT_ONCE: u32 = 16;

/// Events in the order in which they came.
#[derive(Debug)]
pub(crate) struct Labels {
    generations: Vec<Generation>,
    len: u64,
    /// What the generations take, with the room that they have left.
    bytes: usize,
    /// How many slots an event has.
    stride: usize,
    /// Labels that came before their event.
    pub(super) early: Waiting<bool>,
}

#[derive(Debug)]
pub(super) struct Generation {
    /// Places in `events`; it never grows.
    table: HashTable<u32>,
    pub(super) events: Vec<Labelled>,
    /// The slots of the keys of each event, one after another.
    pub(super) slots: Vec<u32>,
    pub(super) capacity: u32,
    latest: i64,
}

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Labelled {
    pub(crate) fingerprint: u128,
    pub(crate) occurred_at: i64,
    /// The position, and in the lowest bit whether it is bad.
    pub(super) tagged: u64,
}

impl Labelled {
    pub(super) const fn new(fingerprint: u128, occurred_at: i64, position: u64, is_bad: bool) -> Self {
        Self { fingerprint, occurred_at, tagged: position << 1 | is_bad as u64 }
    }

    pub(super) const fn position(&self) -> u64 {
        self.tagged >> 1
    }

    const fn is_bad(&self) -> bool {
        self.tagged & 1 == 1
    }
}

/// What a label says.
pub(super) enum Learned<'a> {
    /// The event has not come, or no window reaches it any more.
    Unknown,
    /// What was known already.
    Nothing,
    /// Something else; the event with its slots.
    Changed(Labelled, &'a [u32]),
}

/// In place of a slot where an event has no key.
pub(crate) const NO_SLOT: u32 = u32::MAX;

impl Labels {
    /// For events with `stride` keys each.
    pub(super) fn new(stride: usize) -> Self {
        Self { generations: Vec::new(), len: 0, bytes: 0, stride, early: Waiting::default() }
    }

    /// Keeps an event, and lets go of the generations that have none later than `before`.
    pub(super) fn remember(&mut self, event: Labelled, slots: &[u32], before: i64) {
        if self.generations.first().is_some_and(|oldest| oldest.latest <= before) {
            self.let_go(before);
        }
        self.len += 1;
        match self.generations.last_mut().filter(|newest| !newest.is_full()) {
            Some(newest) => newest.push(event, slots),
            None => self.begin(event, slots),
        }
    }

    #[cold]
    fn let_go(&mut self, before: i64) {
        let kept = self.generations.iter().position(|generation| generation.latest > before);
        for gone in self.generations.drain(..kept.unwrap_or(self.generations.len())) {
            self.len -= gone.events.len() as u64;
            self.bytes -= gone.bytes(self.stride);
        }
    }

    /// Puts an event into a new generation.
    #[cold]
    fn begin(&mut self, event: Labelled, slots: &[u32]) {
        let capacity = u32::try_from(LEAST.max((self.len - 1) / 8)).unwrap_or(u32::MAX);
        let mut generation = Generation::new(capacity, self.stride);
        generation.push(event, slots);
        self.bytes += generation.bytes(self.stride);
        self.generations.push(generation);
    }

    /// Changes what is known of an event.
    pub(super) fn learn(&mut self, fingerprint: u128, is_bad: bool) -> Learned<'_> {
        let stride = self.stride;
        let found = self.generations.iter_mut().rev().find_map(|generation| {
            let place = generation.find(fingerprint)?;
            Some((generation, place))
        });
        let Some((generation, place)) = found else { return Learned::Unknown };
        let event = &mut generation.events[place];
        if event.is_bad() == is_bad {
            return Learned::Nothing;
        }
        event.tagged ^= 1;
        Learned::Changed(*event, &generation.slots[place * stride..(place + 1) * stride])
    }

    /// What is kept, oldest first.
    pub(super) fn generations(&self) -> impl ExactSizeIterator<Item = &Generation> {
        self.generations.iter()
    }

    /// Puts a generation behind those that are there.
    pub(super) fn push(&mut self, generation: Generation) {
        self.len += generation.events.len() as u64;
        self.bytes += generation.bytes(self.stride);
        self.generations.push(generation);
    }

    /// How many events are kept.
    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// Bytes of what is kept. None of it is let go before its time when memory is full: a label that does not find its event would be
    /// missing from windows that say nothing of it.
    pub(super) fn bytes(&self) -> usize {
        /// A value with its fingerprint, the table's byte for it, and its place in the order of arrival.
        const EARLY: usize = size_of::<(u128, bool)>() + 1 + size_of::<u128>();
        self.bytes + self.early.len() * EARLY
    }
}

impl Generation {
    pub(super) fn new(capacity: u32, stride: usize) -> Self {
        let most = capacity as usize;
        Self {
            table: HashTable::with_capacity(most),
            events: Vec::with_capacity(most),
            slots: Vec::with_capacity(most * stride),
            capacity,
            latest: i64::MIN,
        }
    }

    /// What it takes for events with so many slots each.
    const fn bytes(&self, stride: usize) -> usize {
        let each = size_of::<Labelled>() + size_of::<u32>() + 1 + stride * size_of::<u32>();
        self.capacity as usize * each
    }

    fn is_full(&self) -> bool {
        self.events.len() == self.capacity as usize
    }

    pub(super) fn push(&mut self, event: Labelled, slots: &[u32]) {
        let place = self.events.len() as u32;
        self.latest = self.latest.max(event.occurred_at);
        self.events.push(event);
        // A few words: a loop is faster than a call that copies.
        self.slots.extend(slots.iter().copied());
        if (place + 1).is_multiple_of(AT_ONCE) {
            self.enter();
        }
    }

    /// Enters the events that are not in the table yet.
    fn enter(&mut self) {
        let Self { table, events, .. } = self;
        for place in table.len()..events.len() {
            let fingerprint = events[place].fingerprint;
            table.insert_unique(hash(fingerprint), place as u32, |place| hash(events[*place as usize].fingerprint));
        }
    }

    fn find(&mut self, fingerprint: u128) -> Option<usize> {
        self.enter();
        let is = |place: &u32| self.events[*place as usize].fingerprint == fingerprint;
        self.table.find(hash(fingerprint), is).map(|place| *place as usize)
    }
}

/// A fingerprint is a hash already.
const fn hash(fingerprint: u128) -> u64 {
    fingerprint as u64
}
