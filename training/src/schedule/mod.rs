//! When a pipeline's models are trained anew, on what, and how much of the machine that may take: the table `[training.schedule]`.
//! Plain values and plain functions: what waits for the time and starts the training is elsewhere.

mod due;
mod file;

use ingest::{Duration, Timestamp};
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

pub(crate) use self::file::ScheduleFile;
use crate::dataset::log::Vectors;
use crate::dataset::{Period, Split};
use crate::learners::Learner;

/// When and on what models are trained anew.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// When.
    pub when: When,
    /// Where features come from.
    pub from: Vectors,
    /// How many days are learned from; 1 or more.
    pub train_days: u16,
    /// How many days are tested on; 1 or more.
    pub test_days: u16,
    /// What learns; at least one.
    pub learners: Vec<Learner>,
    /// Events that are older and have no label count as good; without it they are left out.
    pub maturity: Option<Duration>,
    /// From fewer bad rows nothing is learned.
    pub least_bad_rows: u64,
    /// For how many days the best of what a run learned looks on beside the champion, as an experiment; without it, it waits as a candidate.
    pub challenger_days: Option<u16>,
    /// How much of the machine it may take.
    pub limits: Limits,
}

/// When models are trained anew.
#[derive(Clone, Debug, PartialEq)]
pub enum When {
    /// So long after the run before; at once when there was none.
    Every(Duration),
    /// On these days at this time, where the zone's clocks show it. A time that they skip comes as much later; of one that they show twice the
    /// first counts.
    At {
        /// The time.
        time: Time,
        /// The days; at least one.
        days: Vec<Weekday>,
        /// Whose clocks.
        zone: TimeZone,
    },
    /// Only when it is asked for.
    Asked,
}

/// How much of a machine a training may take, so that what runs beside it does not notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// On how many threads it runs; 1 or more.
    pub threads: u16,
    /// How much memory its data may take, in MiB; 16 or more. Beyond it the training ends, and nothing else does.
    pub memory_mb: u64,
    /// How far it steps back for others: 0 not at all, 19 as far as there is.
    pub nice: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self { threads: 1, memory_mb: 4_096, nice: 19 }
    }
}

impl Schedule {
    /// What is learned from and what is tested on in a run at `now`: whole days of UTC, the newest whose labels are known. Those are known
    /// `delay` after the event, and where the lack of a label says something, `maturity` after it.
    pub fn split(&self, now: Timestamp, delay: Duration) -> Split {
        let known_by = now - delay.max(self.maturity.unwrap_or(Duration::ZERO));
        let days = |count: u16| Duration::days(i64::from(count));
        let until = Timestamp::start_of_day(known_by.day());
        let test = Period { from: until - days(self.test_days), until };
        let until = Timestamp::start_of_day((test.from - delay).day());
        let train = Period { from: until - days(self.train_days), until };
        Split { train, test, known_since: train.from }
    }
}

#[cfg(test)]
mod tests;
