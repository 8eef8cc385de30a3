//! How far a model's curves may lie elsewhere: at each place across, the interval over resamples.

use serde::{Deserialize, Serialize};

use super::judged::Judged;
use super::ranking::Ranking;
use super::resample::{Resampling, standard_error};

/// Places across, denser to the left, where few are flagged and everything is decided.
const PLACES: usize = 61;

/// The interval of a curve at a place, each end from 0 to 1; holds for that place, not for the whole curve at once.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// Across.
    pub x: f64,
    /// The curve itself.
    pub y: f64,
    /// The lower end.
    pub lower: f64,
    /// The upper end.
    pub upper: f64,
}

/// The bands of a model's curves; empty where there are no bad rows or no good ones, or too few to resample.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bands {
    /// The share of bad rows flagged, by that of good rows.
    pub roc: Vec<Band>,
    /// Precision by recall.
    pub precision_recall: Vec<Band>,
}

/// The heights of both curves at each place.
pub(super) type Heights = [[f64; PLACES]; 2];

/// What bands are drawn of: the rows of a ranking.
pub(super) struct Outline<'a> {
    ranking: &'a Ranking,
    labels: &'a [bool],
    clusters: &'a [u32],
}

impl<'a> Outline<'a> {
    pub(super) const fn new(ranking: &'a Ranking, judged: &Judged<'a>, resampling: &'a Resampling<'_>) -> Self {
        Self { ranking, labels: judged.labels, clusters: resampling.clusters.as_slice() }
    }

    /// The heights for weighted rows; `None` without bad rows or without good ones.
    pub(super) fn heights(&self, weights: &[u8]) -> Option<Heights> {
        let weight_of = |row: &u32| f64::from(weights[self.clusters[*row as usize] as usize]);
        let sums = |rows: &[u32]| {
            rows.iter().fold([0.0; 2], |[bad, good], row| match self.labels[*row as usize] {
                true => [bad + weight_of(row), good],
                false => [bad, good + weight_of(row)],
            })
        };
        let all = sums(&self.ranking.rows);
        if all[0] == 0.0 || all[1] == 0.0 {
            return None;
        }
        let (mut heights, mut next) = ([[0.0; PLACES]; 2], [0; 2]);
        let (mut so_far, mut start) = ([0.0; 2], 0);
        for sum in &self.ranking.sums {
            let end = sum.rows() as usize;
            let group = sums(&self.ranking.rows[start..end]);
            let before = so_far;
            so_far = [before[0] + group[0], before[1] + group[1]];
            start = end;
            // Between two groups the first curve is a straight line.
            while next[0] < PLACES && so_far[1] >= place(next[0]) * all[1] {
                let into = if group[1] > 0.0 { (place(next[0]) * all[1] - before[1]) / group[1] } else { 1.0 };
                heights[0][next[0]] = (before[0] + into * group[0]) / all[0];
                next[0] += 1;
            }
            while next[1] < PLACES && so_far[0] > 0.0 && so_far[0] >= place(next[1]) * all[0] {
                heights[1][next[1]] = so_far[0] / (so_far[0] + so_far[1]);
                next[1] += 1;
            }
        }
        Some(heights)
    }
}

/// The bands that rounds give; `z` is the reach of their level.
pub(super) fn bands(points: Option<&Heights>, rounds: &[Option<&Heights>], z: f64) -> Bands {
    let Some(points) = points else { return Bands::default() };
    let band = |curve: usize| {
        let at = |number: usize| {
            let y = points[curve][number];
            let error = standard_error(rounds, |round| round.map(|heights| heights[curve][number]))?;
            Some(Band { x: place(number), y, lower: (y - z * error).max(0.0), upper: (y + z * error).min(1.0) })
        };
        (0..PLACES).filter_map(at).collect()
    };
    Bands { roc: band(0), precision_recall: band(1) }
}

fn place(number: usize) -> f64 {
    let even = number as f64 / (PLACES - 1) as f64;
    even * even
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    #[test]
    fn heights_lie_on_the_curves() {
        let scores = [0.9, 0.8, 0.7, 0.6];
        let labels = [true, false, true, false];
        let judged = Judged::new(&scores, &labels).unwrap();
        let ranking = Ranking::new(&scores, &judged);
        let settings = Settings::default();
        let resampling = Resampling::new(&judged, &ranking, &settings);
        let outline = Outline::new(&ranking, &judged, &resampling);
        let [roc, precision] = outline.heights(&[1; 4]).unwrap();
        // Places 40 and 45 are 0.44 and 0.56 across.
        assert_eq!((roc[0], roc[40], roc[45], roc[PLACES - 1]), (0.5, 0.5, 1.0, 1.0));
        assert_eq!((precision[0], precision[40], precision[PLACES - 1]), (1.0, 1.0, 2.0 / 3.0));
        assert_eq!(outline.heights(&[1, 0, 1, 0]), None, "no good rows");
        // Weighted rows are rows that came so often.
        let twice = outline.heights(&[1, 2, 1, 1]).unwrap();
        assert_eq!(twice[1][PLACES - 1], 0.5);
    }
}
