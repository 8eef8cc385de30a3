//! The event: a typed envelope around whatever a pipeline scores. It is checked once, at the door, and trusted from there on.
//!
//! Entities and attributes lie in the order in which the pipeline's [`Schema`](crate::schema::Schema) declares them, so that
//! everything behind the door finds them by number and never by name.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Who names an event: unique within a pipeline, chosen by the sender, 1 to 200 bytes. At the door control characters
/// are refused in it; logs of before may have some.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct EventId(Box<str>);

impl EventId {
    /// The longest that is accepted, in bytes.
    pub const MAX_BYTES: usize = 200;

    /// `None` when empty or too long.
    pub fn new(id: &str) -> Option<Self> {
        (!id.is_empty() && id.len() <= Self::MAX_BYTES).then(|| Self(id.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// 128 bits that stand for it in maps; two ids share one with a chance of about 1 in 10^38 a pair.
    pub fn fingerprint(&self) -> u128 {
        xxhash_rust::xxh3::xxh3_128(self.0.as_bytes())
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = String::deserialize(deserializer)?;
        Self::new(&id).ok_or_else(|| serde::de::Error::custom(format!("event_id must have 1 to {} bytes", Self::MAX_BYTES)))
    }
}

/// An ISO 4217 code: three capital letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    /// `None` when it is not three capital ASCII letters.
    pub fn new(code: &str) -> Option<Self> {
        let letters: [u8; 3] = code.as_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_uppercase).then_some(Self(letters))
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("capital ASCII letters are UTF-8")
    }

    /// How many decimals its amounts have, 0 to 4: ten to that power of minor units are one of it. As ISO 4217 says (list one, table
    /// A.1), and 2 of codes that it does not know or that have no minor units, such as gold.
    pub fn minor_digits(self) -> u32 {
        match self.as_str() {
            "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI" | "VND" | "VUV"
            | "XAF" | "XOF" | "XPF" => 0,
            "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
            "CLF" | "UYW" => 4,
            _ => 2,
        }
    }

    /// Minor units as people write them, without the code: 123456 in EUR is `1234.56`, in JPY `123456`.
    pub fn text(self, minor: f64) -> String {
        let digits = self.minor_digits();
        format!("{:.*}", digits as usize, minor / 10_f64.powi(digits as i32))
    }
}

/// That of a pipeline which names none.
impl Default for Currency {
    fn default() -> Self {
        Self(*b"EUR")
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Currency {
    type Error = String;
    fn try_from(code: String) -> Result<Self, String> {
        Self::new(&code).ok_or_else(|| format!("`{code}` is not a currency code of three capital letters"))
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.to_string()
    }
}

/// An amount of money: whole minor units (cents), never negative; what kind of movement it was is an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Amount {
    minor: i64,
    currency: Currency,
}

impl Amount {
    /// The largest amount accepted, in minor units: with it a window of nine million events still sums exactly in 64 bits.
    pub const MAX_MINOR: i64 = 1_000_000_000_000;

    /// `None` when negative or above [`Amount::MAX_MINOR`].
    pub fn new(minor: i64, currency: Currency) -> Option<Self> {
        (0..=Self::MAX_MINOR).contains(&minor).then_some(Self { minor, currency })
    }

    /// Minor units.
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// The currency.
    pub const fn currency(self) -> Currency {
        self.currency
    }
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// Text.
    Text(Box<str>),
    /// A whole number.
    Integer(i64),
    /// A finite number.
    Number(f64),
    /// Yes or no.
    Flag(bool),
}

impl Value {
    /// The longest text that is accepted, in bytes. Every decision and every row of the warehouse holds it once more.
    pub const MAX_TEXT_BYTES: usize = 1_024;

    /// As a number, where it is one; a flag is 0 or 1.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Text(_) => None,
            Self::Integer(whole) => Some(*whole as f64),
            Self::Number(number) => Some(*number),
            Self::Flag(flag) => Some(f64::from(u8::from(*flag))),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Integer(whole) => whole.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Flag(flag) => flag.fmt(f),
        }
    }
}

/// One thing that happened and wants a decision: a payment, a login, an application.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Who names it.
    pub event_id: EventId,
    /// When it happened, by its sender.
    pub occurred_at: Timestamp,
    /// The money it moves, if the pipeline's events have any.
    pub amount: Option<Amount>,
    /// The key of each entity of the schema, in its order; `None` where an optional one is absent.
    pub entities: Vec<Option<Box<str>>>,
    /// The value of each attribute of the schema, in its order; `None` where an optional one is absent.
    pub attributes: Vec<Option<Value>>,
    /// The event that this one corrects; it stays what it was, and so does its decision.
    pub supersedes: Option<EventId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_the_decimals_of_their_currency() {
        let check = |code: &str, minor: f64, digits: u32, text: &str| {
            let currency = Currency::new(code).unwrap();
            assert_eq!((currency.minor_digits(), currency.text(minor).as_str()), (digits, text), "{code}");
        };
        check("EUR", 123_456.0, 2, "1234.56");
        check("USD", -5.0, 2, "-0.05");
        check("HUF", 123_456.0, 2, "1234.56");
        check("JPY", 123_456.0, 0, "123456");
        check("XAF", 0.0, 0, "0");
        check("KWD", 123_456.0, 3, "123.456");
        check("IQD", 1.0, 3, "0.001");
        check("CLF", 123_456.0, 4, "12.3456");
        check("XTS", 100.0, 2, "1.00");
        assert_eq!(Currency::default().as_str(), "EUR");
    }
}
