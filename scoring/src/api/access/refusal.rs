//! Why a call is refused: what is answered, and what the log and the audit are told of it.

use std::net::IpAddr;
use std::time::Duration as Span;

use axum::http::Method;
use ingest::Timestamp;

use super::super::problem::Problem;
use super::caller::CSRF;
use super::headers::from;
use super::{Access, Role, Scope, lock, told, unaudited};
use crate::audit::Draft;

/// Why a call is refused. It never says a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("no API key: send it as `Authorization: Bearer ...`, or log in")]
    NoKey,
    #[error("the API key is not known, or has ended")]
    UnknownKey,
    #[error("the key `{name}` may not do this: it needs the scope `{}`", scope.name())]
    Scope { name: String, scope: Scope },
    #[error("the key `{name}` has sent more requests than its rate allows")]
    Rate { name: String, wait: Span },
    #[error("a batch of {events} events is more than the rate of the key `{name}` allows now: each event counts as a request")]
    Batch { name: String, events: usize, wait: Span },
    #[error("the session has ended: log in again")]
    NoSession,
    #[error("the session was begun in another browser, and has ended: log in again")]
    OtherBrowser { user: String },
    #[error("a change with a session's cookie has to come from a page of this server, with the session's token in `{CSRF}`")]
    Elsewhere { user: String },
    #[error("`{name}` is {}, and may not do this: it needs the scope `{}`", role.name(), scope.name())]
    Role { name: String, role: Role, scope: Scope },
}

impl Refusal {
    pub(super) fn problem(&self) -> Problem {
        let detail = self.to_string();
        match self {
            Self::NoKey | Self::UnknownKey | Self::NoSession | Self::OtherBrowser { .. } => Problem::unauthorized(detail),
            Self::Scope { .. } | Self::Role { .. } | Self::Elsewhere { .. } => Problem::forbidden(detail),
            Self::Rate { wait, .. } | Self::Batch { wait, .. } => {
                Problem::too_many(detail).retry_after(u32::try_from(wait.as_secs() + 1).unwrap_or(u32::MAX))
            }
        }
    }

    /// What the audit is told of it: what a person was refused who wanted to change something, and whose session somebody else has.
    fn told(&self, now: Timestamp, call: Option<&str>, address: Option<IpAddr>) -> Option<Draft> {
        let (who, what, object) = match self {
            Self::OtherBrowser { user } => (user, "session_refused", from(address)),
            Self::Elsewhere { user } | Self::Role { name: user, .. } => (user, "refused", call?.to_owned()),
            Self::NoKey | Self::UnknownKey | Self::NoSession | Self::Scope { .. } | Self::Rate { .. } | Self::Batch { .. } => {
                return None;
            }
        };
        Some(Draft { reason: self.to_string(), ..Draft::new(now, who, what, object) })
    }
}

impl Access {
    /// As [`Access::tell`] for what was refused: the refusal stands, whether it can be told or not, and its answer does not wait, so that how long it takes tells
    /// nothing about a name. So many a minute are told of one name, and how many were not comes with the next.
    pub(super) fn tell_refusals(&self, drafts: impl IntoIterator<Item = Draft>) {
        let within_quota = |draft: Draft| {
            let reason = match lock(&self.refusals).take(&draft.who, draft.at)? {
                0 => draft.reason.clone(),
                more => format!("{}; {more} more were not told", draft.reason),
            };
            Some(Draft { reason, ..draft })
        };
        let drafts: Vec<Draft> = drafts.into_iter().filter_map(within_quota).collect();
        if !drafts.is_empty() {
            let chain = self.chain();
            tokio::task::spawn_blocking(move || chain.append(drafts).map_err(unaudited));
        }
    }

    /// Logs a call that is refused, and tells the audit of it where that is worth it.
    pub(super) fn refused(&self, refusal: &Refusal, method: &Method, path: &str, call: Option<&str>, address: Option<IpAddr>) {
        tracing::warn!(%method, path = told(path), "a call was refused: {refusal}");
        self.tell_refusals(refusal.told(self.now(), call, address));
    }
}
