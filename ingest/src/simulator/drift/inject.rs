//! Puts drifts into payments, batch by batch, with the columns of the Fraud Detection Handbook; whatever other columns there are stay
//! as they are. Equal payments, drifts and seeds give equal payments, however they are cut into batches, as long as a day's first
//! payment is told from the last of the day before. Without a drift every batch comes out as it went in.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int8Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    UInt64Array, new_null_array,
};
use arrow::compute::{CastOptions, cast_with_options, interleave_record_batch, nullif};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType};
use arrow::error::ArrowError;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::bursts::{Added, Bursts};
use super::{Drift, Kind};
use crate::simulator::Error;
use crate::simulator::parquet::{AMOUNT, CUSTOMER, FRAUD, ID, SCENARIO, TERMINAL, TIME};
use crate::time::Timestamp;

/// Added payments are numbered from here on: no other number may be so large. Files with numbers of 32 bits have room for them.
const ADDED_FROM: u64 = 2_000_000_000;

/// The way of fraud that bursts are.
const BURST: i8 = 4;

/// Changes payments as drifts say.
#[derive(Clone, Debug)]
pub struct Injection {
    drifts: Vec<Drift>,
    seed: u64,
    /// For each drift, whether a payment was made while it was in force.
    begun: Vec<bool>,
    bursts: Option<Bursts>,
    latest: Timestamp,
    /// The day whose payments were added, or are being added.
    day: Option<i64>,
    added: u64,
}

impl Injection {
    /// `seed` says which customers and payments are picked where a drift takes a share of them. First amounts change, then payments
    /// are added, then columns are emptied, whatever the order of the drifts.
    pub fn new(drifts: Vec<Drift>, seed: u64) -> Self {
        let bursts = drifts.iter().any(|drift| matches!(drift.kind, Kind::Bursts { .. })).then(Bursts::default);
        Self { begun: vec![false; drifts.len()], bursts, seed, drifts, latest: Timestamp::MIN, day: None, added: 0 }
    }

    /// Nothing is changed.
    pub fn none() -> Self {
        Self::new(Vec::new(), 0)
    }

    /// How many payments were added.
    pub const fn added(&self) -> u64 {
        self.added
    }

    /// The columns of what comes out. Refuses columns of which one is missing that a drift needs, or cannot be empty.
    pub fn columns(&self, columns: &SchemaRef) -> Result<SchemaRef, Error> {
        let mut fields = columns.fields().to_vec();
        for drift in &self.drifts {
            let refuse = |reason: String| Err(Error::Drift { drift: drift.text.clone(), reason });
            let needed: &[&str] = match &drift.kind {
                Kind::Spending { .. } => &[TIME, CUSTOMER, AMOUNT],
                Kind::Bursts { .. } => &[TIME, ID, CUSTOMER, TERMINAL, AMOUNT, FRAUD],
                Kind::Missing { column, .. } => &[TIME, ID, column],
            };
            if let Some(column) = needed.iter().find(|column| columns.column_with_name(column).is_none()) {
                let present: Vec<&str> = columns.fields().iter().map(|field| field.name().as_str()).collect();
                return refuse(format!("there is no column {column}; there are: {}", present.join(", ")));
            }
            match &drift.kind {
                Kind::Spending { .. } => {}
                Kind::Bursts { .. } => {
                    let given = [TIME, ID, CUSTOMER, TERMINAL, AMOUNT, FRAUD, SCENARIO];
                    let lacks = |field: &&Arc<Field>| !field.is_nullable() && !given.contains(&field.name().as_str());
                    if let Some(field) = columns.fields().iter().find(lacks) {
                        return refuse(format!("an added payment has no {}, and that column must not be empty", field.name()));
                    }
                    // Numbers of 32 bits end before those that are added begin.
                    for field in fields.iter_mut().filter(|field| field.name() == ID && is_narrow(field.data_type())) {
                        *field = Arc::new(field.as_ref().clone().with_data_type(DataType::Int64));
                    }
                }
                Kind::Missing { column, .. } if [TIME, ID, AMOUNT, FRAUD].contains(&column.as_str()) => {
                    return refuse(format!("a payment without {column} is none: name another column"));
                }
                Kind::Missing { column, .. } => {
                    for field in fields.iter_mut().filter(|field| field.name() == column) {
                        *field = Arc::new(field.as_ref().clone().with_nullable(true));
                    }
                }
            }
        }
        Ok(Arc::new(Schema::new_with_metadata(fields, columns.metadata().clone())))
    }

