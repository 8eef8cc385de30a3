//! Who may call: API keys with scopes and a rate each, and people who have logged in. Either way what acts behind the door is a
//! [`Person`], and what is opened is a [`Scope`]. Without any key and any user everybody who reaches the server may do everything, so that it
//! can be tried; a server beyond this machine does not start like that.

mod attempts;
mod keys;
mod origin;
mod password;
mod private;
mod quota;
mod role;
mod sessions;
#[cfg(test)]
mod tests;
mod told;
mod users;

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration as Span, SystemTime};

use arc_swap::ArcSwap;
use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use ingest::{Clock, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::Semaphore;

use self::attempts::Attempts;
pub(super) use self::attempts::LockedOut;
pub use self::keys::{Key, KeyError, KeyFile, NewKey, Scope, Secret};
pub(super) use self::origin::is_own;
pub use self::password::{Password, PasswordError, PasswordKept};
pub use self::private::FileError;
use self::quota::Refusals;
pub use self::role::Role;
pub use self::sessions::Lengths;
use self::sessions::{Begun, Lost, Session, Sessions};
pub use self::told::told;
pub use self::users::{User, UserChange, UserError, UserFile};
use super::problem::{Detail, Problem};
use crate::audit::{self, Chain, Draft};
use crate::control::{Person, SOMEBODY};

/// So many passwords are looked at at once: each takes 19 MiB and a core.
const AT_ONCE: usize = 2;
/// How long a password waits for its turn.
const PATIENCE: Span = Span::from_secs(5);
/// What a page says that asks by itself, without anybody there.
const IDLE: &str = "x-riskflow-idle";
/// What a page that changes something says beside its cookie.
const CSRF: &str = "x-csrf-token";

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
    limiter: Option<DefaultDirectRateLimiter>,
}

/// How things are with a user at the moment.
pub(super) struct Standing {
    /// In how many browsers the user is logged in.
    pub(super) sessions: usize,
    pub(super) locked_out: Option<LockedOut>,
}

/// Who calls, and with what.
pub(super) enum By {
    Key(Key),
    Session(User, Session),
}

impl By {
    pub(super) fn person(&self) -> Person {
        match self {
            Self::Key(key) => key.person(),
            Self::Session(user, _) => user.person(),
        }
    }

    pub(super) fn scopes(&self) -> &[Scope] {
        match self {
            Self::Key(key) => &key.scopes,
            Self::Session(user, _) => user.role.scopes(),
        }
    }
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

    /// Reads keys and users again. Rates begin anew; sessions of users who are gone, disabled or have another password end. Whoever has another
    /// password need not wait for what was guessed before.
    ///
    /// # Errors
    /// Then everything stays as it was.
    pub fn reload(&self) -> Result<(), AccessError> {
        // Of two who read at once the later one stores the later state.
        let mut read = lock(&self.stamps);
        let stamps = self.stamps();
        let (keys, users) = (self.key_file.read()?, self.user_file.read()?);
        let known = |key: Key| {
            let rate = NonZeroU32::new(key.requests_per_second);
            Known { limiter: rate.map(|rate| RateLimiter::direct(Quota::per_second(rate))), key }
        };
        // A file that has lost its last line says that there were some.
        self.open.fetch_and(keys.is_empty() && users.is_empty() && stamps == [None, None], Ordering::Relaxed);
        self.keys.store(Arc::new(keys.into_iter().map(known).collect()));
        let stays = |session: &Session| users::of_name(&users, &session.user).is_some_and(|user| is_of(session, user));
        lock(&self.sessions).end_unless(stays);
        let before = self.users.load();
        let has_another =
            |user: &&User| users::of_name(&before, &user.name).is_some_and(|before| before.password_at != user.password_at);
        users.iter().filter(has_another).for_each(|user| lock(&self.attempts).forget(&user.name));
        self.users.store(Arc::new(users));
        *read = stamps;
        Ok(())
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
        let access = Arc::clone(self);
        let work = move || {
            let changed = change(&access.user_file, access.now())?;
            if let Err(error) = access.reload() {
                tracing::error!(%error, "a change of a user does not hold yet; the files are read again when they change");
            }
            Ok(changed)
        };
        let done =
            tokio::task::spawn_blocking(work).await.map_err(|_| Problem::unavailable("the server is stopping".to_owned()))?;
        done.map_err(super::users::refused)
    }

