//! The reference profile of a model: how its features and its scores were distributed where it was trained. Drift is measured
//! against it later, so it goes with the model.

use serde::{Deserialize, Serialize};

/// How features and scores were distributed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Each feature, in the order of the vector.
    pub features: Vec<Distribution>,
    /// The calibrated probability of the test rows, which were not learned from and leave out what was known to be compromised; `None` for a model
    /// that was not trained here.
    pub score: Option<Distribution>,
}

/// How one number was distributed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distribution {
    /// What it is of.
    pub name: String,
    /// Rows in which it was missing. Rows that stand for others count as all of them, here and below.
    pub missing: u64,
    /// The inner edges of the bins, rising: bin i holds what is above edge i - 1 and not above edge i. The first and the last bin are open.
    pub edges: Vec<f64>,
    /// Rows in each bin: one more than there are edges.
    pub counts: Vec<u64>,
    /// The lowest value and the highest; `None` where all are missing.
    pub range: Option<(f64, f64)>,
    /// The mean; 0 where all are missing.
    pub mean: f64,
    /// The standard deviation (by n); 0 where all are missing.
    pub deviation: f64,
}

/// Bins of about one size.
const BINS: usize = 10;

impl Distribution {
    /// Of the values of all rows, NaN where one is missing. The edges are the deciles, those that differ.
    pub fn new(name: &str, values: &[f64]) -> Self {
        Self::weighted(name, values, None)
    }

    /// The same where each row stands for so many, above 0; for itself without weights. Counts are to the nearest row.
    ///
    /// # Panics
    /// When there are other than one weight a row.
    pub fn weighted(name: &str, values: &[f64], weights: Option<&[f64]>) -> Self {
        assert!(weights.is_none_or(|weights| weights.len() == values.len()), "a weight for each row");
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let mut present: Vec<(f64, f64)> = Vec::with_capacity(values.len());
        let mut missing = 0.0;
        for (row, value) in values.iter().enumerate() {
            if value.is_nan() { missing += weight(row) } else { present.push((*value, weight(row))) }
        }
        present.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let total: f64 = present.iter().map(|(_, weight)| weight).sum();
        let mut edges: Vec<f64> = Vec::new();
        let mut before = 0.0;
        for (value, weight) in &present {
            before += weight;
            // One value may be several deciles.
            while edges.len() + 1 < BINS && before * BINS as f64 >= (edges.len() + 1) as f64 * total {
                edges.push(*value);
            }
        }
        edges.dedup();
        // Nothing lies above an edge that is the highest value.
        edges.pop_if(|edge| present.last().is_some_and(|last| last.0 == *edge));
        let mut counts = vec![0.0; edges.len() + 1];
        for (value, weight) in &present {
            counts[edges.partition_point(|edge| edge < value)] += weight;
        }
        let rows = if present.is_empty() { 1.0 } else { total };
        let mean = present.iter().map(|(value, weight)| weight * value).sum::<f64>() / rows;
        let square = present.iter().map(|(value, weight)| weight * (value - mean).powi(2)).sum::<f64>() / rows;
        Self {
            name: name.to_owned(),
            missing: missing.round() as u64,
            edges,
            counts: counts.into_iter().map(|count| count.round() as u64).collect(),
            range: present.first().zip(present.last()).map(|(first, last)| (first.0, last.0)),
            mean,
            deviation: square.sqrt(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_hold_every_row_once() {
        let check = |values: &[f64], edges: &[f64], counts: &[u64], missing: u64| {
            let got = Distribution::new("x", values);
            assert_eq!((got.edges.as_slice(), got.counts.as_slice(), got.missing), (edges, counts, missing), "{values:?}");
            assert_eq!(got.counts.iter().sum::<u64>() + got.missing, values.len() as u64);
        };
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        check(&hundred, &[10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0], &[10; 10], 0);
        check(&[f64::NAN, 1.0, 0.0, 1.0], &[0.0], &[1, 2], 1);
        check(&[3.0; 5], &[], &[5], 0);
        check(&[f64::NAN; 2], &[], &[0], 2);
        check(&[], &[], &[0], 0);
        let twice = Distribution::weighted("x", &[1.0, f64::NAN, 5.0, 2.0], Some(&[3.0, 2.0, 1.0, 2.0]));
        assert_eq!(twice, Distribution::new("x", &[1.0, 1.0, 1.0, f64::NAN, f64::NAN, 5.0, 2.0, 2.0]));
        let distribution = Distribution::new("x", &[2.0, 4.0, f64::NAN]);
        assert_eq!((distribution.mean, distribution.deviation, distribution.range), (3.0, 1.0, Some((2.0, 4.0))));
    }
}
