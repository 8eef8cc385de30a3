//! What an event counts as, as of a moment: one rule for live figures of decisions and of models.

use ingest::{Duration, Timestamp};
use serde::{Deserialize, Serialize};

/// From when on an event is judged, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judging {
    /// What was observed later is not known.
    pub as_of: Timestamp,
    /// The age from which on events are judged: those without a label then count as good. Younger ones are not judged at all, not even
    /// where they are known to be bad: of their age only bad ones are known, and figures of those would be too good or too bad. Without
    /// an age, events are judged that have a label.
    pub maturity: Option<Duration>,
}

/// What an event counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is known to be bad.
    Bad,
    /// It is known to be good.
    Good,
    /// Nobody has complained for so long that it counts as good.
    Presumed,
    /// It is not judged yet.
    Open,
}

/// How many events count as what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    /// Known to be bad.
    pub bad: u64,
    /// Known to be good.
    pub good: u64,
    /// Good, since nobody has complained.
    pub presumed: u64,
    /// Not judged yet.
    pub open: u64,
    /// Known to be bad among those that are not judged yet.
    pub open_bad: u64,
}

impl Judging {
    /// What an event counts as, from its label, true for bad, and whether it was declined: of what was declined nobody complains, so
    /// that its silence says nothing.
    pub fn outcome(&self, occurred_at: Timestamp, declined: bool, label: Option<bool>) -> Outcome {
        let is_old = self.maturity.is_none_or(|maturity| occurred_at + maturity <= self.as_of);
        match label {
            Some(true) if is_old => Outcome::Bad,
            Some(false) if is_old => Outcome::Good,
            None if is_old && self.maturity.is_some() && !declined => Outcome::Presumed,
            _ => Outcome::Open,
        }
    }
}

impl Outcome {
    /// Whether it is bad; `None` where that is open.
    pub const fn is_bad(self) -> Option<bool> {
        match self {
            Self::Bad => Some(true),
            Self::Good | Self::Presumed => Some(false),
            Self::Open => None,
        }
    }
}

impl Outcomes {
    /// Counts one event, of which the label says whether it is known to be bad.
    pub const fn add(&mut self, outcome: Outcome, label: Option<bool>) {
        match outcome {
            Outcome::Bad => self.bad += 1,
            Outcome::Good => self.good += 1,
            Outcome::Presumed => self.presumed += 1,
            Outcome::Open => {
                self.open += 1;
                if matches!(label, Some(true)) {
                    self.open_bad += 1;
                }
            }
        }
    }

    /// How many are judged.
    pub const fn judged(&self) -> u64 {
        self.bad + self.good + self.presumed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_judged_by_labels_and_by_age() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let check = |maturity: Option<&str>, occurred_at: &str, declined, label, expect| {
            let maturity = maturity.map(|length| length.parse().unwrap());
            let judging = Judging { as_of: time("2018-08-31"), maturity };
            assert_eq!(judging.outcome(time(occurred_at), declined, label), expect, "{maturity:?} {occurred_at} {label:?}");
        };
        // By labels alone.
        check(None, "2018-08-30", false, Some(true), Outcome::Bad);
        check(None, "2018-08-30", true, Some(false), Outcome::Good);
        check(None, "2018-01-01", false, None, Outcome::Open);
        // By age: before it, not even what is known counts.
        check(Some("30d"), "2018-08-02", false, Some(true), Outcome::Open);
        check(Some("30d"), "2018-08-01", false, Some(true), Outcome::Bad);
        check(Some("30d"), "2018-08-01", false, Some(false), Outcome::Good);
        check(Some("30d"), "2018-08-01", false, None, Outcome::Presumed);
        check(Some("30d"), "2018-08-01", true, None, Outcome::Open);
        check(Some("30d"), "2018-08-02", false, None, Outcome::Open);
    }
}
