//! What is guessed of the next events: a ring with a row for each, and in it a place for each entity. A wrong guess costs time and changes
//! nothing.

use super::labels::NO_SLOT;

/// So many events are foreseen at most.
const MOST: usize = 32;

#[derive(Debug)]
pub(super) struct Foreseen {
    /// The hash of each key, where there is one.
    pub(super) hashes: Box<[Option<u32>]>,
    /// The slot that it probably has.
    pub(super) slots: Box<[u32]>,
    entities: usize,
    /// How many events were foreseen, and how many of them were taken.
    foreseen: usize,
    taken: usize,
}

impl Foreseen {
    pub(super) fn new(entities: usize) -> Self {
        let places = MOST * entities;
        Self {
            hashes: vec![None; places].into_boxed_slice(),
            slots: vec![NO_SLOT; places].into_boxed_slice(),
            entities,
            foreseen: 0,
            taken: 0,
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.taken == self.foreseen
    }

    /// The first place of the event that is foreseen now, or so many events before.
    pub(super) const fn before(&self, events: usize) -> usize {
        self.first(self.foreseen.wrapping_sub(events))
    }

    /// Goes on to the next event.
    pub(super) const fn go_on(&mut self) {
        self.foreseen += 1;
    }

    /// The slots of the event that comes now.
    pub(super) fn take(&mut self) -> &[u32] {
        let first = self.first(self.taken);
        self.taken += 1;
        &self.slots[first..first + self.entities]
    }

    pub(super) const fn clear(&mut self) {
        self.taken = self.foreseen;
    }

    const fn first(&self, event: usize) -> usize {
        event % MOST * self.entities
    }
}
