//! The embedded warehouse: Parquet files in a folder, asked by SQL through DataFusion. Nobody but this program writes there.
//!
//! ```text
//! checkpoint.json                                    how far the tables are complete; replaced last, so that an append counts whole
//! decisions/day=2018-08-01/part-<first>-<last>.parquet     named by the log positions of the first and last row
//! labels/day=…   events/day=…   scores/day=…   changes/day=…
//! drift_points/day=2018-08-01/part-<times>-<times>.parquet     a derived table: all of the day, and how often it was replaced
//! ```

mod checkpoint;
mod disk;
mod engine;
mod fill;
mod parts;
mod scan;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, TryLockError};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{AsArray, BooleanArray, RecordBatch, UInt32Array, new_null_array};
use arrow::compute::{concat_batches, filter_record_batch, take_record_batch};
use arrow::datatypes::{Field, TimestampMicrosecondType, UInt64Type};
use ingest::Timestamp;
use ingest::log::Position;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;

use self::checkpoint::Checkpoint;
use self::disk::Disk;
use self::engine::Engine;
use self::fill::fill;
use self::parts::{Part, Parts};
use super::{Answer, Warehouse};
use crate::error::Error;
use crate::questions::Question;
use crate::tables::{Projected, Slot, Table};

/// From so many parts of one day on, new rows are merged with small parts before them instead of making one more.
const MANY_PARTS: usize = 16;

/// A part that is larger than so many times the rows to be merged with it is left alone, so that a row is rewritten only a few
/// times however often is flushed.
const MERGE_RATIO: u64 = 4;

/// No merge makes a part of more rows.
const LARGE_ROWS: u64 = 1_000_000;

/// Parquet files in a folder.
pub struct ParquetWarehouse {
    folder: PathBuf,
    disk: Disk,
    many_parts: usize,
    live: Mutex<Live>,
    writer: Mutex<Writer>,
    engine: Engine,
    /// Keeps other processes out for as long as it is open.
    _lock: File,
}

/// What counts at one moment.
struct Live {
    reached: Position,
    parts: Arc<Parts>,
}

/// What only the one who writes needs.
#[derive(Default)]
struct Writer {
    /// Parts that were merged, which go when the last question that reads them is answered.
    merged: Vec<Arc<Part>>,
    /// Set while rows are written, and when that failed until the folder was read again.
    broken: bool,
}

impl Live {
    /// What a checkpoint says that there is, all of it.
    fn load(folder: &Path, checkpoint: &Checkpoint, disk: &Disk) -> Result<Self, Error> {
        let parts = parts::load(folder, checkpoint.reached, disk)?;
        let found = count(&parts);
        for table in Table::PROJECTED {
            let rows = |counts: &BTreeMap<String, u64>| counts.get(table.name()).copied().unwrap_or_default();
            let (found, expected) = (rows(&found), rows(&checkpoint.rows));
            if found != expected {
                return Err(Error::Incomplete { path: folder.to_owned(), table, found, expected });
            }
        }
        Ok(Self { reached: checkpoint.reached, parts: Arc::new(parts) })
    }
}

