//! Who is told of alerts: every sink of the configuration that wants to know of their severity.

use std::sync::Arc;

use monitor::lookout::Tell;
use monitor::notify::{Notification, Notifier, Severity, What};
use scoring::Pipeline;
use scoring::alerts::{self, Alert};

/// Tells of alerts that were raised.
pub(crate) fn tell(notifier: &Arc<Notifier>, pipeline: &Pipeline) -> Tell {
    let (notifier, pipeline) = (Arc::clone(notifier), pipeline.name.clone());
    Box::new(move |alert| notifier.tell(&notification(alert, &pipeline)))
}

/// The same whenever the same alert is told of.
fn notification(alert: &Alert, pipeline: &str) -> Notification {
    let severity = match alert.severity {
        alerts::Severity::Low => Severity::Low,
        alerts::Severity::Medium => Severity::Medium,
        alerts::Severity::High => Severity::High,
        alerts::Severity::Critical => Severity::Critical,
    };
    let lead = alert.lead();
    let event = lead.map_or_else(String::new, |hit| format!("event {}", hit.event_id));
    let subject = alert.subject.as_ref().map_or(event, ToString::to_string);
    let decided = lead.map_or_else(String::new, |hit| match hit.score {
        Some(score) => format!("{} at score {score}", hit.verdict),
        None => hit.verdict.to_string(),
    });
    let what = What::Alert { alert_id: alert.id.to_string(), subject, reason: format!("{}: {decided}", alert.policy) };
    Notification::new(alert.opened_at, severity, pipeline, what)
}
