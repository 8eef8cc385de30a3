//! Lists come in pages: `limit` says how much, `cursor` where the page before ended.

use axum::extract::FromRequestParts;
use axum::extract::Query;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::Problem;

const MOST: usize = 1_000;

/// Where a page begins and how long it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default = "hundred")]
    limit: usize,
    #[serde(default)]
    cursor: Option<String>,
}

const fn hundred() -> usize {
    100
}

/// A page that is asked for.
#[derive(Clone, Debug)]
pub(super) struct PageQuery {
    limit: usize,
    after: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for PageQuery {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(Wanted { limit, cursor }) = Query::from_request_parts(parts, state).await.map_err(Problem::query)?;
        if !(1..=MOST).contains(&limit) {
            return Err(Problem::parameter("limit", format!("it is from 1 to {MOST}")));
        }
        Ok(Self { limit, after: cursor })
    }
}

/// A part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page<T> {
    items: Vec<T>,
    /// What the next page begins after; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// The page of a list that is sorted by `key`; a cursor is the key of the last item before it, so that what comes in between moves nothing.
pub(super) fn page<T>(all: Vec<T>, query: PageQuery, key: impl Fn(&T) -> String) -> Result<Page<T>, Problem> {
    let PageQuery { limit, after } = query;
    let mut rest = all.into_iter().filter(|item| after.as_ref().is_none_or(|after| key(item) > *after)).peekable();
    let items: Vec<T> = rest.by_ref().take(limit).collect();
    let next_cursor = rest.peek().and(items.last()).map(key);
    Ok(Page { items, next_cursor })
}