impl ParquetWarehouse {
    /// Opens the warehouse in `folder`; makes an empty one where there is none, or one of an earlier version, which the log fills again.
    /// What an interrupted write left over is removed.
    ///
    /// # Errors
    /// When the folder cannot be written, is in use, was written by a newer program, or lacks rows that it once had.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        Self::open_on(folder, Disk::real(), MANY_PARTS)
    }

    fn open_on(folder: &Path, disk: Disk, many_parts: usize) -> Result<Self, Error> {
        disk.create_folder(folder)?;
        let lock = lock(folder)?;
        let checkpoint = match Checkpoint::read(folder)? {
            Some(checkpoint) if checkpoint.is_current() => checkpoint,
            Some(_) => {
                tracing::warn!(folder = %folder.display(), "the warehouse has the tables of an earlier version; they are made again from the log");
                parts::clear(folder, &disk)?;
                start(folder, &disk)?
            }
            None if Table::all().any(|table| folder.join(table.name()).exists()) => {
                return Err(Error::NoCheckpoint { path: folder.to_owned() });
            }
            None => start(folder, &disk)?,
        };
        let live = Live::load(folder, &checkpoint, &disk)?;
        let engine = Engine::start(folder);
        let engine = engine.map_err(|source| Error::Engine { path: folder.to_owned(), source: Box::new(source) })?;
        let (folder, live) = (folder.to_owned(), Mutex::new(live));
        Ok(Self { folder, disk, many_parts, live, writer: Mutex::default(), engine, _lock: lock })
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        // Whoever panicked left it as it was: it is only ever replaced whole.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After a write that failed halfway: goes on from what counts on the disk, and removes what that write left over.
    fn restore(&self, writer: &mut Writer) -> Result<(), Error> {
        let missing = || Error::Missing { path: self.folder.clone() };
        let checkpoint = Checkpoint::read(&self.folder)?.ok_or_else(missing)?;
        *self.live() = Live::load(&self.folder, &checkpoint, &self.disk)?;
        *writer = Writer::default();
        Ok(())
    }

    /// The writer's seat, with the folder as it should be.
    fn writer(&self) -> Result<MutexGuard<'_, Writer>, Error> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.broken {
            self.restore(&mut writer)?;
        }
        // A folder that was taken away would be made again, without the rows of before.
        match Checkpoint::exists(&self.folder) {
            true => Ok(writer),
            false => Err(Error::Missing { path: self.folder.clone() }),
        }
    }

    /// Does a write, after which some parts no longer count.
    fn change(
        &self,
        mut writer: MutexGuard<'_, Writer>,
        write: impl FnOnce() -> Result<Vec<Arc<Part>>, Error>,
    ) -> Result<(), Error> {
        writer.broken = true;
        let replaced = write()?;
        writer.broken = false;

        // The rows are kept. A part that stays behind only costs room, and goes at the next opening.
        writer.merged.extend(replaced);
        writer.merged.retain(|part| {
            let in_use = Arc::strong_count(part) > 1;
            in_use || self.disk.remove(&part.path).inspect_err(|error| tracing::warn!(%error, "a merged file stays")).is_err()
        });
        Ok(())
    }

    /// Writes the rows and makes them count; the parts that no longer do because they were merged.
    fn extend(&self, rows: &Projected) -> Result<Vec<Arc<Part>>, Error> {
        let mut parts = Parts::clone(&self.live().parts);
        let (mut new, mut replaced, mut folders) = (Vec::new(), Vec::new(), BTreeSet::new());
        for (table, rows) in &rows.rows {
            for (day, rows) in by_day(*table, rows) {
                let of_day = parts.entry((*table, day)).or_default();
                let is_new_day = of_day.is_empty();
                let before = of_day.split_off(merge_from(of_day, rows.num_rows() as u64, self.many_parts));
                let positions = rows.column(0).as_primitive::<UInt64Type>().values();
                let first = before.first().map_or(positions[0], |part| part.first);
                let stretch = first..=positions[positions.len() - 1];
                let part = Arc::new(self.write(*table, day, stretch, &before, &rows)?);
                folders.extend(folders_of(&part, is_new_day));
                of_day.push(Arc::clone(&part));
                new.push(part);
                replaced.extend(before);
            }
        }
        for part in &new {
            self.disk.rename(&unfinished(&part.path), &part.path)?;
        }
        folders.iter().try_for_each(|folder| self.disk.sync_folder(folder))?;
        Checkpoint::new(rows.until, count(&parts)).write(&self.folder, &self.disk)?;
        *self.live() = Live { reached: rows.until, parts: Arc::new(parts) };
        Ok(replaced)
    }

    /// Writes the day of a slot anew, with these rows for the slot; the part of before.
    fn put(&self, slot: &Slot, rows: &RecordBatch) -> Result<Vec<Arc<Part>>, Error> {
        let (table, reached) = (Table::Derived(slot.table), self.reached());
        let mut parts = Parts::clone(&self.live().parts);
        let of_day = parts.entry((table, day_of(slot.start.micros()))).or_default();
        let replaced = std::mem::take(of_day);
        let others = replaced.iter().map(|part| others(part, slot).map_err(Error::part("read", &part.path)));
        let others = others.collect::<Result<Vec<_>, _>>()?;
        let rows = concat_batches(&table.schema(), others.iter().flatten().chain([rows])).expect("all have the table's columns");
        let times = replaced.last().map_or(0, |part| part.last + 1);
        let part = Arc::new(self.write(table, day_of(slot.start.micros()), times..=times, &[], &rows)?);
        self.disk.rename(&unfinished(&part.path), &part.path)?;
        folders_of(&part, replaced.is_empty()).try_for_each(|folder| self.disk.sync_folder(&folder))?;
        of_day.push(part);
        *self.live() = Live { reached, parts: Arc::new(parts) };
        Ok(replaced)
    }

    /// Writes a part under a temporary name: the rows of `before`, then `rows`.
    fn write(
        &self,
        table: Table,
        day: i32,
        stretch: RangeInclusive<u64>,
        before: &[Arc<Part>],
        rows: &RecordBatch,
    ) -> Result<Part, Error> {
        let (first, last) = stretch.into_inner();
        let location = parts::location(table, day, first, last);
        let path = self.folder.join(&location);
        let temporary = unfinished(&path);
        self.disk.create_folder(path.parent().expect("it has a table and a day"))?;
        let file = self.disk.create(&temporary)?;
        let file = fill(file, before, rows).map_err(Error::part("write", &temporary))?;
        self.disk.sync(&file, &temporary)?;
        let bytes = file.metadata().map_err(Error::io("open", &temporary))?.len();
        let count = before.iter().map(|part| part.rows).sum::<u64>() + rows.num_rows() as u64;
        Ok(Part { path, location, day, first, last, rows: count, bytes })
    }
}

impl Warehouse for ParquetWarehouse {
    fn reached(&self) -> Position {
        self.live().reached
    }

