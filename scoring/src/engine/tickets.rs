//! Tickets: what was put into the order of application, and what becomes of it. An accepted event is decided, whoever still waits for it.

use std::sync::Arc;
use std::time::Instant;

use ingest::log::Position;
use ingest::{Event, Label, Timestamp};
use tokio::sync::OwnedSemaphorePermit;

use super::core::Arrival;
use super::deciding::Decided;
use super::writer::Accepted;
use super::{Engine, Scored, Terms};
use crate::decision::Reasons;
use crate::error::Error;

/// An event in the order of application; it becomes a decision, also where nobody waits for one any more.
pub struct Ticket {
    engine: Arc<Engine>,
    terms: Terms,
    pub(super) since: Instant,
    accepted: Option<Accepted>,
    /// What was decided, until it is durable.
    decided: Option<Decided>,
    place: Option<OwnedSemaphorePermit>,
}

/// A label that is in the order of application.
pub struct LabelTicket {
    engine: Arc<Engine>,
    position: Position,
    _place: OwnedSemaphorePermit,
}

impl Engine {
    /// Puts an event into the order of application; its ticket has it decided. Events are applied in the order of the calls. While too many
    /// are under way it waits: for its patience, and with [`Terms::unhurried`] for as long as it takes.
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::NotReady`] or [`Error::Stopped`], or what is wrong with the event: then it was not accepted.
    pub async fn submit(self: &Arc<Self>, event: Event, received_at: Timestamp, terms: Terms) -> Result<Ticket, Error> {
        let since = Instant::now();
        let entered = self.enter(event, received_at, terms, since).await;
        let (place, accepted) = entered.inspect_err(|error| self.metrics.refused(error.cause()))?;
        Ok(Ticket { engine: Arc::clone(self), terms, since, accepted: Some(accepted), decided: None, place: Some(place) })
    }

    /// Scores an event: the decision, once it is durable. It is carried through even when the caller goes away.
    pub async fn score(self: &Arc<Self>, event: Event, received_at: Timestamp, terms: Terms) -> Result<Scored, Error> {
        self.submit(event, received_at, terms).await?.decided().await
    }

    /// Puts a label into the order of application, as [`Engine::submit`] does an event; waits as [`Terms::unhurried`] says.
    pub async fn submit_label(
        self: &Arc<Self>,
        label: Label,
        received_at: Timestamp,
        terms: Terms,
    ) -> Result<LabelTicket, Error> {
        let place = self.place(terms).await?;
        let position = self.writer()?.label(&label, received_at)?;
        self.log.push();
        Ok(LabelTicket { engine: Arc::clone(self), position, _place: place })
    }

    /// Puts a label whose sender waits into the log and the features; its position, once it is durable.
    pub async fn label(self: &Arc<Self>, label: Label, received_at: Timestamp) -> Result<Position, Error> {
        let taken = async { self.submit_label(label, received_at, Terms::live(Reasons::None)).await?.taken().await };
        taken.await.inspect_err(|error| self.metrics.refused(error.cause()))
    }

    /// Applies an event; its place among those under way, and what becomes of it.
    async fn enter(
        &self,
        event: Event,
        received_at: Timestamp,
        terms: Terms,
        since: Instant,
    ) -> Result<(OwnedSemaphorePermit, Accepted), Error> {
        self.check_ready(&event.event_id)?;
        let arrival = Arrival::new(event, received_at, &self.pipeline);
        let place = self.place(terms).await?;
        let accepted = self.writer()?.score(arrival, since)?;
        Ok((place, accepted))
    }
}

impl Ticket {
    /// Decides, unless that was done; the decision, once it is durable.
    pub async fn decided(mut self) -> Result<Scored, Error> {
        let engine = Arc::clone(&self.engine);
        // Up to the first wait nobody can go away.
        let scored = match self.accepted.take() {
            Some(Accepted::New { case, queue_us, features_us }) => {
                match engine.decide(case, queue_us, features_us, self.since, self.terms) {
                    Ok(decided) => {
                        let position = self.decided.insert(decided).position;
                        engine.push(position).await;
                        let durable = engine.durable(position).await;
                        let decided = self.decided.take().expect("it was put there");
                        durable.map(|()| engine.committed(decided))
                    }
                    Err(error) => Err(error),
                }
            }
            Some(Accepted::Duplicate { decision }) => engine.repeated(decision).await,
            Some(Accepted::UnderWay(told)) => match told.await {
                Ok(decision) => engine.repeated(decision).await,
                Err(_) => Err(Error::Stopped),
            },
            None => Err(Error::Stopped),
        };
        scored.inspect_err(|error| engine.metrics.refused(error.cause()))
    }
}

impl Drop for Ticket {
    /// What is accepted is decided, whoever listens, and has its place until it is durable.
    fn drop(&mut self) {
        if let Some(Accepted::New { case, queue_us, features_us }) = self.accepted.take() {
            match self.engine.decide(case, queue_us, features_us, self.since, self.terms) {
                Ok(decided) => self.decided = Some(decided),
                Err(error) => self.engine.metrics.refused(error.cause()),
            }
        }
        if self.decided.is_some() {
            self.engine.log.push();
        }
        if let (Some(decided), Ok(runtime)) = (self.decided.take(), tokio::runtime::Handle::try_current()) {
            let (engine, place) = (Arc::clone(&self.engine), self.place.take());
            runtime.spawn(async move {
                match engine.durable(decided.position).await {
                    Ok(()) => drop(engine.committed(decided)),
                    Err(error) => engine.metrics.refused(error.cause()),
                }
                drop(place);
            });
        }
    }
}

impl LabelTicket {
    /// The label's position, once it is durable.
    pub async fn taken(self) -> Result<Position, Error> {
        self.engine.durable(self.position).await?;
        Ok(self.position)
    }
}
