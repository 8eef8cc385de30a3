//! The writer's thread: takes commands off the queue one by one and applies them to the core.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use hashbrown::HashMap;
use ingest::log::Position;
use ingest::{EventId, Label, Timestamp};
use tokio::sync::{mpsc, oneshot};

use super::core::{Applied, Arrival, Core};
use super::ledger::Entry;
use super::{Standing, micros};
use crate::control::Control;
use crate::decide::Case;
use crate::error::Error;
use crate::metrics::Metrics;

/// What the writer is asked to do.
pub(super) enum Command {
    Score { arrival: Arrival, enqueued: Instant, reply: oneshot::Sender<Result<Accepted, Error>> },
    Backfill { past: Vec<Past>, reply: oneshot::Sender<Result<(), Error>> },
    Decided { event_id: EventId, position: Position },
    Undecided { event_id: EventId },
    Label { label: Label, received_at: Timestamp, reply: oneshot::Sender<Result<Position, Error>> },
    Control { control: Control, reply: oneshot::Sender<Result<Position, Error>> },
    Find { event_ids: Vec<EventId>, reply: oneshot::Sender<Vec<Option<Entry>>> },
    Standing { reply: oneshot::Sender<Standing> },
    Measure { reply: oneshot::Sender<()> },
    Stop,
}

/// What happened before riskflow watched.
pub(super) enum Past {
    Event(Arrival),
    Label(Label, Timestamp),
}

/// What the writer answers about an event.
pub(super) enum Accepted {
    New { case: Case, queue_us: u32, features_us: u32 },
    Duplicate { decision: Position },
}

pub(super) struct Writer {
    core: Core,
    queue: mpsc::Receiver<Command>,
    /// Who asked again for an event that is being decided right now.
    waiting: HashMap<u128, Vec<oneshot::Sender<Result<Accepted, Error>>>>,
    metrics: Arc<Metrics>,
}

impl Writer {
    pub(super) fn new(core: Core, queue: mpsc::Receiver<Command>, metrics: Arc<Metrics>) -> Self {
        Self { core, queue, waiting: HashMap::new(), metrics }
    }

    pub(super) fn spawn(self) -> JoinHandle<()> {
        std::thread::Builder::new().name("riskflow-writer".to_owned()).spawn(|| self.run()).expect("a thread can be started")
    }

    /// After `Stop` the door is closed; what is queued, decisions under way among it, is still applied.
    fn run(mut self) {
        while let Some(command) = self.queue.blocking_recv() {
            match command {
                Command::Stop => self.queue.close(),
                command => self.apply(command),
            }
        }
    }

    /// An answer that nobody waits for any more is dropped: the log has what it said.
    fn apply(&mut self, command: Command) {
        match command {
            Command::Score { arrival, enqueued, reply } => self.score(arrival, enqueued, reply),
            Command::Backfill { past, reply } => {
                let taken = past.into_iter().try_for_each(|past| match past {
                    Past::Event(arrival) => self.core.backfill(arrival),
                    Past::Label(label, received_at) => self.core.label(&label, received_at).map(|_| ()),
                });
                let _ = reply.send(taken);
            }
            Command::Decided { event_id, position } => {
                self.core.decided(&event_id, position);
                for reply in self.waiting.remove(&event_id.fingerprint()).unwrap_or_default() {
                    let _ = reply.send(Ok(Accepted::Duplicate { decision: position }));
                }
            }
            // The log took no decision: whoever waits for it must not wait on. It is decided at the next start.
            Command::Undecided { event_id } => drop(self.waiting.remove(&event_id.fingerprint())),
            Command::Label { label, received_at, reply } => {
                let taken = self.core.label(&label, received_at);
                self.metrics.labels.inc_by(u64::from(taken.is_ok()));
                let _ = reply.send(taken);
            }
            Command::Control { control, reply } => {
                let _ = reply.send(self.core.control(&control));
            }
            Command::Find { event_ids, reply } => {
                let _ = reply.send(event_ids.iter().map(|event_id| self.core.ledger().get(event_id)).collect());
            }
            Command::Standing { reply } => {
                let ledger = self.core.ledger();
                let _ = reply.send(Standing {
                    history: ledger.history(),
                    events: ledger.events(),
                    decisions: ledger.decisions(),
                    labels: ledger.labels(),
                    too_late: self.core.too_late(),
                    watermark: self.core.features().watermark(),
                    warming: self.core.warming(),
                });
            }
            Command::Measure { reply } => {
                self.metrics.kept(self.core.features().usage());
                let warming = i64::try_from(self.core.warming().len()).unwrap_or(i64::MAX);
                self.metrics.features_warming.set(warming);
                let _ = reply.send(());
            }
            Command::Stop => {}
        }
    }

    fn score(&mut self, arrival: Arrival, enqueued: Instant, reply: oneshot::Sender<Result<Accepted, Error>>) {
        let queue_us = micros(enqueued.elapsed());
        let started = Instant::now();
        let fingerprint = arrival.event.event_id.fingerprint();
        let answer = match self.core.apply(arrival) {
            Ok(Applied::New(case)) => {
                self.metrics.events.inc();
                self.metrics.too_late.set(i64::try_from(self.core.too_late()).unwrap_or(i64::MAX));
                self.metrics.placed(case.outcome, self.core.features().plan());
                Ok(Accepted::New { case, queue_us, features_us: micros(started.elapsed()) })
            }
            Ok(Applied::Duplicate(entry)) => {
                self.metrics.duplicates.inc();
                let Some(decision) = entry.decision() else {
                    self.waiting.entry(fingerprint).or_default().push(reply);
                    return;
                };
                Ok(Accepted::Duplicate { decision })
            }
            Err(error) => Err(error),
        };
        let _ = reply.send(answer);
    }
}
