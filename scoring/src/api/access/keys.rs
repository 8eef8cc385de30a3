//! The keys of programs: in a file without their secrets, which are shown once. What is done to one is told before it is done, with who did it
//! and why.

use std::fmt;
use std::path::Path;

use ingest::{Duration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Scope;
use super::private::{FileError, PrivateFile};
use crate::audit::Draft;
use crate::control::{May, Person, is_reserved};

/// A key that ends does so within that time. Years of five digits could be written, and not be read again.
const LONGEST: Duration = Duration::days(36_500);
const AN_HOUR: Duration = Duration::seconds(3_600);
const A_DAY: Duration = Duration::days(1);

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
        self.expires_at.map(|end| (now + end.since(self.created_at)).min(now + LONGEST))
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

impl NewKey {
    /// Refuses what no key can be.
    fn check(&self, now: Timestamp) -> Result<(), KeyError> {
        for (field, name) in [("name", Some(&self.name)), ("owner", self.owner.as_ref())] {
            name.map_or(Ok(()), |name| check_name(field, name))?;
        }
        if self.scopes.is_empty() {
            return Err(KeyError::Invalid { field: "scopes", what: "a key without a scope may do nothing" });
        }
        check_end(self.expires_at, now)
    }
}

/// A key that was made, with its secret, which is kept nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeKey {
    /// As it is kept.
    pub key: Key,
    /// What its caller sends.
    pub secret: Secret,
}

/// Who does something to keys, why and when.
#[derive(Clone, Copy, Debug)]
pub struct Deed<'a> {
    /// Who, by name.
    pub by: &'a str,
    /// The hash of the key that they act with; `None` at a command line, and for who has logged in.
    pub with: Option<&'a str>,
    /// Whether a key that may do everything has to stay, as for who calls the API while no admin can log in, and may not hear the answer.
    pub an_admin_stays: bool,
    /// Why; empty where that is not said.
    pub reason: &'a str,
    /// When.
    pub now: Timestamp,
}

