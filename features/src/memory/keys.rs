//! The keys of one entity: found by name, in slots that keep their number, so that a label finds them again. Keys are kept in chunks,
//! so that no event waits for all of them to be moved.

use std::hash::BuildHasher;

use compact_str::CompactString;
use hashbrown::DefaultHashBuilder;

use super::index::{ENTRY, Index};
use super::key::{Key, Step};
use super::prefetch::prefetch;
use crate::plan::EntityPlan;
use crate::store::Partial;

const CHUNK: usize = 1_024;

/// So many slots are looked at for each new key.
const SWEPT_BY_NEW: usize = 2;

/// All keys of one entity.
#[derive(Debug)]
pub(crate) struct Keys {
    hasher: DefaultHashBuilder,
    index: Index,
    /// The slots; a free one has a key without a name.
    chunks: Vec<Vec<Option<Key>>>,
    pub(super) free: Vec<u32>,
    /// The slot that is looked at next for a key that is idle.
    pub(super) swept: u32,
    /// What all keys take.
    pub(super) bytes: usize,
    /// Keys that were not taken because memory was full.
    pub(super) refused: u64,
}

/// What became of an event at a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub(super) slot: u32,
    /// It was put behind newer events.
    pub(super) is_late: bool,
    /// Its windows hold tiles, lack forgotten events, or are estimates.
    pub(super) is_coarse: bool,
}

impl Keys {
    pub(super) fn new() -> Self {
        Self {
            hasher: DefaultHashBuilder::default(),
            index: Index::new(),
            chunks: Vec::new(),
            free: Vec::new(),
            swept: 0,
            bytes: 0,
            refused: 0,
        }
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.slots() as usize - self.free.len()
    }

    /// How many slots there are, free ones among them.
    pub(super) fn slots(&self) -> u32 {
        self.chunks.last().map_or(0, |last| ((self.chunks.len() - 1) * CHUNK + last.len()) as u32)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Option<&Key>> {
        self.chunks.iter().flatten().map(Option::as_ref)
    }

    pub(super) fn get(&self, slot: u32) -> Option<&Key> {
        self.chunks.get(slot as usize / CHUNK)?.get(slot as usize % CHUNK)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut Key> {
        self.chunks.get_mut(slot as usize / CHUNK)?.get_mut(slot as usize % CHUNK)?.as_mut()
    }

    /// The slot of a key that is known.
    fn find(&self, name: &str) -> Option<u32> {
        self.index.find(self.hash(name), |slot| self.get(slot).is_some_and(|key| *key.name == *name))
    }

    /// The hash of a name, and asks for what it finds.
    pub(super) fn foresee(&self, name: &str) -> u32 {
        let hash = self.hash(name);
        self.index.prefetch(hash);
        hash
    }

    /// The slot that a key with such a hash probably has, and asks for it.
    pub(super) fn guess(&self, hash: u32) -> Option<u32> {
        let slot = self.index.find(hash, |_| true)?;
        prefetch(&self.chunks[slot as usize / CHUNK], slot as usize % CHUNK);
        Some(slot)
    }

    /// Applies an event to the key of a name, whose slot was guessed, and reads its windows. `None` says that the key is new and was not
    /// taken, since memory is full. `row` is room for its row.
    #[inline(never)]
    pub(super) fn apply(
        &mut self,
        plan: &EntityPlan,
        step: &Step<'_>,
        (name, guessed): (&str, u32),
        row: &mut Vec<i64>,
        partials: &mut [Partial],
    ) -> Option<Placed> {
        let is_guessed = self.get(guessed).is_some_and(|key| *key.name == *name);
        let slot = if is_guessed { guessed } else { self.slot(name, plan, step)? };
        let key = self.get_mut(slot).expect("the slot of a key has the key");
        let had = key.history_bytes();
        let is_late = key.apply(plan, step, row, partials);
        let is_coarse = key.is_coarse(plan, step.moment.now);
        let has = key.history_bytes();
        self.bytes = self.bytes + has - had;
        Some(Placed { slot, is_late, is_coarse })
    }

    /// The slot of a key. A new one is taken if it may be, and `None` says that it was not.
    #[inline(never)]
    fn slot(&mut self, name: &str, plan: &EntityPlan, step: &Step<'_>) -> Option<u32> {
        if let Some(slot) = self.find(name) {
            return Some(slot);
        }
        // Idle keys go faster than new ones come.
        (0..SWEPT_BY_NEW).for_each(|_| self.sweep(plan, step.horizon));
        if !step.may_grow {
            self.refused += 1;
            return None;
        }
        let slot = self.free.pop().unwrap_or_else(|| self.slots());
        self.put(slot, Some(Key::new(CompactString::new(name), plan)));
        Some(slot)
    }

    /// Puts a key into a slot that is free or comes next.
    pub(super) fn put(&mut self, slot: u32, key: Option<Key>) {
        if let Some(key) = &key {
            let hash = self.hash(&key.name);
            self.bytes += key.bytes() + ENTRY;
            self.index.insert(hash, slot);
        }
        let (chunk, place) = (slot as usize / CHUNK, slot as usize % CHUNK);
        if chunk == self.chunks.len() {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let chunk = &mut self.chunks[chunk];
        if place == chunk.len() { chunk.push(key) } else { chunk[place] = key }
    }

    /// Looks at one slot, and frees it when its key saw nothing for too long before `horizon`, behind which no event comes.
    pub(super) fn sweep(&mut self, plan: &EntityPlan, horizon: i64) {
        if self.swept >= self.slots() {
            self.swept = 0;
        }
        let slot = self.swept;
        self.swept += 1;
        if !self.get_mut(slot).is_some_and(|key| key.is_idle(plan, horizon)) {
            return;
        }
        let Some(key) = self.chunks[slot as usize / CHUNK][slot as usize % CHUNK].take() else { return };
        let hash = self.hash(&key.name);
        self.bytes -= key.bytes() + ENTRY;
        self.index.remove(hash, slot);
        self.free.push(slot);
    }

    fn hash(&self, name: &str) -> u32 {
        (self.hasher.hash_one(name) >> 32) as u32
    }
}
