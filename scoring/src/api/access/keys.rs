use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

use ingest::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::control::{May, Person, is_reserved};

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Have events decided.
    Score,
    /// Say what events turned out to be.
    Label,
    /// See decisions, rules, lists, models, figures and the page.
    Read,
    /// Work on alerts, propose changes, and start what only looks on.
    Review,
    /// Change rules, lists and models, approve changes of others, and all of the others.
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Score, Self::Label, Self::Read, Self::Review, Self::Admin];

    /// Its word on the command line, in files and in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Score => "score",
            Self::Label => "label",
            Self::Read => "read",
            Self::Review => "review",
            Self::Admin => "admin",
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
    /// How many requests a second it may send; 0 for as many as it likes.
    pub requests_per_second: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends; never where that is not said.
    pub expires_at: Option<Timestamp>,
}

impl Key {
    /// Who acts with it.
    pub fn person(&self) -> Person {
        let may = if self.may(Scope::Admin) { May::Change } else { May::Propose };
        Person { name: self.owner.clone().unwrap_or_else(|| self.name.clone()), may }
    }

    /// Whether it may do something.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.iter().any(|granted| *granted == scope || *granted == Scope::Admin)
    }

    /// Whether it has not ended.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// What is shown once, when a key is made.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Of random bytes.
    pub fn new(random: [u8; 32]) -> Self {
        Self(format!("rf_{}", hex(&random)))
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
    /// How many requests a second it may send; 0 for as many as it likes.
    pub requests_per_second: u32,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// What can go wrong with the file of keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It could not be read or written.
    #[error("cannot {action} the keys in {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// It is not what this program writes.
    #[error("the keys in {path} cannot be read")]
    Unreadable {
        /// The file.
        path: String,
        /// Why not.
        source: serde_json::Error,
    },
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

/// The file in which keys are kept, readable by its owner alone.
#[derive(Clone, Debug)]
pub struct KeyFile {
    path: PathBuf,
}

impl KeyFile {
    /// `keys.json` in a folder; it need not be there.
    pub fn of(folder: &Path) -> Self {
        Self { path: folder.join("keys.json") }
    }

    /// All keys; none where there is no file.
    pub fn read(&self) -> Result<Vec<Key>, KeyError> {
        let path = || self.path.display().to_string();
        match std::fs::read_to_string(&self.path) {
            Ok(text) => serde_json::from_str(&text).map_err(|source| KeyError::Unreadable { path: path(), source }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(KeyError::Io { action: "read", path: path(), source }),
        }
    }

    /// Makes a key; its secret, which is kept nowhere.
    pub fn add(&self, new: NewKey, random: [u8; 32], now: Timestamp) -> Result<Secret, KeyError> {
        let mut keys = self.read()?;
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
        keys.push(Key { name, owner, hash: hash(secret.reveal()), scopes, requests_per_second, created_at: now, expires_at });
        self.write(&keys)?;
        Ok(secret)
    }

    /// Makes another secret for a key; the one before ends at `until`.
    pub fn rotate(&self, name: &str, until: Timestamp, random: [u8; 32], now: Timestamp) -> Result<Secret, KeyError> {
        let mut keys = self.read()?;
        let Some(present) = keys.iter().rfind(|key| key.name == name && key.is_valid(now)).cloned() else {
            return Err(KeyError::Unknown { name: name.to_owned() });
        };
        for key in keys.iter_mut().filter(|key| key.name == name) {
            key.expires_at = Some(key.expires_at.map_or(until, |end| end.min(until)));
        }
        let secret = Secret::new(random);
        keys.push(Key { hash: hash(secret.reveal()), created_at: now, ..present });
        self.write(&keys)?;
        Ok(secret)
    }

    /// Ends all keys of a name.
    pub fn revoke(&self, name: &str) -> Result<(), KeyError> {
        let mut keys = self.read()?;
        let before = keys.len();
        keys.retain(|key| key.name != name);
        if keys.len() == before {
            return Err(KeyError::Unknown { name: name.to_owned() });
        }
        self.write(&keys)
    }

    fn write(&self, keys: &[Key]) -> Result<(), KeyError> {
        let fail = |action: &'static str| move |source| KeyError::Io { action, path: self.path.display().to_string(), source };
        let next = self.path.with_extension("json.new");
        let text = serde_json::to_string_pretty(keys).expect("plain data always has a JSON form");
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&next).map_err(fail("write"))?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(fail("write"))?;
        std::fs::rename(&next, &self.path).map_err(fail("replace"))
    }
}

/// The hash of a secret, in hexadecimal.
pub(super) fn hash(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

/// Whether two hashes are equal, in a time that does not tell where they differ.
pub(super) fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
