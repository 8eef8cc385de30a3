//! The engine: the single writer, and the shell that carries a decision from the door to the log.
//!
//! All state that changes with the log is in one place, which one caller at a time holds for some microseconds, and events are applied in
//! the order of the log. Callers encode before it and score after it, in parallel and on the thread that they are on: nothing is handed
//! from one to another. They answer only when the log says that the decision is durable. How many may be under way is bounded.

mod backtest;
mod changes;
mod core;
mod deciding;
mod desk;
mod guard;
mod intake;
mod ledger;
mod proposals;
mod questions;
mod replay;
mod shadow;
mod snapshotter;
mod taken;
mod teller;
#[cfg(test)]
mod tests;
mod tickets;
mod writer;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use features::Snapshots;
use ingest::log::{Durability, Log, Position, Readable, Topic};
use ingest::{Clock, Timestamp, with_causes};
use tokio::sync::{Semaphore, watch};

pub use self::changes::Returned;
pub(crate) use self::changes::after;
pub use self::core::{Applied, Arrival, Core, Recovered};
pub use self::deciding::{Scored, Status, Terms};
pub use self::ledger::{Entry, Ledger};
pub use self::proposals::Made;
pub use self::questions::{History, Standing};
pub use self::replay::{Difference, Replayed};
use self::shadow::Shadow;
pub use self::shadow::ShadowScores;
pub use self::snapshotter::SnapshotPolicy;
use self::snapshotter::Snapshotter;
pub use self::taken::Taken;
pub use self::tickets::{LabelTicket, Ticket};
use self::writer::Writer;
use crate::alerts::Desk;
use crate::control::{Control, State, declared};
use crate::decide::{Case, Deciders, LoadedModel, ask, decide};
use crate::decision::Reasons;
use crate::error::Error;
use crate::metrics::Metrics;
use crate::pipeline::Pipeline;
use crate::registry::Registry;

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

/// The engine with everything that a decision needs. Cheap to share; ends with [`Engine::stop`].
pub struct Engine {
    pipeline: Arc<Pipeline>,
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
    registry: Arc<dyn Registry>,
    snapshots: Option<Snapshots>,
    deciders: ArcSwap<Deciders>,
    /// In the hands of whoever changes it, until the change is durable.
    control: tokio::sync::Mutex<State>,
    /// The same as it was after the last change that is durable, for those who only look: they wait for no change.
    held: ArcSwap<State>,
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
        let mut load = |name: &str, version: u32| LoadedModel::load(&*registry, name, version, &pipeline);
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
        let held = ArcSwap::from_pointee(state.clone());
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
            held,
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
    pub fn champion(&self) -> Option<Arc<LoadedModel>> {
        self.deciders.load().champion.clone()
    }

    /// Everything that decides as of now.
    pub fn deciders(&self) -> Arc<Deciders> {
        self.deciders.load_full()
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

    /// All state, to change it.
    fn writer(&self) -> Result<MutexGuard<'_, Writer>, Error> {
        let writer = writer::lock(&self.writer).map_err(|_| Error::Stopped)?;
        if self.stopped.load(Ordering::Relaxed) { Err(Error::Stopped) } else { Ok(writer) }
    }

    /// All state, to look at it or to enter what is in the log: also while stopping, and after a panic.
    fn figures(&self) -> MutexGuard<'_, Writer> {
        writer::lock(&self.writer).unwrap_or_else(PoisonError::into_inner)
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
