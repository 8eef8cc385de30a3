//! Opening a log: claims the folder, checks the segments, and makes the last one whole again after a crash. It cuts only what a
//! crash can have left half-written, and saves it first.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::committer::Disk;
use super::segment::{self, Frame, Frames, HEADER_BYTES, Segment};
use super::{Error, Position, TornTail, damaged, io_error};

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
    let mut file = OpenOptions::new().create_new(true).append(true).open(path).map_err(io_error("create", path))?;
    disk.write(&mut file, &segment::header(first)).map_err(io_error("write", path))?;
    disk.sync(&file).map_err(io_error("sync", path))?;
    sync_folder(folder)?;
    Ok((Arc::new(segment), file))
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
    let mut file = OpenOptions::new().read(true).append(true).open(path).map_err(io_error("open", path))?;

    // A header is synced before the first record is written: nothing can lie behind one that never reached the disk.
    let start = read_up_to(&mut file, HEADER_BYTES + 1, path)?;
    if start.len() < HEADER_BYTES || start == [0; HEADER_BYTES] {
        let torn = if start.is_empty() { None } else { Some(cut(segment, &file, 0, segment.first, &start)?) };
        disk.write(&mut file, &segment::header(segment.first)).map_err(io_error("write", path))?;
        disk.sync(&file).map_err(io_error("sync", path))?;
        return Ok((file, HEADER_BYTES as u64, segment.first, torn));
    }
    segment::check_header(path, segment.first, &start)?;

    let mut frames = Frames::open(segment, segment.first)?;
    let torn = loop {
        match frames.read()? {
            Frame::Record(_) | Frame::Mark => {}
            Frame::End => break None,
            Frame::Broken(reason) => {
                let mut tail = Vec::new();
                file.seek(SeekFrom::Start(frames.offset)).map_err(io_error("read", path))?;
                file.read_to_end(&mut tail).map_err(io_error("read", path))?;
                if segment::has_mark(&tail, frames.offset) {
                    return Err(frames.damaged(reason));
                }
                break Some(cut(segment, &file, frames.offset, frames.position, &tail)?);
            }
        }
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
fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io_error("sync", folder))
}
