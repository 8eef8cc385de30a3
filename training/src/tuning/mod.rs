//! The search for settings: suggestions in rounds, each round cut down by successive halving (Jamieson and Talwalkar, 2016): all its
//! trials are tried on one fold, the better third of them on two, and so on until the best are tried on all. What it decides depends on
//! results alone, never on the clock or on the number of threads, so a search that was stopped goes on from its history.

pub mod page;
pub mod prequential;
pub mod space;
pub mod suggest;

use std::collections::{BTreeMap, HashMap};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

pub use self::space::{Dimension, Range, Value};
use self::suggest::{Seen, suggest};
use evaluation::metrics::Metrics;

/// What is searched, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// The settings.
    pub space: Vec<Dimension>,
    /// How many folds there are; 1 or more.
    pub folds: u32,
    /// What is to be as high as possible.
    pub objective: Objective,
    /// Equal seeds give equal suggestions.
    pub seed: u64,
}

/// What is to be as high as possible: the mean over the folds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// The area under the curve.
    Auc,
    /// Average precision.
    AveragePrecision,
    /// The share of compromised cards among the hundred riskiest of each day.
    CardPrecision100,
}

impl Objective {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Auc, Self::AveragePrecision, Self::CardPrecision100];

    /// Its word on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auc => "auc",
            Self::AveragePrecision => "average_precision",
            Self::CardPrecision100 => "card_precision_100",
        }
    }

    /// What it is for a reader.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Auc => "Area under the curve",
            Self::AveragePrecision => "Average precision",
            Self::CardPrecision100 => "Card precision@100",
        }
    }

    /// Its figure among others; a fold without bad rows says nothing, and so for all trials alike.
    pub fn of(self, metrics: &Metrics) -> f64 {
        self.known(metrics).unwrap_or(0.0)
    }

    /// Its figure among others, where there is one.
    pub const fn known(self, metrics: &Metrics) -> Option<f64> {
        match self {
            Self::Auc => metrics.auc,
            Self::AveragePrecision => metrics.average_precision,
            Self::CardPrecision100 => metrics.card_precision_100,
        }
    }
}

/// What is to be evaluated: a trial's settings on one fold.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// The trial, from 0.
    pub trial: u32,
    /// The fold, from 0.
    pub fold: u32,
    /// The settings by name.
    pub settings: BTreeMap<String, Value>,
}

/// What came of a task: a line of the history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The trial, from 0.
    pub trial: u32,
    /// The fold, from 0.
    pub fold: u32,
    /// The settings by name.
    pub settings: BTreeMap<String, Value>,
    /// On the fold's test rows.
    pub metrics: Metrics,
    /// How long it took.
    pub seconds: f64,
}

/// A trial that has been on all folds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finalist {
    /// The trial, from 0.
    pub trial: u32,
    /// The settings by name.
    pub settings: BTreeMap<String, Value>,
    /// On each fold.
    pub metrics: Vec<Metrics>,
    /// The mean of the objective.
    pub figure: f64,
}

impl Finalist {
    /// The mean of a figure over the folds that have it.
    pub fn mean(&self, of: Objective) -> Option<f64> {
        let known: Vec<f64> = self.metrics.iter().filter_map(|metrics| of.known(metrics)).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    }
}

/// Trials of a round; of each three one goes on.
const ROUND: u32 = 9;
const KEEP_ONE_IN: usize = 3;

/// A trial of a round that goes on.
#[derive(Clone)]
struct Trial {
    number: u32,
    point: Vec<f64>,
}

impl Search {
    /// Runs so many rounds. `evaluate` gets tasks that may be done in any order, and gives their outcomes in the order of the tasks, or
    /// nothing where it is to end now. Gives all trials that have been on all folds, the best first.
    pub fn run<E>(
        &self,
        rounds: u32,
        mut evaluate: impl FnMut(&[Task]) -> Result<Option<Vec<Metrics>>, E>,
    ) -> Result<Vec<Finalist>, E> {
        let mut results = Results { folds: self.folds, objective: self.objective, of: HashMap::new() };
        let mut seen: Vec<Seen> = Vec::new();
        let mut finalists = Vec::new();
        'rounds: for round in 0..rounds {
            let mut random = ChaCha8Rng::seed_from_u64(self.seed);
            random.set_stream(u64::from(round));
            let mut trials: Vec<Trial> = (0..ROUND)
                .map(|place| Trial { number: round * ROUND + place, point: suggest(self.space.len(), &seen, &mut random) })
                .collect();
            let mut done = 0;
            for folds in rungs(self.folds) {
                let tasks = (trials.iter())
                    .flat_map(|trial| (done..folds).map(move |fold| (trial, fold)))
                    .map(|(trial, fold)| self.task(trial, fold))
                    .collect::<Vec<_>>();
                let Some(metrics) = evaluate(&tasks)? else { break 'rounds };
                for (task, metrics) in tasks.iter().zip(metrics) {
                    results.of.insert((task.trial, task.fold), metrics);
                }
                if done == 0 {
                    // Figures of one and the same fold can be compared over all rounds.
                    seen.extend(
                        trials.iter().map(|trial| Seen { point: trial.point.clone(), figure: results.mean(trial.number, folds) }),
                    );
                }
                done = folds;
                if folds < self.folds {
                    trials.sort_by(|a, b| results.mean(b.number, folds).total_cmp(&results.mean(a.number, folds)));
                    trials.truncate(trials.len().div_ceil(KEEP_ONE_IN));
                }
            }
            finalists
                .extend(trials.iter().map(|trial| results.finalist(trial.number, space::settings(&self.space, &trial.point))));
        }
        finalists.sort_by(|a, b| b.figure.total_cmp(&a.figure));
        Ok(finalists)
    }

