//! Traces of some requests, sent to a collector of OpenTelemetry by OTLP over HTTP, as JSON. A request that is not picked costs a look at
//! one header and a count; without `[telemetry] otlp` not even that. What the collector does not take is counted and thrown away: a trace
//! is no record.

mod otlp;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::extract::Request;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use ingest::{Clock, SystemClock, Timestamp};
use monitor::trust::trusted;
use scoring::api::Trace;
use scoring::api::access::told;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use self::otlp::{Span, export};
use crate::config::TelemetryConfig;

/// So many traces may wait to be sent.
const QUEUE: usize = 1_024;
/// So many spans are sent at once, and what there is after so long.
const BATCH: usize = 512;
const FLUSH: Duration = Duration::from_secs(1);
/// How long a collector may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Requests that have a name of their own; of all others it is the method, for there may be many.
const NAMED: [&str; 4] = ["/v1/score", "/v1/score/batch", "/v1/credit/score", "/v1/labels"];

/// Picks requests, and sends their traces.
pub(crate) struct Telemetry {
    /// Of requests whose sender has not decided it, one in so many is traced.
    one_in: u64,
    /// Ids of this process differ from those of others.
    seed: u64,
    count: AtomicU64,
    /// One without spans ends it.
    traces: SyncSender<Vec<Span>>,
    figures: Arc<Figures>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What became of spans.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// Taken by the collector.
    pub(crate) sent: AtomicU64,
    /// Not taken: it could not be reached, or too many waited.
    pub(crate) lost: AtomicU64,
}

/// Which trace a request belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Picked {
    trace_id: u128,
    /// The span of the sender.
    parent: Option<u64>,
}

impl Telemetry {
    /// Starts to send; `None` when nothing is to be sent.
    pub(crate) fn start(config: &TelemetryConfig) -> anyhow::Result<Option<Self>> {
        let Some(url) = &config.otlp else { return Ok(None) };
        let url = format!("{}/v1/traces", url.trim_end_matches('/').trim_end_matches("/v1/traces"));
        let (traces, waiting) = sync_channel(QUEUE);
        let figures = Arc::new(Figures::default());
        let sender = Sender { url, figures: Arc::clone(&figures), agent: agent() };
        let thread = std::thread::Builder::new().name("telemetry".to_owned()).spawn(move || sender.run(&waiting));
        let thread = Mutex::new(Some(thread.context("the machine gives no thread for traces")?));
        let seed = SystemClock.now().micros().unsigned_abs() ^ u64::from(std::process::id()) << 40;
        Ok(Some(Self { one_in: config.one_in.into(), seed, count: AtomicU64::new(0), traces, figures, thread }))
    }

