//! Who is logged in. A session is a random token that the browser has and of which a hash is kept here, in memory: a start of the server ends
//! all of them. Plain functions of the time that they are given.

use std::collections::HashMap;

use ingest::{Duration, Timestamp};

use super::keys::{hash, same};

/// So many sessions of one user at once; another one ends the oldest.
const MOST_OF_ONE: usize = 16;

/// How long sessions last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lengths {
    /// Without anybody doing anything.
    pub idle: Duration,
    /// At the longest.
    pub longest: Duration,
}

/// Somebody who is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::api) struct Session {
    /// The user's name.
    pub(super) user: String,
    /// What a page says beside the cookie when it changes something.
    pub(in crate::api) csrf: String,
    /// When the password that it was begun with was set: another one ends it.
    pub(super) password_at: Timestamp,
    /// The hash of what the browser says it is.
    agent: String,
    began_at: Timestamp,
    active_at: Timestamp,
}

/// A session that has begun: its secrets, which are kept nowhere like this.
pub(in crate::api) struct Begun {
    pub(in crate::api) token: String,
    pub(in crate::api) csrf: String,
}

/// Why a token opens nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// There is no such session, or it has ended.
    Ended,
    /// Another browser has sent it than the one that has logged in. The session has ended by that.
    Stolen {
        /// Whose it was.
        user: String,
    },
}

/// All sessions, by the hashes of their tokens.
#[derive(Debug)]
pub(super) struct Sessions {
    lengths: Lengths,
    open: HashMap<String, Session>,
}

impl Sessions {
    pub(super) fn new(lengths: Lengths) -> Self {
        Self { lengths, open: HashMap::new() }
    }

    /// Begins one for a user, out of two secrets that nobody can guess.
    pub(super) fn begin(
        &mut self,
        user: &str,
        password_at: Timestamp,
        agent: &str,
        secrets: [[u8; 32]; 2],
        now: Timestamp,
    ) -> Begun {
        let lengths = self.lengths;
        self.open.retain(|_, session| session.lasts(lengths, now));
        let mut own: Vec<(Timestamp, String)> = self.of(user).map(|(key, session)| (session.began_at, key.clone())).collect();
        own.sort();
        for (_, key) in own.iter().rev().skip(MOST_OF_ONE - 1) {
            self.open.remove(key);
        }
        let [token, csrf] = secrets.map(hex::encode);
        let (user, agent) = (user.to_owned(), hash(agent));
        let session = Session { user, csrf: csrf.clone(), password_at, agent, began_at: now, active_at: now };
        self.open.insert(hash(&token), session);
        Begun { token, csrf }
    }

    /// The session of a token. `is_active` says that a person did something, not a page by itself.
    pub(super) fn find(&mut self, token: &str, agent: &str, is_active: bool, now: Timestamp) -> Result<Session, Lost> {
        let key = hash(token);
        let Some(session) = self.open.get_mut(&key).filter(|session| session.lasts(self.lengths, now)) else {
            self.open.remove(&key);
            return Err(Lost::Ended);
        };
        if !same(&session.agent, &hash(agent)) {
            let user = session.user.clone();
            self.open.remove(&key);
            return Err(Lost::Stolen { user });
        }
        if is_active {
            session.active_at = now;
        }
        Ok(session.clone())
    }

    /// Ends the session of a token.
    pub(super) fn end(&mut self, token: &str) {
        self.open.remove(&hash(token));
    }

    /// Ends the sessions that are not to go on; how many.
    pub(super) fn end_unless(&mut self, goes_on: impl Fn(&Session) -> bool) -> usize {
        let before = self.open.len();
        self.open.retain(|_, session| goes_on(session));
        before - self.open.len()
    }

    /// How many a user has.
    pub(super) fn count(&self, user: &str) -> usize {
        self.of(user).count()
    }

    fn of(&self, user: &str) -> impl Iterator<Item = (&String, &Session)> {
        self.open.iter().filter(move |(_, session)| session.user == user)
    }
}

impl Session {
    fn lasts(&self, Lengths { idle, longest }: Lengths, now: Timestamp) -> bool {
        now.since(self.active_at) < idle && now.since(self.began_at) < longest
    }
}
