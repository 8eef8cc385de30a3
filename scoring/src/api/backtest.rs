//! `POST /v1/rules/{rule_id}/backtest`: what a rule would have decided about the past, on a thread of its own.

use std::sync::Arc;
use std::time::{Duration as Span, Instant};

use axum::Json;
use axum::extract::State;
use ingest::{Duration, Timestamp, background};
use serde::Deserialize;
use tokio::sync::oneshot;
use utoipa::ToSchema;

use super::in_path::InPath;
use super::problem::Problem;
use super::rules::RuleDraft;
use super::{Api, Body, Caller};
use crate::backtest::{Against, Change, Progress, Refused, Report, Request};
use crate::error::Error;

/// The most events that a caller may have decided again, and the longest that it may take. `riskflow backtest` has no limits.
const MOST_EVENTS: u64 = 2_000_000;
const LONGEST: Span = Span::from_secs(25);

/// Which past, and what is tried on it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BacktestWanted)]
pub(super) struct Wanted {
    /// The first event time.
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    /// The first event time after it.
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
    /// A label that was observed later is not known; now, when not said.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    as_of: Option<Timestamp>,
    /// From which age on events without a label that were not declined count as good: `30d`. When not said, they are left unlabelled.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "30d")]
    maturity: Option<Duration>,
    /// What it is compared with.
    #[serde(default)]
    against: Against,
    /// The rule as it is tried; as it is, when not said. A draft or a rule in shadow is tried as if it were active.
    #[serde(default)]
    rule: Option<RuleDraft>,
}

/// What a rule, as it is or changed, would have decided about the past. At most 2,000,000 events and 25 seconds, one at a time.
#[utoipa::path(
    post,
    path = "/v1/rules/{rule_id}/backtest",
    tag = "rules",
    params(("rule_id" = String, Path, description = "the rule, which there need not be yet where the body has one")),
    request_body(content = Wanted),
    responses(
        (status = 200, description = "what would have been decided", body = Report),
        (status = 404, description = "there is no such thing", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "another backtest runs", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn backtest(
    State(api): State<Api>,
    Caller(author): Caller,
    InPath(rule_id): InPath<String>,
    body: Body,
) -> Result<Json<Report>, Problem> {
    let Wanted { from, to, as_of, maturity, against, rule } = super::json(&body.map_err(Problem::body)?)?;
    if to <= from {
        return Err(Problem::invalid(Some("to".to_owned()), format!("{to} is not after {from}")));
    }
    let known = api.engine.control().rules.iter().find(|rule| rule.id.as_str() == rule_id).cloned();
    let rule = match (rule, known) {
        (None, known) => {
            known.ok_or_else(|| Problem::not_found(format!("there is no rule `{rule_id}`, and the body has none")))?
        }
        (Some(draft), known) => {
            let id = super::rules::rule_id_of(rule_id)?;
            draft.check(&id).map_err(|problem| problem.within("rule"))?;
            draft.rule(id, known.map_or(1, |known| known.version + 1), author.name)
        }
    };
    let as_of = as_of.unwrap_or_else(|| api.engine.now());
    let request = Request { from, until: to, as_of, maturity, against, changes: vec![Change::Rule(rule)], threads: 1 };
    let turn = Arc::clone(&api.backtests).try_acquire_owned();
    let turn = turn.map_err(|_| Problem::one_at_a_time("another backtest runs: try again when it is done".to_owned()))?;
    let (reply, report) = oneshot::channel();
    let work = move || {
        let started = Instant::now();
        let made = api.engine.backtest(request, &mut |progress| within_limits(progress, started.elapsed(), reply.is_closed()));
        // Who has the answer may ask for the next one.
        drop(turn);
        // Nobody is left to be told when the caller has gone.
        let _ = reply.send(made);
    };
    background::spawn("backtest", work).map_err(Error::Thread)?;
    let refused = |error| match error {
        error @ Error::Rule(_) => Problem::from(error).within("rule"),
        error => error.into(),
    };
    Ok(Json(report.await.map_err(|_| Error::Stopped)?.map_err(refused)?))
}

fn within_limits(progress: Progress, took: Span, is_abandoned: bool) -> Result<(), Error> {
    if is_abandoned {
        return Err(Refused::Abandoned.into());
    }
    if progress.events > MOST_EVENTS {
        return Err(Refused::TooMany { most: MOST_EVENTS }.into());
    }
    if took > LONGEST {
        return Err(Refused::TooLong { seconds: LONGEST.as_secs() }.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use axum::response::IntoResponse;
    use ingest::ManualClock;
    use ingest::log::file::{FileLog, Options};
    use tokio::sync::Semaphore;

    use super::*;
    use crate::engine::{Engine, Settings};
    use crate::{FileRegistry, Pipeline};

    #[tokio::test(flavor = "multi_thread")]
    async fn one_at_a_time_and_nobody_waits() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = include_str!("../../../pipelines/card_fraud_handbook.toml");
        let pipeline = Arc::new(Pipeline::parse(text, "p.toml").expect("it ships with the program"));
        let (log, _) = FileLog::open(&folder.path().join("log"), Options::default()).expect("a log");
        let registry = FileRegistry::open(&folder.path().join("registry")).expect("a registry");
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(0)));
        let settings = Settings { queue: 16, patience: Span::from_secs(60), snapshots: None };
        let engine = Engine::start(pipeline, Arc::new(log), Arc::new(registry), clock, settings, &mut |_| {}).expect("it starts");
        let one = || Arc::new(Semaphore::new(1));
        let (more_metrics, document): (crate::api::MoreMetrics, _) = (Arc::new(|_| {}), Arc::default());
        let api = Api { engine, more_metrics, document, replays: one(), backtests: one() };
        let ask = || {
            let body = r#"{"from":"2026-04-01T00:00:00Z","to":"2026-04-02T00:00:00Z",
                "rule":{"name":"r","when":"true","state":"draft"}}"#;
            let body = Ok(Bytes::from_static(body.as_bytes()));
            backtest(State(api.clone()), Caller(crate::control::Person::named("ada")), InPath("r".to_owned()), body)
        };
        let status = |answer: Result<Json<Report>, Problem>| answer.expect_err("it has no events").into_response().status();
        let turn = Arc::clone(&api.backtests).try_acquire_owned().expect("nobody has it");
        assert_eq!(status(ask().await), 409);
        drop(turn);
        assert_eq!(status(ask().await), 422, "its turn: there are no events");
    }

    #[test]
    fn it_ends_at_its_limits() {
        let check = |events: u64, seconds: u64, is_abandoned: bool, expect: Option<Refused>| {
            let found = within_limits(Progress { records: 0, events }, Span::from_secs(seconds), is_abandoned);
            let refused = |error| match error {
                Error::Backtest(refused) => refused,
                other => panic!("{other}"),
            };
            assert_eq!(found.err().map(refused), expect);
        };
        check(MOST_EVENTS, 25, false, None);
        check(MOST_EVENTS + 1, 1, false, Some(Refused::TooMany { most: MOST_EVENTS }));
        check(1, 26, false, Some(Refused::TooLong { seconds: 25 }));
        check(1, 1, true, Some(Refused::Abandoned));
    }
}
