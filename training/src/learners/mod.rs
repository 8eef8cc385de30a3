//! What learns: weighted sums, forests, boosting and what needs no labels, behind one door. A learner sees numbers, labels and weights,
//! never an event; what it makes is a model that scoring runs as it is.

mod bad_weight;
pub mod boosting;
pub mod extra_trees;
pub mod forest;
pub mod isolation;
pub mod logistic;
pub mod naive_bayes;
mod newton;
pub mod scorecard;
pub mod svm;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;

use scoring::model::Calibration;
use scoring::{Model, Scorer};
use serde::{Deserialize, Serialize};

pub use self::bad_weight::BadWeight;
use self::boosting::Direction;
use crate::matrix::{self, Matrix};
use crate::preparation::{Cut, Prepared, prepare, prepare_bins};
use crate::sampling::GoodShare;

/// A way to learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Learner {
    /// A logistic regression on standardised features.
    Logistic,
    /// A logistic regression on weights of evidence, whose risk goes one way along every feature: a table of points.
    Scorecard,
    /// A random forest.
    Forest,
    /// Trees with random thresholds.
    ExtraTrees,
    /// Gradient-boosted trees.
    Boosting,
    /// Naive Bayes, a weighted sum.
    NaiveBayes,
    /// A linear support vector machine.
    Svm,
    /// An isolation forest, which says how strange a row is and needs no labels.
    Isolation,
}

impl Learner {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Logistic,
        Self::Scorecard,
        Self::Forest,
        Self::ExtraTrees,
        Self::Boosting,
        Self::NaiveBayes,
        Self::Svm,
        Self::Isolation,
    ];
    /// Those that learn where nobody says which, from the plainest on.
    pub const DEFAULT: [Self; 3] = [Self::Logistic, Self::Forest, Self::Boosting];

    /// Its word on the command line, in pipeline files and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Logistic => "logistic",
            Self::Scorecard => "scorecard",
            Self::Forest => "forest",
            Self::ExtraTrees => "extra_trees",
            Self::Boosting => "boosting",
            Self::NaiveBayes => "naive_bayes",
            Self::Svm => scoring::registry::SVM,
            Self::Isolation => "isolation",
        }
    }

    /// Whether it learns from labels, and cannot from rows of one label.
    pub const fn is_supervised(self) -> bool {
        !matches!(self, Self::Isolation)
    }

    /// Learns from the rows, prepared as the settings say; what was fitted to them goes with the model. Its probability is not calibrated.
    /// Equal rows and an equal seed give an equal scorer, on any number of threads.
    pub fn learn(self, matrix: &Matrix, settings: &Settings, seed: u64, threads: usize) -> Result<Scorer, Error> {
        let prepared = match self {
            Self::Logistic => prepare(settings.logistic.preparation, matrix)?,
            Self::Scorecard => {
                settings.scorecard.check()?;
                Some(prepare_bins(matrix, |feature| settings.cut(feature))?)
            }
            _ => None,
        };
        let Some(Prepared { preparation, matrix, is_on_scale }) = prepared else {
            return Ok(Scorer::plain(self.fit(matrix, settings, seed, threads)?));
        };
        let logistic = logistic::Settings { kept: is_on_scale, ..settings.logistic.clone() };
        let model = self.fit(&matrix, &Settings { logistic, ..settings.clone() }, seed, threads)?;
        Ok(Scorer { preparation: Some(preparation), model, calibration: Calibration::Identity })
    }

    /// Learns from the rows as they are. Equal rows and an equal seed give an equal model, on any number of threads.
    pub(crate) fn fit(self, matrix: &Matrix, settings: &Settings, seed: u64, threads: usize) -> Result<Model, Error> {
        let weighted = if self.is_supervised() { settings.bad_weight.weigh(matrix)? } else { None };
        let matrix = weighted.as_ref().unwrap_or(matrix);
        Ok(match self {
            Self::Logistic => Model::Linear(logistic::fit(matrix, &logistic::Settings { threads, ..settings.logistic.clone() })?),
            Self::Scorecard => Model::Linear(scorecard::fit(matrix, &settings.scorecard, threads)?),
            Self::Forest => Model::Trees(forest::fit(matrix, &settings.forest, seed, threads)?),
            Self::ExtraTrees => Model::Trees(extra_trees::fit(matrix, &settings.extra_trees, seed, threads)?),
            Self::NaiveBayes => Model::Linear(naive_bayes::fit(matrix, &settings.naive_bayes)?),
            Self::Svm => Model::Linear(svm::fit(matrix, &settings.svm, threads)?),
            Self::Isolation => Model::Trees(isolation::fit(matrix, &settings.isolation, seed, threads)?),
            Self::Boosting => {
                let directions = settings.directions_of(matrix.names());
                Model::Trees(boosting::fit(
                    matrix,
                    &boosting::Settings { directions, seed, threads, ..settings.boosting.clone() },
                )?)
            }
        })
    }
}