    fn append(&self, rows: &Projected) -> Result<(), Error> {
        let writer = self.writer()?;
        let reached = self.reached();
        if rows.from != reached {
            return Err(Error::NotNext { reached, from: rows.from });
        }
        self.change(writer, || self.extend(rows))
    }

    fn replace(&self, slot: &Slot, rows: &RecordBatch) -> Result<(), Error> {
        let rows = slot.file(rows).map_err(|reason| Error::Rows { table: slot.table, reason })?;
        self.change(self.writer()?, || self.put(slot, &rows))
    }

    fn answer(&self, question: Question) -> Answer<'_> {
        Box::pin(async move {
            if !Checkpoint::exists(&self.folder) {
                return Err(Error::Missing { path: self.folder.clone() });
            }
            let parts = Arc::clone(&self.live().parts);
            let name = question.name();
            let answer = self.engine.answer(parts, question).await;
            answer.map_err(|source| Error::Question { question: name, source: Box::new(source) })
        })
    }
}

/// The checkpoint of a warehouse without rows.
fn start(folder: &Path, disk: &Disk) -> Result<Checkpoint, Error> {
    let checkpoint = Checkpoint::new(Position(0), count(&Parts::new()));
    checkpoint.write(folder, disk)?;
    Ok(checkpoint)
}

fn lock(folder: &Path) -> Result<File, Error> {
    let path = folder.join("lock");
    let file = File::create(&path).map_err(Error::io("create", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { path: folder.to_owned() }),
        Err(TryLockError::Error(error)) => Err(Error::io("lock", &path)(error)),
    }
}

fn unfinished(path: &Path) -> PathBuf {
    path.with_added_extension(parts::UNFINISHED)
}

fn count(parts: &Parts) -> BTreeMap<String, u64> {
    let rows = |table| parts.iter().filter(|((of, _), _)| *of == table).flat_map(|(_, parts)| parts).map(|part| part.rows).sum();
    Table::PROJECTED.into_iter().map(|table| (table.name().to_owned(), rows(table))).collect()
}

/// The number of the first part that `rows` more rows are merged with; all before it stay.
fn merge_from(parts: &[Arc<Part>], rows: u64, many_parts: usize) -> usize {
    let (mut from, mut gathered) = (parts.len(), rows);
    if parts.len() < many_parts {
        return from;
    }
    while let Some(part) = from.checked_sub(1).map(|before| &parts[before]) {
        if part.rows > MERGE_RATIO * gathered || part.rows + gathered > LARGE_ROWS {
            break;
        }
        gathered += part.rows;
        from -= 1;
    }
    from
}

/// The day of a time in microseconds.
fn day_of(micros: i64) -> i32 {
    i32::try_from(Timestamp::from_micros(micros).day()).expect("64 bits of microseconds are 107 million days")
}

/// The folders whose names have to be made safe for a part; with the first part of a day those above it may be new as well.
fn folders_of(part: &Part, is_new_day: bool) -> impl Iterator<Item = PathBuf> {
    part.path.ancestors().skip(1).take(if is_new_day { 3 } else { 1 }).map(Path::to_owned).collect::<Vec<_>>().into_iter()
}

/// The rows of a part that are of other slots, with the columns that the table has today.
fn others(part: &Part, slot: &Slot) -> Result<Vec<RecordBatch>, ParquetError> {
    let schema = Table::Derived(slot.table).schema();
    let mut others = Vec::new();
    for rows in ParquetRecordBatchReaderBuilder::try_new(File::open(&part.path)?)?.build()? {
        let rows = rows?;
        let column = |field: &Arc<Field>| {
            rows.column_by_name(field.name()).cloned().unwrap_or_else(|| new_null_array(field.data_type(), rows.num_rows()))
        };
        let rows = RecordBatch::try_new(Arc::clone(&schema), schema.fields().iter().map(column).collect())?;
        let others_only = BooleanArray::from_iter(slot.holds(&rows).into_iter().map(|holds| Some(!holds)));
        others.push(filter_record_batch(&rows, &others_only)?);
    }
    Ok(others)
}

/// The rows of each day, in the order in which they came.
fn by_day(table: Table, rows: &RecordBatch) -> Vec<(i32, RecordBatch)> {
    let times = rows.column_by_name(table.time_column()).expect("every table has its time");
    let times = times.as_primitive::<TimestampMicrosecondType>().values();
    let mut days: BTreeMap<i32, Vec<u32>> = BTreeMap::new();
    for (row, time) in times.iter().enumerate() {
        days.entry(day_of(*time)).or_default().push(u32::try_from(row).expect("a batch has fewer rows"));
    }
    if let (1, Some(day)) = (days.len(), days.keys().next()) {
        return vec![(*day, rows.clone())];
    }
    let of_day = |indices| take_record_batch(rows, &UInt32Array::from(indices)).expect("the indices are of this batch");
    days.into_iter().map(|(day, indices)| (day, of_day(indices))).collect()
}
