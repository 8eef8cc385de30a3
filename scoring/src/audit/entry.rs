//! An entry and its seal. The seal is the SHA-256 of the entry's bytes as they stand in the file, so that anybody can check it with a few lines
//! of any language: cut `,"hash":"..."` off the line, hash the rest.

use ingest::Timestamp;
use ingest::log::Position;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What the first entry follows.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// What stands in front of the hash in a line, and behind it.
const HASH_IS: &str = r#","hash":""#;
const END: &str = r#""}"#;
/// A text of an entry is cut after so many bytes.
const MOST_BYTES: usize = 2_000;

/// What somebody did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(as = AuditEntry))]
pub struct Entry {
    /// Counts entries, from 1.
    pub sequence: u64,
    /// When it happened.
    #[cfg_attr(feature = "http", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
    /// Who did it.
    pub who: String,
    /// What was done, in a word, as `approved` or `logged_in`.
    pub what: String,
    /// To what: `change 3`, `user bob`.
    pub object: String,
    /// Why, where that was said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What was there before, in short.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub before: String,
    /// What is there now, in short.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub after: String,
    /// The control record that it tells of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Recorded>,
    /// The hash of the entry before it.
    pub previous: String,
}

/// A record of the log, as an entry holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Recorded {
    /// Where it lies.
    #[cfg_attr(feature = "http", schema(value_type = u64))]
    pub position: Position,
    /// The SHA-256 of its payload, in hexadecimal.
    pub sha256: String,
}

impl Recorded {
    /// Of a payload.
    pub fn new(position: Position, payload: &[u8]) -> Self {
        Self { position, sha256: hex::encode(Sha256::digest(payload)) }
    }
}

/// What is to become an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// When it happened.
    pub at: Timestamp,
    /// Who did it.
    pub who: String,
    /// What was done, in a word.
    pub what: &'static str,
    /// To what.
    pub object: String,
    /// Why.
    pub reason: String,
    /// What was there before.
    pub before: String,
    /// What is there now.
    pub after: String,
    /// The control record that it tells of.
    pub record: Option<Recorded>,
}

impl Draft {
    /// Somebody does something to something; the rest is left unsaid.
    pub fn new(at: Timestamp, who: &str, what: &'static str, object: impl Into<String>) -> Self {
        let (who, object) = (who.to_owned(), object.into());
        Self { at, who, what, object, reason: String::new(), before: String::new(), after: String::new(), record: None }
    }
}

/// An entry with its hash: a line of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(as = AuditLine))]
pub struct Sealed {
    /// What was done.
    #[serde(flatten)]
    pub entry: Entry,
    /// The SHA-256 of its JSON text, in hexadecimal.
    pub hash: String,
}

impl Sealed {
    /// What follows `last`; without one it is the first.
    pub(super) fn following(last: Option<&Self>, draft: Draft) -> Self {
        let Draft { at, who, what, object, reason, before, after, record } = draft;
        let entry = Entry {
            sequence: last.map_or(0, |last| last.entry.sequence) + 1,
            at,
            who: short(who),
            what: what.to_owned(),
            object: short(object),
            reason: short(reason),
            before: short(before),
            after: short(after),
            record,
            previous: last.map_or_else(|| NOTHING.to_owned(), |last| last.hash.clone()),
        };
        let text = serde_json::to_string(&entry).expect("plain data always has a JSON form");
        Self { hash: hex::encode(Sha256::digest(text)), entry }
    }

    /// Its line, without the end of it.
    pub(super) fn line(&self) -> String {
        serde_json::to_string(self).expect("plain data always has a JSON form")
    }

    /// A line as it was written.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(line: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(line).map_err(|_| "it is no text".to_owned())?;
        let parts = text.rsplit_once(HASH_IS).and_then(|(body, rest)| Some((body, rest.strip_suffix(END)?)));
        let (body, hash) = parts.ok_or_else(|| "it does not end with a hash".to_owned())?;
        let body = format!("{body}}}");
        let given = hex::encode(Sha256::digest(&body));
        if given != hash {
            return Err(format!("its hash is {hash}, and what it says has {given}: it was changed"));
        }
        let entry = serde_json::from_str(&body).map_err(|error| format!("it is no entry: {error}"))?;
        Ok(Self { entry, hash: given })
    }

    /// Whether it follows `last`.
    ///
    /// # Errors
    /// What was expected, and what is there.
    pub(super) fn check_after(&self, last: Option<&Self>) -> Result<(), String> {
        let (sequence, previous) = last.map_or((1, NOTHING), |last| (last.entry.sequence + 1, last.hash.as_str()));
        if self.entry.sequence != sequence {
            let found = self.entry.sequence;
            return Err(format!("it is numbered {found}, and {sequence} was expected: entries were taken out, put in or moved"));
        }
        if self.entry.previous != previous {
            let found = &self.entry.previous;
            return Err(format!(
                "it follows an entry with the hash {found}, and the one before it has {previous}: one of them is not the one that was written"
            ));
        }
        Ok(())
    }
}

fn short(text: String) -> String {
    if text.len() <= MOST_BYTES {
        return text;
    }
    let end = text.floor_char_boundary(MOST_BYTES);
    format!("{}…", &text[..end])
}
