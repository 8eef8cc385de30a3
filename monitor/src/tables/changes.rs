use std::sync::Arc;

use arrow::array::{ArrayBuilder, RecordBatch, StringViewBuilder, TimestampMicrosecondBuilder, UInt64Builder};
use ingest::log::Position;
use scoring::Control;
use serde_json::Value;

use super::{batch, times};

/// Rows of the table of changes, as they gather: the audit of what decides. What a kind of change has of its own is in `subject`, as JSON,
/// so that the table outlives new kinds.
#[derive(Debug)]
pub(crate) struct ChangeRows {
    log_position: UInt64Builder,
    at: TimestampMicrosecondBuilder,
    kind: StringViewBuilder,
    by: StringViewBuilder,
    reason: StringViewBuilder,
    subject: StringViewBuilder,
}

impl Default for ChangeRows {
    fn default() -> Self {
        Self {
            log_position: UInt64Builder::new(),
            at: times(),
            kind: StringViewBuilder::new(),
            by: StringViewBuilder::new(),
            reason: StringViewBuilder::new(),
            subject: StringViewBuilder::new(),
        }
    }
}

impl ChangeRows {
    pub(crate) fn len(&self) -> usize {
        self.log_position.len()
    }

    pub(crate) fn push(&mut self, position: Position, control: &Control) {
        // A change that is explained is a row like one that is not, with the reason.
        let (control, explained) = match control {
            Control::Explained { changes, reason, .. } => (changes.first().unwrap_or(control), Some(reason.clone())),
            control => (control, None),
        };
        let (kind, mut subject) = parts(control);
        let mut text = |field: &str| match subject.remove(field) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        self.log_position.append_value(position.0);
        self.at.append_value(control.at().micros());
        self.kind.append_value(kind);
        self.by.append_option(text("by"));
        self.reason.append_option(text("reason").or(explained));
        subject.remove("at");
        self.subject.append_value(Value::Object(subject).to_string());
    }

    pub(crate) fn finish(&mut self) -> RecordBatch {
        batch([
            ("log_position", Arc::new(self.log_position.finish()), false),
            ("at", Arc::new(self.at.finish()), false),
            ("kind", Arc::new(self.kind.finish()), false),
            ("by", Arc::new(self.by.finish()), true),
            ("reason", Arc::new(self.reason.finish()), true),
            ("subject", Arc::new(self.subject.finish()), false),
        ])
    }
}

/// The name of a change, as `retrain_wanted`, and its fields.
fn parts(control: &Control) -> (String, serde_json::Map<String, Value>) {
    let value = serde_json::to_value(control).expect("plain data always has a JSON form");
    let fields = match value {
        Value::Object(tagged) => tagged.into_iter().next(),
        _ => None,
    };
    match fields {
        Some((name, Value::Object(fields))) => (snake_case(&name), fields),
        _ => unreachable!("a change has a name and named fields"),
    }
}

fn snake_case(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}
