//! Simulated transactions as Arrow batches and as a Parquet file, with the column names of the Fraud Detection Handbook; and files of
//! such transactions, copied with drifts in them. No file is held in memory.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use ::parquet::arrow::ArrowWriter;
use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::file::properties::WriterProperties;
use arrow::array::{ArrayRef, Int8Array, Int32Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::{Error, Injection, Simulator, Transaction};

pub(super) const ID: &str = "TRANSACTION_ID";
pub(super) const TIME: &str = "TX_DATETIME";
pub(super) const CUSTOMER: &str = "CUSTOMER_ID";
pub(super) const TERMINAL: &str = "TERMINAL_ID";
pub(super) const AMOUNT: &str = "TX_AMOUNT_CENTS";
pub(super) const FRAUD: &str = "TX_FRAUD";
pub(super) const SCENARIO: &str = "TX_FRAUD_SCENARIO";

static COLUMNS: LazyLock<SchemaRef> = LazyLock::new(|| {
    let column = |name: &str, data_type| Field::new(name, data_type, false);
    Arc::new(Schema::new(vec![
        column(ID, DataType::Int64),
        column(TIME, DataType::Timestamp(TimeUnit::Microsecond, None)),
        column(CUSTOMER, DataType::Int32),
        column(TERMINAL, DataType::Int32),
        column(AMOUNT, DataType::Int64),
        column(FRAUD, DataType::Int8),
        column(SCENARIO, DataType::Int8),
    ]))
});

/// Transactions as a batch. Times are UTC without saying so, as in the Handbook's own files.
pub fn batch(transactions: &[Transaction]) -> RecordBatch {
    let rows = || transactions.iter();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(rows().map(|row| row.transaction_id as i64))),
        Arc::new(TimestampMicrosecondArray::from_iter_values(rows().map(|row| row.occurred_at.micros()))),
        Arc::new(Int32Array::from_iter_values(rows().map(|row| row.customer_id as i32))),
        Arc::new(Int32Array::from_iter_values(rows().map(|row| row.terminal_id as i32))),
        Arc::new(Int64Array::from_iter_values(rows().map(|row| row.amount_minor))),
        Arc::new(Int8Array::from_iter_values(rows().map(|row| i8::from(row.fraud)))),
        Arc::new(Int8Array::from_iter_values(rows().map(|row| row.scenario as i8))),
    ];
    RecordBatch::try_new(Arc::clone(&COLUMNS), columns).expect("the columns are those of the schema, and equally long")
}

/// Writes every day into one file, with drifts, and says how many transactions there are. `progress` is told the days done, after each.
/// The file appears under its name only when it is whole.
pub fn write(simulator: Simulator, injection: &mut Injection, path: &Path, progress: &mut dyn FnMut(u32)) -> Result<u64, Error> {
    if simulator.settings.days.is_none() {
        return Err(Error::Endless { path: path.to_owned() });
    }
    let days = (1..).zip(simulator).map(|(days_done, day)| {
        progress(days_done);
        Ok(batch(&day))
    });
    write_batches(days, &COLUMNS, injection, path)
}

/// Copies a Parquet file of transactions in the order of time, with drifts, and says how many transactions the copy
/// has. `progress` is told the transactions read. The copy appears under its name only when it is whole.
pub fn copy(from: &Path, injection: &mut Injection, to: &Path, progress: &mut dyn FnMut(u64)) -> Result<u64, Error> {
    let file = File::open(from).map_err(io("read", from))?;
    let broken = |source| Error::History { path: from.to_owned(), source };
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(broken)?;
    let columns = Arc::clone(builder.schema());
    let mut read = 0;
    let batches = builder.build().map_err(broken)?.map(|batch| {
        let batch = batch.map_err(|error| broken(error.into()))?;
        read += batch.num_rows() as u64;
        progress(read);
        Ok(batch)
    });
    write_batches(batches, &columns, injection, to)
}

fn write_batches(
    batches: impl Iterator<Item = Result<RecordBatch, Error>>,
    columns: &SchemaRef,
    injection: &mut Injection,
    path: &Path,
) -> Result<u64, Error> {
    let columns = injection.columns(columns)?;
    let mut last = false;
    let mut batches = batches;
    let drifted = std::iter::from_fn(|| match batches.next() {
        Some(batch) => Some(batch.and_then(|batch| injection.apply(&batch, &columns))),
        None if last => None,
        None => {
            last = true;
            Some(injection.finish(&columns).and_then(|batch| injection.check_begun().map(|()| batch)))
        }
    });
    write_whole(drifted, &columns, path)
}

/// Writes batches into a file that appears under its name only when it is whole, and says how many rows there are.
pub(super) fn write_whole(
    batches: impl Iterator<Item = Result<RecordBatch, Error>>,
    columns: &SchemaRef,
    path: &Path,
) -> Result<u64, Error> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(io("create", folder))?;
    }
    let part = Part(with_ending(path, ".part"));
    let file = File::create(&part.0).map_err(io("create", &part.0))?;
    let broken = |source| Error::Parquet { path: part.0.clone(), source };
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let mut writer = ArrowWriter::try_new(file, Arc::clone(columns), Some(properties)).map_err(broken)?;
    let mut count = 0;
    for batch in batches {
        let batch = batch?;
        count += batch.num_rows() as u64;
        writer.write(&batch).map_err(broken)?;
    }
    let file = writer.into_inner().map_err(broken)?;
    file.sync_all().map_err(io("write", &part.0))?;
    fs::rename(&part.0, path).map_err(io("create", path))?;
    Ok(count)
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { action, path, source }
}

/// A file that is not whole yet. It is removed at the end, when it has not been renamed.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        // Gone already when all went well; when not, the first error is the one to report.
        let _ = fs::remove_file(&self.0);
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
