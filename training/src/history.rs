//! Historical events from files, in the order of time: Parquet through DataFusion, which sorts what does not fit into memory; text
//! through the decoders of the door, so that a key or a time reads in training as it does live.

use std::path::Path;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::functions_aggregate::expr_fn::{max, min};
use datafusion::logical_expr::{Expr, cast, col, ident, lit};
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use datafusion::scalar::ScalarValue;
use futures::TryStreamExt;
use ingest::Timestamp;
use ingest::decode::arrow::Decoder;
use ingest::decode::{Row, file};
use ingest::schema::Schema;

use crate::error::Error;

/// Events in the order of time and then of their ids, chunk by chunk.
pub(crate) enum History {
    /// Sorted by DataFusion.
    Columns { stream: SendableRecordBatchStream, decoder: Box<Decoder> },
    /// Sorted in memory; rejected rows first.
    Text { rows: Option<Vec<Row>> },
}

impl History {
    /// The next rows; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Row>>, Error> {
        match self {
            Self::Columns { stream, decoder } => Ok(stream.try_next().await?.map(|batch| decoder.decode(&batch))),
            Self::Text { rows } => Ok(rows.take()),
        }
    }
}

/// The rows of a file (or of a folder of Parquet files) before `until`.
pub(crate) async fn open(
    context: &SessionContext,
    path: &Path,
    schema: &Schema,
    until: Option<Timestamp>,
) -> Result<History, Error> {
    if !is_parquet(path)? {
        let rows = text(path, schema)?.into_iter();
        let wanted = |row: &Row| row.as_ref().map_or(true, |row| until.is_none_or(|until| row.event.occurred_at < until));
        return Ok(History::Text { rows: Some(rows.filter(wanted).collect()) });
    }
    let mut frame = parquet(context, path, schema).await?;
    let time = micros(ident(&schema.event_time.column));
    if let Some(until) = until {
        frame = frame.filter(time.clone().lt(lit(ScalarValue::TimestampMicrosecond(Some(until.micros()), None))))?;
    }
    let order = vec![time.sort(true, false), ident(&schema.event_id.column).sort(true, false)];
    let stream = frame.sort(order)?.execute_stream().await?;
    let decoder = Decoder::new(&stream.schema(), schema).map_err(|source| columns(path, source))?;
    Ok(History::Columns { stream, decoder: Box::new(decoder) })
}

/// The first and the last event time of a file, `None` when it has no events.
pub async fn span(path: &Path, schema: &Schema) -> Result<Option<(Timestamp, Timestamp)>, Error> {
    if !is_parquet(path)? {
        let rows = text(path, schema)?;
        let mut times = rows.iter().filter_map(|row| Some(row.as_ref().ok()?.event.occurred_at));
        return Ok(times.next().map(|first| (first, times.next_back().unwrap_or(first))));
    }
    let number = |expression| cast(micros(expression), DataType::Int64);
    let time = ident(&schema.event_time.column);
    let batches = parquet(&SessionContext::new(), path, schema)
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

/// The columns of a Parquet file, or of a folder of them, that the schema reads.
async fn parquet(context: &SessionContext, path: &Path, schema: &Schema) -> Result<DataFrame, Error> {
    let name = path.to_str().ok_or_else(|| Error::Format { path: path.display().to_string() })?;
    let frame = context.read_parquet(name, ParquetReadOptions::default()).await?;
    if let Some(label) = schema.label.as_ref().filter(|label| !frame.schema().has_column_with_unqualified_name(&label.column)) {
        return Err(Error::NoLabelColumn { path: name.to_owned(), column: label.column.clone() });
    }
    let decoder = Decoder::new(frame.schema().as_arrow(), schema).map_err(|source| columns(path, source))?;
    let wanted: Vec<Expr> = decoder.columns().iter().map(|column| ident(frame.schema().field(*column).name())).collect();
    Ok(frame.select(wanted)?)
}

/// All rows of a text file: the rejected ones, then the events by time and id.
fn text(path: &Path, schema: &Schema) -> Result<Vec<Row>, Error> {
    let mut rows: Vec<Row> = Vec::new();
    for chunk in file::open(path, schema)? {
        rows.extend(chunk?);
    }
    rows.sort_by(|a, b| match (a, b) {
        (Ok(a), Ok(b)) => (a.event.occurred_at, &a.event.event_id).cmp(&(b.event.occurred_at, &b.event.event_id)),
        (a, b) => a.is_ok().cmp(&b.is_ok()),
    });
    Ok(rows)
}

/// Whether DataFusion reads it; what nobody reads is an error.
fn is_parquet(path: &Path) -> Result<bool, Error> {
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

fn columns(path: &Path, source: ingest::decode::ColumnError) -> Error {
    Error::Columns { path: path.display().to_string(), source }
}

/// A time of any unit in microseconds, without a zone.
fn micros(time: Expr) -> Expr {
    cast(time, DataType::Timestamp(TimeUnit::Microsecond, None))
}
