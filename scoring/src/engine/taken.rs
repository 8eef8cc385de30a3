//! Events of a stream, whose sender waits for no answer: each is taken and decided on the thread that brings it, one after another, and where
//! its decision lies is known before it is durable.

use std::collections::VecDeque;
use std::time::Instant;

use ingest::log::Position;
use ingest::{Event, Timestamp};

use super::core::Arrival;
use super::deciding::Decided;
use super::writer::Accepted;
use super::{Engine, Status, Terms};
use crate::error::Error;

/// An event of a stream that is decided, now or before.
pub struct Taken {
    /// Where its decision lies.
    pub position: Position,
    /// What was decided now, until it is durable.
    decided: Option<Decided>,
}

impl Taken {
    /// Whether it was decided now or before.
    pub fn status(&self) -> Status {
        self.decided.as_ref().map_or(Status::Duplicate, |decided| decided.status)
    }
}

impl Engine {
    /// Takes an event into the order of application and decides it, as [`Terms::replay`] says, in the log's buffer, for the caller to push
    /// now and then. It waits for room there, and for nothing else.
    ///
    /// # Errors
    /// [`Error::NotReady`] or [`Error::Stopped`], or what is wrong with the event: then it was not accepted.
    pub async fn take_event(&self, event: Event, received_at: Timestamp) -> Result<Taken, Error> {
        let taken = self.taken(event, received_at).await;
        taken.inspect_err(|error| self.metrics.refused(error.cause()))
    }

    async fn taken(&self, event: Event, received_at: Timestamp) -> Result<Taken, Error> {
        self.check_ready(&event.event_id)?;
        let since = Instant::now();
        let arrival = Arrival::new(event, received_at, &self.pipeline);
        self.room().await;
        let accepted = self.writer()?.score(arrival, since)?;
        match accepted {
            Accepted::New { case, queue_us, features_us } => {
                let decided = self.decide(case, queue_us, features_us, since, Terms::replay())?;
                Ok(Taken { position: decided.position, decided: Some(decided) })
            }
            Accepted::Duplicate { decision } => Ok(Taken { position: decision, decided: None }),
            Accepted::UnderWay(told) => {
                let position = told.await.map_err(|_| Error::Stopped)?;
                Ok(Taken { position, decided: None })
            }
        }
    }

    /// Counts those at the front that are durable by now, and lets them go.
    pub fn count_durable(&self, taken: &mut VecDeque<Taken>) {
        let end = self.durability.borrow().end();
        while taken.front().is_some_and(|taken| taken.position < end) {
            if let Some(decided) = taken.pop_front().and_then(|taken| taken.decided) {
                drop(self.committed(decided));
            }
        }
    }
}
