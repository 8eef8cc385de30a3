//! The server: the routes of all parts, and what the page asks about the program as a whole.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::extract::State;
use axum::http::{Method, Uri};
use axum::routing::get;
use axum::{Json, Router};
use ingest::log::{Durability, kafka};
use monitor::observer::Observed;
use monitor::{Monitoring, Watch};
use scoring::api::access::Access;
use scoring::api::{MoreMetrics, Problem};
use scoring::control::Kind;
use scoring::policy::Policy;
use scoring::{Engine, Thresholds};
use serde::Serialize;
use tokio::sync::watch;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use utoipa::{OpenApi, ToSchema};

use crate::Riskflow;
use crate::entrance::Inside;
use crate::metrics::{self, Delay, Requests, Seen};
use crate::signals::Signals;
use crate::telemetry::Telemetry;

/// What a replay tells the page while it runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Live {
    replayed: Arc<Mutex<Option<f64>>>,
}

impl Live {
    /// How much of a replay is done, 0 to 1; `None` when there is none.
    pub(crate) fn set_replayed(&self, share: Option<f64>) {
        *self.replayed.lock().unwrap_or_else(PoisonError::into_inner) = share;
    }

    fn replayed(&self) -> Option<f64> {
        *self.replayed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ctrl-C or SIGTERM.
pub(crate) fn stop_signal() -> impl Future<Output = ()> + Send + 'static {
    // Listened to from here on, not only once somebody waits: a signal in between would end the program at once.
    let listen = |kind| tokio::signal::unix::signal(kind).expect("signals can be listened to");
    let mut terminate = listen(tokio::signal::unix::SignalKind::terminate());
    let mut interrupt = listen(tokio::signal::unix::SignalKind::interrupt());
    async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}

/// The routes of all parts, and the keys of those who may call them.
pub(crate) fn inside(
    riskflow: &Riskflow,
    monitoring: &Monitoring,
    live: Live,
    access: Arc<Access>,
    signals: Signals,
    watch: Arc<Watch>,
    observed: watch::Receiver<Observed>,
) -> Inside {
    let program = Program {
        engine: Arc::clone(&riskflow.engine),
        projected: riskflow.projector.progress(),
        observed,
        durability: riskflow.log.durability(),
        live,
        rate: Arc::default(),
        requests: Arc::default(),
        delay: Arc::default(),
        signals,
        kafka: riskflow.kafka.as_ref().map(|log| log.figures()),
    };
    let own = Router::new().route("/v1/status", get(status)).with_state(program.clone());
    let mut described = Described::openapi();
    described.merge(dashboards::openapi());
    let currency = riskflow.engine.pipeline().schema.default_currency;
    let more = dashboards::router(Arc::clone(&riskflow.warehouse), currency)
        .merge(dashboards::alerts_router(Arc::clone(&riskflow.warehouse), Arc::clone(&watch)))
        .merge(dashboards::drift_router(watch))
        .merge(dashboards::models_router(riskflow.pages(monitoring)))
        .merge(own)
        .merge(scoring::api::people_router(Arc::clone(&access)));
    let routes = scoring::api::router(Arc::clone(&riskflow.engine), program.metrics(), more, described)
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .fallback(async |uri: Uri| Problem::no_route(uri.path()))
        .method_not_allowed_fallback(async |method: Method, uri: Uri| Problem::no_method(method.as_str(), uri.path()));
    let (engine, telemetry) = (program.engine, program.signals.telemetry);
    Inside { engine, routes, access, requests: program.requests, telemetry }
}

/// The routes of this file.
#[derive(OpenApi)]
#[openapi(paths(status))]
struct Described;

#[derive(Clone)]
struct Program {
    engine: Arc<Engine>,
    projected: watch::Receiver<monitor::Progress>,
    observed: watch::Receiver<Observed>,
    durability: watch::Receiver<Durability>,
    live: Live,
    rate: Arc<Mutex<Option<Rate>>>,
    requests: Arc<Requests>,
    delay: Arc<Mutex<Delay>>,
    signals: Signals,
    kafka: Option<Arc<kafka::Figures>>,
}

/// Events per second, over at least a second.
#[derive(Clone, Copy)]
struct Rate {
    since: Instant,
    events: u64,
    per_second: f64,
}

impl Rate {
    /// The rate as of `now`, from what was known before.
    fn next(before: Option<Self>, now: Instant, events: u64) -> Self {
        match before {
            None => Self { since: now, events, per_second: 0.0 },
            Some(before) => match now.duration_since(before.since).as_secs_f64() {
                seconds if seconds < 1.0 => before,
                seconds => Self { since: now, events, per_second: events.saturating_sub(before.events) as f64 / seconds },
            },
        }
    }
}

#[derive(Serialize, ToSchema)]
struct ProgramStatus {
    pipeline: String,
    engine_mode: &'static str,
    model: Option<ModelStatus>,
    thresholds: Thresholds,
    /// What holds on failure, and how long models may take, beside the thresholds.
    policy: Policy,
    /// For what the pipeline asks a second person, where callers are told apart.
    four_eyes: Vec<Kind>,
    events: u64,
    decisions: u64,
    labels: u64,
    history: u64,
    log_position: u64,
    warehouse_position: u64,
    warehouse_error: Option<String>,
    features_version: String,
    warming: Vec<Warming>,
    clock: Option<String>,
    events_per_second: f64,
    replay: Option<Replay>,
}

/// A feature whose window is not covered yet.
#[derive(Serialize, ToSchema)]
struct Warming {
    feature: String,
    covered_at: String,
}

#[derive(Serialize, ToSchema)]
struct ModelStatus {
    name: String,
    version: String,
}

#[derive(Serialize, ToSchema)]
struct Replay {
    done: f64,
}

impl Program {
    fn log_end(&self) -> u64 {
        self.durability.borrow().end().0
    }

