//! What is counted of a Kafka log, and what troubles it just now.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Where a partition that events come from ends, and how far it was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reached {
    end: i64,
    read_to: i64,
}

/// Figures since the start; read them for metrics.
#[derive(Debug, Default)]
pub struct Figures {
    /// Transactions that were committed.
    pub transactions: AtomicU64,
    /// Transactions that were aborted; what they held was tried again.
    pub aborted: AtomicU64,
    /// Messages that the cluster did not take at a try.
    pub produce_errors: AtomicU64,
    /// Messages that became dead letters.
    pub dead_letters: AtomicU64,
    /// Messages that were read as events or dead letters.
    pub messages: AtomicU64,
    /// Changes of who is active among the instances of this log, as this one saw them.
    pub rebalances: AtomicU64,
    partitions: Mutex<BTreeMap<(String, i32), Reached>>,
    trouble: Mutex<Option<String>>,
}

impl Figures {
    /// What keeps the log from getting on, where something does.
    pub fn trouble(&self) -> Option<String> {
        lock(&self.trouble).clone()
    }

    /// How many messages of each partition that events come from are not read yet, by topic and partition, as it was seen last.
    pub fn lag(&self) -> Vec<(String, i32, u64)> {
        let lag = |(place, reached): (&(String, i32), &Reached)| {
            (place.0.clone(), place.1, u64::try_from(reached.end - reached.read_to).unwrap_or(0))
        };
        lock(&self.partitions).iter().map(lag).collect()
    }

    pub(super) fn set_trouble(&self, trouble: Option<String>) {
        *lock(&self.trouble) = trouble;
    }

    pub(super) fn set_end(&self, topic: &str, partition: i32, end: i64) {
        lock(&self.partitions).entry((topic.to_owned(), partition)).or_default().end = end;
    }

    pub(super) fn settle(&self, topic: &str, partition: i32, read_to: i64) {
        let mut partitions = lock(&self.partitions);
        let reached = partitions.entry((topic.to_owned(), partition)).or_default();
        *reached = Reached { end: reached.end.max(read_to), read_to };
    }

    pub(super) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}

/// Values are replaced as a whole, so that they are whole even after a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
