//! What a rule saw: the value of each name that its condition mentions, kept with the decision.

use std::fmt;

use ingest::{Timestamp, Value};
use serde::{Deserialize, Serialize};

use super::facts::Facts;
use super::names::Source;

/// A name and its value at the time of the decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The name as the condition writes it: `event.channel`, `card_tx_count_1h`, `lists.stolen_cards`.
    pub name: String,
    /// Its value.
    pub value: Seen,
}

/// A value that a rule saw.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// Nothing was there.
    Missing,
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Whole(i64),
    /// Any other number.
    Number(f64),
    /// A moment.
    Time(Timestamp),
    /// Text of the event.
    Text(String),
    /// The key of an entity, which may name a person or a card. It is not shown: [`Seen::MASK`] stands for it.
    Key(String),
}

impl Evidence {
    pub(super) fn flag(name: &str, flag: bool) -> Self {
        Self { name: name.to_owned(), value: Seen::Flag(flag) }
    }
}

impl Seen {
    /// What is shown of a key.
    pub const MASK: &'static str = "***";

    fn text(text: Option<&str>, of: fn(String) -> Self) -> Self {
        text.map_or(Self::Missing, |text| of(text.to_owned()))
    }

    fn number(number: f64) -> Self {
        if number.is_nan() { Self::Missing } else { Self::Number(number) }
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("missing"),
            Self::Flag(flag) => flag.fmt(f),
            Self::Whole(whole) => whole.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Time(time) => f.write_str(&time.to_string()),
            Self::Text(text) => text.fmt(f),
            Self::Key(_) => f.write_str(Self::MASK),
        }
    }
}

impl Source {
    /// Its value, for a record.
    pub(super) fn seen(self, facts: &Facts) -> Seen {
        match self {
            Self::Feature(feature) => Seen::number(facts.feature(feature)),
            Self::Probability => Seen::number(facts.probability()),
            Self::Attribute(slot) => match facts.attribute(slot) {
                None => Seen::Missing,
                Some(Value::Text(text)) => Seen::Text(text.to_string()),
                Some(Value::Integer(whole)) => Seen::Whole(*whole),
                Some(Value::Number(number)) => Seen::number(*number),
                Some(Value::Flag(flag)) => Seen::Flag(*flag),
            },
            Self::Entity(slot) => Seen::text(facts.entity(slot), Seen::Key),
            Self::AmountMinor => facts.amount_minor().map_or(Seen::Missing, Seen::Whole),
            Self::Score => facts.score().map_or(Seen::Missing, Seen::Whole),
            Self::Currency => Seen::text(facts.currency(), Seen::Text),
            Self::Time => Seen::Time(facts.event.occurred_at),
            Self::Id => Seen::Text(facts.event.event_id.to_string()),
        }
    }
}
