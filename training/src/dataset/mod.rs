//! The dataset: historical events with their features as of their own time, computed once by the engine that serves live, and split by
//! time, as often as is wanted, into what is learned from and what is tested on.

mod build;
mod decided;
pub mod log;
mod select;
mod source;
pub mod warehouse;

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::ParamValues;
use datafusion::datasource::{MemTable, TableProvider};
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;
use features::Replay;
use ingest::{Duration, Timestamp};
use scoring::{Pipeline, Scorer};
use sha2::{Digest, Sha256};

use self::build::{ATTRIBUTE, FEATURE, RowBuilder, SEGMENT};
use self::log::Passed;
pub use self::source::Source;
use crate::calibrate;
use crate::error::Error;
use crate::files::Files;
use crate::folds::fold_of_entity;
use crate::history::{self, SetAside};
use crate::matrix::Matrix;
use crate::sampling::GoodShare;
use evaluation::metrics::Metrics;

/// A period of event time: from the first point, up to but not including the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Its start.
    pub from: Timestamp,
    /// Its end, not part of it.
    pub until: Timestamp,
}

/// What is learned from and what is tested on; between them lies the time in which labels become known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// Learned from.
    pub train: Period,
    /// Tested on.
    pub test: Period,
    /// Entities with a bad event from here on that is known by the day of a test are left out of that day: nobody lets a card pay that is
    /// known to be compromised.
    pub known_since: Timestamp,
}

impl Split {
    /// All that it asks for.
    pub fn whole(&self) -> Period {
        Period { from: self.train.from.min(self.known_since), until: self.train.until.max(self.test.until) }
    }
}

/// Rows of one part of a split.
#[derive(Clone, Debug)]
pub struct Rows {
    /// Features, labels and weights.
    pub matrix: Matrix,
    /// The place of each row in the order in which the history was applied.
    pub numbers: Vec<i64>,
    /// The day of each row, counted from 1970-01-01.
    pub days: Vec<i32>,
    /// The reviewed entity of each row.
    pub entities: Vec<String>,
    /// The money that each row moves, in minor units of the pipeline's currency; `None` where no row moves any.
    pub amounts_minor: Option<Vec<i64>>,
    /// Whether each row is in another currency.
    pub other_currency: Vec<bool>,
    /// The value of each attribute in each row, in the order of the schema; empty where it is missing.
    pub attributes: Vec<(String, Vec<String>)>,
    /// The segment of each row by each of the expressions of `[training.segment_sql]`; empty where it has none.
    pub segments: Vec<(String, Vec<String>)>,
}

/// The labelled events of a history with their features, to be split.
pub struct Examples {
    context: SessionContext,
    /// How long after an event its label reaches the features.
    delay: Duration,
    /// The first and the last event time of the file; `None` when it has no events.
    span: Option<(Timestamp, Timestamp)>,
    /// Rows of the files that are no events.
    pub rejected: Vec<SetAside>,
    /// What was passed over in the log.
    pub passed: Passed,
    /// The hash of all rows: 64 hexadecimal digits.
    pub fingerprint: String,
}

/// What an event without a label is, in files of history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlabelled {
    /// It teaches nothing and is left out.
    LeftOut,
    /// It is there and counts as not known to be bad, for what is learned without labels.
    Good,
}

