//! The loop that watches models while they decide: it reads what was counted, asks what is to be done, and does it. Who has to know of it
//! is told out of the log, from where they were told last: what a guardrail did is told at least once, wherever the program ends.

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration as Span;

use ingest::log::{Position, Readable, Topic};
use ingest::{Duration, Timestamp, background, with_causes};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::Engine;
use crate::control::{Control, GUARDRAIL, Outcome, PLAN};
use crate::decide::{Champion, Figures};
use crate::error::Error;
use crate::guard::{Act, Keeper, Seen};

/// How often it looks.
const TICK: Span = Span::from_secs(1);
/// After so many records it is written down how far was told, so that a start need not read them again.
const FAR: u64 = 200_000;
/// Where it is not known what was told, what is older is no news.
const NEWS: Duration = Duration::days(1);

impl Engine {
    /// Watches experiments and new champions, until it is dropped. `tell` hears of everything that a guardrail did, once it lies in the
    /// log; it may block. How far it has heard is kept in the file `memory`: what it had not heard when the program ended it hears after
    /// the next start.
    pub async fn guard(self: Arc<Self>, memory: PathBuf, tell: impl Fn(&Control) + Send + Sync + 'static) {
        let (mut keeper, mut ticks) = (Keeper::default(), tokio::time::interval(TICK));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let (mut told, tell, alive) = (Told { memory, until: None }, Arc::new(tell), Arc::new(()));
        let (mut kept, mut has_news, mut telling) = (Position(0), true, None::<JoinHandle<Result<Position, Error>>>);
        loop {
            ticks.tick().await;
            // Nobody else acts for a guardrail: before this lies nothing to tell but what this loop knows of, or has not read yet.
            let end = self.durability.borrow().end();
            for act in keeper.look(self.now(), &self.seen()) {
                has_news = true;
                match self.act(&act).await {
                    Ok(()) => tracing::warn!(reason = act.reason(), ?act, "a guardrail acted, or a plan"),
                    Err(error) => tracing::error!(error = with_causes(&error), ?act, "what a guardrail wants could not be done"),
                }
            }
            if let Some(ended) = telling.take_if(|telling| telling.is_finished()) {
                match ended.await.unwrap_or(Err(Error::Stopped)) {
                    Ok(until) => (told.until, kept) = (Some(until), until),
                    Err(error) => {
                        has_news = true;
                        tracing::error!(error = with_causes(&error), "what guardrails did is not told yet; it is tried again");
                    }
                }
            }
            if telling.is_none() {
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
    /// the loop is no longer `alive`. How far it has.
    fn tell_acts<T>(&self, told: &Told, tell: &Arc<T>, alive: Weak<()>) -> JoinHandle<Result<Position, Error>>
    where
        T: Fn(&Control) + Send + Sync + 'static,
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
        let state = self.control().await;
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
    /// The file that says it after a restart. Where it is gone or behind, something is told once more.
    pub(super) memory: PathBuf,
    /// Everything before it was told; not known before the file was read.
    pub(super) until: Option<Position>,
}

impl Told {
    /// Tells of the acts that lie in the log behind those that were told, and keeps how far that is; of those since a time where nothing
    /// is known, or the log, which ends at `end`, is another one. Goes no further once it `is_over`.
    pub(super) fn tell(
        &self,
        log: &dyn Readable,
        end: Position,
        since: Timestamp,
        is_over: &dyn Fn() -> bool,
        tell: &dyn Fn(&Control),
    ) -> Result<Position, Error> {
        let known = self.until.or_else(|| self.recall()).filter(|until| *until <= end);
        let (mut until, since) = known.map_or((Position(0), since), |until| (until, Timestamp::MIN));
        for record in log.read(until)? {
            if is_over() {
                break;
            }
            let record = record?;
            if record.topic == Topic::Control {
                let unreadable = |source| Error::Unreadable { position: record.position, source };
                let control = Control::decode(&record.payload).map_err(unreadable)?;
                if is_guardrails(&control) && control.at() >= since {
                    tell(&control);
                }
            }
            until = record.position.next();
            background::rest();
        }
        self.remember(until);
        Ok(until)
    }

    fn recall(&self) -> Option<Position> {
        std::fs::read_to_string(&self.memory).ok()?.trim().parse().ok().map(Position)
    }

    fn remember(&self, until: Position) {
        let next = self.memory.with_added_extension("new");
        let kept = std::fs::write(&next, until.to_string()).and_then(|()| std::fs::rename(&next, &self.memory));
        if let Err(error) = kept {
            tracing::warn!(%error, file = %self.memory.display(), "after the next start it is told again what guardrails did");
        }
    }
}

/// Whether it says what a guardrail did.
fn is_guardrails(control: &Control) -> bool {
    matches!(control, Control::Concluded { by, .. } | Control::RolledBack { by, .. } if by == GUARDRAIL)
}
