//! Lists come in pages: `limit` says how much, `cursor` where the page before ended.

use std::collections::BTreeMap;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::in_query::InQuery;
use super::problem::Problem;

/// The most items of a page.
pub(super) const MOST: usize = 1_000;
const USUAL: usize = 100;

/// Where a page begins and how long it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    limit: Option<usize>,
    cursor: Option<String>,
}

/// A page that is asked for.
#[derive(Clone, Debug)]
pub(super) struct PageQuery {
    limit: usize,
    after: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for PageQuery {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let InQuery(Wanted { limit, cursor }) = InQuery::of(&parts.uri)?;
        Self::new(limit, cursor)
    }
}

impl PageQuery {
    /// Of what a query says.
    pub(super) fn new(limit: Option<usize>, cursor: Option<String>) -> Result<Self, Problem> {
        match limit.unwrap_or(USUAL) {
            limit if (1..=MOST).contains(&limit) => Ok(Self { limit, after: cursor }),
            _ => Err(Problem::parameter("limit", format!("it is from 1 to {MOST}"))),
        }
    }

    /// The same, unless its cursor is no key that an item of the list can have. The item that has had it may be gone.
    pub(super) fn of_keys(self, is_key: impl Fn(&str) -> bool) -> Result<Self, Problem> {
        match &self.after {
            Some(cursor) if !is_key(cursor) => {
                Err(Problem::parameter("cursor", "it is the `next_cursor` of no page of this list".to_owned()))
            }
            _ => Ok(self),
        }
    }
}

/// A part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// What the next page begins after; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// The same of other items.
    pub(super) fn map<U>(self, each: impl Fn(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(each).collect(), next_cursor: self.next_cursor }
    }
}

/// The page of items in any order, which come in that of their keys; a cursor is the key of the last item before it, so that what comes in
/// between moves nothing. No more items than the page has are held, and only those are cloned.
pub(super) fn page<'a, T: Clone + 'a>(all: impl Iterator<Item = &'a T>, query: PageQuery, key: impl Fn(&T) -> String) -> Page<T> {
    let PageQuery { limit, after } = query;
    let mut lowest: BTreeMap<String, &T> = BTreeMap::new();
    for item in all {
        let key = key(item);
        let is_before = after.as_ref().is_some_and(|after| key <= *after);
        let is_beyond = lowest.len() > limit && lowest.last_key_value().is_some_and(|(last, _)| key > *last);
        if is_before || is_beyond {
            continue;
        }
        lowest.insert(key, item);
        // One more than the page has says that there is another page.
        if lowest.len() > limit + 1 {
            lowest.pop_last();
        }
    }
    let is_last = lowest.len() <= limit;
    if !is_last {
        lowest.pop_last();
    }
    let next_cursor = lowest.last_key_value().filter(|_| !is_last).map(|(key, _)| key.clone());
    Page { items: lowest.into_values().cloned().collect(), next_cursor }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cursor_that_is_no_key_is_refused() {
        let check = |cursor: Option<&str>, fits: bool| {
            let query = PageQuery::new(None, cursor.map(str::to_owned)).expect("a page");
            let problem = query.of_keys(|key| key.len() == 3 && key.parse::<u16>().is_ok()).err();
            let field = problem.map(|problem| serde_json::to_value(problem).expect("plain data")["field"].clone());
            assert_eq!(field, (!fits).then(|| "cursor".into()), "{cursor:?}");
        };
        check(None, true);
        check(Some("007"), true);
        check(Some(""), false);
        check(Some("7"), false);
        check(Some("abc"), false);
    }

    proptest! {
        #[test]
        fn pages_together_are_the_list(items in proptest::collection::btree_set(0_u16..500, 0..60), limit in 1_usize..9) {
            let shuffled: Vec<u16> = items.iter().copied().filter(|item| item % 2 == 0).chain(items.iter().copied().filter(|item| item % 2 == 1)).collect();
            let key = |item: &u16| format!("{item:03}");
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let Page { items, next_cursor } = page(shuffled.iter(), PageQuery { limit, after }, key);
                prop_assert!(items.len() == limit || next_cursor.is_none());
                seen.extend(items);
                after = next_cursor;
                if after.is_none() {
                    break;
                }
            }
            prop_assert_eq!(seen, items.into_iter().collect::<Vec<_>>());
        }
    }
}