impl Examples {
    /// Reads files up to the end of a period and computes all features on the way; events before the period only fill the windows. Labels
    /// reach the features after the delay, never sooner. `progress` is told the events read so far.
    async fn replay(
        files: &Files,
        pipeline: &Pipeline,
        period: Period,
        delay: Duration,
        unlabelled: Unlabelled,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, Error> {
        if pipeline.schema.label.is_none() && unlabelled == Unlabelled::LeftOut {
            return Err(Error::NoLabels { pipeline: pipeline.name.clone() });
        }
        let context = history::context()?;
        let mut rows = RowBuilder::new(pipeline, period.from);
        let mut replay = Replay::new(Arc::clone(&pipeline.plan), delay);
        let mut number = 0;
        let mut history = history::open(&context, files, &pipeline.schema, Some(period.until)).await?;
        while let Some(chunk) = history.next().await? {
            for past in chunk {
                let mut pushed = Ok(());
                replay.next(past.historical, |vector| {
                    number += 1;
                    let is_bad = match (vector.truth, unlabelled) {
                        (Some(truth), _) => truth.is_bad(),
                        (None, Unlabelled::Good) => false,
                        (None, Unlabelled::LeftOut) => return,
                    };
                    if pushed.is_ok() {
                        pushed = rows.push(number, vector.event, is_bad, vector.values);
                    }
                });
                pushed?;
            }
            progress(replay.counts().events);
        }
        Self::of(rows, delay, history.span(), history.rejected())
    }

    fn of(
        rows: RowBuilder,
        delay: Duration,
        span: Option<(Timestamp, Timestamp)>,
        rejected: Vec<SetAside>,
    ) -> Result<Self, Error> {
        let (schema, batches) = rows.finish()?;
        let fingerprint = hash(&batches);
        let context = history::context()?;
        let rows = Arc::new(MemTable::try_new(schema, vec![batches])?);
        context.register_table("rows", Arc::clone(&rows) as Arc<dyn TableProvider>)?;
        context.register_table("wanted", rows)?;
        Ok(Self { context, delay, span, rejected, passed: Passed::default(), fingerprint })
    }

    /// The rows to learn from and the rows to test on. Entities are known to be compromised after the delay, too.
    pub async fn split(&self, split: &Split) -> Result<(Rows, Rows), Error> {
        let train = self.rows(include_str!("../../sql/train_rows.sql"), "train on", split.train, vec![]).await?;
        Ok((train, self.judged(split.test, split.known_since).await?))
    }

    /// The rows to test on alone.
    pub async fn judged(&self, test: Period, known_since: Timestamp) -> Result<Rows, Error> {
        let delay = ScalarValue::Int64(Some(self.delay.whole_days()));
        let known = vec![("known_since", point(known_since)), ("delay_days", delay)];
        self.rows(include_str!("../../sql/test_rows.sql"), "test on", test, known).await
    }

    async fn rows(
        &self,
        sql: &str,
        purpose: &'static str,
        Period { from, until }: Period,
        more: Vec<(&str, ScalarValue)>,
    ) -> Result<Rows, Error> {
        let parameters = [vec![("from", point(from)), ("until", point(until))], more].concat();
        let frame = self.context.sql(sql).await?.with_param_values(ParamValues::from(parameters))?;
        let schema = Arc::new(frame.schema().as_arrow().clone());
        let batch = concat_batches(&schema, &frame.collect().await?)?;
        if batch.num_rows() == 0 {
            let (from, until) = (from.to_string(), until.to_string());
            let span = self.span.map(|(first, last)| format!("events from {first} to {last}"));
            return Err(Error::NoRows { purpose, from, until, present: span.unwrap_or_else(|| "no events".to_owned()) });
        }
        Rows::from_batch(&batch)
    }
}

/// The hash of rows, whatever lies in the memory behind them.
fn hash(batches: &[RecordBatch]) -> String {
    let mut hash = Sha256::new();
    for column in batches.iter().flat_map(RecordBatch::columns) {
        let data = column.to_data();
        if let Some(missing) = column.logical_nulls() {
            (0..column.len()).for_each(|row| hash.update([u8::from(missing.is_null(row))]));
        }
        data.buffers().iter().for_each(|buffer| hash.update(buffer.as_slice()));
    }
    hex::encode(hash.finalize())
}

fn point(time: Timestamp) -> ScalarValue {
    ScalarValue::TimestampMicrosecond(Some(time.micros()), None)
}

impl Rows {
    /// The rows of the last so many days before the end of the period that they were learned from; those are whole days.
    pub(crate) fn last_days(&self, days: i32) -> Self {
        let after = self.days.last().map_or(0, |last| last - days);
        let first = self.days.partition_point(|day| *day <= after);
        let texts = |columns: &[(String, Vec<String>)]| {
            columns.iter().map(|(name, values)| (name.clone(), values[first..].to_vec())).collect()
        };
        Self {
            matrix: self.matrix.split_at(first).1,
            numbers: self.numbers[first..].to_vec(),
            days: self.days[first..].to_vec(),
            entities: self.entities[first..].to_vec(),
            amounts_minor: self.amounts_minor.as_ref().map(|amounts| amounts[first..].to_vec()),
            other_currency: self.other_currency[first..].to_vec(),
            attributes: texts(&self.attributes),
            segments: texts(&self.segments),
        }
    }

