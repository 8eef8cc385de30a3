//! `POST /v1/score` and `POST /v1/score/batch`.

use std::sync::Arc;

use axum::body::{Bytes, HttpBody};
use axum::extract::State;
use axum::http::{HeaderValue, Request, header};
use axum::response::{IntoResponse, Response};
use axum::{BoxError, Extension, Json};
use http_body_util::{BodyExt as _, Limited};
use ingest::{Event, EventId, Timestamp, decode};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::access::Allowance;
use super::answer::ScoreAnswer;
use super::in_query::InQuery;
use super::problem::Problem;
use super::{Api, BODY_LIMIT, Body};
use crate::decision::{Reasons, TimingsUs};
use crate::engine::{Engine, Scored, Status, Terms, Ticket};
use crate::error::Error;

/// The most events of a batch.
pub(super) const MOST_EVENTS: usize = 1_000;

/// What a caller may ask for beside the decision.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Which reasons are computed.
    #[serde(default)]
    reasons: Reasons,
}

pub(super) type Asked = Result<InQuery<Wanted>, Problem>;

/// On a request that goes to the routes: whoever answers it is to say with the response how it went.
#[derive(Clone, Copy, Debug)]
pub struct Traced;

/// How a decision came about, on the response to a request that is traced.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The event.
    pub event_id: EventId,
    /// What was decided.
    pub decision: &'static str,
    /// `normal` or `degraded`.
    pub engine_mode: &'static str,
    /// How long each stage took; all zero where the decision was made before.
    pub timings_us: TimingsUs,
    /// How long the wait for durability took.
    pub commit_us: u32,
}

impl Trace {
    fn of(Scored { status, decision, commit_us }: &Scored) -> Self {
        let is_repeated = matches!(status, Status::Duplicate);
        Self {
            event_id: decision.event_id.clone(),
            decision: decision.decision.name(),
            engine_mode: decision.engine_mode.name(),
            timings_us: if is_repeated { TimingsUs::default() } else { decision.timings_us },
            commit_us: *commit_us,
        }
    }
}

/// Decides about one event.
#[utoipa::path(
    post,
    path = "/v1/score",
    tag = "decisions",
    params(("reasons" = inline(Option<Reasons>), Query, description = "which reasons are computed")),
    request_body(content = Object, description = "an event, as `components.schemas.Event` describes it for this pipeline"),
    responses(
        (status = 200, description = "the decision", body = ScoreAnswer),
        (status = 400, description = "a parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "the event id is taken by other content", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn score(
    State(api): State<Api>,
    traced: Option<Extension<Traced>>,
    asked: Asked,
    body: Body,
) -> Result<Response, Problem> {
    decided(&api.engine, traced.is_some(), asked, body.map_err(Problem::body), ScoreAnswer::new).await
}

/// Answers `POST /v1/score` as its route does, for who has no need of routes.
pub async fn answer_score<B>(engine: &Arc<Engine>, request: Request<B>, is_traced: bool) -> Response
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>>,
{
    let asked = InQuery::of(request.uri());
    let body = match Limited::new(request.into_body(), BODY_LIMIT).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => Err(Problem::unread(&*error)),
    };
    decided(engine, is_traced, asked, body, ScoreAnswer::new).await.into_response()
}

/// Decides about one event, and answers in the caller's words.
pub(super) async fn decided<A: Serialize>(
    engine: &Arc<Engine>,
    is_traced: bool,
    asked: Asked,
    body: Result<Bytes, Problem>,
    words: impl FnOnce(Scored) -> A,
) -> Result<Response, Problem> {
    let (InQuery(Wanted { reasons }), body) = (asked?, body?);
    let received_at = engine.now();
    let schema = &engine.pipeline().schema;
    let event = decode::json::event(&body, schema)?;
    check_skew(engine, &event, received_at)?;
    let scored = engine.score(event, received_at, Terms::live(reasons)).await.map_err(|error| Problem::of(error, schema))?;
    let trace = is_traced.then(|| Trace::of(&scored));
    let mut response = answer(&words(scored));
    if let Some(trace) = trace {
        response.extensions_mut().insert(trace);
    }
    Ok(response)
}

/// As [`Json`] does, with room for all of an answer from the start.
fn answer(answer: &impl Serialize) -> Response {
    const USUAL_BYTES: usize = 4 * 1024;
    let mut body = Vec::with_capacity(USUAL_BYTES);
    serde_json::to_writer(&mut body, answer).expect("plain data always has a JSON form");
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}

