use std::fmt;

use ingest::{EventId, Timestamp};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// What a key must look like to be on a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Pattern {
    /// The key itself: `tok_1`.
    Exact(Box<str>),
    /// Keys that begin so: `41111111*`.
    Prefix(Box<str>),
    /// Addresses in a network: `203.0.113.0/24`, `2001:db8::/32`.
    Network(IpNet),
}

/// Why a text is no entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Empty, or longer than a key can be.
    #[error("a list entry has 1 to {} bytes", EventId::MAX_BYTES)]
    Length,
    /// A star that does not stand at the end, or stands alone.
    #[error("`*` stands for any ending, after at least one character")]
    Star,
    /// It looks like a network and has bits beyond its length.
    #[error("the network has bits set beyond its length: write {network}")]
    Bits {
        /// What was meant, presumably.
        network: IpNet,
    },
    /// Its time ends before it begins.
    #[error("valid_until lies before valid_from")]
    Period,
}

impl Pattern {
    /// `tok_1` is itself, `4111*` what begins so, `203.0.113.0/24` the addresses of a network; any other text with a slash is itself.
    pub fn parse(text: &str) -> Result<Self, EntryError> {
        if text.is_empty() || text.len() > EventId::MAX_BYTES {
            return Err(EntryError::Length);
        }
        if let Ok(network) = text.parse::<IpNet>() {
            let trunc = network.trunc();
            return if trunc == network { Ok(Self::Network(network)) } else { Err(EntryError::Bits { network: trunc }) };
        }
        match text.split_once('*') {
            None => Ok(Self::Exact(text.into())),
            Some((prefix, "")) if !prefix.is_empty() => Ok(Self::Prefix(prefix.into())),
            Some(_) => Err(EntryError::Star),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(text) => f.write_str(text),
            Self::Prefix(text) => write!(f, "{text}*"),
            Self::Network(network) => network.fmt(f),
        }
    }
}

impl TryFrom<String> for Pattern {
    type Error = EntryError;
    fn try_from(text: String) -> Result<Self, EntryError> {
        Self::parse(&text)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.to_string()
    }
}

/// A line of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(as = ListEntry))]
pub struct Entry {
    /// What a key must look like.
    #[serde(rename = "value")]
    #[cfg_attr(feature = "http", schema(value_type = String, example = "41111111*"))]
    pub pattern: Pattern,
    /// Why it is there.
    #[serde(default)]
    pub reason: String,
    /// Who put it there.
    #[serde(default)]
    pub created_by: String,
    /// Who agreed.
    #[serde(default)]
    pub approved_by: Option<String>,
    /// From when on it holds, by the event's time; from ever when not said.
    #[serde(default)]
    #[cfg_attr(feature = "http", schema(value_type = Option<String>, format = DateTime))]
    pub valid_from: Option<Timestamp>,
    /// Until when it holds, this moment not included; for ever when not said.
    #[serde(default)]
    #[cfg_attr(feature = "http", schema(value_type = Option<String>, format = DateTime))]
    pub valid_until: Option<Timestamp>,
}

impl Entry {
    /// Whether its time makes sense.
    pub fn check(&self) -> Result<(), EntryError> {
        match (self.valid_from, self.valid_until) {
            (Some(from), Some(until)) if until <= from => Err(EntryError::Period),
            _ => Ok(()),
        }
    }

    /// Whether it holds at a time.
    pub fn is_valid(&self, at: Timestamp) -> bool {
        self.valid_from.is_none_or(|from| from <= at) && self.valid_until.is_none_or(|until| at < until)
    }
}
