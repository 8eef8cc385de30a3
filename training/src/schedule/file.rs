//! The table `[training.schedule]` as it is written, and its check.

use std::ops::Range;

use ingest::Duration;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use serde::Deserialize;
use toml::Spanned;

use super::{Limits, Schedule, When};
use crate::dataset::log::Vectors;
use crate::learners::Learner;

/// More days than any log has that trains within a night.
const MOST_DAYS: u16 = 3_650;
/// With less nothing starts.
const LEAST_MEMORY_MB: u64 = 16;
const NICEST: u8 = 19;
const SHORTEST: Duration = Duration::seconds(60);

/// The table.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ScheduleFile {
    every: Option<Spanned<Duration>>,
    at: Option<Spanned<String>>,
    days: Option<Spanned<Vec<Day>>>,
    time_zone: Option<Spanned<String>>,
    from: Vectors,
    train_days: Spanned<u16>,
    test_days: Spanned<u16>,
    learners: Option<Spanned<Vec<Learner>>>,
    maturity: Option<Duration>,
    least_bad_rows: u64,
    challenger_days: Option<Spanned<u16>>,
    limits: Option<Spanned<Limits>>,
}

impl Default for ScheduleFile {
    fn default() -> Self {
        Self {
            every: None,
            at: None,
            days: None,
            time_zone: None,
            from: Vectors::Logged,
            train_days: Spanned::new(0..0, 28),
            test_days: Spanned::new(0..0, 7),
            learners: None,
            maturity: None,
            least_bad_rows: 50,
            challenger_days: None,
            limits: None,
        }
    }
}

/// A day of the week.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// What is wrong, and where.
type Wrong = (String, Range<usize>);

impl ScheduleFile {
    /// The schedule, or what is wrong with it. `usual` learn where it does not say.
    pub(crate) fn check(self, usual: &[Learner]) -> Result<Schedule, Wrong> {
        let when = self.when()?;
        let always = [(&self.train_days, "train_days"), (&self.test_days, "test_days")];
        for (days, name) in always.into_iter().chain(self.challenger_days.as_ref().map(|days| (days, "challenger_days"))) {
            if !(1..=MOST_DAYS).contains(days.as_ref()) {
                return Err((format!("{name} lies between 1 and {MOST_DAYS}"), days.span()));
            }
        }
        let learners = match &self.learners {
            Some(learners) if learners.as_ref().is_empty() => return Err(("nobody learns".to_owned(), learners.span())),
            Some(learners) => learners.as_ref().clone(),
            None => usual.to_vec(),
        };
        let limits = self.limits.as_ref().map_or_else(Limits::default, |limits| *limits.as_ref());
        let wrong = match limits {
            Limits { threads: 0, .. } => Some("threads is at least 1".to_owned()),
            Limits { memory_mb: ..LEAST_MEMORY_MB, .. } => Some(format!("memory_mb is at least {LEAST_MEMORY_MB}")),
            Limits { nice, .. } if nice > NICEST => Some(format!("nice lies between 0 and {NICEST}")),
            _ => None,
        };
        if let Some((message, limits)) = wrong.zip(self.limits) {
            return Err((message, limits.span()));
        }
        let (train_days, test_days) = (*self.train_days.as_ref(), *self.test_days.as_ref());
        let challenger_days = self.challenger_days.as_ref().map(|days| *days.as_ref());
        let Self { from, maturity, least_bad_rows, .. } = self;
        Ok(Schedule { when, from, train_days, test_days, learners, maturity, least_bad_rows, challenger_days, limits })
    }

    fn when(&self) -> Result<When, Wrong> {
        match (&self.every, &self.at) {
            (Some(_), Some(at)) => Err(("give `every` or `at`, not both".to_owned(), at.span())),
            (None, Some(at)) => Ok(When::At { time: time(at)?, days: self.days()?, zone: self.zone()? }),
            (every, None) => {
                let lost =
                    [("days", self.days.as_ref().map(Spanned::span)), ("time_zone", self.time_zone.as_ref().map(Spanned::span))];
                if let Some((name, Some(span))) = lost.into_iter().find(|(_, span)| span.is_some()) {
                    return Err((format!("`{name}` belongs to `at`"), span));
                }
                match every {
                    Some(every) if *every.as_ref() < SHORTEST => Err((format!("`every` is at least {SHORTEST}"), every.span())),
                    Some(every) => Ok(When::Every(*every.as_ref())),
                    None => Ok(When::Asked),
                }
            }
        }
    }

    /// The days, in order; all of them where none is named.
    fn days(&self) -> Result<Vec<Weekday>, Wrong> {
        let all = [Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri, Day::Sat, Day::Sun];
        let days = match &self.days {
            Some(days) if days.as_ref().is_empty() => return Err(("`days` names none".to_owned(), days.span())),
            Some(days) => days.as_ref().as_slice(),
            None => &all,
        };
        let mut days: Vec<Weekday> = days.iter().map(|day| weekday(*day)).collect();
        days.sort_by_key(|day| day.to_monday_zero_offset());
        days.dedup();
        Ok(days)
    }

    fn zone(&self) -> Result<TimeZone, Wrong> {
        let Some(name) = &self.time_zone else { return Ok(TimeZone::UTC) };
        let unknown = |_| (format!("there is no time zone `{}`; write it as \"Europe/Berlin\"", name.as_ref()), name.span());
        TimeZone::get(name.as_ref()).map_err(unknown)
    }
}

/// `03:00`.
fn time(at: &Spanned<String>) -> Result<Time, Wrong> {
    let is_part = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    let part = |text: &str| text.parse::<i8>().ok().filter(|_| is_part(text));
    let parts = at.as_ref().split_once(':').and_then(|(hour, minute)| part(hour).zip(part(minute)));
    let time = parts.and_then(|(hour, minute)| Time::new(hour, minute, 0, 0).ok());
    time.ok_or_else(|| (format!("`{}` is not a time of day: write it as 03:00", at.as_ref()), at.span()))
}

const fn weekday(day: Day) -> Weekday {
    match day {
        Day::Mon => Weekday::Monday,
        Day::Tue => Weekday::Tuesday,
        Day::Wed => Weekday::Wednesday,
        Day::Thu => Weekday::Thursday,
        Day::Fri => Weekday::Friday,
        Day::Sat => Weekday::Saturday,
        Day::Sun => Weekday::Sunday,
    }
}
