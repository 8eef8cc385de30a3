//! Local time: the midnight before an event, and whether it is at a weekend or at night, in time zones that are named.

use ingest::Timestamp;
use jiff::tz::TimeZone;

use crate::plan::Plan;

/// The local day of the event before, zone by zone: the next event is often of the same one.
#[derive(Debug)]
pub(crate) struct Zones {
    /// Its first moment and the one after its last, in microseconds.
    days: Vec<(i64, i64)>,
    midnights: Vec<i64>,
    utc: UtcDay,
}

impl Zones {
    pub(crate) fn new(plan: &Plan) -> Self {
        let zones = plan.zones.len();
        Self { days: vec![(0, 0); zones], midnights: vec![0; zones], utc: UtcDay::of(Timestamp::from_micros(0)) }
    }

    /// The day of UTC that holds `now`.
    pub(crate) fn utc(&mut self, now: Timestamp) -> UtcDay {
        if !self.utc.holds(now) {
            self.utc = UtcDay::of(now);
        }
        self.utc
    }

    /// Midnight before `now`, zone by zone.
    #[inline(always)]
    pub(crate) fn midnights(&mut self, plan: &Plan, now: Timestamp) -> &[i64] {
        if self.days.is_empty() {
            return &[];
        }
        let now = now.micros();
        for ((zone, day), midnight) in plan.zones.iter().zip(&mut self.days).zip(&mut self.midnights) {
            if now < day.0 || now >= day.1 {
                *day = local_day(zone, now);
            }
            *midnight = day.0;
        }
        &self.midnights
    }
}

/// A day of UTC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UtcDay {
    start: i64,
    is_weekend: bool,
}

impl UtcDay {
    const MICROS: i64 = 86_400_000_000;

    fn of(moment: Timestamp) -> Self {
        Self { start: Timestamp::start_of_day(moment.day()).micros(), is_weekend: moment.weekday() >= 5 }
    }

    const fn holds(&self, moment: Timestamp) -> bool {
        let since = moment.micros().wrapping_sub(self.start);
        0 <= since && since < Self::MICROS
    }
}

/// Whether a moment is at a weekend; without a zone in UTC, of which `day` is the day that holds it.
pub(crate) fn is_weekend(zone: Option<&TimeZone>, day: &UtcDay, moment: Timestamp) -> bool {
    let local = zone.and_then(|zone| zoned(zone, moment.micros()));
    local.map_or(day.is_weekend, |local| local.weekday().to_monday_zero_offset() >= 5)
}

/// Whether a moment is between midnight and seven o'clock; without a zone in UTC, of which `day` is the day that holds it.
pub(crate) fn is_night(zone: Option<&TimeZone>, day: &UtcDay, moment: Timestamp) -> bool {
    const HOURS: i64 = 7;
    let local = zone.and_then(|zone| zoned(zone, moment.micros()));
    local.map_or(moment.micros() - day.start < HOURS * UtcDay::MICROS / 24, |local| i64::from(local.hour()) < HOURS)
}

/// The local day that holds a moment. Outside the calendar there are days of UTC.
fn local_day(zone: &TimeZone, now: i64) -> (i64, i64) {
    let local = || {
        let start = zoned(zone, now)?.start_of_day().ok()?;
        let end = start.tomorrow().ok()?.start_of_day().ok()?;
        Some((start.timestamp().as_microsecond(), end.timestamp().as_microsecond()))
    };
    local().unwrap_or_else(|| {
        let day = Timestamp::from_micros(now).day();
        (Timestamp::start_of_day(day).micros(), Timestamp::start_of_day(day + 1).micros())
    })
}

fn zoned(zone: &TimeZone, micros: i64) -> Option<jiff::ZonedDateTime> {
    Some(jiff::Timestamp::from_microsecond(micros).ok()?.to_zoned_datetime(zone.clone()))
}
