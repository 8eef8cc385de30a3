//! What the page of models asks: how good decisions were, and whether a challenger is better. Either takes seconds over many events, so
//! that it is worked out once, away from the threads that answer payments, and kept until the warehouse has moved on.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ingest::log::Position;
use ingest::{Timestamp, background};
use monitor::performance::concept::Written;
use monitor::{experiment, performance};
use scoring::api::Problem;
use scoring::registry::Error as RegistryError;
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};

use crate::Sources;
use crate::answers::{DAYS, Queried, days, parameters, period, unanswered};

/// So many answers are kept.
const KEPT: usize = 32;

/// What is worked out, and what was.
pub(crate) struct Models {
    sources: Sources,
    /// One at a time: each uses all cores.
    turn: Arc<Semaphore>,
    kept: Mutex<VecDeque<Kept>>,
}

/// An answer, as of a position of the log.
struct Kept {
    key: String,
    reached: Position,
    json: Arc<str>,
}

pub(crate) fn router(sources: Sources) -> Router {
    let models = Models { sources, turn: Arc::new(Semaphore::new(1)), kept: Mutex::default() };
    Router::new()
        .route("/v1/monitor/performance", get(performance))
        .route("/v1/monitor/comparison", get(comparison))
        .with_state(Arc::new(models))
}

