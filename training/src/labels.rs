//! Labels in a file of their own, in the order in which they were observed: Parquet or CSV with the columns `event_id`, `label`
//! (fraud, legit, default, repaid; or 1 and 0) and `observed_at`.

use std::path::Path;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{cast, ident};
use datafusion::prelude::{CsvReadOptions, ParquetReadOptions, SessionContext};
use futures::TryStreamExt;
use ingest::{EventId, Label, LabelSource, Outcome, Timestamp};

use crate::error::Error;
use crate::history::{is_parquet, micros};

/// Labels, chunk by chunk.
pub struct Labels {
    path: String,
    stream: SendableRecordBatchStream,
    read: u64,
}

const COLUMNS: [&str; 3] = ["event_id", "label", "observed_at"];

impl Labels {
    /// Opens a file, or a folder of Parquet files.
    pub async fn open(context: &SessionContext, path: &Path) -> Result<Self, Error> {
        let is_parquet = is_parquet(path)?;
        let name = path.to_str().ok_or_else(|| Error::Format { path: path.display().to_string() })?;
        let frame = match path.extension().and_then(|extension| extension.to_str()) {
            _ if is_parquet => context.read_parquet(name, ParquetReadOptions::default()).await?,
            Some("csv") => context.read_csv(name, CsvReadOptions::new()).await?,
            _ => return Err(Error::Format { path: name.to_owned() }),
        };
        if let Some(missing) = COLUMNS.iter().find(|column| !frame.schema().has_column_with_unqualified_name(column)) {
            return Err(Error::NoLabelColumn { path: name.to_owned(), column: (*missing).to_owned() });
        }
        let [event_id, label, observed_at] = COLUMNS.map(ident);
        let order = vec![ident("observed_at").sort(true, false), ident("event_id").sort(true, false)];
        let text = |column| cast(column, DataType::Utf8);
        let columns =
            vec![text(event_id).alias("event_id"), text(label).alias("label"), micros(observed_at).alias("observed_at")];
        let stream = frame.select(columns)?.sort(order)?.execute_stream().await?;
        Ok(Self { path: name.to_owned(), stream, read: 0 })
    }

    /// The next labels; `None` at the end. One that cannot be read is an error that names it.
    pub async fn next(&mut self) -> Result<Option<Vec<Label>>, Error> {
        let Some(batch) = self.stream.try_next().await? else { return Ok(None) };
        let mut labels = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            self.read += 1;
            labels.push(label(&batch, row).map_err(|reason| Error::Label {
                path: self.path.clone(),
                number: self.read,
                reason: reason.to_owned(),
            })?);
        }
        Ok(Some(labels))
    }
}

fn label(batch: &RecordBatch, row: usize) -> Result<Label, &'static str> {
    use arrow::array::Array;
    let text = |column: usize| {
        let column = batch.column(column).as_string::<i32>();
        column.is_valid(row).then(|| column.value(row))
    };
    let observed_at = batch.column(2).as_primitive::<TimestampMicrosecondType>();
    if observed_at.is_null(row) {
        return Err("observed_at is missing");
    }
    let label = match text(1).ok_or("label is missing")? {
        "fraud" | "1" | "true" => Outcome::Fraud,
        "legit" | "0" | "false" => Outcome::Legit,
        "default" => Outcome::Default,
        "repaid" => Outcome::Repaid,
        _ => return Err("label must be fraud, legit, default or repaid (or 1 and 0)"),
    };
    Ok(Label {
        event_id: text(0).and_then(EventId::new).ok_or("event_id must have 1 to 200 bytes")?,
        label,
        source: LabelSource::Chargeback,
        category: None,
        observed_at: Timestamp::from_micros(observed_at.value(row)),
        amount_minor: None,
    })
}
