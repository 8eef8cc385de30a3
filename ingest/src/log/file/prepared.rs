//! The next segment, prepared before it is needed: a file of zeros, all of it on the disk. A record that is written over them changes nothing
//! but data, so its sync is one write of the disk and has no part in the journal of the file system, where it would wait for what others
//! write as well. Made by a thread behind the path of answers, a little at a time.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use super::recovery::sync_folder;
use super::{Error, io_error};
use crate::{SteadyFile, background};

static ROOM: [u8; 64 << 10] = [0; 64 << 10];

/// Where a segment is prepared.
pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join("next")
}

/// A segment that is being prepared, or is ready.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    thread: Option<JoinHandle<Result<Option<File>, Error>>>,
    is_over: Arc<AtomicBool>,
}

impl Prepared {
    /// Has one of so many bytes prepared, unless that was begun before.
    pub(super) fn begin(&mut self, folder: &Path, bytes: u64) {
        if self.thread.is_some() {
            return;
        }
        let (folder, is_over) = (folder.to_owned(), Arc::clone(&self.is_over));
        let prepare = move || {
            let prepared = background::unhurried(|| prepare(&folder, bytes, &is_over));
            if prepared.is_err() {
                // A full disk has better use for it. What is left of it otherwise is removed when the log is opened.
                let _ = fs::remove_file(path(&folder));
            }
            prepared
        };
        match background::spawn("log-prepare", prepare) {
            Ok(thread) => self.thread = Some(thread),
            Err(error) => tracing::warn!(%error, "no segment of the log is prepared"),
        }
    }

    /// Whether one was begun.
    #[cfg(test)]
    pub(super) fn is_begun(&self) -> bool {
        self.thread.is_some()
    }

    /// Whether it is ready.
    pub(super) fn is_ready(&self) -> bool {
        self.thread.as_ref().is_some_and(JoinHandle::is_finished)
    }

    /// The file that was prepared, if it is ready; a segment can do without.
    pub(super) fn take(&mut self) -> Option<File> {
        let thread = if self.is_ready() { self.thread.take()? } else { return None };
        match thread.join() {
            Ok(Ok(file)) => file,
            Ok(Err(error)) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "no segment of the log is prepared");
                None
            }
            Err(_) => None,
        }
    }
}

impl Drop for Prepared {
    /// Who opens the log next finds nobody at work in its folder.
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // What it made is of no use to anybody now.
            let _ = thread.join();
        }
    }
}

/// `None` when it was over before it was done.
fn prepare(folder: &Path, bytes: u64, is_over: &AtomicBool) -> Result<Option<File>, Error> {
    let path = path(folder);
    // The name that the last prepared file was given must not be lost to this one.
    sync_folder(folder)?;
    match fs::remove_file(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        removed => removed.map_err(io_error("remove", &path))?,
    }
    let file = OpenOptions::new().create_new(true).write(true).open(&path).map_err(io_error("create", &path))?;
    let (mut file, mut left) = (SteadyFile::new(file), bytes);
    while left > 0 {
        if is_over.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let piece = left.min(ROOM.len() as u64);
        file.write_all(&ROOM[..piece as usize]).map_err(io_error("write", &path))?;
        left -= piece;
    }
    let file = file.into_inner();
    file.sync_all().map_err(io_error("sync", &path))?;
    sync_folder(folder)?;
    Ok(Some(file))
}
