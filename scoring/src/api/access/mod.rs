//! Who may call: API keys with scopes and a rate each, and people who have logged in. Either way what acts behind the door is a
//! [`Person`](crate::control::Person), and what is opened is a [`Scope`]. Without any key and any user everybody who reaches the server may do
//! everything, so that it can be tried; a server beyond this machine does not start like that.

mod attempts;
mod caller;
mod guard;
mod headers;
mod keys;
mod login;
mod origin;
mod password;
mod private;
mod quota;
mod rate;
mod refusal;
mod role;
mod scope;
mod sessions;
#[cfg(test)]
mod tests;
mod told;
mod used;
mod users;

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use arc_swap::ArcSwap;
use ingest::{Clock, Timestamp};
use tokio::sync::Semaphore;

use self::attempts::Attempts;
pub(super) use self::attempts::LockedOut;
pub(super) use self::caller::By;
pub use self::guard::guard;
pub(super) use self::guard::is_public;
pub(super) use self::headers::address_in;
pub use self::keys::{Deed, Key, KeyError, KeyFile, MadeKey, NewKey, Secret};
use self::login::AT_ONCE;
pub(super) use self::origin::is_own;
pub use self::password::{Password, PasswordError, PasswordKept};
pub use self::private::FileError;
use self::quota::Refusals;
pub(super) use self::rate::Allowance;
use self::rate::Rate;
pub use self::role::Role;
pub use self::scope::Scope;
pub use self::sessions::Lengths;
use self::sessions::{Session, Sessions};
pub use self::told::told;
use self::used::Used;
pub use self::users::{User, UserChange, UserError, UserFile};
use super::problem::Problem;
use crate::audit::{self, Chain, Draft};

/// 256 bits that nobody can guess.
///
/// # Errors
/// When the machine has none.
pub fn random() -> Result<[u8; 32], getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map(|()| bytes)
}

/// How people are let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long sessions last.
    pub lengths: Lengths,
    /// Whether browsers reach the server by TLS only, so that cookies are bound to it.
    pub is_secure: bool,
}

/// What can go wrong with the files of those who may call.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// With the keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// With the users.
    #[error(transparent)]
    Users(#[from] UserError),
}

/// The keys and users that are known, swapped as a whole when their files are read again, and who is logged in.
pub struct Access {
    key_file: KeyFile,
    user_file: UserFile,
    folder: Arc<Path>,
    settings: Settings,
    clock: Arc<dyn Clock>,
    /// From then on it is known which keys are used.
    opened_at: Timestamp,
    keys: ArcSwap<Vec<Known>>,
    users: ArcSwap<Vec<User>>,
    /// No key and no user was ever there. Where one was, the last one that goes does not open the door.
    open: AtomicBool,
    sessions: Mutex<Sessions>,
    attempts: Mutex<Attempts>,
    refusals: Mutex<Refusals>,
    /// As the files were when they were read last; whoever reads them has it.
    stamps: Mutex<Stamps>,
    /// As they were when that failed last, so that it is said once.
    failed: Mutex<Option<Stamps>>,
    hashing: Arc<Semaphore>,
}

type Stamps = [Option<(SystemTime, u64)>; 2];

struct Known {
    key: Key,
    /// None where it may send as much as it likes.
    rate: Option<Arc<Rate>>,
    used: Arc<Used>,
}

/// How things are with a user at the moment.
pub(super) struct Standing {
    /// In how many browsers the user is logged in.
    pub(super) sessions: usize,
    pub(super) locked_out: Option<LockedOut>,
}

