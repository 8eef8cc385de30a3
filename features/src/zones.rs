//! Local time: the midnight before an event, its weekday and hour, in time zones that are named.

use ingest::Timestamp;
use jiff::tz::TimeZone;

use crate::plan::Plan;

/// The local day of the event before, zone by zone: the next event is often of the same one.
#[derive(Debug)]
pub(crate) struct Zones {
    /// Its first moment and the one after its last, in microseconds.
    days: Vec<(i64, i64)>,
    midnights: Vec<i64>,
}

impl Zones {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self { days: vec![(0, 0); plan.zones.len()], midnights: vec![0; plan.zones.len()] }
    }

    /// Midnight before `now`, zone by zone.
    pub(crate) fn midnights(&mut self, plan: &Plan, now: Timestamp) -> &[i64] {
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

/// 0 = Monday to 6 = Sunday; without a zone in UTC.
pub(crate) fn weekday(zone: Option<&TimeZone>, now: Timestamp) -> u8 {
    let local = zone.and_then(|zone| zoned(zone, now.micros()));
    local.map_or(now.weekday(), |local| local.weekday().to_monday_zero_offset() as u8)
}

/// 0 to 23; without a zone in UTC.
pub(crate) fn hour(zone: Option<&TimeZone>, now: Timestamp) -> u8 {
    let local = zone.and_then(|zone| zoned(zone, now.micros()));
    local.map_or(now.hour(), |local| local.hour() as u8)
}
