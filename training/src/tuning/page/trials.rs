//! The trials of a search, put together from its outcomes.

use std::collections::BTreeMap;

use super::super::{Finalist, Objective, Outcome, Search, Value, rungs};

/// A trial with what it reached on each fold, from the first on.
pub(super) struct Trial<'a> {
    pub(super) number: u32,
    pub(super) settings: &'a BTreeMap<String, Value>,
    /// The objective on the folds that it has been on, in their order.
    pub(super) figures: Vec<f64>,
}

impl Trial<'_> {
    /// On the first fold, which all trials have been on.
    pub(super) fn first(&self) -> f64 {
        self.figures[0]
    }

    /// The mean over the first folds; nothing where it has not been on all of those.
    pub(super) fn mean(&self, folds: u32) -> Option<f64> {
        let figures = self.figures.get(..folds as usize)?;
        Some(figures.iter().sum::<f64>() / f64::from(folds))
    }
}

/// All of them.
pub(super) struct Trials<'a> {
    search: &'a Search,
    all: Vec<Trial<'a>>,
    finalists: &'a [Finalist],
    seconds: f64,
}

impl<'a> Trials<'a> {
    /// The trials of outcomes in any order; one without its first fold is none yet.
    pub(super) fn new(search: &'a Search, outcomes: &'a [Outcome], finalists: &'a [Finalist]) -> Self {
        let mut by_trial: BTreeMap<u32, BTreeMap<u32, &Outcome>> = BTreeMap::new();
        for outcome in outcomes {
            by_trial.entry(outcome.trial).or_default().insert(outcome.fold, outcome);
        }
        let trial = |(number, folds): (u32, BTreeMap<u32, &'a Outcome>)| {
            let settings = &folds.get(&0)?.settings;
            let in_order = (0..).map_while(|fold| folds.get(&fold));
            let figures = in_order.map(|outcome| search.objective.of(&outcome.metrics)).collect();
            Some(Trial { number, settings, figures })
        };
        let all = by_trial.into_iter().filter_map(trial).collect();
        Self { search, all, finalists, seconds: outcomes.iter().map(|outcome| outcome.seconds).sum() }
    }

    /// In the order of their numbers.
    pub(super) fn all(&self) -> &[Trial<'a>] {
        &self.all
    }

    /// The best first.
    pub(super) const fn finalists(&self) -> &'a [Finalist] {
        self.finalists
    }

    /// The best of the finalists.
    pub(super) fn best(&self) -> Option<&'a Finalist> {
        self.finalists.first()
    }

    pub(super) fn is_finalist(&self, trial: u32) -> bool {
        self.finalists.iter().any(|finalist| finalist.trial == trial)
    }

    pub(super) const fn search(&self) -> &'a Search {
        self.search
    }

    pub(super) const fn objective(&self) -> Objective {
        self.search.objective
    }

    /// How long all of it took, if it had been done one after another.
    pub(super) const fn seconds(&self) -> f64 {
        self.seconds
    }

    /// How many folds trials have been on when they were compared.
    pub(super) fn rungs(&self) -> Vec<u32> {
        rungs(self.search.folds)
    }
}
