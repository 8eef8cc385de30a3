//! The way in: what has to hold before an event is applied, a place among those under way, and room in the log; and the past, which wants
//! room alone.

use std::sync::Arc;

use ingest::timeline::Known;
use ingest::{EventId, Timestamp};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::core::Arrival;
use super::writer::Past;
use super::{Engine, Terms};
use crate::error::Error;
use crate::policy::OnFailure;

impl Engine {
    /// Puts what happened before riskflow watched into the log and the features, in order: events for no decision, and labels.
    /// What was taken before changes nothing.
    pub async fn backfill(&self, past: Vec<Known>, received_at: Timestamp) -> Result<(), Error> {
        let encode = |known| match known {
            Known::Event { event, .. } => Past::Event(Arrival::new(event, received_at, &self.pipeline)),
            Known::Label(label) => Past::Label(label, received_at),
        };
        let mut taken = Ok(());
        for past in past.into_iter().map(encode) {
            self.room().await;
            taken = self.writer().and_then(|mut writer| writer.past(past));
            if taken.is_err() {
                break;
            }
        }
        // Also what was taken before one that was not.
        self.log.push();
        taken
    }

    /// Without a champion the operator may want no decision at all; what was decided before is answered all the same.
    pub(super) fn check_ready(&self, event_id: &EventId) -> Result<(), Error> {
        let deciders = self.deciders.load();
        let is_ready = deciders.champion.is_some() || deciders.policy.on_failure != OnFailure::Refuse;
        drop(deciders);
        if is_ready || self.knows(event_id) { Ok(()) } else { Err(Error::NotReady) }
    }

    /// A place among those under way, and room in the log. Without them, what is on the disk is behind what was accepted; who waits for an
    /// answer is told so in time.
    pub(super) async fn place(&self, terms: Terms) -> Result<OwnedSemaphorePermit, Error> {
        if self.log.has_room()
            && let Ok(place) = Arc::clone(&self.places).try_acquire_owned()
        {
            return Ok(place);
        }
        let place = async {
            let place = Arc::clone(&self.places).acquire_owned().await;
            self.room().await;
            place
        };
        let place = if terms.unhurried { Ok(place.await) } else { timeout(self.patience, place).await };
        place.map_err(|_| Error::Busy)?.map_err(|_| Error::Stopped)
    }

    /// Waits until the log has room, so that nobody who holds the writer waits for the disk.
    pub(super) async fn room(&self) {
        while !self.log.has_room() {
            let mut durability = self.durability.clone();
            durability.mark_unchanged();
            self.log.push();
            if self.log.has_room() || durability.changed().await.is_err() {
                return;
            }
        }
    }
}
