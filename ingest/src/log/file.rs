//! The log of one machine, `file://`: segments with checksums in a folder, written by group commit. It never claims a record
//! that it could not keep, never hands out bytes that fail their checksum, and never deletes anything.
//!
//! # Format, version 1
//!
//! Numbers are little endian. A segment is named by the position of its first record, twenty digits and `.log`. It begins with
//! a header, whose layout stays the same in every version:
//!
//! | bytes | what |
//! |---|---|
//! | 6 | `RFSLOG` |
//! | 2 | format version |
//! | 8 | position of the first record |
//! | 4 | CRC-32 of the 16 bytes before |
//!
//! Then comes one frame after another:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | length of the payload, at most 16 MiB |
//! | 4 | CRC-32 of the topic, the payload, and eight bytes: the position of the record |
//! | 1 | topic |
//! | length | payload |
//!
//! Topic 0 is no record but a mark, without a payload; its checksum covers its own offset in the file instead of a position. A
//! mark is written in front of the first record after a sync, and says: all bytes before me were durable. It tells a crash from
//! damage: broken bytes at the end that no mark follows are what a crash leaves, and are cut; broken bytes in front of a mark
//! were whole once, and are an error.
//!
//! Behind the last frame of a segment may lie zeros up to the end of the file: room for more. A segment that is prepared before it is
//! needed is a file of zeros by the name of `next` until it has its header; a power cut may leave it that name after that.
//!
//! The last segment is verified when the log is opened, of the others only the header; their records are verified when read.

mod committer;
mod intake;
mod prepared;
mod reader;
mod records;
mod recovery;
mod segment;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::{self, JoinHandle};

use tokio::sync::watch;

use self::committer::{Committer, Disk, OperatingSystem};
use self::intake::Intake;
pub use self::reader::FileReader;
use self::records::Records;
use self::recovery::Recovered;
use self::segment::Segment;
use super::{Durability, Error, Followed, Log, Position, Readable, Record, Topic};

/// The largest payload of a record, in bytes.
pub const MAX_RECORD_BYTES: usize = 16 << 20;

/// How a log in a folder is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// A segment ends before it grows over this many bytes; a single larger record has one of its own. Under [`SyncPolicy::Sync`] the
    /// first one ends at 1 MiB, and each one after it is a file of this size before it is begun.
    pub segment_bytes: u64,
    /// How many bytes may wait to be written before `append` blocks. Up to twice as many are held, in two buffers.
    pub buffer_bytes: usize,
    /// What counts as durable.
    pub sync: SyncPolicy,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, buffer_bytes: 8 << 20, sync: SyncPolicy::Sync }
    }
}

/// What counts as durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncPolicy {
    /// On the disk: survives a power cut.
    Sync,
    /// Handed to the operating system: survives the death of this process, not a power cut. It is on the disk after
    /// [`Log::flush`], when a segment is full, and after a clean end.
    Async,
}

/// What was found when a log was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// How many records it holds.
    pub records: u64,
    /// The position that comes next.
    pub end: Position,
    /// What a crash had left half-written, if anything.
    pub torn: Option<TornTail>,
}

/// The half-written end of a log, which was cut off after a copy of it was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// The segment that was cut.
    pub segment: PathBuf,
    /// Where the cut bytes are kept: beside the segment, named by it and the byte where the cut was made.
    pub saved: PathBuf,
    /// The first position that was lost, if the bytes held a record at all; it is given again to the next record.
    pub position: Position,
    /// How many bytes were cut.
    pub bytes: u64,
}

/// The log in a folder. Only one at a time can have it open, in this process or another.
#[derive(Debug)]
pub struct FileLog {
    shared: Arc<Shared>,
    sync: SyncPolicy,
    committer: Arc<Mutex<Committer>>,
    thread: Option<JoinHandle<()>>,
    /// The operating system releases it when the file is closed, be it by a crash.
    _lock: File,
}

/// What the committer and the callers of a log have in common.
#[derive(Debug)]
struct Shared {
    intake: Intake,
    view: Views,
    durability: watch::Sender<Durability>,
}

/// What may be read, as it changes.
#[derive(Debug)]
struct Views(RwLock<View>);

/// What may be read.
#[derive(Debug)]
struct View {
    /// All segments, in order; the last one grows.
    segments: Vec<Arc<Segment>>,
    /// One after the last durable record.
    end: Position,
}

