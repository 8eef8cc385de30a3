//! How far the tables are complete: the one file whose replacement makes an append count.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use ingest::log::Position;
use serde::{Deserialize, Serialize};

use super::disk::Disk;
use crate::error::Error;
use crate::tables::VERSION;

const NAME: &str = "checkpoint.json";

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Checkpoint {
    version: u64,
    /// The position of the log that comes next.
    pub(super) reached: Position,
    /// How many rows each table has, by its name: a file lost behind our back is noticed.
    pub(super) rows: BTreeMap<String, u64>,
}

impl Checkpoint {
    pub(super) fn new(reached: Position, rows: BTreeMap<String, u64>) -> Self {
        Self { version: VERSION, reached, rows }
    }

    /// `None` when there is none.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, Error> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u64,
        }
        let path = folder.join(NAME);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        let unreadable = |source| Error::Checkpoint { path: path.clone(), source };
        match serde_json::from_slice::<Versioned>(&text).map_err(unreadable)?.version {
            1..=VERSION => serde_json::from_slice(&text).map(Some).map_err(unreadable),
            version => Err(Error::CheckpointVersion { path, version, newest: VERSION }),
        }
    }

    /// Whether the tables have the columns that this program writes.
    pub(super) const fn is_current(&self) -> bool {
        self.version == VERSION
    }

    /// Replaces the one before, in one step.
    pub(super) fn write(&self, folder: &Path, disk: &Disk) -> Result<(), Error> {
        let (path, temporary) = (folder.join(NAME), folder.join("checkpoint.json.tmp"));
        let mut file = disk.create(&temporary)?;
        let text = serde_json::to_vec(self).expect("plain data always has a JSON form");
        file.write_all(&text).map_err(Error::io("write", &temporary))?;
        disk.sync(&file, &temporary)?;
        disk.rename(&temporary, &path)?;
        disk.sync_folder(folder)
    }

    pub(super) fn exists(folder: &Path) -> bool {
        folder.join(NAME).exists()
    }
}
