//! Small files that their owner alone may read: keys and users. A file is changed as a whole, under a lock, and its change is in the audit chain
//! before it holds; who reads it sees what was there before, or what is there after.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use ingest::replace_private_file;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::audit::{self, Chain, Draft};

/// What can go wrong with such a file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It could not be read or written.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// It is not what this program writes.
    #[error("{path} cannot be read: it is not what was written")]
    Unreadable {
        /// The file.
        path: String,
        /// Why not.
        source: serde_json::Error,
    },
    /// The change could not be told, so it was not made.
    #[error(transparent)]
    Audit(#[from] audit::Error),
}

/// A file of things of one kind.
#[derive(Clone, Debug)]
pub(super) struct PrivateFile {
    path: PathBuf,
    audit: Chain,
}

impl PrivateFile {
    /// A file in a folder; it need not be there.
    pub(super) fn of(folder: &Path, name: &str) -> Self {
        Self { path: folder.join(name), audit: Chain::of(folder) }
    }

    /// All that is in it; nothing where there is no file.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<Vec<T>, FileError> {
        match std::fs::read_to_string(&self.path) {
            Ok(text) => serde_json::from_str(&text)
                .map_err(|source| FileError::Unreadable { path: self.path.display().to_string(), source }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(self.fail("read")(source)),
        }
    }

    /// Changes it, one after another: what `change` leaves is there then, and what it says of it is in the audit chain.
    pub(super) fn change<T: Serialize + DeserializeOwned, R, E: From<FileError>>(
        &self,
        change: impl FnOnce(&mut Vec<T>) -> Result<(R, Draft), E>,
    ) -> Result<R, E> {
        let _lock = self.lock().map_err(self.fail("lock"))?;
        let mut all = self.read()?;
        let (made, told) = change(&mut all)?;
        self.audit.append(vec![told]).map_err(FileError::from)?;
        self.write(&all)?;
        Ok(made)
    }

    fn write<T: Serialize>(&self, all: &[T]) -> Result<(), FileError> {
        let text = serde_json::to_string_pretty(all).expect("plain data always has a JSON form");
        // On the disk when it returns: else a key that was revoked could be back after a power cut.
        replace_private_file(&self.path, text.as_bytes()).map_err(self.fail("write"))
    }

    /// Waits for its turn, which lasts as long as what this returns.
    fn lock(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let lock = options.open(self.path.with_added_extension("lock"))?;
        lock.lock()?;
        Ok(lock)
    }

    fn fail(&self, action: &'static str) -> impl FnOnce(io::Error) -> FileError + use<> {
        let path = self.path.display().to_string();
        move |source| FileError::Io { action, path, source }
    }
}
