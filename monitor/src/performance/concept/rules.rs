//! From where on it is told.

use serde::Deserialize;

use super::Name;
use crate::drift::Hysteresis;

/// From where on concept drift is told: the table `[monitoring.performance.concept]`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// From which fall of the area under the curve on it is watched, and has drifted; 0 to 1.
    pub auc_fall: Thresholds,
    /// From which factor on, up or down, between bad events and those that probabilities let expect it is watched, and has drifted; above 1.
    pub calibration_factor: Thresholds,
    /// The share of chance that is borne among what is told, 0 to 1.
    pub false_discovery_rate: f64,
    /// Fewer bad events on a side say nothing.
    pub minimum_bad: u64,
    /// How many weeks have to agree.
    pub hysteresis: Hysteresis,
}

/// Two values of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// From here on it is watched.
    pub watch: f64,
    /// From here on it has drifted.
    pub drift: f64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            auc_fall: Thresholds { watch: 0.02, drift: 0.05 },
            calibration_factor: Thresholds { watch: 1.25, drift: 1.5 },
            false_discovery_rate: 0.01,
            minimum_bad: 30,
            hysteresis: Hysteresis::default(),
        }
    }
}

/// Rules that contradict themselves.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BadRules {
    /// The thresholds are no rising numbers above what no change is.
    #[error("`watch` is {watch} and `drift` is {drift} of `{figure}`: they must be above {none}, and `drift` not below `watch`")]
    Thresholds {
        /// Of which figure.
        figure: &'static str,
        /// From where on it is watched.
        watch: f64,
        /// From where on it has drifted.
        drift: f64,
        /// What it is where nothing has changed.
        none: f64,
    },
    /// A rate that is none.
    #[error("`false_discovery_rate` is {0}: it must be above 0 and below 1")]
    Rate(f64),
    /// Nothing can be said without bad events.
    #[error("`minimum_bad` is 0: it must be at least 1")]
    Minimum,
}

impl Rules {
    /// What is wrong with them, if anything.
    pub fn check(&self) -> Result<(), BadRules> {
        for (name, thresholds) in [(Name::Auc, self.auc_fall), (Name::Calibration, self.calibration_factor)] {
            let (Thresholds { watch, drift }, none) = (thresholds, name.without_change());
            if !(watch > none && drift >= watch && drift.is_finite()) {
                return Err(BadRules::Thresholds { figure: name.statistic(), watch, drift, none });
            }
        }
        if !(self.false_discovery_rate > 0.0 && self.false_discovery_rate < 1.0) {
            return Err(BadRules::Rate(self.false_discovery_rate));
        }
        if self.minimum_bad == 0 { Err(BadRules::Minimum) } else { Ok(()) }
    }

    pub(super) const fn of(&self, name: Name) -> Thresholds {
        match name {
            Name::Auc => self.auc_fall,
            Name::Calibration => self.calibration_factor,
        }
    }
}
