//! Takes snapshots, on a thread of its own. It is a second reader of the log: it goes from the snapshot before to what is durable
//! now, as a restart would, and writes what it has. The writer never waits for it, and what it writes is what a restart reads.

use std::sync::Arc;
use std::thread::JoinHandle;

use features::Snapshots;
use ingest::log::{Durability, Log, Position, reached};
use ingest::{background, with_causes};
use tokio::sync::watch;

use super::core::Core;
use crate::error::Error;
use crate::pipeline::Pipeline;

/// Where snapshots are kept, and how often one is taken.
#[derive(Clone, Debug)]
pub struct SnapshotPolicy {
    /// Where.
    pub snapshots: Snapshots,
    /// After so many records of the log.
    pub every_records: u64,
}

/// The running thread.
pub(super) struct Snapshotter {
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Snapshotter {
    /// Starts after `last`, the position of the snapshot that the start went on from; without one the first is taken soon.
    pub(super) fn start(
        pipeline: Arc<Pipeline>,
        log: Arc<dyn Log>,
        policy: SnapshotPolicy,
        last: Position,
    ) -> std::io::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let run = move || runtime.block_on(follow(pipeline, log, policy, last, stopped));
        let thread = background::spawn("snapshots", run)?;
        Ok(Self { stop, thread })
    }

    /// Ends it; a snapshot that is being taken is finished first, without a rest from here on. Blocks.
    pub(super) fn stop(self) {
        self.stop.send_replace(true);
        if self.thread.join().is_err() {
            tracing::error!("taking snapshots ended in a panic; the log has everything");
        }
    }
}

async fn follow(
    pipeline: Arc<Pipeline>,
    log: Arc<dyn Log>,
    policy: SnapshotPolicy,
    mut last: Position,
    mut stopped: watch::Receiver<bool>,
) {
    let mut durability = log.durability();
    loop {
        let due = last.0.saturating_add(policy.every_records);
        let is_due = |durability: &Durability| match durability {
            Durability::Until { end } => end.0 >= due,
            Durability::Failed { .. } => false,
        };
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            is_there = reached(&mut durability, is_due) => if !is_there { return },
        }
        let stopped = stopped.clone();
        match background::unhurried_until(move || *stopped.borrow(), || take(&pipeline, &log, &policy.snapshots)) {
            Ok(position) => last = position,
            Err(error) => {
                tracing::error!(reason = with_causes(&error), "no snapshot was taken; the log has everything");
                // Trying at once again would fail again.
                last = Position(due);
            }
        }
    }
}

/// Takes a snapshot of what is durable now; its position.
pub(super) fn take(pipeline: &Arc<Pipeline>, log: &Arc<dyn Log>, snapshots: &Snapshots) -> Result<Position, Error> {
    let (core, recovered) = Core::recover(Arc::clone(pipeline), Arc::clone(log), Some(snapshots), &mut |_| {})?;
    let bytes = core.save(&recovered, snapshots)?;
    tracing::info!(position = recovered.position.0, bytes, "a snapshot was taken");
    Ok(recovered.position)
}
