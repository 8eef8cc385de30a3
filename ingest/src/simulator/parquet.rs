//! Simulated transactions as Arrow batches and as a Parquet file, with the column names of the Fraud Detection Handbook.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::file::properties::WriterProperties;
use arrow::array::{ArrayRef, Int8Array, Int32Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::{Error, Simulator, Transaction};

static COLUMNS: LazyLock<SchemaRef> = LazyLock::new(|| {
    let column = |name: &str, data_type| Field::new(name, data_type, false);
    Arc::new(Schema::new(vec![
        column("TRANSACTION_ID", DataType::Int64),
        column("TX_DATETIME", DataType::Timestamp(TimeUnit::Microsecond, None)),
        column("CUSTOMER_ID", DataType::Int32),
        column("TERMINAL_ID", DataType::Int32),
        column("TX_AMOUNT_CENTS", DataType::Int64),
        column("TX_FRAUD", DataType::Int8),
        column("TX_FRAUD_SCENARIO", DataType::Int8),
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

/// Writes every day into one file and says how many transactions there are. `progress` is told the days done, after each. The
/// file appears under its name only when it is whole.
pub fn write(simulator: Simulator, path: &Path, progress: &mut dyn FnMut(u32)) -> Result<u64, Error> {
    if simulator.settings.days.is_none() {
        return Err(Error::Endless { path: path.to_owned() });
    }
    let io = |action, path: &Path| {
        let path = path.to_owned();
        move |source| Error::Io { action, path, source }
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(io("create", folder))?;
    }
    let part = Part(with_ending(path, ".part"));
    let file = File::create(&part.0).map_err(io("create", &part.0))?;
    let (file, count) =
        write_days(simulator, file, progress).map_err(|source| Error::Parquet { path: part.0.clone(), source })?;
    file.sync_all().map_err(io("write", &part.0))?;
    fs::rename(&part.0, path).map_err(io("create", path))?;
    Ok(count)
}

fn write_days(
    simulator: Simulator,
    file: File,
    progress: &mut dyn FnMut(u32),
) -> Result<(File, u64), ::parquet::errors::ParquetError> {
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let mut writer = ArrowWriter::try_new(file, Arc::clone(&COLUMNS), Some(properties))?;
    let mut count = 0;
    for (days_done, day) in (1..).zip(simulator) {
        writer.write(&batch(&day))?;
        count += day.len() as u64;
        progress(days_done);
    }
    Ok((writer.into_inner()?, count))
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