    /// What is not scoring's in `/metrics`.
    fn metrics(&self) -> MoreMetrics {
        let program = self.clone();
        Arc::new(move |text| {
            let (durability, projection) = (program.durability.borrow().clone(), program.projected.borrow().clone());
            let (end, reached) = (durability.end().0, projection.projected.0);
            let mut delay = program.delay.lock().unwrap_or_else(PoisonError::into_inner);
            let seen = Seen {
                requests: &program.requests,
                durability: &durability,
                projection: &projection,
                observation: &program.observed.borrow().clone(),
                projection_delay: delay.next(Instant::now(), end, reached),
                sinks: &program.signals.notifier.figures(),
                traces: program.signals.telemetry.as_deref().map(Telemetry::figures),
                kafka: program.kafka.as_deref(),
            };
            metrics::encode(&seen, text);
        })
    }
}

/// How the program is as a whole. Its figures are as of a moment before while there is more to do than can be done.
#[utoipa::path(
    get,
    path = "/v1/status",
    tag = "operation",
    responses((status = 200, description = "how the program is as a whole", body = ProgramStatus)),
)]
async fn status(State(program): State<Program>) -> Json<ProgramStatus> {
    let standing = program.engine.standing();
    let deciders = program.engine.deciders();
    let champion = deciders.champion.clone();
    let projected = program.projected.borrow().clone();
    let rate = {
        let mut rate = program.rate.lock().unwrap_or_else(PoisonError::into_inner);
        let next = Rate::next(*rate, Instant::now(), standing.events);
        *rate.insert(next)
    };
    Json(ProgramStatus {
        pipeline: program.engine.pipeline().name.clone(),
        engine_mode: match program.engine.failure() {
            Some(_) => "stopped",
            None if champion.is_none() => "degraded",
            None => "normal",
        },
        model: champion
            .map(|champion| ModelStatus { name: champion.artifact.about.name.clone(), version: champion.version.to_string() }),
        thresholds: deciders.policy.thresholds(),
        policy: deciders.policy.clone(),
        four_eyes: deciders.pipeline.governance.four_eyes().to_vec(),
        events: standing.events,
        decisions: standing.decisions,
        labels: standing.labels,
        history: standing.history,
        log_position: program.log_end(),
        warehouse_position: projected.projected.0,
        warehouse_error: projected.failed,
        features_version: program.engine.pipeline().plan.version().to_owned(),
        warming: standing
            .warming
            .into_iter()
            .map(|(feature, covered_at)| Warming { feature, covered_at: covered_at.to_string() })
            .collect(),
        clock: (standing.events + standing.history > 0).then(|| standing.watermark.to_string()),
        events_per_second: rate.per_second,
        replay: program.live.replayed().map(|done| Replay { done }),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn rates_need_a_second() {
        let start = Instant::now();
        let first = Rate::next(None, start, 1_000);
        let early = Rate::next(Some(first), start + Duration::from_millis(500), 2_000);
        assert_eq!((early.events, early.per_second), (1_000, 0.0));
        let later = Rate::next(Some(early), start + Duration::from_secs(2), 5_000);
        assert_eq!((later.events, later.per_second), (5_000, 2_000.0));
    }
}