    fn task(&self, trial: &Trial, fold: u32) -> Task {
        Task { trial: trial.number, fold, settings: space::settings(&self.space, &trial.point) }
    }
}

/// How many folds the trials of a round have been on after each step: one, two, four, … and at last all.
pub(crate) fn rungs(folds: u32) -> Vec<u32> {
    let mut rungs: Vec<u32> = (0..).map(|step| 1 << step).take_while(|rung| *rung < folds).collect();
    rungs.push(folds);
    rungs
}

/// What was measured so far, by trial and fold.
struct Results {
    folds: u32,
    objective: Objective,
    of: HashMap<(u32, u32), Metrics>,
}

impl Results {
    /// The mean of the objective over a trial's first folds.
    fn mean(&self, trial: u32, folds: u32) -> f64 {
        (0..folds).map(|fold| self.objective.of(&self.of[&(trial, fold)])).sum::<f64>() / f64::from(folds)
    }

    fn finalist(&self, trial: u32, settings: BTreeMap<String, Value>) -> Finalist {
        let metrics = (0..self.folds).map(|fold| self.of[&(trial, fold)]).collect();
        Finalist { trial, settings, metrics, figure: self.mean(trial, self.folds) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(folds: u32) -> Search {
        let dimension = |name: &str, range: Range| Dimension { name: name.to_owned(), range };
        let space = vec![dimension("rate", Range::Log(0.01, 1.0)), dimension("leaves", Range::WholeLog(2, 64))];
        Search { space, folds, objective: Objective::AveragePrecision, seed: 1 }
    }

    /// Best at a rate of 0.1 and 16 leaves; later folds are harder.
    fn metrics(task: &Task) -> Metrics {
        let number = |name: &str| task.settings[name].number().unwrap();
        let off = (number("rate") / 0.1).ln().abs() + (number("leaves") / 16.0).ln().abs();
        Metrics { auc: None, average_precision: Some(1.0 - off / 10.0 - f64::from(task.fold) / 20.0), card_precision_100: None }
    }

    #[test]
    fn of_each_round_the_better_go_on_to_more_folds() {
        let mut asked = Vec::new();
        let finalists = search(4)
            .run(2, |tasks| {
                asked.push(tasks.iter().map(|task| task.fold).collect::<Vec<_>>());
                Ok::<_, ()>(Some(tasks.iter().map(metrics).collect()))
            })
            .unwrap();
        let round = [vec![0; 9], vec![1; 3], vec![2, 3]];
        assert_eq!(asked, [round.clone(), round].concat());
        assert_eq!(finalists.len(), 2);
        assert!(finalists[0].figure >= finalists[1].figure);
        assert_eq!(finalists[0].metrics.len(), 4);
        assert_eq!(rungs(1), [1]);
        assert_eq!(rungs(3), [1, 2, 3]);
    }

    #[test]
    fn it_nears_the_best_settings_and_is_repeatable() {
        let run = || search(2).run(12, |tasks| Ok::<_, ()>(Some(tasks.iter().map(metrics).collect()))).unwrap();
        let best = run()[0].clone();
        assert!(best.figure > 0.94, "{best:?}");
        assert_eq!(run()[0], best);
    }

    #[test]
    fn what_ends_early_keeps_what_it_has() {
        let mut left = 4;
        let finalists = search(4)
            .run(5, |tasks| {
                left -= 1;
                Ok::<_, ()>((left >= 0).then(|| tasks.iter().map(metrics).collect()))
            })
            .unwrap();
        assert_eq!(finalists.len(), 1, "the second round was not finished");
        assert_eq!(search(1).run(1, |_| Err("broken")), Err("broken"));
    }
}
