//! The keys of one entity: found by name, in slots that keep their number, so that a label finds them again. Growing is spread
//! over small parts, so that no event waits for all keys to be moved.

use std::hash::BuildHasher;

use compact_str::CompactString;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::key::Key;
use super::prefetch::prefetch;
use crate::plan::EntityPlan;

const SHARDS: usize = 256;
const CHUNK: usize = 1_024;

/// All keys of one entity.
#[derive(Debug)]
pub(crate) struct Keys {
    hasher: DefaultHashBuilder,
    /// A hash of 32 bits and a slot.
    shards: Vec<HashTable<(u32, u32)>>,
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

/// Bytes of an entry in the table.
pub(super) const ENTRY: usize = size_of::<(u32, u32)>() + 1;

impl Keys {
    pub(super) fn new() -> Self {
        Self {
            hasher: DefaultHashBuilder::default(),
            shards: std::iter::repeat_with(HashTable::new).take(SHARDS).collect(),
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
    pub(super) fn find(&self, name: &str) -> Option<u32> {
        let hash = self.hash(name);
        let is = |(known, slot): &(u32, u32)| *known == hash && self.get(*slot).is_some_and(|key| *key.name == *name);
        self.shards[shard(hash)].find(spread(hash), is).map(|(_, slot)| *slot)
    }

    /// The slot that a key probably has, and asks for it.
    pub(super) fn guess(&self, name: &str) -> Option<u32> {
        let hash = self.hash(name);
        let (_, slot) = self.shards[shard(hash)].find(spread(hash), |(known, _)| *known == hash)?;
        prefetch(&self.chunks[*slot as usize / CHUNK], *slot as usize % CHUNK);
        Some(*slot)
    }

    /// The slot of a key, which was guessed. A new one is taken unless `is_full`, and `None` says that it was not.
    pub(super) fn slot(&mut self, name: &str, guessed: u32, plan: &EntityPlan, is_full: bool) -> Option<u32> {
        if self.get(guessed).is_some_and(|key| *key.name == *name) {
            return Some(guessed);
        }
        if let Some(slot) = self.find(name) {
            return Some(slot);
        }
        if is_full {
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
            self.shards[shard(hash)].insert_unique(spread(hash), (hash, slot), |(hash, _)| spread(*hash));
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
        if let Ok(entry) = self.shards[shard(hash)].find_entry(spread(hash), |(_, known)| *known == slot) {
            entry.remove();
        }
        self.free.push(slot);
    }

    fn hash(&self, name: &str) -> u32 {
        (self.hasher.hash_one(name) >> 32) as u32
    }
}

const fn shard(hash: u32) -> usize {
    (hash >> 24) as usize % SHARDS
}

/// A table looks at the highest and the lowest bits.
const fn spread(hash: u32) -> u64 {
    (hash as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
