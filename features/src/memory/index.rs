//! Where a key lies, by the hash of its name: pairs of a hash and a slot in open addressing, so that to find one is to read one or two
//! cache lines, which can be asked for beforehand. Growing is spread over small parts, so that no event waits for all of them.

use super::labels::NO_SLOT;
use super::prefetch::prefetch;

const SHARDS: usize = 256;
const FIRST_CAPACITY: usize = 8;

/// Slots by hash.
#[derive(Debug)]
pub(super) struct Index {
    shards: Vec<Shard>,
}

/// At most three quarters of the entries are taken, and their number is a power of two.
#[derive(Debug)]
struct Shard {
    entries: Box<[Entry]>,
    taken: usize,
}

/// A free one has no slot.
#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u32,
    slot: u32,
}

const FREE: Entry = Entry { hash: 0, slot: NO_SLOT };

/// Bytes of an entry, with its share of the free ones: 9 of 16 are taken on average.
pub(super) const ENTRY: usize = size_of::<Entry>() * 16 / 9;

impl Index {
    pub(super) fn new() -> Self {
        let shard = || Shard { entries: vec![FREE; FIRST_CAPACITY].into_boxed_slice(), taken: 0 };
        Self { shards: std::iter::repeat_with(shard).take(SHARDS).collect() }
    }

    /// Asks for the entries in which a hash is found.
    pub(super) fn prefetch(&self, hash: u32) {
        let shard = &self.shards[shard(hash)];
        prefetch(&shard.entries, shard.home(hash));
    }

    /// The first slot of a hash that `is` accepts.
    #[inline]
    pub(super) fn find(&self, hash: u32, is: impl Fn(u32) -> bool) -> Option<u32> {
        let Shard { entries, .. } = &self.shards[shard(hash)];
        let mut place = hash as usize;
        loop {
            place &= entries.len() - 1;
            let entry = entries[place];
            if entry.slot == NO_SLOT {
                return None;
            }
            if entry.hash == hash && is(entry.slot) {
                return Some(entry.slot);
            }
            place += 1;
        }
    }

    /// Enters a slot that is not there.
    pub(super) fn insert(&mut self, hash: u32, slot: u32) {
        let shard = &mut self.shards[shard(hash)];
        if (shard.taken + 1) * 4 > shard.entries.len() * 3 {
            shard.grow();
        }
        shard.enter(Entry { hash, slot });
    }

    /// Takes a slot out.
    pub(super) fn remove(&mut self, hash: u32, slot: u32) {
        self.shards[shard(hash)].remove(hash, slot);
    }
}

impl Shard {
    /// Where a hash is looked for first.
    const fn home(&self, hash: u32) -> usize {
        hash as usize & (self.entries.len() - 1)
    }

    fn enter(&mut self, entry: Entry) {
        let mut place = self.home(entry.hash);
        while self.entries[place].slot != NO_SLOT {
            place = (place + 1) & (self.entries.len() - 1);
        }
        self.entries[place] = entry;
        self.taken += 1;
    }

    fn grow(&mut self) {
        let twice = vec![FREE; 2 * self.entries.len()].into_boxed_slice();
        let before = std::mem::replace(&mut self.entries, twice);
        self.taken = 0;
        before.iter().filter(|entry| entry.slot != NO_SLOT).for_each(|entry| self.enter(*entry));
    }

    /// The entries behind it close up, so that none is cut off from where it is looked for.
    fn remove(&mut self, hash: u32, slot: u32) {
        let last = self.entries.len() - 1;
        let mut hole = self.home(hash);
        while self.entries[hole].slot != slot {
            if self.entries[hole].slot == NO_SLOT {
                return;
            }
            hole = (hole + 1) & last;
        }
        self.taken -= 1;
        let mut place = hole;
        loop {
            place = (place + 1) & last;
            let entry = self.entries[place];
            if entry.slot == NO_SLOT {
                break;
            }
            let from_home = |place: usize| place.wrapping_sub(self.home(entry.hash)) & last;
            if from_home(hole) < from_home(place) {
                self.entries[hole] = entry;
                hole = place;
            }
        }
        self.entries[hole] = FREE;
    }
}

const fn shard(hash: u32) -> usize {
    (hash >> 24) as usize % SHARDS
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Many entries on few hashes, come and go.
        #[test]
        fn what_was_entered_and_not_taken_out_is_found(
            steps in prop::collection::vec((any::<bool>(), 0u32..40, prop_oneof![Just(7), Just(0x0100_0007), 0u32..64]), 1..300),
        ) {
            let (mut index, mut known) = (Index::new(), BTreeMap::new());
            for (enters, slot, hash) in steps {
                if enters && !known.contains_key(&slot) {
                    index.insert(hash, slot);
                    known.insert(slot, hash);
                } else if let Some(hash) = known.remove(&slot) {
                    index.remove(hash, slot);
                }
                for slot in 0..40 {
                    let found = known.get(&slot).and_then(|hash| index.find(*hash, |found| found == slot));
                    prop_assert_eq!(found, known.contains_key(&slot).then_some(slot));
                }
                let absent = (0..64).filter(|hash| !known.values().any(|known| known == hash));
                for hash in absent {
                    prop_assert_eq!(index.find(hash, |_| true), None);
                }
            }
        }
    }
}
