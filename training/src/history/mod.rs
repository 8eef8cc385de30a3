//! Historical events from files, in the order of time. Every file is read by the decoders of the door, so that a key or a time reads in
//! training as it does live; DataFusion sorts, and goes on on the disk with what does not fit into memory.

mod rows;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, TimeUnit, UInt32Type, UInt64Type};
use datafusion::catalog::streaming::StreamingTable;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::functions_aggregate::expr_fn::{max, min};
use datafusion::logical_expr::{Expr, cast, col, ident};
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use futures::TryStreamExt;
use ingest::Timestamp;
use ingest::decode::arrow::Decoder;
use ingest::decode::{Historical, Rejected, file};
use ingest::log::record::decode_event;
use ingest::schema::Schema;

use self::rows::{Found, Reader, Shared};
use crate::error::Error;
use crate::files::Files;

/// Events in the order of time, and where that is equal of their files and of their rows in them, chunk by chunk.
pub struct History {
    sorted: SendableRecordBatchStream,
    files: Arc<Files>,
    schema: Arc<Schema>,
    found: Shared,
}

/// An event out of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Past {
    /// The event, with its label where the file has one.
    pub historical: Historical,
    /// The number of its file, from 0.
    file: u32,
    /// Its row in the file, from 1.
    row: u64,
}

/// A row of a file that is no event, or none that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// The file.
    pub file: PathBuf,
    /// Where in it, and why.
    pub rejected: Rejected,
}

impl History {
    /// The next events; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<Past>>, Error> {
        let Some(batch) = self.sorted.try_next().await.map_err(|error| self.own(error))? else { return Ok(None) };
        (0..batch.num_rows()).map(|row| self.past(&batch, row)).collect::<Result<_, _>>().map(Some)
    }

    /// The rows that are no events, as far as they were not asked for before. All are known once the first events were.
    pub fn rejected(&self) -> Vec<SetAside> {
        let rejected = std::mem::take(&mut self.found().rejected);
        rejected.into_iter().map(|(file, rejected)| SetAside { file: self.path(file), rejected }).collect()
    }

    /// The first and the last event time of all files, known once the first events were asked for; `None` without events.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        self.found().span
    }

    /// An event that is not used, with the field that is the reason.
    pub fn set_aside(&self, past: &Past, field: Option<String>, reason: &str) -> SetAside {
        SetAside { file: self.path(past.file), rejected: Rejected { line: past.row, field, reason: reason.to_owned() } }
    }

    fn found(&self) -> std::sync::MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, file: u32) -> PathBuf {
        self.files.iter().nth(file as usize).map_or_else(PathBuf::new, |file| file.path.clone())
    }

    /// What stopped the reading, where that was no query.
    fn own(&self, error: datafusion::error::DataFusionError) -> Error {
        self.found().failed.take().unwrap_or(Error::Query(error))
    }

    fn past(&self, batch: &RecordBatch, row: usize) -> Result<Past, Error> {
        let file = batch.column(1).as_primitive::<UInt32Type>().value(row);
        let number = batch.column(2).as_primitive::<UInt64Type>().value(row);
        let (event, _) = decode_event(batch.column(3).as_binary::<i32>().value(row), &self.schema)?;
        let labels = batch.column(4).as_boolean();
        let label = labels.is_valid(row).then(|| self.schema.harm().outcome(labels.value(row)));
        Ok(Past { historical: Historical { event, label }, file, row: number })
    }
}

/// What all sorting and joining together may hold in memory before it goes on on the disk: 1 GiB.
pub const MEMORY_BYTES: usize = 1 << 30;

/// Where history is sorted, in bounded memory.
pub fn context() -> Result<SessionContext, Error> {
    bounded(MEMORY_BYTES)
}

/// Where large tables are joined, in the same bounds: a hash join cannot go on on the disk, a join of what is sorted can.
pub(crate) fn joining() -> Result<SessionContext, Error> {
    let config = SessionConfig::new().set_bool("datafusion.optimizer.prefer_hash_join", false);
    // With one partition DataFusion knows hash joins only.
    let partitions = config.target_partitions().max(2);
    configured(MEMORY_BYTES, config.with_target_partitions(partitions))
}

fn bounded(bytes: usize) -> Result<SessionContext, Error> {
    configured(bytes, SessionConfig::new())
}

fn configured(bytes: usize, config: SessionConfig) -> Result<SessionContext, Error> {
    let pool = Arc::new(FairSpillPool::new(bytes));
    let environment = RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc()?;
    Ok(SessionContext::new_with_config_rt(config, environment))
}

/// The events of files before `until`.
///
/// # Errors
/// When a file cannot be opened or its columns do not fit. One that breaks off further on fails [`History::next`].
pub async fn open(context: &SessionContext, files: &Files, schema: &Schema, until: Option<Timestamp>) -> Result<History, Error> {
    let (files, schema, found) = (Arc::new(files.clone()), Arc::new(schema.clone()), Shared::default());
    rows::check(&files, &schema)?;
    let reader = Reader::new(Arc::clone(&files), Arc::clone(&schema), until, Arc::clone(&found));
    let table = StreamingTable::try_new(rows::columns(), vec![Arc::new(reader)])?;
    let order = rows::ORDER.map(|column| ident(column).sort(true, false)).to_vec();
    let sorted = context.read_table(Arc::new(table))?.sort(order)?.execute_stream().await?;
    Ok(History { sorted, files, schema, found })
}

/// The first and the last event time of a file, `None` when it has no events.
pub async fn span(path: &Path, schema: &Schema) -> Result<Option<(Timestamp, Timestamp)>, Error> {
    if !is_parquet(path)? {
        let mut span = None;
        for chunk in file::open(path, schema)? {
            chunk?.iter().flatten().for_each(|past| rows::extend(&mut span, past.event.occurred_at));
        }
        return Ok(span);
    }
    let name = path.to_str().ok_or_else(|| Error::Format { path: path.display().to_string() })?;
    let frame = SessionContext::new().read_parquet(name, ParquetReadOptions::default()).await?;
    let columns = |source| Error::Columns { path: name.to_owned(), source };
    Decoder::new(frame.schema().as_arrow(), schema).map_err(columns)?;
    let number = |expression| cast(micros(expression), DataType::Int64);
    let time = ident(&schema.event_time.column);
    let batches = frame
        .aggregate(vec![], vec![min(time.clone()).alias("first"), max(time).alias("last")])?
        .select(vec![number(col("first")).alias("first"), number(col("last")).alias("last")])?
        .collect()
        .await?;
    let point = |column: usize| {
        let batch = batches.first().filter(|batch| batch.num_rows() == 1)?;
        let column = batch.column(column).as_primitive_opt::<Int64Type>()?;
        column.is_valid(0).then(|| Timestamp::from_micros(column.value(0)))
    };
    Ok(point(0).zip(point(1)))
}

/// Whether DataFusion reads it; what nobody reads is an error.
pub(crate) fn is_parquet(path: &Path) -> Result<bool, Error> {
    if !path.exists() {
        return Err(Error::NoFile { path: path.display().to_string() });
    }
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("parquet") => Ok(true),
        None if path.is_dir() => Ok(true),
        Some("csv" | "json" | "jsonl" | "ndjson") => Ok(false),
        _ => Err(Error::Format { path: path.display().to_string() }),
    }
}

/// A time of any unit in microseconds, without a zone.
pub(crate) fn micros(time: Expr) -> Expr {
    cast(time, DataType::Timestamp(TimeUnit::Microsecond, None))
}
