//! The smallest or largest value of sliding windows: those rows that can still become it, in a queue whose values rise with time.
//! Every window with the same end shares one queue; a shorter one begins further in.

use std::collections::VecDeque;

use crate::plan::ExtremePlan;
use crate::words::ABSENT;

/// The rows that can still be the smallest. Largest ones are kept as the smallest of the complement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extreme {
    /// Times rise, and so do values.
    pub(super) queue: VecDeque<(i64, i64)>,
    /// Over everything that entered; [`ABSENT`] before the first.
    pub(super) all: i64,
    /// Over the rows that the ring has forgotten; [`ABSENT`] before the first.
    pub(super) forgotten: i64,
}

impl Extreme {
    pub(super) const fn new() -> Self {
        Self { queue: VecDeque::new(), all: ABSENT, forgotten: ABSENT }
    }

    pub(super) fn bytes(&self) -> usize {
        self.queue.len() * size_of::<(i64, i64)>()
    }

    /// Takes a value of `time`, which may be late.
    pub(super) fn enter(&mut self, plan: &ExtremePlan, time: i64, word: i64) {
        let value = coded(plan, word);
        self.all = smaller(self.all, value);
        if plan.length == 0 {
            return;
        }
        while self.queue.front().is_some_and(|(oldest, _)| *oldest <= time.saturating_sub(plan.length)) {
            self.queue.pop_front();
        }
        let mut place = self.queue.len();
        while place > 0 && self.queue[place - 1].0 > time {
            place -= 1;
        }
        if self.queue.get(place).is_some_and(|(_, later)| *later <= value) {
            return;
        }
        let mut first = place;
        while first > 0 && self.queue[first - 1].1 >= value {
            first -= 1;
        }
        if first == place {
            self.queue.insert(place, (time, value));
        } else {
            self.queue[first] = (time, value);
            self.queue.drain(first + 1..place);
        }
    }

    /// Takes a row that the ring forgets.
    pub(super) fn forget(&mut self, plan: &ExtremePlan, word: i64) {
        self.forgotten = smaller(self.forgotten, coded(plan, word));
    }

    /// Over the window that begins at `after`, `None` for a lifetime; [`ABSENT`] when it is empty.
    pub(super) fn read(&self, plan: &ExtremePlan, after: Option<i64>) -> i64 {
        let value = match after {
            None => self.all,
            Some(after) => {
                let first = self.queue.partition_point(|(time, _)| *time <= after);
                self.queue.get(first).map_or(ABSENT, |(_, value)| *value)
            }
        };
        decoded(plan, value)
    }

    /// Over some rows, and over the forgotten ones where the window is a lifetime.
    pub(super) fn scan(&self, plan: &ExtremePlan, words: impl Iterator<Item = i64>, is_lifetime: bool) -> i64 {
        let first = if is_lifetime { self.forgotten } else { ABSENT };
        decoded(plan, words.map(|word| coded(plan, word)).fold(first, smaller))
    }
}

/// The complement turns the order around and keeps [`ABSENT`] apart, which no value is.
const fn coded(plan: &ExtremePlan, word: i64) -> i64 {
    if plan.is_max { !word } else { word }
}

const fn decoded(plan: &ExtremePlan, value: i64) -> i64 {
    if value == ABSENT { ABSENT } else { coded(plan, value) }
}

fn smaller(a: i64, b: i64) -> i64 {
    if a == ABSENT { b } else { a.min(b) }
}
