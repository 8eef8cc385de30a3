//! Logging in and out. A few passwords are looked at at once, off the threads that answer, and whoever is wrong too often waits.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration as Span;

use axum::http::HeaderMap;

use super::super::problem::Problem;
use super::headers::{agent, from};
use super::sessions::Begun;
use super::{Access, User, lock, password, random, users};
use crate::audit::Draft;
use crate::control::SOMEBODY;

/// So many passwords are looked at at once: each takes 19 MiB and a core.
pub(super) const AT_ONCE: usize = 2;
/// How long a password waits for its turn.
const PATIENCE: Span = Span::from_secs(5);

impl Access {
    /// Lets somebody in with a name and a password.
    pub(in crate::api) async fn log_in(
        &self,
        name: &str,
        password: String,
        headers: &HeaderMap,
        address: Option<IpAddr>,
    ) -> Result<(User, Begun), Problem> {
        let object = from(address);
        let user = self.right(name, password, address, "log_in_failed", &object).await?;
        self.tell(Draft::new(self.now(), &user.name, "logged_in", object)).await?;
        let secrets = random().and_then(|token| Ok([token, random()?]));
        let secrets = secrets.map_err(|_| Problem::unavailable("the machine has no random numbers".to_owned()))?;
        let begun = lock(&self.sessions).begin(&user.name, user.password_at, &agent(headers), secrets, self.now());
        Ok((user, begun))
    }

    /// The user of a name, if the password is theirs. Who is wrong too often waits; it is told under the word `what`.
    pub(in crate::api) async fn right(
        &self,
        name: &str,
        password: String,
        address: Option<IpAddr>,
        what: &'static str,
        object: &str,
    ) -> Result<User, Problem> {
        let counted = lock(&self.attempts).count(name, address, self.now());
        counted.map_err(|wait| {
            tracing::warn!(?address, "a log-in was not looked at: too many have failed");
            too_soon(wait)
        })?;
        let user = users::of_name(&self.users.load(), name).cloned();
        let kept = user.as_ref().map(|user| user.password.clone());
        let is_right = self.hashed(move || password::is_right(&password, kept.as_ref())).await?;
        let now = self.now();
        if let Some(user) = user.clone().filter(|user| is_right && !user.disabled) {
            lock(&self.attempts).was_right(name, address);
            return Ok(user);
        }
        // What was typed instead of a name is not told: it may be a password.
        let who = user.map_or_else(|| SOMEBODY.to_owned(), |user| user.name);
        tracing::warn!(who, ?address, "a log-in failed");
        let wait = lock(&self.attempts).wait(name, address, now);
        let locked_out = (wait.micros() > 0).then(|| {
            tracing::warn!(who, ?address, %wait, "too many log-ins have failed: the next has to wait");
            Draft { after: format!("for {wait}"), ..Draft::new(now, &who, "locked_out", object) }
        });
        self.tell_refusals([Draft::new(now, &who, what, object)].into_iter().chain(locked_out));
        Err(Problem::wrong_password())
    }

    /// Does something with a password on a thread that nobody waits for, a few at once.
    pub(in crate::api) async fn hashed<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let busy = || Problem::unavailable("too many passwords are looked at; try again".to_owned()).retry_after(1);
        let place = tokio::time::timeout(PATIENCE, Arc::clone(&self.hashing).acquire_owned()).await;
        let place = place.ok().and_then(Result::ok).ok_or_else(busy)?;
        // Who asked may hang up; the place is taken until the work is done.
        let work = move || {
            let done = work();
            drop(place);
            done
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|_| Problem::unavailable("the password could not be looked at".to_owned()))
    }

    /// Ends a session, or all sessions of its user.
    pub(in crate::api) fn log_out(&self, headers: &HeaderMap, user: &str, everywhere: bool) {
        let mut sessions = lock(&self.sessions);
        if let Some(token) = self.token_in(headers) {
            sessions.end(&token);
        }
        if everywhere {
            sessions.end_unless(|session| session.user != user);
        }
    }
}

fn too_soon(wait: ingest::Duration) -> Problem {
    let seconds = u32::try_from(wait.micros().div_euclid(1_000_000) + 1).unwrap_or(u32::MAX);
    Problem::too_many(format!("too many tries have failed: try again in {seconds} s")).retry_after(seconds)
}
