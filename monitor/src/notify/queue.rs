//! What is to be delivered, kept in a file: a line when something comes and one when it is done. Reading the lines again gives the queue;
//! a last line that a crash cut off counts as not written. The file is rewritten when most of it is history.

use std::collections::VecDeque;
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use ingest::Timestamp;
use serde::{Deserialize, Serialize};

use super::Error;
use super::notification::Notification;

/// So many done ones are remembered, so that they are not taken again.
const REMEMBERED: usize = 1_000;

/// One that waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Waiting {
    /// When it came.
    pub(super) queued_at: Timestamp,
    pub(super) notification: Notification,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Put(Box<Waiting>),
    Done(String),
}

/// The queue of one sink.
#[derive(Debug)]
pub(super) struct Queue {
    path: PathBuf,
    /// Holds the lock as long as the queue is open.
    _lock: File,
    file: File,
    capacity: usize,
    waiting: Vec<Waiting>,
    done: VecDeque<String>,
    lines: usize,
}

impl Queue {
    /// Opens the queue with what is in it.
    pub(super) fn open(path: &Path, capacity: usize) -> Result<Self, Error> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(io("create", folder))?;
        }
        let lock = path.with_extension("lock");
        let lock = File::options().create(true).append(true).open(&lock).map_err(io("open", &lock))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(io("lock", path)(source)),
        }
        let mut file = File::options().create(true).read(true).append(true).open(path).map_err(io("open", path))?;
        // Else what was said to be on the disk could be gone after a power cut.
        path.parent().map_or(Ok(()), ingest::sync_folder).map_err(io("write", path))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(io("read", path))?;
        // What was cut off was never acknowledged to anybody.
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        file.set_len(whole as u64).map_err(io("write", path))?;
        file.seek(SeekFrom::End(0)).map_err(io("read", path))?;
        let (waiting, done) = (Vec::new(), VecDeque::new());
        let mut queue = Self { path: path.to_owned(), _lock: lock, file, capacity, waiting, done, lines: 0 };
        for (number, line) in (1..).zip(text[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty())) {
            let unreadable = |source| Error::Line { path: path.to_owned(), line: number, source };
            match serde_json::from_slice(line).map_err(unreadable)? {
                Line::Put(waiting) => queue.waiting.push(*waiting),
                Line::Done(id) => queue.forget(&id),
            }
            queue.lines += 1;
        }
        Ok(queue)
    }

    /// Takes one more, on the disk when this returns; `false` when it was taken before.
    pub(super) fn put(&mut self, notification: &Notification, now: Timestamp) -> Result<bool, Error> {
        let id = &notification.id;
        if self.waiting.iter().any(|waiting| waiting.notification.id == *id) || self.done.contains(id) {
            return Ok(false);
        }
        if self.waiting.len() >= self.capacity {
            return Err(Error::Full { waiting: self.waiting.len() });
        }
        let waiting = Waiting { queued_at: now, notification: notification.clone() };
        self.append(&Line::Put(Box::new(waiting.clone())))?;
        self.file.sync_data().map_err(io("write", &self.path))?;
        self.waiting.push(waiting);
        Ok(true)
    }

    /// One needs no more delivery. Should the disk not have that when the power goes, it is delivered once more.
    pub(super) fn done(&mut self, id: &str) -> Result<(), Error> {
        self.forget(id);
        self.append(&Line::Done(id.to_owned()))?;
        if self.lines > 2 * (self.waiting.len() + REMEMBERED) { self.rewrite() } else { Ok(()) }
    }

    /// Those that wait, the one that came first in front.
    pub(super) fn waiting(&self) -> &[Waiting] {
        &self.waiting
    }

    fn forget(&mut self, id: &str) {
        self.waiting.retain(|waiting| waiting.notification.id != id);
        self.done.push_back(id.to_owned());
        if self.done.len() > REMEMBERED {
            self.done.pop_front();
        }
    }

    fn append(&mut self, line: &Line) -> Result<(), Error> {
        let before = self.file.metadata().map_err(io("write", &self.path))?.len();
        if let Err(source) = self.file.write_all(&bytes(line)) {
            // Half a line would spoil the next one; should this fail too, the next start says which line it is.
            let _ = self.file.set_len(before);
            return Err(io("write", &self.path)(source));
        }
        self.lines += 1;
        Ok(())
    }

    /// Writes only what still matters, beside the file and then in its place.
    fn rewrite(&mut self) -> Result<(), Error> {
        let done = self.done.iter().map(|id| bytes(&Line::Done(id.clone())));
        let waiting = self.waiting.iter().map(|waiting| bytes(&Line::Put(Box::new(waiting.clone()))));
        let text: Vec<u8> = done.chain(waiting).flatten().collect();
        ingest::replace_file(&self.path, &text).map_err(io("write", &self.path))?;
        self.file = File::options().append(true).open(&self.path).map_err(io("open", &self.path))?;
        self.lines = self.done.len() + self.waiting.len();
        Ok(())
    }
}

fn bytes(line: &Line) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(line).expect("text and numbers are always JSON");
    bytes.push(b'\n');
    bytes
}

/// For `map_err` after an operation on a file.
pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { action, path, source }
}
