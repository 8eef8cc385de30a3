//! Changes of what decides: checked before they are recorded, recorded before they hold, one after another. Each is carried through even
//! when the caller goes away in between: in the log but not in memory, it would hold from the next start on only. A model that one names
//! is made ready before it is its turn, so that no other change waits for a registry; whether it may be used is checked in its turn.

use std::sync::Arc;

use ingest::Timestamp;
use ingest::log::Position;
use tokio::sync::MutexGuard;

use super::Engine;
use crate::control::{Control, Experiment, Flaw, State, declared};
use crate::decide::{Deciders, LoadedModel, Models, Problem};
use crate::error::Error;
use crate::pipeline::Pipeline;
use crate::registry::Registry;

/// The share of entities that challengers may decide for together, in percent.
const MOST_SHARED: u32 = 99;

/// A version of a model that a change names, and whether it is ready.
pub(super) type Loaded = ((String, u32), Result<Arc<LoadedModel>, Error>);

impl Engine {
    /// What control records come to as of the last change that is durable.
    pub fn control(&self) -> Arc<State> {
        self.held.load_full()
    }

    /// Makes a version of a model champion, from the next decision on.
    pub async fn promote(self: &Arc<Self>, name: &str, version: u32, by: &str, reason: &str) -> Result<Position, Error> {
        let (name, by, reason, at) = (name.to_owned(), by.to_owned(), reason.to_owned(), self.now());
        self.change(Control::Promoted { name, version, by, reason, at }).await
    }

    /// Says in the log that the model is to be trained anew; who follows the log does it. Nothing that decides changes.
    pub async fn want_retraining(self: &Arc<Self>, by: &str, reason: &str) -> Result<Position, Error> {
        self.change(Control::RetrainWanted { by: by.to_owned(), reason: reason.to_owned(), at: self.now() }).await
    }

    /// Changes what decides, from the next decision on. The change is refused when it names a model that cannot be loaded, a rule that is
    /// wrong, or a list that there is not; then nothing is recorded.
    pub async fn change(self: &Arc<Self>, control: Control) -> Result<Position, Error> {
        let position = self.change_all(vec![control]).await?;
        Ok(position.expect("a change was recorded"))
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
            let (count, policies) = (records.len(), pipeline.alerts.clone());
            engine.take(&mut state, Arc::new(pipeline), records, Vec::new()).await?;
            Ok(count + usize::from(engine.declare_alerts(&policies).await?))
        })
        .await
    }

    /// As [`Engine::change`], several at once: all of them hold from the same decision on, or none is recorded, unless the program ends in
    /// between: then [`Control::in_parts`] is what holds as a whole. The position of the last one.
    pub async fn change_all(self: &Arc<Self>, controls: Vec<Control>) -> Result<Option<Position>, Error> {
        let engine = Arc::clone(self);
        carried(async move {
            let ready = engine.ready(engine.lacking(&controls)).await;
            let mut state = engine.control.lock().await;
            engine.take(&mut state, engine.present_pipeline(), controls, ready).await
        })
        .await
    }

    /// Gives the champion's place back to the one before it, from the next decision on: what decided before was agreed to, so one person, or
    /// a guardrail, is enough.
    pub async fn roll_back(self: &Arc<Self>, by: &str, reason: &str) -> Result<Returned, Error> {
        self.roll_back_from(None, by, reason).await
    }

    /// The same, if this is still the champion's version.
    pub(super) async fn roll_back_from(
        self: &Arc<Self>,
        expected: Option<u32>,
        by: &str,
        reason: &str,
    ) -> Result<Returned, Error> {
        let (engine, by, reason) = (Arc::clone(self), by.to_owned(), reason.to_owned());
        carried(async move {
            let former = engine.control().former.last().cloned();
            let ready = engine.ready(former.into_iter().collect()).await;
            let mut state = engine.control.lock().await;
            let champion = state.champion.clone().filter(|(_, version)| expected.is_none_or(|expected| expected == *version));
            let (Some((_, version)), Some((name, to))) = (champion, state.former.last().cloned()) else {
                return Err(Error::NoFormer);
            };
            let returned = Returned { name: name.clone(), version: to, instead_of: version };
            let control = Control::RolledBack { name, version, to, by, reason, at: engine.now() };
            engine.take(&mut state, engine.present_pipeline(), vec![control], ready).await?;
            Ok(returned)
        })
        .await
    }

    pub(super) fn present_pipeline(&self) -> Arc<Pipeline> {
        Arc::clone(&self.deciders.load().pipeline)
    }

    /// The versions of models that changes name and that do not serve: they have to be made ready.
    pub(super) fn lacking(&self, controls: &[Control]) -> Vec<(String, u32)> {
        let present = self.deciders.load();
        let named = controls.iter().flat_map(models_of);
        named.filter(|(name, version)| present.serving(name, *version).is_none()).collect()
    }

    /// Versions of models, made ready while nobody holds what they will change; or why they cannot be, which [`Engine::take`] says where
    /// it comes to that.
    pub(super) async fn ready(&self, versions: Vec<(String, u32)>) -> Vec<Loaded> {
        if versions.is_empty() {
            return Vec::new();
        }
        let (present, registry) = (self.deciders.load_full(), Arc::clone(&self.registry));
        let made = tokio::task::spawn_blocking(move || {
            let model = |(name, version): (String, u32)| {
                let made = load(&present, &*registry, &name, version, &present.pipeline);
                ((name, version), made)
            };
            versions.into_iter().map(model).collect()
        });
        made.await.unwrap_or_default()
    }

    /// The state again, which nobody holds while models are made ready that changes name and that do not serve. What the changes rest on
    /// is checked when they are taken.
    pub(super) async fn with_models<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        controls: &[Control],
    ) -> (MutexGuard<'a, State>, Vec<Loaded>) {
        let lacking = self.lacking(controls);
        if lacking.is_empty() {
            return (state, Vec::new());
        }
        drop(state);
        let ready = self.ready(lacking).await;
        (self.control.lock().await, ready)
    }

    /// What would decide after some changes, with models that were made `ready` for them. Refuses what cannot be used, and what would
    /// leave something unusable that was not so before.
    pub(super) async fn try_out(
        &self,
        state: &State,
        pipeline: Arc<Pipeline>,
        controls: &[Control],
        mut ready: Vec<Loaded>,
    ) -> Result<Deciders, Error> {
        let (present, registry) = (self.deciders.load_full(), Arc::clone(&self.registry));
        let (before, wanted) = (state.clone(), controls.to_vec());
        let made = tokio::task::spawn_blocking(move || {
            let mut models = |name: &str, version: u32| {
                // One that has come to serve meanwhile keeps what it has counted.
                if let Some(model) = present.serving(name, version) {
                    return Ok(Arc::clone(model));
                }
                let made = ready.iter().position(|((known, of), _)| known == name && *of == version);
                match made.map(|place| (place, &ready[place].1)) {
                    Some((_, Ok(model))) => Ok(Arc::clone(model)),
                    Some((place, Err(_))) => ready.swap_remove(place).1,
                    None => load(&present, &*registry, name, version, &pipeline),
                }
            };
            after(&wanted, before, &present.missing, &pipeline, &mut models)
        });
        made.await.map_err(|_| Error::Stopped)?
    }

    /// Makes what decides after some changes, records them, and swaps; the position of the last one.
    pub(super) async fn take(
        &self,
        state: &mut State,
        pipeline: Arc<Pipeline>,
        controls: Vec<Control>,
        ready: Vec<Loaded>,
    ) -> Result<Option<Position>, Error> {
        let mut deciders = self.try_out(state, pipeline, &controls, ready).await?;
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
        self.held.store(Arc::new(state.clone()));
        Ok(last)
    }
}