impl FileLog {
    /// Opens the log in `folder`, which is created if it is not there, and cuts off what a crash left half-written.
    ///
    /// # Errors
    /// [`Error::InUse`] when it is open already; [`Error::Damaged`] for anything that a crash cannot explain; [`Error::Io`],
    /// with [`io::ErrorKind::Unsupported`] when a newer program wrote it.
    pub fn open(folder: &Path, options: Options) -> Result<(Self, Opened), Error> {
        Self::open_on(folder, options, Box::new(OperatingSystem))
    }

    fn open_on(folder: &Path, options: Options, mut disk: Box<dyn Disk>) -> Result<(Self, Opened), Error> {
        let lock = recovery::claim(folder)?;
        let Recovered { segments, file, offset, end, torn } = recovery::recover(folder, disk.as_mut())?;

        let shared = Arc::new(Shared {
            intake: Intake::new(options.buffer_bytes, end),
            view: Views(RwLock::new(View { segments, end })),
            durability: watch::Sender::new(Durability::Until { end }),
        });
        let sync = options.sync;
        let committer = Committer::new(folder.to_owned(), options, Arc::clone(&shared), disk, file, offset);
        let committer = Arc::new(Mutex::new(committer));
        let (intake, its) = (Arc::clone(&shared), Arc::clone(&committer));
        let work = move || while intake.intake.wait() && its.lock().unwrap_or_else(PoisonError::into_inner).commit_and_sync() {};
        let thread = thread::Builder::new().name("log-committer".to_owned()).spawn(work);
        let thread = thread.map_err(io_error("start the committer of", folder))?;

        let opened = Opened { records: end.0, end, torn };
        Ok((Self { shared, sync, committer, thread: Some(thread), _lock: lock }, opened))
    }

    /// Hands what waits to the operating system, on this thread, unless somebody is at it. What needs a sync is left to the committer's
    /// thread.
    fn hand_over(&self) {
        // Who is at it looks again after it let go: what was put before the lock was found taken is seen then.
        while self.shared.intake.waiting() > 0 {
            let Ok(mut committer) = self.committer.try_lock() else { return };
            if !committer.hand_over() {
                return self.shared.intake.push();
            }
        }
    }
}

impl Log for FileLog {
    fn put(&self, topic: Topic, payload: &[u8]) -> Result<Position, Error> {
        self.shared.intake.put(topic, payload)
    }

    /// To hand a record to the operating system costs less than to wake a thread that does it.
    fn push(&self) {
        match self.sync {
            SyncPolicy::Sync => self.shared.intake.push(),
            SyncPolicy::Async => self.hand_over(),
        }
    }

    fn has_room(&self) -> bool {
        self.shared.intake.has_room()
    }

    fn durability(&self) -> watch::Receiver<Durability> {
        self.shared.durability.subscribe()
    }

    /// As the trait says, and under either policy it is on the disk afterwards.
    fn flush(&self) -> Result<Position, Error> {
        self.shared.intake.flush()
    }

    /// A disk works or fails.
    fn trouble(&self) -> Option<String> {
        None
    }
}

impl Readable for FileLog {
    fn read(&self, from: Position) -> Result<Box<dyn Iterator<Item = Result<Record, Error>> + Send + '_>, Error> {
        Ok(Box::new(Records::open(&self.shared.view, from)?))
    }

    fn get(&self, position: Position) -> Result<Option<Record>, Error> {
        Records::open(&self.shared.view, position)?.next().transpose()
    }
}

impl Drop for FileLog {
    /// Writes and syncs what is still in the buffer.
    fn drop(&mut self) {
        self.shared.intake.close();
        if let Some(thread) = self.thread.take() {
            // The committer reports its own failures, also a panic.
            let _ = thread.join();
        }
    }
}

impl Views {
    /// What may be read now. A view is replaced field by field with plain values, so that it is whole even after a panic.
    fn now(&self) -> RwLockReadGuard<'_, View> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> RwLockWriteGuard<'_, View> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Lets readers and waiters know that everything before `end` is durable, in this order: who hears of a record can read it.
    fn publish(&self, end: Position) {
        self.view.change().end = end;
        self.durability.send_replace(Durability::Until { end });
    }

    /// A new last segment.
    fn extend(&self, segment: Arc<Segment>) {
        self.view.change().segments.push(segment);
    }

    /// Nothing more becomes durable.
    fn fail(&self, reason: String) {
        tracing::error!(reason, "the log stopped taking records");
        let end = self.view.now().end;
        self.durability.send_replace(Durability::Failed { end, reason: reason.clone() });
        self.intake.fail(reason);
    }
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Io { action, path: path.display().to_string(), source }
}

fn damaged(path: &Path, offset: u64, reason: impl Into<String>) -> Error {
    Error::Damaged { path: path.display().to_string(), offset, reason: reason.into() }
}