fn check_skew(engine: &Engine, event: &Event, received_at: Timestamp) -> Result<(), Problem> {
    let Some(ahead) = engine.pipeline().skew(event, received_at) else { return Ok(()) };
    if engine.knows(&event.event_id) {
        return Ok(());
    }
    engine.metrics().refused("ahead_of_clock");
    let detail = format!("it is {} s ahead of the clock, allowed are {}", ahead.micros() / 1_000_000, engine.pipeline().max_skew);
    Err(Problem::invalid(Some(engine.pipeline().schema.event_time.json.join(".")), detail))
}

/// The answer to a batch: one result an event, in the order of the events.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BatchAnswer {
    results: Vec<BatchResult>,
}

/// What came of one event of a batch.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum BatchResult {
    /// It was decided.
    Decided(Box<ScoreAnswer>),
    /// It was not; the others are not touched by it.
    Refused {
        /// Why not.
        error: Problem,
    },
}

/// Decides about many events, applied in their order. Each counts against the rate of the caller's key as a request does.
#[utoipa::path(
    post,
    path = "/v1/score/batch",
    tag = "decisions",
    params(("reasons" = inline(Option<Reasons>), Query, description = "which reasons are computed")),
    request_body(content = Object, description = "`{\"events\": [...]}` with 1 to 1000 events"),
    responses(
        (status = 200, description = "a result for each event, in their order", body = BatchAnswer),
        (status = 400, description = "a parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "its events are more than the key's rate allows now; none is decided", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn batch(
    State(api): State<Api>,
    allowance: Option<Extension<Allowance>>,
    asked: Asked,
    body: Body,
) -> Result<Json<BatchAnswer>, Problem> {
    let (InQuery(Wanted { reasons }), body) = (asked?, body.map_err(Problem::body)?);
    let received_at = api.engine.now();
    let events = events(&body)?;
    if let Some(Extension(allowance)) = allowance {
        allowance.take_batch(events.len())?;
    }
    let mut tickets = Vec::new();
    let mut is_busy = false;
    for event in events {
        let ticket = match checked(&api.engine, event, received_at) {
            Ok(event) => submit(&api.engine, event, received_at, reasons, &mut is_busy)
                .await
                .map_err(|error| Problem::of(error, &api.engine.pipeline().schema)),
            Err(problem) => Err(problem),
        };
        // Each gives its place back by itself, and they are decided beside each other.
        tickets.push(ticket.map(|ticket| tokio::spawn(ticket.decided())));
    }
    let mut results = Vec::with_capacity(tickets.len());
    for ticket in tickets {
        let scored = match ticket {
            Ok(decided) => decided
                .await
                .map_err(|_| Error::Stopped)
                .flatten()
                .map_err(|error| Problem::of(error, &api.engine.pipeline().schema)),
            Err(problem) => Err(problem),
        };
        results.push(match scored {
            Ok(scored) => BatchResult::Decided(Box::new(ScoreAnswer::new(scored))),
            Err(error) => BatchResult::Refused { error },
        });
    }
    Ok(Json(BatchAnswer { results }))
}

fn checked(engine: &Engine, event: &RawValue, received_at: Timestamp) -> Result<Event, Problem> {
    let event = decode::json::event(event.get().as_bytes(), &engine.pipeline().schema)?;
    check_skew(engine, &event, received_at)?;
    Ok(event)
}

/// After one that found no place none of those behind it is tried: events are applied in their order, and the batch waits once.
async fn submit(
    engine: &Arc<Engine>,
    event: Event,
    received_at: Timestamp,
    reasons: Reasons,
    is_busy: &mut bool,
) -> Result<Ticket, Error> {
    if *is_busy {
        engine.metrics().refused(Error::Busy.cause());
        return Err(Error::Busy);
    }
    let ticket = engine.submit(event, received_at, Terms::live(reasons)).await;
    *is_busy = matches!(ticket, Err(Error::Busy));
    ticket
}

fn events(body: &Bytes) -> Result<Vec<&RawValue>, Problem> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Batch<'a> {
        #[serde(borrow)]
        events: Vec<&'a RawValue>,
    }
    let Batch { events } = super::json(body)?;
    match events.len() {
        1..=MOST_EVENTS => Ok(events),
        count => Err(Problem::invalid(
            Some("events".to_owned()),
            format!("a batch has 1 to {MOST_EVENTS} events, this one has {count}"),
        )),
    }
}