    pub(super) fn chain(&self) -> Chain {
        Chain::of(&self.folder)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
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

    /// The same for what was refused: the refusal stands, whether it can be told or not, and its answer does not wait, so that how long it takes tells
    /// nothing about a name. So many a minute are told of one name, and how many were not comes with the next.
    fn tell_refusals(&self, drafts: impl IntoIterator<Item = Draft>) {
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
    fn refused(&self, refusal: &Refusal, method: &Method, path: &str, call: Option<&str>, address: Option<IpAddr>) {
        tracing::warn!(%method, path = told(path), "a call was refused: {refusal}");
        self.tell_refusals(refusal.told(self.now(), call, address));
    }

    /// Whose key it is behind a secret.
    fn key_of<'a>(keys: &'a [Known], secret: &str, now: Timestamp) -> Result<&'a Known, Refusal> {
        let hash = keys::hash(secret);
        let found = keys.iter().find(|known| keys::same(&known.key.hash, &hash));
        found.filter(|known| known.key.is_valid(now)).ok_or(Refusal::UnknownKey)
    }

    /// Who acts with the key behind a secret, if it may do this now.
    fn admit(&self, secret: &str, scope: Scope, now: Timestamp) -> Result<Person, Refusal> {
        let keys = self.keys.load();
        let Known { key, limiter } = Self::key_of(&keys, secret, now)?;
        if !key.may(scope) {
            return Err(Refusal::Scope { name: key.name.clone(), scope });
        }
        if let Some(Err(not_before)) = limiter.as_ref().map(RateLimiter::check) {
            let wait = not_before.wait_time_from(DefaultClock::default().now());
            return Err(Refusal::Rate { name: key.name.clone(), wait });
        }
        Ok(key.person())
    }

