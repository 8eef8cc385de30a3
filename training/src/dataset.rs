//! The dataset: historical events with their features as of their own time, computed by the engine that serves live, and split by
//! time into what is learned from and what is tested on.

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
use ingest::{Duration, Timestamp};
use scoring::Pipeline;

use crate::error::Error;
use crate::history;
use crate::matrix::Matrix;

/// A period of event time: from the first point, up to but not including the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Its start.
    pub from: Timestamp,
    /// Its end, not part of it.
    pub until: Timestamp,
}

/// What is learned from and what is tested on; between them lies the delay, in which labels become known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// Learned from.
    pub train: Period,
    /// How long after an event its label is known.
    pub delay: Duration,
    /// Tested on.
    pub test: Period,
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
}

/// Both parts of a split, and what could not be decoded on the way.
#[derive(Debug)]
pub struct Dataset {
    /// Learned from.
    pub train: Rows,
    /// Tested on.
    pub test: Rows,
    /// Rows of the file that are no events.
    pub rejected: Vec<Rejected>,
}

/// Reads `path` up to the end of the test period, computes all features on the way, and splits. Labels reach the features and the
/// exclusion of known entities after the split's delay, never sooner. `progress` is told the events read so far.
pub async fn build(path: &Path, pipeline: &Pipeline, split: Split, progress: &mut dyn FnMut(u64)) -> Result<Dataset, Error> {
    if pipeline.schema.label.is_none() {
        return Err(Error::NoLabels { pipeline: pipeline.name.clone() });
    }
    let context = history::context()?;
    let mut rows = RowBuilder::new(pipeline, split.train.from);
    let mut replay = Replay::new(Arc::clone(&pipeline.plan), split.delay);
    let mut rejected = Vec::new();
    let mut history = history::open(&context, &[path], &pipeline.schema, Some(split.test.until)).await?;
    while let Some(chunk) = history.next().await? {
        for row in chunk {
            match row {
                Ok(historical) => replay.next(historical, |vector| rows.push(&vector)),
                Err(reason) => rejected.push(reason),
            }
        }
        progress(replay.counts().events);
    }
    let all = rows.finish()?;
    context.register_table("rows", Arc::new(MemTable::try_new(all.schema(), vec![vec![all]])?))?;
    let present = || async {
        Ok::<_, Error>(match history::span(path, &pipeline.schema).await? {
            Some((first, last)) => format!("events from {first} to {last}"),
            None => "no events".to_owned(),
        })
    };
    let train = query(&context, include_str!("../sql/train_rows.sql"), split).await?;
    let test = query(&context, include_str!("../sql/test_rows.sql"), split).await?;
    for (rows, period, purpose) in [(&train, split.train, "train on"), (&test, split.test, "test on")] {
        if rows.num_rows() == 0 {
            let (from, until) = (period.from.to_string(), period.until.to_string());
            return Err(Error::NoRows { purpose, from, until, present: present().await? });
        }
    }
    Ok(Dataset { train: Rows::from_batch(&train)?, test: Rows::from_batch(&test)?, rejected })
}

/// Collects the rows from the start of training on; before it, events only fill the windows.
struct RowBuilder {
    from: Timestamp,
    entity: usize,
    schema: SchemaRef,
    rows: i64,
    row: Int64Builder,
    occurred_at: TimestampMicrosecondBuilder,
    day: Int64Builder,
    entities: StringBuilder,
    bad: BooleanBuilder,
    features: Vec<Float64Builder>,
}

/// Columns before the features.
const FIXED_COLUMNS: usize = 5;

