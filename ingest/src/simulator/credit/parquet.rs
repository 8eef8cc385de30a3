//! Simulated applications as Arrow batches and as a Parquet file, with the columns that `pipelines/credit.toml` names.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int8Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::{Application, EMPLOYMENTS, HOUSINGS, PURPOSES, Simulator};
use crate::simulator::Error;
use crate::simulator::parquet::write_whole;

static COLUMNS: LazyLock<SchemaRef> = LazyLock::new(|| {
    let (present, absent) = (|name: &str, kind| Field::new(name, kind, false), |name: &str, kind| Field::new(name, kind, true));
    Arc::new(Schema::new(vec![
        present("APPLICATION_ID", DataType::Int64),
        present("APPLIED_AT", DataType::Timestamp(TimeUnit::Microsecond, None)),
        present("APPLICANT_ID", DataType::UInt32),
        present("ADDRESS_ID", DataType::UInt32),
        present("DEVICE_ID", DataType::UInt32),
        present("LOAN_AMOUNT_MINOR", DataType::Int64),
        present("TERM_MONTHS", DataType::Int64),
        present("PURPOSE", DataType::Utf8),
        present("AGE", DataType::Int64),
        absent("MONTHLY_INCOME_MINOR", DataType::Int64),
        present("MONTHLY_DEBT_PAYMENTS_MINOR", DataType::Int64),
        present("EMPLOYMENT", DataType::Utf8),
        present("EMPLOYMENT_MONTHS", DataType::Int64),
        present("HOUSING", DataType::Utf8),
        present("DELINQUENCIES_24M", DataType::Int64),
        present("INQUIRIES_6M", DataType::Int64),
        present("OPEN_LINES", DataType::Int64),
        absent("UTILISATION", DataType::Float64),
        absent("OLDEST_LINE_MONTHS", DataType::Int64),
        present("INSOLVENT", DataType::Boolean),
        present("DEFAULTED", DataType::Int8),
    ]))
});

/// Applications as a batch. Times are UTC without saying so, as those of payments.
pub fn batch(applications: &[Application]) -> RecordBatch {
    let whole = |of: fn(&Application) -> i64| Arc::new(Int64Array::from_iter_values(applications.iter().map(of))) as ArrayRef;
    let some = |of: fn(&Application) -> Option<i64>| Arc::new(Int64Array::from_iter(applications.iter().map(of))) as ArrayRef;
    let key = |of: fn(&Application) -> u32| Arc::new(UInt32Array::from_iter_values(applications.iter().map(of))) as ArrayRef;
    let word =
        |of: fn(&Application) -> &'static str| Arc::new(StringArray::from_iter_values(applications.iter().map(of))) as ArrayRef;
    let rows = || applications.iter();
    let columns: Vec<ArrayRef> = vec![
        whole(|row| row.application_id as i64),
        Arc::new(TimestampMicrosecondArray::from_iter_values(rows().map(|row| row.applied_at.micros()))),
        key(|row| row.applicant_id),
        key(|row| row.address_id),
        key(|row| row.device_id),
        whole(|row| row.amount_minor),
        whole(|row| row.term_months),
        word(|row| PURPOSES[row.purpose]),
        whole(|row| row.age),
        some(|row| row.income_minor),
        whole(|row| row.debt_payments_minor),
        word(|row| EMPLOYMENTS[row.employment]),
        whole(|row| row.employment_months),
        word(|row| HOUSINGS[row.housing]),
        whole(|row| row.delinquencies_24m),
        whole(|row| row.inquiries_6m),
        whole(|row| row.open_lines),
        Arc::new(Float64Array::from_iter(rows().map(|row| row.utilisation))),
        some(|row| row.oldest_line_months),
        Arc::new(BooleanArray::from_iter(rows().map(|row| Some(row.insolvent)))),
        Arc::new(Int8Array::from_iter_values(rows().map(|row| i8::from(row.defaulted)))),
    ];
    RecordBatch::try_new(Arc::clone(&COLUMNS), columns).expect("the columns are those of the schema, and equally long")
}

/// Writes every day into one file, and says how many applications there are. `progress` is told the days done, after each. The file appears
/// under its name only when it is whole.
pub fn write(simulator: Simulator, path: &Path, progress: &mut dyn FnMut(u32)) -> Result<u64, Error> {
    if simulator.settings().days.is_none() {
        return Err(Error::Endless { path: path.to_owned() });
    }
    let days = (1..).zip(simulator).map(|(days_done, day)| {
        progress(days_done);
        Ok(batch(&day))
    });
    write_whole(days, &COLUMNS, path)
}
