//! What writes: it takes what has gathered in the intake, writes and syncs it as one, and then says how far the log is durable. After
//! a failure it writes nothing more, as what is on the disk is then uncertain. One at a time has it; a thread of its own where a sync
//! may be waited for.

use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::mem;
use std::os::unix::fs::FileExt;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::Arc;

use super::intake::Task;
use super::prepared::Prepared;
use super::segment::{self, Entry, FRAME_BYTES, HEADER_BYTES, INDEX_BYTES, Segment};
use super::{Error, Options, Position, Shared, SyncPolicy, io_error, recovery};

/// The first segment of a log whose segments are prepared.
pub(super) const FIRST_SEGMENT_BYTES: u64 = 1 << 20;

/// The two calls that a full or dying disk makes fail.
pub(super) trait Disk: Debug + Send {
    fn write(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()>;
    fn sync(&mut self, file: &File) -> io::Result<()>;
}

/// The disk as it is.
#[derive(Debug)]
pub(super) struct OperatingSystem;

impl Disk for OperatingSystem {
    fn write(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

#[derive(Debug)]
pub(super) struct Committer {
    folder: PathBuf,
    options: Options,
    shared: Arc<Shared>,
    disk: Box<dyn Disk>,
    /// The last segment, open for writing.
    file: File,
    segment: Arc<Segment>,
    /// The one after it.
    pub(super) prepared: Prepared,
    /// Where the next byte goes.
    offset: u64,
    /// The offset before which everything is on the disk.
    synced: u64,
    /// The offset before which everything was published.
    published: u64,
    /// The position that is written next.
    next: Position,
    /// What is being written; empty in between.
    batch: Vec<u8>,
    failed: bool,
}

impl Committer {
    /// Goes on at `offset` of the last segment, `file`, all of which is on the disk.
    pub(super) fn new(
        folder: PathBuf,
        options: Options,
        shared: Arc<Shared>,
        disk: Box<dyn Disk>,
        file: File,
        offset: u64,
    ) -> Self {
        let (segment, next) = {
            let view = shared.view.now();
            (Arc::clone(&view.segments[view.segments.len() - 1]), view.end)
        };
        let batch = Vec::with_capacity(options.buffer_bytes);
        let (synced, published) = (offset, offset);
        let prepared = Prepared::default();
        Self { folder, options, shared, disk, file, segment, prepared, offset, synced, published, next, batch, failed: false }
    }

    /// Commits everything that waits, and syncs where that is asked for; whether it can go on.
    pub(super) fn commit_and_sync(&mut self) -> bool {
        self.work(true);
        !self.failed
    }

    /// Commits what waits where that is only to hand it to the operating system; whether it did.
    pub(super) fn hand_over(&mut self) -> bool {
        let end = self.offset + (FRAME_BYTES + self.shared.intake.waiting()) as u64;
        if end > self.segment_bytes() {
            return false;
        }
        self.work(false);
        true
    }

    fn work(&mut self, may_sync: bool) {
        if self.failed {
            return;
        }
        let reason = match panic::catch_unwind(AssertUnwindSafe(|| self.commit_waiting(may_sync))) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => match std::error::Error::source(&error) {
                Some(source) => format!("{error}: {source}"),
                None => error.to_string(),
            },
            Err(_) => "the committer panicked".to_owned(),
        };
        // What was never published should not come back as if it had been; if it does, that harms nobody.
        if let Err(error) = self.file.set_len(self.published) {
            tracing::warn!(segment = %self.segment.path.display(), %error, "cannot cut what was not committed");
        }
        self.failed = true;
        self.shared.fail(reason);
    }

    fn commit_waiting(&mut self, may_sync: bool) -> Result<(), Error> {
        while let Some(task) = self.shared.intake.take(&mut self.batch, may_sync) {
            let mut batch = mem::take(&mut self.batch);
            self.commit(&batch, task)?;
            batch.clear();
            batch.shrink_to(self.options.buffer_bytes);
            self.batch = batch;
        }
        Ok(())
    }

    /// Writes `batch`, in as many segments as it takes, and publishes it.
    fn commit(&mut self, batch: &[u8], task: Task) -> Result<(), Error> {
        let mut rest = batch;
        while !rest.is_empty() {
            let run = self.fitting(rest);
            if run.bytes == 0 {
                self.roll()?;
                continue;
            }
            let (now, later) = rest.split_at(run.bytes);
            self.write(now)?;
            self.next = Position(self.next.0 + run.records);
            if self.options.sync == SyncPolicy::Sync {
                self.sync()?;
            }
            self.published = self.offset;
            self.shared.publish(self.next);
            for entry in run.entries {
                self.segment.note(entry);
            }
            rest = later;
        }
        if task == Task::WriteAndSync {
            self.sync()?;
        }
        if self.is_synced() {
            self.shared.intake.synced(self.next);
        }
        if self.prepares() && self.offset > self.segment_bytes() / 2 {
            self.prepared.begin(&self.folder, self.options.segment_bytes);
        }
        Ok(())
    }

    /// Whether segments are prepared, which is of use where a sync is waited for.
    fn prepares(&self) -> bool {
        self.options.sync == SyncPolicy::Sync && self.options.segment_bytes > FIRST_SEGMENT_BYTES
    }

    /// Where this segment ends. The first is no larger than a small log, so that those after it are prepared soon, and small logs need none.
    fn segment_bytes(&self) -> u64 {
        let is_first = self.segment.first == Position(0);
        if is_first && self.prepares() { FIRST_SEGMENT_BYTES } else { self.options.segment_bytes }
    }

    /// How much of `frames` goes into this segment: what fits, and at least one record if it is empty.
    fn fitting(&self, frames: &[u8]) -> Run {
        let start = self.offset + if self.wants_mark() { FRAME_BYTES as u64 } else { 0 };
        let mut run = Run { bytes: 0, records: 0, entries: Vec::new() };
        let mut index_from = self.segment.index_from();
        let segment_bytes = self.segment_bytes();
        while run.bytes < frames.len() {
            let offset = start + run.bytes as u64;
            let frame = segment::frame_bytes(&frames[run.bytes..]);
            if offset + frame as u64 > segment_bytes && offset > HEADER_BYTES as u64 {
                break;
            }
            if offset >= index_from {
                run.entries.push(Entry { position: Position(self.next.0 + run.records), offset });
                index_from = offset + INDEX_BYTES;
            }
            run.bytes += frame;
            run.records += 1;
        }
        run
    }

    /// A mark would say something new: all before it is on the disk.
    fn wants_mark(&self) -> bool {
        self.is_synced() && self.offset > HEADER_BYTES as u64
    }

    fn is_synced(&self) -> bool {
        self.synced == self.offset
    }

    fn write(&mut self, frames: &[u8]) -> Result<(), Error> {
        if self.wants_mark() {
            self.write_bytes(&segment::mark(self.offset))?;
        }
        self.write_bytes(frames)
    }

    fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.disk.write(&self.file, bytes, self.offset).map_err(io_error("write", &self.segment.path))?;
        self.offset += bytes.len() as u64;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Error> {
        if !self.is_synced() {
            self.disk.sync(&self.file).map_err(io_error("sync", &self.segment.path))?;
            self.synced = self.offset;
        }
        Ok(())
    }

    /// Ends this segment and begins the next.
    fn roll(&mut self) -> Result<(), Error> {
        self.sync()?;
        let (segment, file) = match self.prepared.take() {
            Some(file) => (recovery::create_in(&file, &self.folder, self.next, self.disk.as_mut())?, file),
            None => recovery::create(&self.folder, self.next, self.disk.as_mut())?,
        };
        self.shared.extend(Arc::clone(&segment));
        (self.segment, self.file) = (segment, file);
        (self.offset, self.synced, self.published) = (HEADER_BYTES as u64, HEADER_BYTES as u64, HEADER_BYTES as u64);
        Ok(())
    }
}

/// The beginning of a batch that goes into one segment.
struct Run {
    bytes: usize,
    records: u64,
    /// What the index is to know of it.
    entries: Vec<Entry>,
}
