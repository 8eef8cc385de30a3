//! Profiles: how the features and the scores of decisions were distributed, and how they were decided, by hour, model and segment. They are
//! histograms in the bins that the model's own profile has, so that what is seen now is held against what it has learned from.
//!
//! The fold is pure: [`Hour`] takes decisions one by one. Hours are kept in the warehouse with the position of the log up to which they are
//! complete, so that no decision is counted twice, whenever the program stops.

mod distinct;
mod histogram;
mod references;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use ingest::Timestamp;
use ingest::log::Position;
use scoring::{Decision, Verdict};

pub use histogram::Histogram;
pub(crate) use references::counts;
pub use references::{Feature, Reference, References};
pub use rows::BadRow;
pub use rows::ProfilePoint;

/// Whose decisions a profile is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The model that decided, with its version; `None` where none did.
    pub model: Option<(String, u32)>,
    /// `channel=ecom`; empty for all.
    pub segment: String,
}

/// What some decisions were made from and came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// The features that the model's own profile has, in its order, by their names.
    pub features: Vec<(String, Histogram)>,
    /// The calibrated probability.
    pub score: Histogram,
    /// How many were decided in each way, as [`Verdict::ALL`].
    pub decisions: [u64; 4],
}

impl Profile {
    /// One without rows, in a reference's bins.
    fn like(reference: &Reference) -> Self {
        let feature = |feature: &references::Feature| (feature.distribution.name.clone(), Histogram::like(&feature.distribution));
        Self { features: reference.features.iter().map(feature).collect(), score: reference.score(), decisions: [0; 4] }
    }

    /// Takes a decision. Its features count where they are of the definitions that the reference's places are of.
    fn take(&mut self, decision: &Decision, reference: &Reference) {
        if decision.features_version == reference.features_version {
            for ((_, histogram), feature) in self.features.iter_mut().zip(&reference.features) {
                histogram.take(decision.vector.get(feature.place).copied().unwrap_or(f64::NAN));
            }
        }
        if let Some(champion) = &decision.champion {
            self.score.take(champion.probability);
        }
        self.decisions[verdict(decision.decision)] += 1;
    }

    /// Adds the rows of another of the same model.
    pub fn merge(&mut self, other: &Self) {
        // Profiles of one model have the same features in the same order, until its pipeline loses one.
        for (place, (name, histogram)) in other.features.iter().enumerate() {
            let place = match self.features.get(place) {
                Some((known, _)) if known == name => Some(place),
                _ => self.features.iter().position(|(known, _)| known == name),
            };
            match place {
                Some(place) => {
                    self.features[place].1.merge(histogram);
                }
                None => self.features.push((name.clone(), histogram.clone())),
            }
        }
        self.score.merge(&other.score);
        self.decisions.iter_mut().zip(other.decisions).for_each(|(own, other)| *own += other);
    }
}

fn verdict(decision: Verdict) -> usize {
    Verdict::ALL.iter().position(|verdict| *verdict == decision).expect("it is one of all")
}

/// The decisions about the events of an hour.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hour {
    /// One after the last position of the log whose decision is in it.
    pub until: Position,
    /// By model and segment.
    pub profiles: BTreeMap<Key, Profile>,
}

/// Values of a segment that are told apart within an hour; others are counted together.
const MOST_VALUES: usize = 50;

/// What segments beyond those are called.
const OTHERS: &str = "(others)";

impl Hour {
    /// When the hour of a time begins.
    pub fn of(time: Timestamp) -> Timestamp {
        const HOUR: i64 = 3_600_000_000;
        Timestamp::from_micros(time.micros().div_euclid(HOUR) * HOUR)
    }

    /// Takes a decision and the segments of its event, unless it was taken before.
    pub fn take(&mut self, position: Position, decision: &Decision, segments: &[(String, String)], reference: &Reference) {
        if position < self.until {
            return;
        }
        self.until = position.next();
        let model = decision.champion.as_ref().map(|model| (model.name.clone(), model.version));
        let named = segments.iter().map(|(name, value)| self.segment(&model, name, value)).collect::<Vec<_>>();
        for segment in std::iter::once(String::new()).chain(named) {
            let key = Key { model: model.clone(), segment };
            self.profiles.entry(key).or_insert_with(|| Profile::like(reference)).take(decision, reference);
        }
    }

    /// What a segment is called: by its value, as long as there are not too many.
    fn segment(&self, model: &Option<(String, u32)>, name: &str, value: &str) -> String {
        let (prefix, segment) = (format!("{name}="), format!("{name}={value}"));
        let of_it = self.profiles.keys().filter(|key| key.model == *model && key.segment.starts_with(&prefix));
        let (mut values, mut is_known) = (0, false);
        for key in of_it {
            values += 1;
            is_known |= key.segment == segment;
        }
        if is_known || values < MOST_VALUES { segment } else { format!("{prefix}{OTHERS}") }
    }
}
