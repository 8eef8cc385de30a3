//! The dataset: historical events with their features as of their own time, computed once by the engine that serves live, and split by
//! time, as often as is wanted, into what is learned from and what is tested on.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, AsArray, BooleanBuilder, Float64Builder, Int64Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema as ArrowSchema, SchemaRef, TimeUnit};
use datafusion::common::ParamValues;
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;
use features::Replay;
use features::replay::Vector;
use ingest::decode::Rejected;
use ingest::{Amount, Duration, Timestamp};
use scoring::{Model, Pipeline};

use crate::calibrate;
use crate::error::Error;
use crate::history;
use crate::matrix::Matrix;
use crate::metrics::Metrics;

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
    /// Features and labels.
    pub matrix: Matrix,
    /// The day of each row, counted from 1970-01-01.
    pub days: Vec<i32>,
    /// The reviewed entity of each row.
    pub entities: Vec<String>,
    /// The money that each row moves, in minor units; `None` where events move none.
    pub amounts_minor: Option<Vec<i64>>,
    /// The value of each attribute in each row, in the order of the schema; empty where it is missing.
    pub attributes: Vec<(String, Vec<String>)>,
}

/// The labelled events of a history with their features, to be split.
pub struct Examples {
    context: SessionContext,
    /// How long after an event its label reaches the features.
    delay: Duration,
    /// The first and the last event time of the file; `None` when it has no events.
    span: Option<(Timestamp, Timestamp)>,
    /// Rows of the file that are no events.
    pub rejected: Vec<Rejected>,
}

