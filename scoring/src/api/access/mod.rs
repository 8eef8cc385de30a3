//! Who may call: API keys with scopes and a rate each. Without any key everybody who reaches the server may do everything, so that it
//! can be tried; a server beyond this machine does not start like that.

mod keys;
#[cfg(test)]
mod tests;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration as Span;

use arc_swap::ArcSwap;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use ingest::{Clock, Timestamp};

pub use self::keys::{Key, KeyError, KeyFile, NewKey, Scope, Secret};
use super::problem::Problem;
use crate::control::Person;

/// The keys that are known, swapped as a whole when their file is read again.
pub struct Access {
    keys: ArcSwap<Vec<Known>>,
    /// No key was ever there. Where one was, the last one that goes does not open the door.
    open: AtomicBool,
    clock: Arc<dyn Clock>,
}

struct Known {
    key: Key,
    limiter: Option<DefaultDirectRateLimiter>,
}

impl Access {
    /// Of some keys.
    pub fn new(keys: Vec<Key>, clock: Arc<dyn Clock>) -> Self {
        let access = Self { keys: ArcSwap::default(), open: AtomicBool::new(true), clock };
        access.replace(keys);
        access
    }

    /// Other keys from now on; their rates begin anew.
    pub fn replace(&self, keys: Vec<Key>) {
        let known = |key: Key| {
            let rate = NonZeroU32::new(key.requests_per_second);
            Known { limiter: rate.map(|rate| RateLimiter::direct(Quota::per_second(rate))), key }
        };
        self.open.fetch_and(keys.is_empty(), Ordering::Relaxed);
        self.keys.store(Arc::new(keys.into_iter().map(known).collect()));
    }

    /// Whether no key is asked for.
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// Who acts with the key behind a secret, if it may do this now.
    fn admit(&self, secret: Option<&str>, scope: Scope, now: Timestamp) -> Result<Person, Refusal> {
        let keys = self.keys.load();
        let Some(secret) = secret else { return Err(Refusal::NoKey) };
        let hash = keys::hash(secret);
        let found = keys.iter().find(|known| keys::same(&known.key.hash, &hash));
        let Some(Known { key, limiter }) = found.filter(|known| known.key.is_valid(now)) else { return Err(Refusal::UnknownKey) };
        if !key.may(scope) {
            return Err(Refusal::Scope { name: key.name.clone(), scope });
        }
        if let Some(Err(not_before)) = limiter.as_ref().map(RateLimiter::check) {
            let wait = not_before.wait_time_from(DefaultClock::default().now());
            return Err(Refusal::Rate { name: key.name.clone(), wait });
        }
        Ok(key.person())
    }
}

/// Why a call is refused. It never says the secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Refusal {
    #[error("no API key: send it as `Authorization: Bearer ...`")]
    NoKey,
    #[error("the API key is not known, or has ended")]
    UnknownKey,
    #[error("the key `{name}` may not do this: it needs the scope `{}`", scope.name())]
    Scope { name: String, scope: Scope },
    #[error("the key `{name}` has sent more requests than its rate allows")]
    Rate { name: String, wait: Span },
}

/// Lets through what the caller's key may do, and remembers whose it is.
pub async fn guard(State(access): State<Arc<Access>>, mut request: Request, next: Next) -> Response {
    let Some(scope) = needed(request.method(), request.uri().path()) else { return next.run(request).await };
    if access.is_open() {
        return next.run(request).await;
    }
    let secret = request.headers().get(header::AUTHORIZATION).and_then(secret_of);
    match access.admit(secret.as_deref(), scope, access.clock.now()) {
        Ok(person) => {
            request.extensions_mut().insert(person);
            next.run(request).await
        }
        Err(refusal) => {
            tracing::warn!(method = %request.method(), path = request.uri().path(), "a call was refused: {refusal}");
            answer(&refusal)
        }
    }
}

fn answer(refusal: &Refusal) -> Response {
    let detail = refusal.to_string();
    match refusal {
        Refusal::NoKey | Refusal::UnknownKey => {
            let mut response = Problem::unauthorized(detail).into_response();
            // A browser asks for a password then: the key is one, the name does not matter.
            let ways = HeaderValue::from_static("Bearer, Basic realm=\"riskflow\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, ways);
            response
        }
        Refusal::Scope { .. } => Problem::forbidden(detail).into_response(),
        Refusal::Rate { wait, .. } => {
            let mut response = Problem::too_many(detail).into_response();
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
            response
        }
    }
}

/// The secret of `Bearer SECRET`, or the password of `Basic`.
fn secret_of(header: &HeaderValue) -> Option<String> {
    let (scheme, rest) = header.to_str().ok()?.split_once(' ')?;
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Some(rest.trim().to_owned()),
        "basic" => {
            let decoded = BASE64_STANDARD.decode(rest.trim()).ok()?;
            Some(String::from_utf8(decoded).ok()?.split_once(':')?.1.to_owned())
        }
        _ => None,
    }
}

/// Whether what is found there tells nothing about anybody.
pub(super) fn is_public(path: &str) -> bool {
    matches!(path, "/livez" | "/readyz" | "/openapi.json" | "/docs")
}

/// The scope that a request needs; `None` for what tells nothing about anybody.
fn needed(method: &Method, path: &str) -> Option<Scope> {
    match (method, path) {
        (&Method::GET | &Method::HEAD, path) if is_public(path) => None,
        (&Method::GET | &Method::HEAD, _) | (_, "/v1/rules/check") => Some(Scope::Read),
        (_, "/v1/score" | "/v1/score/batch" | "/v1/credit/score") => Some(Scope::Score),
        (_, "/v1/labels") => Some(Scope::Label),
        (&Method::POST, path) if is_backtest(path) => Some(Scope::Read),
        // What these alter waits for somebody who may change it.
        (&Method::POST, "/v1/changes" | "/v1/experiments" | "/v1/models/retrain") => Some(Scope::Review),
        (&Method::POST, path) if path.starts_with("/v1/alerts/") => Some(Scope::Review),
        (&Method::POST, path) if path.starts_with("/v1/changes/") && path.ends_with("/withdraw") => Some(Scope::Review),
        _ => Some(Scope::Admin),
    }
}

/// A backtest reads, and changes nothing.
fn is_backtest(path: &str) -> bool {
    path.strip_prefix("/v1/rules/").is_some_and(|rest| rest.ends_with("/backtest"))
}