/// How each learner learns, and what is known of the features beforehand: the table `[training]` of a pipeline file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// For the logistic regression.
    pub logistic: logistic::Settings,
    /// For the scorecard.
    pub scorecard: scorecard::Settings,
    /// For the forest.
    pub forest: forest::Settings,
    /// For trees with random thresholds.
    pub extra_trees: extra_trees::Settings,
    /// For boosting.
    pub boosting: boosting::Settings,
    /// For naive Bayes.
    pub naive_bayes: naive_bayes::Settings,
    /// For the support vector machine.
    pub svm: svm::Settings,
    /// For the isolation forest.
    pub isolation: isolation::Settings,
    /// How the risk may depend on a feature, by its name. Boosting and scorecards keep to it exactly; the other learners cannot.
    pub directions: BTreeMap<String, Direction>,
    /// The words that a feature's numbers are the places of, by its name: known from the pipeline.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub categories: BTreeMap<String, Vec<String>>,
    /// How much more a bad row counts than a good one.
    pub bad_weight: BadWeight,
    /// How many of the good rows are learned from.
    pub sample_good: GoodShare,
}

impl Settings {
    /// Whether every setting is in its range.
    pub fn check(&self) -> Result<(), Error> {
        self.bad_weight.check()?;
        self.sample_good.check()?;
        self.logistic.check()?;
        self.scorecard.check()?;
        self.forest.check()?;
        self.extra_trees.check()?;
        self.boosting.check()?;
        self.naive_bayes.check()?;
        self.svm.check()?;
        self.isolation.check()
    }

    /// Those of one learner, with the seed, the condition on the rows and what is known of the features, as an artifact keeps them.
    pub fn of(&self, learner: Learner, seed: u64, condition: Option<&str>) -> serde_json::Value {
        let all = serde_json::to_value(self).expect("settings are plain data");
        serde_json::json!({
            "seed": seed,
            "where": condition,
            "directions": all["directions"],
            "bad_weight": all["bad_weight"],
            "sample_good": all["sample_good"],
            learner.name(): all[learner.name()],
        })
    }

    /// How a scorecard cuts a feature.
    fn cut(&self, feature: &str) -> Cut<'_> {
        match self.categories.get(feature) {
            Some(words) => Cut::Words(words),
            None => {
                let binning = self.scorecard.binning(self.directions.get(feature).copied().unwrap_or_default());
                Cut::Numbers(binning, self.scorecard.special.get(feature).map_or(&[], Vec::as_slice))
            }
        }
    }

    /// The direction of each feature; none where all are free.
    fn directions_of(&self, features: &[String]) -> Vec<Direction> {
        let direction = |feature| self.directions.get(feature).copied().unwrap_or_default();
        let directions: Vec<Direction> = features.iter().map(direction).collect();
        if directions.iter().all(|direction| *direction == Direction::Free) { Vec::new() } else { directions }
    }
}

/// Why nothing could be learned.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Rows of one label teach nothing.
    #[error("all {rows} rows have the label {label}")]
    OneLabel {
        /// How many rows there are.
        rows: usize,
        /// Their label.
        label: &'static str,
    },
    /// The prepared features are more than can be learned from.
    #[error("the prepared features cannot be learned from")]
    Prepared(#[from] matrix::Error),
    /// It gives margins, and too few bad rows to make probabilities of them.
    #[error(
        "{learner} ranks only, and too few bad rows say what its ranks mean: calibration needs some ten in each two thirds of the entities"
    )]
    Uncalibrated {
        /// The learner.
        learner: &'static str,
    },
    /// smartcore failed.
    #[error("the forest did not grow")]
    Forest(#[source] smartcore::error::Failed),
    /// The rows that are watched have other features.
    #[error("the rows to watch have other features than those to learn from")]
    Watched,
    /// A setting that is out of its range.
    #[error("the setting {name} of {learner} is out of its range")]
    Setting {
        /// The learner.
        learner: &'static str,
        /// The setting.
        name: &'static str,
    },
}

fn require_both_labels(matrix: &Matrix) -> Result<(), Error> {
    match (matrix.bad(), matrix.rows()) {
        (0, rows) => Err(Error::OneLabel { rows, label: "legit" }),
        (bad, rows) if bad == rows => Err(Error::OneLabel { rows, label: "fraud" }),
        _ => Ok(()),
    }
}
