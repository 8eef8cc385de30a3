use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, Int64Builder, MapBuilder, RecordBatch, StringBuilder, StringViewBuilder, TimestampMicrosecondBuilder,
    UInt64Builder,
};
use ingest::log::Position;
use ingest::{Event, Schema, Timestamp, Value};

use super::{batch, times};

/// Rows of the table of events, as they gather. Entities and attributes are maps of text, so that a table outlives a change of
/// the pipeline's schema.
#[derive(Debug)]
pub(crate) struct EventRows {
    log_position: UInt64Builder,
    event_id: StringViewBuilder,
    occurred_at: TimestampMicrosecondBuilder,
    received_at: TimestampMicrosecondBuilder,
    amount_minor: Int64Builder,
    currency: StringViewBuilder,
    entities: MapBuilder<StringBuilder, StringBuilder>,
    attributes: MapBuilder<StringBuilder, StringBuilder>,
}

impl Default for EventRows {
    fn default() -> Self {
        Self {
            log_position: UInt64Builder::new(),
            event_id: StringViewBuilder::new(),
            occurred_at: times(),
            received_at: times(),
            amount_minor: Int64Builder::new(),
            currency: StringViewBuilder::new(),
            entities: MapBuilder::new(None, StringBuilder::new(), StringBuilder::new()),
            attributes: MapBuilder::new(None, StringBuilder::new(), StringBuilder::new()),
        }
    }
}

impl EventRows {
    pub(crate) fn len(&self) -> usize {
        self.log_position.len()
    }

    pub(crate) fn push(&mut self, position: Position, event: &Event, received_at: Timestamp, schema: &Schema) {
        self.log_position.append_value(position.0);
        self.event_id.append_value(event.event_id.as_str());
        self.occurred_at.append_value(event.occurred_at.micros());
        self.received_at.append_value(received_at.micros());
        self.amount_minor.append_option(event.amount.map(ingest::Amount::minor));
        self.currency.append_option(event.amount.map(|amount| amount.currency().to_string()));
        for (entity, key) in schema.entities.iter().zip(&event.entities) {
            let Some(key) = key else { continue };
            self.entities.keys().append_value(&entity.name);
            self.entities.values().append_value(key);
        }
        self.entities.append(true).expect("a key comes with its value");
        for (attribute, value) in schema.attributes.iter().zip(&event.attributes) {
            let Some(value) = value else { continue };
            self.attributes.keys().append_value(&attribute.name);
            let values = self.attributes.values();
            match value {
                Value::Text(text) => values.append_value(text),
                Value::Integer(whole) => append_display(values, whole),
                Value::Number(number) => append_display(values, number),
                Value::Flag(flag) => append_display(values, flag),
            }
        }
        self.attributes.append(true).expect("a key comes with its value");
    }

    pub(crate) fn finish(&mut self) -> RecordBatch {
        batch([
            ("log_position", Arc::new(self.log_position.finish()), false),
            ("event_id", Arc::new(self.event_id.finish()), false),
            ("occurred_at", Arc::new(self.occurred_at.finish()), false),
            ("received_at", Arc::new(self.received_at.finish()), false),
            ("amount_minor", Arc::new(self.amount_minor.finish()), true),
            ("currency", Arc::new(self.currency.finish()), true),
            ("entities", Arc::new(self.entities.finish()), false),
            ("attributes", Arc::new(self.attributes.finish()), false),
        ])
    }
}

fn append_display(values: &mut StringBuilder, value: &impl std::fmt::Display) {
    write!(values, "{value}").expect("memory takes what is written");
    values.append_value("");
}
