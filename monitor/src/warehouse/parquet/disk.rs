//! Every change that is made to a warehouse's folder, one step at a time, so that tests can stop between any two of them as a
//! crash would.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::error::Error;

/// The disk. Bytes go into files directly; everything that decides what is found after a crash goes through here.
pub(super) struct Disk {
    /// Asked before each step; an error stands for a crash at that point.
    before: Box<dyn Fn() -> io::Result<()> + Send + Sync>,
}

impl Disk {
    pub(super) fn real() -> Self {
        Self { before: Box::new(|| Ok(())) }
    }

    /// One that fails from the step after `steps` on, and for good.
    #[cfg(test)]
    pub(super) fn crashing_after(steps: usize) -> Self {
        let left = std::sync::atomic::AtomicUsize::new(steps);
        let spend = |left: usize| left.checked_sub(1);
        let before = move || {
            use std::sync::atomic::Ordering::Relaxed;
            left.try_update(Relaxed, Relaxed, spend).map(|_| ()).map_err(|_| io::Error::other("the machine crashed"))
        };
        Self { before: Box::new(before) }
    }

    /// One that fails at these steps and works before and after.
    #[cfg(test)]
    pub(super) fn failing(steps: std::ops::Range<usize>) -> Self {
        let step = std::sync::atomic::AtomicUsize::new(0);
        let before = move || match steps.contains(&step.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
            true => Err(io::Error::other("the disk is away")),
            false => Ok(()),
        };
        Self { before: Box::new(before) }
    }

    pub(super) fn create_folder(&self, path: &Path) -> Result<(), Error> {
        self.step("create", path, || fs::create_dir_all(path))
    }

    pub(super) fn create(&self, path: &Path) -> Result<File, Error> {
        self.step("create", path, || File::create(path))
    }

    pub(super) fn sync(&self, file: &File, path: &Path) -> Result<(), Error> {
        self.step("sync", path, || file.sync_all())
    }

    /// Makes the names in a folder safe against a power cut.
    pub(super) fn sync_folder(&self, path: &Path) -> Result<(), Error> {
        self.step("sync", path, || ingest::sync_folder(path))
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> Result<(), Error> {
        self.step("rename", from, || fs::rename(from, to))
    }

    pub(super) fn remove(&self, path: &Path) -> Result<(), Error> {
        self.step("remove", path, || fs::remove_file(path))
    }

    pub(super) fn remove_folder(&self, path: &Path) -> Result<(), Error> {
        self.step("remove", path, || fs::remove_dir_all(path))
    }

    fn step<T>(&self, action: &'static str, path: &Path, step: impl FnOnce() -> io::Result<T>) -> Result<T, Error> {
        (self.before)().and_then(|()| step()).map_err(Error::io(action, path))
    }
}
