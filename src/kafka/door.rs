//! Events out of topics, to the engine: each message is decoded, checked and decided as one that comes over HTTP, in the order of its partition.
//! What is no event is a dead letter. How far was read goes into the log with what came of it, never before.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use ingest::decode::{self, Rejection};
use ingest::log::Log;
use ingest::log::kafka::{KafkaLog, Letter, Place, Source};
use ingest::{Event, Timestamp};
use scoring::engine::Taken;
use scoring::{Engine, Error};
use tokio::runtime::Handle;

/// The largest event, in bytes; as over HTTP.
const MAX_EVENT_BYTES: usize = 64 * 1024;

/// How long a message is waited for before how far was read is committed.
const PATIENCE: Duration = Duration::from_millis(20);

/// How long it waits where the pipeline decides nothing without a champion.
const NOT_READY: Duration = Duration::from_millis(500);

/// The thread that brings events.
pub(crate) struct Door {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Door {
    /// Opens it where the log names topics of events.
    pub(crate) fn open(engine: Arc<Engine>, log: Arc<KafkaLog>) -> anyhow::Result<Self> {
        let source = log.source()?;
        let stop = Arc::new(AtomicBool::new(false));
        let mut bringer = Bringer { engine, log, handle: Handle::current(), stop: Arc::clone(&stop), taken: VecDeque::new() };
        let thread = std::thread::Builder::new().name("events".to_owned()).spawn(move || bringer.bring(source));
        Ok(Self { stop, thread: thread.context("no thread for events")? })
    }

    /// Takes no more; what was taken is decided.
    pub(crate) async fn close(self) {
        self.stop.store(true, Ordering::Relaxed);
        let joined = tokio::task::spawn_blocking(|| self.thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::error!("reading events ended in a panic; what was read is in the log");
        }
    }
}

struct Bringer {
    engine: Arc<Engine>,
    log: Arc<KafkaLog>,
    handle: Handle,
    stop: Arc<AtomicBool>,
    /// Decided, and not known to be durable.
    taken: VecDeque<Taken>,
}

impl Bringer {
    fn bring(&mut self, mut source: Source) {
        while !self.has_ended() {
            match source.next(PATIENCE) {
                Ok(Some(message)) => {
                    let brought = self.message(message.place, message.payload());
                    if let Err(error) = brought {
                        return self.log.fail(format!("an event could not be taken: {error}"));
                    }
                }
                Ok(None) => self.log.push(),
                Err(error) => return self.log.fail(error.to_string()),
            }
            self.engine.count_durable(&mut self.taken);
        }
        self.log.push();
    }

    fn has_ended(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.engine.failure().is_some()
    }

    /// Takes a message; an error is one of the engine.
    fn message(&mut self, place: Place, payload: &[u8]) -> Result<(), Error> {
        let received_at = self.engine.now();
        let taken = match self.event(payload, received_at) {
            Ok(event) => self.take(&event, received_at),
            Err(rejection) => Ok(Err(rejection)),
        };
        match taken? {
            Ok(Some(taken)) => {
                self.taken.push_back(taken);
                self.log.settle(place);
            }
            // It is read again after the next start.
            Ok(None) => {}
            Err(Rejection { field, reason }) => self.log.reject(Letter { place, field, reason, at: received_at })?,
        }
        Ok(())
    }

    /// The event that a message is, or what is wrong with it.
    fn event(&self, payload: &[u8], received_at: Timestamp) -> Result<Event, Rejection> {
        let whole = |reason: String| Rejection { field: None, reason };
        match payload.len() {
            0 => return Err(whole("is empty".to_owned())),
            1..=MAX_EVENT_BYTES => {}
            bytes => return Err(whole(format!("has {bytes} bytes, allowed are {MAX_EVENT_BYTES}"))),
        }
        let pipeline = self.engine.pipeline();
        let event = decode::json::event(payload, &pipeline.schema)?;
        match pipeline.skew(&event, received_at) {
            Some(ahead) if !self.engine.knows(&event.event_id) => {
                let (seconds, allowed) = (ahead.micros() / 1_000_000, pipeline.max_skew);
                let reason = format!("is {seconds} s ahead of the clock, allowed are {allowed}");
                Err(Rejection { field: Some("event_time".to_owned()), reason })
            }
            _ => Ok(event),
        }
    }

    /// Takes an event, when there is a champion or the pipeline does without; `None` when it is to end before that.
    fn take(&self, event: &Event, received_at: Timestamp) -> Result<Result<Option<Taken>, Rejection>, Error> {
        let mut is_told = false;
        loop {
            match self.handle.block_on(self.engine.take_event(event.clone(), received_at)) {
                Ok(taken) => return Ok(Ok(Some(taken))),
                Err(error @ (Error::Conflict { .. } | Error::History { .. } | Error::NothingToSupersede { .. })) => {
                    return Ok(Err(Rejection { field: Some("event_id".to_owned()), reason: error.to_string() }));
                }
                Err(error @ Error::NotReady) => {
                    if !std::mem::replace(&mut is_told, true) {
                        tracing::warn!(%error, "events wait");
                    }
                    if self.has_ended() {
                        return Ok(Ok(None));
                    }
                    std::thread::park_timeout(NOT_READY);
                }
                Err(error) => return Err(error),
            }
        }
    }
}
