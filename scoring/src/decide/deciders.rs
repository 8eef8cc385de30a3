use std::sync::Arc;

use ingest::Event;
use ingest::log::Position;

use super::loaded::LoadedModel;
use crate::control::{Role, State};
use crate::error::Error;
use crate::lists::Lists;
use crate::pipeline::Pipeline;
use crate::policy::Policy;
use crate::rules::{Names, RuleId, RuleSet};
use crate::shares::Shares;

/// Everything that decides, as of one position of the log. It is made outside the path of decisions and swapped as a whole, so that a
/// decision never sees half of a change.
#[derive(Clone, Debug)]
pub struct Deciders {
    /// What the pipeline file says: definitions, reasons, which lists there are.
    pub pipeline: Arc<Pipeline>,
    /// Every control record before this position is in it, and none after.
    pub version: Position,
    /// The model that decides.
    pub champion: Option<Arc<LoadedModel>>,
    /// The models beside it.
    pub challengers: Vec<Challenger>,
    /// What analysts said.
    pub rules: RuleSet,
    /// Who is blocked, allowed or watched.
    pub lists: Lists,
    /// From score to decision.
    pub policy: Policy,
    /// What control records name and that cannot be used, each as `model card_fraud 3` or `rule r_12`: until nothing is, it is not ready.
    pub missing: Vec<String>,
    /// The number of the entity whose keys challengers share with the champion.
    split_by: usize,
    /// How those keys are divided.
    shares: Shares,
}

/// A model beside the champion.
#[derive(Clone, Debug)]
pub struct Challenger {
    /// The model.
    pub model: Arc<LoadedModel>,
    /// The entities that it decides for, each place a hundredth of them.
    places: Vec<u8>,
}

/// Finds a version of a model.
pub type Models<'a> = dyn FnMut(&str, u32) -> Result<Arc<LoadedModel>, Error> + 'a;

/// Something that control records name and that cannot decide. It is said, and left out.
#[derive(Debug)]
pub struct Problem {
    /// What it is about: `model card_fraud 3`, `rule r_12`.
    pub what: String,
    /// Why it cannot decide.
    pub error: Error,
}

impl Problem {
    /// How it is called when it is about a model.
    pub fn model(name: &str, version: u32) -> String {
        format!("model {name} {version}")
    }

    /// How it is called when it is about a rule.
    pub fn rule(id: &RuleId) -> String {
        format!("rule {id}")
    }
}

impl Deciders {
    /// What a state of control comes to for a pipeline, and what of it cannot be used. `models` finds a version of a model.
    pub fn new(state: &State, pipeline: &Arc<Pipeline>, models: &mut Models<'_>) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut load = |name: &str, version: u32| match models(name, version) {
            Ok(model) => Some(model),
            Err(error) => {
                problems.push(Problem { what: Problem::model(name, version), error });
                None
            }
        };
        let champion = state.champion.as_ref().and_then(|(name, version)| load(name, *version));
        let challenger = |challenger: &crate::control::Challenger| {
            let model = load(&challenger.name, challenger.version)?;
            Some(Challenger { model, places: challenger.places.clone() })
        };
        let challengers = state.challengers.iter().filter_map(challenger).collect();
        let lists = pipeline.list_names();
        let (rules, wrong) = usable_rules(state, &names(pipeline, &lists));
        problems.extend(wrong);
        let deciders = Self {
            pipeline: Arc::clone(pipeline),
            version: state.version,
            champion,
            challengers,
            rules,
            lists: Lists::new(&pipeline.lists, &state.lists),
            policy: state.policy.clone().unwrap_or_else(|| pipeline.policy.clone()),
            missing: problems.iter().map(|problem| problem.what.clone()).collect(),
            split_by: pipeline.schema.entity(&pipeline.model.review_entity).expect("a pipeline has been checked"),
            shares: Shares::of(&pipeline.model.name),
        };
        (deciders, problems)
    }

    /// A version of a model that serves, as the champion or beside it.
    pub fn serving(&self, name: &str, version: u32) -> Option<&Arc<LoadedModel>> {
        let challengers = self.challengers.iter().map(|challenger| &challenger.model);
        let is_it = |model: &&Arc<LoadedModel>| model.artifact.about.name == name && model.version == version;
        self.champion.iter().chain(challengers).find(is_it)
    }

    /// The model that decides about an event: a challenger when the event's entity is in its share, or else the champion.
    pub fn model_for(&self, event: &Event) -> Option<(&LoadedModel, Role)> {
        let champion = self.champion.as_deref()?;
        let key = event.entities[self.split_by].as_deref();
        if let Some(key) = key.filter(|_| self.challengers.iter().any(|challenger| !challenger.places.is_empty())) {
            let place = self.shares.place(key);
            if let Some(challenger) = self.challengers.iter().find(|challenger| challenger.places.contains(&place)) {
                return Some((&challenger.model, Role::Challenger));
            }
        }
        Some((champion, Role::Champion))
    }
}

/// What rules of a pipeline may name; `lists` are the names of its lists.
pub fn names<'a>(pipeline: &'a Pipeline, lists: &'a [String]) -> Names<'a> {
    Names::new(&pipeline.schema, &pipeline.plan, lists)
}

/// The rules that still fit; the others are told.
fn usable_rules(state: &State, names: &Names<'_>) -> (RuleSet, Vec<Problem>) {
    match RuleSet::compile(state.rules.clone(), names) {
        Ok(rules) => (rules, Vec::new()),
        Err(errors) => {
            let is_wrong = |rule: &&crate::rules::Rule| errors.iter().any(|error| *error.rule() == rule.id);
            let fit = state.rules.iter().filter(|rule| !is_wrong(rule)).cloned().collect();
            let rules = RuleSet::compile(fit, names).expect("what was wrong is left out");
            let problem =
                |error: crate::rules::RuleError| Problem { what: Problem::rule(error.rule()), error: Error::Rule(error) };
            (rules, errors.into_iter().map(problem).collect())
        }
    }
}
