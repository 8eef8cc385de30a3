//! Passwords: how long they are, and what is kept of them. What is kept is Argon2id with 19 MiB, two passes and one lane, the first choice of
//! OWASP's Password Storage Cheat Sheet; one takes some 20 ms of a core.

use std::fmt;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};

/// The least characters of a password: PCI DSS 8.3.6 asks for 12.
const LEAST_CHARACTERS: usize = 12;
/// The most bytes of one.
const MOST_BYTES: usize = 256;
/// Hashes nothing that anybody can type: who has no password is checked against it, so that it takes as long.
pub(super) const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyBpdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A password that may be somebody's.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

/// Why a text is no password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too short or too long.
    #[error("a password has at least {LEAST_CHARACTERS} characters, and at most {MOST_BYTES} bytes")]
    Length,
    /// It can be guessed from the name.
    #[error("a password does not have the user's name in it")]
    Name,
    /// The machine did not do it.
    #[error("the password could not be hashed")]
    Hash,
}

impl Password {
    /// For the user of a name.
    ///
    /// # Errors
    /// [`PasswordError::Length`], [`PasswordError::Name`].
    pub fn new(text: &str, name: &str) -> Result<Self, PasswordError> {
        if text.chars().count() < LEAST_CHARACTERS || text.len() > MOST_BYTES {
            return Err(PasswordError::Length);
        }
        if text.to_lowercase().contains(&name.trim().to_lowercase()) {
            return Err(PasswordError::Name);
        }
        Ok(Self(text.to_owned()))
    }

    /// What is kept of it. Takes a while: not for a thread that others wait for.
    ///
    /// # Errors
    /// [`PasswordError::Hash`] when the machine has no memory or no random numbers left.
    pub fn hash(&self) -> Result<PasswordKept, PasswordError> {
        let hash: PasswordHash = argon2().hash_password(self.0.as_bytes()).map_err(|_| PasswordError::Hash)?;
        Ok(PasswordKept(hash.to_string()))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}

/// What is kept of a password: how it was hashed, a salt, and the hash.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordKept(String);

impl fmt::Debug for PasswordKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordKept(***)")
    }
}

/// Whether a text is the password of which this is kept. It takes as long for somebody who has none. Not for a thread that others wait for.
pub(super) fn is_right(text: &str, kept: Option<&PasswordKept>) -> bool {
    let known = kept.map_or(NOBODYS, |kept| kept.0.as_str());
    let Ok(hash) = PasswordHash::new(known) else { return false };
    let is_right = argon2().verify_password(text.as_bytes(), &hash).is_ok();
    is_right && kept.is_some()
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).expect("they are within their ranges");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}
