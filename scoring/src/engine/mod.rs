//! The engine: the single writer behind a bounded queue, and the shell that carries a decision from the door to the log.
//!
//! One thread owns all state and applies events in the order of the log. Callers encode before it and score after it, in
//! parallel; they answer only when the log says that the decision is durable.

mod core;
mod ledger;
mod snapshotter;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use arc_swap::ArcSwapOption;
use ingest::log::{Durability, Log, Position, Readable, Topic};
use ingest::timeline::Known;
use ingest::{Clock, Event, EventId, Label, Timestamp};
use tokio::sync::{mpsc, oneshot, watch};

pub use self::core::{Applied, Arrival, Core, Recovered};
pub use self::ledger::{Entry, Ledger};
pub use self::snapshotter::SnapshotPolicy;
use self::snapshotter::Snapshotter;
use self::writer::{Accepted, Command, Past, Writer};
use crate::control::Control;
use crate::decide::{Case, Champion, decide, probability};
use crate::decision::Decision;
use crate::error::Error;
use crate::metrics::Metrics;
use crate::pipeline::Pipeline;
use crate::policy::OnFailure;
use crate::registry::Registry;

/// Whether an event was decided now or before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Decided now.
    New,
    /// Decided before: this is the recorded decision.
    Duplicate,
}

/// An answer: the decision, durable in the log.
#[derive(Clone, Debug)]
pub struct Scored {
    /// Whether it was decided now or before.
    pub status: Status,
    /// The decision.
    pub decision: Decision,
    /// How long the wait for durability took, in microseconds; 0 for a duplicate.
    pub commit_us: u32,
}

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

/// How an engine runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many events may wait for the writer.
    pub queue: usize,
    /// Where and how often snapshots are taken; without them a start reads the whole log.
    pub snapshots: Option<SnapshotPolicy>,
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

/// The engine with everything that a decision needs. Cheap to share; ends with [`Engine::stop`].
pub struct Engine {
    pipeline: Arc<Pipeline>,
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
    champion: ArcSwapOption<Champion>,
    commands: mpsc::Sender<Command>,
    durability: watch::Receiver<Durability>,
    metrics: Arc<Metrics>,
    writer: Mutex<Option<JoinHandle<()>>>,
    snapshotter: Mutex<Option<Snapshotter>>,
}

/// A place in the order of application; it becomes a decision.
pub struct Ticket {
    engine: Arc<Engine>,
    accepted: oneshot::Receiver<Result<Accepted, Error>>,
}

/// A label's place in the order of application.
pub struct LabelTicket {
    engine: Arc<Engine>,
    taken: oneshot::Receiver<Result<Position, Error>>,
}

