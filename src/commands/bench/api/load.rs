//! The load itself, open or closed.
//!
//! Open: arrival number i is due at i / rate, whatever became of those before it. A connection that is free takes the next arrival and
//! waits until it is due; when all are busy, arrivals wait, and that wait is in their latency, which counts from when they were due. So a
//! server that stands still for a second is charged with all that should have come in that second (no coordinated omission).
//! Closed: each connection asks again as soon as it was answered; that finds how much a server can do, not how long it takes.
//!
//! Each connection is a thread that blocks: two system calls a request, and a sleep that is exact to some microseconds where a timer
//! of the runtime would be to a millisecond.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use hdrhistogram::Histogram;
use ingest::{Clock, SystemClock};

use super::client::Connection;
use super::requests::Requests;
use crate::commands::bench::process_cpu_seconds;
use crate::commands::pause;

/// What to send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load<'a> {
    pub(super) address: SocketAddr,
    pub(super) requests: &'a Requests,
    /// The first number that no load before has used.
    pub(super) first: u64,
    pub(super) connections: usize,
    /// Arrivals a second; `None` for a closed loop.
    pub(super) rate: Option<f64>,
    /// So long at the beginning is not counted.
    pub(super) warmup: Duration,
    /// So long is counted.
    pub(super) length: Duration,
}

/// What came of it. Warm-up is not in it.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    /// Of answers that were ok, in nanoseconds.
    pub(super) latency: Histogram<u64>,
    pub(super) sent: u64,
    pub(super) ok: u64,
    /// Answers other than 2xx, and requests without an answer.
    pub(super) errors: u64,
    /// Arrivals whose turn had not come at the end; the latency has them with the time that they had waited by then.
    pub(super) unsent: u64,
    /// Answers a second.
    pub(super) reached: f64,
    /// What the first error said.
    pub(super) first_error: Option<String>,
    /// CPU microseconds of this process for a request, warm-up included.
    pub(super) generator_cpu_us: f64,
    /// The first number that is still free.
    pub(super) next: u64,
}

/// A sleeping thread is woken up to so much later than it asked for (the kernel's usual slack of timers), so it asks earlier.
const TIMER_SLACK: Duration = Duration::from_micros(50);
/// After a connection could not be opened again.
const PAUSE: Duration = Duration::from_millis(50);

/// Runs it. Fails when the server cannot be reached at all, or when nothing was answered.
pub(super) fn run(load: &Load<'_>) -> anyhow::Result<Outcome> {
    let connect = || Connection::open(load.address).with_context(|| format!("no server answers at http://{}", load.address));
    let connections = (0..load.connections).map(|_| connect()).collect::<anyhow::Result<Vec<_>>>()?;
    let cpu_before = process_cpu_seconds();
    let shared = Shared { load, next: AtomicU64::new(0), start: Instant::now() };
    let threads: Vec<Thread<'_>> = thread::scope(|scope| {
        let shared = &shared;
        let run = |connection| scope.spawn(move || Thread::new(shared).run(connection));
        let running: Vec<_> = connections.into_iter().map(run).collect();
        running.into_iter().map(|thread| thread.join().expect("nothing in it panics")).collect()
    });
    let asked: u64 = threads.iter().map(|thread| thread.asked).sum();
    let mut outcome = Outcome {
        latency: histogram(),
        sent: 0,
        ok: 0,
        errors: 0,
        unsent: 0,
        reached: 0.0,
        first_error: None,
        generator_cpu_us: (process_cpu_seconds() - cpu_before) * 1e6 / asked.max(1) as f64,
        next: load.first + shared.next.load(Ordering::Relaxed),
    };
    let mut until = shared.start + load.warmup + load.length;
    let mut answers = 0;
    for thread in threads {
        outcome.latency.add(thread.latency).expect("all have the same bounds");
        outcome.sent += thread.sent;
        outcome.ok += thread.ok;
        outcome.errors += thread.errors;
        outcome.unsent += thread.unsent;
        outcome.first_error = outcome.first_error.or(thread.first_error);
        answers += thread.answers;
        until = until.max(thread.last_answer);
    }
    outcome.reached = answers as f64 / (until - shared.start - load.warmup).as_secs_f64();
    if answers == 0 {
        bail!("nothing was answered: {}", outcome.first_error.as_deref().unwrap_or("no request came due"));
    }
    Ok(outcome)
}

/// For latencies in nanoseconds, up to a minute, to three digits.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds fit")
}

struct Shared<'a> {
    load: &'a Load<'a>,
    next: AtomicU64,
    start: Instant,
}

/// What one connection did.
struct Thread<'a> {
    shared: &'a Shared<'a>,
    latency: Histogram<u64>,
    asked: u64,
    sent: u64,
    ok: u64,
    errors: u64,
    unsent: u64,
    answers: u64,
    first_error: Option<String>,
    last_answer: Instant,
}

impl<'a> Thread<'a> {
    fn new(shared: &'a Shared<'a>) -> Self {
        Self {
            shared,
            latency: histogram(),
            asked: 0,
            sent: 0,
            ok: 0,
            errors: 0,
            unsent: 0,
            answers: 0,
            first_error: None,
            last_answer: shared.start,
        }
    }

    fn run(mut self, connection: Connection) -> Self {
        let Shared { load, next, start } = self.shared;
        let (counted_from, end) = (*start + load.warmup, *start + load.warmup + load.length);
        let mut connection = Some(connection);
        let mut request = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let due = load.rate.map(|rate| *start + Duration::from_secs_f64(number as f64 / rate));
            if due.unwrap_or_else(Instant::now) >= end {
                return self;
            }
            if let Some(due) = due {
                let now = Instant::now();
                if now >= end {
                    if due >= counted_from {
                        self.unsent += 1;
                        self.record(end - due);
                    }
                    continue;
                }
                if let Some(wait) = (due - TIMER_SLACK).checked_duration_since(now) {
                    pause(wait);
                }
            }
            load.requests.write(load.first + number, SystemClock.now(), &mut request);
            let sent_at = Instant::now();
            let since = due.map_or(sent_at, |due| due.min(sent_at));
            self.asked += 1;
            let answer = match &mut connection {
                Some(open) => open.ask(&request),
                None => Connection::open(load.address).and_then(|opened| connection.insert(opened).ask(&request)),
            };
            let now = Instant::now();
            let counts = due.unwrap_or(sent_at) >= counted_from;
            let refused = match &answer {
                Ok(200..300) => None,
                Ok(status) => {
                    let body = connection.as_ref().map_or("".into(), |open| String::from_utf8_lossy(open.body()));
                    Some(format!("{status} {body}"))
                }
                Err(error) => Some(error.to_string()),
            };
            if counts {
                self.sent += 1;
                self.ok += u64::from(refused.is_none());
                self.errors += u64::from(refused.is_some());
                if answer.is_ok() {
                    self.answers += 1;
                    self.last_answer = now;
                }
                if refused.is_none() {
                    self.record(now - since);
                }
            }
            if let Some(refused) = refused {
                self.first_error.get_or_insert(refused);
            }
            if answer.is_err() && connection.take().is_none() {
                pause(PAUSE);
            }
        }
    }

    fn record(&mut self, latency: Duration) {
        self.latency.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX).max(1));
    }
}