impl Examples {
    /// Reads `path` up to the end of a period and computes all features on the way; events before the period only fill the windows. Labels
    /// reach the features after the delay, never sooner. `progress` is told the events read so far.
    pub async fn replay(
        path: &Path,
        pipeline: &Pipeline,
        period: Period,
        delay: Duration,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, Error> {
        if pipeline.schema.label.is_none() {
            return Err(Error::NoLabels { pipeline: pipeline.name.clone() });
        }
        let context = history::context()?;
        let mut rows = RowBuilder::new(pipeline, period.from);
        let mut replay = Replay::new(Arc::clone(&pipeline.plan), delay);
        let mut rejected = Vec::new();
        let mut history = history::open(&context, &[path], &pipeline.schema, Some(period.until)).await?;
        while let Some(chunk) = history.next().await? {
            for row in chunk {
                match row {
                    Ok(historical) => {
                        let mut pushed = Ok(());
                        replay.next(historical, |vector| pushed = rows.push(&vector));
                        pushed?;
                    }
                    Err(reason) => rejected.push(reason),
                }
            }
            progress(replay.counts().events);
        }
        let (schema, batches) = rows.finish()?;
        context.register_table("rows", Arc::new(MemTable::try_new(schema, vec![batches])?))?;
        let span = history::span(path, &pipeline.schema).await?;
        Ok(Self { context, delay, span, rejected })
    }

    /// The rows to learn from and the rows to test on. Entities are known to be compromised after the delay, too.
    pub async fn split(&self, split: &Split) -> Result<(Rows, Rows), Error> {
        let train = self.rows(include_str!("../sql/train_rows.sql"), "train on", split.train, vec![]).await?;
        Ok((train, self.judged(split.test, split.known_since).await?))
    }

    /// The rows to test on alone.
    pub async fn judged(&self, test: Period, known_since: Timestamp) -> Result<Rows, Error> {
        let delay = ScalarValue::Int64(Some(self.delay.whole_days()));
        let known = vec![("known_since", point(known_since)), ("delay_days", delay)];
        self.rows(include_str!("../sql/test_rows.sql"), "test on", test, known).await
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

fn point(time: Timestamp) -> ScalarValue {
    ScalarValue::TimestampMicrosecond(Some(time.micros()), None)
}

/// Collects the rows from the start of training on; before it, events only fill the windows.
struct RowBuilder {
    from: Timestamp,
    entity: usize,
    schema: SchemaRef,
    amounts: Int64Builder,
    attributes: Vec<StringBuilder>,
    rows: i64,
    row: Int64Builder,
    occurred_at: TimestampMicrosecondBuilder,
    day: Int64Builder,
    entities: StringBuilder,
    bad: BooleanBuilder,
    features: Vec<Float64Builder>,
    /// What is full already.
    batches: Vec<RecordBatch>,
}

/// Rows of a batch: few enough that a sort can go on on the disk.
const BATCH_ROWS: i64 = 8192;

/// Attributes and features are called so, that no name of theirs is one of another column.
const ATTRIBUTE: &str = "attribute ";
const FEATURE: &str = "feature ";
/// Columns before the attributes.
const FIXED_COLUMNS: usize = 6;

impl RowBuilder {
    fn new(pipeline: &Pipeline, from: Timestamp) -> Self {
        let mut fields = vec![
            Field::new("row", DataType::Int64, false),
            Field::new("occurred_at", DataType::Timestamp(TimeUnit::Microsecond, None), false),
            Field::new("day", DataType::Int64, false),
            Field::new("entity", DataType::Utf8, true),
            Field::new("bad", DataType::Boolean, false),
            Field::new("amount_minor", DataType::Int64, true),
        ];
        let attributes = &pipeline.schema.attributes;
        fields.extend(
            attributes.iter().map(|attribute| Field::new(format!("{ATTRIBUTE}{}", attribute.name), DataType::Utf8, true)),
        );
        let definitions = pipeline.plan.definitions();
        fields.extend(
            definitions.iter().map(|definition| Field::new(format!("{FEATURE}{}", definition.name), DataType::Float64, false)),
        );
        Self {
            from,
            entity: pipeline.schema.entity(&pipeline.model.review_entity).expect("checked when the pipeline was read"),
            schema: Arc::new(ArrowSchema::new(fields)),
            amounts: Int64Builder::new(),
            attributes: attributes.iter().map(|_| StringBuilder::new()).collect(),
            rows: 0,
            row: Int64Builder::new(),
            occurred_at: TimestampMicrosecondBuilder::new(),
            day: Int64Builder::new(),
            entities: StringBuilder::new(),
            bad: BooleanBuilder::new(),
            features: definitions.iter().map(|_| Float64Builder::new()).collect(),
            batches: Vec::new(),
        }
    }

    /// A row without a label teaches nothing and is left out.
    fn push(&mut self, vector: &Vector<'_>) -> Result<(), Error> {
        let event = vector.event;
        let Some(truth) = vector.truth.filter(|_| event.occurred_at >= self.from) else { return Ok(()) };
        self.rows += 1;
        self.row.append_value(self.rows);
        self.occurred_at.append_value(event.occurred_at.micros());
        self.day.append_value(event.occurred_at.day());
        self.entities.append_option(event.entities[self.entity].as_deref());
        self.bad.append_value(truth.is_bad());
        self.amounts.append_option(event.amount.map(Amount::minor));
        for (column, value) in self.attributes.iter_mut().zip(&event.attributes) {
            column.append_option(value.as_ref().map(ToString::to_string));
        }
        for (column, value) in self.features.iter_mut().zip(vector.values) {
            column.append_value(*value);
        }
        if self.rows % BATCH_ROWS == 0 { self.end_batch() } else { Ok(()) }
    }

    fn finish(mut self) -> Result<(SchemaRef, Vec<RecordBatch>), Error> {
        self.end_batch()?;
        Ok((self.schema, self.batches))
    }

    fn end_batch(&mut self) -> Result<(), Error> {
        let mut columns: Vec<Arc<dyn Array>> = vec![
            Arc::new(self.row.finish()),
            Arc::new(self.occurred_at.finish()),
            Arc::new(self.day.finish()),
            Arc::new(self.entities.finish()),
            Arc::new(self.bad.finish()),
            Arc::new(self.amounts.finish()),
        ];
        columns.extend(self.attributes.iter_mut().map(|column| Arc::new(column.finish()) as Arc<dyn Array>));
        columns.extend(self.features.iter_mut().map(|column| Arc::new(column.finish()) as Arc<dyn Array>));
        self.batches.push(RecordBatch::try_new(Arc::clone(&self.schema), columns)?);
        Ok(())
    }
}

impl Rows {
    /// The rows of the last so many days before the end of the period that they were learned from; those are whole days.
    pub(crate) fn last_days(&self, days: i32) -> Self {
        let after = self.days.last().map_or(0, |last| last - days);
        let first = self.days.partition_point(|day| *day <= after);
        Self {
            matrix: self.matrix.split_at(first).1,
            days: self.days[first..].to_vec(),
            entities: self.entities[first..].to_vec(),
            amounts_minor: self.amounts_minor.as_ref().map(|amounts| amounts[first..].to_vec()),
            attributes: self.attributes.iter().map(|(name, values)| (name.clone(), values[first..].to_vec())).collect(),
        }
    }

    /// What a model reaches on these rows.
    pub fn judge(&self, model: &Model) -> Metrics {
        self.metrics(&model.probabilities(self.matrix.columns()))
    }

    /// What scores reach on these rows.
    pub fn metrics(&self, scores: &[f64]) -> Metrics {
        Metrics::new(&self.days, &self.entities, scores, self.matrix.labels())
    }

    /// The fold of each row for calibration: all rows of an entity are in one.
    pub(crate) fn folds(&self) -> Vec<u32> {
        self.entities.iter().map(|entity| crc32fast::hash(entity.as_bytes()) % calibrate::FOLDS).collect()
    }

    fn from_batch(batch: &RecordBatch) -> Result<Self, Error> {
        let schema = batch.schema();
        let texts = |column: &dyn Array| column.as_string::<i32>().iter().map(|text| text.unwrap_or("").to_owned()).collect();
        let attributes: Vec<(String, Vec<String>)> = schema.fields()[FIXED_COLUMNS..]
            .iter()
            .zip(&batch.columns()[FIXED_COLUMNS..])
            .map_while(|(field, column)| Some((field.name().strip_prefix(ATTRIBUTE)?.to_owned(), texts(column))))
            .collect();
        let features = FIXED_COLUMNS + attributes.len();
        let names =
            schema.fields()[features..].iter().filter_map(|field| Some(field.name().strip_prefix(FEATURE)?.to_owned())).collect();
        let columns =
            batch.columns()[features..].iter().map(|column| column.as_primitive::<Float64Type>().values().to_vec()).collect();
        let amounts = batch.column_by_name("amount_minor").expect("selected above").as_primitive::<Int64Type>();
        // Where events move money, one without an amount moves none.
        let amounts_minor =
            (amounts.null_count() < amounts.len()).then(|| amounts.iter().map(|amount| amount.unwrap_or(0)).collect());
        let labels =
            batch.column_by_name("bad").expect("selected above").as_boolean().iter().map(|bad| bad == Some(true)).collect();
        let days = batch.column_by_name("day").expect("selected above").as_primitive::<Int64Type>();
        let entities = batch.column_by_name("entity").expect("selected above");
        Ok(Self {
            matrix: Matrix::new(names, columns, labels)?,
            days: days.values().iter().map(|day| i32::try_from(*day).expect("days since 1970 fit in 32 bits")).collect(),
            entities: texts(entities),
            amounts_minor,
            attributes,
        })
    }
}
