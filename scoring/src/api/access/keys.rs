use std::fmt;
use std::path::Path;

use ingest::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::private::{FileError, PrivateFile};
use crate::audit::Draft;
use crate::control::{May, Person, is_reserved};

/// What a key, or a user's role, opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Have events decided.
    Score,
    /// Say what events turned out to be.
    Label,
    /// See decisions, rules, lists, models, figures and the page.
    Read,
    /// Work on alerts that nobody has escalated.
    Alerts,
    /// Work on all alerts, propose changes, start what only looks on, and see the audit.
    Review,
    /// Approve changes of others, and go back to the champion before.
    Approve,
    /// Change rules, lists, models and users, and all of the others.
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 7] = [Self::Score, Self::Label, Self::Read, Self::Alerts, Self::Review, Self::Approve, Self::Admin];

    /// Its word on the command line, in files and in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Score => "score",
            Self::Label => "label",
            Self::Read => "read",
            Self::Alerts => "alerts",
            Self::Review => "review",
            Self::Approve => "approve",
            Self::Admin => "admin",
        }
    }

    /// Whether it opens what needs `wanted`.
    pub const fn opens(self, wanted: Self) -> bool {
        match self {
            Self::Admin => true,
            Self::Review => matches!(wanted, Self::Review | Self::Alerts),
            _ => self as u8 == wanted as u8,
        }
    }
}

/// A key as it is kept: without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// What it is called; several keys may have one name while one takes the place of another.
    pub name: String,
    /// The person that has it, where that is not the name: two keys of one person are one person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The SHA-256 of the secret, in hexadecimal. The secret has 256 random bits, so nothing slower is needed.
    pub hash: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// How many requests a second it may send, each event of a batch being one; 0 for as many as it likes.
    pub requests_per_second: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends; never where that is not said.
    pub expires_at: Option<Timestamp>,
}

impl Key {
    /// Who acts with it.
    pub fn person(&self) -> Person {
        let may = if self.may(Scope::Admin) {
            May::Change
        } else if self.may(Scope::Review) {
            May::Propose
        } else {
            May::Work
        };
        Person { name: self.owner.clone().unwrap_or_else(|| self.name.clone()), may }
    }

    /// Whether it may do something.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.iter().any(|granted| granted.opens(scope))
    }

    /// Whether it has not ended.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }

    /// When one ends that is made now and is good for as long as this one was made for.
    fn end_anew(&self, now: Timestamp) -> Option<Timestamp> {
        self.expires_at.map(|end| now + end.since(self.created_at))
    }
}

/// What is shown once, when a key is made.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Of random bytes.
    pub fn new(random: [u8; 32]) -> Self {
        Self(format!("rf_{}", hex::encode(random)))
    }

    /// To be shown to whom it is for, once.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// A key that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// What it is called.
    pub name: String,
    /// The person that has it, where that is not the name.
    pub owner: Option<String>,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// How many requests a second it may send, each event of a batch being one; 0 for as many as it likes.
    pub requests_per_second: u32,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// What can go wrong with the file of keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// With the file itself.
    #[error(transparent)]
    File(#[from] FileError),
    /// No key has this name.
    #[error("there is no key `{name}`")]
    Unknown {
        /// The name.
        name: String,
    },
    /// A key of this name is there already.
    #[error("there is a key `{name}` already: rotate it, or revoke it first")]
    Taken {
        /// The name.
        name: String,
    },
    /// A name under which the program acts by itself.
    #[error("`{name}` is no person's name: the program acts under it by itself")]
    Reserved {
        /// The name.
        name: String,
    },
    /// A name or scopes that cannot be.
    #[error("{what}")]
    Invalid {
        /// What is wrong.
        what: &'static str,
    },
}

/// The file in which keys are kept, readable by its owner alone. What is done to it is in the audit chain.
#[derive(Clone, Debug)]
pub struct KeyFile(PrivateFile);

impl KeyFile {
    /// `keys.json` in a folder; it need not be there.
    pub fn of(folder: &Path) -> Self {
        Self(PrivateFile::of(folder, "keys.json"))
    }