/// How good decisions and scores were, as far as labels have come: by day, version, segment and rule, each figure with its interval and
/// the share of bad events that are known by then. Worked out anew once more is known; the first time it takes seconds.
#[utoipa::path(
    get,
    path = "/v1/monitor/performance",
    tag = "monitor",
    params(
        ("from" = Option<String>, Query, format = Date, description = "the first day, as 2018-08-01"),
        ("to" = Option<String>, Query, format = Date, description = "the last day, as 2018-08-01"),
        ("as_of" = Option<String>, Query, description = "what was observed later is not known; the newest moment that is known of by default"),
    ),
    responses(
        (
            status = 200,
            description = "the figures; money is in `currency`, without that of `other_currency` events in others",
            body = serde_json::Value,
        ),
        (status = 400, description = "a parameter is not valid", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn performance(State(models): State<Arc<Models>>, query: Queried) -> Result<Response, Problem> {
    let Asked { range, as_of, versions: [] } = asked(query, [])?;
    let days = days(&range)?;
    let segments = models.sources.segments.clone();
    models
        .answer(format!("performance {days:?} {as_of:?}"), async move |sources| {
            // At a moment of before nobody knew what was found later.
            let written = match as_of {
                Some(_) => Written::default(),
                None => Written::read(&*sources.warehouse, &sources.model).await.map_err(unanswered)?,
            };
            let request = performance::Request { days, as_of, currency: sources.currency, segments, written };
            performance::performance(&*sources.warehouse, &request, &sources.performance).await.map_err(unanswered)
        })
        .await
}

/// Whether a challenger is better than the champion on the events that both scored: figures of both, what differs, whose decisions would
/// change, guardrails, and a verdict (`promote`, `keep`, `need_more`) with its reasons. Which events is said by days or, as of an
/// experiment, to the moment. Worked out anew once more is known.
#[utoipa::path(
    get,
    path = "/v1/monitor/comparison",
    tag = "monitor",
    params(
        ("champion" = u32, Query, description = "the version that decides"),
        ("challenger" = u32, Query, description = "the version that wants to"),
        ("from" = Option<String>, Query, description = "the first day, as 2018-08-01, or the first moment, as 2018-08-01T12:00:00Z"),
        ("to" = Option<String>, Query, description = "the last day, as 2018-08-01, or the moment that it ends before, as 2018-08-01T12:00:00Z"),
        ("as_of" = Option<String>, Query, description = "what was observed later is not known; the newest moment that is known of by default"),
    ),
    responses(
        (
            status = 200,
            description = "the two on the same events; money is in `currency`, without that of `other_currency` events in others",
            body = serde_json::Value,
        ),
        (status = 400, description = "a parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is no such version", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn comparison(State(models): State<Arc<Models>>, query: Queried) -> Result<Response, Problem> {
    let Asked { range, as_of, versions: [champion, challenger] } = asked(query, ["champion", "challenger"])?;
    let period = period(&range)?;
    let (model, currency) = (models.sources.model.clone(), models.sources.currency);
    let request = experiment::Request { model, champion, challenger, period, as_of, currency };
    models
        .answer(format!("comparison {request:?}"), async move |sources| {
            let about = |version: u32| sources.registry.load(&request.model, version).map(|artifact| artifact.about);
            let inputs = experiment::Inputs::new(&about(champion).map_err(unknown)?, &about(challenger).map_err(unknown)?)
                .map_err(|error| Problem::parameter("challenger", error.to_string()))?;
            let compared =
                experiment::compare(&*sources.warehouse, &request, inputs, &sources.experiment, &sources.performance).await;
            compared.map_err(|error| match error {
                monitor::Error::SameVersion { .. } => Problem::parameter("challenger", error.to_string()),
                error => unanswered(error),
            })
        })
        .await
}

fn unknown(error: RegistryError) -> Problem {
    match error {
        RegistryError::NotFound { name, version, .. } => Problem::not_found(format!("there is no version {version} of {name}")),
        error => {
            tracing::error!(%error, "a model that is to be compared cannot be read");
            Problem::unavailable("the model cannot be read; the log of the server says why".to_owned())
        }
    }
}

impl Models {
    /// An answer that was kept, or what `work` makes of what there is.
    async fn answer<T: Serialize>(
        self: Arc<Self>,
        key: String,
        work: impl AsyncFnOnce(&Sources) -> Result<T, Problem> + Send + 'static,
    ) -> Result<Response, Problem> {
        if let Some(json) = self.known(&key) {
            return Ok(written(json));
        }
        // No thread waits in line, and whoever leaves it has left nothing in it.
        let turn = Arc::clone(&self.turn).acquire_owned().await.map_err(|error| failed(&error))?;
        // Who waited may have waited for the same.
        if let Some(json) = self.known(&key) {
            return Ok(written(json));
        }
        let (done, worked) = oneshot::channel();
        let runtime = Handle::current();
        let started = background::spawn("figures", move || {
            let _turn = turn;
            // Whoever asked may have left meanwhile; the answer is kept all the same.
            let _ = done.send(runtime.block_on(self.worked_out(key, work)));
        });
        started.map_err(|error| failed(&error))?;
        Ok(written(worked.await.map_err(|error| failed(&error))??))
    }

    async fn worked_out<T: Serialize>(
        &self,
        key: String,
        work: impl AsyncFnOnce(&Sources) -> Result<T, Problem>,
    ) -> Result<Arc<str>, Problem> {
        let reached = self.sources.warehouse.reached();
        let answer = work(&self.sources).await?;
        let json: Arc<str> = serde_json::to_string(&answer).map_err(|error| failed(&error))?.into();
        let mut kept = self.kept();
        kept.retain(|old| old.key != key);
        kept.truncate(KEPT - 1);
        kept.push_front(Kept { key, reached, json: Arc::clone(&json) });
        Ok(json)
    }

    /// What was worked out of as much as there is now.
    fn known(&self, key: &str) -> Option<Arc<str>> {
        let reached = self.sources.warehouse.reached();
        self.kept().iter().find(|kept| kept.key == key && kept.reached == reached).map(|kept| Arc::clone(&kept.json))
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, VecDeque<Kept>> {
        // Whoever panicked left whole answers.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed(error: &dyn std::error::Error) -> Problem {
    tracing::error!(%error, "figures could not be worked out");
    Problem::unavailable("the figures could not be worked out; the log of the server says why".to_owned())
}

fn written(json: Arc<str>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], json.as_ref().to_owned()).into_response()
}

/// What both questions take.
struct Asked<const N: usize> {
    /// `from` and `to`, as they are written.
    range: Vec<(String, String)>,
    as_of: Option<Timestamp>,
    versions: [u32; N],
}

/// The parameters, of which `named` are versions and must be there.
fn asked<const N: usize>(query: Queried, named: [&str; N]) -> Result<Asked<N>, Problem> {
    let known: Vec<&str> = named.into_iter().chain(DAYS).chain(["as_of"]).collect();
    let mut parameters = parameters(query, &known)?;
    let mut take = |name: &str| {
        let place = parameters.iter().position(|(known, _)| known == name)?;
        Some(parameters.remove(place).1)
    };
    let mut versions = [0; N];
    for (version, name) in versions.iter_mut().zip(named) {
        let text =
            take(name).ok_or_else(|| Problem::parameter(name, format!("`{name}` is missing: give a version, as {name}=3")))?;
        *version =
            text.parse().map_err(|_| Problem::parameter(name, format!("`{name}` is a version, a whole number, not `{text}`")))?;
    }
    let moment = |text: String| {
        text.parse().map_err(|_| {
            Problem::parameter("as_of", format!("`as_of` is no time: write it as 2018-08-01T12:00:00Z, not `{text}`"))
        })
    };
    let as_of = take("as_of").map(moment).transpose()?;
    Ok(Asked { range: parameters, as_of, versions })
}

#[cfg(test)]
mod tests {
    use std::future;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use scoring::FileRegistry;

    use super::*;
    use crate::tests::{Asked, sources};

    fn models() -> Arc<Models> {
        let folder = tempfile::tempdir().unwrap();
        let registry = Arc::new(FileRegistry::open(folder.path()).unwrap());
        let sources = sources(&Arc::new(Asked::default()), &registry);
        Arc::new(Models { sources, turn: Arc::new(Semaphore::new(1)), kept: Mutex::default() })
    }

    #[tokio::test]
    async fn who_leaves_the_line_leaves_nothing_in_it() {
        let models = models();
        let answer = |key: &str| Arc::clone(&models).answer(key.to_owned(), async |_: &Sources| Ok(1));

        let turn = Arc::clone(&models.turn).acquire_owned().await.unwrap();
        tokio::select! {
            biased;
            _ = answer("left") => unreachable!("somebody else has the turn"),
            () = future::ready(()) => {}
        }
        let waits = tokio::spawn(answer("stayed"));
        drop(turn);
        assert!(waits.await.unwrap().is_ok());
        assert!(models.known("left").is_none() && models.known("stayed").is_some());
    }

    #[tokio::test]
    async fn what_many_wait_for_is_worked_out_once() {
        let models = models();
        let turn = Arc::clone(&models.turn).acquire_owned().await.unwrap();
        let worked_out = Arc::new(AtomicUsize::new(0));
        let ask = |_| {
            let worked_out = Arc::clone(&worked_out);
            let work = async move |_: &Sources| Ok(worked_out.fetch_add(1, Ordering::Relaxed));
            tokio::spawn(Arc::clone(&models).answer("same".to_owned(), work))
        };
        let waiting: Vec<_> = (0..20).map(ask).collect();
        tokio::task::yield_now().await;
        drop(turn);
        for answer in waiting {
            assert!(answer.await.unwrap().is_ok());
        }
        assert_eq!(worked_out.load(Ordering::Relaxed), 1);
    }
}
