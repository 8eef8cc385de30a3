//! Arrow batches, out of Parquet files or of queries. A batch is read column by column, each by a loop over its own type, and
//! then put together row by row.

mod partition;
#[cfg(test)]
mod tests;

use std::fmt::Write;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, RecordBatch, downcast_integer_array, new_empty_array};
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Date64Type, Float32Type, Float64Type, Schema as Columns, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};

pub(super) use self::partition::Partition;
use super::check::{self, Cell, Reason};
use super::row::{self, Parts};
use super::{ColumnError, Row};
use crate::event::{Currency, EventId, Value};
use crate::schema::{Place, Schema, ValueType};
use crate::time::Timestamp;

/// Reads batches that all have the same columns.
///
/// Ids and keys may be text or whole numbers of any width; whole numbers may be floats without a fraction; times may be
/// timestamps of any unit (without a zone: UTC), dates (their midnight) or text; flags may be booleans, 0 or 1. A null is an
/// absent value.
#[derive(Clone, Debug)]
pub struct Decoder {
    schema: Schema,
    columns: Vec<usize>,
    rows: u64,
}

impl Decoder {
    /// Refuses columns of which one is missing or has a type that cannot hold its part of an event. Columns of optional parts,
    /// of the currency and of the label may be missing.
    pub fn new(columns: &Columns, schema: &Schema) -> Result<Self, ColumnError> {
        let mut find = Find { columns, found: Vec::new() };
        find.part("event_id", &schema.event_id.column, true, ID, |array| ids(array, check::event_id).is_some())?;
        find.part("event_time", &schema.event_time.column, true, TIME, |array| times(array).is_some())?;
        if let Some(Place { column, .. }) = &schema.amount_minor {
            find.part("amount_minor", column, true, WHOLE, |array| integers(array, check::minor).is_some())?;
        }
        if let Some(Place { column, .. }) = &schema.currency {
            find.part("currency", column, false, TEXT, |array| texts(array, check::currency).is_some())?;
        }
        for entity in &schema.entities {
            let fits = |array: &dyn Array| ids(array, check::key).is_some();
            find.part(&entity.name, &entity.place.column, entity.required, ID, fits)?;
        }
        for attribute in &schema.attributes {
            let expected = match attribute.value_type {
                ValueType::Text => ID,
                ValueType::Integer => WHOLE,
                ValueType::Number => "numbers",
                ValueType::Flag => FLAG,
            };
            let fits = |array: &dyn Array| values(array, attribute.value_type).is_some();
            find.part(&attribute.name, &attribute.place.column, attribute.required, expected, fits)?;
        }
        if let Some(label) = &schema.label {
            find.part("label", &label.column, false, FLAG, |array| flags(array).is_some())?;
        }
        Ok(Self { schema: schema.clone(), columns: find.found, rows: 0 })
    }

    /// The numbers of the columns that are read; all others can be left out of a batch.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// The rows of a batch, in its order. Rows are numbered from 1, on from one batch to the next.
    pub fn decode(&mut self, batch: &RecordBatch) -> Vec<Row> {
        let mut cells = Cells::new(batch, &self.schema);
        let mut rows = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            cells.row = row;
            self.rows += 1;
            rows.push(row::historical(&mut cells, &self.schema).map_err(|rejection| rejection.at(self.rows)));
        }
        rows
    }
}

const ID: &str = "text or whole numbers";
const TIME: &str = "timestamps, dates or text";
const TEXT: &str = "text";
const WHOLE: &str = "whole numbers";
const FLAG: &str = "booleans, or 0 and 1";

/// Looks for the columns of an event.
struct Find<'a> {
    columns: &'a Columns,
    found: Vec<usize>,
}

impl Find<'_> {
    /// `fits` is asked with a column of no rows, so that the functions that read are the only list of types that can be read.
    fn part(
        &mut self,
        part: &str,
        column: &str,
        is_required: bool,
        expected: &'static str,
        fits: impl Fn(&dyn Array) -> bool,
    ) -> Result<(), ColumnError> {
        let (column, part) = (column.to_owned(), part.to_owned());
        match self.columns.column_with_name(&column) {
            Some((number, field)) if fits(&plain(&new_empty_array(field.data_type()))) => self.found.push(number),
            Some((_, field)) => {
                return Err(ColumnError::Type { column, part, found: field.data_type().to_string(), expected });
            }
            None if is_required => {
                let names: Vec<&str> = self.columns.fields().iter().map(|field| field.name().as_str()).collect();
                return Err(ColumnError::Missing { column, part, present: names.join(", ") });
            }
            None => {}
        }
        Ok(())
    }
}

