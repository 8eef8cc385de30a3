//! The engine: the single writer, and the shell that carries a decision from the door to the log.
//!
//! All state that changes with the log is in one place, which one caller at a time holds for some microseconds, and events are applied in
//! the order of the log. Callers encode before it and score after it, in parallel and on the thread that they are on: nothing is handed
//! from one to another. They answer only when the log says that the decision is durable. How many may be under way is bounded.

mod backtest;
mod changes;
mod core;
mod desk;
mod guard;
mod ledger;
mod proposals;
mod replay;
mod shadow;
mod snapshotter;
mod taken;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use features::Snapshots;
use ingest::log::{Durability, Log, Position, Readable, Topic};
use ingest::timeline::Known;
use ingest::{Clock, Event, EventId, Label, Timestamp, with_causes};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

pub use self::changes::Returned;
pub(crate) use self::changes::after;
pub use self::core::{Applied, Arrival, Core, Recovered};
pub use self::ledger::{Entry, Ledger};
pub use self::proposals::Made;
pub use self::replay::{Difference, Replayed};
pub use self::shadow::ShadowScores;
use self::shadow::{Shadow, Watcher};
pub use self::snapshotter::SnapshotPolicy;
use self::snapshotter::Snapshotter;
pub use self::taken::Taken;
use self::writer::{Accepted, Past, Writer};
use crate::alerts::Desk;
use crate::control::{Control, RoleChange, State, declared, role_changes};
use crate::decide::{Case, Champion, Deciders, ask, decide};
use crate::decision::{Decision, Degradation, Reasons};
use crate::error::Error;
use crate::metrics::Metrics;
use crate::pipeline::Pipeline;
use crate::policy::OnFailure;
use crate::registry::Registry;

/// Whether an event was decided now or before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub enum Status {
    /// Decided now.
    New,
    /// Decided before: this is the recorded decision.
    Duplicate,
    /// Decided now, in place of an event that it corrects.
    Superseding,
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
    /// How many events and labels may be under way: accepted, and their answers not durable.
    pub queue: usize,
    /// How long a sender waits for a place among them before it is told that the engine is busy.
    pub patience: Duration,
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
    registry: Arc<dyn Registry>,
    snapshots: Option<Snapshots>,
    deciders: ArcSwap<Deciders>,
    control: tokio::sync::Mutex<State>,
    /// The alerts. Whoever has it waits for nothing but the writer.
    desk: Mutex<Desk>,
    /// The latest time that the clock has shown to whom it was asked for.
    latest: AtomicI64,
    /// Those that may be under way.
    places: Arc<Semaphore>,
    queue: usize,
    patience: Duration,
    shadow: Mutex<Option<Shadow>>,
    durability: watch::Receiver<Durability>,
    metrics: Arc<Metrics>,
    writer: Mutex<Writer>,
    stopped: AtomicBool,
    snapshotter: Mutex<Option<Snapshotter>>,
}

/// How an event is to be decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Which reasons are computed.
    pub reasons: Reasons,
    /// Whether it may take its time: the policy's `model_within_ms` does not hold.
    pub unhurried: bool,
}

impl Terms {
    /// Of an event whose sender waits.
    pub const fn live(reasons: Reasons) -> Self {
        Self { reasons, unhurried: false }
    }

    /// Of an event out of a history that is played again, where how long things take must change nothing.
    pub const fn replay() -> Self {
        Self { reasons: Reasons::Needed, unhurried: true }
    }
}