impl Access {
    /// Of the keys and users in a folder.
    ///
    /// # Errors
    /// When their files cannot be read.
    pub fn open(folder: &Path, settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, AccessError> {
        let access = Self {
            key_file: KeyFile::of(folder),
            user_file: UserFile::of(folder),
            folder: Arc::from(folder),
            settings,
            opened_at: clock.now(),
            clock,
            keys: ArcSwap::default(),
            users: ArcSwap::default(),
            open: AtomicBool::new(true),
            sessions: Mutex::new(Sessions::new(settings.lengths)),
            attempts: Mutex::default(),
            refusals: Mutex::default(),
            stamps: Mutex::default(),
            failed: Mutex::default(),
            hashing: Arc::new(Semaphore::new(AT_ONCE)),
        };
        access.reload()?;
        Ok(access)
    }

    /// Reads keys and users again. A rate that is another one begins anew; sessions of users who are gone, disabled or have another password end. Whoever has another
    /// password need not wait for what was guessed before.
    ///
    /// # Errors
    /// What could not be read stays as it was.
    pub fn reload(&self) -> Result<(), AccessError> {
        // Of two who read at once the later one stores the later state.
        let mut read = lock(&self.stamps);
        let stamps = self.stamps();
        let (keys, users) = (self.key_file.read(), self.user_file.read());
        // A file that has lost its last line, or cannot be read, says that there were some.
        let is_nobody = keys.as_ref().is_ok_and(Vec::is_empty) && users.as_ref().is_ok_and(Vec::is_empty);
        self.open.fetch_and(is_nobody && stamps == [None, None], Ordering::Relaxed);
        let keys = keys.map(|keys| self.know_keys(keys));
        let users = users.map(|users| self.know_users(users));
        keys?;
        users?;
        *read = stamps;
        Ok(())
    }

    fn know_keys(&self, keys: Vec<Key>) {
        let present = self.keys.load();
        let known = |key: Key| {
            let present = present.iter().find(|known| known.key.hash == key.hash);
            let as_before = present.filter(|known| known.key.requests_per_second == key.requests_per_second);
            let anew = || Some(Arc::new(Rate::new(NonZeroU32::new(key.requests_per_second)?, Instant::now())));
            let rate = as_before.map_or_else(anew, |known| known.rate.clone());
            Known { rate, used: present.map(|known| Arc::clone(&known.used)).unwrap_or_default(), key }
        };
        self.keys.store(Arc::new(keys.into_iter().map(known).collect()));
    }

    fn know_users(&self, users: Vec<User>) {
        let stays = |session: &Session| users::of_name(&users, &session.user).is_some_and(|user| is_of(session, user));
        lock(&self.sessions).end_unless(stays);
        let before = self.users.load();
        let has_another =
            |user: &&User| users::of_name(&before, &user.name).is_some_and(|before| before.password_at != user.password_at);
        users.iter().filter(has_another).for_each(|user| lock(&self.attempts).forget(&user.name));
        self.users.store(Arc::new(users));
    }

    /// The same where a file is not as it was when it was read last; whether that was so.
    ///
    /// # Errors
    /// As [`Access::reload`], once for each change; it is tried again all the same.
    pub fn reload_if_changed(&self) -> Result<bool, AccessError> {
        let stamps = self.stamps();
        if *lock(&self.stamps) == stamps {
            return Ok(false);
        }
        match self.reload() {
            Ok(()) => Ok(true),
            Err(_) if lock(&self.failed).replace(stamps) == Some(stamps) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn stamps(&self) -> Stamps {
        ["keys.json", "users.json"].map(|name| {
            let about = std::fs::metadata(self.folder.join(name)).ok()?;
            Some((about.modified().ok()?, about.len()))
        })
    }

    /// Whether nobody has to say who calls.
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// Where people log in; there is nobody to do so where there are keys only.
    pub(super) fn has_users(&self) -> bool {
        !self.users.load().is_empty()
    }

    /// Changes users, and has it hold at once.
    pub(super) async fn change_users<T: Send + 'static>(
        self: &Arc<Self>,
        change: impl FnOnce(&UserFile, Timestamp) -> Result<T, UserError> + Send + 'static,
    ) -> Result<T, Problem> {
        self.change(move |access| change(&access.user_file, access.now())).await?.map_err(super::users::refused)
    }

    /// Changes keys, and has it hold at once.
    pub(super) async fn change_keys<T: Send + 'static>(
        self: &Arc<Self>,
        change: impl FnOnce(&KeyFile, Timestamp) -> Result<T, KeyError> + Send + 'static,
    ) -> Result<T, Problem> {
        self.change(move |access| change(&access.key_file, access.now())).await?.map_err(super::keys::refused)
    }

    /// Changes a file, off the threads that answer, and reads what it has then.
    async fn change<T: Send + 'static, E: Send + 'static>(
        self: &Arc<Self>,
        change: impl FnOnce(&Self) -> Result<T, E> + Send + 'static,
    ) -> Result<Result<T, E>, Problem> {
        let access = Arc::clone(self);
        let work = move || {
            let changed = change(&access);
            if changed.is_ok()
                && let Err(error) = access.reload()
            {
                tracing::error!(%error, "a change of who may call does not hold yet; the files are read again when they change");
                return Err(Problem::unavailable(
                    "it is written, and does not hold yet: the log of the server says why".to_owned(),
                ));
            }
            Ok(changed)
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| Problem::unavailable("the server is stopping".to_owned())).flatten()
    }

    pub(super) fn chain(&self) -> Chain {
        Chain::of(&self.folder)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The keys, and when each was used last.
    pub(super) fn keys(&self) -> Vec<(Key, Option<Timestamp>)> {
        self.keys.load().iter().map(|known| (known.key.clone(), known.used.last_at())).collect()
    }

    /// From when on it is known which keys are used.
    pub(super) const fn opened_at(&self) -> Timestamp {
        self.opened_at
    }

    /// Whether an admin can log in.
    pub(super) fn an_admin_can_log_in(&self) -> bool {
        users::has_admin(&self.users.load())
    }

    /// The users, and how things are with each.
    pub(super) fn users(&self) -> Vec<(User, Standing)> {
        self.users.load().iter().map(|user| (user.clone(), self.standing(&user.name))).collect()
    }

    /// How things are with a user.
    pub(super) fn standing(&self, name: &str) -> Standing {
        let locked_out = lock(&self.attempts).locked_out(name, self.now());
        Standing { sessions: lock(&self.sessions).count(name), locked_out }
    }

    /// Tells the audit chain something, and waits until it is on the disk.
    pub(super) async fn tell(&self, draft: Draft) -> Result<(), Problem> {
        let chain = self.chain();
        let told = tokio::task::spawn_blocking(move || chain.append(vec![draft])).await;
        told.map_err(|_| Problem::unavailable("the server is stopping".to_owned()))?.map_err(unaudited)
    }
}

/// Whoever panicked left whole values: each is changed by single calls.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a session is one that a user has begun who is let in still, with the password of now.
fn is_of(session: &Session, user: &User) -> bool {
    !user.disabled && user.password_at == session.password_at
}

fn unaudited(error: audit::Error) -> Problem {
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    tracing::error!(%error, cause, "nothing is done that the audit chain cannot be told");
    Problem::unavailable("the audit chain takes no entries, so nothing was done; the log of the server says why".to_owned())
}
