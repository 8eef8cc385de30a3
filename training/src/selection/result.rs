//! What is known of each feature, and what follows from it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What is known of all features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Selection {
    /// Rows.
    pub rows: u64,
    /// Bad ones among them.
    pub bad: u64,
    /// The rows on which correlations were measured: all, or as many as were drawn.
    pub correlation_rows: u64,
    /// The rows on which the model was asked: all, or as many as were drawn; `None` without a model.
    pub importance_rows: Option<u64>,
    /// The model's area under the curve on these rows with nothing shuffled, 0 to 1; `None` without a model.
    pub auc: Option<f64>,
    /// The model's average precision, 0 to 1, likewise. Where rows were drawn, good ones count as many times as they stand for.
    pub average_precision: Option<f64>,
    /// The periods in which stability was measured, in the order of time; empty where there are fewer than two.
    pub periods: Vec<Period>,
    /// The features, in the order of the matrix.
    pub features: Vec<Feature>,
    /// Features that say the same, two or more each, in the order of their first ones.
    pub clusters: Vec<Cluster>,
}

/// Some days in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// Its first day.
    pub first_day: i32,
    /// Its last day; included.
    pub last_day: i32,
    /// Rows.
    pub rows: u64,
    /// Bad ones among them.
    pub bad: u64,
}

/// What is known of a feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    /// Its name.
    pub name: String,
    /// What it tells of the label when it is cut into bins, in nats, 0 or more: see [`Evidence`](scoring::model::preparation::Evidence).
    /// Of a feature that has one value in nearly all rows that of this value against those below and above it, where that is
    /// more.
    pub information_value: f64,
    /// The information value that a feature with these values can have by chance: the mean over shuffled labels and three
    /// standard deviations, in nats. 0 when that was not measured.
    pub chance_information: f64,
    /// How well it separates alone, 0.5 to 1: the area under the curve in its better direction, missing values on the better
    /// side.
    pub auc: f64,
    /// The standard error of that area after DeLong; `None` with fewer than two bad rows, or two good ones. It knows nothing of
    /// the choice of the direction, so that of a feature that tells nothing the area may lie a little further above 0.5.
    pub auc_error: Option<f64>,
    /// Whether higher values are riskier.
    pub rises: bool,
    /// The share of the rows in which it is missing, 0 to 1.
    pub missing: f64,
    /// How many values it has; missing is none.
    pub distinct: u64,
    /// How it keeps over time; `None` when there are fewer than two periods.
    pub stability: Option<Stability>,
    /// What the model loses without it; `None` without a model.
    pub importance: Option<Importance>,
    /// What follows.
    pub verdict: Verdict,
}

impl Feature {
    /// Whether all rows have the same value, or none has one.
    pub fn is_constant(&self) -> bool {
        self.distinct == 0 || self.distinct == 1 && self.missing == 0.0
    }

    /// Whether it is worth keeping.
    pub fn is_kept(&self) -> bool {
        self.verdict == Verdict::Kept
    }
}

/// How a feature keeps over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stability {
    /// The population stability index of each period after the first, against the first, 0 or more: deciles of the first period,
    /// a bin of its own for missing values, half a row added to each bin.
    pub psi: Vec<f64>,
    /// What chance gives at most in 99 of 100 such periods: below it an index says nothing.
    pub psi_by_chance: Vec<f64>,
    /// The largest index.
    pub largest_psi: f64,
    /// Their mean.
    pub mean_psi: f64,
    /// The area under the curve in each period, 0 to 1, of the rows that have a value: above 0.5 where higher is riskier. `None`
    /// in a period with too few bad rows, or good ones.
    pub auc: Vec<Option<f64>>,
    /// How often the direction turns round, from one period with a clear direction to the next one: 0.03 from 0.5 or more, and
    /// three standard errors.
    pub turns: u32,
}

/// What a model loses when the values of a feature are shuffled among the rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Importance {
    /// Area under the curve.
    pub auc: Loss,
    /// Average precision.
    pub average_precision: Loss,
}

/// A loss over several shufflings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loss {
    /// The mean, -1 to 1; below zero when the model does better without.
    pub mean: f64,
    /// Its standard error: what the luck of shuffling makes of it, not that of the rows.
    pub error: f64,
}

/// Features that say the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// Their names, in the order of the matrix.
    pub features: Vec<String>,
    /// The one that stands for all: that with the highest information value of those that nothing else speaks against.
    pub representative: String,
    /// The least rank correlation between two of them, without its sign, 0 to 1.
    pub weakest: f64,
    /// What the model loses when all of them are shuffled alike; `None` without a model.
    pub importance: Option<Importance>,
}

/// What follows for a feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is worth keeping.
    Kept,
    /// It is not.
    Dropped(Reason),
}

/// Why a feature is dropped: the first of these that holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// All rows have the same value, or none has one.
    Constant,
    /// Its values are not as they were in the first period, or its direction turns round. That holds for the calendar and for the
    /// economy, too.
    Unstable,
    /// By itself it tells too little of the label, or no more than chance would; and the model, if there is one, does as well
    /// without.
    LowInformation,
    /// Another one says the same.
    Redundant {
        /// The other.
        with: String,
        /// Their rank correlation, -1 to 1.
        correlation: f64,
    },
    /// The model loses nothing without it, nor without those that say the same.
    DoesNotHelp,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept => f.write_str("kept"),
            Self::Dropped(Reason::Constant) => f.write_str("constant"),
            Self::Dropped(Reason::Unstable) => f.write_str("unstable"),
            Self::Dropped(Reason::LowInformation) => f.write_str("low information"),
            Self::Dropped(Reason::Redundant { with, .. }) => write!(f, "redundant with {with}"),
            Self::Dropped(Reason::DoesNotHelp) => f.write_str("does not help"),
        }
    }
}
