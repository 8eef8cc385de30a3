//! The rows of files as DataFusion sorts them: a time, a place, and the event as the log would keep it. So files of different kinds and
//! with different columns are sorted together.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use arrow::array::{BinaryBuilder, BooleanBuilder, Int64Builder, RecordBatch, UInt32Builder, UInt64Builder};
use arrow::datatypes::{DataType, Field, Schema as Columns, SchemaRef};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use ingest::decode::{Rejected, Row, file};
use ingest::log::record::encode_event;
use ingest::schema::Schema;
use ingest::{Outcome, Timestamp};

use crate::error::Error;
use crate::files::{DataFile, Files};

/// What is found on the way.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Rows that are no events, with the number of their file.
    pub(super) rejected: Vec<(u32, Rejected)>,
    /// The first and the last event time.
    pub(super) span: Option<(Timestamp, Timestamp)>,
    /// What stopped the reading.
    pub(super) failed: Option<Error>,
}

/// Shared by the one who reads and the one who asks.
pub(super) type Shared = Arc<Mutex<Found>>;

/// What rows are sorted by.
pub(super) const ORDER: [&str; 3] = ["time", "file", "row"];

/// The columns that are sorted.
pub(super) fn columns() -> SchemaRef {
    static COLUMNS: LazyLock<SchemaRef> = LazyLock::new(|| {
        Arc::new(Columns::new(vec![
            Field::new("time", DataType::Int64, false),
            Field::new("file", DataType::UInt32, false),
            Field::new("row", DataType::UInt64, false),
            Field::new("event", DataType::Binary, false),
            Field::new("bad", DataType::Boolean, true),
        ]))
    });
    Arc::clone(&COLUMNS)
}

/// Opens every file once, so that what does not fit is said before anything is read.
pub(super) fn check(files: &Files, schema: &Schema) -> Result<(), Error> {
    let mut are_empty = true;
    for file in files.iter() {
        let Some(rows) = open(file, schema)? else { continue };
        are_empty = false;
        if let Some(label) = schema.label.as_ref().filter(|_| !rows.has_label()) {
            let (path, column) = (file.path.display().to_string(), label.column.clone());
            return Err(Error::NoLabelColumn { path, column });
        }
    }
    match files.iter().next().filter(|_| are_empty) {
        Some(first) => Err(file::Error::Empty { path: first.path.clone() }.into()),
        None => Ok(()),
    }
}

/// The rows of a file; nothing where there are none, as in some part of most tables.
fn open(file: &DataFile, schema: &Schema) -> Result<Option<file::Rows>, Error> {
    match file::open_part(&file.path, &file.partition, schema) {
        Err(file::Error::Empty { .. }) => Ok(None),
        rows => Ok(Some(rows?)),
    }
}

/// Reads one file after the other.
#[derive(Debug)]
pub(super) struct Reader {
    files: Arc<Files>,
    schema: Arc<Schema>,
    until: Option<Timestamp>,
    found: Shared,
    columns: SchemaRef,
}

impl Reader {
    /// Of what lies before `until`.
    pub(super) fn new(files: Arc<Files>, schema: Arc<Schema>, until: Option<Timestamp>, found: Shared) -> Self {
        Self { files, schema, until, found, columns: columns() }
    }
}

impl PartitionStream for Reader {
    fn schema(&self) -> &SchemaRef {
        &self.columns
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (files, found) = (Arc::clone(&self.files), Arc::clone(&self.found));
        let mut reading = Reading {
            files: Arc::clone(&self.files),
            schema: Arc::clone(&self.schema),
            until: self.until,
            found: Arc::clone(&self.found),
            file: 0,
            row: 0,
            rows: None,
        };
        let next = move || reading.next().transpose();
        let batches = std::iter::from_fn(next).map(move |batch| {
            batch.map_err(|error| {
                let said = DataFusionError::Execution(format!("{error} ({} files)", files.iter().len()));
                found.lock().unwrap_or_else(PoisonError::into_inner).failed = Some(error);
                said
            })
        });
        Box::pin(RecordBatchStreamAdapter::new(columns(), futures::stream::iter(batches)))
    }
}

/// Where the reader is.
struct Reading {
    files: Arc<Files>,
    schema: Arc<Schema>,
    until: Option<Timestamp>,
    found: Shared,
    /// The number of the file that is read, or opened next.
    file: u32,
    /// How many rows of it were read.
    row: u64,
    rows: Option<file::Rows>,
}

impl Reading {
    fn next(&mut self) -> Result<Option<RecordBatch>, Error> {
        loop {
            if self.rows.is_none() {
                let Some(file) = self.files.iter().nth(self.file as usize) else { return Ok(None) };
                self.rows = open(file, &self.schema)?;
            }
            match self.rows.as_mut().and_then(Iterator::next) {
                Some(rows) => return self.batch(rows?).map(Some),
                None => {
                    self.rows = None;
                    self.file += 1;
                    self.row = 0;
                }
            }
        }
    }

    fn batch(&mut self, rows: Vec<Row>) -> Result<RecordBatch, Error> {
        let (mut times, mut files, mut numbers) = (Int64Builder::new(), UInt32Builder::new(), UInt64Builder::new());
        let (mut events, mut labels) = (BinaryBuilder::new(), BooleanBuilder::new());
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        for row in rows {
            self.row += 1;
            let past = match row {
                Ok(past) => past,
                Err(rejected) => {
                    found.rejected.push((self.file, rejected));
                    continue;
                }
            };
            let time = past.event.occurred_at;
            extend(&mut found.span, time);
            if self.until.is_some_and(|until| time >= until) {
                continue;
            }
            times.append_value(time.micros());
            files.append_value(self.file);
            numbers.append_value(self.row);
            events.append_value(encode_event(&past.event, time, &self.schema));
            labels.append_option(past.label.map(Outcome::is_bad));
        }
        drop(found);
        Ok(RecordBatch::try_new(
            columns(),
            vec![
                Arc::new(times.finish()),
                Arc::new(files.finish()),
                Arc::new(numbers.finish()),
                Arc::new(events.finish()),
                Arc::new(labels.finish()),
            ],
        )?)
    }
}

/// Makes a span hold a time.
pub(super) fn extend(span: &mut Option<(Timestamp, Timestamp)>, time: Timestamp) {
    *span = Some(span.map_or((time, time), |(first, last)| (first.min(time), last.max(time))));
}
