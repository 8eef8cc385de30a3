//! The log: one append-only, ordered sequence of records, through which everything goes that must cross a process, a restart
//! or a night. The order in the log is the order of application.
//!
//! A log never looks into a payload: events and labels are encoded in [`record`], everything else by the crate that owns it.

pub mod file;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod record;
#[cfg(test)]
mod suite;

use std::fmt;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// The number of a record: 0 for the first, then one after another without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub u64);

impl Position {
    /// The position after this one.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a record is about. The numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Topic {
    /// An event that was accepted.
    Event = 1,
    /// What was decided about one.
    Decision = 2,
    /// What one turned out to be.
    Label = 3,
    /// A change of what decides: a model promoted, a rule activated.
    Control = 4,
    /// An event of before riskflow watched: it fills the windows and is not decided. Encoded as an event.
    History = 5,
    /// What models that did not decide say of an event.
    Shadow = 6,
}

impl Topic {
    /// The topic of a number in a file.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Event),
            2 => Some(Self::Decision),
            3 => Some(Self::Label),
            4 => Some(Self::Control),
            5 => Some(Self::History),
            6 => Some(Self::Shadow),
            _ => None,
        }
    }
}

/// One record, as it was appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number.
    pub position: Position,
    /// What it is about.
    pub topic: Topic,
    /// Its bytes, which begin with the version of their encoding.
    pub payload: Vec<u8>,
}

/// How far a log is safe against a power cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Every record before `end` is durable; `end` is the position that comes next.
    Until {
        /// One after the last durable record.
        end: Position,
    },
    /// A write failed: nothing more becomes durable until the program is started again.
    Failed {
        /// One after the last durable record.
        end: Position,
        /// What failed.
        reason: String,
    },
}

impl Durability {
    /// One after the last durable record.
    pub const fn end(&self) -> Position {
        match self {
            Self::Until { end } | Self::Failed { end, .. } => *end,
        }
    }
}

/// Waits until `is_reached` holds of a log, for those that follow it: they look at most fifty times a second, so that they cost whoever
/// writes nothing for each record. False when the log is gone.
pub async fn reached(durability: &mut watch::Receiver<Durability>, is_reached: impl Fn(&Durability) -> bool) -> bool {
    const BETWEEN_LOOKS: std::time::Duration = std::time::Duration::from_millis(20);
    while !is_reached(&durability.borrow_and_update()) {
        if durability.changed().await.is_err() {
            return is_reached(&durability.borrow());
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    true
}

/// Where records come from. Any number of threads read.
pub trait Readable: Send + Sync {
    /// The durable records from `from` on, in order, up to the end as it is now.
    fn read(&self, from: Position) -> Result<Box<dyn Iterator<Item = Result<Record, Error>> + Send + '_>, Error>;

    /// One durable record; `None` past the end.
    fn get(&self, position: Position) -> Result<Option<Record>, Error>;
}

/// A log that another process may be writing.
pub trait Followed: Readable {
    /// Looks again how far the log goes: the position that comes next.
    fn refresh(&self) -> Result<Position, Error>;
}

/// Where records go and come from. One process writes; any number of threads append and read.
pub trait Log: Readable {
    /// Takes a record into the buffer and gives it the next position; it becomes durable once somebody pushes. Blocks while the
    /// buffer is full, so that a slow disk slows intake and never grows memory.
    fn put(&self, topic: Topic, payload: &[u8]) -> Result<Position, Error>;

    /// Has what was put become durable, a moment later or at once. Never waits for the disk where an answer does.
    fn push(&self);

    /// Whether the buffer is so empty that [`Log::put`] blocks nobody who asks first. Room comes with a change of durability.
    fn has_room(&self) -> bool;

    /// Puts a record and pushes.
    fn append(&self, topic: Topic, payload: &[u8]) -> Result<Position, Error> {
        let position = self.put(topic, payload)?;
        self.push();
        Ok(position)
    }

    /// How far the log is durable, and every change of it.
    fn durability(&self) -> watch::Receiver<Durability>;

    /// Waits until everything that was appended before is durable; the position that comes next.
    fn flush(&self) -> Result<Position, Error>;

    /// Why nothing becomes durable just now, where it will go on by itself: a broker that cannot be reached.
    fn trouble(&self) -> Option<String>;
}

/// What can go wrong with a log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be used.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried: `open`, `write`, `sync`.
        action: &'static str,
        /// The file or folder.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// Another process has it open.
    #[error("log {path} is in use by another riskflow process")]
    InUse {
        /// The folder.
        path: String,
    },
    /// Bytes that were durable once are not what was written.
    #[error("log segment {path} is damaged at byte {offset}: {reason}")]
    Damaged {
        /// The segment.
        path: String,
        /// Where the damage begins.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
    /// A cluster did not do what it was asked for.
    #[error("cannot {action} at kafka://{brokers}: {reason}")]
    Broker {
        /// What was tried: `use topic payments`.
        action: String,
        /// Where the cluster is.
        brokers: String,
        /// Why not.
        reason: String,
    },
    /// An earlier write failed, so nothing more is taken.
    #[error("the log stopped taking records: {reason}")]
    Stopped {
        /// What failed.
        reason: String,
    },
    /// A record is larger than a segment may hold.
    #[error("a record of {bytes} bytes is over the limit of {limit}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}
