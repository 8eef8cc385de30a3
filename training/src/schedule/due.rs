//! The next time that training is due, from the times of before: a function of its arguments alone.

use ingest::{Duration, Timestamp};
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use super::When;

/// A clock that was so far ahead was wrong: what it said is forgotten. Smaller steps back bring no run a second time.
const WRONG_CLOCK: Duration = Duration::days(1);
/// Within so many days every weekday comes, even when a zone skips one.
const DAYS_AHEAD: usize = 9;

impl When {
    /// When the next run is due, at the earliest `now`; never when runs come only if they are asked for. `since` is when somebody first
    /// waited for runs, `last` when one was last started. Runs that were missed because nobody waited are due once, at once.
    pub fn due(&self, since: Timestamp, last: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        let trusted = |time: Timestamp| if time > now + WRONG_CLOCK { now } else { time };
        match self {
            Self::Every(length) => Some(last.map_or(now, |last| (trusted(last) + *length).max(now))),
            Self::At { time, days, zone } => {
                let after = trusted(last.unwrap_or(since));
                let first = date(zone, after)?;
                let dates = std::iter::successors(Some(first), |date| date.tomorrow().ok()).take(DAYS_AHEAD);
                let mut times = dates.filter(|date| days.contains(&date.weekday())).filter_map(|date| moment(date, *time, zone));
                Some(times.find(|time| *time > after)?.max(now))
            }
            Self::Asked => None,
        }
    }
}

/// The local day of a moment.
fn date(zone: &TimeZone, at: Timestamp) -> Option<Date> {
    Some(jiff::Timestamp::from_microsecond(at.micros()).ok()?.to_zoned_datetime(zone.clone()).date())
}

/// The moment at which a zone's clocks show a time on a day; a time that they skip comes as much later, of two the first.
fn moment(date: Date, time: Time, zone: &TimeZone) -> Option<Timestamp> {
    let local = date.to_datetime(time).to_zoned_datetime(zone.clone()).ok()?;
    Some(Timestamp::from_micros(local.timestamp().as_microsecond()))
}
