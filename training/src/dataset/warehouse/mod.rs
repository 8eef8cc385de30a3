//! A dataset from the warehouse of a running program: the decided events with the features of their decisions, and the labels that were
//! known at a point in time. It is the dataset of the log that was projected, row for row and bit for bit.
//!
//! The files are read by their layout, without the lock of the program that writes them: a part never changes once it counts, and when
//! parts were merged meanwhile, reading begins anew.

mod parts;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{Array, AsArray, MapArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use datafusion::common::ParamValues;
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use datafusion::scalar::ScalarValue;
use futures::TryStreamExt;
use ingest::{Duration, Outcome, Timestamp};
use scoring::Pipeline;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as WordError;

use self::parts::{Parts, Table};
use super::build::{Row, RowBuilder};
use super::decided::{Decided, Known};
use super::{Examples, Period};
use crate::error::Error;
use crate::history;

/// The decided events of a warehouse, as of a point in time.
#[derive(Clone, Debug)]
pub struct WarehouseSource {
    /// The folder of a `parquet://` warehouse.
    pub folder: PathBuf,
    /// A label that was observed later is not known yet.
    pub as_of: Timestamp,
    /// An event that is older than this and has no label counts as good; without it such an event is left out.
    pub maturity: Option<Duration>,
}

/// So often reading begins anew when parts were merged meanwhile.
const ATTEMPTS: usize = 5;

impl Examples {
    /// The decided events of a period. Of the warehouse only the days of the period are read, and the labels.
    pub(super) async fn from_warehouse(
        source: &WarehouseSource,
        pipeline: &Arc<Pipeline>,
        period: Period,
        delay: Duration,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, Error> {
        let mut attempt = 1;
        loop {
            let parts = Parts::find(&source.folder)?;
            match read(source, &parts, pipeline, period, delay, progress).await {
                // What failed may have been a part that is merged and gone.
                Err(_) if attempt < ATTEMPTS && Parts::find(&source.folder)? != parts => attempt += 1,
                done => return done,
            }
        }
    }
}

async fn read(
    source: &WarehouseSource,
    parts: &Parts,
    pipeline: &Pipeline,
    period: Period,
    delay: Duration,
    progress: &mut dyn FnMut(u64),
) -> Result<Examples, Error> {
    let context = history::joining()?;
    let last = period.until - Duration::from_micros(1);
    let days = period.from.day()..=last.day();
    for table in Table::ALL {
        let paths = parts.of(table, (table != Table::Labels).then_some(&days));
        register(&context, table, paths).await?;
    }
    let as_of = ScalarValue::TimestampMicrosecond(Some(source.as_of.micros()), Some("UTC".into()));
    let parameters = ParamValues::from(vec![("as_of", as_of.clone())]);
    let later = context.sql(include_str!("../../../sql/later_labels.sql")).await?.with_param_values(parameters)?;
    let labels_from_the_future = later.count().await? as u64;

    let known = Known { as_of: source.as_of, maturity: source.maturity };
    let mut decided = Decided::new(RowBuilder::new(pipeline, period.from), period, known, progress);
    decided.passed.labels_from_the_future = labels_from_the_future;
    let currency = ScalarValue::from(pipeline.schema.default_currency.as_str());
    let parameters = ParamValues::from(vec![("as_of", as_of), ("currency", currency)]);
    let frame = context.sql(include_str!("../../../sql/decided.sql")).await?.with_param_values(parameters)?;
    let mut batches = frame.execute_stream().await?;
    while let Some(batch) = batches.try_next().await? {
        Columns::of(batch)?.push_into(&mut decided, pipeline)?;
    }
    decided.examples(delay)
}

async fn register(context: &SessionContext, table: Table, paths: Vec<String>) -> Result<(), Error> {
    if paths.is_empty() {
        context.register_batch(table.name(), RecordBatch::new_empty(table.columns()))?;
        return Ok(());
    }
    let frame = context.read_parquet(paths, ParquetReadOptions::default()).await?;
    context.register_table(table.name(), frame.into_view())?;
    Ok(())
}

/// What a label says, by its word.
fn outcome(word: &str) -> Result<Outcome, Error> {
    let read: Result<Outcome, WordError> = Outcome::deserialize(word.into_deserializer());
    read.map_err(|_| Error::UnknownLabel { word: word.to_owned() })
}

/// A batch of decided events.
struct Columns {
    batch: RecordBatch,
    occurred_at: Arc<dyn Array>,
    versions: Arc<dyn Array>,
    labels: Arc<dyn Array>,
}

impl Columns {
    fn of(batch: RecordBatch) -> Result<Self, Error> {
        let text = |column: &str| cast(named(&batch, column), &DataType::Utf8);
        let time = DataType::Timestamp(TimeUnit::Microsecond, None);
        Ok(Self {
            occurred_at: cast(named(&batch, "occurred_at"), &time)?,
            versions: text("features_version")?,
            labels: text("label")?,
            batch,
        })
    }

    fn push_into(&self, decided: &mut Decided<'_>, pipeline: &Pipeline) -> Result<(), Error> {
        let positions = named(&self.batch, "position").as_primitive::<Int64Type>();
        let times = self.occurred_at.as_primitive::<TimestampMicrosecondType>();
        let amounts = named(&self.batch, "amount_minor").as_primitive::<Int64Type>();
        let others = named(&self.batch, "other_currency").as_boolean();
        let vectors = named(&self.batch, "vector").as_list::<i32>();
        let (entities, attributes) = (named(&self.batch, "entities").as_map(), named(&self.batch, "attributes").as_map());
        let (versions, labels) = (self.versions.as_string::<i32>(), self.labels.as_string::<i32>());
        let mut values = Vec::with_capacity(pipeline.plan.width());
        for row in 0..self.batch.num_rows() {
            if versions.value(row) != pipeline.plan.version() {
                decided.passed.other_definitions += 1;
                continue;
            }
            let occurred_at = Timestamp::from_micros(times.value(row));
            let is_bad = labels.is_valid(row).then(|| outcome(labels.value(row)).map(Outcome::is_bad)).transpose()?;
            values.clear();
            let vector = vectors.value(row);
            values.extend(vector.as_primitive::<Float64Type>().iter().map(|value| value.unwrap_or(f64::NAN)));
            decided.take(occurred_at, is_bad, |rows, is_bad| {
                let row_of = Row {
                    number: positions.value(row),
                    occurred_at,
                    entity: entry(entities, row, &pipeline.model.review_entity),
                    amount_minor: amounts.is_valid(row).then(|| amounts.value(row)),
                    other_currency: others.value(row),
                    is_bad,
                    values: &values,
                };
                let declared = pipeline.schema.attributes.iter();
                rows.push_row(&row_of, declared.map(|attribute| entry(attributes, row, &attribute.name)))
            })?;
        }
        Ok(())
    }
}

fn named<'a>(batch: &'a RecordBatch, column: &str) -> &'a Arc<dyn Array> {
    batch.column_by_name(column).expect("the query selects it")
}

/// The value of a key in the map of a row; both are texts.
fn entry<'a>(maps: &'a MapArray, row: usize, key: &str) -> Option<&'a str> {
    let offsets = maps.value_offsets();
    let (keys, values) = (maps.keys().as_string::<i32>(), maps.values().as_string::<i32>());
    let place = (offsets[row] as usize..offsets[row + 1] as usize).find(|place| keys.value(*place) == key)?;
    values.is_valid(place).then(|| values.value(place))
}
