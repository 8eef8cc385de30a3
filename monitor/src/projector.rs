//! Follows the log and keeps the warehouse up to date, on a thread of its own. It reads what is durable, never what is merely
//! appended. While the warehouse fails it says so and tries again, less and less often; what it has not written is still in the log. A log
//! that it cannot read ends it.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use ingest::log::{Durability, Log, Position, reached};
use ingest::{Schema, background, with_causes};
use tokio::sync::watch;

use crate::error::Error;
use crate::projection::Projection;
use crate::warehouse::Warehouse;

/// From so many gathered rows on they are written, which bounds the memory for them to some tens of megabytes. A decision has three rows in
/// all tables together, and a write syncs some ten files.
pub const FLUSH_ROWS: usize = 150_000;

/// As long as the log is not so many records ahead, which takes a busy machine some ten seconds, rows are written without hurry.
const FAR_BEHIND: u64 = 1_000_000;

/// The first pause after a failure; each one after it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How far the projection is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// One after the last position whose rows are in the warehouse.
    pub projected: Position,
    /// How many rows were written since the start.
    pub rows: u64,
    /// Why the last try failed; `None` when it went well.
    pub failed: Option<String>,
    /// How many tries failed since the start.
    pub failures: u64,
}

/// The running projection. Dropped, it stops as after [`Projector::stop`], without anybody waiting for it.
#[derive(Debug)]
pub struct Projector {
    progress: watch::Receiver<Progress>,
    orders: watch::Sender<Orders>,
    thread: JoinHandle<Result<(), Error>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Orders {
    /// Up to here somebody waits.
    wanted: Position,
    stop: bool,
}

impl Projector {
    /// Starts where the warehouse is. What becomes durable in the log is written when there is much of it, at latest
    /// `flush_interval` after it was seen.
    ///
    /// # Errors
    /// When the machine gives no thread.
    pub fn start(
        log: Arc<dyn Log>,
        warehouse: Arc<dyn Warehouse>,
        schema: Arc<Schema>,
        flush_interval: Duration,
    ) -> std::io::Result<Self> {
        let (publish, progress) = watch::channel(Progress { projected: warehouse.reached(), ..Progress::default() });
        let (orders, given) = watch::channel(Orders::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let run = move || {
            let mut follower = Follower { log, warehouse, schema, flush_interval, progress: publish, orders: given };
            let ended = runtime.block_on(follower.follow());
            if let Err(error) = &ended {
                let reason = with_causes(error);
                tracing::error!(reason, position = %follower.warehouse.reached(), "the projection into the warehouse stopped");
            }
            ended
        };
        let thread = background::spawn("projector", run)?;
        Ok(Self { progress, orders, thread })
    }

    /// How far it is, and every change of that.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Waits until everything before `end` is in the warehouse, and has it written at once. What is not durable yet is waited for.
    ///
    /// # Errors
    /// [`Error::Stopped`] when that fails, or the projection has ended.
    pub async fn catch_up(&self, end: Position) -> Result<(), Error> {
        let mut progress = self.progress.clone();
        let failures = progress.borrow().failures;
        self.orders.send_modify(|orders| orders.wanted = orders.wanted.max(end));
        let reached = progress.wait_for(|progress| progress.projected >= end || progress.failures > failures).await;
        if reached.is_ok_and(|progress| progress.projected >= end) {
            return Ok(());
        }
        let Progress { projected, failed, .. } = progress.borrow().clone();
        Err(Error::Stopped { reached: projected, reason: failed.unwrap_or_else(|| "it was told to".to_owned()) })
    }

    /// Writes what is durable by now and ends.
    ///
    /// # Errors
    /// What made it stop, now or before.
    pub async fn stop(mut self) -> Result<(), Error> {
        self.orders.send_modify(|orders| orders.stop = true);
        while self.progress.changed().await.is_ok() {}
        // The sender went with the last thing that the thread did, so this waits for nothing.
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

struct Follower {
    log: Arc<dyn Log>,
    warehouse: Arc<dyn Warehouse>,
    schema: Arc<Schema>,
    flush_interval: Duration,
    progress: watch::Sender<Progress>,
    orders: watch::Receiver<Orders>,
}

impl Follower {
    async fn follow(&mut self) -> Result<(), Error> {
        let mut durability = self.log.durability();
        let mut pause = FIRST_PAUSE;
        loop {
            self.wait_for_work(&mut durability).await;
            let state = durability.borrow_and_update().clone();
            let wanted = self.orders.borrow().wanted;
            let tried = match self.is_hurried(state.end()) {
                true => self.project_what_is_durable(),
                false => background::unhurried(|| self.project_what_is_durable()),
            };
            let tried = tried.inspect_err(|error| self.failed(error));
            match tried {
                Ok(()) => pause = FIRST_PAUSE,
                Err(error) if error.is_of_the_log() || self.told_to_stop() => return Err(error),
                Err(error) => {
                    tracing::warn!(reason = with_causes(&error), "the warehouse took nothing; it is tried again");
                    self.pause(pause, wanted).await;
                    pause = LONGEST_PAUSE.min(pause * 2);
                    continue;
                }
            }
            if self.told_to_stop() {
                return Ok(());
            }
            if let Durability::Failed { reason, .. } = state {
                let error = ingest::log::Error::Stopped { reason }.into();
                self.failed(&error);
                return Err(error);
            }
        }
    }

    /// Says why a try failed.
    fn failed(&self, error: &Error) {
        self.progress.send_modify(|progress| {
            progress.failed = Some(with_causes(error));
            progress.failures += 1;
        });
    }

    /// Waits before the next try: not longer than `pause`, nor when told to stop, nor when more is wanted than `wanted`.
    async fn pause(&mut self, pause: Duration, wanted: Position) {
        tokio::select! {
            _ = self.orders.wait_for(|orders| orders.stop || orders.wanted > wanted) => {}
            () = tokio::time::sleep(pause) => {}
        }
    }

    /// Returns when there is something to write and it is time to, when nothing more will come, or when told to stop.
    async fn wait_for_work(&mut self, durability: &mut watch::Receiver<Durability>) {
        let from = self.warehouse.reached().0;
        let has = move |least: u64| {
            move |durability: &Durability| match durability {
                Durability::Until { end } => end.0 >= from + least,
                Durability::Failed { .. } => true,
            }
        };
        tokio::select! {
            _ = self.orders.wait_for(|orders| orders.stop) => return,
            true = reached(durability, has(1)) => {}
        }
        tokio::select! {
            _ = self.orders.wait_for(|orders| orders.stop || orders.wanted.0 > from) => {}
            true = reached(durability, has(FLUSH_ROWS as u64)) => {}
            () = tokio::time::sleep(self.flush_interval) => {}
        }
    }

    fn is_hurried(&self, end: Position) -> bool {
        self.told_to_stop() || has_no_time(self.warehouse.reached(), end, self.orders.borrow().wanted)
    }

    fn project_what_is_durable(&self) -> Result<(), Error> {
        let mut projection = Projection::at(self.warehouse.reached());
        for record in self.log.read(projection.until())? {
            projection.take(&record?, &self.schema)?;
            background::rest();
            if projection.row_count() >= FLUSH_ROWS {
                self.flush(&mut projection)?;
                if self.told_to_stop() || self.orders.borrow().wanted > projection.until() {
                    return Ok(());
                }
            }
        }
        self.flush(&mut projection)
    }

    fn flush(&self, projection: &mut Projection) -> Result<(), Error> {
        let projected = projection.finish();
        if projected.from == projected.until {
            return Ok(());
        }
        self.warehouse.append(&projected)?;
        self.progress.send_modify(|progress| {
            progress.failed = None;
            progress.projected = projected.until;
            progress.rows += projected.row_count() as u64;
        });
        Ok(())
    }

    /// Also when nobody is left who could tell it to.
    fn told_to_stop(&self) -> bool {
        self.orders.has_changed().is_err() || self.orders.borrow().stop
    }
}

/// Whether somebody waits for rows that are not there yet, or they are so many that they might become more while it rests.
const fn has_no_time(reached: Position, end: Position, wanted: Position) -> bool {
    wanted.0 > reached.0 || end.0 > reached.0 + FAR_BEHIND
}

#[cfg(test)]
mod tests;
