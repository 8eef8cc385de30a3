//! The loop that watches models while they decide: it reads what was counted, asks what is to be done, and does it. Who has to know of it
//! is told out of the log, from where they were told last: what a guardrail did is told at least once, wherever the program ends.

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration as Span;

use ingest::log::{Position, Readable, Topic};
use ingest::{Duration, Timestamp, background, replace_file, with_causes};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

use super::Engine;
use crate::control::{Control, GUARDRAIL, Outcome, PLAN};
use crate::decide::{Champion, Figures};
use crate::error::Error;
use crate::guard::{Act, Keeper, Seen};

/// How often it looks.
const TICK: Span = Span::from_secs(1);
/// So long after not everything could be told it is tried again: a queue that is full stays so for a while.
const AGAIN: Span = Span::from_secs(10);
/// After so many records it is written down how far was told, so that a start need not read them again.
const FAR: u64 = 200_000;
/// Where it is not known what was told, what is older is no news.
const NEWS: Duration = Duration::days(1);

impl Engine {
    /// Watches experiments and new champions, until it is dropped. `tell` hears of everything that a guardrail did, once it lies in the
    /// log, and says whether it has taken it; it may block, and hears some of it twice. How far it has taken it is kept in the file
    /// `memory`: what it had not taken when the program ended it hears after the next start.
    pub async fn guard(self: Arc<Self>, memory: PathBuf, tell: impl Fn(&Control) -> bool + Send + Sync + 'static) {
        let (mut keeper, mut ticks) = (Keeper::default(), tokio::time::interval(TICK));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let (mut told, tell, alive) = (Told { memory: Some(memory), until: None }, Arc::new(tell), Arc::new(()));
        let (mut kept, mut has_news, mut not_before) = (Position(0), true, Instant::now());
        let mut telling = None::<JoinHandle<Result<Option<Reached>, Error>>>;
        loop {
            ticks.tick().await;
            // Nobody else acts for a guardrail: before this lies nothing to tell but what this loop knows of, or has not read yet.
            let end = self.durability.borrow().end();
            let mut has_acted = false;
            for act in keeper.look(self.now(), &self.seen()) {
                (has_acted, has_news) = (true, true);
                match self.act(&act).await {
                    Ok(()) => tracing::warn!(reason = act.reason(), ?act, "a guardrail acted, or a plan"),
                    Err(error) => tracing::error!(error = with_causes(&error), ?act, "what a guardrail wants could not be done"),
                }
            }
            if has_acted {
                // At once: all that lies before it may be much to read. It is told again with that, and so nobody waits for this.
                drop(self.tell_acts(&Told { memory: None, until: Some(end) }, &tell, Arc::downgrade(&alive)));
            }
            if let Some(ended) = telling.take_if(|telling| telling.is_finished()) {
                match ended.await.unwrap_or(Err(Error::Stopped)) {
                    Ok(Some(Reached { until, is_all: true })) => (told.until, kept) = (Some(until), until),
                    untold => {
                        if let Ok(Some(Reached { until, .. })) = &untold {
                            (told.until, kept) = (Some(*until), *until);
                        }
                        (has_news, not_before) = (true, Instant::now() + AGAIN);
                        let error = untold.err().map(|error| with_causes(&error));
                        tracing::error!(error, "what guardrails did is not told yet; it is tried again");
                    }
                }
            }
            if telling.is_none() && Instant::now() >= not_before {
                if has_news || end.0 > kept.0 + FAR {
                    has_news = false;
                    telling = Some(self.tell_acts(&told, &tell, Arc::downgrade(&alive)));
                } else {
                    told.until = Some(end);
                }
            }
        }
    }

    /// Tells of acts on a thread that may wait for the disk, and for which nobody waits: it may have much to read, and ends early when
    /// the loop is no longer `alive`. How far it has, as [`Told::tell`] says.
    fn tell_acts<T>(&self, told: &Told, tell: &Arc<T>, alive: Weak<()>) -> JoinHandle<Result<Option<Reached>, Error>>
    where
        T: Fn(&Control) -> bool + Send + Sync + 'static,
    {
        let (log, told, tell) = (Arc::clone(&self.log), told.clone(), Arc::clone(tell));
        let (end, since) = (self.durability.borrow().end(), self.now() - NEWS);
        let is_over = move || alive.strong_count() == 0;
        tokio::task::spawn_blocking(move || background::unhurried(|| told.tell(&*log, end, since, &is_over, &*tell)))
    }

    fn seen(&self) -> Seen {
        let (deciders, state) = (self.deciders(), self.held.load());
        let figures = |model: &Arc<Champion>| (model.version, model.figures());
        Seen {
            champion: deciders.champion.as_ref().map(figures),
            challengers: deciders
                .challengers
                .iter()
                .map(|challenger| figures(&challenger.model))
                .collect::<Vec<(u32, Figures)>>(),
            running: state
                .experiments
                .iter()
                .filter(|course| course.ended.is_none())
                .map(|course| course.experiment.clone())
                .collect(),
            promoted_at: state.promoted_at.filter(|_| !state.former.is_empty()),
            probation: deciders.pipeline.governance.probation.clone(),
        }
    }

    async fn act(self: &Arc<Self>, act: &Act) -> Result<(), Error> {
        match act {
            Act::Stop { experiment, .. } => self.conclude(experiment, Outcome::Stopped, GUARDRAIL, act.reason()).await,
            Act::End { experiment } => self.conclude(experiment, Outcome::Over, PLAN, act.reason()).await,
            Act::Demote { version, .. } => self.roll_back_from(Some(*version), GUARDRAIL, &act.reason()).await.map(drop),
        }
    }

    async fn conclude(self: &Arc<Self>, experiment: &str, outcome: Outcome, by: &str, reason: String) -> Result<(), Error> {
        let state = self.control();
        let Some(course) = state.experiments.iter().find(|course| course.experiment.name == experiment) else {
            return Err(Error::NoExperiment { name: experiment.to_owned() });
        };
        let (model, version) = (course.experiment.model.clone(), course.experiment.challenger);
        let (name, by, at) = (experiment.to_owned(), by.to_owned(), self.now());
        self.change(Control::Concluded { name, model, version, outcome, by, reason, at }).await.map(drop)
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
