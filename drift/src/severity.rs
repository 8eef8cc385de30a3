//! From figures to a word: how much a feature has moved, if enough rows say so.

use serde::{Deserialize, Serialize};

use crate::compare::Figures;
use crate::discovery::adjusted;

/// How much something has moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Too few rows to say anything.
    InsufficientData,
    /// Nothing beyond noise, or little.
    Stable,
    /// It moved; keep an eye on it.
    Watch,
    /// It moved so far that the model may no longer hold; act.
    Drift,
}

impl Severity {
    /// Its word, as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InsufficientData => "insufficient_data",
            Self::Stable => "stable",
            Self::Watch => "watch",
            Self::Drift => "drift",
        }
    }
}

/// From where on something is told.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// From this stability index on a feature is watched.
    pub watch: f64,
    /// From this one on it has drifted.
    pub drift: f64,
    /// The share of chance that is borne among what is told, 0 to 1. It holds whatever the thresholds are: what noise explains is stable.
    pub false_discovery_rate: f64,
    /// Fewer rows than this on a side say nothing.
    pub minimum_rows: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self { watch: 0.10, drift: 0.25, false_discovery_rate: 0.01, minimum_rows: 100 }
    }
}

/// Rules that contradict themselves.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BadRules {
    /// The thresholds are no rising numbers above 0.
    #[error("`watch` is {watch} and `drift` is {drift}: they must be above 0, and `drift` not below `watch`")]
    Thresholds {
        /// From where on a feature is watched.
        watch: f64,
        /// From where on it has drifted.
        drift: f64,
    },
    /// A rate that is none.
    #[error("`false_discovery_rate` is {0}: it must be above 0 and below 1")]
    Rate(f64),
    /// Nothing can be said of no rows.
    #[error("`minimum_rows` is 0: it must be at least 1")]
    Minimum,
}

impl Rules {
    /// Whether they make sense.
    ///
    /// # Errors
    /// When they do not: what and why.
    pub fn check(self) -> Result<Self, BadRules> {
        let Self { watch, drift, false_discovery_rate, minimum_rows } = self;
        if !(watch > 0.0 && drift >= watch && drift.is_finite()) {
            return Err(BadRules::Thresholds { watch, drift });
        }
        if !(false_discovery_rate > 0.0 && false_discovery_rate < 1.0) {
            return Err(BadRules::Rate(false_discovery_rate));
        }
        if minimum_rows == 0 { Err(BadRules::Minimum) } else { Ok(self) }
    }

    const fn has_enough(&self, figures: &Figures) -> bool {
        figures.reference_rows >= self.minimum_rows && figures.current_rows >= self.minimum_rows
    }
}

/// How much each of some features has moved. They are judged together, since among many one looks moved by chance. An index counts as far
/// as it is beyond a threshold and beyond what noise gives at these numbers of rows.
pub fn severities<'a>(features: impl IntoIterator<Item = &'a Figures>, rules: &Rules) -> Vec<Severity> {
    let enough: Vec<_> = features.into_iter().map(|figures| figures.psi.filter(|_| rules.has_enough(figures))).collect();
    let p: Vec<f64> = enough.iter().flatten().map(|psi| psi.p).collect();
    let mut adjusted = adjusted(&p).into_iter();
    let severity = |psi: &Option<crate::Psi>| {
        let (Some(psi), Some(q)) = (psi, psi.as_ref().and_then(|_| adjusted.next())) else { return Severity::InsufficientData };
        match psi.value {
            _ if q > rules.false_discovery_rate || psi.value < psi.noise => Severity::Stable,
            value if value >= rules.drift => Severity::Drift,
            value if value >= rules.watch => Severity::Watch,
            _ => Severity::Stable,
        }
    };
    enough.iter().map(severity).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Figures;

    #[test]
    fn an_index_counts_beyond_thresholds_and_noise() {
        let check = |rows: u64, psi: f64, p: f64, noise: f64, expect: Severity| {
            let psi = Some(crate::Psi { value: psi, noise, p, bins: 10 });
            let figures = Figures { reference_rows: 10_000, current_rows: rows, psi, js: None, missing: None };
            assert_eq!(severities([&figures], &Rules::default()), [expect], "{figures:?}");
        };
        check(5_000, 0.09, 1e-9, 0.01, Severity::Stable);
        check(5_000, 0.10, 1e-9, 0.01, Severity::Watch);
        check(5_000, 0.25, 1e-9, 0.01, Severity::Drift);
        check(100, 0.25, 0.02, 0.01, Severity::Stable);
        check(100, 0.25, 1e-9, 0.26, Severity::Stable);
        check(99, 9.0, 1e-9, 0.01, Severity::InsufficientData);
        let none = Figures { reference_rows: 0, current_rows: 0, psi: None, js: None, missing: None };
        assert_eq!(severities([&none], &Rules::default()), [Severity::InsufficientData]);
    }

    #[test]
    fn rules_that_contradict_themselves_are_refused() {
        let rules = Rules::default();
        assert_eq!(rules.check(), Ok(rules));
        let check = |rules: Rules, expect: &str| assert_eq!(rules.check().unwrap_err().to_string(), expect);
        check(
            Rules { watch: 0.3, ..rules },
            "`watch` is 0.3 and `drift` is 0.25: they must be above 0, and `drift` not below `watch`",
        );
        check(Rules { false_discovery_rate: 1.0, ..rules }, "`false_discovery_rate` is 1: it must be above 0 and below 1");
        check(Rules { minimum_rows: 0, ..rules }, "`minimum_rows` is 0: it must be at least 1");
    }
}
