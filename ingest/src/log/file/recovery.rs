//! Opening a log: claims the folder, checks the segments, and makes the last one whole again after a crash. It cuts only what a
//! crash can have left half-written, and saves it first; what is deleted is room that no record was written to.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::committer::Disk;
use super::segment::{self, Frame, Frames, HEADER_BYTES, Segment};
use super::{Error, Position, TornTail, damaged, io_error, prepared};

/// A log that is ready to be appended to. Everything in it is on the disk.
pub(super) struct Recovered {
    /// All segments, at least one.
    pub(super) segments: Vec<Arc<Segment>>,
    /// The last one, open for appending.
    pub(super) file: File,
    /// Where it ends.
    pub(super) offset: u64,
    /// The position that comes next.
    pub(super) end: Position,
    pub(super) torn: Option<TornTail>,
}

/// Makes the folder, if it is not there, and locks it.
pub(super) fn claim(folder: &Path) -> Result<File, Error> {
    if !folder.exists() {
        fs::create_dir_all(folder).map_err(io_error("create", folder))?;
        // The folder itself must survive a power cut too.
        let whole = folder.canonicalize().map_err(io_error("open", folder))?;
        whole.parent().map_or(Ok(()), sync_folder)?;
    }
    let path = folder.join("lock");
    let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(io_error("open", &path))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { path: folder.display().to_string() }),
        Err(TryLockError::Error(source)) => Err(io_error("lock", &path)(source)),
    }
}

/// Checks what is in the folder, and cuts a torn tail.
pub(super) fn recover(folder: &Path, disk: &mut dyn Disk) -> Result<Recovered, Error> {
    adopt(folder)?;
    let segments = list(folder)?;
    let Some((last, earlier)) = segments.split_last() else {
        let (segment, file) = create(folder, Position(0), disk)?;
        return Ok(Recovered { segments: vec![segment], file, offset: HEADER_BYTES as u64, end: Position(0), torn: None });
    };
    let first = earlier.first().unwrap_or(last);
    if first.first != Position(0) {
        let missing = Segment::new(folder, Position(0));
        return Err(damaged(&missing.path, 0, format!("it is missing: the log begins at position {}", first.first)));
    }
    for segment in earlier {
        let mut file = File::open(&segment.path).map_err(io_error("open", &segment.path))?;
        segment::check_header(&segment.path, segment.first, &read_up_to(&mut file, HEADER_BYTES, &segment.path)?)?;
    }
    let (file, offset, end, torn) = mend(last, disk)?;
    if let Some(torn) = &torn {
        tracing::warn!(
            segment = %torn.segment.display(),
            saved = %torn.saved.display(),
            position = torn.position.0,
            bytes = torn.bytes,
            "cut the half-written end of the log, which a crash had left"
        );
    }
    sync_folder(folder)?;
    Ok(Recovered { segments, file, offset, end, torn })
}

/// A new segment, on the disk under its name.
pub(super) fn create(folder: &Path, first: Position, disk: &mut dyn Disk) -> Result<(Arc<Segment>, File), Error> {
    let segment = Segment::new(folder, first);
    let path = &segment.path;
    let file = OpenOptions::new().create_new(true).write(true).open(path).map_err(io_error("create", path))?;
    begin(&segment, &file, disk)?;
    sync_folder(folder)?;
    Ok((Arc::new(segment), file))
}

/// A new segment in a file of zeros that is on the disk under the name of [`prepared::path`]. It has its own name from here on; that it has
/// it after a power cut, too, is not waited for: [`adopt`] knows it by its header.
pub(super) fn create_in(prepared: &File, folder: &Path, first: Position, disk: &mut dyn Disk) -> Result<Arc<Segment>, Error> {
    let segment = Segment::new(folder, first);
    begin(&segment, prepared, disk)?;
    rename(&prepared::path(folder), &segment.path)?;
    Ok(Arc::new(segment))
}

/// Writes the header. It is on the disk before a record is written behind it.
fn begin(segment: &Segment, file: &File, disk: &mut dyn Disk) -> Result<(), Error> {
    disk.write(file, &segment::header(segment.first), 0).map_err(io_error("write", &segment.path))?;
    disk.sync(file).map_err(io_error("sync", &segment.path))
}

/// Gives a segment its name, which nothing has.
fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    if to.exists() {
        return Err(io_error("create", to)(ErrorKind::AlreadyExists.into()));
    }
    fs::rename(from, to).map_err(io_error("create", to))
}