    /// All keys; none where there is no file.
    pub fn read(&self) -> Result<Vec<Key>, KeyError> {
        Ok(self.0.read()?)
    }

    /// Makes a key; its secret, which is kept nowhere.
    pub fn add(&self, new: NewKey, random: [u8; 32], by: &str, now: Timestamp) -> Result<Secret, KeyError> {
        self.0.change(|keys: &mut Vec<Key>| {
            if keys.iter().any(|key| key.name == new.name && key.is_valid(now)) {
                return Err(KeyError::Taken { name: new.name });
            }
            for name in [Some(&new.name), new.owner.as_ref()].into_iter().flatten() {
                if name.is_empty() || name.len() > 64 {
                    return Err(KeyError::Invalid { what: "the name of a key, or of its owner, has 1 to 64 bytes" });
                }
                if is_reserved(name) {
                    return Err(KeyError::Reserved { name: name.clone() });
                }
            }
            if new.scopes.is_empty() {
                return Err(KeyError::Invalid { what: "a key without a scope may do nothing" });
            }
            let secret = Secret::new(random);
            let NewKey { name, owner, scopes, requests_per_second, expires_at } = new;
            let key = Key { name, owner, hash: hash(secret.reveal()), scopes, requests_per_second, created_at: now, expires_at };
            let told = Draft { after: words(&key), ..Draft::new(now, by, "key_added", format!("key {}", key.name)) };
            keys.push(key);
            Ok((secret, told))
        })
    }

    /// Makes another secret for a key, good until `expires_at`, or else for as long as the one before was made for. The one before ends at
    /// `until`, or at its own end where that is earlier. The secret, and when the one before ends.
    pub fn rotate(
        &self,
        name: &str,
        until: Timestamp,
        expires_at: Option<Timestamp>,
        random: [u8; 32],
        by: &str,
        now: Timestamp,
    ) -> Result<(Secret, Timestamp), KeyError> {
        self.0.change(|keys: &mut Vec<Key>| {
            let is_good = keys.iter().any(|key| key.name == name && key.is_valid(now));
            // The newest has the end that it was made with; those before it were cut short.
            let Some(present) = keys.iter().rfind(|key| is_good && key.name == name).cloned() else {
                return Err(KeyError::Unknown { name: name.to_owned() });
            };
            let mut before_ends = now;
            for key in keys.iter_mut().filter(|key| key.name == name) {
                let end = key.expires_at.map_or(until, |end| end.min(until));
                key.expires_at = Some(end);
                before_ends = before_ends.max(end);
            }
            let secret = Secret::new(random);
            let expires_at = expires_at.or_else(|| present.end_anew(now));
            keys.push(Key { hash: hash(secret.reveal()), created_at: now, expires_at, ..present });
            let ends = expires_at.map_or_else(|| "never ends".to_owned(), |end| format!("ends at {end}"));
            let after = format!("the one before ends at {before_ends}, this one {ends}");
            Ok(((secret, before_ends), Draft { after, ..Draft::new(now, by, "key_rotated", format!("key {name}")) }))
        })
    }

    /// Ends all keys of a name.
    pub fn revoke(&self, name: &str, by: &str, now: Timestamp) -> Result<(), KeyError> {
        self.0.change(|keys: &mut Vec<Key>| {
            let before = keys.iter().rfind(|key| key.name == name).map(words);
            let before = before.ok_or_else(|| KeyError::Unknown { name: name.to_owned() })?;
            keys.retain(|key| key.name != name);
            Ok(((), Draft { before, ..Draft::new(now, by, "key_revoked", format!("key {name}")) }))
        })
    }
}

/// What a key opens to whom, in short.
fn words(key: &Key) -> String {
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.name()).collect();
    format!("{} for {}", scopes.join(", "), key.owner.as_ref().unwrap_or(&key.name))
}

/// The hash of a secret, in hexadecimal.
pub(super) fn hash(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

/// Whether two hashes are equal, in a time that does not tell where they differ.
pub(super) fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}