    /// The session behind a cookie. What changes something has to come from a page of this server, and to say so.
    fn session_of(&self, token: &str, method: &Method, headers: &HeaderMap, now: Timestamp) -> Result<(User, Session), Refusal> {
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

    /// Who calls, whatever they may do; `None` where nobody has to say.
    pub(super) fn caller(&self, parts: &Parts) -> Result<Option<By>, Problem> {
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

    /// Lets somebody in with a name and a password.
    pub(super) async fn log_in(
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
    pub(super) async fn right(
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
    pub(super) async fn hashed<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
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
    pub(super) fn log_out(&self, headers: &HeaderMap, user: &str, everywhere: bool) {
        let mut sessions = lock(&self.sessions);
        if let Some(token) = self.token_in(headers) {
            sessions.end(&token);
        }
        if everywhere {
            sessions.end_unless(|session| session.user != user);
        }
    }

    /// The cookie that a browser is to keep; without a token, to forget.
    pub(super) fn cookie(&self, token: Option<&str>) -> HeaderValue {
        let secure = if self.settings.is_secure { "; Secure" } else { "" };
        let end = if token.is_some() { "" } else { "; Max-Age=0" };
        let text =
            format!("{}={}; Path=/; HttpOnly; SameSite=Strict{secure}{end}", self.cookie_name(), token.unwrap_or_default());
        HeaderValue::try_from(text).expect("a token is hexadecimal")
    }

    /// With TLS the name itself says to a browser that nobody but this host, and only by TLS, may have set it.
    const fn cookie_name(&self) -> &'static str {
        if self.settings.is_secure { "__Host-riskflow" } else { "riskflow" }
    }

    fn token_in(&self, headers: &HeaderMap) -> Option<String> {
        let mut pairs =
            headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|all| all.split(';'));
        pairs.find_map(|pair| Some(pair.trim().strip_prefix(self.cookie_name())?.strip_prefix('=')?.to_owned()))
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

/// What a browser says it is. It is no secret; but a cookie that is taken alone does not bring it along.
fn agent(headers: &HeaderMap) -> String {
    headers.get(header::USER_AGENT).map_or_else(String::new, |value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn from(address: Option<IpAddr>) -> String {
    address.map_or_else(|| "a session".to_owned(), |address| format!("a session from {address}"))
}

/// Where a request comes from, where that is known.
pub(super) fn address_in(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip())
}

fn too_soon(wait: ingest::Duration) -> Problem {
    let seconds = u32::try_from(wait.micros().div_euclid(1_000_000) + 1).unwrap_or(u32::MAX);
    Problem::too_many(format!("too many tries have failed: try again in {seconds} s")).retry_after(seconds)
}

fn unaudited(error: audit::Error) -> Problem {
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    tracing::error!(%error, cause, "nothing is done that the audit chain cannot be told");
    Problem::unavailable("the audit chain takes no entries, so nothing was done; the log of the server says why".to_owned())
}

/// Why a call is refused. It never says a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Refusal {
    #[error("no API key: send it as `Authorization: Bearer ...`, or log in")]
    NoKey,
    #[error("the API key is not known, or has ended")]
    UnknownKey,
    #[error("the key `{name}` may not do this: it needs the scope `{}`", scope.name())]
    Scope { name: String, scope: Scope },
    #[error("the key `{name}` has sent more requests than its rate allows")]
    Rate { name: String, wait: Span },
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
    fn problem(&self) -> Problem {
        let detail = self.to_string();
        match self {
            Self::NoKey | Self::UnknownKey | Self::NoSession | Self::OtherBrowser { .. } => Problem::unauthorized(detail),
            Self::Scope { .. } | Self::Role { .. } | Self::Elsewhere { .. } => Problem::forbidden(detail),
            Self::Rate { wait, .. } => {
                Problem::too_many(detail).retry_after(u32::try_from(wait.as_secs() + 1).unwrap_or(u32::MAX))
            }
        }
    }

    /// What the audit is told of it: what a person was refused who wanted to change something, and whose session somebody else has.
    fn told(&self, now: Timestamp, call: Option<&str>, address: Option<IpAddr>) -> Option<Draft> {
        let (who, what, object) = match self {
            Self::OtherBrowser { user } => (user, "session_refused", from(address)),
            Self::Elsewhere { user } | Self::Role { name: user, .. } => (user, "refused", call?.to_owned()),
            Self::NoKey | Self::UnknownKey | Self::NoSession | Self::Scope { .. } | Self::Rate { .. } => return None,
        };
        Some(Draft { reason: self.to_string(), ..Draft::new(now, who, what, object) })
    }
}

/// Has `next` answer what the caller may do, and tells it who that is. What a person was refused is told in the audit.
pub async fn guard<B, F: Future<Output = Response>>(
    access: &Access,
    address: IpAddr,
    request: Request<B>,
    next: impl FnOnce(Request<B>, Option<Person>) -> F,
) -> Response {
    let Some(scope) = needed(request.method(), request.uri().path()) else { return next(request, None).await };
    let (headers, method, now) = (request.headers(), request.method(), access.now());
    // A browser sends a key that it keeps, or where none is needed nothing, from whatever page asks it to. Programs say nothing of pages.
    let is_plain = matches!(*method, Method::GET | Method::HEAD) || is_own(headers);
    if access.is_open() {
        return if is_plain { next(request, None).await } else { foreign().into_response() };
    }
    let admitted = if let Some(secret) = secret_in(headers) {
        if !is_plain {
            return foreign().into_response();
        }
        access.admit(&secret, scope, now)
    } else if let Some(token) = access.token_in(headers) {
        access.session_of(&token, method, headers, now).and_then(|(user, _)| {
            let is_opened = user.role.scopes().iter().any(|granted| granted.opens(scope));
            if is_opened { Ok(user.person()) } else { Err(Refusal::Role { name: user.name, role: user.role, scope }) }
        })
    } else {
        Err(Refusal::NoKey)
    };
    let changes = !matches!(*method, Method::GET | Method::HEAD) && scope != Scope::Score && scope != Scope::Label;
    let call = changes.then(|| format!("{method} {}", told(request.uri().path())));
    match admitted {
        Ok(person) => {
            let who = call.is_some().then(|| person.name.clone());
            let response = next(request, Some(person)).await;
            if let (Some(call), Some(who), StatusCode::FORBIDDEN) = (call, who, response.status()) {
                let reason = response.extensions().get::<Detail>().map(|Detail(detail)| detail.clone()).unwrap_or_default();
                access.tell_refusals([Draft { reason, ..Draft::new(now, &who, "refused", call) }]);
            }
            response
        }
        Err(refusal) => {
            access.refused(&refusal, method, request.uri().path(), call.as_deref(), Some(address));
            if refusal.problem().is_unauthorized() && access.has_users() && wants_page(&request) {
                return to_log_in(&request);
            }
            answer(&refusal, access.has_users())
        }
    }
}

fn foreign() -> Problem {
    Problem::forbidden("a change has to come from a page of this server, or from a program".to_owned())
}

fn answer(refusal: &Refusal, has_users: bool) -> Response {
    let mut response = refusal.problem().into_response();
    if response.status() == StatusCode::UNAUTHORIZED {
        // Where nobody logs in, a browser asks for a password: the key is one, the name does not matter.
        let ways = if has_users { "Bearer" } else { "Bearer, Basic realm=\"riskflow\"" };
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(ways));
    }
    response
}

/// Whether a person is to see the answer, not a program.
fn wants_page<B>(request: &Request<B>) -> bool {
    let accepts = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    request.method() == Method::GET && accepts.contains("text/html") && !request.uri().path().starts_with("/v1/")
}

/// To the page where people log in, and from there back.
fn to_log_in<B>(request: &Request<B>) -> Response {
    let wanted = request.uri().path_and_query().map_or("/", |wanted| wanted.as_str());
    let place = format!("/login?next={}", utf8_percent_encode(wanted, NON_ALPHANUMERIC));
    (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response()
}

/// The secret that comes with a call.
fn secret_in(headers: &HeaderMap) -> Option<String> {
    // What cannot be read is a key that is not known.
    headers.get(header::AUTHORIZATION).map(|value| secret_of(value).unwrap_or_default())
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
    matches!(path, "/livez" | "/readyz" | "/openapi.json" | "/docs" | "/login") || path.starts_with("/assets/")
}

/// The scope that a request needs; `None` for what tells nothing about anybody, and for what is about the caller alone.
fn needed(method: &Method, path: &str) -> Option<Scope> {
    match (method, path) {
        (&Method::GET | &Method::HEAD, path) if is_public(path) => None,
        (_, "/v1/session" | "/v1/session/password") => None,
        (_, path) if path == "/v1/users" || path.starts_with("/v1/users/") => Some(Scope::Admin),
        (_, "/v1/audit") => Some(Scope::Review),
        (&Method::GET | &Method::HEAD, _) | (_, "/v1/rules/check") => Some(Scope::Read),
        (_, "/v1/score" | "/v1/score/batch" | "/v1/credit/score") => Some(Scope::Score),
        (_, "/v1/labels") => Some(Scope::Label),
        (&Method::POST, path) if is_backtest(path) => Some(Scope::Read),
        // What these alter waits for somebody who may change it.
        (&Method::POST, "/v1/changes" | "/v1/experiments" | "/v1/models/retrain") => Some(Scope::Review),
        (&Method::POST, path) if path.starts_with("/v1/changes/") && path.ends_with("/withdraw") => Some(Scope::Review),
        // The way back was agreed to before.
        (&Method::POST, "/v1/models/rollback") => Some(Scope::Approve),
        (&Method::POST, path) if path.starts_with("/v1/changes/") => Some(Scope::Approve),
        (&Method::POST, path) if path.starts_with("/v1/alerts/") => Some(Scope::Alerts),
        _ => Some(Scope::Admin),
    }
}

/// A backtest reads, and changes nothing.
fn is_backtest(path: &str) -> bool {
    path.strip_prefix("/v1/rules/").is_some_and(|rest| rest.ends_with("/backtest"))
}
