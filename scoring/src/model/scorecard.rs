//! A logistic regression on weights of evidence as a scorecard: a table that a person adds up with a pencil (Siddiqi, "Credit Risk
//! Scorecards", 2006), on any [scale](Scale) of points.

use serde::Serialize;

use super::preparation::{Bin, Evidence};
use super::{Linear, Model, Preparation, Scale, Scorer};

/// The points of a model. The base points and one entry of each feature sum to the points of its probability, before calibration, before
/// rounding and before a score is cut off.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scorecard {
    /// What points mean.
    pub scale: Scale,
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
    /// Its bins in their order, then those of special numbers; the last entry is that of a missing value.
    pub entries: Vec<Entry>,
}

/// What an event gets that falls into a bin.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// What falls into it.
    pub holds: Holds,
    /// Training rows in it; 0 in one that training never had.
    pub rows: u64,
    /// The share of all training rows that they are, 0 to 1.
    pub share: f64,
    /// The share of bad ones among them, 0 to 1; `None` without rows.
    pub bad_rate: Option<f64>,
    /// Its weight of evidence, in nats.
    pub weight_of_evidence: f64,
    /// What it adds to the points, against an event that is like the mean of training.
    pub points: f64,
}

/// What falls into a bin.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Holds {
    /// Numbers above one, and not above another.
    Numbers {
        /// The number below the bin; `None` where it has no beginning.
        above: Option<f64>,
        /// The highest number of the bin; `None` where it has no end.
        up_to: Option<f64>,
    },
    /// A word of a category.
    Word(String),
    /// One number, which means something else than those around it.
    Special(f64),
    /// A missing value.
    Missing,
}

impl Scorer {
    /// The scorecard that the model is; `None` for one that is no weighted sum of weights of evidence. `features` has the name of each
    /// feature.
    pub fn scorecard(&self, features: &[String], scale: Scale) -> Option<Scorecard> {
        let (Some(Preparation::Evidence(evidence)), Model::Linear(linear)) = (&self.preparation, &self.model) else {
            return None;
        };
        Some(Scorecard {
            scale,
            base_points: scale.points(linear.intercept),
            features: (features.iter().zip(evidence).enumerate())
                .map(|(place, (name, evidence))| characteristic(name, evidence, linear, place, scale))
                .collect(),
        })
    }
}

fn characteristic(name: &str, evidence: &Evidence, linear: &Linear, place: usize, scale: Scale) -> Characteristic {
    let special = || evidence.special.iter();
    let all: u64 = evidence.bins.iter().chain(special().map(|(_, bin)| bin)).chain(&evidence.missing).map(|bin| bin.rows).sum();
    let entry = |holds: Holds, bin: Bin| Entry {
        holds,
        rows: bin.rows,
        share: if all == 0 { 0.0 } else { bin.rows as f64 / all as f64 },
        bad_rate: (bin.rows > 0).then(|| bin.bad as f64 / bin.rows as f64),
        weight_of_evidence: bin.weight,
        points: scale.part(linear.contribution(place, bin.weight)),
    };
    // One bin more than there are ends, even where training had no number and that bin is empty.
    let bins = (0..=evidence.ends.len()).map(|bin| {
        let above = bin.checked_sub(1).map(|before| evidence.ends[before]);
        let numbers = Holds::Numbers { above, up_to: evidence.ends.get(bin).copied() };
        let holds = evidence.words.get(bin).map_or(numbers, |word| Holds::Word(word.clone()));
        entry(holds, evidence.bins.get(bin).copied().unwrap_or_default())
    });
    let special = special().map(|(value, bin)| entry(Holds::Special(*value), *bin));
    let missing = entry(Holds::Missing, evidence.missing.unwrap_or_default());
    Characteristic {
        feature: name.to_owned(),
        information_value: evidence.information_value,
        entries: bins.chain(special).chain([missing]).collect(),
    }
}
