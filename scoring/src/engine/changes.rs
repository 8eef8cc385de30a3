//! Changes of what decides: checked before they are recorded, recorded before they hold, one after another.

use std::sync::Arc;

use ingest::log::Position;
use tokio::sync::oneshot;

use super::Engine;
use super::writer::Command;
use crate::control::{Control, State};
use crate::decide::{Champion, Deciders, names};
use crate::error::Error;
use crate::pipeline::Pipeline;
use crate::registry::Registry;
use crate::rules::{RuleError, RuleSet};

/// The share of entities that challengers may decide for together, in percent.
const MOST_SHARED: u32 = 99;

impl Engine {
    /// What control records come to as of now.
    pub async fn control(&self) -> State {
        self.control.lock().await.clone()
    }

    /// Makes a version of a model champion, from the next decision on.
    pub async fn promote(&self, name: &str, version: u32, by: &str, reason: &str) -> Result<Position, Error> {
        let (name, by, reason, at) = (name.to_owned(), by.to_owned(), reason.to_owned(), self.clock.now());
        self.change(Control::Promoted { name, version, by, reason, at }).await
    }

    /// Changes what decides, from the next decision on. The change is refused when it names a model that cannot be loaded, a rule that is
    /// wrong, or a list that there is not; then nothing is recorded.
    pub async fn change(&self, control: Control) -> Result<Position, Error> {
        let mut state = self.control.lock().await;
        self.change_from(&mut state, control).await
    }

    /// As [`Engine::change`], where the change depends on what holds now; nobody changes anything in between.
    pub async fn change_with(&self, change: impl FnOnce(&State) -> Result<Control, Error>) -> Result<Position, Error> {
        let mut state = self.control.lock().await;
        let control = change(&state)?;
        self.change_from(&mut state, control).await
    }

    async fn change_from(&self, state: &mut State, control: Control) -> Result<Position, Error> {
        check(&control, state, &self.pipeline)?;
        let mut next = state.clone();
        next.apply(control.clone(), Position(0));
        let present = self.deciders.load_full();
        let (pipeline, registry) = (Arc::clone(&self.pipeline), Arc::clone(&self.registry));
        let named = named_model(&control);
        let made = tokio::task::spawn_blocking(move || {
            let mut models = |name: &str, version: u32| load(&present, &*registry, name, version, &pipeline);
            if let Some((name, version)) = named {
                models(&name, version)?;
            }
            Ok::<_, Error>((Deciders::new(&next, &pipeline, &mut models).0, next))
        });
        let (mut deciders, mut next) = made.await.map_err(|_| Error::Stopped)??;
        let (reply, position) = oneshot::channel();
        self.send(Command::Control { control, reply }).await?;
        let position = position.await.map_err(|_| Error::Stopped)??;
        self.durable(position).await?;
        next.version = position.next();
        deciders.version = next.version;
        self.metrics.rules_changed(&deciders.rules);
        self.deciders.store(Arc::new(deciders));
        *state = next;
        Ok(position)
    }
}

/// A version of a model: the one that serves already, or else out of the registry.
pub(super) fn load(
    present: &Deciders,
    registry: &dyn Registry,
    name: &str,
    version: u32,
    pipeline: &Pipeline,
) -> Result<Arc<Champion>, Error> {
    let challengers = present.challengers.iter().map(|challenger| &challenger.model);
    let mut serving = present.champion.iter().chain(challengers);
    match serving.find(|model| model.artifact.about.name == name && model.version == version) {
        Some(model) => Ok(Arc::clone(model)),
        None => Ok(Arc::new(Champion::new(registry.load(name, version)?, version, &pipeline.plan)?)),
    }
}

fn named_model(control: &Control) -> Option<(String, u32)> {
    match control {
        Control::Promoted { name, version, .. } | Control::Challenged { name, version, .. } => Some((name.clone(), *version)),
        _ => None,
    }
}

fn check(control: &Control, state: &State, pipeline: &Pipeline) -> Result<(), Error> {
    match control {
        Control::Ruled { rules, .. } => {
            let lists = pipeline.list_names();
            let first = |errors: Vec<RuleError>| errors.into_iter().next().expect("nothing is wrong without an error");
            RuleSet::compile(rules.clone(), &names(pipeline, &lists)).map_err(first)?;
        }
        Control::Listed { list, .. } | Control::Unlisted { list, .. } => {
            if pipeline.lists.iter().all(|declared| declared.name != *list) {
                return Err(Error::NoList { list: list.clone(), known: pipeline.list_names().join(", ") });
            }
        }
        Control::Challenged { name, version, share_percent, .. } => {
            let others = state.challengers.iter().filter(|each| (&each.name, each.version) != (name, *version));
            let percent = u32::from(*share_percent) + others.map(|each| u32::from(each.share_percent)).sum::<u32>();
            if percent > MOST_SHARED {
                return Err(Error::Share { percent });
            }
        }
        Control::Promoted { .. } | Control::Serving { .. } | Control::Withdrawn { .. } | Control::Governed { .. } => {}
    }
    Ok(())
}