/// The cells of a batch, read and waiting to be put together. A part without a column has no cells.
struct Cells {
    row: usize,
    event_id: Vec<Cell<EventId>>,
    event_time: Vec<Cell<Timestamp>>,
    amount_minor: Vec<Cell<i64>>,
    currency: Vec<Cell<Currency>>,
    entities: Vec<Vec<Cell<Box<str>>>>,
    attributes: Vec<Vec<Cell<Value>>>,
    label: Vec<Cell<bool>>,
}

impl Cells {
    fn new(batch: &RecordBatch, schema: &Schema) -> Self {
        /// A batch that is not what was announced has no cells here, and so its rows are rejected.
        fn read<T>(batch: &RecordBatch, column: &str, read: impl Fn(&dyn Array) -> Option<Vec<Cell<T>>>) -> Vec<Cell<T>> {
            batch.column_by_name(column).and_then(|array| read(&plain(array))).unwrap_or_default()
        }
        let minor = |array: &dyn Array| integers(array, check::minor);
        let currency = |array: &dyn Array| texts(array, check::currency);
        Self {
            row: 0,
            event_id: read(batch, &schema.event_id.column, |array| ids(array, check::event_id)),
            event_time: read(batch, &schema.event_time.column, times),
            amount_minor: schema.amount_minor.as_ref().map_or_else(Vec::new, |place| read(batch, &place.column, minor)),
            currency: schema.currency.as_ref().map_or_else(Vec::new, |place| read(batch, &place.column, currency)),
            entities: schema
                .entities
                .iter()
                .map(|entity| read(batch, &entity.place.column, |array| ids(array, check::key)))
                .collect(),
            attributes: schema
                .attributes
                .iter()
                .map(|attribute| read(batch, &attribute.place.column, |array| values(array, attribute.value_type)))
                .collect(),
            label: schema.label.as_ref().map_or_else(Vec::new, |label| read(batch, &label.column, flags)),
        }
    }
}

fn take<T>(cells: &mut [Cell<T>], row: usize) -> Cell<T> {
    cells.get_mut(row).map_or(Ok(None), |cell| std::mem::replace(cell, Ok(None)))
}

impl Parts for Cells {
    fn name(place: &Place) -> String {
        place.column.clone()
    }

    fn event_id(&mut self) -> Cell<EventId> {
        take(&mut self.event_id, self.row)
    }

    fn event_time(&mut self) -> Cell<Timestamp> {
        take(&mut self.event_time, self.row)
    }

    fn amount_minor(&mut self) -> Cell<i64> {
        take(&mut self.amount_minor, self.row)
    }

    fn currency(&mut self) -> Cell<Currency> {
        take(&mut self.currency, self.row)
    }

    fn entity(&mut self, number: usize) -> Cell<Box<str>> {
        take(&mut self.entities[number], self.row)
    }

    fn attribute(&mut self, number: usize, _: ValueType) -> Cell<Value> {
        take(&mut self.attributes[number], self.row)
    }

    fn label(&mut self) -> Cell<bool> {
        take(&mut self.label, self.row)
    }
}

/// A column without its dictionary, if it has one.
fn plain(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Dictionary(_, value) => cast(array, value).unwrap_or_else(|_| ArrayRef::clone(array)),
        _ => ArrayRef::clone(array),
    }
}

/// Every cell through `read`. The functions below say `None` of a column whose type they do not read.
fn cells<A, T>(array: impl Iterator<Item = Option<A>>, mut read: impl FnMut(A) -> Result<T, Reason>) -> Option<Vec<Cell<T>>> {
    Some(array.map(|cell| cell.map(&mut read).transpose()).collect())
}

/// What a column holds whose every cell is null.
fn nothing<T>(array: &dyn Array) -> Option<Vec<Cell<T>>> {
    (*array.data_type() == DataType::Null).then(|| std::iter::repeat_with(|| Ok(None)).take(array.len()).collect())
}

