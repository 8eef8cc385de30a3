//! The rows of a dataset as they come, batch by batch.

use std::sync::Arc;

use arrow::array::{
    Array, BooleanBuilder, Float64Builder, Int64Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema as ArrowSchema, SchemaRef, TimeUnit};
use ingest::{Amount, Event, Timestamp};
use scoring::Pipeline;

use crate::error::Error;

/// Collects the rows from the start of training on; before it, events only fill the windows.
pub(super) struct RowBuilder {
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
pub(super) const ATTRIBUTE: &str = "attribute ";
pub(super) const FEATURE: &str = "feature ";
/// Columns before the attributes.
pub(super) const FIXED_COLUMNS: usize = 6;

impl RowBuilder {
    pub(super) fn new(pipeline: &Pipeline, from: Timestamp) -> Self {
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

    /// Puts a row behind the others: its place in the order of application, the event, whether it was bad, and its features.
    pub(super) fn push(&mut self, row: i64, event: &Event, is_bad: bool, values: &[f64]) -> Result<(), Error> {
        if event.occurred_at < self.from {
            return Ok(());
        }
        self.rows += 1;
        self.row.append_value(row);
        self.occurred_at.append_value(event.occurred_at.micros());
        self.day.append_value(event.occurred_at.day());
        self.entities.append_option(event.entities[self.entity].as_deref());
        self.bad.append_value(is_bad);
        self.amounts.append_option(event.amount.map(Amount::minor));
        for (column, value) in self.attributes.iter_mut().zip(&event.attributes) {
            column.append_option(value.as_ref().map(ToString::to_string));
        }
        for (column, value) in self.features.iter_mut().zip(values) {
            column.append_value(*value);
        }
        if self.rows % BATCH_ROWS == 0 { self.end_batch() } else { Ok(()) }
    }

    pub(super) fn finish(mut self) -> Result<(SchemaRef, Vec<RecordBatch>), Error> {
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