/// A champion that has its place back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returned {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// The version that decided until now.
    pub instead_of: u32,
}

/// Does what was begun, whoever still waits for it.
pub(super) async fn carried<T: Send + 'static>(
    change: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
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
) -> Result<Arc<LoadedModel>, Error> {
    match present.serving(name, version) {
        Some(model) => Ok(Arc::clone(model)),
        None => LoadedModel::load(registry, name, version, pipeline),
    }
}

/// What of a pipeline file cannot change while the engine runs, where it has.
fn needs_restart(present: &Pipeline, next: &Pipeline) -> Option<&'static str> {
    let model = |pipeline: &Pipeline| (pipeline.model.name.clone(), pipeline.model.review_entity.clone());
    let checks = [
        ("name", present.name == next.name),
        ("[event]", present.schema == next.schema),
        ("[credit]", present.credit == next.credit),
        ("[[features]]", present.plan.version() == next.plan.version()),
        ("[model]", model(present) == model(next)),
        ("max_skew", present.max_skew == next.max_skew),
    ];
    checks.into_iter().find(|(_, same)| !same).map(|(what, _)| what)
}

/// What a change names that has to be usable, as a [`Problem`] calls it.
fn names_of(control: &Control) -> Vec<String> {
    match control {
        Control::Ruled { rules, .. } => rules.iter().map(|rule| Problem::rule(&rule.id)).collect(),
        Control::Approved { changes, .. } | Control::Part { changes, .. } | Control::Explained { changes, .. } => {
            changes.iter().flat_map(names_of).collect()
        }
        _ => models_of(control).iter().map(|(name, version)| Problem::model(name, *version)).collect(),
    }
}