/// A file that was prepared to be the next segment either is one by now, whose name a power cut took back, or only room.
fn adopt(folder: &Path) -> Result<(), Error> {
    let path = prepared::path(folder);
    let mut file = match File::open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        opened => opened.map_err(io_error("open", &path))?,
    };
    match segment::first_in(&path, &read_up_to(&mut file, HEADER_BYTES, &path)?)? {
        Some(first) => rename(&path, &Segment::new(folder, first).path),
        None => fs::remove_file(&path).map_err(io_error("remove", &path)),
    }
}

/// The segments of a folder, in order.
pub(super) fn list(folder: &Path) -> Result<Vec<Arc<Segment>>, Error> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(folder).map_err(io_error("list", folder))? {
        let name = entry.map_err(io_error("list", folder))?.file_name();
        if let Some(first) = name.to_str().and_then(Segment::first_of) {
            segments.push(Arc::new(Segment::new(folder, first)));
        }
    }
    segments.sort_by_key(|segment| segment.first);
    Ok(segments)
}

/// Verifies the last segment and cuts what is half-written.
fn mend(segment: &Arc<Segment>, disk: &mut dyn Disk) -> Result<(File, u64, Position, Option<TornTail>), Error> {
    let path = &segment.path;
    let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(io_error("open", path))?;

    // A header is synced before the first record is written: nothing can lie behind one that never reached the disk.
    let start = read_up_to(&mut file, HEADER_BYTES + 1, path)?;
    if start.len() < HEADER_BYTES || start == [0; HEADER_BYTES] {
        let torn = if start.is_empty() { None } else { Some(cut(segment, &file, 0, segment.first, &start)?) };
        begin(segment, &file, disk)?;
        return Ok((file, HEADER_BYTES as u64, segment.first, torn));
    }
    segment::check_header(path, segment.first, &start)?;

    let mut frames = Frames::open(segment, segment.first)?;
    let reason = loop {
        match frames.read()? {
            Frame::Record(_) | Frame::Mark => {}
            Frame::End => break segment::ZEROS,
            Frame::Broken(reason) => break reason,
        }
    };
    let tail = file.seek(SeekFrom::Start(frames.offset)).and_then(|_| segment::content(&mut file));
    let tail = tail.map_err(io_error("read", path))?;
    let torn = if tail.is_empty() {
        None
    } else if segment::has_mark(&tail, frames.offset) {
        return Err(frames.damaged(reason));
    } else {
        Some(cut(segment, &file, frames.offset, frames.position, &tail)?)
    };
    // What a killed process had written may be in memory only.
    disk.sync(&file).map_err(io_error("sync", path))?;
    Ok((file, frames.offset, frames.position, torn))
}

/// Saves `tail`, then cuts it off.
fn cut(segment: &Segment, file: &File, offset: u64, position: Position, tail: &[u8]) -> Result<TornTail, Error> {
    let saved = save(&segment.path, offset, tail)?;
    file.set_len(offset).map_err(io_error("cut", &segment.path))?;
    Ok(TornTail { segment: segment.path.clone(), saved, position, bytes: tail.len() as u64 })
}

/// Writes `tail` beside the segment and syncs it. What an earlier crash left at the same byte is kept.
fn save(segment: &Path, offset: u64, tail: &[u8]) -> Result<PathBuf, Error> {
    let mut path = segment.as_os_str().to_owned();
    path.push(format!(".torn-{offset}"));
    let mut path = PathBuf::from(path);
    // What is the beginning of this tail was being saved when the next crash came: nothing is lost by writing it again.
    while path.exists() && !tail.starts_with(&fs::read(&path).map_err(io_error("read", &path))?) {
        path.as_mut_os_string().push("+");
    }
    fs::write(&path, tail).map_err(io_error("write", &path))?;
    File::open(&path).and_then(|file| file.sync_all()).map_err(io_error("sync", &path))?;
    segment.parent().map_or(Ok(()), sync_folder)?;
    Ok(path)
}

pub(super) fn read_up_to(file: &mut File, bytes: usize, path: &Path) -> Result<Vec<u8>, Error> {
    let mut read = Vec::with_capacity(bytes);
    file.take(bytes as u64).read_to_end(&mut read).map_err(io_error("read", path))?;
    Ok(read)
}

/// A new name in a folder survives a power cut only after this.
pub(super) fn sync_folder(folder: &Path) -> Result<(), Error> {
    crate::sync_folder(folder).map_err(io_error("sync", folder))
}
