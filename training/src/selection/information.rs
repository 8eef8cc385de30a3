//! What a feature tells of the label, and how much of that is chance: bins are chosen to tell most, so that on few rows even
//! noise seems to tell something. How much is seen when the labels are shuffled.

use std::cmp::Ordering;

use super::chance::{Use, random, shuffle};
use super::settings::Settings;
use crate::preparation::information_value;
use crate::table::{Categories, Values};

/// A value that so many of the rows have leaves too few for bins of the others.
const USUAL_FROM: f64 = 0.9;

/// So many standard deviations above the mean chance hardly comes.
const DEVIATIONS: f64 = 3.0;

/// Shuffled labels.
pub(super) struct Chance {
    labels: Vec<Vec<bool>>,
}

impl Chance {
    pub(super) fn new(labels: &[bool], settings: &Settings) -> Self {
        let shuffled = |round| {
            let mut labels = labels.to_vec();
            shuffle(&mut labels, &mut random(settings.seed, Use::Labels, round));
            labels
        };
        Self { labels: (0..settings.chance_rounds).map(shuffled).collect() }
    }

    /// The information value of a feature, and what it could be by chance.
    pub(super) fn information(&self, column: &[f64], labels: &[bool]) -> (f64, f64) {
        // Sorted beforehand, so that each cut sorts what is sorted.
        let mut rows: Vec<(f64, bool)> = column.iter().copied().zip(labels.iter().copied()).collect();
        rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let (column, labels): (Vec<f64>, Vec<bool>) = rows.into_iter().unzip();
        let unusual = around_the_usual(&column).map(Values::Categories);
        let values = Values::Numbers(column);
        let information = |labels: &[bool]| {
            let of = |values: &Values| information_value(values, labels);
            unusual.as_ref().map_or(0.0, of).max(of(&values))
        };
        if self.labels.is_empty() {
            return (information(&labels), 0.0);
        }
        let by_chance: Vec<f64> = self.labels.iter().map(|labels| information(labels)).collect();
        let rounds = by_chance.len() as f64;
        let mean = by_chance.iter().sum::<f64>() / rounds;
        let variance = by_chance.iter().map(|information| (information - mean).powi(2)).sum::<f64>() / (rounds - 1.0);
        (information(&labels), mean + DEVIATIONS * variance.sqrt())
    }
}

/// Sorted numbers as what lies below, at and above the value that nearly all rows have: a mark that one row in a hundred bears
/// can tell more than any other feature, and fills no bin of numbers. `None` where there is no such value.
fn around_the_usual(sorted: &[f64]) -> Option<Categories> {
    let runs = sorted.chunk_by(|a, b| a == b).filter(|run| !run[0].is_nan());
    let usual = runs.max_by_key(|run| run.len())?;
    if (usual.len() as f64) < USUAL_FROM * sorted.len() as f64 {
        return None;
    }
    let usual = usual[0];
    let level = |value: &f64| match value.partial_cmp(&usual)? {
        Ordering::Less => Some("below"),
        Ordering::Equal => Some("at"),
        Ordering::Greater => Some("above"),
    };
    Some(Categories::new(sorted.iter().map(level)))
}
