//! Whether a decision raises an alert, joins one, or does neither.

use std::collections::BTreeMap;
use std::sync::Arc;

use ingest::log::Position;
use ingest::{Currency, Event, Schema, Timestamp};
use serde::{Deserialize, Serialize};

use super::alert::{Alert, AlertId, Hit, MOST_HITS, Subject};
use super::policy::{Policy, Severity};
use crate::decision::Decision;

/// An event that was decided, as far as an alert has to do with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The event, and what was decided; its amount is in its own currency.
    pub hit: Hit,
    /// The keys of its entities, by the entity's name.
    pub entities: BTreeMap<String, String>,
    /// The currency of its amount.
    pub currency: Option<Currency>,
}

/// A decision that is worth an alert by some policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worthy {
    /// Its event, and what was decided.
    pub seen: Arc<Seen>,
    /// What the money of alerts is in: the currency of the pipeline.
    pub currency: Currency,
    /// When that was.
    pub decided_at: Timestamp,
    /// The policies, each with what was worth an alert of it before, of the same entity and within its time: the oldest first.
    pub by: Vec<(Arc<Policy>, Vec<Arc<Seen>>)>,
    /// From where the log has to be read to know what comes after it.
    pub from: Position,
}

impl Worthy {
    /// The decision at a position, about an event.
    pub fn new(position: Position, decision: &Decision, event: Event, schema: &Schema) -> Self {
        let hit = Hit {
            event_id: decision.event_id.clone(),
            decision: position,
            occurred_at: decision.occurred_at,
            amount_minor: decision.amount_minor,
            verdict: decision.decision,
            score: decision.score,
            rules: decision.rules.iter().filter(|hit| hit.is_effective()).map(|hit| hit.rule_id.to_string()).collect(),
        };
        let currency = event.amount.map(ingest::Amount::currency);
        let keys = schema.entities.iter().zip(event.entities);
        let entities = keys.filter_map(|(entity, key)| Some((entity.name.clone(), key?.into()))).collect();
        let seen = Arc::new(Seen { hit, entities, currency });
        Self { seen, currency: schema.default_currency, decided_at: decision.decided_at, by: Vec::new(), from: position }
    }

    /// What an alert of a policy is about; nothing where the event lacks the entity.
    pub fn subject(&self, policy: &Policy) -> Option<Subject> {
        let entity = policy.about.as_ref()?.entity.clone();
        let key = self.seen.entities.get(&entity)?.clone();
        Some(Subject { entity, key })
    }
}

/// What comes of a decision by a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Raise {
    /// A new alert.
    Open(Box<Alert>),
    /// It is of an alert that there is.
    Join(Joined),
}

/// An event that is of an alert that there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// The alert.
    pub id: AlertId,
    /// The event.
    pub hit: Hit,
    /// Its entities.
    pub entities: BTreeMap<String, String>,
    /// How much the alert matters then.
    pub severity: Severity,
    /// That this is more than before, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risen: Option<Risen>,
}

/// An alert matters more than it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Risen {
    /// How much it mattered before.
    pub from: Severity,
    /// What it is about, for whoever is told.
    pub about: Subject,
}

/// What comes of a decision that is worth an alert of a policy. `earlier` are the events before it that count for a pattern, `open` is the last alert of the
/// same policy about the same entity that is not closed.
pub fn raise(policy: &Policy, worthy: &Worthy, earlier: &[Arc<Seen>], open: Option<&Alert>) -> Option<Raise> {
    let seen = &*worthy.seen;
    if let (Some(about), Some(open)) = (&policy.about, open)
        && open.hits.len() < MOST_HITS
        && open.last_occurred_at().is_some_and(|last| seen.hit.occurred_at.since(last) <= about.join_within)
    {
        let (hit, entities, mut after) = (open.hit(seen), seen.entities.clone(), open.clone());
        after.join(hit.clone(), &entities);
        let (id, severity) = (open.id.clone(), after.severity_by(policy));
        let risen = worthy.subject(policy).filter(|_| severity > open.severity).map(|about| Risen { from: open.severity, about });
        return Some(Raise::Join(Joined { id, hit, entities, severity, risen }));
    }
    if earlier.len() + 1 < policy.events() as usize {
        return None;
    }
    Some(Raise::Open(Box::new(Alert::opened(policy, worthy, earlier))))
}
