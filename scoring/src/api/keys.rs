//! `/v1/keys`: the keys of programs, for admins. A secret is in the answer to the call that makes it, and in no other; what is kept of it is in none.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use ingest::{Duration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::{Access, By, Key, KeyError, KeyFile, MadeKey, NewKey, Scope, random};
use super::in_path::InPath;
use super::in_query::InQuery;
use super::problem::Problem;
use super::{Body, Reason, refuse_card_numbers};

/// A key, without its secret and what is kept of that.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeyAnswer {
    /// What it is called; several keys have one name while one takes the place of another.
    name: String,
    /// The person that acts with it.
    owner: String,
    scopes: Vec<Scope>,
    /// How many requests a second it may send, each event of a batch being one; 0 for as many as it likes.
    requests_per_second: u32,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// `null` where it never ends.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// When a request came with it last, to the second; `null` where none came since `used_since`.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
}

impl KeyAnswer {
    fn new(key: Key, last_used_at: Option<Timestamp>) -> Self {
        let owner = key.person().name;
        let Key { name, scopes, requests_per_second, created_at, expires_at, .. } = key;
        Self { name, owner, scopes, requests_per_second, created_at, expires_at, last_used_at }
    }
}

/// All keys.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Keys {
    /// Of one name the newest last.
    keys: Vec<KeyAnswer>,
    /// From when on it is known which of them are used: since the server has started.
    #[schema(value_type = String, format = DateTime)]
    used_since: Timestamp,
    /// The time now, by the clock of the server.
    #[schema(value_type = String, format = DateTime)]
    now: Timestamp,
}

/// All keys, those that have ended among them.
#[utoipa::path(get, path = "/v1/keys", tag = "people", responses((status = 200, description = "all keys", body = Keys)))]
pub(super) async fn list(State(access): State<Arc<Access>>) -> Json<Keys> {
    let keys = access.keys().into_iter().map(|(key, last_used_at)| KeyAnswer::new(key, last_used_at)).collect();
    Json(Keys { keys, used_since: access.opened_at(), now: access.now() })
}

/// A key that was made, with its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = MadeKey)]
pub(super) struct Made {
    #[serde(flatten)]
    key: KeyAnswer,
    /// What its caller sends, as `Authorization: Bearer ...`. No other answer has it.
    secret: String,
    /// When the secret before this one ends; `null` for a new key.
    #[schema(value_type = Option<String>, format = DateTime)]
    before_ends_at: Option<Timestamp>,
}

impl Made {
    /// An answer that nobody keeps on the way.
    fn answer(status: StatusCode, MadeKey { key, secret }: MadeKey, before_ends_at: Option<Timestamp>) -> Response {
        let made = Self { key: KeyAnswer::new(key, None), secret: secret.reveal().to_owned(), before_ends_at };
        (status, [(header::CACHE_CONTROL, "no-store")], Json(made)).into_response()
    }
}

/// A key to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyDraft {
    /// 1 to 64 bytes, no control characters, and no spaces around it.
    name: String,
    /// The person that acts with it. Where nothing is said it is who makes it, if it opens `review`, `approve` or `admin`, or else its name. Keys and a user of one person are one person where two are asked.
    #[serde(default)]
    owner: Option<String>,
    /// What it may do: one at least.
    scopes: Vec<Scope>,
    /// How many requests a second it may send, each event of a batch being one; 0 for as many as it likes.
    #[serde(default)]
    requests_per_second: u32,
    /// It never ends where nothing is said.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// Why, for the audit.
    reason: Reason,
}

