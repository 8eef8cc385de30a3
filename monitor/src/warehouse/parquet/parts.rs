//! The files of the tables. A part's name says which stretch of the log its rows are from, and two rules say which parts count:
//! one that reaches to the checkpoint or beyond was not finished, and one whose stretch lies within another's was merged into it.
//! A day of a derived table is one part, whose numbers say how often it was replaced: the highest counts.

use std::collections::BTreeMap;
use std::fs::{self, DirEntry, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ingest::Timestamp;
use ingest::log::Position;
use parquet::file::metadata::ParquetMetaDataReader;

use super::disk::Disk;
use crate::error::Error;
use crate::tables::Table;

/// The ending of a file that is being written.
pub(super) const UNFINISHED: &str = "tmp";

/// One Parquet file of one day of one table. Never changed once it has its name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) path: PathBuf,
    /// The path in the warehouse's folder, with `/`.
    pub(super) location: String,
    pub(super) day: i32,
    /// The log position of its first row; of a derived table how often its day was replaced.
    pub(super) first: u64,
    /// The log position of its last row; of a derived table the same as `first`.
    pub(super) last: u64,
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

/// The parts that count, by table and day, in the order of the log.
pub(super) type Parts = BTreeMap<(Table, i32), Vec<Arc<Part>>>;

/// Where the rows of a table from `first` to `last` lie.
pub(super) fn location(table: Table, day: i32, first: u64, last: u64) -> String {
    let date = Timestamp::start_of_day(i64::from(day)).date();
    format!("{table}/day={date}/part-{first}-{last}.parquet")
}

/// Finds the parts that count and removes what a crash left over.
pub(super) fn load(folder: &Path, reached: Position, disk: &Disk) -> Result<Parts, Error> {
    let mut parts = Parts::new();
    for table in Table::all() {
        let table_folder = folder.join(table.name());
        if !table_folder.exists() {
            continue;
        }
        for (name, path) in entries(&table_folder)? {
            if let Some(day) = day_of(&name) {
                parts.insert((table, day), load_day(table, day, &path, reached, disk)?);
            }
        }
    }
    Ok(parts)
}

/// Removes all projected tables.
pub(super) fn clear(folder: &Path, disk: &Disk) -> Result<(), Error> {
    let folders = Table::PROJECTED.iter().map(|table| folder.join(table.name())).filter(|folder| folder.exists());
    folders.into_iter().try_for_each(|folder| disk.remove_folder(&folder))
}

fn load_day(table: Table, day: i32, folder: &Path, reached: Position, disk: &Disk) -> Result<Vec<Arc<Part>>, Error> {
    let mut found = Vec::new();
    for (name, path) in entries(folder)? {
        if path.extension().is_some_and(|extension| extension == UNFINISHED) {
            disk.remove(&path)?;
        } else if let Some((first, last)) = range_of(&name) {
            found.push((first, std::cmp::Reverse(last), path));
        }
    }
    // Of parts that begin alike the longest comes first, so that whatever was merged comes after what it was merged into.
    found.sort();
    let is_derived = matches!(table, Table::Derived(_));
    let newest = found.iter().map(|(first, ..)| *first).max();
    let mut kept: Vec<Arc<Part>> = Vec::new();
    for (first, std::cmp::Reverse(last), path) in found {
        let is_left_over = match is_derived {
            true => newest != Some(first),
            false => last >= reached.0 || kept.last().is_some_and(|before| last <= before.last),
        };
        if is_left_over {
            tracing::info!(path = %path.display(), "removed a file that an interrupted write left over");
            disk.remove(&path)?;
            continue;
        }
        let (rows, bytes) = measure(&path)?;
        kept.push(Arc::new(Part { location: location(table, day, first, last), path, day, first, last, rows, bytes }));
    }
    Ok(kept)
}

/// Rows and bytes of a file, from its footer, which is checked by that.
fn measure(path: &Path) -> Result<(u64, u64), Error> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let bytes = file.metadata().map_err(Error::io("open", path))?.len();
    let footer = ParquetMetaDataReader::new().parse_and_finish(&file).map_err(Error::part("read", path))?;
    Ok((u64::try_from(footer.file_metadata().num_rows()).expect("a count"), bytes))
}

fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, Error> {
    let named = |entry: DirEntry| (entry.file_name().to_string_lossy().into_owned(), entry.path());
    let entries = fs::read_dir(folder).and_then(|entries| entries.map(|entry| entry.map(named)).collect());
    entries.map_err(Error::io("read", folder))
}

/// `day=2018-08-01`, as a number of days since 1970-01-01.
fn day_of(name: &str) -> Option<i32> {
    let time: Timestamp = name.strip_prefix("day=")?.parse().ok()?;
    i32::try_from(time.day()).ok()
}

/// `part-<first>-<last>.parquet`
fn range_of(name: &str) -> Option<(u64, u64)> {
    let (first, last) = name.strip_prefix("part-")?.strip_suffix(".parquet")?.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}