fn texts<T>(array: &dyn Array, read: impl Fn(&str) -> Result<T, Reason>) -> Option<Vec<Cell<T>>> {
    match array.data_type() {
        DataType::Utf8 => cells(array.as_string::<i32>().iter(), read),
        DataType::LargeUtf8 => cells(array.as_string::<i64>().iter(), read),
        DataType::Utf8View => cells(array.as_string_view().iter(), read),
        _ => nothing(array),
    }
}

fn ids<T>(array: &dyn Array, read: impl Fn(&str) -> Result<T, Reason>) -> Option<Vec<Cell<T>>> {
    let mut digits = String::with_capacity(20);
    downcast_integer_array!(
        array => cells(array.iter(), |number| {
            digits.clear();
            write!(digits, "{number}").expect("a String takes any text");
            read(&digits)
        }),
        _ => texts(array, read),
    )
}

fn integers<T>(array: &dyn Array, read: impl Fn(i64) -> Result<T, Reason>) -> Option<Vec<Cell<T>>> {
    let whole = |number: f64| whole(number).and_then(&read);
    match array.data_type() {
        DataType::Float32 => cells(array.as_primitive::<Float32Type>().iter(), |number| whole(f64::from(number))),
        DataType::Float64 => cells(array.as_primitive::<Float64Type>().iter(), whole),
        _ => downcast_integer_array!(
            array => cells(array.iter(), |number| narrow(number).and_then(&read)),
            _ => nothing(array),
        ),
    }
}

/// A whole number that was stored as a float, as tables do when a column has gaps.
fn whole(number: f64) -> Result<i64, Reason> {
    /// Above it a float no longer holds every whole number.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT { Ok(number as i64) } else { Err(check::WHOLE) }
}

fn narrow(number: impl TryInto<i64>) -> Result<i64, Reason> {
    number.try_into().map_err(|_| check::WHOLE_RANGE)
}

fn numbers(array: &dyn Array) -> Option<Vec<Cell<Value>>> {
    if !array.data_type().is_numeric() {
        return nothing(array);
    }
    let floats = cast(array, &DataType::Float64).ok()?;
    cells(floats.as_primitive::<Float64Type>().iter(), |number| check::finite(number).map(Value::Number))
}

fn flags(array: &dyn Array) -> Option<Vec<Cell<bool>>> {
    match array.data_type() {
        DataType::Boolean => cells(array.as_boolean().iter(), Ok),
        _ => integers(array, check::zero_or_one),
    }
}

fn values(array: &dyn Array, value_type: ValueType) -> Option<Vec<Cell<Value>>> {
    match value_type {
        ValueType::Text => ids(array, check::words),
        ValueType::Integer => integers(array, |number| Ok(Value::Integer(number))),
        ValueType::Number => numbers(array),
        ValueType::Flag => {
            let cells = flags(array)?;
            Some(cells.into_iter().map(|cell| cell.map(|flag| flag.map(Value::Flag))).collect())
        }
    }
}

fn times(array: &dyn Array) -> Option<Vec<Cell<Timestamp>>> {
    const DAY: i64 = 86_400_000_000;
    match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => points(array.as_primitive::<TimestampSecondType>(), 1_000_000),
        DataType::Timestamp(TimeUnit::Millisecond, _) => points(array.as_primitive::<TimestampMillisecondType>(), 1_000),
        DataType::Timestamp(TimeUnit::Microsecond, _) => points(array.as_primitive::<TimestampMicrosecondType>(), 1),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => cells(array.as_primitive::<TimestampNanosecondType>().iter(), |time| {
            check::in_range(Timestamp::from_micros(time.div_euclid(1_000)))
        }),
        DataType::Date32 => points(array.as_primitive::<Date32Type>(), DAY),
        DataType::Date64 => points(array.as_primitive::<Date64Type>(), 1_000),
        _ => texts(array, check::time),
    }
}

/// Points in time that are counted in `micros`.
fn points<T>(array: &PrimitiveArray<T>, micros: i64) -> Option<Vec<Cell<Timestamp>>>
where
    T: ArrowPrimitiveType<Native: Into<i64>>,
{
    cells(array.iter(), |time| {
        let micros = time.into().checked_mul(micros).ok_or(check::TIME_RANGE)?;
        check::in_range(Timestamp::from_micros(micros))
    })
}
