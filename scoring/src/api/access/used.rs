//! When a request came with a key last. It is kept in memory, to the second: who asks which keys nobody needs any more asks about days.

use std::sync::atomic::{AtomicI64, Ordering};

use ingest::{Duration, Timestamp};

const SECOND: Duration = Duration::seconds(1);

/// When something was used last, in microseconds; [`Timestamp::MIN`] where it was not.
#[derive(Debug)]
pub(super) struct Used(AtomicI64);

impl Default for Used {
    fn default() -> Self {
        Self(AtomicI64::new(Timestamp::MIN.micros()))
    }
}

impl Used {
    /// It is used.
    pub(super) fn note(&self, now: Timestamp) {
        // Every request of a key comes by here, on all cores: that most of them only read leaves each its own copy.
        if now.since(Timestamp::from_micros(self.0.load(Ordering::Relaxed))) >= SECOND {
            self.0.store(now.micros(), Ordering::Relaxed);
        }
    }

    /// When that was last.
    pub(super) fn last_at(&self) -> Option<Timestamp> {
        Some(Timestamp::from_micros(self.0.load(Ordering::Relaxed))).filter(|at| *at != Timestamp::MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_known_to_the_second() {
        let at = |millis: i64| Timestamp::from_micros(1_000_000_000 + millis * 1_000);
        let used = Used::default();
        assert_eq!(used.last_at(), None);
        let check = |now: i64, expect: i64| {
            used.note(at(now));
            assert_eq!(used.last_at(), Some(at(expect)), "{now}");
        };
        check(0, 0);
        check(999, 0);
        check(1_000, 1_000);
        // Of requests at once, and when the clock is set back, the later time stays.
        check(500, 1_000);
        check(90_000, 90_000);
    }
}
