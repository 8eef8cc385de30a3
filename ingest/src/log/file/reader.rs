//! The log as another process reads it while its writer goes on: no lock is taken, nothing is changed, and the writer does not know.
//! It sees whole records only. Under [`SyncPolicy::Sync`](super::SyncPolicy::Sync) it may see the newest a moment before they are durable:
//! what a dying disk then takes back was read all the same, so nobody may answer for what he read here.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use super::records::Records;
use super::segment::{self, Frame, Frames, HEADER_BYTES, INDEX_BYTES, Segment};
use super::{Error, Followed, Position, Readable, Record, View, Views, damaged, io_error, recovery};

/// A log in a folder that another process may be writing.
#[derive(Debug)]
pub struct FileReader {
    folder: PathBuf,
    views: Views,
}

impl FileReader {
    /// Reads how far the log in `folder` goes now. A folder that is not there is an empty log: its writer has not begun.
    ///
    /// # Errors
    /// [`Error::Damaged`] for anything that neither a crash nor a writer at work can explain; [`Error::Io`], with
    /// [`ErrorKind::Unsupported`] when a newer program wrote it.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let views = Views(RwLock::new(View { segments: Vec::new(), end: Position(0) }));
        let reader = Self { folder: folder.to_owned(), views };
        reader.refresh()?;
        Ok(reader)
    }

    /// The segments as they are now, those of before with what is known of them. One whose header is being written is not there yet.
    fn list(&self, known: &[Arc<Segment>]) -> Result<Vec<Arc<Segment>>, Error> {
        let mut segments = match recovery::list(&self.folder) {
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Vec::new(),
            listed => listed?,
        };
        for (segment, known) in segments.iter_mut().zip(known) {
            if segment.first == known.first {
                *segment = Arc::clone(known);
            }
        }
        let mut begun = segments.len();
        for (place, segment) in segments.iter().enumerate().skip(known.len()) {
            let header = header(segment)?;
            if place + 1 == segments.len() && (header.len() < HEADER_BYTES || header == [0; HEADER_BYTES]) {
                begun = place;
            } else {
                segment::check_header(&segment.path, segment.first, &header)?;
            }
        }
        segments.truncate(begun);
        Ok(segments)
    }
}

/// The first bytes of a segment, as many as there are of a header.
fn header(segment: &Segment) -> Result<Vec<u8>, Error> {
    let mut file = File::open(&segment.path).map_err(io_error("open", &segment.path))?;
    recovery::read_up_to(&mut file, HEADER_BYTES, &segment.path)
}

/// One after the last whole record of the last segment; everything before `known` was whole before.
fn end(last: &Arc<Segment>, known: Position) -> Result<Position, Error> {
    let mut frames = Frames::open(last, known.max(last.first))?;
    let mut suspect = None;
    loop {
        let reason = match frames.read()? {
            Frame::Record(_) | Frame::Mark => continue,
            Frame::End if rest(&frames, INDEX_BYTES)?.is_empty() => return Ok(frames.position),
            Frame::End => segment::ZEROS,
            Frame::Broken(reason) => reason,
        };
        // What a mark follows was whole.
        if !segment::has_mark(&rest(&frames, u64::MAX)?, frames.offset) {
            return Ok(frames.position);
        }
        // The writer may have finished it in between: if not, it is damage.
        if suspect == Some(frames.offset) {
            return Err(frames.damaged(reason));
        }
        suspect = Some(frames.offset);
        frames = Frames::open(last, frames.position)?;
    }
}

/// What lies in the next `bytes` from where reading is.
fn rest(frames: &Frames, bytes: u64) -> Result<Vec<u8>, Error> {
    let path = &frames.segment.path;
    let mut file = File::open(path).map_err(io_error("open", path))?;
    let rest = file.seek(SeekFrom::Start(frames.offset)).and_then(|_| segment::content(&mut file.take(bytes)));
    rest.map_err(io_error("read", path))
}

impl Followed for FileReader {
    /// As the trait says; what was read before is not read again.
    fn refresh(&self) -> Result<Position, Error> {
        let known = self.views.now().segments.clone();
        let segments = self.list(&known)?;
        let Some(last) = segments.last() else { return Ok(Position(0)) };
        if let Some(first) = segments.first().filter(|segment| segment.first != Position(0)) {
            let missing = Segment::new(&self.folder, Position(0));
            return Err(damaged(&missing.path, 0, format!("it is missing: the log begins at position {}", first.first)));
        }
        let end = end(last, self.views.now().end)?;
        *self.views.change() = View { segments, end };
        Ok(end)
    }
}

impl Readable for FileReader {
    fn read(&self, from: Position) -> Result<Box<dyn Iterator<Item = Result<Record, Error>> + Send + '_>, Error> {
        Ok(Box::new(Records::open(&self.views, from)?))
    }

    fn get(&self, position: Position) -> Result<Option<Record>, Error> {
        Records::open(&self.views, position)?.next().transpose()
    }
}

#[cfg(test)]
mod tests;