/// An event in the order of application; it becomes a decision, also where nobody waits for one any more.
pub struct Ticket {
    engine: Arc<Engine>,
    terms: Terms,
    since: Instant,
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

/// A decision that is in the log's buffer.
struct Decided {
    status: Status,
    decision: Decision,
    position: Position,
    at: Instant,
}

impl Engine {
    /// Reads the log back, loads what it says decides (what cannot be used is said, and left out), decides what was accepted but not
    /// decided, and starts the writer. What the pipeline file says of rules and policy is recorded where it is new. Refuses a pipeline in
    /// which a feature that served has another meaning. `progress` is told the position reached.
    pub fn start(
        pipeline: Arc<Pipeline>,
        log: Arc<dyn Log>,
        registry: Arc<dyn Registry>,
        clock: Arc<dyn Clock>,
        settings: Settings,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Arc<Self>, Error> {
        let snapshots = settings.snapshots.as_ref().map(|policy| policy.snapshots.clone());
        let (mut core, recovered) = Core::recover(Arc::clone(&pipeline), Arc::clone(&log), snapshots.as_ref(), progress)?;
        let mut state = recovered.control;
        let serving = serving(&pipeline.plan, &state.serving)?.map(|features| Control::Serving { features, at: clock.now() });
        for control in serving.into_iter().chain(declared(&pipeline, &state, clock.now())) {
            let position = core.control(&control)?;
            state.apply(control, position);
        }
        let mut desk = recovered.desk;
        desk::declare(&pipeline.alerts, &mut desk, clock.now(), &core)?;
        log.push();
        let mut load = |name: &str, version: u32| Ok(Arc::new(Champion::new(registry.load(name, version)?, version, &pipeline)?));
        let (deciders, problems) = Deciders::new(&state, &pipeline, &mut load);
        for problem in &problems {
            tracing::error!(error = with_causes(&problem.error), "{} cannot be used", problem.what);
        }
        for case in recovered.undecided.into_values() {
            tracing::info!(event_position = case.position.0, "deciding an event that was accepted before the last stop");
            let said = ask(&case, &deciders);
            let decided_at = clock.now().max(case.received_at);
            let decision = decide(case, said, &deciders, Reasons::Needed, decided_at);
            let position = log.append(Topic::Decision, &decision.encode())?;
            core.decided(&decision.event_id, position);
        }
        let metrics = Arc::new(Metrics::new());
        let writer = Mutex::new(Writer::new(core, Arc::clone(&metrics)));
        let durability = log.durability();
        metrics.rules_changed(&deciders.rules);
        let deciders = ArcSwap::from_pointee(deciders);
        let shadow = Shadow::start(Arc::clone(&log), Arc::clone(&metrics)).map_err(Error::Thread)?;
        let (control, shadow) = (tokio::sync::Mutex::new(state), Mutex::new(Some(shadow)));
        let start = |policy| Snapshotter::start(Arc::clone(&pipeline), Arc::clone(&log), policy, recovered.resumed_at);
        let snapshotter = Mutex::new(settings.snapshots.map(start).transpose().map_err(Error::Thread)?);
        Ok(Arc::new(Self {
            pipeline,
            log,
            clock,
            registry,
            snapshots,
            deciders,
            control,
            desk: Mutex::new(desk),
            latest: AtomicI64::new(i64::MIN),
            places: Arc::new(Semaphore::new(settings.queue)),
            queue: settings.queue,
            patience: settings.patience,
            shadow,
            durability,
            metrics,
            writer,
            stopped: AtomicBool::new(false),
            snapshotter,
        }))
    }

    /// What is scored and how.
    pub fn pipeline(&self) -> &Arc<Pipeline> {
        &self.pipeline
    }

    /// The model that decides, if one was promoted.
    pub fn champion(&self) -> Option<Arc<Champion>> {
        self.deciders.load().champion.clone()
    }

    /// Everything that decides as of now.
    pub fn deciders(&self) -> Arc<Deciders> {
        self.deciders.load_full()
    }

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

    /// The engine's metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The time now, as the clock shows it.
    pub fn now(&self) -> Timestamp {
        let now = self.clock.now();
        self.latest.fetch_max(now.micros(), Ordering::Relaxed);
        now
    }

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

    /// What the ledger knows of events, in their order.
    pub fn find(&self, event_ids: &[EventId]) -> Vec<Option<Entry>> {
        let writer = self.figures();
        event_ids.iter().map(|event_id| writer.core().ledger().get(event_id)).collect()
    }

    /// Whether an event was taken before: it is answered as it was then, whatever holds now.
    pub fn knows(&self, event_id: &EventId) -> bool {
        self.figures().core().ledger().get(event_id).is_some()
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

    /// Says in the log that the model is to be trained anew; who follows the log does it. Nothing that decides changes.
    pub async fn want_retraining(self: &Arc<Self>, by: &str, reason: &str) -> Result<Position, Error> {
        self.change(Control::RetrainWanted { by: by.to_owned(), reason: reason.to_owned(), at: self.now() }).await
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

    /// Figures as of now.
    pub fn standing(&self) -> Standing {
        self.figures().standing()
    }

    /// Brings the metrics of what changes by itself up to date.
    pub fn measure(&self) {
        let gauge = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.metrics.under_way.set(gauge(self.queue.saturating_sub(self.places.available_permits())));
        let now = self.now();
        let behind = Timestamp::from_micros(self.latest.load(Ordering::Relaxed)).since(now);
        self.metrics.clock_behind.set((behind.micros() / 1_000_000).max(0));
        self.desk(|desk| self.metrics.desk(desk, now));
        self.figures().measure();
    }

    /// Takes nothing more, and makes all that was taken durable.
    pub async fn stop(&self) -> Result<Position, Error> {
        {
            // Under the lock: who has it is done, and who comes after sees it.
            let _writer = self.figures();
            self.stopped.store(true, Ordering::Relaxed);
        }
        let snapshotter = self.snapshotter.lock().unwrap_or_else(PoisonError::into_inner).take();
        let shadow = self.shadow.lock().unwrap_or_else(PoisonError::into_inner).take();
        let log = Arc::clone(&self.log);
        let ended = tokio::task::spawn_blocking(move || {
            if let Some(shadow) = shadow {
                shadow.stop();
            }
            if let Some(snapshotter) = snapshotter {
                snapshotter.stop();
            }
            Ok(log.flush()?)
        });
        ended.await.map_err(|_| Error::Stopped)?
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

    /// Without a champion the operator may want no decision at all; what was decided before is answered all the same.
    fn check_ready(&self, event_id: &EventId) -> Result<(), Error> {
        let deciders = self.deciders.load();
        let is_ready = deciders.champion.is_some() || deciders.policy.on_failure != OnFailure::Refuse;
        drop(deciders);
        if is_ready || self.knows(event_id) { Ok(()) } else { Err(Error::NotReady) }
    }

    /// A place among those under way, and room in the log. Without them, what is on the disk is behind what was accepted; who waits for an
    /// answer is told so in time.
    async fn place(&self, terms: Terms) -> Result<OwnedSemaphorePermit, Error> {
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
    async fn room(&self) {
        while !self.log.has_room() {
            let mut durability = self.durability.clone();
            durability.mark_unchanged();
            self.log.push();
            if self.log.has_room() || durability.changed().await.is_err() {
                return;
            }
        }
    }

    /// All state, to change it.
    fn writer(&self) -> Result<MutexGuard<'_, Writer>, Error> {
        let writer = self.writer.lock().map_err(|_| Error::Stopped)?;
        if self.stopped.load(Ordering::Relaxed) { Err(Error::Stopped) } else { Ok(writer) }
    }

    /// All state, to look at it or to enter what is in the log: also while stopping, and after a panic.
    fn figures(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed) || self.writer.is_poisoned()
    }

    /// Has the log write what was put up to here. What else this thread can go on with goes first: then one write takes it all, and the
    /// answers leave together.
    async fn push(&self, position: Position) {
        tokio::task::yield_now().await;
        if self.durability.borrow().end() <= position {
            self.log.push();
        }
    }

    /// Waits until a record is durable.
    async fn durable(&self, position: Position) -> Result<(), Error> {
        if self.durability.borrow().end() > position {
            return Ok(());
        }
        let mut durability = self.durability.clone();
        let reached = durability.wait_for(|now| match now {
            Durability::Until { end } => *end > position,
            Durability::Failed { .. } => true,
        });
        match &*reached.await.map_err(|_| Error::Stopped)? {
            reached if reached.end() > position => Ok(()),
            Durability::Until { .. } => Err(Error::Stopped),
            Durability::Failed { reason, .. } => Err(ingest::log::Error::Stopped { reason: reason.clone() }.into()),
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
        self.engine.durable(self.position).await?;
        Ok(self.position)
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

impl Engine {
    /// Decides on this thread, and puts the decision into the log's buffer.
    fn decide(&self, case: Case, queue_us: u32, features_us: u32, since: Instant, terms: Terms) -> Result<Decided, Error> {
        let deciders = self.deciders.load();
        let started = Instant::now();
        let due = (!terms.unhurried).then(|| since + Duration::from_millis(u64::from(deciders.policy.model_within_ms)));
        let (said, scored) = ask_until(due, started, Instant::now, || ask(&case, &deciders));
        // A clock that steps back decides nothing before it came.
        let decided_at = self.now().max(case.received_at);
        let asked = said.as_ref().ok().map(|said| said.model).or_else(|| Some(deciders.model_for(&case.event)?.0));
        let status = if case.event.supersedes.is_some() { Status::Superseding } else { Status::New };
        let mut decision = decide(case, said, &deciders, terms.reasons, decided_at);
        decision.timings_us.queue = queue_us;
        decision.timings_us.features = features_us;
        decision.timings_us.model = micros(scored - started);
        let at = Instant::now();
        decision.timings_us.policy = micros(at - scored);
        if let Some(model) = asked {
            model.count(&decision);
        }
        let position = match self.log.put(Topic::Decision, &decision.encode()) {
            Ok(position) => position,
            Err(error) => {
                self.figures().undecided(&decision.event_id);
                return Err(error.into());
            }
        };
        self.figures().decided(&decision.event_id, position);
        if !deciders.challengers.is_empty()
            && let Some(watcher) = self.watcher()
        {
            watcher.watch(Arc::clone(&deciders), &decision, terms.unhurried);
        }
        Ok(Decided { status, decision, position, at })
    }

    /// Who hands decisions to the models that look on; nobody while stopping. It may wait, and then holds up nobody else.
    fn watcher(&self) -> Option<Watcher> {
        self.shadow.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(Shadow::watcher)
    }

    /// A decision that is durable now.
    fn committed(&self, decided: Decided) -> Scored {
        let Decided { status, decision, at, .. } = decided;
        let commit_us = micros(at.elapsed());
        self.metrics.decided(&decision, commit_us);
        Scored { status, decision, commit_us }
    }

    async fn repeated(&self, decision: Position) -> Result<Scored, Error> {
        let decision = self.read(decision, Decision::decode).await?;
        Ok(Scored { status: Status::Duplicate, decision, commit_us: 0 })
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

/// What a model says, where it is asked and has said it before it is due, and when that was. What it says too late does not count: rules alone
/// decide, and nobody waits for its reasons as well.
fn ask_until<T>(
    due: Option<Instant>,
    started: Instant,
    now: impl FnOnce() -> Instant,
    ask: impl FnOnce() -> Result<T, Degradation>,
) -> (Result<T, Degradation>, Instant) {
    let in_time = |at: Instant| if due.is_some_and(|due| at >= due) { Err(Degradation::OutOfTime) } else { Ok(()) };
    let said = in_time(started).and_then(|()| ask());
    let scored = now();
    (said.and_then(|said| in_time(scored).map(|()| said)), scored)
}

/// Whole microseconds of a length, rounded down.
fn micros(length: std::time::Duration) -> u32 {
    u32::try_from(length.as_micros()).unwrap_or(u32::MAX)
}
