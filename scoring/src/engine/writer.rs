//! The single writer: all state that changes with the log, in the hands of one caller at a time. What is applied between two others in
//! the log is applied between them here.

use std::hint;
use std::sync::{Arc, LockResult, Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use ingest::log::Position;
use ingest::{EventId, Label, Timestamp};
use tokio::sync::oneshot;

use super::Standing;
use super::core::{Applied, Arrival, Core};
use super::deciding::micros;
use crate::decide::Case;
use crate::error::Error;
use crate::metrics::Metrics;

/// What happened before riskflow watched.
pub(super) enum Past {
    Event(Arrival),
    Label(Label, Timestamp),
}

/// What becomes of an event.
pub(super) enum Accepted {
    /// It wants a decision.
    New { case: Case, queue_us: u32, features_us: u32 },
    /// It has one.
    Duplicate { decision: Position },
    /// It is being decided right now: here it is told when it is. Nothing comes where the log took no decision.
    UnderWay(oneshot::Receiver<Position>),
}

pub(super) struct Writer {
    core: Core,
    /// Who asked again for an event that is being decided right now.
    waiting: HashMap<u128, Vec<oneshot::Sender<Position>>>,
    metrics: Arc<Metrics>,
}

/// So long whoever finds the writer taken looks again before it sleeps.
const PATIENCE: Duration = Duration::from_micros(10);

/// The writer, once it is free. Whoever has it is done within microseconds; to sleep until then and to be woken costs both threads more.
pub(super) fn lock<T>(writer: &Mutex<T>) -> LockResult<MutexGuard<'_, T>> {
    let mut since = None;
    loop {
        match writer.try_lock() {
            Ok(writer) => return Ok(writer),
            Err(TryLockError::Poisoned(poisoned)) => return Err(poisoned),
            Err(TryLockError::WouldBlock) if since.get_or_insert_with(Instant::now).elapsed() > PATIENCE => return writer.lock(),
            // A look takes from its holder the line of the cache that it lies in.
            Err(TryLockError::WouldBlock) => (0..16).for_each(|_| hint::spin_loop()),
        }
    }
}

impl Writer {
    pub(super) fn new(core: Core, metrics: Arc<Metrics>) -> Self {
        Self { core, waiting: HashMap::new(), metrics }
    }

    pub(super) const fn core(&self) -> &Core {
        &self.core
    }

    /// Takes an event that came through the door at `since`.
    pub(super) fn score(&mut self, arrival: Arrival, since: Instant) -> Result<Accepted, Error> {
        let started = Instant::now();
        let fingerprint = arrival.event.event_id.fingerprint();
        match self.core.apply(arrival)? {
            Applied::New(case) => {
                self.metrics.events.inc();
                self.metrics.too_late.set(i64::try_from(self.core.too_late()).unwrap_or(i64::MAX));
                self.metrics.placed(case.outcome, self.core.features().plan());
                Ok(Accepted::New { case, queue_us: micros(started - since), features_us: micros(started.elapsed()) })
            }
            Applied::Duplicate(entry) => {
                self.metrics.duplicates.inc();
                if let Some(decision) = entry.decision() {
                    return Ok(Accepted::Duplicate { decision });
                }
                let (tell, told) = oneshot::channel();
                self.waiting.entry(fingerprint).or_default().push(tell);
                Ok(Accepted::UnderWay(told))
            }
        }
    }

    /// Enters a decision that is in the log's buffer, and tells those who asked for it meanwhile.
    pub(super) fn decided(&mut self, event_id: &EventId, position: Position) {
        self.core.decided(event_id, position);
        for tell in self.waiting.remove(&event_id.fingerprint()).unwrap_or_default() {
            // Who went away meanwhile hears nothing.
            let _ = tell.send(position);
        }
    }

    /// The log took no decision: whoever waits for it must not wait on. It is decided at the next start.
    pub(super) fn undecided(&mut self, event_id: &EventId) {
        self.waiting.remove(&event_id.fingerprint());
    }

    pub(super) fn past(&mut self, past: Past) -> Result<(), Error> {
        match past {
            Past::Event(arrival) => self.core.backfill(arrival),
            Past::Label(label, received_at) => self.core.label(&label, received_at).map(|_| ()),
        }
    }

    pub(super) fn label(&mut self, label: &Label, received_at: Timestamp) -> Result<Position, Error> {
        let taken = self.core.label(label, received_at);
        self.metrics.labels.inc_by(u64::from(taken.is_ok()));
        taken
    }

    pub(super) fn standing(&self) -> Standing {
        let ledger = self.core.ledger();
        Standing {
            history: ledger.history(),
            events: ledger.events(),
            decisions: ledger.decisions(),
            labels: ledger.labels(),
            too_late: self.core.too_late(),
            watermark: self.core.features().watermark(),
            warming: self.core.warming(),
        }
    }

    /// Brings the metrics of what is kept up to date.
    pub(super) fn measure(&self) {
        self.metrics.kept(self.core.features().usage());
        self.metrics.features_warming.set(i64::try_from(self.core.warming().len()).unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn whoever_finds_it_taken_has_it_once_it_is_free_and_hears_of_a_panic() {
        let writer = Mutex::new(0_u64);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1_000).for_each(|_| *lock(&writer).expect("nobody panics") += 1));
            }
        });
        assert_eq!(*lock(&writer).expect("nobody panics"), 4_000);
        thread::scope(|scope| {
            let held = lock(&writer).expect("nobody panics");
            // Longer than it looks.
            let waits = scope.spawn(|| *lock(&writer).expect("nobody panics"));
            let since = Instant::now();
            while since.elapsed() < 20 * PATIENCE {
                hint::spin_loop();
            }
            drop(held);
            assert_eq!(waits.join().expect("it ends"), 4_000);
        });
        thread::scope(|scope| {
            let panics = scope.spawn(|| {
                let _held = lock(&writer).expect("nobody panics before");
                panic!("it is meant to");
            });
            assert!(panics.join().is_err());
        });
        assert!(lock(&writer).is_err());
    }
}