impl Engine {
    /// Reads the log back, loads the champion that it names (one that cannot be used is said, and then there is none), decides what was accepted but not decided, and starts the writer.
    /// Refuses a pipeline in which a feature that served has another meaning. `progress` is told the position reached.
    pub fn start(
        pipeline: Arc<Pipeline>,
        log: Arc<dyn Log>,
        registry: &dyn Registry,
        clock: Arc<dyn Clock>,
        settings: Settings,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Arc<Self>, Error> {
        let snapshots = settings.snapshots.as_ref().map(|policy| &policy.snapshots);
        let (mut core, recovered) = Core::recover(Arc::clone(&pipeline), Arc::clone(&log), snapshots, progress)?;
        if let Some(serving) = serving(&pipeline.plan, &recovered.serving)? {
            core.control(&Control::Serving { features: serving, at: clock.now() })?;
        }
        let champion = recovered.champion.and_then(|(name, version)| {
            let loaded = load(registry, &name, version, &pipeline);
            loaded.inspect_err(|error| tracing::error!(%error, "the champion {name} {version} cannot be used")).ok()
        });
        for case in recovered.undecided.into_values() {
            tracing::info!(event_position = case.position.0, "deciding an event that was accepted before the last stop");
            let probability = probability(&case, champion.as_ref());
            let decided_at = clock.now().max(case.received_at);
            let decision = decide(case, probability, champion.as_ref(), &pipeline, decided_at);
            let position = log.append(Topic::Decision, &decision.encode())?;
            core.decided(&decision.event_id, position);
        }
        let (commands, queued) = mpsc::channel(settings.queue);
        let metrics = Arc::new(Metrics::new());
        let writer = Writer::new(core, queued, Arc::clone(&metrics)).spawn();
        let durability = log.durability();
        let champion = ArcSwapOption::from(champion.map(Arc::new));
        let writer = Mutex::new(Some(writer));
        let start = |policy| Snapshotter::start(Arc::clone(&pipeline), Arc::clone(&log), policy, recovered.resumed_at);
        let snapshotter = Mutex::new(settings.snapshots.map(start).transpose().map_err(Error::Thread)?);
        Ok(Arc::new(Self { pipeline, log, clock, champion, commands, durability, metrics, writer, snapshotter }))
    }

    /// What is scored and how.
    pub fn pipeline(&self) -> &Arc<Pipeline> {
        &self.pipeline
    }

    /// The model that decides, if one was promoted.
    pub fn champion(&self) -> Option<Arc<Champion>> {
        self.champion.load_full()
    }

    /// Why nothing is accepted any more, if that is so.
    pub fn failure(&self) -> Option<String> {
        match &*self.durability.borrow() {
            Durability::Failed { reason } => Some(reason.clone()),
            Durability::Until { .. } => self.commands.is_closed().then(|| "the engine has stopped".to_owned()),
        }
    }

    /// The engine's metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The engine's clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Puts an event into the order of application. Events are applied in the order of the calls; waits while the queue is full.
    pub async fn submit(self: &Arc<Self>, event: Event, received_at: Timestamp) -> Result<Ticket, Error> {
        if self.champion.load().is_none() && self.pipeline.policy.on_failure == OnFailure::Refuse {
            return Err(Error::NotReady);
        }
        let arrival = Arrival::new(event, received_at, &self.pipeline);
        let (reply, accepted) = oneshot::channel();
        self.send(Command::Score { arrival, enqueued: Instant::now(), reply }).await?;
        Ok(Ticket { engine: Arc::clone(self), accepted })
    }

    /// Scores an event: the decision, once it is durable. It is carried through even when the caller goes away.
    pub async fn score(self: &Arc<Self>, event: Event, received_at: Timestamp) -> Result<Scored, Error> {
        let ticket = self.submit(event, received_at).await?;
        tokio::spawn(ticket.decide()).await.map_err(|_| Error::Stopped)?
    }

    /// Puts what happened before riskflow watched into the log and the features, in order: events for no decision, and labels.
    /// What was taken before changes nothing.
    pub async fn backfill(&self, past: Vec<Known>, received_at: Timestamp) -> Result<(), Error> {
        let encode = |known| match known {
            Known::Event { event, .. } => Past::Event(Arrival::new(event, received_at, &self.pipeline)),
            Known::Label(label) => Past::Label(label, received_at),
        };
        let (reply, taken) = oneshot::channel();
        self.send(Command::Backfill { past: past.into_iter().map(encode).collect(), reply }).await?;
        taken.await.map_err(|_| Error::Stopped)?
    }

    /// What the ledger knows of events, in their order.
    pub async fn find(&self, event_ids: Vec<EventId>) -> Result<Vec<Option<Entry>>, Error> {
        let (reply, entries) = oneshot::channel();
        self.send(Command::Find { event_ids, reply }).await?;
        entries.await.map_err(|_| Error::Stopped)
    }

    /// Puts a label into the order of application, as [`Engine::submit`] does an event.
    pub async fn submit_label(self: &Arc<Self>, label: Label, received_at: Timestamp) -> Result<LabelTicket, Error> {
        let (reply, taken) = oneshot::channel();
        self.send(Command::Label { label, received_at, reply }).await?;
        Ok(LabelTicket { engine: Arc::clone(self), taken })
    }

    /// Puts a label into the log and the features; its position, once it is durable.
    pub async fn label(self: &Arc<Self>, label: Label, received_at: Timestamp) -> Result<Position, Error> {
        self.submit_label(label, received_at).await?.taken().await
    }

    /// Makes a model champion, from the next decision on; the change is a record in the log.
    pub async fn promote(&self, champion: Champion, by: &str, reason: &str) -> Result<Position, Error> {
        let control = Control::Promoted {
            name: champion.artifact.about.name.clone(),
            version: champion.version,
            by: by.to_owned(),
            reason: reason.to_owned(),
            at: self.clock.now(),
        };
        let position = self.control(control).await?;
        self.champion.store(Some(Arc::new(champion)));
        Ok(position)
    }

    /// Says in the log that the model is to be trained anew; who follows the log does it. Nothing that decides changes.
    pub async fn want_retraining(&self, by: &str, reason: &str) -> Result<Position, Error> {
        self.control(Control::RetrainWanted { by: by.to_owned(), reason: reason.to_owned(), at: self.clock.now() }).await
    }

    /// Puts a control record into the log; its position, once it is durable.
    async fn control(&self, control: Control) -> Result<Position, Error> {
        let (reply, position) = oneshot::channel();
        self.send(Command::Control { control, reply }).await?;
        let position = position.await.map_err(|_| Error::Stopped)??;
        self.durable(position).await?;
        Ok(position)
    }

    /// What the log holds about an event; `None` when it was never accepted or is not decided yet.
    pub async fn history(&self, event_id: EventId) -> Result<Option<History>, Error> {
        let Some(entry) = self.find(vec![event_id]).await?.pop().flatten() else { return Ok(None) };
        let Some(decision) = entry.decision() else { return Ok(None) };
        let label = match entry.label() {
            Some(position) => Some(self.read(position, |payload| Ok(ingest::log::record::decode_label(payload)?.0)).await?),
            None => None,
        };
        let schema = &self.pipeline.schema;
        let event = self.read(entry.event, |payload| Ok(ingest::log::record::decode_event(payload, schema)?.0)).await?;
        Ok(Some(History { event, decision: self.read(decision, Decision::decode).await?, label }))
    }

    /// Figures as of now.
    pub async fn standing(&self) -> Result<Standing, Error> {
        let (reply, standing) = oneshot::channel();
        self.send(Command::Standing { reply }).await?;
        standing.await.map_err(|_| Error::Stopped)
    }

    /// Brings the metrics of what is kept up to date.
    pub async fn measure(&self) -> Result<(), Error> {
        let (reply, measured) = oneshot::channel();
        self.send(Command::Measure { reply }).await?;
        measured.await.map_err(|_| Error::Stopped)
    }

    /// Takes nothing more, applies what is queued, and makes all of it durable.
    pub async fn stop(&self) -> Result<Position, Error> {
        // A writer that has ended already has nothing left to apply.
        let _ = self.send(Command::Stop).await;
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let snapshotter = self.snapshotter.lock().unwrap_or_else(PoisonError::into_inner).take();
        let log = Arc::clone(&self.log);
        let ended = tokio::task::spawn_blocking(move || {
            if let Some(snapshotter) = snapshotter {
                snapshotter.stop();
            }
            if let Some(writer) = writer {
                writer.join().map_err(|_| Error::Stopped)?;
            }
            Ok(log.flush()?)
        });
        ended.await.map_err(|_| Error::Stopped)?
    }

    async fn send(&self, command: Command) -> Result<(), Error> {
        self.commands.send(command).await.map_err(|_| Error::Stopped)
    }

    /// Waits until a record is durable.
    async fn durable(&self, position: Position) -> Result<(), Error> {
        let mut durability = self.durability.clone();
        let reached = durability.wait_for(|now| match now {
            Durability::Until { end } => *end > position,
            Durability::Failed { .. } => true,
        });
        match &*reached.await.map_err(|_| Error::Stopped)? {
            Durability::Until { .. } => Ok(()),
            Durability::Failed { reason } => Err(ingest::log::Error::Stopped { reason: reason.clone() }.into()),
        }
    }

    async fn read<T>(
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

impl LabelTicket {
    /// The label's position, once it is durable.
    pub async fn taken(self) -> Result<Position, Error> {
        let position = self.taken.await.map_err(|_| Error::Stopped)??;
        self.engine.durable(position).await?;
        Ok(position)
    }
}

impl Ticket {
    /// Scores the event when its turn has come; the decision, once it is durable.
    pub async fn decide(self) -> Result<Scored, Error> {
        let engine = self.engine;
        match self.accepted.await.map_err(|_| Error::Stopped)?? {
            Accepted::New { case, queue_us, features_us } => engine.decide(case, queue_us, features_us).await,
            Accepted::Duplicate { decision } => {
                let decision = engine.read(decision, Decision::decode).await?;
                Ok(Scored { status: Status::Duplicate, decision, commit_us: 0 })
            }
        }
    }
}

impl Engine {
    async fn decide(&self, case: Case, queue_us: u32, features_us: u32) -> Result<Scored, Error> {
        let champion = self.champion.load_full();
        let started = Instant::now();
        let probability = probability(&case, champion.as_deref());
        let scored = Instant::now();
        let mut decision = decide(case, probability, champion.as_deref(), &self.pipeline, self.clock.now());
        decision.timings_us.queue = queue_us;
        decision.timings_us.features = features_us;
        decision.timings_us.model = micros(scored - started);
        decision.timings_us.policy = micros(scored.elapsed());
        let decided = Instant::now();
        let event_id = decision.event_id.clone();
        let position = match self.log.append(Topic::Decision, &decision.encode()) {
            Ok(position) => position,
            Err(error) => {
                let _ = self.send(Command::Undecided { event_id }).await;
                return Err(error.into());
            }
        };
        // While stopping, the writer takes no more; the log has the decision and the ledger finds it there at the next start.
        let _ = self.send(Command::Decided { event_id, position }).await;
        self.durable(position).await?;
        let commit_us = micros(decided.elapsed());
        self.metrics.decided(&decision, commit_us);
        Ok(Scored { status: Status::New, decision, commit_us })
    }
}

/// Reads a log and hands over each event that was accepted, with its vector computed anew.
pub fn recompute(pipeline: Arc<Pipeline>, log: &dyn Readable, each: &mut dyn FnMut(&Case)) -> Result<(), Error> {
    Core::recompute(pipeline, log, each)
}

/// What serves from now on and did not before. A feature never changes its meaning under its name.
fn serving(plan: &features::Plan, before: &[(String, String)]) -> Result<Option<Vec<(String, String)>>, Error> {
    let mut new = Vec::new();
    for definition in plan.definitions() {
        match before.iter().find(|(name, _)| *name == definition.name) {
            None => new.push((definition.name.clone(), definition.version.clone())),
            Some((_, serving)) if *serving == definition.version => {}
            Some((_, serving)) => {
                return Err(Error::FeatureChanged {
                    feature: definition.name.clone(),
                    serving: serving.clone(),
                    present: definition.version.clone(),
                });
            }
        }
    }
    Ok((!new.is_empty()).then_some(new))
}

fn load(registry: &dyn Registry, name: &str, version: u32, pipeline: &Pipeline) -> Result<Champion, Error> {
    Ok(Champion::new(registry.load(name, version)?, version, &pipeline.plan)?)
}

/// Whole microseconds of a length, rounded down.
fn micros(length: std::time::Duration) -> u32 {
    u32::try_from(length.as_micros()).unwrap_or(u32::MAX)
}
