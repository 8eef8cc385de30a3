//! Historical events from files, in the order of time: Parquet through DataFusion, which sorts what does not fit into memory; text
//! through the decoders of the door, so that a key or a time reads in training as it does live.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::functions_aggregate::expr_fn::{max, min};
use datafusion::logical_expr::{Expr, cast, col, ident, lit};
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use datafusion::scalar::ScalarValue;
use futures::TryStreamExt;
use ingest::Timestamp;
use ingest::decode::arrow::Decoder;
use ingest::decode::{Row, file};
use ingest::schema::Schema;

use crate::error::Error;

/// Events in the order of time and then of their ids, chunk by chunk.
pub struct History(Source);

enum Source {
    /// Sorted by DataFusion.
    Columns { stream: SendableRecordBatchStream, decoder: Box<Decoder> },
    /// Sorted in memory; rejected rows first.
    Text { rows: Option<Vec<Row>> },
}

impl History {
    /// The next rows; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<Row>>, Error> {
        match &mut self.0 {
            Source::Columns { stream, decoder } => Ok(stream.try_next().await?.map(|batch| decoder.decode(&batch))),
            Source::Text { rows } => Ok(rows.take()),
        }
    }
}

/// What all sorting together may hold in memory before it goes on on the disk.
const MEMORY_BYTES: usize = 1 << 30;

/// Where history is sorted, in bounded memory.
pub fn context() -> Result<SessionContext, Error> {
    let pool = Arc::new(FairSpillPool::new(MEMORY_BYTES));
    let environment = RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc()?;
    Ok(SessionContext::new_with_config_rt(SessionConfig::new(), environment))
}

/// The rows of files (or of folders of Parquet files) before `until`; all of them Parquet, or all of them text.
pub async fn open(
    context: &SessionContext,
    paths: &[&Path],
    schema: &Schema,
    until: Option<Timestamp>,
) -> Result<History, Error> {
    let mut kinds = Vec::new();
    for path in paths {
        kinds.push(is_parquet(path)?);
    }
    if !kinds.iter().all(|kind| *kind == kinds[0]) {
        return Err(Error::Mixed { paths: names(paths) });
    }
    if !kinds[0] {
        let wanted = |row: &Row| row.as_ref().map_or(true, |row| until.is_none_or(|until| row.event.occurred_at < until));
        return Ok(History(Source::Text { rows: Some(text(paths, schema)?.into_iter().filter(wanted).collect()) }));
    }
    let mut frame = parquet(context, paths, schema).await?;
    let time = micros(ident(&schema.event_time.column));
    if let Some(until) = until {
        frame = frame.filter(time.clone().lt(lit(ScalarValue::TimestampMicrosecond(Some(until.micros()), None))))?;
    }
    let order = vec![time.sort(true, false), ident(&schema.event_id.column).sort(true, false)];
    let stream = frame.sort(order)?.execute_stream().await?;
    let decoder = Decoder::new(&stream.schema(), schema).map_err(|source| columns(paths, source))?;
    Ok(History(Source::Columns { stream, decoder: Box::new(decoder) }))
}

/// The first and the last event time of a file, `None` when it has no events.
pub async fn span(path: &Path, schema: &Schema) -> Result<Option<(Timestamp, Timestamp)>, Error> {
    if !is_parquet(path)? {
        let rows = text(&[path], schema)?;
        let mut times = rows.iter().filter_map(|row| Some(row.as_ref().ok()?.event.occurred_at));
        return Ok(times.next().map(|first| (first, times.next_back().unwrap_or(first))));
    }
    let number = |expression| cast(micros(expression), DataType::Int64);
    let time = ident(&schema.event_time.column);
    let batches = parquet(&SessionContext::new(), &[path], schema)
        .await?
        .aggregate(vec![], vec![min(time.clone()).alias("first"), max(time).alias("last")])?
        .select(vec![number(col("first")).alias("first"), number(col("last")).alias("last")])?
        .collect()
        .await?;
    let point = |column: usize| {
        let batch = batches.first().filter(|batch| batch.num_rows() == 1)?;
        let column = batch.column(column).as_any().downcast_ref::<arrow::array::Int64Array>()?;
        (!arrow::array::Array::is_null(column, 0)).then(|| Timestamp::from_micros(column.value(0)))
    };
    Ok(point(0).zip(point(1)))
}

/// The columns of Parquet files, or of folders of them, that the schema reads.
async fn parquet(context: &SessionContext, paths: &[&Path], schema: &Schema) -> Result<DataFrame, Error> {
    let name = |path: &Path| path.to_str().map(str::to_owned).ok_or_else(|| Error::Format { path: path.display().to_string() });
    let files = paths.iter().map(|path| name(path)).collect::<Result<Vec<String>, Error>>()?;
    let frame = context.read_parquet(files, ParquetReadOptions::default()).await?;
    if let Some(label) = schema.label.as_ref().filter(|label| !frame.schema().has_column_with_unqualified_name(&label.column)) {
        return Err(Error::NoLabelColumn { path: names(paths), column: label.column.clone() });
    }
    let decoder = Decoder::new(frame.schema().as_arrow(), schema).map_err(|source| columns(paths, source))?;
    // Two parts of an event may be read from one column.
    let columns: BTreeSet<usize> = decoder.columns().iter().copied().collect();
    let wanted: Vec<Expr> = columns.into_iter().map(|column| ident(frame.schema().field(column).name())).collect();
    Ok(frame.select(wanted)?)
}

/// All rows of text files: the rejected ones, then the events by time and id.
fn text(paths: &[&Path], schema: &Schema) -> Result<Vec<Row>, Error> {
    let mut rows: Vec<Row> = Vec::new();
    for path in paths {
        for chunk in file::open(path, schema)? {
            rows.extend(chunk?);
        }
    }
    rows.sort_by(|a, b| match (a, b) {
        (Ok(a), Ok(b)) => (a.event.occurred_at, &a.event.event_id).cmp(&(b.event.occurred_at, &b.event.event_id)),
        (a, b) => a.is_ok().cmp(&b.is_ok()),
    });
    Ok(rows)
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

fn columns(paths: &[&Path], source: ingest::decode::ColumnError) -> Error {
    Error::Columns { path: names(paths), source }
}

fn names(paths: &[&Path]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// A time of any unit in microseconds, without a zone.
pub(crate) fn micros(time: Expr) -> Expr {
    cast(time, DataType::Timestamp(TimeUnit::Microsecond, None))
}
