//! `GET /v1/decisions/{id}` and its replay, by the id of the event or of the decision.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ingest::EventId;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::answer::{DecisionPage, position_of};
use super::in_path::InPath;
use super::problem::Problem;
use crate::decision::Verdict;
use crate::engine::{Difference, Replayed};

/// Everything that was recorded of a decision.
#[utoipa::path(
    get,
    path = "/v1/decisions/{event_id}",
    tag = "decisions",
    params(("event_id" = String, Path, description = "the event or, as `dec_…`, the decision")),
    responses(
        (status = 200, description = "everything that was recorded", body = DecisionPage),
        (status = 404, description = "there is no such thing", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn decision(State(api): State<Api>, InPath(event_id): InPath<String>) -> Result<Json<DecisionPage>, Problem> {
    let event = event(&api, &event_id).await?;
    let history = api.engine.history(event).await?.ok_or_else(|| unknown(&event_id))?;
    Ok(Json(DecisionPage::new(history, api.engine.pipeline())))
}

/// A decision that was made again.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReplayAnswer {
    event_id: String,
    /// Whether every part came out as it was recorded.
    identical: bool,
    decision: Verdict,
    score: Option<u16>,
    replayed_decision: Verdict,
    replayed_score: Option<u16>,
    differences: Vec<Difference>,
}

/// Decides again from the log and says what differs.
#[utoipa::path(
    get,
    path = "/v1/decisions/{event_id}/replay",
    tag = "decisions",
    params(("event_id" = String, Path, description = "the event or, as `dec_…`, the decision")),
    responses(
        (status = 200, description = "the decision made again", body = ReplayAnswer),
        (status = 404, description = "there is no such thing", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn replay(State(api): State<Api>, InPath(event_id): InPath<String>) -> Result<Json<ReplayAnswer>, Problem> {
    let event = event(&api, &event_id).await?;
    let turn = Arc::clone(&api.replays).acquire_owned().await.map_err(|_| crate::Error::Stopped)?;
    // It runs to its end also where nobody waits for it any more, and has its turn until then.
    let replaying = tokio::spawn(async move {
        let replayed = api.engine.replay(event).await;
        drop(turn);
        replayed
    });
    let replayed = replaying.await.map_err(|_| crate::Error::Stopped)??;
    let Replayed { recorded, replayed, differences } = replayed.ok_or_else(|| unknown(&event_id))?;
    Ok(Json(ReplayAnswer {
        event_id: recorded.event_id.to_string(),
        identical: differences.is_empty(),
        decision: recorded.decision,
        score: recorded.score,
        replayed_decision: replayed.decision,
        replayed_score: replayed.score,
        differences,
    }))
}

fn unknown(id: &str) -> Problem {
    Problem::not_found(format!("there is no decision about an event `{id}`, and none of this id"))
}

/// The event that is meant: one of this id or, where there is none, that of a decision.
async fn event(api: &Api, id: &str) -> Result<EventId, Problem> {
    let event = EventId::new(id).ok_or_else(|| unknown(id))?;
    match position_of(id).filter(|_| !api.engine.knows(&event)) {
        Some(position) => api.engine.event_at(position).await?.ok_or_else(|| unknown(id)),
        None => Ok(event),
    }
}
