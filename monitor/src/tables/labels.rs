use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, Decimal128Builder, Int64Builder, RecordBatch, StringViewBuilder, TimestampMicrosecondBuilder, UInt64Builder,
};
use ingest::log::Position;
use ingest::{Label, LabelSource, Outcome, Timestamp};

use super::{batch, times};

/// Rows of the table of labels, as they gather.
#[derive(Debug)]
pub(crate) struct LabelRows {
    log_position: UInt64Builder,
    event_id: StringViewBuilder,
    label: StringViewBuilder,
    source: StringViewBuilder,
    category: StringViewBuilder,
    observed_at: TimestampMicrosecondBuilder,
    received_at: TimestampMicrosecondBuilder,
    amount_minor: Int64Builder,
    /// Of an event's labels the one with the highest standing holds: the one observed last, and of those the last in the log.
    /// One number, because the largest of each event is found quickly, and the last of an order is not.
    standing: Decimal128Builder,
}

impl Default for LabelRows {
    fn default() -> Self {
        Self {
            log_position: UInt64Builder::new(),
            event_id: StringViewBuilder::new(),
            label: StringViewBuilder::new(),
            source: StringViewBuilder::new(),
            category: StringViewBuilder::new(),
            observed_at: times(),
            received_at: times(),
            amount_minor: Int64Builder::new(),
            standing: Decimal128Builder::new().with_precision_and_scale(38, 0).expect("38 digits are the most there are"),
        }
    }
}

impl LabelRows {
    pub(crate) fn len(&self) -> usize {
        self.log_position.len()
    }

    pub(crate) fn push(&mut self, position: Position, label: &Label, received_at: Timestamp) {
        self.log_position.append_value(position.0);
        self.event_id.append_value(label.event_id.as_str());
        self.label.append_value(match label.label {
            Outcome::Fraud => "fraud",
            Outcome::Legit => "legit",
            Outcome::Default => "default",
            Outcome::Repaid => "repaid",
        });
        self.source.append_value(match label.source {
            LabelSource::Chargeback => "chargeback",
            LabelSource::Analyst => "analyst",
            LabelSource::Customer => "customer",
            LabelSource::Issuer => "issuer",
            LabelSource::Servicing => "servicing",
        });
        self.category.append_option(label.category.as_deref());
        self.observed_at.append_value(label.observed_at.micros());
        self.received_at.append_value(received_at.micros());
        self.amount_minor.append_option(label.amount_minor);
        self.standing.append_value((i128::from(label.observed_at.micros()) << 64) + i128::from(position.0));
    }

    pub(crate) fn finish(&mut self) -> RecordBatch {
        batch([
            ("log_position", Arc::new(self.log_position.finish()), false),
            ("event_id", Arc::new(self.event_id.finish()), false),
            ("label", Arc::new(self.label.finish()), false),
            ("source", Arc::new(self.source.finish()), false),
            ("category", Arc::new(self.category.finish()), true),
            ("observed_at", Arc::new(self.observed_at.finish()), false),
            ("received_at", Arc::new(self.received_at.finish()), false),
            ("amount_minor", Arc::new(self.amount_minor.finish()), true),
            ("standing", Arc::new(self.standing.finish()), false),
        ])
    }
}
