use std::sync::Arc;

use arrow::array::{ArrayBuilder, Int64Builder, RecordBatch, StringViewBuilder, TimestampMicrosecondBuilder, UInt64Builder};
use ingest::Timestamp;
use ingest::log::Position;
use scoring::alerts::{AlertId, Did, Raise, Step};

use super::{batch, times};

/// Rows of the table of what happened with alerts, as they gather: one for each alert that was raised, each event that joined one, and whatever
/// somebody did with one.
#[derive(Debug)]
pub(crate) struct AlertEventRows {
    log_position: UInt64Builder,
    at: TimestampMicrosecondBuilder,
    alert_id: StringViewBuilder,
    policy: StringViewBuilder,
    step: StringViewBuilder,
    by: StringViewBuilder,
    severity: StringViewBuilder,
    outcome: StringViewBuilder,
    event_id: StringViewBuilder,
    amount_minor: Int64Builder,
    text: StringViewBuilder,
}

impl Default for AlertEventRows {
    fn default() -> Self {
        Self {
            log_position: UInt64Builder::new(),
            at: times(),
            alert_id: StringViewBuilder::new(),
            policy: StringViewBuilder::new(),
            step: StringViewBuilder::new(),
            by: StringViewBuilder::new(),
            severity: StringViewBuilder::new(),
            outcome: StringViewBuilder::new(),
            event_id: StringViewBuilder::new(),
            amount_minor: Int64Builder::new(),
            text: StringViewBuilder::new(),
        }
    }
}

/// What a row has beside who did what when.
#[derive(Default)]
struct Rest<'a> {
    severity: Option<&'a str>,
    outcome: Option<&'a str>,
    event_id: Option<&'a str>,
    amount_minor: Option<i64>,
    text: Option<&'a str>,
}

impl AlertEventRows {
    pub(crate) fn len(&self) -> usize {
        self.log_position.len()
    }

    pub(crate) fn push(&mut self, position: Position, step: &Step, by: &str, at: Timestamp) {
        match step {
            Step::Policies(_) => {}
            Step::Looked { raised, .. } => raised.iter().for_each(|raise| match raise {
                Raise::Open(alert) => {
                    let lead = alert.hits.last();
                    let rest = Rest {
                        severity: Some(alert.severity.name()),
                        event_id: lead.map(|hit| hit.event_id.as_str()),
                        amount_minor: Some(alert.money_minor()),
                        ..Rest::default()
                    };
                    self.row(position, "opened", &alert.id, by, alert.opened_at, &rest);
                }
                Raise::Join(joined) => {
                    let rest = Rest {
                        severity: Some(joined.severity.name()),
                        event_id: Some(joined.hit.event_id.as_str()),
                        amount_minor: joined.hit.amount_minor,
                        ..Rest::default()
                    };
                    self.row(position, "joined", &joined.id, by, at, &rest);
                }
            }),
            Step::Did { id, did, .. } => {
                let text = match did {
                    Did::Claimed | Did::Released => None,
                    Did::Noted { text } => Some(text.as_str()),
                    Did::Escalated { reason } | Did::Dismissed { reason } | Did::Reopened { reason } => Some(reason.as_str()),
                    Did::Resolved { note, .. } => Some(note.as_str()).filter(|note| !note.is_empty()),
                };
                let rest = Rest { outcome: did.outcome().map(scoring::alerts::Outcome::name), text, ..Rest::default() };
                self.row(position, did.name(), id, by, at, &rest);
            }
        }
    }

    fn row(&mut self, position: Position, step: &str, id: &AlertId, by: &str, at: Timestamp, rest: &Rest<'_>) {
        self.log_position.append_value(position.0);
        self.at.append_value(at.micros());
        self.alert_id.append_value(id.as_str());
        self.policy.append_value(id.policy());
        self.step.append_value(step);
        self.by.append_value(by);
        self.severity.append_option(rest.severity);
        self.outcome.append_option(rest.outcome);
        self.event_id.append_option(rest.event_id);
        self.amount_minor.append_option(rest.amount_minor);
        self.text.append_option(rest.text);
    }

    pub(crate) fn finish(&mut self) -> RecordBatch {
        batch([
            ("log_position", Arc::new(self.log_position.finish()), false),
            ("at", Arc::new(self.at.finish()), false),
            ("alert_id", Arc::new(self.alert_id.finish()), false),
            ("policy", Arc::new(self.policy.finish()), false),
            ("step", Arc::new(self.step.finish()), false),
            ("by", Arc::new(self.by.finish()), false),
            ("severity", Arc::new(self.severity.finish()), true),
            ("outcome", Arc::new(self.outcome.finish()), true),
            ("event_id", Arc::new(self.event_id.finish()), true),
            ("amount_minor", Arc::new(self.amount_minor.finish()), true),
            ("text", Arc::new(self.text.finish()), true),
        ])
    }
}
