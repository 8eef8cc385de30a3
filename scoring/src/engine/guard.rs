//! The loop that watches models while they decide: it reads what was counted, asks what is to be done, and does it.

use std::sync::Arc;
use std::time::Duration as Span;

use tokio::time::MissedTickBehavior;

use super::Engine;
use crate::control::{Control, GUARDRAIL, Outcome, PLAN};
use crate::decide::{Champion, Figures};
use crate::error::Error;
use crate::guard::{Act, Keeper, Seen};

/// How often it looks.
const TICK: Span = Span::from_secs(1);

impl Engine {
    /// Watches experiments and new champions, until it is dropped.
    pub async fn guard(self: Arc<Self>) {
        let (mut keeper, mut ticks) = (Keeper::default(), tokio::time::interval(TICK));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            for act in keeper.look(self.now(), &self.seen().await) {
                tracing::warn!(?act, "a guardrail acts, or a plan");
                if let Err(error) = self.act(&act).await {
                    tracing::error!(error = %error, ?act, "it could not be done; it is tried again");
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
            Act::Stop { experiment, reason } => self.conclude(experiment, Outcome::Stopped, GUARDRAIL, reason).await,
            Act::End { experiment } => self.conclude(experiment, Outcome::Over, PLAN, "it was planned to end now").await,
            Act::Demote { version, reason } => self.roll_back_from(Some(*version), GUARDRAIL, reason).await.map(drop),
        }
    }

    async fn conclude(self: &Arc<Self>, experiment: &str, outcome: Outcome, by: &str, reason: &str) -> Result<(), Error> {
        let state = self.control().await;
        let Some(course) = state.experiments.iter().find(|course| course.experiment.name == experiment) else {
            return Err(Error::NoExperiment { name: experiment.to_owned() });
        };
        let (model, version) = (course.experiment.model.clone(), course.experiment.challenger);
        let (name, by, reason, at) = (experiment.to_owned(), by.to_owned(), reason.to_owned(), self.now());
        self.change(Control::Concluded { name, model, version, outcome, by, reason, at }).await.map(drop)
    }
}
