//! Who calls: whoever has the key, or has begun the session, that comes with a request.

use std::sync::Arc;
use std::time::Instant;

use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use ingest::Timestamp;

use super::super::problem::Problem;
use super::headers::{address_in, agent, secret_in};
use super::refusal::Refusal;
use super::sessions::{Lost, Session};
use super::{Access, Deed, Key, Known, Rate, Scope, User, is_of, is_own, keys, lock, told, users};
use crate::control::Person;

/// What a page says that asks by itself, without anybody there.
const IDLE: &str = "x-riskflow-idle";
/// What a page that changes something says beside its cookie.
pub(super) const CSRF: &str = "x-csrf-token";

/// Who calls, and with what.
pub(in crate::api) enum By {
    Key(Key),
    Session(User, Session),
}

impl By {
    pub(in crate::api) fn person(&self) -> Person {
        match self {
            Self::Key(key) => key.person(),
            Self::Session(user, _) => user.person(),
        }
    }

    /// What they do about keys.
    pub(in crate::api) fn deed<'a>(&'a self, an_admin_stays: bool, reason: &'a str, now: Timestamp) -> Deed<'a> {
        let (by, with) = match self {
            Self::Key(key) => (key.owner.as_deref().unwrap_or(&key.name), Some(key.hash.as_str())),
            Self::Session(user, _) => (user.name.as_str(), None),
        };
        Deed { by, with, an_admin_stays, reason, now }
    }

    pub(in crate::api) fn scopes(&self) -> &[Scope] {
        match self {
            Self::Key(key) => &key.scopes,
            Self::Session(user, _) => user.role.scopes(),
        }
    }
}

impl Access {
    /// Who calls, whatever they may do; `None` where nobody has to say.
    pub(in crate::api) fn caller(&self, parts: &Parts) -> Result<Option<By>, Problem> {
        if self.is_open() {
            return Ok(None);
        }
        let (headers, method, now) = (&parts.headers, &parts.method, self.now());
        let found = if let Some(secret) = secret_in(headers) {
            Self::key_of(&self.keys.load(), &secret, now).map(|known| By::Key(known.key.clone()))
        } else if let Some(token) = self.token_in(headers) {
            self.session_of(&token, method, headers, now).map(|(user, session)| By::Session(user, session))
        } else {
            // Every page asks first who is there: nobody is no refusal.
            return Err(Refusal::NoKey.problem());
        };
        found.map(Some).map_err(|refusal| {
            let path = parts.uri.path();
            let call = (!matches!(*method, Method::GET | Method::HEAD)).then(|| format!("{method} {}", told(path)));
            self.refused(&refusal, method, path, call.as_deref(), address_in(&parts.extensions));
            refusal.problem()
        })
    }

    /// Who acts with the key behind a secret, if it may do this now, and what it may send; `None` where that has no end.
    pub(super) fn admit(&self, secret: &str, scope: Scope, now: Timestamp) -> Result<(Person, Option<Arc<Rate>>), Refusal> {
        let keys = self.keys.load();
        let Known { key, rate, .. } = Self::key_of(&keys, secret, now)?;
        if !key.may(scope) {
            return Err(Refusal::Scope { name: key.name.clone(), scope });
        }
        if let Some(Err(wait)) = rate.as_ref().map(|rate| rate.take(Instant::now())) {
            return Err(Refusal::Rate { name: key.name.clone(), wait });
        }
        Ok((key.person(), rate.clone()))
    }

    /// The session behind a cookie. What changes something has to come from a page of this server, and to say so.
    pub(super) fn session_of(
        &self,
        token: &str,
        method: &Method,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<(User, Session), Refusal> {
        let is_active = !headers.contains_key(IDLE);
        let session = lock(&self.sessions).find(token, &agent(headers), is_active, now);
        let session = session.map_err(|lost| match lost {
            Lost::Ended => Refusal::NoSession,
            Lost::Stolen { user } => Refusal::OtherBrowser { user },
        })?;
        let users = self.users.load();
        let user = users::of_name(&users, &session.user).filter(|user| is_of(&session, user)).ok_or(Refusal::NoSession)?;
        if !matches!(*method, Method::GET | Method::HEAD) {
            let said = headers.get(CSRF).and_then(|value| value.to_str().ok()).unwrap_or_default();
            if !is_own(headers) || !keys::same(said, &session.csrf) {
                return Err(Refusal::Elsewhere { user: user.name.clone() });
            }
        }
        Ok((user.clone(), session))
    }

    /// Whose key it is behind a secret.
    fn key_of<'a>(keys: &'a [Known], secret: &str, now: Timestamp) -> Result<&'a Known, Refusal> {
        let hash = keys::hash(secret);
        let found = keys.iter().find(|known| keys::same(&known.key.hash, &hash));
        let known = found.filter(|known| known.key.is_valid(now)).ok_or(Refusal::UnknownKey)?;
        known.used.note(now);
        Ok(known)
    }
}
