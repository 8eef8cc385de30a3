//! From what a model says to how often such events are bad. A calibration never changes which of two events is the riskier.

use serde::{Deserialize, Serialize};

use super::{Invalid, sigmoid};

/// How a model's probability becomes a calibrated one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Calibration {
    /// As it is.
    #[default]
    Identity,
    /// A straight line on the scale of log-odds (Platt, 1999).
    Platt {
        /// How much the log-odds are stretched; above 0.
        slope: f64,
        /// How much they are moved, in nats.
        intercept: f64,
    },
    /// A rising line from point to point.
    Isotonic {
        /// The model's probability and the calibrated one. Both rise, and both begin at 0 and end at 1.
        points: Vec<(f64, f64)>,
    },
}

/// So far from 0 and 1 is a probability before its log-odds are taken.
const EDGE: f64 = 1e-15;

impl Calibration {
    /// The calibrated probability, 0 to 1.
    pub fn apply(&self, probability: f64) -> f64 {
        match self {
            Self::Identity => probability,
            Self::Platt { slope, intercept } => sigmoid(slope * log_odds(probability) + intercept),
            Self::Isotonic { points } => {
                let above = points.partition_point(|point| point.0 <= probability).clamp(1, points.len() - 1);
                let ((from, low), (to, high)) = (points[above - 1], points[above]);
                low + (high - low) * ((probability - from) / (to - from)).clamp(0.0, 1.0)
            }
        }
    }

    /// Its name in reports.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Identity => "none",
            Self::Platt { .. } => "Platt",
            Self::Isotonic { .. } => "isotonic",
        }
    }

    /// Whether it is one: rising, from 0 to 1.
    pub fn check(&self) -> Result<(), Invalid> {
        let usable = |what, good: bool| if good { Ok(()) } else { Err(Invalid::Number { what }) };
        match self {
            Self::Identity => Ok(()),
            Self::Platt { slope, intercept } => {
                usable("the slope of the calibration", *slope > 0.0 && slope.is_finite())?;
                usable("the intercept of the calibration", intercept.is_finite())
            }
            Self::Isotonic { points } => {
                let rises = points.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1);
                let is_whole = points.first() == Some(&(0.0, 0.0)) && points.last() == Some(&(1.0, 1.0));
                usable("a point of the calibration", rises && is_whole)
            }
        }
    }
}

/// The log-odds of a probability, those of 0 and 1 kept finite.
pub fn log_odds(probability: f64) -> f64 {
    let kept = probability.clamp(EDGE, 1.0 - EDGE);
    (kept / (1.0 - kept)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_moved_as_stated() {
        let check = |calibration: &Calibration, pairs: [(f64, f64); 4]| {
            assert_eq!(calibration.check(), Ok(()));
            for (probability, expect) in pairs {
                let got = calibration.apply(probability);
                assert!((got - expect).abs() < 1e-12, "{calibration:?} {probability}: {got} is not {expect}");
            }
        };
        check(&Calibration::Identity, [(0.0, 0.0), (0.2, 0.2), (0.7, 0.7), (1.0, 1.0)]);
        // Odds of 1 : 4 squared are 1 : 16, and doubled 1 : 8.
        let platt = Calibration::Platt { slope: 2.0, intercept: 2_f64.ln() };
        check(&platt, [(0.0, 0.0), (0.2, 1.0 / 9.0), (0.5, 2.0 / 3.0), (1.0, 1.0)]);
        let isotonic = Calibration::Isotonic { points: vec![(0.0, 0.0), (0.5, 0.1), (0.9, 0.5), (1.0, 1.0)] };
        check(&isotonic, [(0.0, 0.0), (0.25, 0.05), (0.7, 0.3), (1.0, 1.0)]);
    }

    #[test]
    fn what_does_not_rise_is_no_calibration() {
        let check = |calibration: Calibration, expect: &str| {
            let error = calibration.check().expect_err("it is none").to_string();
            assert_eq!(error, format!("{expect} of the calibration of the model is not a usable number"));
        };
        check(Calibration::Platt { slope: 0.0, intercept: 0.0 }, "the slope");
        check(Calibration::Platt { slope: 1.0, intercept: f64::NAN }, "the intercept");
        check(Calibration::Isotonic { points: vec![] }, "a point");
        check(Calibration::Isotonic { points: vec![(0.0, 0.0)] }, "a point");
        check(Calibration::Isotonic { points: vec![(0.0, 0.0), (0.5, 0.6), (0.5, 0.7), (1.0, 1.0)] }, "a point");
        check(Calibration::Isotonic { points: vec![(0.0, 0.0), (0.5, 0.6), (0.7, 0.5), (1.0, 1.0)] }, "a point");
    }
}
