//! A stretch of time to the moment; where days are enough, [`Days`] are.

use ingest::{Duration, Timestamp};

use crate::questions::Days;

/// A stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first moment in it.
    pub from: Timestamp,
    /// The first moment behind it.
    pub until: Timestamp,
}

impl Period {
    /// Whether a moment lies in it.
    pub fn contains(self, moment: Timestamp) -> bool {
        self.from <= moment && moment < self.until
    }

    /// The days of which it has a part.
    pub fn days(self) -> Days {
        Days::between(Some(self.from), Some(self.until - Duration::from_micros(1)))
    }
}

impl From<Days> for Period {
    fn from(days: Days) -> Self {
        let midnight = |day: i32| Timestamp::start_of_day(i64::from(day));
        Self { from: midnight(days.first()), until: midnight(days.last() + 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::time;

    #[test]
    fn a_period_has_its_days() {
        let check = |from: &str, until: &str, first: &str, last: &str| {
            let period = Period { from: time(from), until: time(until) };
            assert_eq!(period.days(), Days::between(Some(time(first)), Some(time(last))), "{from} {until}");
        };
        check("2018-08-01T12:00:00Z", "2018-08-01T12:00:01Z", "2018-08-01", "2018-08-01");
        check("2018-08-01T12:00:00Z", "2018-08-03T00:00:00Z", "2018-08-01", "2018-08-02");
        check("2018-08-01T12:00:00Z", "2018-08-03T00:00:00.000001Z", "2018-08-01", "2018-08-03");
        for days in [Days::ALL, Days::between(Some(time("2018-08-01")), Some(time("2018-08-07")))] {
            assert_eq!(Period::from(days).days(), days);
        }
    }

    #[test]
    fn its_end_is_not_in_it() {
        let period = Period { from: time("2018-08-01T12:00:00Z"), until: time("2018-08-01T13:00:00Z") };
        let check = |moment: &str, expect: bool| assert_eq!(period.contains(time(moment)), expect, "{moment}");
        check("2018-08-01T11:59:59.999999Z", false);
        check("2018-08-01T12:00:00Z", true);
        check("2018-08-01T12:59:59.999999Z", true);
        check("2018-08-01T13:00:00Z", false);
    }
}