    /// The payments as they are with the drifts; `columns` are those that [`columns`](Self::columns) gave.
    pub fn apply(&mut self, batch: &RecordBatch, columns: &SchemaRef) -> Result<RecordBatch, Error> {
        if self.drifts.is_empty() {
            return Ok(batch.clone());
        }
        let times = times(batch)?;
        self.order(&times)?;
        let days: Vec<i64> = times.iter().map(|time| time.day()).collect();
        for (begun, drift) in self.begun.iter_mut().zip(&self.drifts) {
            *begun |= days.iter().any(|day| drift.holds_on(*day));
        }
        let batch = self.spend(batch, &days)?;
        let widened = batch.columns().iter().zip(columns.fields()).map(|(array, field)| convert(array, field.data_type()));
        let batch = self.add(RecordBatch::try_new(Arc::clone(columns), widened.collect::<Result<_, Error>>()?)?, &times)?;
        self.empty(batch)
    }

    /// The payments that were to be added after the last one.
    pub fn finish(&mut self, columns: &SchemaRef) -> Result<RecordBatch, Error> {
        let mut added = Vec::new();
        while let Some(each) = self.bursts.as_mut().and_then(|bursts| bursts.before(None)) {
            added.push(each);
        }
        let batch = self.payments(&added, columns)?;
        self.empty(batch)
    }

    /// A drift that no payment met was surely not meant.
    pub(crate) fn check_begun(&self) -> Result<(), Error> {
        match self.drifts.iter().zip(&self.begun).find(|(_, begun)| !**begun) {
            None => Ok(()),
            Some((drift, _)) => Err(Error::Drift {
                drift: drift.text.clone(),
                reason: format!("there is no payment on these days; the last one was made on {}", self.latest.date()),
            }),
        }
    }

    fn order(&mut self, times: &[Timestamp]) -> Result<(), Error> {
        for time in times {
            if *time < self.latest {
                let latest = self.latest;
                return refuse(format!(
                    "payments are not in the order of time: one of {time} comes after one of {latest}; sort them first"
                ));
            }
            self.latest = *time;
        }
        Ok(())
    }

    /// With the amounts changed.
    fn spend(&self, batch: &RecordBatch, days: &[i64]) -> Result<RecordBatch, Error> {
        let mut batch = batch.clone();
        for drift in &self.drifts {
            let Kind::Spending { factor, share } = drift.kind else { continue };
            let customers = texts(&batch, CUSTOMER)?;
            let amounts = convert(column(&batch, AMOUNT)?, &DataType::Int64)?;
            let amounts = amounts.as_primitive::<Int64Type>().iter().enumerate().map(|(row, amount)| {
                let spends = |customer: &str| drift.holds_on(days[row]) && lot(customer, self.seed) < share;
                let changed = at(&customers, row).is_some_and(spends);
                amount.map(|amount| if changed { (amount as f64 * factor).round() as i64 } else { amount })
            });
            let amounts: ArrayRef = Arc::new(amounts.collect::<Int64Array>());
            batch = replaced(&batch, AMOUNT, convert(&amounts, column(&batch, AMOUNT)?.data_type())?)?;
        }
        Ok(batch)
    }

    /// With payments added where they belong.
    fn add(&mut self, batch: RecordBatch, times: &[Timestamp]) -> Result<RecordBatch, Error> {
        let Some(mut bursts) = self.bursts.take() else { return Ok(batch) };
        let (ids, customers, terminals) = (texts(&batch, ID)?, texts(&batch, CUSTOMER)?, texts(&batch, TERMINAL)?);
        let (mut order, mut added) = (Vec::with_capacity(times.len()), Vec::new());
        for (row, time) in times.iter().enumerate() {
            if let Some(id) = at(&ids, row).filter(|id| id.parse().is_ok_and(|id: u64| id >= ADDED_FROM)) {
                return refuse(format!("payment {id} has a number that only those have which are added: {ADDED_FROM} or more"));
            }
            if self.day != Some(time.day()) {
                self.day = Some(time.day());
                for drift in self.drifts.iter().filter(|drift| drift.holds_on(time.day())) {
                    if let Kind::Bursts { victims } = drift.kind {
                        bursts.begin(time.day(), victims, self.seed);
                    }
                }
            }
            while let Some(each) = bursts.before(Some(*time)) {
                order.push((1, added.len()));
                added.push(each);
            }
            order.push((0, row));
            if let (Some(customer), Some(terminal)) = (at(&customers, row), at(&terminals, row)) {
                bursts.visit(customer, terminal);
            }
        }
        self.bursts = Some(bursts);
        let added = self.payments(&added, &batch.schema())?;
        Ok(interleave_record_batch(&[&batch, &added], &order)?)
    }

