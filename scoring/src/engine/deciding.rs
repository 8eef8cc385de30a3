//! Deciding: an event that was applied becomes a decision in the log's buffer, on the thread that it is on, and an answer once that is durable.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use ingest::log::{Position, Topic};

use super::Engine;
use super::shadow::{Shadow, Watcher};
use crate::decide::{Case, ask, decide};
use crate::decision::{Decision, Degradation, Reasons};
use crate::error::Error;

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

/// A decision that is in the log's buffer.
pub(super) struct Decided {
    pub(super) status: Status,
    decision: Decision,
    pub(super) position: Position,
    at: Instant,
}

impl Engine {
    /// Decides on this thread, and puts the decision into the log's buffer.
    pub(super) fn decide(
        &self,
        case: Case,
        queue_us: u32,
        features_us: u32,
        since: Instant,
        terms: Terms,
    ) -> Result<Decided, Error> {
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
    pub(super) fn committed(&self, decided: Decided) -> Scored {
        let Decided { status, decision, at, .. } = decided;
        let commit_us = micros(at.elapsed());
        self.metrics.decided(&decision, commit_us);
        Scored { status, decision, commit_us }
    }

    pub(super) async fn repeated(&self, decision: Position) -> Result<Scored, Error> {
        let decision = self.read(decision, Decision::decode).await?;
        Ok(Scored { status: Status::Duplicate, decision, commit_us: 0 })
    }
}

/// What a model says, where it is asked and has said it before it is due, and when that was. What it says too late does not count: rules alone
/// decide, and nobody waits for its reasons as well.
pub(super) fn ask_until<T>(
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
pub(super) fn micros(length: std::time::Duration) -> u32 {
    u32::try_from(length.as_micros()).unwrap_or(u32::MAX)
}
