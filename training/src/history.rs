//! Historical events from files, through DataFusion: the columns that the pipeline declares, in the order of time, in batches.

use std::path::Path;

use arrow::datatypes::DataType;
use datafusion::dataframe::DataFrame;
use datafusion::functions_aggregate::expr_fn::{max, min};
use datafusion::logical_expr::{cast, col, ident, lit};
use datafusion::prelude::{CsvReadOptions, ParquetReadOptions, SessionContext};
use datafusion::scalar::ScalarValue;
use ingest::Timestamp;
use ingest::decode::arrow::Decoder;
use ingest::schema::Schema;

use crate::error::Error;

/// The rows of a Parquet or CSV file (or of a folder of Parquet files) before `until`, by time and then by event id.
pub(crate) async fn read(
    context: &SessionContext,
    path: &Path,
    schema: &Schema,
    until: Option<Timestamp>,
) -> Result<DataFrame, Error> {
    if !path.exists() {
        return Err(Error::NoFile { path: path.display().to_string() });
    }
    let name = path.to_str().ok_or_else(|| Error::NoFile { path: path.display().to_string() })?;
    let frame = match path.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => context.read_csv(name, CsvReadOptions::new()).await?,
        Some("parquet") => context.read_parquet(name, ParquetReadOptions::default()).await?,
        None if path.is_dir() => context.read_parquet(name, ParquetReadOptions::default()).await?,
        _ => return Err(Error::Format { path: name.to_owned() }),
    };
    if let Some(label) = schema.label.as_ref().filter(|label| !frame.schema().has_column_with_unqualified_name(&label.column)) {
        return Err(Error::NoLabelColumn { path: name.to_owned(), column: label.column.clone() });
    }
    let columns = Decoder::new(frame.schema().as_arrow(), schema)
        .map_err(|source| Error::Columns { path: name.to_owned(), source })?
        .columns()
        .iter()
        .map(|column| ident(frame.schema().field(*column).name()))
        .collect::<Vec<_>>();
    let time = ident(&schema.event_time.column);
    let mut frame = frame;
    if let Some(until) = until {
        let limit = ScalarValue::TimestampMicrosecond(Some(until.micros()), None);
        let at = cast(time.clone(), DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, None));
        frame = frame.filter(at.lt(lit(limit)))?;
    }
    let order = vec![time.sort(true, false), ident(&schema.event_id.column).sort(true, false)];
    Ok(frame.select(columns)?.sort(order)?)
}

/// The first and the last event time of a file, `None` when it has no rows.
pub async fn span(path: &Path, schema: &Schema) -> Result<Option<(Timestamp, Timestamp)>, Error> {
    let frame = read(&SessionContext::new(), path, schema, None).await?;
    let micros =
        |expression| cast(cast(expression, DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, None)), DataType::Int64);
    let time = ident(&schema.event_time.column);
    let batches = frame
        .aggregate(vec![], vec![min(time.clone()).alias("first"), max(time).alias("last")])?
        .select(vec![micros(col("first")).alias("first"), micros(col("last")).alias("last")])?
        .collect()
        .await?;
    let number = |column: usize| {
        let batch = batches.first().filter(|batch| batch.num_rows() == 1)?;
        let column = batch.column(column).as_any().downcast_ref::<arrow::array::Int64Array>()?;
        (!arrow::array::Array::is_null(column, 0)).then(|| Timestamp::from_micros(column.value(0)))
    };
    Ok(number(0).zip(number(1)))
}