/// Makes a key, which holds at once. The first one is made at a command line, since it shuts the door to everybody without one.
#[utoipa::path(
    post,
    path = "/v1/keys",
    tag = "people",
    request_body(content = KeyDraft),
    responses(
        (status = 201, description = "the key, with its secret", body = Made),
        (status = 409, description = "one of this name is good still, or nobody needs a key yet", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn add(State(access): State<Arc<Access>>, parts: Parts, body: Body) -> Result<Response, Problem> {
    let draft: KeyDraft = super::json(&body.map_err(Problem::body)?)?;
    let by = who(&access, &parts)?;
    let KeyDraft { name, owner, scopes: wanted, requests_per_second, expires_at, reason: Reason(reason) } = draft;
    refuse_card_numbers([("name", name.as_str()), ("owner", owner.as_deref().unwrap_or_default())])?;
    let scopes: Vec<Scope> = Scope::ALL.into_iter().filter(|scope| wanted.contains(scope)).collect();
    // Else whoever makes it could agree to what they proposed, without having meant to.
    let decides = scopes.iter().any(|scope| scope.opens(Scope::Approve) || scope.opens(Scope::Review));
    let owner = owner.or_else(|| decides.then(|| by.person().name));
    let new = NewKey { name, owner, scopes, requests_per_second, expires_at };
    let random = unguessable()?;
    let add = move |keys: &KeyFile, now| keys.add(new, random, by.deed(false, &reason, now));
    Ok(Made::answer(StatusCode::CREATED, access.change_keys(add).await?, None))
}

/// How a key gets another secret.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotation {
    /// How long the secret before stays good, though never beyond its own end.
    #[serde(default = "a_day")]
    #[schema(value_type = String, example = "1d")]
    overlap: Duration,
    /// When the other secret ends; where nothing is said it is good for as long as the one before was made for.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// Why, for the audit.
    reason: Reason,
}

const fn a_day() -> Duration {
    Duration::days(1)
}

/// Makes another secret for a key. The one before stays good for a while, so that its caller can change over.
#[utoipa::path(
    post,
    path = "/v1/keys/{name}/rotate",
    tag = "people",
    params(("name" = String, Path, description = "the key")),
    request_body(content = Rotation),
    responses(
        (status = 200, description = "the key, with its other secret", body = Made),
        (status = 404, description = "there is no such key, or it has ended", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody needs a key yet", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn rotate(
    State(access): State<Arc<Access>>,
    parts: Parts,
    InPath(name): InPath<String>,
    body: Body,
) -> Result<Response, Problem> {
    let Rotation { overlap, expires_at, reason: Reason(reason) } = super::json(&body.map_err(Problem::body)?)?;
    let by = who(&access, &parts)?;
    let random = unguessable()?;
    let an_admin_stays = !access.an_admin_can_log_in();
    let rotate = move |keys: &KeyFile, now: Timestamp| {
        keys.rotate(&name, now + overlap, expires_at, random, by.deed(an_admin_stays, &reason, now))
    };
    let (made, before_ends_at) = access.change_keys(rotate).await?;
    Ok(Made::answer(StatusCode::OK, made, Some(before_ends_at)))
}

/// Why a key goes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    reason: Reason,
}

/// Ends all keys of a name at once. One that may do everything stays, unless an admin can log in.
#[utoipa::path(
    delete,
    path = "/v1/keys/{name}",
    tag = "people",
    params(
        ("name" = String, Path, description = "the key"),
        ("reason" = String, Query, min_length = 1, max_length = 4000, description = "why, for the audit"),
    ),
    responses(
        (status = 204, description = "there is none of this name any more"),
        (status = 400, description = "a parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is no such key", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "it is the last one that may do everything and no admin can log in, or nobody needs a key yet", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn revoke(
    State(access): State<Arc<Access>>,
    parts: Parts,
    InPath(name): InPath<String>,
    InQuery(Why { reason: Reason(reason) }): InQuery<Why>,
) -> Result<StatusCode, Problem> {
    let by = who(&access, &parts)?;
    let an_admin_stays = !access.an_admin_can_log_in();
    let revoke = move |keys: &KeyFile, now| keys.revoke(&name, by.deed(an_admin_stays, &reason, now));
    access.change_keys(revoke).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who changes keys. Where nobody needs a key, the first one would shut the door to everybody else, and to who
/// makes it, if the answer is lost.
fn who(access: &Access, parts: &Parts) -> Result<By, Problem> {
    let nobody = || Problem::taken("nobody needs a key yet: make the first one with `riskflow key add`".to_owned());
    access.caller(parts)?.ok_or_else(nobody)
}

fn unguessable() -> Result<[u8; 32], Problem> {
    random().map_err(|_| Problem::unavailable("the machine has no random numbers".to_owned()))
}

/// Why nothing was changed about a key.
pub(super) fn refused(error: KeyError) -> Problem {
    let detail = error.to_string();
    match &error {
        KeyError::Unknown { .. } => Problem::not_found(detail),
        KeyError::Taken { .. } | KeyError::LastAdmin { .. } => Problem::taken(detail),
        KeyError::Gone => Problem::unauthorized(detail),
        KeyError::Reserved { field, .. } | KeyError::Invalid { field, .. } => Problem::invalid(Some((*field).to_owned()), detail),
        KeyError::File(_) => Problem::unwritten(&error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::access::Deed;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000_000);

    #[test]
    fn no_answer_but_the_one_that_makes_a_key_has_its_secret_and_none_what_is_kept_of_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let new = NewKey {
            name: "shop".to_owned(),
            owner: Some("ada".to_owned()),
            scopes: vec![Scope::Score],
            requests_per_second: 5,
            expires_at: None,
        };
        let deed = Deed { by: "zoe", with: None, an_admin_stays: false, reason: "", now: NOW };
        let MadeKey { key, secret } = KeyFile::of(folder.path()).add(new, [7; 32], deed).expect("added");
        let listed = serde_json::to_value(KeyAnswer::new(key.clone(), Some(NOW))).expect("plain data");
        let expect = serde_json::json!({
            "name": "shop", "owner": "ada", "scopes": ["score"], "requests_per_second": 5, "created_at": "1970-01-01T00:16:40Z",
            "expires_at": null, "last_used_at": "1970-01-01T00:16:40Z",
        });
        assert_eq!(listed, expect);
        let told = Made { key: KeyAnswer::new(key.clone(), None), secret: secret.reveal().to_owned(), before_ends_at: None };
        let told = serde_json::to_value(told).expect("plain data");
        assert_eq!((&told["secret"], &told["name"]), (&secret.reveal().into(), &"shop".into()));
        assert!(!told.to_string().contains(&key.hash));
    }

    #[test]
    fn why_a_key_is_refused_names_what_is_wrong_with_it() {
        let check = |error: KeyError, status: u64, field: Option<&str>| {
            let words = error.to_string();
            let problem = serde_json::to_value(refused(error)).expect("plain data");
            assert_eq!((problem["status"].as_u64(), problem["field"].as_str()), (Some(status), field), "{words}");
        };
        let name = || "shop".to_owned();
        check(KeyError::Unknown { name: name() }, 404, None);
        check(KeyError::Taken { name: name() }, 409, None);
        check(KeyError::LastAdmin { name: name() }, 409, None);
        check(KeyError::Gone, 401, None);
        check(KeyError::Reserved { field: "owner", name: name() }, 422, Some("owner"));
        check(KeyError::Invalid { field: "expires_at", what: "it is over" }, 422, Some("expires_at"));
    }
}
