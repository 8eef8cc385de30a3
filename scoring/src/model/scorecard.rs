//! A logistic regression on weights of evidence as a scorecard: a table that a person adds up with a pencil. Points = offset + factor x
//! ln(odds bad : good), with factor = points to double the odds / ln 2 (Siddiqi, "Credit Risk Scorecards", 2006); here they rise with
//! the risk, on the scale of [`score`](super::score).

use serde::Serialize;

use super::preparation::{Bin, Evidence};
use super::{ANCHOR_ODDS, Linear, Model, POINTS_TO_DOUBLE, Preparation, SCORE_AT_ANCHOR, Scorer};

/// The points of a model. The base points and one entry of each feature sum to the score, before calibration, before rounding and
/// before it is cut off at 0 and at 1000.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scorecard {
    /// The points of an event whose weights of evidence are all at their mean in training.
    pub base_points: f64,
    /// Each feature, in the order of the model.
    pub features: Vec<Characteristic>,
}

/// A feature of a scorecard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Characteristic {
    /// The feature.
    pub feature: String,
    /// What it tells by itself, in nats: below 0.02 next to nothing, above 0.5 so much that a leak is to be looked for.
    pub information_value: f64,
    /// Its bins of numbers in their order; the last entry is that of a missing value.
    pub entries: Vec<Entry>,
}

/// What an event gets that falls into a bin.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// What falls into it.
    pub holds: Holds,
    /// Training rows in it; 0 in one that training never had.
    pub rows: u64,
    /// The share of bad ones among them, 0 to 1; `None` without rows.
    pub bad_rate: Option<f64>,
    /// Its weight of evidence, in nats.
    pub weight_of_evidence: f64,
    /// What it adds to the score; below zero where it takes away.
    pub points: f64,
}

/// What falls into a bin.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Holds {
    /// Numbers above one, and not above another.
    Numbers {
        /// The number below the bin; `None` where it has no beginning.
        above: Option<f64>,
        /// The highest number of the bin; `None` where it has no end.
        up_to: Option<f64>,
    },
    /// A missing value.
    Missing,
}

impl Scorer {
    /// The scorecard that the model is; `None` for one that is no weighted sum of weights of evidence. `features` has the name of each
    /// feature.
    pub fn scorecard(&self, features: &[String]) -> Option<Scorecard> {
        let (Some(Preparation::Evidence(evidence)), Model::Linear(linear)) = (&self.preparation, &self.model) else {
            return None;
        };
        Some(Scorecard {
            base_points: SCORE_AT_ANCHOR - POINTS_TO_DOUBLE * ANCHOR_ODDS.log2() + points(linear.intercept),
            features: (features.iter().zip(evidence).enumerate())
                .map(|(place, (name, evidence))| characteristic(name, evidence, linear, place))
                .collect(),
        })
    }
}

/// Log-odds as points.
fn points(log_odds: f64) -> f64 {
    POINTS_TO_DOUBLE * log_odds / std::f64::consts::LN_2
}

fn characteristic(name: &str, evidence: &Evidence, linear: &Linear, place: usize) -> Characteristic {
    let entry = |holds: Holds, bin: Bin| Entry {
        holds,
        rows: bin.rows,
        bad_rate: (bin.rows > 0).then(|| bin.bad as f64 / bin.rows as f64),
        weight_of_evidence: bin.weight,
        points: points(linear.contribution(place, bin.weight)),
    };
    // One bin more than there are ends, even where training had no number and that bin is empty.
    let numbers = (0..=evidence.ends.len()).map(|bin| {
        let above = bin.checked_sub(1).map(|before| evidence.ends[before]);
        let holds = Holds::Numbers { above, up_to: evidence.ends.get(bin).copied() };
        entry(holds, evidence.bins.get(bin).copied().unwrap_or_default())
    });
    let missing = entry(Holds::Missing, evidence.missing.unwrap_or_default());
    Characteristic {
        feature: name.to_owned(),
        information_value: evidence.information_value,
        entries: numbers.chain([missing]).collect(),
    }
}
