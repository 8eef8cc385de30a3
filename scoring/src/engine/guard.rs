//! The loop that watches models while they decide: it reads what was counted, asks what is to be done, and does it.

use std::sync::Arc;
use std::time::Duration as Span;

use ingest::with_causes;
use tokio::time::MissedTickBehavior;

use super::Engine;
use crate::control::{Control, GUARDRAIL, Outcome, PLAN};
use crate::decide::{Champion, Figures};
use crate::error::Error;
use crate::guard::{Act, Keeper, Seen};

/// How often it looks.
const TICK: Span = Span::from_secs(1);

impl Engine {
    /// Watches experiments and new champions, until it is dropped. `tell` hears what was done.
    pub async fn guard(self: Arc<Self>, tell: impl Fn(&Act) + Send) {
        let (mut keeper, mut ticks) = (Keeper::default(), tokio::time::interval(TICK));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            for act in keeper.look(self.now(), &self.seen().await) {
                match self.act(&act).await {
                    Ok(()) => {
                        tracing::warn!(reason = act.reason(), ?act, "a guardrail acted, or a plan");
                        tell(&act);
                    }
                    Err(error) => tracing::error!(error = with_causes(&error), ?act, "what a guardrail wants could not be done"),
                }
            }
        }
    }

    async fn seen(&self) -> Seen {
        let deciders = self.deciders();
        let state = self.control.lock().await;
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
