//! Parts of a moment's date and time, counted as CEL counts them.

use ingest::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// A part of a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// 2026.
    FullYear,
    /// 0 = January to 11.
    Month,
    /// 1 to 31.
    Date,
    /// 0 to 30.
    DayOfMonth,
    /// 0 = Sunday to 6.
    DayOfWeek,
    /// 0 to 365.
    DayOfYear,
    /// 0 to 23.
    Hours,
    /// 0 to 59.
    Minutes,
    /// 0 to 59.
    Seconds,
    /// 0 to 999.
    Milliseconds,
}

impl Part {
    /// By the function's name.
    pub(super) fn of(function: &str) -> Option<Self> {
        Some(match function {
            "getFullYear" => Self::FullYear,
            "getMonth" => Self::Month,
            "getDate" => Self::Date,
            "getDayOfMonth" => Self::DayOfMonth,
            "getDayOfWeek" => Self::DayOfWeek,
            "getDayOfYear" => Self::DayOfYear,
            "getHours" => Self::Hours,
            "getMinutes" => Self::Minutes,
            "getSeconds" => Self::Seconds,
            "getMilliseconds" => Self::Milliseconds,
            _ => return None,
        })
    }

    /// Of a length of time it is counted in units of so many microseconds, where that has a meaning.
    pub(super) const fn unit_micros(self) -> Option<i64> {
        match self {
            Self::Hours => Some(3_600_000_000),
            Self::Minutes => Some(60_000_000),
            Self::Seconds => Some(1_000_000),
            Self::Milliseconds => Some(1_000),
            _ => None,
        }
    }

    /// Of a moment in microseconds, without a zone in UTC. `None` outside the years 1 to 9999.
    pub(super) fn read(self, micros: i64, zone: Option<&TimeZone>) -> Option<i64> {
        if zone.is_none() {
            let moment = Timestamp::from_micros(micros);
            match self {
                Self::Hours => return Some(i64::from(moment.hour())),
                Self::Minutes => return Some(micros.rem_euclid(3_600_000_000) / 60_000_000),
                Self::Seconds => return Some(micros.rem_euclid(60_000_000) / 1_000_000),
                Self::Milliseconds => return Some(micros.rem_euclid(1_000_000) / 1_000),
                Self::DayOfWeek => return Some((i64::from(moment.weekday()) + 1) % 7),
                _ => {}
            }
        }
        let moment = jiff::Timestamp::from_microsecond(micros).ok()?;
        let local = zone.unwrap_or(&TimeZone::UTC).to_datetime(moment);
        Some(match self {
            Self::FullYear => i64::from(local.year()),
            Self::Month => i64::from(local.month()) - 1,
            Self::Date => i64::from(local.day()),
            Self::DayOfMonth => i64::from(local.day()) - 1,
            Self::DayOfWeek => i64::from(local.weekday().to_sunday_zero_offset()),
            Self::DayOfYear => i64::from(local.day_of_year()) - 1,
            Self::Hours => i64::from(local.hour()),
            Self::Minutes => i64::from(local.minute()),
            Self::Seconds => i64::from(local.second()),
            Self::Milliseconds => i64::from(local.millisecond()),
        })
    }
}

/// A time zone by its IANA name (`Europe/Berlin`), or as hours and minutes from UTC (`+02:00`, `-05:30`).
pub(super) fn zone(name: &str) -> Option<TimeZone> {
    if name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return TimeZone::get(name).ok();
    }
    let (sign, digits) = match name.as_bytes().first()? {
        b'-' => (-1, &name[1..]),
        b'+' => (1, &name[1..]),
        _ => (1, name),
    };
    let (hours, minutes) = digits.split_once(':')?;
    let two_digits =
        |text: &str| (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse::<i32>().ok())?;
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    let offset = (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))?;
    Some(TimeZone::fixed(Offset::from_seconds(offset).ok()?))
}

/// A length of time as CEL writes it (`1h30m`, `-1.5s`, `250ms`), in microseconds; finer parts are cut off. Whole numbers all the way, so that
/// `1.001s` is what it says.
pub(super) fn span_micros(text: &str) -> Option<i64> {
    /// The longest part that is read, in digits.
    const MOST_DIGITS: usize = 20;
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut nanos: i128 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|each: char| !each.is_ascii_digit() && each != '.')?;
        let (whole, part) = rest[..digits].split_once('.').unwrap_or((&rest[..digits], ""));
        if whole.len() + part.len() > MOST_DIGITS || part.contains('.') {
            return None;
        }
        let number: i128 = format!("{whole}{part}").parse().ok()?;
        let after = &rest[digits..];
        let letters = after.find(|each: char| each.is_ascii_digit() || each == '.').unwrap_or(after.len());
        let unit: i128 = match &after[..letters] {
            "h" => 3_600_000_000_000,
            "m" => 60_000_000_000,
            "s" => 1_000_000_000,
            "ms" => 1_000_000,
            "us" => 1_000,
            "ns" => 1,
            _ => return None,
        };
        nanos += number * unit / 10_i128.pow(part.len() as u32);
        rest = &after[letters..];
    }
    let micros = sign * nanos / 1_000;
    if text.is_empty() || micros.abs() >= 1_000_000_000_000_000_000 {
        return None;
    }
    i64::try_from(micros).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_millisecond_is_itself() {
        for millis in 0..20_000_i64 {
            let text = format!("{}.{:03}s", millis / 1_000, millis % 1_000);
            assert_eq!(span_micros(&text), Some(millis * 1_000), "{text}");
            assert_eq!(span_micros(&format!("-{text}")), Some(-millis * 1_000), "{text}");
        }
        let check = |text: &str, expect: Option<i64>| assert_eq!(span_micros(text), expect, "{text}");
        check("1h30m", Some(5_400_000_000));
        check("0.1ms1ns", Some(100));
        check(".5s", Some(500_000));
        check("1.5.5s", None);
        check(".s", None);
        check("", None);
        check("9999999999999h", None);
        check("111111111111111111111s", None);
    }
}
