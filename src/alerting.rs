//! Who is told of alerts: every sink of the configuration that wants to know of their severity, when they are raised and when they come to matter more.

use std::sync::Arc;

use monitor::lookout::{News, Tell};
use monitor::notify::{Notification, Notifier, Rose, What};
use scoring::Pipeline;
use scoring::alerts::{Alert, Hit, Joined, Risen};

/// Tells what is new of alerts; whether every queue has taken it.
pub(crate) fn tell(notifier: &Arc<Notifier>, pipeline: &Pipeline) -> Tell {
    let (notifier, pipeline) = (Arc::clone(notifier), pipeline.name.clone());
    Box::new(move |news| notifier.try_tell(&notification(news, &pipeline)))
}

/// The same whenever the same is told.
fn notification(news: &News<'_>, pipeline: &str) -> Notification {
    match *news {
        News::Opened(alert) => opened(alert, pipeline),
        News::Rose { joined: Joined { id, hit, severity, .. }, risen: Risen { from, about }, at } => {
            let reason = format!("{}: event {}, {}", id.policy(), hit.event_id, decided(hit));
            let rose = Some(Rose { from: *from, to: *severity });
            let what = What::Alert { alert_id: id.to_string(), subject: about.to_string(), reason, rose };
            Notification::new(at, *severity, pipeline, what)
        }
    }
}

fn opened(alert: &Alert, pipeline: &str) -> Notification {
    let lead = alert.lead();
    let event = lead.map_or_else(String::new, |hit| format!("event {}", hit.event_id));
    let subject = alert.subject.as_ref().map_or(event, ToString::to_string);
    let reason = format!("{}: {}", alert.policy, lead.map_or_else(String::new, decided));
    let what = What::Alert { alert_id: alert.id.to_string(), subject, reason, rose: None };
    Notification::new(alert.opened_at, alert.severity, pipeline, what)
}

fn decided(hit: &Hit) -> String {
    match hit.score {
        Some(score) => format!("{} at score {score}", hit.verdict),
        None => hit.verdict.to_string(),
    }
}
