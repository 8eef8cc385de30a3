//! Feature definitions: what a feature means, checked against the schema of its events.
//!
//! A definition pins everything that gives a feature its meaning: entity, filter, value, aggregation, window, delay, default. Its
//! version is the hash of that meaning, so a comment or another order of tables changes nothing.

mod file;
mod filter;
#[cfg(test)]
mod tests;
mod unit;
mod version;

use std::ops::Range;

use ingest::schema::Schema;
use ingest::{Duration, Event, Value};

pub use file::{DefinitionFile, EntityFile, StateFile, check};
pub use filter::{Condition, Field, Filter, Test};
pub use unit::Unit;
pub(crate) use version::{digest as version_of, state_rendering};

use crate::words::{self, ABSENT};

/// What is wrong with a definition, and where in the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DefinitionError {
    /// What is wrong.
    pub message: String,
    /// The bytes of the pipeline file that it is about.
    pub span: Range<usize>,
}

/// A number that an event carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// The amount in minor units.
    Amount,
    /// An attribute of whole numbers or flags, by its number in the schema.
    Integer(usize),
    /// An attribute of other numbers, by its number in the schema.
    Number(usize),
}

impl Source {
    /// As a float, NaN where the event lacks it.
    pub fn number(self, event: &Event) -> f64 {
        match self {
            Self::Amount => event.amount.map_or(f64::NAN, |amount| amount.minor() as f64),
            Self::Integer(slot) | Self::Number(slot) => {
                event.attributes[slot].as_ref().and_then(Value::as_f64).unwrap_or(f64::NAN)
            }
        }
    }

    /// As a word of a row: whole numbers as they are, others in an order-keeping code; [`ABSENT`] where the event lacks it.
    pub(crate) fn word(self, event: &Event) -> i64 {
        match self {
            Self::Amount => event.amount.map_or(ABSENT, ingest::Amount::minor),
            Self::Integer(slot) => match event.attributes[slot] {
                Some(Value::Integer(whole)) => words::whole(whole),
                Some(Value::Flag(flag)) => i64::from(flag),
                _ => ABSENT,
            },
            Self::Number(slot) => match event.attributes[slot] {
                Some(Value::Number(number)) => words::of_number(number),
                _ => ABSENT,
            },
        }
    }

    /// The attribute, by its number in the schema.
    const fn attribute(self) -> Option<usize> {
        match self {
            Self::Amount => None,
            Self::Integer(slot) | Self::Number(slot) => Some(slot),
        }
    }

    /// What a word says, NaN for [`ABSENT`].
    pub(crate) fn of_word(self, word: i64) -> f64 {
        match (self, word) {
            (_, ABSENT) => f64::NAN,
            (Self::Amount | Self::Integer(_), whole) => whole as f64,
            (Self::Number(_), word) => words::to_number(word),
        }
    }
}

/// Something with categories: a text, a whole number, a flag, or the key of another entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// An attribute, by its number in the schema.
    Attribute(usize),
    /// An entity's key, by its number in the schema.
    Entity(usize),
}

impl Category {
    /// As a word of a row: 64 bits that stand for the category, [`ABSENT`] where the event lacks it.
    pub(crate) fn word(self, event: &Event) -> i64 {
        match self {
            Self::Entity(slot) => event.entities[slot].as_deref().map_or(ABSENT, words::of_text),
            Self::Attribute(slot) => match &event.attributes[slot] {
                Some(Value::Text(text)) => words::of_text(text),
                Some(Value::Integer(whole)) => words::of_whole(*whole),
                Some(Value::Flag(flag)) => words::of_whole(i64::from(*flag)),
                Some(Value::Number(_)) | None => ABSENT,
            },
        }
    }
}

/// What is computed over a window. Events that lack the value are passed over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aggregate {
    /// How many events.
    Count,
    /// The sum of a whole number.
    Sum(Source),
    /// The mean of a whole number.
    Mean(Source),
    /// The sample variance (divided by n - 1) of a whole number; missing below two values.
    Variance(Source),
    /// The square root of the sample variance.
    Std(Source),
    /// The smallest.
    Min(Source),
    /// The largest.
    Max(Source),
    /// The newest. Without the event itself it is the previous one.
    Last(Source),
    /// Seconds since the newest event before this one.
    TimeSinceLast,
    /// How many different categories: exact up to 1,024, beyond that an estimate with a standard error of about 4 %.
    Distinct(Category),
    /// The share of the most frequent category, 0 to 1.
    TopShare(Category),
    /// The Shannon entropy of the categories, in bits.
    Entropy(Category),
    /// 1 when the event's category was not seen before, else 0; missing where the event has none.
    FirstSeen(Category),
    /// The quantile of a number, interpolated between order statistics (Hyndman and Fan's type 7).
    Quantile(Source, f64),
    /// The event's number against the mean and the sample deviation of those before it.
    ZScore(Source),
    /// How many events, each weighing half after every half-life.
    DecayedCount(Duration),
    /// The sum of a whole number, each value weighing half after every half-life.
    DecayedSum(Source, Duration),
    /// Kilometres an hour from the previous place to this one, on the great circle; time below a second counts as a second.
    Speed {
        /// Degrees north.
        latitude: Source,
        /// Degrees east.
        longitude: Source,
    },
    /// The share of events that are known to be bad (fraud, default).
    LabelRate,
    /// How many events are known to be bad.
    LabelCount,
}