    /// All bad rows and a share of the good ones, which stand for the others by their weight.
    pub fn sampled(self, share: GoodShare, seed: u64) -> Self {
        if share.is_all() {
            return self;
        }
        fn some<T: Clone>(values: &[T], kept: &[usize]) -> Vec<T> {
            kept.iter().map(|row| values[*row].clone()).collect()
        }
        let kept = share.kept(self.matrix.labels(), &self.numbers, seed);
        Self {
            matrix: share.sampled(&self.matrix, &kept),
            numbers: some(&self.numbers, &kept),
            days: some(&self.days, &kept),
            entities: some(&self.entities, &kept),
            amounts_minor: self.amounts_minor.as_ref().map(|amounts| some(amounts, &kept)),
            other_currency: some(&self.other_currency, &kept),
            attributes: self.attributes.iter().map(|(name, values)| (name.clone(), some(values, &kept))).collect(),
            segments: self.segments.iter().map(|(name, values)| (name.clone(), some(values, &kept))).collect(),
        }
    }

    /// What a model reaches on these rows.
    pub fn judge(&self, model: &Scorer) -> Metrics {
        self.metrics(&model.probabilities(self.matrix.columns()))
    }

    /// What scores reach on these rows.
    pub fn metrics(&self, scores: &[f64]) -> Metrics {
        Metrics::new(&self.days, &self.entities, scores, self.matrix.labels())
    }

    /// The fold of each row for calibration: all rows of an entity are in one.
    pub(crate) fn folds(&self) -> Vec<u32> {
        self.entities.iter().map(|entity| fold_of_entity(entity, calibrate::FOLDS)).collect()
    }

    fn from_batch(batch: &RecordBatch) -> Result<Self, Error> {
        let schema = batch.schema();
        let fields = || schema.fields().iter().zip(batch.columns());
        let called = |prefix: &'static str| {
            fields().filter_map(move |(field, column)| Some((field.name().strip_prefix(prefix)?.to_owned(), column)))
        };
        let named_texts = |prefix: &'static str| {
            called(prefix).map(|(name, column)| Ok((name, texts(column)?))).collect::<Result<Vec<_>, Error>>()
        };
        let names = called(FEATURE).map(|(name, _)| name).collect();
        let columns = called(FEATURE).map(|(_, column)| column.as_primitive::<Float64Type>().values().to_vec()).collect();
        let amounts = batch.column_by_name("amount_minor").expect("selected above").as_primitive::<Int64Type>();
        let flags = |name: &str| -> Vec<bool> {
            let column = batch.column_by_name(name).expect("selected above");
            column.as_boolean().iter().map(|flag| flag == Some(true)).collect()
        };
        let (labels, other_currency) = (flags("bad"), flags("other_currency"));
        // Where events move money, one without an amount, or with one in another currency, moves none.
        let told = || amounts.iter().zip(&other_currency).map(|(amount, is_other)| amount.filter(|_| !is_other));
        let amounts_minor = told().any(|amount| amount.is_some()).then(|| told().map(Option::unwrap_or_default).collect());
        let numbers = batch.column_by_name("row").expect("selected above").as_primitive::<Int64Type>();
        let days = batch.column_by_name("day").expect("selected above").as_primitive::<Int64Type>();
        let entities = batch.column_by_name("entity").expect("selected above");
        Ok(Self {
            matrix: Matrix::new(names, columns, labels)?,
            numbers: numbers.values().to_vec(),
            days: days.values().iter().map(|day| i32::try_from(*day).expect("days since 1970 fit in 32 bits")).collect(),
            entities: texts(entities)?,
            amounts_minor,
            other_currency,
            attributes: named_texts(ATTRIBUTE)?,
            segments: named_texts(SEGMENT)?,
        })
    }
}

/// A column as texts; empty where there is none.
fn texts(column: &dyn Array) -> Result<Vec<String>, Error> {
    let column = cast(column, &DataType::Utf8)?;
    Ok(column.as_string::<i32>().iter().map(|text| text.unwrap_or("").to_owned()).collect())
}
