//! Categories in the order in which they were seen last. While there are few, all of them are kept and the number of different
//! ones in a window is exact; when they become many, only those whose hash ends in enough zeros are kept, and the number is an
//! estimate (Wegman's adaptive sampling; Flajolet, "On adaptive sampling", Computing 43, 1990).

use crate::plan::SeenPlan;

/// The most categories that are kept for one key. The standard error of an estimate over all of them is about 1.2 divided by its
/// square root: 4 %.
pub const MOST: usize = 1_024;

/// One category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(super) word: i64,
    pub(super) first: i64,
    pub(super) last: i64,
}

/// The categories of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Categories {
    /// By the time seen last.
    pub(super) known: Vec<Seen>,
    /// Only categories with so many zeros are counted, and each stands for two to that power.
    pub(super) level: u32,
    /// Only categories with so many zeros are taken: fewer than the level while it is about to fall.
    pub(super) taken: u32,
    /// Since when.
    pub(super) taken_since: i64,
}

impl Categories {
    pub(super) const fn new() -> Self {
        Self { known: Vec::new(), level: 0, taken: 0, taken_since: i64::MIN }
    }

    pub(super) fn bytes(&self) -> usize {
        self.known.len() * size_of::<Seen>()
    }

    /// Whether what it says is an estimate.
    pub(super) const fn is_estimate(&self) -> bool {
        self.level > 0
    }

    /// Takes a category that was seen at `time`, which may be late.
    pub(super) fn enter(&mut self, plan: &SeenPlan, time: i64, word: i64) {
        self.expire(plan, time);
        if zeros(word) < self.taken {
            return;
        }
        // What is seen again was often seen just before.
        let known = self.known.iter().rposition(|seen| seen.word == word);
        let mut seen = Seen { word, first: time, last: time };
        if let Some(place) = known {
            let before = self.known[place];
            seen.first = seen.first.min(before.first);
            if before.last >= time {
                self.known[place].first = seen.first;
                return;
            }
            self.known.remove(place);
        }
        let mut place = self.known.len();
        while place > 0 && self.known[place - 1].last > time {
            place -= 1;
        }
        self.known.insert(place, seen);
        while self.known.len() > MOST {
            self.taken += 1;
            self.level = self.level.max(self.taken);
            let level = self.taken;
            self.known.retain(|seen| zeros(seen.word) >= level);
        }
    }

    /// Forgets what no window reaches any more; lets the level fall when few are left and enough has been taken since.
    fn expire(&mut self, plan: &SeenPlan, now: i64) {
        let Some(length) = plan.length else { return };
        let expired = self.known.partition_point(|seen| seen.last <= now.saturating_sub(length));
        if expired > 0 {
            self.known.drain(..expired);
        }
        if self.taken < self.level && now.saturating_sub(self.taken_since) > length {
            self.level = self.taken;
        }
        if self.level == 0 {
            return;
        }
        // So low that a half of what is kept at most would be filled; where that is wrong, it rises again.
        let estimated = (self.count(None) as usize) << self.level;
        let enough = (0..self.level).find(|level| estimated >> level <= MOST / 2);
        if let Some(lower) = enough.filter(|lower| *lower < self.taken) {
            self.taken = lower;
            self.taken_since = now;
        }
    }

    /// How many of those seen after `after` are kept; each stands for two to the power of the level.
    pub(super) fn count(&self, after: Option<i64>) -> i64 {
        let first = after.map_or(0, |after| self.known.partition_point(|seen| seen.last <= after));
        let level = self.level;
        let inside = &self.known[first..];
        let counted =
            if self.taken == level { inside.len() } else { inside.iter().filter(|seen| zeros(seen.word) >= level).count() };
        counted as i64
    }

    /// How many were first seen by `until`, for a lifetime as of then.
    pub(super) fn count_first(&self, until: i64) -> i64 {
        self.known.iter().filter(|seen| seen.first <= until && zeros(seen.word) >= self.level).count() as i64
    }

    /// When a category was seen, first and last; `None` when it is not kept.
    pub(super) fn find(&self, word: i64) -> Option<Seen> {
        self.known.iter().rev().find(|seen| seen.word == word).copied()
    }

    /// Whether a category would be kept.
    pub(super) const fn keeps(&self, word: i64) -> bool {
        zeros(word) >= self.level
    }
}

const fn zeros(word: i64) -> u32 {
    word.trailing_zeros()
}
