//! `/v1/alerts`: the queue, one alert with what is known of it, and what a person does with it. Here is an alert as all of them tell it.

pub(super) mod acts;
pub(super) mod detail;
pub(super) mod queue;

use ingest::{Currency, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::alerts::{Alert, Did, Outcome, Severity, Stage};
use crate::decision::Verdict;

/// An alert, as the queue shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct AlertAnswer {
    id: String,
    policy: String,
    severity: Severity,
    /// `open`, `in_review`, `escalated`, `resolved` or `dismissed`.
    state: &'static str,
    /// Who has it, or closed it.
    assignee: Option<String>,
    /// Since when it is so.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    outcome: Option<Outcome>,
    group: Option<String>,
    /// What it is about; `null` where it is about its one event alone.
    subject: Option<SubjectAnswer>,
    /// How many events it has.
    events: u32,
    /// Their amounts together, in minor units of `currency`.
    money_minor: i64,
    /// What money is in, as `EUR`: the currency of the pipeline; `null` where events move none.
    #[schema(value_type = Option<String>)]
    currency: Option<Currency>,
    /// How many of the events are in other currencies, so that their amounts are not in `money_minor`.
    other_currency: u32,
    /// The strictest decision among its events.
    decision: Option<Verdict>,
    /// The highest score among them.
    score: Option<u16>,
    #[schema(value_type = String, format = DateTime)]
    opened_at: Timestamp,
    /// When the last of its events happened.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_occurred_at: Option<Timestamp>,
    /// How many notes it has.
    notes: usize,
    /// To be sent with whatever is done with it.
    version: u32,
}

/// An entity.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct SubjectAnswer {
    entity: String,
    key: String,
}

impl AlertAnswer {
    fn of(alert: &Alert) -> Self {
        let (assignee, since) = match (alert.stage.held(), alert.stage.closed(), &alert.stage) {
            (Some(held), ..) => (Some(held.by.clone()), Some(held.since)),
            (None, Some((by, at)), _) => (Some(by.clone()), Some(at)),
            (None, None, Stage::Escalated { at, .. }) => (None, Some(*at)),
            (None, None, _) => (None, None),
        };
        let lead = alert.lead();
        Self {
            id: alert.id.to_string(),
            policy: alert.policy.clone(),
            severity: alert.severity,
            state: alert.stage.name(),
            assignee,
            since,
            outcome: match alert.stage {
                Stage::Resolved { outcome, .. } => Some(outcome),
                _ => None,
            },
            group: alert.group.clone(),
            subject: alert
                .subject
                .as_ref()
                .map(|subject| SubjectAnswer { entity: subject.entity.clone(), key: subject.key.clone() }),
            events: alert.events(),
            money_minor: alert.money_minor(),
            currency: alert.currency,
            other_currency: alert.other_currency(),
            decision: lead.map(|hit| hit.verdict),
            score: alert.score(),
            opened_at: alert.opened_at,
            last_occurred_at: alert.last_occurred_at(),
            notes: alert.entries.iter().filter(|entry| matches!(entry.did, Did::Noted { .. })).count(),
            version: alert.version,
        }
    }
}
