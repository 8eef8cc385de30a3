//! Which part of a history is for what: first the windows fill, then comes training, then a week that the models are judged on, then
//! the replay.

use std::path::Path;

use anyhow::bail;
use ingest::{Duration, Timestamp};
use scoring::Pipeline;
use training::{Period, Split};

/// The parts of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Periods {
    /// The first event.
    pub(super) first: Timestamp,
    /// The last event.
    pub(super) last: Timestamp,
    /// For training.
    pub(super) split: Split,
    /// How long after an event its label is known.
    pub(super) delay: Duration,
    /// From here on events are live.
    pub(super) live_from: Timestamp,
}

/// How long the parts are.
#[derive(Clone, Copy, Debug)]
struct Lengths {
    /// The days learned from, where there are so many.
    training: i64,
    /// Fewer are not learned from.
    least_training: i64,
    /// The days that models are judged on.
    test: i64,
}

impl Lengths {
    /// Payments are many, and their labels come soon.
    const CARDS: Self = Self { training: 28, least_training: 7, test: 7 };
    /// Applications are few, and their labels come late.
    const CREDIT: Self = Self { training: 120, least_training: 60, test: 28 };
}

impl Periods {
    /// Of the events in a file.
    pub(super) async fn of(data: &Path, pipeline: &Pipeline) -> anyhow::Result<Self> {
        let Some(label) = &pipeline.schema.label else {
            bail!("pipeline {} names no label column: set `label` in [event]", pipeline.name);
        };
        match training::span(data, &pipeline.schema).await? {
            Some((first, last)) => {
                let lengths = if pipeline.credit.is_some() { Lengths::CREDIT } else { Lengths::CARDS };
                Self::between(first, last, label.delay, lengths, filling_days(pipeline))
            }
            None => bail!("{} has no events", data.display()),
        }
    }

    /// Two fifths of the days come before the replay, and never less than the least to learn from, the delay and the days to judge on. More do where
    /// that gives the windows time to fill and leaves more than half to replay: a model that has learned from half-filled ones finds full ones strange.
    fn between(first: Timestamp, last: Timestamp, delay: Duration, lengths: Lengths, filling_days: i64) -> anyhow::Result<Self> {
        let (first_day, days) = (first.day(), last.day() - first.day() + 1);
        let delay_days = (delay + Duration::from_micros(Duration::days(1).micros() - 1)).whole_days();
        let least = (days * 2 / 5).max(lengths.least_training + delay_days + lengths.test);
        let filled = filling_days + lengths.training + delay_days + lengths.test;
        let before = if filled * 2 < days { least.max(filled) } else { least };
        if days < before + 1 {
            bail!("the demo needs at least {} days of history, and there are {days}", before + 1);
        }
        let live_day = first_day + before;
        let train_until = live_day - lengths.test - delay_days;
        let period =
            |from: i64, until: i64| Period { from: Timestamp::start_of_day(from), until: Timestamp::start_of_day(until) };
        let train = period(first_day.max(train_until - lengths.training), train_until);
        let split = Split { train, test: period(live_day - lengths.test, live_day), known_since: train.from };
        Ok(Self { first, last, split, delay, live_from: Timestamp::start_of_day(live_day) })
    }

    /// Midnight after the last event.
    pub(super) const fn day_after(self) -> Timestamp {
        Timestamp::start_of_day(self.last.day() + 1)
    }
}

/// How many days it takes until every window is full; one over a lifetime never is.
fn filling_days(pipeline: &Pipeline) -> i64 {
    let longest = (0..pipeline.plan.width()).filter_map(|feature| pipeline.plan.reach(feature)).max();
    longest.map_or(0, |longest| (longest + Duration::from_micros(Duration::days(1).micros() - 1)).whole_days())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_follow_one_another() {
        let check = |days: i64, filling: i64, train: (i64, i64), test: (i64, i64)| {
            let last = Timestamp::start_of_day(days - 1);
            let first = Timestamp::start_of_day(0);
            let periods = Periods::between(first, last, Duration::days(7), Lengths::CARDS, filling).expect("long enough");
            let day = |point: Timestamp| point.day();
            let split = periods.split;
            assert_eq!((day(split.train.from), day(split.train.until)), train, "{days} days");
            assert_eq!((day(split.test.from), day(split.test.until)), test, "{days} days");
            assert_eq!(periods.live_from, split.test.until);
        };
        check(183, 0, (31, 59), (66, 73));
        check(183, 37, (37, 65), (72, 79));
        check(142, 37, (14, 42), (49, 56));
        check(130, 37, (10, 38), (45, 52));
        check(60, 37, (0, 10), (17, 24));
        check(22, 0, (0, 7), (14, 21));
        let [first, last] = [0, 799].map(Timestamp::start_of_day);
        let credit = Periods::between(first, last, Duration::days(180), Lengths::CREDIT, 30).expect("long enough");
        assert_eq!((credit.split.train.from.day(), credit.split.train.until.day(), credit.live_from.day()), (30, 150, 358));
        let short = Periods::between(first, Timestamp::start_of_day(20), Duration::days(7), Lengths::CARDS, 0);
        assert_eq!(short.expect_err("too short").to_string(), "the demo needs at least 22 days of history, and there are 21");
    }
}
