//! What a model has done in this process, counted as it decides: without a lock, on the thread that decides.

use std::sync::atomic::{AtomicU64, Ordering};

/// Latencies fall into buckets of a quarter of a doubling, from 1 microsecond to 70 minutes.
const BUCKETS: usize = 124;

/// Counts what a model decides.
#[derive(Debug)]
pub(crate) struct Tally {
    events: AtomicU64,
    approved: AtomicU64,
    failed: AtomicU64,
    latencies: [AtomicU64; BUCKETS],
}

/// What a model has decided, in all or within a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Events that were the model's to score.
    pub events: u64,
    /// Those that were approved.
    pub approved: u64,
    /// Those for which it gave no number, or was not asked any more.
    pub failed: u64,
    latencies: [u64; BUCKETS],
}

impl Default for Tally {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        Self { events: zero(), approved: zero(), failed: zero(), latencies: std::array::from_fn(|_| zero()) }
    }
}

impl Default for Figures {
    fn default() -> Self {
        Self { events: 0, approved: 0, failed: 0, latencies: [0; BUCKETS] }
    }
}

impl Tally {
    /// An event was decided, so many microseconds after it came in.
    pub(crate) fn count(&self, is_approved: bool, has_failed: bool, latency_us: u32) {
        // What adds nothing takes no cache line from the other threads.
        let counted = [
            (&self.events, true),
            (&self.approved, is_approved),
            (&self.failed, has_failed),
            (&self.latencies[bucket(latency_us)], true),
        ];
        for (counter, _) in counted.into_iter().filter(|(_, is_so)| *is_so) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// All so far.
    pub(crate) fn figures(&self) -> Figures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Figures {
            events: read(&self.events),
            approved: read(&self.approved),
            failed: read(&self.failed),
            latencies: std::array::from_fn(|at| read(&self.latencies[at])),
        }
    }
}

impl Figures {
    /// With one event more, so many microseconds after it came in.
    #[cfg(test)]
    pub(crate) fn with(mut self, is_approved: bool, has_failed: bool, latency_us: u32) -> Self {
        self.events += 1;
        self.approved += u64::from(is_approved);
        self.failed += u64::from(has_failed);
        self.latencies[bucket(latency_us)] += 1;
        self
    }

    /// What came since others of the same model.
    pub fn since(&self, before: &Self) -> Self {
        Self {
            events: self.events.saturating_sub(before.events),
            approved: self.approved.saturating_sub(before.approved),
            failed: self.failed.saturating_sub(before.failed),
            latencies: std::array::from_fn(|at| self.latencies[at].saturating_sub(before.latencies[at])),
        }
    }

    /// How many events took longer than that for sure; those within a fifth above it may be missing.
    pub fn slower_than(&self, limit_us: f64) -> u64 {
        let slow = self.latencies.iter().enumerate().filter(|(at, _)| f64::from(lower(*at)) > limit_us);
        slow.map(|(_, count)| count).sum()
    }

    /// The time in microseconds that 99 of 100 events stayed under, up to a fifth too high; 0 of nothing.
    pub fn p99_us(&self) -> u32 {
        let all: u64 = self.latencies.iter().sum();
        let mut seen = 0;
        for (at, count) in self.latencies.iter().enumerate() {
            seen += count;
            if *count > 0 && seen * 100 >= all * 99 {
                return lower(at + 1);
            }
        }
        0
    }
}

/// The bucket of a latency.
fn bucket(us: u32) -> usize {
    if us < 4 {
        return us as usize;
    }
    let doublings = us.ilog2();
    let quarter = (us >> (doublings - 2)) & 3;
    (doublings * 4 + quarter - 4) as usize
}

/// The shortest latency of a bucket.
fn lower(bucket: usize) -> u32 {
    if bucket < 4 {
        return bucket as u32;
    }
    let (doublings, quarter) = ((bucket as u32 + 4) / 4, (bucket as u32) % 4);
    (4 + quarter).checked_shl(doublings - 2).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_latency_lies_in_its_bucket(us in 0_u32..=u32::MAX) {
            let at = bucket(us);
            prop_assert!(at < BUCKETS && lower(at) <= us);
            prop_assert!(at + 1 == BUCKETS || us < lower(at + 1));
        }
    }

    #[test]
    fn counts_are_what_was_counted() {
        let tally = Tally::default();
        (0..99).for_each(|_| tally.count(true, false, 100));
        let before = tally.figures();
        assert_eq!((before.events, before.approved, before.failed, before.p99_us()), (99, 99, 0, 112));
        tally.count(false, true, 5_000);
        tally.count(false, false, 6_000);
        let since = tally.figures().since(&before);
        assert_eq!((since.events, since.approved, since.failed), (2, 0, 1));
        let check = |limit_us: f64, expect: u64| assert_eq!(since.slower_than(limit_us), expect, "{limit_us}");
        check(1_000.0, 2);
        check(5_200.0, 0);
        check(5_100.0, 1);
        check(10_000.0, 0);
        assert_eq!(Figures::default().p99_us(), 0);
    }
}
