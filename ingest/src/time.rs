//! Time as an argument: a point (`Timestamp`), a length (`Duration`), and the one place that asks the machine (`Clock`).
//!
//! Everything is whole microseconds, UTC. Nothing in the workspace calls the system clock except `SystemClock`.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// A point in time: microseconds since 1970-01-01T00:00:00Z. Range: years 1 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Earlier than every other.
    pub const MIN: Self = Self(i64::MIN);

    /// From microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The day it falls on, counted from 1970-01-01 (UTC).
    pub const fn day(self) -> i64 {
        self.0.div_euclid(MICROS_PER_DAY)
    }

    /// Hour of the day, 0 to 23 (UTC).
    pub const fn hour(self) -> u8 {
        (self.0.rem_euclid(MICROS_PER_DAY) / (3_600 * MICROS_PER_SECOND)) as u8
    }

    /// Day of the week, 0 = Monday to 6 = Sunday (UTC). 1970-01-01 was a Thursday.
    pub const fn weekday(self) -> u8 {
        (self.day() + 3).rem_euclid(7) as u8
    }

    /// Midnight at the start of a day counted from 1970-01-01.
    pub const fn start_of_day(day: i64) -> Self {
        Self(day * MICROS_PER_DAY)
    }

    /// The length from `earlier` to this; negative when `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }

    /// The calendar date in UTC, as `2018-07-25`.
    pub fn date(self) -> String {
        self.to_string()[..10].to_owned()
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, length: Duration) -> Self {
        Self(self.0.saturating_add(length.0))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, length: Duration) -> Self {
        Self(self.0.saturating_sub(length.0))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, as `2018-07-25T12:00:00.123Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(point) => write!(f, "{point}"),
            Err(_) => write!(f, "{} us", self.0),
        }
    }
}

/// What `Timestamp` and `Duration` say of text that is neither.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseError(String);

impl FromStr for Timestamp {
    type Err = ParseError;

    /// RFC 3339 (`2018-07-25T12:00:00Z`, any offset), or a date and time without an offset (taken as UTC), or a date (its midnight).
    fn from_str(text: &str) -> Result<Self, ParseError> {
        if let Ok(point) = text.parse::<jiff::Timestamp>() {
            return Ok(Self(point.as_microsecond()));
        }
        text.parse::<jiff::civil::DateTime>()
            .and_then(|local| jiff::tz::TimeZone::UTC.to_timestamp(local))
            .map(|point| Self(point.as_microsecond()))
            .map_err(|_| ParseError(format!("`{text}` is not a time: write it as 2018-07-25T12:00:00Z")))
    }
}

/// A length of time in whole microseconds. Written `15s`, `10m`, `1h`, `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Duration(i64);

impl Duration {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// From whole days.
    pub const fn days(days: i64) -> Self {
        Self(days * MICROS_PER_DAY)
    }

    /// From whole seconds.
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds * MICROS_PER_SECOND)
    }

    /// From microseconds.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Its microseconds.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole days, rounded down.
    pub const fn whole_days(self) -> i64 {
        self.0.div_euclid(MICROS_PER_DAY)
    }
}

impl std::ops::Add for Duration {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

const UNITS: [(&str, i64); 4] =
    [("d", MICROS_PER_DAY), ("h", 3_600 * MICROS_PER_SECOND), ("m", 60 * MICROS_PER_SECOND), ("s", MICROS_PER_SECOND)];

impl fmt::Display for Duration {
    /// In the largest unit that divides it: `7d`, `90m`, `1500000us`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, micros) in UNITS {
            if self.0 % micros == 0 && self.0 != 0 {
                return write!(f, "{}{unit}", self.0 / micros);
            }
        }
        if self.0 == 0 { write!(f, "0s") } else { write!(f, "{}us", self.0) }
    }
}

impl FromStr for Duration {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || ParseError(format!("`{text}` is not a length of time: write it as 15s, 10m, 1h or 7d"));
        let (unit, micros) = UNITS.into_iter().find(|(unit, _)| text.ends_with(unit)).ok_or_else(wrong)?;
        let number: i64 = text[..text.len() - unit.len()].parse().map_err(|_| wrong())?;
        if number < 0 {
            return Err(wrong());
        }
        number.checked_mul(micros).map(Self).ok_or_else(wrong)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What tells the time. A decision never holds one: it is given times.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[allow(clippy::disallowed_methods, reason = "the one place that asks the machine")]
        let now = std::time::SystemTime::now();
        match now.duration_since(std::time::UNIX_EPOCH) {
            Ok(length) => Timestamp(i64::try_from(length.as_micros()).unwrap_or(i64::MAX)),
            Err(before_epoch) => Timestamp(-i64::try_from(before_epoch.duration().as_micros()).unwrap_or(i64::MAX)),
        }
    }
}

/// A clock that shows what it was last set to: a replay sets it to each event's own time.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.0))
    }

    /// Shows `now` from here on.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::Release);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Acquire))
    }
}

/// RFC 3339 text where people read it, microseconds in binary records.
impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_i64(self.0) }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
        } else {
            i64::deserialize(deserializer).map(Self)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_read_and_print() {
        let check = |text: &str, micros: i64| assert_eq!(text.parse(), Ok(Timestamp(micros)), "{text}");
        check("1970-01-01T00:00:00Z", 0);
        check("1970-01-01", 0);
        check("1970-01-01 00:00:01", 1_000_000);
        check("1970-01-01T01:00:00.000001+01:00", 1);
        assert_eq!(Timestamp(1_532_520_000_123_000).to_string(), "2018-07-25T12:00:00.123Z");
        assert_eq!(Timestamp(1_532_520_000_123_000).date(), "2018-07-25");
        assert!("yesterday".parse::<Timestamp>().is_err());
    }

    #[test]
    fn calendar_parts() {
        let check = |text: &str, weekday: u8, hour: u8| {
            let point: Timestamp = text.parse().expect("a time");
            assert_eq!((point.weekday(), point.hour()), (weekday, hour), "{text}");
        };
        check("1970-01-01T00:00:00Z", 3, 0);
        check("2018-04-01T23:59:59Z", 6, 23);
        check("2018-07-25T06:00:00Z", 2, 6);
        check("1969-12-31T23:00:00Z", 2, 23);
    }

    #[test]
    fn durations_read_and_print() {
        for text in ["7d", "1h", "90m", "15s"] {
            let length: Duration = text.parse().expect(text);
            assert_eq!(length.to_string(), text);
        }
        assert_eq!("24h".parse::<Duration>().expect("a day").to_string(), "1d");
        for text in ["", "d", "-1d", "7", "1w", "99999999999999999d"] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
    }
}
