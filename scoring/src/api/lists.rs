//! `/v1/lists`: who is blocked, allowed and watched. A change holds from the next decision on.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use ingest::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::changes::{self, ChangeAnswer, Said};
use super::in_path::InPath;
use super::in_query::InQuery;
use super::page::{Page, PageQuery, page};
use super::problem::Problem;
use super::{Api, Body, Caller, Words};
use crate::control::{Control, Person};
use crate::lists::{Declared, Entries, Entry, EntryError, Kind, Pattern, import};

/// A list, without what is on it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ListAnswer {
    name: String,
    kind: Kind,
    /// The entity or attribute that it looks at.
    of: String,
    entries: usize,
}

/// All lists of the pipeline.
#[utoipa::path(
    get,
    path = "/v1/lists",
    tag = "lists",
    responses(
        (status = 200, description = "all lists", body = Vec<ListAnswer>),
    )
)]
pub(super) async fn list(State(api): State<Api>) -> Json<Vec<ListAnswer>> {
    let deciders = api.engine.deciders();
    let answer = |(list, entries): &(Declared, Entries)| {
        let Declared { name, kind, of, .. } = list.clone();
        ListAnswer { name, kind, of, entries: entries.len() }
    };
    Json(deciders.lists.iter().map(answer).collect())
}

/// What is on a list, in the order of the values.
#[utoipa::path(
    get,
    path = "/v1/lists/{list}/entries",
    tag = "lists",
    params(("list" = String, Path, description = "the list"), ("limit" = Option<usize>, Query, minimum = 1, maximum = 1000, description = "1 to 1000, 100 by default"), ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before")),
    responses(
        (status = 200, description = "what is on it, by value", body = Page<Entry>),
        (status = 400, description = "a parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is no such thing", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn entries(
    State(api): State<Api>,
    InPath(list): InPath<String>,
    query: PageQuery,
) -> Result<Json<Page<Entry>>, Problem> {
    let deciders = api.engine.deciders();
    let (_, entries) = deciders.lists.get(&list).ok_or_else(|| unknown(&list))?;
    Ok(Json(page(entries.iter(), query, |entry| entry.pattern.to_string())))
}

/// An entry as a caller writes it; who created it is the caller.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EntryDraft {
    #[schema(value_type = String, example = "41111111*")]
    value: Pattern,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    valid_from: Option<Timestamp>,
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    valid_until: Option<Timestamp>,
}

/// Entries to be put on a list.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Drafts {
    entries: Vec<EntryDraft>,
}

/// How many entries were changed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Changed {
    changed: usize,
}

