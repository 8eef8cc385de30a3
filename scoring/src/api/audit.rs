//! `/v1/audit`: who did what, when and why, the newest first.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ingest::Timestamp;
use serde::Deserialize;

use super::access::Access;
use super::in_query::InQuery;
use super::page::{MOST, Page};
use super::problem::Problem;
use crate::audit::{Entry, Error, Found, Sealed};

/// What is asked for; what is left out is not asked about.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    #[serde(default = "hundred")]
    limit: usize,
    cursor: Option<u64>,
    who: Option<String>,
    what: Option<String>,
    object: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

const fn hundred() -> usize {
    100
}

/// Entries of the audit chain, the newest first.
#[utoipa::path(
    get,
    path = "/v1/audit",
    tag = "people",
    params(
        ("limit" = Option<usize>, Query, minimum = 1, maximum = 1000, description = "1 to 1000, 100 by default"),
        ("cursor" = Option<u64>, Query, description = "`next_cursor` of the page before"),
        ("who" = Option<String>, Query, description = "by whom"),
        ("what" = Option<String>, Query, description = "what was done, in its word, as `approved`"),
        ("object" = Option<String>, Query, description = "to what; a part of it is enough"),
        ("from" = Option<String>, Query, description = "not before this time or day, as 2026-11-26"),
        ("to" = Option<String>, Query, description = "before this time, or until the end of this day"),
    ),
    responses(
        (status = 200, description = "entries, the newest first; a page may be short before the last one", body = Page<Sealed>),
        (status = 400, description = "a parameter is not valid", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(access): State<Arc<Access>>,
    InQuery(wanted): InQuery<Wanted>,
) -> Result<Json<Page<Sealed>>, Problem> {
    if !(1..=MOST).contains(&wanted.limit) {
        return Err(Problem::parameter("limit", format!("it is from 1 to {MOST}")));
    }
    let (from, to) = (time("from", wanted.from.as_deref())?, time("to", wanted.to.as_deref())?);
    // A day as an end is all of it.
    let to = to.map(|at| if wanted.to.as_deref() == Some(&at.date()) { at + ingest::Duration::days(1) } else { at });
    let fits = move |entry: &Entry| {
        wanted.who.as_deref().is_none_or(|who| entry.who.eq_ignore_ascii_case(who))
            && wanted.what.as_deref().is_none_or(|what| entry.what == what)
            && wanted.object.as_deref().is_none_or(|object| entry.object.contains(object))
            && from.is_none_or(|from| entry.at >= from)
            && to.is_none_or(|to| entry.at < to)
    };
    let (chain, cursor, limit) = (access.chain(), wanted.cursor, wanted.limit);
    let found = tokio::task::spawn_blocking(move || chain.page(fits, cursor, limit)).await;
    let found = found.map_err(|_| Problem::unavailable("the server is stopping".to_owned()))?.map_err(unread)?;
    let Found { entries, next } = found;
    Ok(Json(Page { items: entries, next_cursor: next.map(|next| next.to_string()) }))
}

fn time(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    text.map(str::parse).transpose().map_err(|error: ingest::time::ParseError| Problem::parameter(name, error.to_string()))
}

fn unread(error: Error) -> Problem {
    match error {
        Error::Cursor { .. } => Problem::parameter("cursor", error.to_string()),
        Error::Io { .. } | Error::Damaged { .. } => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, cause, "the audit chain was not read");
            Problem::unavailable("the audit chain cannot be read; the log of the server says why".to_owned())
        }
    }
}
