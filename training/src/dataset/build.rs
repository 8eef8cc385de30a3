//! The rows of a dataset as they come, batch by batch.

use std::fmt::Display;
use std::sync::Arc;

use arrow::array::{
    Array, BooleanBuilder, Float64Builder, Int64Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema as ArrowSchema, SchemaRef, TimeUnit};
use ingest::{Amount, Currency, Event, Timestamp};
use scoring::Pipeline;

use crate::error::Error;

/// Collects the rows from the start of training on; before it, events only fill the windows.
pub(super) struct RowBuilder {
    from: Timestamp,
    entity: usize,
    /// What money is in: the currency of the pipeline.
    currency: Currency,
    schema: SchemaRef,
    amounts: Int64Builder,
    others: BooleanBuilder,
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

/// A row without its attributes.
pub(super) struct Row<'a> {
    /// Its place in the order of application.
    pub(super) number: i64,
    pub(super) occurred_at: Timestamp,
    /// The key of the reviewed entity.
    pub(super) entity: Option<&'a str>,
    pub(super) amount_minor: Option<i64>,
    /// Whether that is in another currency than the pipeline's.
    pub(super) other_currency: bool,
    pub(super) is_bad: bool,
    /// The features; NaN where one is missing.
    pub(super) values: &'a [f64],
}

/// Rows of a batch: few enough that a sort can go on on the disk.
const BATCH_ROWS: i64 = 8192;

/// Attributes and features are called so, that no name of theirs is one of another column.
pub(super) const ATTRIBUTE: &str = "attribute ";
pub(super) const FEATURE: &str = "feature ";
/// So are segments that SQL makes.
pub(super) const SEGMENT: &str = "segment ";

impl RowBuilder {
    pub(super) fn new(pipeline: &Pipeline, from: Timestamp) -> Self {
        let mut fields = vec![
            Field::new("row", DataType::Int64, false),
            Field::new("occurred_at", DataType::Timestamp(TimeUnit::Microsecond, None), false),
            Field::new("day", DataType::Int64, false),
            Field::new("entity", DataType::Utf8, true),
            Field::new("bad", DataType::Boolean, false),
            Field::new("amount_minor", DataType::Int64, true),
            Field::new("other_currency", DataType::Boolean, false),
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
            currency: pipeline.schema.default_currency,
            schema: Arc::new(ArrowSchema::new(fields)),
            amounts: Int64Builder::new(),
            others: BooleanBuilder::new(),
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

    /// Puts an event behind the others: its place in the order of application, whether it was bad, and its features.
    pub(super) fn push(&mut self, number: i64, event: &Event, is_bad: bool, values: &[f64]) -> Result<(), Error> {
        let entity = event.entities[self.entity].as_deref();
        let amount_minor = event.amount.map(Amount::minor);
        let other_currency = event.amount.is_some_and(|amount| amount.currency() != self.currency);
        let row = Row { number, occurred_at: event.occurred_at, entity, amount_minor, other_currency, is_bad, values };
        self.push_row(&row, event.attributes.iter().map(Option::as_ref))
    }

    /// Puts a row behind the others, with the value of each attribute in the order of the schema.
    pub(super) fn push_row(
        &mut self,
        row: &Row<'_>,
        attributes: impl Iterator<Item = Option<impl Display>>,
    ) -> Result<(), Error> {
        if row.occurred_at < self.from {
            return Ok(());
        }
        self.rows += 1;
        self.row.append_value(row.number);
        self.occurred_at.append_value(row.occurred_at.micros());
        self.day.append_value(row.occurred_at.day());
        self.entities.append_option(row.entity);
        self.bad.append_value(row.is_bad);
        self.amounts.append_option(row.amount_minor);
        self.others.append_value(row.other_currency);
        for (column, value) in self.attributes.iter_mut().zip(attributes) {
            column.append_option(value.map(|value| value.to_string()));
        }
        for (column, value) in self.features.iter_mut().zip(row.values) {
            // One NaN is as good as another, and all of them hash alike.
            column.append_value(if value.is_nan() { f64::NAN } else { *value });
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
            Arc::new(self.others.finish()),
        ];
        columns.extend(self.attributes.iter_mut().map(|column| Arc::new(column.finish()) as Arc<dyn Array>));
        columns.extend(self.features.iter_mut().map(|column| Arc::new(column.finish()) as Arc<dyn Array>));
        self.batches.push(RecordBatch::try_new(Arc::clone(&self.schema), columns)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use arrow::compute::concat_batches;
    use ingest::EventId;

    use super::*;
    use crate::dataset::Rows;

    #[test]
    fn money_in_another_currency_is_none() {
        let handbook = include_str!("../../../pipelines/card_fraud_handbook.toml");
        let pipeline = Pipeline::parse(handbook, "p.toml").unwrap();
        let rows = |amounts: &[(i64, &str)]| {
            let mut rows = RowBuilder::new(&pipeline, Timestamp::from_micros(0));
            for (number, (minor, currency)) in amounts.iter().enumerate() {
                let event = Event {
                    event_id: EventId::new(&format!("e{number}")).unwrap(),
                    occurred_at: Timestamp::from_micros(0),
                    amount: Amount::new(*minor, Currency::new(currency).unwrap()),
                    entities: vec![Some("a".into()); pipeline.schema.entities.len()],
                    attributes: vec![None; pipeline.schema.attributes.len()],
                    supersedes: None,
                };
                rows.push(number as i64, &event, false, &vec![0.0; pipeline.plan.width()]).unwrap();
            }
            let (schema, batches) = rows.finish().unwrap();
            Rows::from_batch(&concat_batches(&schema, &batches).unwrap()).unwrap()
        };
        let mixed = rows(&[(100, "EUR"), (5_000, "JPY"), (7, "EUR")]);
        assert_eq!((mixed.amounts_minor, mixed.other_currency), (Some(vec![100, 0, 7]), vec![false, true, false]));
        assert_eq!(rows(&[(5_000, "JPY")]).amounts_minor, None);
    }
}
