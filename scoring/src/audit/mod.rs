//! Who did what, when and why: one chain of entries for everything that people and the program change, and for who came in. Each entry has the
//! hash of the one before it in it, so that one that is changed, taken out, put in or moved breaks the chain there. Control records of the log
//! have their entries too, with their own hashes, so that the log and the chain hold each other.
//!
//! It never holds a password, a key or a session's token, and nothing in it is ever deleted by the program.

mod chain;
mod entry;
mod follower;
#[cfg(test)]
mod tests;
mod told;
mod verify;

pub use self::chain::{Chain, Found};
pub use self::entry::{Draft, Entry, Recorded, Sealed};
pub use self::follower::Auditor;
pub use self::told::told;
pub use self::verify::{Broken, Verified, verify};

/// What can go wrong with the chain.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its file could not be used.
    #[error("cannot {action} the audit chain {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// What would be gone on from is not an entry.
    #[error(
        "the audit chain {path} is damaged at byte {offset} ({reason}), so nothing can be added to it: see `riskflow audit verify`"
    )]
    Damaged {
        /// The file.
        path: String,
        /// Where.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
    /// A page that begins where no entry does.
    #[error("no entry begins at `{cursor}`")]
    Cursor {
        /// What was given.
        cursor: u64,
    },
}