impl Aggregate {
    /// The attributes that it reads, by their numbers in the schema.
    fn attributes(self) -> impl Iterator<Item = usize> {
        let both = match self {
            Self::Count | Self::TimeSinceLast | Self::DecayedCount(_) | Self::LabelRate | Self::LabelCount => [None, None],
            Self::Sum(of)
            | Self::Mean(of)
            | Self::Variance(of)
            | Self::Std(of)
            | Self::Min(of)
            | Self::Max(of)
            | Self::Last(of)
            | Self::Quantile(of, _)
            | Self::ZScore(of)
            | Self::DecayedSum(of, _) => [of.attribute(), None],
            Self::Distinct(of) | Self::TopShare(of) | Self::Entropy(of) | Self::FirstSeen(of) => match of {
                Category::Attribute(slot) => [Some(slot), None],
                Category::Entity(_) => [None, None],
            },
            Self::Speed { latitude, longitude } => [latitude.attribute(), longitude.attribute()],
        };
        both.into_iter().flatten()
    }
}

/// How far back a window reaches, from where its delay ends it.
#[derive(Clone, Debug, PartialEq)]
pub enum Span {
    /// So long: `(t - delay - length, t - delay]`.
    Sliding(Duration),
    /// From midnight on, in a time zone: `[midnight, t]`.
    LocalDay(jiff::tz::TimeZone),
    /// Over everything since the key began.
    Lifetime,
}

/// A window over the history of one entity, or of a pair of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// The entities, by their numbers in the schema; the history is kept for each combination of their keys.
    pub key: Vec<usize>,
    /// What is computed.
    pub aggregate: Aggregate,
    /// Which events count; `None` for all.
    pub filter: Option<Filter>,
    /// How far it reaches.
    pub span: Span,
    /// How long before the event it ends.
    pub delay: Duration,
    /// Whether the event itself is left out; only without a delay.
    pub exclude_current: bool,
}

/// How a feature is computed.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A number of the event itself.
    Value(Source),
    /// Which of some words a text of the event itself is, counted from 0 in the order of the words.
    Category {
        /// The attribute, by its number in the schema.
        of: usize,
        /// The words that there are.
        words: Vec<String>,
    },
    /// 1 on Saturday and Sunday, else 0, in a time zone.
    Weekend(jiff::tz::TimeZone),
    /// 1 from midnight to 6:59, else 0, in a time zone.
    Night(jiff::tz::TimeZone),
    /// Over a window of an entity's history.
    Windowed(Window),
    /// One feature divided by another; both come before it, so that no cycle can be written.
    Ratio {
        /// The dividend, by its number.
        numerator: usize,
        /// The divisor, by its number; where it is 0 the ratio is missing.
        denominator: usize,
    },
}

/// A feature.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// `<entity>_<what>_<window>`, unique in the pipeline.
    pub name: String,
    /// How it is computed.
    pub kind: Kind,
    /// Its value where there is nothing to compute from (an empty window, an absent entity); NaN means missing.
    pub default: f64,
    /// The hash of its meaning: 16 hexadecimal digits.
    pub version: String,
    /// The bytes of the pipeline file that declare it.
    pub span: Range<usize>,
}

impl Definition {
    /// The words that its values stand for; none where they are numbers.
    pub fn words(&self) -> &[String] {
        if let Kind::Category { words, .. } = &self.kind { words } else { &[] }
    }

    /// The word that a value stands for, where its values stand for words.
    pub fn word(&self, value: f64) -> Option<&str> {
        let place = (0..self.words().len()).find(|place| *place as f64 == value)?;
        Some(&self.words()[place])
    }

    /// Whether it is computed from an attribute, by its number in the schema. A ratio reads none; what it divides may.
    pub fn reads_attribute(&self, slot: usize) -> bool {
        match &self.kind {
            Kind::Value(source) => source.attribute() == Some(slot),
            Kind::Category { of, .. } => *of == slot,
            Kind::Weekend(_) | Kind::Night(_) | Kind::Ratio { .. } => false,
            Kind::Windowed(window) => {
                let mut conditions = window.filter.iter().flat_map(|filter| &filter.conditions);
                window.aggregate.attributes().any(|read| read == slot)
                    || conditions.any(|condition| condition.field == Field::Attribute(slot))
            }
        }
    }
}

/// What is kept of one entity's keys, and for how long: an `[state.entities.<entity>]` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityState {
    /// The entities of the key, by their numbers in the schema.
    pub key: Vec<usize>,
    /// A key that saw nothing for so long starts anew; `None` keeps it until no window reaches its events.
    pub idle_after: Option<Duration>,
    /// Where keys with many events fall to.
    pub tile: Option<TileState>,
    /// The most events kept for one key; beyond it the oldest are forgotten early.
    pub max_events: u32,
}

/// When and how coarsely a hot key is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileState {
    /// A key with more events than this within its longest window is hot.
    pub above: u32,
    /// Events of a hot key within one such stretch are kept as one.
    pub resolution: Duration,
}

/// The `[state]` table, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateLimits {
    /// Bytes of feature state, with what finds the events of labels, above which new keys are not taken and known ones do not grow.
    pub memory_limit_bytes: usize,
    /// What differs from the default, by entity.
    pub entities: Vec<EntityState>,
}

impl Default for StateLimits {
    fn default() -> Self {
        Self { memory_limit_bytes: 4 << 30, entities: Vec::new() }
    }
}

/// The most events kept for one key, unless the pipeline says something else.
pub const MAX_EVENTS: u32 = 16_384;

/// `card`, or `card+merchant` for a pair.
pub fn key_name(key: &[usize], schema: &Schema) -> String {
    let names: Vec<&str> = key.iter().map(|slot| schema.entities[*slot].name.as_str()).collect();
    names.join("+")
}
