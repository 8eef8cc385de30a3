//! Where windows begin and end.

/// Where a window begins or ends; the rows with `time <= limit` lie behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Edge {
    /// So many microseconds before now.
    Behind(i64),
    /// Midnight, in a time zone of the plan.
    Midnight(usize),
}

impl Edge {
    /// `midnights` are those before now, zone by zone.
    pub(crate) fn limit(self, now: i64, midnights: &[i64]) -> i64 {
        match self {
            Self::Behind(offset) => now.saturating_sub(offset),
            Self::Midnight(zone) => midnights[zone] - 1,
        }
    }

    /// The longest that it may lie behind now.
    pub(super) const fn reach(self) -> i64 {
        /// No local day was ever longer.
        const LONGEST_DAY: i64 = 49 * 3_600 * 1_000_000;
        match self {
            Self::Behind(offset) => offset,
            Self::Midnight(_) => LONGEST_DAY,
        }
    }
}
