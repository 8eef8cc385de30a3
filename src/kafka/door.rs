//! Events out of topics, to the engine: each message is decoded, checked and decided as one that comes over HTTP, in the order of its partition.
//! What is no event is a dead letter. How far was read goes into the log with what came of it, never before.

use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

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

/// What was decided waits at most so long for what else comes with it.
const GATHERING: Duration = Duration::from_millis(10);

/// How often it is said again how far was read.
const REPEATED: Duration = Duration::from_secs(3_600);

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
        let thread = std::thread::Builder::new().name("events".to_owned()).spawn(move || bringer.run(source));
        Ok(Self { stop, thread: thread.context("no thread for events")? })
    }

    /// Takes no more; what was taken is decided.
    pub(crate) async fn close(self) {
        self.stop.store(true, Ordering::Relaxed);
        // It says itself why it ended.
        let _ = tokio::task::spawn_blocking(|| self.thread.join()).await;
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
    /// Brings events until it is to end. Where it ends otherwise the log does, too: another instance is to go on.
    fn run(&mut self, source: Source) {
        let brought = panic::catch_unwind(AssertUnwindSafe(|| self.bring(source)));
        let ended = brought.unwrap_or_else(|_| Err("reading events ended in a panic".to_owned()));
        let reason = ended.err().or_else(|| self.engine.failure().filter(|_| !self.stop.load(Ordering::Relaxed)));
        if let Some(reason) = reason {
            self.log.fail(reason);
        }
    }

    fn bring(&mut self, mut source: Source) -> Result<(), String> {
        let (mut pushed, mut repeated) = (Instant::now(), Instant::now());
        while !self.has_ended() {
            let message = source.next(PATIENCE).map_err(|error| error.to_string())?;
            let is_idle = message.is_none();
            if let Some(message) = message {
                let brought = self.message(message.place, message.payload());
                brought.map_err(|error| format!("an event could not be taken: {error}"))?;
            }
            if is_idle || pushed.elapsed() > GATHERING {
                self.log.push();
                pushed = Instant::now();
                self.engine.count_durable(&mut self.taken);
                if repeated.elapsed() > REPEATED {
                    self.log.repeat_offsets();
                    repeated = pushed;
                }
            }
        }
        self.log.push();
        Ok(())
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
                Err(Rejection { field: Some(pipeline.schema.event_time.json.join(".")), reason })
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
                Err(error @ (Error::Conflict { .. } | Error::History { .. })) => {
                    let field = Some(self.engine.pipeline().schema.event_id.json.join("."));
                    return Ok(Err(Rejection { field, reason: error.to_string() }));
                }
                Err(error @ Error::NothingToSupersede { .. }) => {
                    return Ok(Err(Rejection { field: Some("supersedes".to_owned()), reason: error.to_string() }));
                }
                Err(error @ Error::NotReady) => {
                    if !std::mem::replace(&mut is_told, true) {
                        tracing::warn!(%error, "events wait");
                        self.log.push();
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
