use std::fmt;
use std::net::IpAddr;

use ingest::decode::{has_card_number, is_card_number};
use ingest::{EventId, Timestamp};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// What a key must look like to be on a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Pattern {
    /// The key itself: `tok_1`.
    Exact(Box<str>),
    /// An address, however a key writes it: `203.0.113.7`, `2001:db8::1`. A version 4 one that is mapped to version 6 is one of version 4.
    Address(IpAddr),
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
    /// It is written as a network is, and is none.
    #[error("reads like a network and is none: a network is a whole address, a slash and up to 32 bits, 128 in version 6")]
    Network,
    /// A card number where a token is expected; events are told the same.
    #[error("must be a token: it looks like a card number")]
    Token,
    /// A card number in what is said of it.
    #[error("must not have a card number in it")]
    Reason,
    /// Its time ends before it begins.
    #[error("valid_until lies before valid_from")]
    Period,
}

impl EntryError {
    /// The field of the entry that it is about, where it is about one alone.
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Self::Length | Self::Star | Self::Bits { .. } | Self::Network | Self::Token => Some("value"),
            Self::Reason => Some("reason"),
            Self::Period => None,
        }
    }
}

impl Pattern {
    /// `tok_1` is itself, `4111*` what begins so, `203.0.113.7` an address, `203.0.113.0/24` the addresses of a network; any other text
    /// with a slash is itself.
    pub fn parse(text: &str) -> Result<Self, EntryError> {
        if text.is_empty() || text.len() > EventId::MAX_BYTES {
            return Err(EntryError::Length);
        }
        if let Ok(network) = text.parse::<IpNet>() {
            let trunc = network.trunc();
            let canonical = Self::Network(canonical(network));
            return if trunc == network { Ok(canonical) } else { Err(EntryError::Bits { network: trunc }) };
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Address(address.to_canonical()));
        }
        match text.split_once('*') {
            None => Ok(Self::Exact(text.into())),
            Some((prefix, "")) if !prefix.is_empty() => Ok(Self::Prefix(prefix.into())),
            Some(_) => Err(EntryError::Star),
        }
    }
}

/// A network of mapped addresses, `::ffff:203.0.113.0/120`, as that of the addresses themselves, `203.0.113.0/24`.
fn canonical(network: IpNet) -> IpNet {
    match (network.addr().to_canonical(), network.prefix_len().checked_sub(96)) {
        (address @ IpAddr::V4(_), Some(length)) => IpNet::new(address, length).unwrap_or(network),
        _ => network,
    }
}

/// Whether a text that is no network was meant for one: `10.0.0.0/33`, `10.0.0/8`.
fn was_meant_for_network(text: &str) -> bool {
    let is_of_address = |letter: u8| letter.is_ascii_hexdigit() || matches!(letter, b'.' | b':');
    text.split_once('/').is_some_and(|(address, length)| {
        let has_length = !length.is_empty() && length.bytes().all(|letter| letter.is_ascii_digit());
        has_length && address.contains(['.', ':']) && address.bytes().all(is_of_address)
    })
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(text) => f.write_str(text),
            Self::Address(address) => address.fmt(f),
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
    /// Whether it makes sense on a list that it is to be put on; `of_tokens` is whether that list's keys stand for card numbers. What is in
    /// the log already is read without.
    pub fn check(&self, of_tokens: bool) -> Result<(), EntryError> {
        match &self.pattern {
            Pattern::Exact(text) if was_meant_for_network(text) => return Err(EntryError::Network),
            Pattern::Exact(text) | Pattern::Prefix(text) if of_tokens && is_card_number(text) => return Err(EntryError::Token),
            _ => {}
        }
        if has_card_number(&self.reason) {
            return Err(EntryError::Reason);
        }
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