    /// Sends what waits, and nothing more.
    pub(crate) fn stop(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread.filter(|_| self.traces.send(Vec::new()).is_ok()) {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }

    /// What became of spans.
    pub(crate) fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Whether a request is traced: as its sender has decided, or else one in so many.
    fn pick(&self, headers: &HeaderMap) -> Option<Picked> {
        if let Some(parent) = headers.get("traceparent").and_then(|parent| parent_of(parent.to_str().ok()?)) {
            let (picked, is_sampled) = parent;
            return is_sampled.then_some(picked);
        }
        let trace_id = self.id();
        ((trace_id as u64).is_multiple_of(self.one_in)).then_some(Picked { trace_id, parent: None })
    }

    /// An id that no other has, nor is it 0.
    fn id(&self) -> u128 {
        xxh3_128_with_seed(&self.count.fetch_add(1, Ordering::Relaxed).to_le_bytes(), self.seed) | 1 << 64
    }

    fn span_id(&self) -> u64 {
        (self.id() >> 64) as u64
    }

    fn send(&self, spans: Vec<Span>) {
        let count = spans.len() as u64;
        if self.traces.try_send(spans).is_err() {
            self.figures.lost.fetch_add(count, Ordering::Relaxed);
        }
    }
}

/// `00-TRACE-SPAN-FLAGS`, as the W3C writes it: whose span it is, and whether it is traced.
fn parent_of(text: &str) -> Option<(Picked, bool)> {
    let mut parts = text.split('-');
    let mut part = |digits: usize| {
        parts.next().filter(|part| part.len() == digits && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
    };
    let (version, trace, span, flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
    let trace_id = u128::from_str_radix(trace, 16).ok().filter(|id| *id != 0 && version != "ff")?;
    let parent = u64::from_str_radix(span, 16).ok().filter(|id| *id != 0)?;
    let is_sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
    Some((Picked { trace_id, parent: Some(parent) }, is_sampled))
}

/// Has `next` answer a request, and traces it when it is picked, which `next` is told.
pub(crate) async fn traced<B, F: Future<Output = Response>>(
    telemetry: &Telemetry,
    request: Request<B>,
    next: impl FnOnce(Request<B>, bool) -> F,
) -> Response {
    let Some(picked) = telemetry.pick(request.headers()) else { return next(request, false).await };
    let (method, path) = (request.method().clone(), told(request.uri().path()));
    let started_at = SystemClock.now();
    let response = next(request, true).await;
    let trace = response.extensions().get::<Trace>();
    let asked = Asked { method, path, status: response.status().as_u16(), started_at, ended_at: SystemClock.now() };
    telemetry.send(spans(picked, &asked, trace, || telemetry.span_id()));
    response
}

/// A request that was answered.
struct Asked {
    method: Method,
    path: String,
    status: u16,
    started_at: Timestamp,
    ended_at: Timestamp,
}

/// The span of a request, and those of the stages of a decision. Stages are known by their lengths: the last one ends with the request,
/// each of the others where the next begins.
fn spans(picked: Picked, asked: &Asked, trace: Option<&Trace>, mut id: impl FnMut() -> u64) -> Vec<Span> {
    let Asked { method, path, status, started_at, ended_at } = asked;
    let named = NAMED.iter().find(|named| **named == path).filter(|_| *method == Method::POST);
    let name = named.map_or_else(|| method.to_string(), |named| format!("{method} {named}"));
    let root = id();
    let mut spans = vec![
        Span::server(picked.trace_id, root, picked.parent, name, *started_at, *ended_at, *status >= 500)
            .with("http.request.method", method.as_str())
            .with("url.path", path)
            .with("http.response.status_code", i64::from(*status)),
    ];
    let Some(trace) = trace else { return spans };
    let request = spans.remove(0);
    spans.push(
        request
            .with("riskflow.event_id", trace.event_id.as_str())
            .with("riskflow.decision", trace.decision)
            .with("riskflow.engine_mode", trace.engine_mode),
    );
    let stages = trace.timings_us.named().into_iter().chain([("commit", trace.commit_us)]);
    let mut end = *ended_at;
    for (stage, us) in stages.rev().filter(|(_, us)| *us > 0) {
        let start = Timestamp::from_micros(end.micros() - i64::from(us)).max(*started_at);
        spans.push(Span::stage(picked.trace_id, id(), root, stage, start, end));
        end = start;
    }
    spans
}

/// Sends what comes, in batches.
struct Sender {
    url: String,
    figures: Arc<Figures>,
    agent: ureq::Agent,
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).max_redirects(0);
    config.tls_config(trusted()).build().into()
}

impl Sender {
    fn run(&self, traces: &Receiver<Vec<Span>>) {
        let mut is_failing = false;
        let mut is_over = false;
        while !is_over && let Ok(mut spans) = traces.recv() {
            is_over = spans.is_empty();
            let until = Instant::now() + FLUSH;
            while !is_over
                && spans.len() < BATCH
                && let Some(left) = until.checked_duration_since(Instant::now())
                && let Ok(more) = traces.recv_timeout(left)
            {
                is_over = more.is_empty();
                spans.extend(more);
            }
            if spans.is_empty() {
                return;
            }
            let count = spans.len() as u64;
            match self.agent.post(&self.url).send_json(export(&spans)) {
                Ok(_) => {
                    self.figures.sent.fetch_add(count, Ordering::Relaxed);
                    is_failing = false;
                }
                Err(error) => {
                    self.figures.lost.fetch_add(count, Ordering::Relaxed);
                    if !is_failing {
                        tracing::warn!(
                            reason = error.to_string(),
                            "the collector of traces took nothing; what it misses is counted"
                        );
                    }
                    is_failing = true;
                }
            }
        }
    }
}