/// The versions of models that a change names and that have to be usable.
fn models_of(control: &Control) -> Vec<(String, u32)> {
    match control {
        Control::Promoted { name, version, .. } | Control::Challenged { name, version, .. } => vec![(name.clone(), *version)],
        Control::RolledBack { name, to, .. } => vec![(name.clone(), *to)],
        Control::Experimented { experiments, .. } => {
            experiments.iter().map(|experiment| (experiment.model.clone(), experiment.challenger)).collect()
        }
        Control::Approved { changes, .. } | Control::Part { changes, .. } | Control::Explained { changes, .. } => {
            changes.iter().flat_map(models_of).collect()
        }
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
            not_in_experiment(name, *version, state)?;
            check_share(name, *version, *share_percent, state)?;
            not_champion(name, *version, state)?;
        }
        Control::Withdrawn { name, version, .. } => {
            not_in_experiment(name, *version, state)?;
            // A champion that is one as well, by a log of before, comes out of it.
            if state.challenger(name, *version).is_none() {
                not_champion(name, *version, state)?;
                return Err(Error::Role { what: format!("{name} {version} is no challenger") });
            }
        }
        Control::Experimented { experiments, at, .. } => {
            for experiment in experiments {
                check_experiment(experiment, state, *at)?;
                check_share(&experiment.model, experiment.challenger, experiment.share_percent, state)?;
            }
        }
        Control::Approved { changes, .. } | Control::Part { changes, .. } | Control::Explained { changes, .. } => {
            let mut state = state.clone();
            for change in changes {
                check(change, &state, pipeline)?;
                state.apply(change.clone(), Position(0));
            }
        }
        Control::Concluded { name, .. } => {
            if state.experiments.iter().all(|course| course.experiment.name != *name || course.ended.is_some()) {
                return Err(Error::Experiment { name: name.clone(), field: "experiment", what: "it does not run".to_owned() });
            }
        }
        Control::Governed { policy, .. } => {
            policy.check().map_err(|what| Error::Policy { what })?;
            if pipeline.credit.is_some() {
                policy.gives_reasons().map_err(|what| Error::Policy { what })?;
            }
        }
        Control::Ruled { rules, .. } => {
            if let Some(rule) = rules.iter().find(|rule| pipeline.credit.is_some() && rule.lacks_reason()) {
                return Err(Error::NoReason { rule: rule.id.clone() });
            }
        }
        Control::Promoted { .. }
        | Control::Declared { .. }
        | Control::Serving { .. }
        | Control::RetrainWanted { .. }
        | Control::RolledBack { .. }
        | Control::Guarded { .. }
        | Control::Proposed { .. }
        | Control::Rejected { .. }
        | Control::Recalled { .. }
        | Control::Alerts { .. } => {}
    }
    Ok(())
}

/// Refuses shares that leave the champion nothing.
fn check_share(name: &str, version: u32, share_percent: u8, state: &State) -> Result<(), Error> {
    let others = state.challengers.iter().filter(|each| each.name != name || each.version != version);
    let percent = u32::from(share_percent) + others.map(|each| u32::from(each.share_percent())).sum::<u32>();
    if percent > MOST_SHARED { Err(Error::Share { percent }) } else { Ok(()) }
}

/// Who decides is no challenger of its own, and does not go without another in its place.
fn not_champion(name: &str, version: u32, state: &State) -> Result<(), Error> {
    let is_champion = state.champion.as_ref().is_some_and(|(champion, at)| champion == name && *at == version);
    let what = || format!("{name} {version} is the champion: promote another, or go back to the one before");
    if is_champion { Err(Error::Role { what: what() }) } else { Ok(()) }
}

/// A model in an experiment keeps its share until that ends.
fn not_in_experiment(name: &str, version: u32, state: &State) -> Result<(), Error> {
    let Some(course) = state.running(name, version) else { return Ok(()) };
    let what = format!("it runs with {name} {version}: end it first");
    Err(Error::Experiment { name: course.experiment.name.clone(), field: "experiment", what })
}

fn check_experiment(experiment: &Experiment, state: &State, now: Timestamp) -> Result<(), Error> {
    let Experiment { name, model, champion, challenger, .. } = experiment;
    let fail = |field: &'static str, what: String| Err(Error::Experiment { name: name.clone(), field, what });
    if let Err(Flaw { field, what }) = experiment.check(now) {
        return fail(field, what);
    }
    if state.experiments.iter().any(|course| course.experiment.name == *name) {
        return fail("name", "there was one of this name: names are for good".to_owned());
    }
    match &state.champion {
        Some((name, version)) if (name, version) == (model, champion) => {}
        Some((name, version)) => return fail("champion", format!("the champion is {name} {version}, not {model} {champion}")),
        None => return fail("champion", "there is no champion to compare with".to_owned()),
    }
    match state.running(model, *challenger) {
        Some(course) => fail("challenger", format!("{model} {challenger} is in experiment `{}` already", course.experiment.name)),
        None => Ok(()),
    }
}