    /// Added payments with the columns that are there.
    fn payments(&mut self, added: &[Added], columns: &SchemaRef) -> Result<RecordBatch, Error> {
        let first = ADDED_FROM + self.added;
        self.added += added.len() as u64;
        let rows = added.len();
        let made = columns.fields().iter().map(|field| {
            let array: ArrayRef = match field.name().as_str() {
                ID => Arc::new(UInt64Array::from_iter_values((first..).take(rows))),
                TIME => Arc::new(TimestampMicrosecondArray::from_iter_values(added.iter().map(|each| each.occurred_at.micros()))),
                CUSTOMER => Arc::new(StringArray::from_iter_values(added.iter().map(|each| &each.customer))),
                TERMINAL => Arc::new(StringArray::from_iter_values(added.iter().map(|each| &each.terminal))),
                AMOUNT => Arc::new(Int64Array::from_iter_values(added.iter().map(|each| each.amount_minor))),
                FRAUD => Arc::new(Int8Array::from(vec![1; rows])),
                SCENARIO => Arc::new(Int8Array::from(vec![BURST; rows])),
                _ => return Ok(new_null_array(field.data_type(), rows)),
            };
            convert(&array, field.data_type())
        });
        Ok(RecordBatch::try_new(Arc::clone(columns), made.collect::<Result<_, Error>>()?)?)
    }

    /// With columns emptied.
    fn empty(&self, mut batch: RecordBatch) -> Result<RecordBatch, Error> {
        for drift in &self.drifts {
            let Kind::Missing { column: name, share } = &drift.kind else { continue };
            let (ids, times) = (texts(&batch, ID)?, times(&batch)?);
            let is_gone = times.iter().enumerate().map(|(row, time)| {
                let picked = |id: &str| *share >= 1.0 || lot(id, self.seed) < *share;
                Some(drift.holds_on(time.day()) && at(&ids, row).is_some_and(picked))
            });
            let emptied = nullif(column(&batch, name)?, &is_gone.collect::<BooleanArray>())?;
            batch = replaced(&batch, name, emptied)?;
        }
        Ok(batch)
    }
}

fn refuse<T>(reason: String) -> Result<T, Error> {
    Err(Error::Payments { reason })
}

impl From<ArrowError> for Error {
    fn from(error: ArrowError) -> Self {
        Self::Payments { reason: error.to_string() }
    }
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, Error> {
    batch.column_by_name(name).ok_or_else(|| Error::Payments { reason: format!("there is no column {name}") })
}

/// A type of numbers too small for those that are added.
const fn is_narrow(of: &DataType) -> bool {
    matches!(of, DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 | DataType::UInt32)
}

/// A cell that cannot be converted is an error, not an empty cell.
fn convert(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, Error> {
    Ok(cast_with_options(array, to, &CastOptions { safe: false, ..CastOptions::default() })?)
}

fn texts(batch: &RecordBatch, name: &str) -> Result<StringArray, Error> {
    Ok(convert(column(batch, name)?, &DataType::Utf8)?.as_string().clone())
}

fn at(texts: &StringArray, row: usize) -> Option<&str> {
    texts.is_valid(row).then(|| texts.value(row))
}

fn times(batch: &RecordBatch) -> Result<Vec<Timestamp>, Error> {
    let times = convert(column(batch, TIME)?, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
    if times.null_count() > 0 {
        return refuse(format!("a payment has no {TIME}"));
    }
    Ok(times.as_primitive::<TimestampMicrosecondType>().values().iter().map(|micros| Timestamp::from_micros(*micros)).collect())
}

fn replaced(batch: &RecordBatch, name: &str, by: ArrayRef) -> Result<RecordBatch, Error> {
    let names = batch.schema();
    let columns = names.fields().iter().zip(batch.columns());
    let columns = columns.map(|(field, old)| if field.name() == name { &by } else { old }).cloned().collect();
    Ok(RecordBatch::try_new(names, columns)?)
}

/// A number from 0 to below 1, the same for the same text and seed: who has less than a share belongs to it.
fn lot(text: &str, seed: u64) -> f64 {
    (xxh3_64_with_seed(text.as_bytes(), seed) >> 11) as f64 / (1_u64 << 53) as f64
}
