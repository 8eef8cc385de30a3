//! The loop that watches models while they decide: it reads what was counted, asks what is to be done, does it, and has it told.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration as Span;

use ingest::with_causes;
use tokio::time::MissedTickBehavior;

use super::Engine;
use super::teller::Teller;
use crate::control::{Control, GUARDRAIL, Outcome, PLAN};
use crate::decide::{Figures, LoadedModel};
use crate::error::Error;
use crate::guard::{Act, Keeper, Seen};

/// How often it looks.
const TICK: Span = Span::from_secs(1);

impl Engine {
    /// Watches experiments and new champions, until it is dropped. `tell` hears of everything that a guardrail did, once it lies in the
    /// log, and says whether it has taken it; it may block, and hears some of it twice. How far it has taken it is kept in the file
    /// `memory`: what it had not taken when the program ended it hears after the next start.
    pub async fn guard(self: Arc<Self>, memory: PathBuf, tell: impl Fn(&Control) -> bool + Send + Sync + 'static) {
        let (mut keeper, mut teller) = (Keeper::default(), Teller::new(Arc::clone(&self), memory, tell));
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            // Nobody else acts for a guardrail: before this lies nothing to tell but what the teller knows of, or has not read yet.
            let end = self.durability.borrow().end();
            let acts = keeper.look(self.now(), &self.seen());
            for act in &acts {
                match self.act(act).await {
                    Ok(()) => tracing::warn!(reason = act.reason(), ?act, "a guardrail acted, or a plan"),
                    Err(error) => tracing::error!(error = with_causes(&error), ?act, "what a guardrail wants could not be done"),
                }
            }
            teller.go_on(end, !acts.is_empty()).await;
        }
    }

    fn seen(&self) -> Seen {
        let (deciders, state) = (self.deciders(), self.control());
        let figures = |model: &Arc<LoadedModel>| (model.version, model.figures());
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
