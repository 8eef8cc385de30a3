//! What counts as a leak.

use serde::{Deserialize, Serialize};

use crate::selection::separation::Side;

/// What counts as a leak.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// From which area under the curve on a feature separates by itself better than an honest one can; above 0.5, at most 1.
    pub auc: f64,
    /// With fewer rows than this a feature can separate by chance as well, unless it does so without a fault.
    pub least_rows: u64,
    /// Likewise with fewer bad rows than this, or fewer good ones.
    pub least_of_label: u64,
    /// With fewer rows than this it can do so without a fault, too.
    pub least_rows_if_perfect: u64,
    /// Likewise with fewer bad rows than this, or fewer good ones.
    pub least_of_label_if_perfect: u64,
    /// From which correlation with the label on (Matthews and Pearson, 0 to 1) a feature of two values is nearly a copy.
    pub agreement: f64,
    /// That a feature is the same in all rows of one label says something from so many of these on.
    pub least_rows_of_one_label: u64,
    /// And when at least this share of the rows of the other label have it otherwise; above 0, at most 1.
    pub otherwise: f64,
    /// How well a feature separates in the oldest half, at least, so that a fall is looked at: above 0.5, at most 1.
    pub auc_before: f64,
    /// How much of its lead over 0.5 is left in the last days at most when it is known only later; 0 to 1.
    pub left: f64,
    /// How many days the last days are, at least.
    pub last_days: u32,
    /// How many bad rows the last days have, at least, and how many good ones; more days are taken until they do.
    pub least_rows_of_last_days: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            auc: 0.995,
            least_rows: 500,
            least_of_label: 50,
            least_rows_if_perfect: 200,
            least_of_label_if_perfect: 20,
            agreement: 0.97,
            least_rows_of_one_label: 500,
            otherwise: 0.5,
            auc_before: 0.75,
            left: 1.0 / 3.0,
            last_days: 2,
            least_rows_of_last_days: 30,
        }
    }
}

impl Settings {
    /// Whether so many rows tell a leak from chance.
    pub(super) fn is_enough(&self, all: Side, is_perfect: bool) -> bool {
        let (rows, of_label) = match is_perfect {
            true => (self.least_rows_if_perfect, self.least_of_label_if_perfect),
            false => (self.least_rows, self.least_of_label),
        };
        all.rows() >= rows as f64 && all.bad.min(all.good) >= of_label as f64
    }

    /// Whether every setting is in its range.
    pub fn check(&self) -> Result<(), Error> {
        let is_area = |auc: f64| auc > 0.5 && auc <= 1.0;
        let is_share = |share: f64| share > 0.0 && share <= 1.0;
        let out = [
            ("auc", is_area(self.auc)),
            ("least_of_label", self.least_of_label > 0),
            ("least_of_label_if_perfect", self.least_of_label_if_perfect > 0),
            ("agreement", is_share(self.agreement)),
            ("least_rows_of_one_label", self.least_rows_of_one_label > 0),
            ("otherwise", is_share(self.otherwise)),
            ("auc_before", is_area(self.auc_before)),
            ("left", (0.0..=1.0).contains(&self.left)),
            ("last_days", self.last_days > 0),
            ("least_rows_of_last_days", self.least_rows_of_last_days > 0),
        ];
        out.iter().find(|(_, is_right)| !is_right).map_or(Ok(()), |(setting, _)| Err(Error { setting }))
    }
}

/// A setting that is out of its range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the setting {setting} of leaks is out of its range")]
pub struct Error {
    /// The setting.
    pub setting: &'static str,
}
