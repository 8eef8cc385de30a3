//! Concept drift, week by week: whether the probabilities of a version still rank, and still mean, what they did in the weeks before. Features
//! may lie where they lay while what follows from them is another thing. Only labels tell, so a week counts when enough of them are in.

mod rules;
#[cfg(test)]
mod tests;
mod weeks;
mod written;

use evaluation::Interval;
use serde::{Deserialize, Serialize};

pub use self::rules::{BadRules, Rules, Thresholds};
pub(super) use self::weeks::concept;
pub use self::weeks::{Moved, Week};
pub use self::written::{Turn, Written};

/// What can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Name {
    /// How well probabilities rank: the area under the curve.
    Auc,
    /// What they mean: bad events over those that they let expect.
    Calibration,
}

impl Name {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Auc, Self::Calibration];

    /// Its word in the warehouse.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auc => "auc",
            Self::Calibration => "calibration",
        }
    }

    /// What is held against thresholds.
    pub const fn statistic(self) -> &'static str {
        match self {
            Self::Auc => "auc_fall",
            Self::Calibration => "calibration_factor",
        }
    }

    const fn without_change(self) -> f64 {
        match self {
            Self::Auc => 0.0,
            Self::Calibration => 1.0,
        }
    }

    /// The statistic of a change: it grows with the harm. A curve that rises harms nobody.
    const fn of(self, change: f64) -> f64 {
        match self {
            Self::Auc => -change,
            Self::Calibration => change.max(1.0 / change),
        }
    }

    /// The lowest and the highest that the statistic is within an interval of the change.
    fn between(self, Interval { lower, upper, .. }: Interval) -> (f64, f64) {
        let [one, other] = [lower, upper].map(|end| self.of(end));
        // A factor counts both ways, and is 1 in between.
        let least = if self == Self::Calibration && (lower..=upper).contains(&1.0) { 1.0 } else { one.min(other) };
        (least, one.max(other))
    }
}