/// Puts entries on a list; each takes the place of the one with its value.
#[utoipa::path(
    post,
    path = "/v1/lists/{list}/entries",
    tag = "lists",
    params(("list" = String, Path, description = "the list")),
    request_body(content = Drafts),
    responses(
        (status = 200, description = "they are on it", body = Changed),
        (status = 202, description = "it waits for a second person", body = ChangeAnswer),
        (status = 404, description = "there is no such thing", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn add(
    State(api): State<Api>,
    Caller(by): Caller,
    InPath(list): InPath<String>,
    body: Body,
) -> Result<Response, Problem> {
    let Drafts { entries } = super::json(&body.map_err(Problem::body)?)?;
    let entries = drafted(entries, &by.name, of_tokens(&api, &list))?;
    put(&api, list, entries, by, "").await
}

/// Whether a list's keys stand for card numbers. One that there is not is refused when it is changed.
pub(super) fn of_tokens(api: &Api, list: &str) -> bool {
    let deciders = api.engine.deciders();
    deciders.lists.get(list).is_some_and(|(list, _)| list.key.is_token(&deciders.pipeline.schema))
}

/// Entries as they are written, put there by `created_by`. `of_tokens` is whether the list's keys stand for card numbers.
pub(super) fn drafted(drafts: Vec<EntryDraft>, created_by: &str, of_tokens: bool) -> Result<Vec<Entry>, Problem> {
    let entry = |draft: EntryDraft| Entry {
        pattern: draft.value,
        reason: draft.reason,
        created_by: created_by.to_owned(),
        approved_by: None,
        valid_from: draft.valid_from,
        valid_until: draft.valid_until,
    };
    let entries: Vec<Entry> = drafts.into_iter().map(entry).collect();
    for (number, entry) in entries.iter().enumerate() {
        let wrong = |error: EntryError| {
            let field = error.field().map_or_else(|| format!("entries.{number}"), |field| format!("entries.{number}.{field}"));
            Problem::invalid(Some(field), error.to_string())
        };
        entry.check(of_tokens).map_err(wrong)?;
    }
    Ok(entries)
}

/// Puts the entries of a CSV file on a list, all of them or none.
#[utoipa::path(
    post,
    path = "/v1/lists/{list}/import",
    tag = "lists",
    params(
        ("list" = String, Path, description = "the list"),
        ("reason" = Option<String>, Query, max_length = 4000, description = "why, for the audit, and for the second person where one is asked"),
    ),
    request_body(content = String, content_type = "text/csv", description = "a header with `value` and any of `reason`, `valid_from`, `valid_until`"),
    responses(
        (status = 200, description = "they are on it", body = Changed),
        (status = 202, description = "it waits for a second person", body = ChangeAnswer),
        (status = 400, description = "a parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is no such thing", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn import(
    State(api): State<Api>,
    Caller(by): Caller,
    InPath(list): InPath<String>,
    InQuery(Said { reason: Words(reason) }): InQuery<Said>,
    body: Body,
) -> Result<Response, Problem> {
    let body = body.map_err(Problem::body)?;
    let text = std::str::from_utf8(&body).map_err(|_| Problem::invalid(None, "the file is not UTF-8 text".to_owned()))?;
    let entries = import::entries(text, &by.name, of_tokens(&api, &list));
    let entries = entries.map_err(|error| Problem::invalid(None, error.to_string()))?;
    put(&api, list, entries, by, &reason).await
}

/// So many entries go into one record of the log.
const ENTRIES_A_RECORD: usize = 5_000;

async fn put(api: &Api, list: String, entries: Vec<Entry>, person: Person, reason: &str) -> Result<Response, Problem> {
    let (changed, at, by) = (entries.len(), api.engine.now(), person.name.clone());
    // Without entries it is still said whether there is such a list.
    if entries.is_empty() && api.engine.deciders().lists.get(&list).is_none() {
        return Err(unknown(&list));
    }
    let record = |part: &[Entry]| Control::Listed { list: list.clone(), entries: part.to_vec(), by: by.clone(), at };
    let records = Control::in_parts(entries.chunks(ENTRIES_A_RECORD).map(record).collect(), &by, at);
    Ok(changes::made(api.engine.make(person, reason, move |_| Ok((records, Changed { changed }))).await?))
}

/// Which entry is taken off.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    value: String,
    /// Why, for the audit and for the second person who is asked.
    #[serde(default)]
    reason: Words,
}

/// Takes an entry off a list.
#[utoipa::path(
    delete,
    path = "/v1/lists/{list}/entries",
    tag = "lists",
    params(("list" = String, Path, description = "the list"), ("value" = String, Query, description = "the entry"), ("reason" = Option<String>, Query, max_length = 4000, description = "why, for the audit, and for the second person where one is asked")),
    responses(
        (status = 200, description = "it is off the list", body = Changed),
        (status = 202, description = "it waits for a second person", body = ChangeAnswer),
        (status = 400, description = "a parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is no such thing", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn remove(
    State(api): State<Api>,
    Caller(by): Caller,
    InPath(list): InPath<String>,
    InQuery(Which { value, reason: Words(reason) }): InQuery<Which>,
) -> Result<Response, Problem> {
    let pattern = Pattern::parse(&value).map_err(|error| Problem::parameter("value", error.to_string()))?;
    let deciders = api.engine.deciders();
    let (_, entries) = deciders.lists.get(&list).ok_or_else(|| unknown(&list))?;
    if entries.get(&pattern).is_none() {
        return Err(Problem::not_found(format!("`{pattern}` is not on the list `{list}`")));
    }
    let unlisted = Control::Unlisted { list, values: vec![pattern], by: by.name.clone(), at: api.engine.now() };
    Ok(changes::made(api.engine.make(by, &reason, move |_| Ok((vec![unlisted], Changed { changed: 1 }))).await?))
}

fn unknown(list: &str) -> Problem {
    Problem::not_found(format!("there is no list `{list}` in the pipeline file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_is_refused_is_named() {
        let check = |entries: &str, of_tokens: bool, expect: Result<usize, &str>| {
            let drafts = serde_json::from_str::<Drafts>(&format!(r#"{{"entries":[{entries}]}}"#)).expect("drafts").entries;
            let got = drafted(drafts, "ada", of_tokens).map(|entries| entries.len());
            let got = got.map_err(|problem| serde_json::to_value(problem).expect("plain data"));
            let named = got.as_ref().copied().map_err(|problem| problem["field"].as_str().unwrap_or_default());
            assert_eq!(named, expect, "{entries}");
            let is_right = |problem: &serde_json::Value| problem["status"] == 422 && !problem.to_string().contains("1111");
            assert!(got.as_ref().err().is_none_or(is_right), "{got:?}");
        };
        let number = r#"{"value":"tok_1"},{"value":"4111111111111111","reason":"x"}"#;
        check(number, true, Err("entries.1.value"));
        check(number, false, Ok(2));
        check(r#"{"value":"4111-1111-1111-1111*"}"#, true, Err("entries.0.value"));
        check(r#"{"value":"41111111*"},{"value":"tok_4111111111111111"}"#, true, Ok(2));
        check(r#"{"value":"tok_1","reason":"was 4111 1111 1111 1111"}"#, false, Err("entries.0.reason"));
        check(r#"{"value":"10.0.0.0/8"},{"value":"10.0.0.0/33"}"#, false, Err("entries.1.value"));
        let backwards = r#"{"value":"a","valid_from":"2026-01-02T00:00:00Z","valid_until":"2026-01-01T00:00:00Z"}"#;
        check(backwards, false, Err("entries.0"));
    }
}
