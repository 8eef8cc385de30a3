//! Who has to know of what guardrails did is told out of the log, from where they were told last: at least once, wherever the program ends.

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration as Span;

use ingest::log::{Position, Readable, Topic};
use ingest::{Duration, Timestamp, background, replace_file, with_causes};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::Engine;
use crate::control::{Control, GUARDRAIL};
use crate::error::Error;

/// So long after not everything could be told it is tried again: a queue that is full stays so for a while.
const AGAIN: Span = Span::from_secs(10);
/// After so many records it is written down how far was told, so that a start need not read them again.
const FAR: u64 = 200_000;
/// Where it is not known what was told, what is older is no news.
const NEWS: Duration = Duration::days(1);

/// Tells of acts, one look at the log at a time.
pub(super) struct Teller<T> {
    engine: Arc<Engine>,
    tell: Arc<T>,
    told: Told,
    /// How far it is written down that was told.
    kept: Position,
    /// Whether there may be something to tell behind what was told.
    has_news: bool,
    /// Whether it was said that not everything could be told.
    is_behind: bool,
    /// No look begins before this.
    not_before: Instant,
    /// The look that is under way.
    look: Option<JoinHandle<Result<Option<Reached>, Error>>>,
    /// Looks end early when this is gone.
    alive: Arc<()>,
}

impl<T: Fn(&Control) -> bool + Send + Sync + 'static> Teller<T> {
    /// One that knows from the file `memory` what was told.
    pub(super) fn new(engine: Arc<Engine>, memory: PathBuf, tell: T) -> Self {
        let told = Told { memory: Some(memory), until: None };
        let (tell, alive, not_before) = (Arc::new(tell), Arc::default(), Instant::now());
        Self { engine, tell, told, kept: Position(0), has_news: true, is_behind: false, not_before, look: None, alive }
    }

    /// Begins and ends looks, and waits for none. Before `end` lies nothing that it has not heard of: it is told whether there `is_more`
    /// since.
    pub(super) async fn go_on(&mut self, end: Position, is_more: bool) {
        self.has_news |= is_more;
        if let Some(ended) = self.look.take_if(|look| look.is_finished()) {
            let ended = ended.await.unwrap_or(Err(Error::Stopped));
            if let Ok(Some(reached)) = &ended {
                (self.told.until, self.kept) = (Some(reached.until), reached.until);
            }
            let was_behind = self.is_behind;
            self.is_behind = !matches!(ended, Ok(Some(Reached { is_all: true, .. })));
            if self.is_behind {
                (self.has_news, self.not_before) = (true, Instant::now() + AGAIN);
                let error = ended.err().map(|error| with_causes(&error));
                if error.is_some() || !was_behind {
                    tracing::error!(error, "what guardrails did is not told yet; it is tried again");
                }
            } else if was_behind {
                tracing::info!("what guardrails did is told");
            }
        }
        let may_begin = self.look.is_none() && Instant::now() >= self.not_before;
        if is_more && !(may_begin && self.told.until.is_some()) {
            // At once: there may be much to read before it. It is told again with that, and so nobody waits for this.
            drop(self.begin(Told { memory: None, until: Some(end) }));
        }
        if !may_begin {
            return;
        }
        if self.has_news || end.0 > self.kept.0 + FAR {
            self.has_news = false;
            self.look = Some(self.begin(self.told.clone()));
        } else {
            self.told.until = Some(end);
        }
    }

    /// Begins a look, on a thread that may wait for the disk, and for which nobody waits: it may have much to read.
    fn begin(&self, told: Told) -> JoinHandle<Result<Option<Reached>, Error>> {
        let (log, tell, alive): (_, _, Weak<()>) =
            (Arc::clone(&self.engine.log), Arc::clone(&self.tell), Arc::downgrade(&self.alive));
        let (end, since) = (self.engine.durability.borrow().end(), self.engine.now() - NEWS);
        let is_over = move || alive.strong_count() == 0;
        tokio::task::spawn_blocking(move || background::unhurried(|| told.tell(&*log, end, since, &is_over, &*tell)))
    }
}

/// How far acts of guardrails were told.
#[derive(Clone, Debug)]
pub(super) struct Told {
    /// The file that says it after a restart; `None` where that is not kept. Where it is gone or behind, something is told once more.
    pub(super) memory: Option<PathBuf>,
    /// Everything before it was told; not known before the file was read.
    pub(super) until: Option<Position>,
}

/// Up to where acts of guardrails are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reached {
    /// Everything before it was taken.
    pub(super) until: Position,
    /// Whether that is all that there was.
    pub(super) is_all: bool,
}

impl Told {
    /// Tells of the acts that lie in the log behind those that were told, and keeps how far they were taken; of those since a time where
    /// nothing is known, or the log, which ends at `end`, is another one. One that is not taken keeps back none behind it. `None` where it
    /// `is_over` before the end.
    pub(super) fn tell(
        &self,
        log: &dyn Readable,
        end: Position,
        since: Timestamp,
        is_over: &dyn Fn() -> bool,
        tell: &dyn Fn(&Control) -> bool,
    ) -> Result<Option<Reached>, Error> {
        let known = self.until.or_else(|| self.recall()).filter(|until| *until <= end);
        let (mut until, since) = known.map_or((Position(0), since), |until| (until, Timestamp::MIN));
        let (mut first_untaken, mut is_cut_off) = (None, false);
        for record in log.read(until)? {
            is_cut_off = is_over();
            if is_cut_off {
                break;
            }
            let record = record?;
            if record.topic == Topic::Control {
                let unreadable = |source| Error::Unreadable { position: record.position, source };
                let control = Control::decode(&record.payload).map_err(unreadable)?;
                if is_guardrails(&control) && control.at() >= since && !tell(&control) {
                    first_untaken.get_or_insert(record.position);
                }
            }
            until = record.position.next();
            background::rest();
        }
        let reached = Reached { until: first_untaken.unwrap_or(until), is_all: first_untaken.is_none() };
        // Of a first look that was cut off nothing is kept: all that lies behind it, however old, would be news to the next one.
        if !is_cut_off || known.is_some() {
            self.remember(reached.until);
        }
        Ok((!is_cut_off).then_some(reached))
    }

    fn recall(&self) -> Option<Position> {
        std::fs::read_to_string(self.memory.as_ref()?).ok()?.trim().parse().ok().map(Position)
    }

    fn remember(&self, until: Position) {
        let Some(memory) = &self.memory else { return };
        if let Err(error) = replace_file(memory, until.to_string().as_bytes()) {
            tracing::warn!(%error, file = %memory.display(), "after the next start it is told again what guardrails did");
        }
    }
}

/// Whether it says what a guardrail did.
fn is_guardrails(control: &Control) -> bool {
    matches!(control, Control::Concluded { by, .. } | Control::RolledBack { by, .. } if by == GUARDRAIL)
}
