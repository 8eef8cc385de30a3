//! What can change in payments from a day on, written by a person as `spending:2.0@2018-07-01`. It says what is to happen; that it
//! happens is the business of [`Injection`].

mod bursts;
mod inject;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

pub use self::inject::Injection;
use crate::time::Timestamp;

/// A change from a day on: `KIND:WHAT[:SHARE]@DAY[..DAY]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Drift {
    kind: Kind,
    /// The first day, counted as [`Timestamp::day`] does.
    from: i64,
    /// The first day on which all is as before; `None` goes on for ever.
    until: Option<i64>,
    /// As it was written.
    text: String,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    /// A share of the customers, the same ones on every day, pay so many times as much. What is fraud stays what it was.
    Spending { factor: f64, share: f64 },
    /// So many customers a day, new ones each day, are robbed: 6 to 12 payments of 1.00 to 5.00, 3 to 60 seconds apart, each at a
    /// terminal where this customer never paid before. They are frauds of scenario 4, and come on top of the other payments.
    Bursts { victims: u32 },
    /// A column is empty in a share of the payments.
    Missing { column: String, share: f64 },
}

/// Why a text is no drift.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseError(String);

impl Drift {
    /// Whether it is in force on a day.
    const fn holds_on(&self, day: i64) -> bool {
        day >= self.from
            && match self.until {
                Some(until) => day < until,
                None => true,
            }
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Drift {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let refuse = |reason: String| Err(ParseError(reason));
        let Some((what, days)) = text.split_once('@') else {
            return refuse("it lacks a day: write it as spending:2.0@2018-07-01".to_owned());
        };
        let (from, until) = match days.split_once("..") {
            Some((from, until)) => (day(from)?, Some(day(until)?)),
            None => (day(days)?, None),
        };
        if until.is_some_and(|until| until <= from) {
            return refuse(format!("{days} holds no day: the second one is the first on which all is as before"));
        }
        let mut parts = what.split(':');
        let name = parts.next().unwrap_or_default();
        let kind = match (name, parts.next().filter(|part| !part.is_empty()), parts.next(), parts.next()) {
            ("spending", Some(factor), given, None) => Kind::Spending { factor: positive(factor)?, share: share(given)? },
            ("bursts", Some(victims), None, None) => Kind::Bursts { victims: count(victims)? },
            ("missing", Some(column), given, None) => Kind::Missing { column: column.to_owned(), share: share(given)? },
            ("spending", ..) => return refuse("write it as spending:FACTOR@DAY or spending:FACTOR:SHARE@DAY".to_owned()),
            ("bursts", ..) => return refuse("write it as bursts:VICTIMS@DAY, with so many victims a day".to_owned()),
            ("missing", ..) => return refuse("write it as missing:COLUMN@DAY or missing:COLUMN:SHARE@DAY".to_owned()),
            _ => return refuse(format!("there is no drift `{name}`: there are spending, bursts, missing")),
        };
        Ok(Self { kind, from, until, text: text.to_owned() })
    }
}

fn day(text: &str) -> Result<i64, ParseError> {
    let time = text.parse::<Timestamp>().ok().filter(|time| *time == Timestamp::start_of_day(time.day()));
    time.map(Timestamp::day).ok_or_else(|| ParseError(format!("`{text}` is no day: write it as 2018-07-01")))
}

fn positive(text: &str) -> Result<f64, ParseError> {
    let factor = text.parse().ok().filter(|factor: &f64| *factor > 0.0 && *factor <= 1_000.0);
    factor.ok_or_else(|| ParseError(format!("`{text}` is no factor: give a number above 0, and at most 1000")))
}

fn share(given: Option<&str>) -> Result<f64, ParseError> {
    let Some(text) = given else { return Ok(1.0) };
    let share = text.parse().ok().filter(|share: &f64| *share > 0.0 && *share <= 1.0);
    share.ok_or_else(|| ParseError(format!("`{text}` is no share: give a number above 0, and at most 1")))
}

fn count(text: &str) -> Result<u32, ParseError> {
    let count = text.parse().ok().filter(|count: &u32| *count >= 1);
    count.ok_or_else(|| ParseError(format!("`{text}` is no number of victims: give a whole number from 1 on")))
}
