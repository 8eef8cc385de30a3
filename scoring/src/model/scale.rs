//! How the odds of an event are told as points: points = base points + points to double / ln 2 x ln(odds good : bad / base odds)
//! (Siddiqi, "Credit Risk Scorecards", 2006).

use std::f64::consts::LN_2;

use serde::{Deserialize, Serialize};

/// A scale of points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Scale {
    /// The points at the base odds.
    pub base_points: f64,
    /// Odds good : bad at the base points; above 0.
    pub base_odds: f64,
    /// So many points more double the odds good : bad; below zero, points rise with the risk.
    pub points_to_double: f64,
}

impl Scale {
    /// That of [`score`](super::score): 500 at odds of 100 : 1, and 60 points more for every doubling of the risk.
    pub const RISK: Self = Self { base_points: 500.0, base_odds: 100.0, points_to_double: -60.0 };

    /// The points of log-odds bad : good.
    pub fn points(self, log_odds: f64) -> f64 {
        self.base_points + self.part(log_odds + self.base_odds.ln())
    }

    /// What a part of the log-odds bad : good adds to the points.
    pub fn part(self, log_odds: f64) -> f64 {
        -self.points_to_double * log_odds / LN_2
    }

    /// What is wrong with it as the scale of a pipeline, if anything.
    pub fn check(self) -> Result<(), String> {
        let usable = |name: &str, number: f64, expected: &str, good: bool| match good && number.is_finite() {
            true => Ok(()),
            false => Err(format!("{name} = {number} must be {expected}")),
        };
        usable("base_points", self.base_points, "from -10000 to 10000", self.base_points.abs() <= 10_000.0)?;
        usable("base_odds", self.base_odds, "above 0, as in 50 good ones for a bad one", self.base_odds > 0.0)?;
        let to_double = self.points_to_double;
        usable("points_to_double", to_double, "above 0 and at most 1000", to_double > 0.0 && to_double <= 1_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_those_of_the_odds() {
        let credit = Scale { base_points: 600.0, base_odds: 50.0, points_to_double: 20.0 };
        let check = |scale: Scale, odds_good: f64, expect: f64| {
            let points = scale.points(-odds_good.ln());
            assert!((points - expect).abs() < 1e-9, "{odds_good}: {points} is not {expect}");
        };
        check(credit, 50.0, 600.0);
        check(credit, 100.0, 620.0);
        check(credit, 25.0, 580.0);
        // The textbook's way: offset + factor x ln(odds), factor = 20 / ln 2, offset = 600 - factor x ln 50.
        check(credit, 30.0, 600.0 - 28.853_900_817_779_27 * (50_f64.ln() - 30_f64.ln()));
        check(Scale::RISK, 100.0, 500.0);
        check(Scale::RISK, 50.0, 560.0);
        assert!((credit.part(LN_2) + 20.0).abs() < 1e-12, "twice the risk costs the points that double the odds");
    }

    #[test]
    fn what_is_no_scale_is_said() {
        let check = |scale: Scale, expect: Result<(), &str>| assert_eq!(scale.check(), expect.map_err(str::to_owned));
        let good = Scale { base_points: 600.0, base_odds: 50.0, points_to_double: 20.0 };
        check(good, Ok(()));
        check(Scale { base_odds: 0.0, ..good }, Err("base_odds = 0 must be above 0, as in 50 good ones for a bad one"));
        check(Scale { points_to_double: -20.0, ..good }, Err("points_to_double = -20 must be above 0 and at most 1000"));
        check(Scale { base_points: f64::NAN, ..good }, Err("base_points = NaN must be from -10000 to 10000"));
    }
}
