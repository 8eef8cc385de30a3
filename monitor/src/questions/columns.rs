//! Answers with many rows, read by columns: each by its name and as the type that is asked for, whichever of a kind the backend gives.

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, ListArray, MapArray, RecordBatch, StringArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, TimeUnit, TimestampMicrosecondType};
use arrow::error::ArrowError;
use ingest::Timestamp;

use crate::error::Error;

/// A part of an answer.
pub(crate) struct Columns<'a> {
    question: &'static str,
    batch: &'a RecordBatch,
}

impl<'a> Columns<'a> {
    pub(crate) const fn new(question: &'static str, batch: &'a RecordBatch) -> Self {
        Self { question, batch }
    }

    pub(crate) fn numbers(&self, name: &str) -> Result<Float64Array, Error> {
        Ok(self.of(name, &DataType::Float64)?.as_primitive().clone())
    }

    /// Whole numbers; positions of the log and money fit.
    pub(crate) fn whole(&self, name: &str) -> Result<Int64Array, Error> {
        Ok(self.of(name, &DataType::Int64)?.as_primitive().clone())
    }

    pub(crate) fn texts(&self, name: &str) -> Result<StringArray, Error> {
        Ok(self.of(name, &DataType::Utf8)?.as_string().clone())
    }

    pub(crate) fn flags(&self, name: &str) -> Result<BooleanArray, Error> {
        Ok(self.of(name, &DataType::Boolean)?.as_boolean().clone())
    }

    /// Times, all of them known.
    pub(crate) fn times(&self, name: &str) -> Result<Vec<Timestamp>, Error> {
        let times = self.of(name, &DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))?;
        Ok(times
            .as_primitive::<TimestampMicrosecondType>()
            .values()
            .iter()
            .map(|micros| Timestamp::from_micros(*micros))
            .collect())
    }

    /// Lists of texts.
    pub(crate) fn lists(&self, name: &str) -> Result<ListArray, Error> {
        let item = Field::new_list_field(DataType::Utf8, true);
        Ok(self.of(name, &DataType::List(item.into()))?.as_list::<i32>().clone())
    }

    /// Texts by name.
    pub(crate) fn maps(&self, name: &str) -> Result<MapArray, Error> {
        let column = self.column(name)?;
        column.as_map_opt().cloned().ok_or_else(|| self.unreadable(format!("column {name} is no map but {}", column.data_type())))
    }

    fn column(&self, name: &str) -> Result<&'a ArrayRef, Error> {
        self.batch.column_by_name(name).ok_or_else(|| self.unreadable(format!("there is no column {name}")))
    }

    fn of(&self, name: &str, kind: &DataType) -> Result<ArrayRef, Error> {
        cast(self.column(name)?, kind).map_err(|source| super::unreadable(self.question, source))
    }

    fn unreadable(&self, what: String) -> Error {
        super::unreadable(self.question, ArrowError::SchemaError(what))
    }
}

/// What an event moved, and what is at stake with it: the loss that a label names, or else that. Nothing of either where it is in another
/// currency than what is told, as it cannot be added up with the rest.
pub(crate) fn money(amount: Option<i64>, loss: Option<i64>, is_elsewhere: bool) -> (Option<i64>, i64) {
    let told = |minor: Option<i64>| minor.filter(|_| !is_elsewhere);
    (told(amount), told(loss.or(amount)).unwrap_or_default().max(0))
}

/// A value where there is one.
pub(crate) fn known<T>(array: &impl Array, row: usize, value: impl Fn(usize) -> T) -> Option<T> {
    array.is_valid(row).then(|| value(row))
}