impl Deed<'_> {
    /// As the audit is told of it; the rest is left unsaid.
    fn told(&self, what: &'static str, key: &str) -> Draft {
        Draft { reason: self.reason.to_owned(), ..Draft::new(self.now, self.by, what, format!("key {key}")) }
    }

    /// Refuses one whose key went while it waited for its turn.
    fn is_still_of(&self, keys: &[Key]) -> Result<(), KeyError> {
        let has = |hash: &str| keys.iter().any(|key| same(&key.hash, hash) && key.is_valid(self.now) && key.may(Scope::Admin));
        if self.with.is_none_or(has) { Ok(()) } else { Err(KeyError::Gone) }
    }
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
        /// The member of the key that has it.
        field: &'static str,
        /// The name.
        name: String,
    },
    /// A key that cannot be.
    #[error("{what}")]
    Invalid {
        /// The member of the key that is wrong.
        field: &'static str,
        /// What is wrong.
        what: &'static str,
    },
    /// Who does it acts with a key that went meanwhile.
    #[error("the key that this comes with is good no more")]
    Gone,
    /// Nobody could make keys any more but at a command line.
    #[error("`{name}` is the last key with the scope `admin`, and no admin can log in: make another one first")]
    LastAdmin {
        /// The name.
        name: String,
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

    /// Makes a key.
    ///
    /// # Errors
    /// Nothing is changed then.
    pub fn add(&self, new: NewKey, random: [u8; 32], deed: Deed<'_>) -> Result<MadeKey, KeyError> {
        new.check(deed.now)?;
        self.0.change(|keys: &mut Vec<Key>| {
            deed.is_still_of(keys)?;
            if keys.iter().any(|key| key.name == new.name && key.is_valid(deed.now)) {
                return Err(KeyError::Taken { name: new.name });
            }
            let secret = Secret::new(random);
            let NewKey { name, owner, scopes, requests_per_second, expires_at } = new;
            let (hash, created_at) = (hash(secret.reveal()), deed.now);
            let key = Key { name, owner, hash, scopes, requests_per_second, created_at, expires_at };
            let told = Draft { after: words(&key), ..deed.told("key_added", &key.name) };
            keys.retain(|known| known.name != key.name);
            keys.push(key.clone());
            Ok((MadeKey { key, secret }, told))
        })
    }

    /// Makes another secret for a key, and forgets those that have ended. It is good until `expires_at`, or else for as long as the one before
    /// was made for; the one before ends at `until`, or at its own end where that is earlier. The key with the other secret, and when the one
    /// before ends. Where an admin has to stay, one secret does for an hour, whether this one is heard of or not, and one for a day.
    ///
    /// # Errors
    /// Nothing is changed then.
    pub fn rotate(
        &self,
        name: &str,
        until: Timestamp,
        expires_at: Option<Timestamp>,
        random: [u8; 32],
        deed: Deed<'_>,
    ) -> Result<(MadeKey, Timestamp), KeyError> {
        let now = deed.now;
        check_end(expires_at, now)?;
        if until > now + LONGEST {
            return Err(KeyError::Invalid { field: "overlap", what: "the secret before stays good for 100 years at most" });
        }
        self.0.change(|keys: &mut Vec<Key>| {
            deed.is_still_of(keys)?;
            let is_good = keys.iter().any(|key| key.name == name && key.is_valid(now));
            // The newest has the end that it was made with; those before it were cut short.
            let Some(present) = keys.iter().rfind(|key| is_good && key.name == name).cloned() else {
                return Err(KeyError::Unknown { name: name.to_owned() });
            };
            let last = admin_until(keys, now).filter(|_| deed.an_admin_stays);
            let [hour, day] = [AN_HOUR, A_DAY].map(|length| last.map(|last| last.min(now + length)));
            keys.retain(|key| key.name != name || key.is_valid(now));
            let mut before_ends = now;
            for key in keys.iter_mut().filter(|key| key.name == name) {
                let end = key.expires_at.map_or(until, |end| end.min(until));
                key.expires_at = Some(end);
                before_ends = before_ends.max(end);
            }
            if admin_until(keys, now) < hour {
                let what =
                    "no other key may do everything, and no admin can log in: leave the secret before good for an hour at least";
                return Err(KeyError::Invalid { field: "overlap", what });
            }
            let secret = Secret::new(random);
            let expires_at = expires_at.or_else(|| present.end_anew(now));
            let key = Key { hash: hash(secret.reveal()), created_at: now, expires_at, ..present };
            keys.push(key.clone());
            if admin_until(keys, now) < day {
                let what = "no other key may do everything, and no admin can log in: it has to be good for a day at least";
                return Err(KeyError::Invalid { field: "expires_at", what });
            }
            let ends = expires_at.map_or_else(|| "never ends".to_owned(), |end| format!("ends at {end}"));
            let after = format!("the one before ends at {before_ends}, this one {ends}");
            Ok(((MadeKey { key, secret }, before_ends), Draft { after, ..deed.told("key_rotated", name) }))
        })
    }

    /// Ends all keys of a name. Where an admin has to stay, one does, and for a day.
    ///
    /// # Errors
    /// Nothing is changed then.
    pub fn revoke(&self, name: &str, deed: Deed<'_>) -> Result<(), KeyError> {
        self.0.change(|keys: &mut Vec<Key>| {
            deed.is_still_of(keys)?;
            let before = keys.iter().rfind(|key| key.name == name).map(words);
            let before = before.ok_or_else(|| KeyError::Unknown { name: name.to_owned() })?;
            let last = admin_until(keys, deed.now).filter(|_| deed.an_admin_stays);
            keys.retain(|key| key.name != name);
            if admin_until(keys, deed.now) < last.map(|last| last.min(deed.now + A_DAY)) {
                return Err(KeyError::LastAdmin { name: name.to_owned() });
            }
            Ok(((), Draft { before, ..deed.told("key_revoked", name) }))
        })
    }
}

/// Up to when one of some keys may do everything, as far as that matters; `None` where none may now.
fn admin_until(keys: &[Key], now: Timestamp) -> Option<Timestamp> {
    let admins = keys.iter().filter(|key| key.is_valid(now) && key.may(Scope::Admin));
    admins.map(|key| key.expires_at.unwrap_or(now + LONGEST)).max()
}

fn check_name(field: &'static str, name: &str) -> Result<(), KeyError> {
    if is_reserved(name) {
        return Err(KeyError::Reserved { field, name: name.to_owned() });
    }
    if name.is_empty() || name.len() > 64 || name.trim() != name || name.chars().any(char::is_control) {
        let what = "the name of a key, or of its owner, has 1 to 64 bytes, no control characters, and no spaces around it";
        return Err(KeyError::Invalid { field, what });
    }
    Ok(())
}

fn check_end(end: Option<Timestamp>, now: Timestamp) -> Result<(), KeyError> {
    let invalid = |what: &'static str| Err(KeyError::Invalid { field: "expires_at", what });
    match end {
        Some(end) if end <= now => invalid("a key ends later than it is made"),
        Some(end) if end > now + LONGEST => invalid("a key is good for 100 years at most, or for ever where no end is said"),
        _ => Ok(()),
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
