//! Changes of what decides: checked before they are recorded, recorded before they hold, one after another. Each is carried through even when
//! the caller goes away in between: in the log but not in memory, it would hold from the next start on only.

use std::sync::Arc;

use ingest::log::Position;

use super::Engine;
use crate::control::{Control, State, declared};
use crate::decide::{Champion, Deciders, Models, Problem};
use crate::error::Error;
use crate::pipeline::Pipeline;
use crate::registry::Registry;

/// The share of entities that challengers may decide for together, in percent.
const MOST_SHARED: u32 = 99;

impl Engine {
    /// What control records come to as of now.
    pub async fn control(&self) -> State {
        self.control.lock().await.clone()
    }

    /// Makes a version of a model champion, from the next decision on.
    pub async fn promote(self: &Arc<Self>, name: &str, version: u32, by: &str, reason: &str) -> Result<Position, Error> {
        let (name, by, reason, at) = (name.to_owned(), by.to_owned(), reason.to_owned(), self.now());
        self.change(Control::Promoted { name, version, by, reason, at }).await
    }

    /// Changes what decides, from the next decision on. The change is refused when it names a model that cannot be loaded, a rule that is
    /// wrong, or a list that there is not; then nothing is recorded.
    pub async fn change(self: &Arc<Self>, control: Control) -> Result<Position, Error> {
        let position = self.change_all(vec![control]).await?;
        Ok(position.expect("a change was recorded"))
    }

    /// As [`Engine::change`], where the change depends on what holds now; nobody changes anything in between. Returns what `change` says beside
    /// it.
    pub async fn change_with<T: Send + 'static>(
        self: &Arc<Self>,
        change: impl FnOnce(&State) -> Result<(Control, T), Error> + Send + 'static,
    ) -> Result<T, Error> {
        let engine = Arc::clone(self);
        carried(async move {
            let mut state = engine.control.lock().await;
            let (control, said) = change(&state)?;
            engine.take(&mut state, engine.present_pipeline(), vec![control]).await?;
            Ok(said)
        })
        .await
    }

    /// Takes what another version of the pipeline file says of rules, lists, reasons and the policy, from the next decision on. What events look
    /// like, what features mean and which model scores needs a new start. Returns how many changes were recorded.
    pub async fn reload(self: &Arc<Self>, pipeline: Pipeline) -> Result<usize, Error> {
        let engine = Arc::clone(self);
        carried(async move {
            let mut state = engine.control.lock().await;
            if let Some(what) = needs_restart(&engine.present_pipeline(), &pipeline) {
                return Err(Error::NeedsRestart { what });
            }
            let records = declared(&pipeline, &state, engine.now());
            let count = records.len();
            engine.take(&mut state, Arc::new(pipeline), records).await?;
            Ok(count)
        })
        .await
    }

    /// As [`Engine::change`], several at once: all of them hold from the same decision on, or none is recorded. The position of the last one.
    pub async fn change_all(self: &Arc<Self>, controls: Vec<Control>) -> Result<Option<Position>, Error> {
        let engine = Arc::clone(self);
        carried(async move {
            let mut state = engine.control.lock().await;
            engine.take(&mut state, engine.present_pipeline(), controls).await
        })
        .await
    }

    fn present_pipeline(&self) -> Arc<Pipeline> {
        Arc::clone(&self.deciders.load().pipeline)
    }

    /// Makes what decides after some changes, records them, and swaps; the position of the last one. Refuses what cannot be used, and what would
    /// leave something unusable that was not so before.
    async fn take(&self, state: &mut State, pipeline: Arc<Pipeline>, controls: Vec<Control>) -> Result<Option<Position>, Error> {
        let (present, registry) = (self.deciders.load_full(), Arc::clone(&self.registry));
        let (before, wanted) = (state.clone(), controls.clone());
        let made = tokio::task::spawn_blocking(move || {
            let mut models = |name: &str, version: u32| load(&present, &*registry, name, version, &pipeline);
            after(&wanted, before, &present.missing, &pipeline, &mut models)
        });
        let mut deciders = made.await.map_err(|_| Error::Stopped)??;
        let mut last = None;
        for control in controls {
            let position = self.writer()?.core().control(&control)?;
            state.apply(control, position);
            last = Some(position);
        }
        if let Some(last) = last {
            self.log.push();
            self.durable(last).await?;
        }
        deciders.version = state.version;
        self.metrics.rules_changed(&deciders.rules);
        self.deciders.store(Arc::new(deciders));
        Ok(last)
    }
}

/// Does what was begun, whoever still waits for it.
async fn carried<T: Send + 'static>(change: impl Future<Output = Result<T, Error>> + Send + 'static) -> Result<T, Error> {
    tokio::spawn(change).await.map_err(|_| Error::Stopped)?
}

/// What decides after some changes. Refuses what cannot be used, and what would leave something unusable that was not `missing` before.
pub(crate) fn after(
    controls: &[Control],
    mut state: State,
    missing: &[String],
    pipeline: &Arc<Pipeline>,
    models: &mut Models<'_>,
) -> Result<Deciders, Error> {
    for control in controls {
        check(control, &state, pipeline)?;
        state.apply(control.clone(), Position(0));
    }
    let named: Vec<String> = controls.iter().flat_map(names_of).collect();
    let (deciders, problems) = Deciders::new(&state, pipeline, models);
    let is_new = |problem: &Problem| named.contains(&problem.what) || !missing.contains(&problem.what);
    match problems.into_iter().find(is_new) {
        Some(problem) => Err(problem.error),
        None => Ok(deciders),
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

/// What of a pipeline file cannot change while the engine runs, where it has.
fn needs_restart(present: &Pipeline, next: &Pipeline) -> Option<&'static str> {
    let model = |pipeline: &Pipeline| (pipeline.model.name.clone(), pipeline.model.review_entity.clone());
    let checks = [
        ("name", present.name == next.name),
        ("[event]", present.schema == next.schema),
        ("[[features]]", present.plan.version() == next.plan.version()),
        ("[model]", model(present) == model(next)),
        ("max_skew", present.max_skew == next.max_skew),
    ];
    checks.into_iter().find(|(_, same)| !same).map(|(what, _)| what)
}

/// What a change names that has to be usable, as a [`Problem`] calls it.
fn names_of(control: &Control) -> Vec<String> {
    match control {
        Control::Promoted { name, version, .. } | Control::Challenged { name, version, .. } => {
            vec![Problem::model(name, *version)]
        }
        Control::Ruled { rules, .. } => rules.iter().map(|rule| Problem::rule(&rule.id)).collect(),
        _ => Vec::new(),
    }
}

fn check(control: &Control, state: &State, pipeline: &Pipeline) -> Result<(), Error> {
    match control {
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
        Control::Promoted { .. }
        | Control::Ruled { .. }
        | Control::Serving { .. }
        | Control::RetrainWanted { .. }
        | Control::Withdrawn { .. }
        | Control::Governed { .. } => {}
    }
    Ok(())
}
