//! Vectors in columns: what a replay hands over, gathered into Arrow batches of bounded size.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::Plan;
use crate::replay::Vector;

/// Columns as they gather: the event's id and time, how it was placed, and one column a feature, null where it is missing.
#[derive(Debug)]
pub struct Columns {
    schema: SchemaRef,
    event_id: StringBuilder,
    occurred_at: TimestampMicrosecondBuilder,
    placement: StringBuilder,
    features: Vec<Float64Builder>,
    rows: usize,
}

impl Columns {
    /// For the vectors of a plan.
    pub fn new(plan: &Plan) -> Self {
        let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let mut fields = vec![
            Field::new("event_id", DataType::Utf8, false),
            Field::new("occurred_at", time.clone(), false),
            Field::new("placement", DataType::Utf8, false),
        ];
        fields.extend(plan.definitions().iter().map(|definition| Field::new(&definition.name, DataType::Float64, true)));
        Self {
            schema: Arc::new(Schema::new(fields)),
            event_id: StringBuilder::new(),
            occurred_at: TimestampMicrosecondBuilder::new().with_data_type(time),
            placement: StringBuilder::new(),
            features: plan.definitions().iter().map(|_| Float64Builder::new()).collect(),
            rows: 0,
        }
    }

    /// What the batches look like.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// How many rows have gathered.
    pub const fn len(&self) -> usize {
        self.rows
    }

    /// Whether none has.
    pub const fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Takes a row.
    pub fn push(&mut self, vector: &Vector<'_>) {
        self.rows += 1;
        self.event_id.append_value(vector.event.event_id.as_str());
        self.occurred_at.append_value(vector.event.occurred_at.micros());
        self.placement.append_value(vector.outcome.placement.name());
        for (column, value) in self.features.iter_mut().zip(vector.values) {
            column.append_option((!value.is_nan()).then_some(*value));
        }
    }

    /// Hands over what has gathered, and goes on with nothing.
    pub fn finish(&mut self) -> RecordBatch {
        self.rows = 0;
        let mut columns: Vec<ArrayRef> =
            vec![Arc::new(self.event_id.finish()), Arc::new(self.occurred_at.finish()), Arc::new(self.placement.finish())];
        columns.extend(self.features.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef));
        RecordBatch::try_new(self.schema(), columns).expect("every row gives one value to every column")
    }
}
