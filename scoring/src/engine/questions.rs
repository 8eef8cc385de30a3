//! What is asked of the engine: what the log holds, how things stand, and whether it goes on. Nothing here changes anything.

use std::sync::Arc;

use ingest::log::{Durability, Position, Topic};
use ingest::{Event, EventId, Label, Timestamp, background};

use super::{Engine, Entry};
use crate::control::{RoleChange, is_training_asked, role_changes};
use crate::decision::Decision;
use crate::error::Error;

/// What the log holds about one event.
#[derive(Clone, Debug)]
pub struct History {
    /// The event itself.
    pub event: Event,
    /// Its decision.
    pub decision: Decision,
    /// The label that was taken last.
    pub label: Option<Label>,
}

/// Figures of the engine as of now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Events of before riskflow watched.
    pub history: u64,
    /// Events accepted to be decided.
    pub events: u64,
    /// Events decided.
    pub decisions: u64,
    /// Labels taken.
    pub labels: u64,
    /// Events that came too late to enter the history, of all kinds.
    pub too_late: u64,
    /// The latest event time.
    pub watermark: Timestamp,
    /// Features whose window is not covered yet, each with the event time from which on it is.
    pub warming: Vec<(String, Timestamp)>,
}

impl Engine {
    /// Why nothing is accepted any more, if that is so.
    pub fn failure(&self) -> Option<String> {
        match &*self.durability.borrow() {
            Durability::Failed { reason, .. } => Some(reason.clone()),
            Durability::Until { .. } => self.has_stopped().then(|| "the engine has stopped".to_owned()),
        }
    }

    /// Why nothing becomes durable just now, where it will go on by itself.
    pub fn trouble(&self) -> Option<String> {
        self.log.trouble()
    }

    /// What the ledger knows of events, in their order.
    pub fn find(&self, event_ids: &[EventId]) -> Vec<Option<Entry>> {
        let writer = self.figures();
        event_ids.iter().map(|event_id| writer.core().ledger().get(event_id)).collect()
    }

    /// Whether an event was taken before: it is answered as it was then, whatever holds now.
    pub fn knows(&self, event_id: &EventId) -> bool {
        self.figures().core().ledger().get(event_id).is_some()
    }

    /// What the log holds about an event; `None` when it was never accepted or is not decided yet.
    pub async fn history(&self, event_id: EventId) -> Result<Option<History>, Error> {
        let Some(entry) = self.find(&[event_id]).pop().flatten() else { return Ok(None) };
        let Some(decision) = entry.decision() else { return Ok(None) };
        let label = match entry.label() {
            Some(position) => Some(self.read(position, |payload| Ok(ingest::log::record::decode_label(payload)?.0)).await?),
            None => None,
        };
        let schema = &self.pipeline.schema;
        let event = self.read(entry.event, |payload| Ok(ingest::log::record::decode_event(payload, schema)?.0)).await?;
        Ok(Some(History { event, decision: self.read(decision, Decision::decode).await?, label }))
    }

    /// The event that lies at a position of the log, if one does.
    pub async fn event_at(&self, position: Position) -> Result<Option<EventId>, Error> {
        let log = Arc::clone(&self.log);
        let record = tokio::task::spawn_blocking(move || log.get(position)).await.map_err(|_| Error::Stopped)??;
        let Some(record) = record.filter(|record| record.topic == Topic::Event) else { return Ok(None) };
        let event = ingest::log::record::decode_event(&record.payload, &self.pipeline.schema);
        event.map(|(event, _)| Some(event.event_id)).map_err(|source| Error::Unreadable { position, source })
    }

    /// The versions of the pipeline's model in the registry, and every change of roles in the log.
    pub async fn models(&self) -> Result<(Vec<u32>, Vec<RoleChange>), Error> {
        let (registry, log, name) = (Arc::clone(&self.registry), Arc::clone(&self.log), self.pipeline.model.name.clone());
        let read = tokio::task::spawn_blocking(move || Ok((registry.versions(&name)?, role_changes(&*log)?)));
        read.await.map_err(|_| Error::Stopped)?
    }

    /// Whether somebody has asked for a training since the champion came to decide, be it before a start. Reads the whole log.
    pub async fn is_training_asked(&self, by: &str) -> Result<bool, Error> {
        let (log, name, by) = (Arc::clone(&self.log), self.pipeline.model.name.clone(), by.to_owned());
        let read = tokio::task::spawn_blocking(move || background::unhurried(|| is_training_asked(&*log, &name, &by)));
        read.await.map_err(|_| Error::Stopped)?
    }

    /// Figures as of now.
    pub fn standing(&self) -> Standing {
        self.figures().standing()
    }

    pub(super) async fn read<T>(
        &self,
        position: Position,
        decode: impl FnOnce(&[u8]) -> Result<T, ingest::log::record::RecordError>,
    ) -> Result<T, Error> {
        // A log that has failed since still has what was durable before.
        let durable = self.durable(position).await;
        let log = Arc::clone(&self.log);
        let record = tokio::task::spawn_blocking(move || log.get(position)).await.map_err(|_| Error::Stopped)??;
        let Some(record) = record else { return Err(durable.err().unwrap_or(Error::Missing { position })) };
        decode(&record.payload).map_err(|source| Error::Unreadable { position, source })
    }
}
