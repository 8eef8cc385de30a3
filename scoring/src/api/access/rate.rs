//! How much a key may send: a bucket that a second fills evenly, and out of which each request takes one, and a batch one for each of
//! its events. Kept is when the bucket is full again, so nobody has to fill it. Plain functions of the time that they are given.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration as Span, Instant};

use super::super::problem::Problem;
use super::lock;
use super::refusal::Refusal;

/// The bucket of a key.
#[derive(Debug)]
pub(super) struct Rate {
    /// How many are in it when it is full.
    most: u32,
    /// How long it takes until one more is in it.
    each: Span,
    full_at: Mutex<Instant>,
}

impl Rate {
    /// A full bucket.
    pub(super) fn new(per_second: NonZeroU32, now: Instant) -> Self {
        let most = per_second.get();
        Self { most, each: Span::from_secs(1) / most, full_at: Mutex::new(now) }
    }

    /// Takes one.
    ///
    /// # Errors
    /// How long to wait for it; nothing is taken then.
    pub(super) fn take(&self, now: Instant) -> Result<(), Span> {
        self.take_of(1, 0, now)
    }

    /// Takes the rest of so many, of which one was taken at the door. More than a full bucket has are let through where it was full, and
    /// are owed: who sends them waits that much longer for the next one, and no number is too large for ever.
    ///
    /// # Errors
    /// How long to wait until all of them can be taken; nothing more is taken then.
    pub(super) fn take_rest(&self, count: u32, now: Instant) -> Result<(), Span> {
        self.take_of(count, 1, now)
    }

    fn take_of(&self, count: u32, taken: u32, now: Instant) -> Result<(), Span> {
        let mut full_at = lock(&self.full_at);
        let from = now.max(*full_at);
        let missing = from.duration_since(now);
        // So much may be missing before any of them is taken.
        let may_be_missing = self.each * (self.most - count.min(self.most));
        if missing > may_be_missing + self.each * taken {
            return Err(missing - may_be_missing);
        }
        *full_at = from + self.each * count.saturating_sub(taken);
        Ok(())
    }
}

/// What a key may send, on a request whose events are counted by who reads them.
#[derive(Clone, Debug)]
pub(in crate::api) struct Allowance {
    pub(super) name: String,
    pub(super) rate: Arc<Rate>,
}

impl Allowance {
    /// Counts a batch as so many events; one of them was counted when it came.
    pub(in crate::api) fn take_batch(&self, events: usize) -> Result<(), Problem> {
        let count = u32::try_from(events).unwrap_or(u32::MAX);
        self.rate.take_rest(count, Instant::now()).map_err(|wait| {
            let refusal = Refusal::Batch { name: self.name.clone(), events, wait };
            tracing::warn!("a batch was refused: {refusal}");
            refusal.problem()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Span {
        Span::from_millis(count)
    }

    fn rate(per_second: u32, now: Instant) -> Rate {
        Rate::new(NonZeroU32::new(per_second).expect("some"), now)
    }

    /// A batch, as it comes in at the door and is counted then.
    fn batch(rate: &Rate, count: u32, now: Instant) -> Result<(), Span> {
        rate.take(now)?;
        rate.take_rest(count, now)
    }

    #[test]
    fn a_second_fills_it() {
        let start = Instant::now();
        let rate = rate(10, start);
        assert_eq!((0..20).filter(|_| rate.take(start).is_ok()).count(), 10);
        assert_eq!(rate.take(start), Err(ms(100)), "the next one comes back after a tenth of a second");
        assert_eq!((rate.take(start + ms(99)), rate.take(start + ms(100))), (Err(ms(1)), Ok(())));
        assert_eq!((0..20).filter(|_| rate.take(start + ms(60_000)).is_ok()).count(), 10, "it holds no more than a second's");
    }

    #[test]
    fn a_batch_takes_as_many_as_it_has_events() {
        let start = Instant::now();
        let rate = rate(10, start);
        assert_eq!(batch(&rate, 1, start), Ok(()));
        assert_eq!(batch(&rate, 7, start), Ok(()), "eight of ten");
        // It counts as one request, and none of its events is let through.
        assert_eq!(batch(&rate, 3, start), Err(ms(200)));
        assert_eq!(batch(&rate, 3, start + ms(200)), Ok(()), "as it was told");
        assert_eq!(rate.take(start + ms(200)), Err(ms(100)));
    }

    #[test]
    fn a_batch_that_no_bucket_holds_waits_for_a_full_one_and_is_owed() {
        let start = Instant::now();
        let rate = rate(2, start);
        assert_eq!(rate.take(start), Ok(()));
        assert_eq!(batch(&rate, 10, start), Err(ms(1_000)), "it is not full");
        let full = start + ms(1_000);
        assert_eq!(batch(&rate, 10, full), Ok(()));
        assert_eq!(rate.take(full), Err(ms(4_500)), "ten at two a second, of which one is there again by then");
        assert_eq!(rate.take(full + ms(4_500)), Ok(()));
        let one = self::rate(1, start);
        assert_eq!((batch(&one, 1_000, start), one.take(start + ms(999_999))), (Ok(()), Err(ms(1))));
        assert_eq!(one.take(start + ms(1_000_000)), Ok(()));
    }
}