impl RowBuilder {
    fn new(pipeline: &Pipeline, from: Timestamp) -> Self {
        let mut fields = vec![
            Field::new("row", DataType::Int64, false),
            Field::new("occurred_at", DataType::Timestamp(TimeUnit::Microsecond, None), false),
            Field::new("day", DataType::Int64, false),
            Field::new("entity", DataType::Utf8, true),
            Field::new("bad", DataType::Boolean, false),
        ];
        let definitions = pipeline.plan.definitions();
        fields.extend(definitions.iter().map(|definition| Field::new(&definition.name, DataType::Float64, false)));
        Self {
            from,
            entity: pipeline.schema.entity(&pipeline.model.review_entity).expect("checked when the pipeline was read"),
            schema: Arc::new(ArrowSchema::new(fields)),
            rows: 0,
            row: Int64Builder::new(),
            occurred_at: TimestampMicrosecondBuilder::new(),
            day: Int64Builder::new(),
            entities: StringBuilder::new(),
            bad: BooleanBuilder::new(),
            features: definitions.iter().map(|_| Float64Builder::new()).collect(),
        }
    }

    /// A row without a label teaches nothing and is left out.
    fn push(&mut self, vector: &Vector<'_>) {
        let event = vector.event;
        let Some(truth) = vector.truth.filter(|_| event.occurred_at >= self.from) else { return };
        self.rows += 1;
        self.row.append_value(self.rows);
        self.occurred_at.append_value(event.occurred_at.micros());
        self.day.append_value(event.occurred_at.day());
        self.entities.append_option(event.entities[self.entity].as_deref());
        self.bad.append_value(truth.is_bad());
        for (column, value) in self.features.iter_mut().zip(vector.values) {
            column.append_value(*value);
        }
    }

    fn finish(mut self) -> Result<RecordBatch, Error> {
        let mut columns: Vec<Arc<dyn Array>> = vec![
            Arc::new(self.row.finish()),
            Arc::new(self.occurred_at.finish()),
            Arc::new(self.day.finish()),
            Arc::new(self.entities.finish()),
            Arc::new(self.bad.finish()),
        ];
        columns.extend(self.features.iter_mut().map(|column| Arc::new(column.finish()) as Arc<dyn Array>));
        Ok(RecordBatch::try_new(self.schema, columns)?)
    }
}

async fn query(context: &SessionContext, sql: &str, split: Split) -> Result<RecordBatch, Error> {
    let time = |point: Timestamp| ScalarValue::TimestampMicrosecond(Some(point.micros()), None);
    let mut parameters = vec![("train_from", time(split.train.from))];
    if sql.contains("$train_until") {
        parameters.push(("train_until", time(split.train.until)));
    }
    if sql.contains("$test_from") {
        parameters.push(("test_from", time(split.test.from)));
        parameters.push(("test_until", time(split.test.until)));
        parameters.push(("delay_days", ScalarValue::Int64(Some(split.delay.whole_days()))));
    }
    let frame = context.sql(sql).await?.with_param_values(ParamValues::from(parameters))?;
    let schema = Arc::new(frame.schema().as_arrow().clone());
    Ok(concat_batches(&schema, &frame.collect().await?)?)
}

impl Rows {
    fn from_batch(batch: &RecordBatch) -> Result<Self, Error> {
        let schema = batch.schema();
        let names = schema.fields()[FIXED_COLUMNS..].iter().map(|field| field.name().clone()).collect();
        let columns = batch.columns()[FIXED_COLUMNS..]
            .iter()
            .map(|column| column.as_primitive::<Float64Type>().values().to_vec())
            .collect();
        let labels =
            batch.column_by_name("bad").expect("selected above").as_boolean().iter().map(|bad| bad == Some(true)).collect();
        let days = batch.column_by_name("day").expect("selected above").as_primitive::<Int64Type>();
        let entities = batch.column_by_name("entity").expect("selected above").as_string::<i32>();
        Ok(Self {
            matrix: Matrix::new(names, columns, labels)?,
            days: days.values().iter().map(|day| i32::try_from(*day).expect("days since 1970 fit in 32 bits")).collect(),
            entities: entities.iter().map(|entity| entity.unwrap_or("").to_owned()).collect(),
        })
    }
}
