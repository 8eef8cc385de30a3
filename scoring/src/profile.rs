//! The reference profile of a model: how its features and its scores were distributed where it was trained. Drift is measured
//! against it later, so it goes with the model.

use serde::{Deserialize, Serialize};

/// How features and scores were distributed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Each feature, in the order of the vector.
    pub features: Vec<Distribution>,
    /// The calibrated probability of rows that were not learned from; `None` for a model that was not trained here,
    /// or where too few bad rows said nothing of that.
    pub score: Option<Distribution>,
}

/// How one number was distributed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distribution {
    /// What it is of.
    pub name: String,
    /// Rows in which it was missing.
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
        let mut present: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        present.sort_unstable_by(f64::total_cmp);
        let rows = present.len();
        let mut edges: Vec<f64> =
            (1..BINS).filter_map(|bin| present.get((bin * rows).div_ceil(BINS).saturating_sub(1))).copied().collect();
        edges.dedup();
        // Nothing lies above an edge that is the highest value.
        edges.pop_if(|edge| Some(&*edge) == present.last());
        let mut counts = vec![0; edges.len() + 1];
        let mut from = 0;
        for (count, edge) in counts.iter_mut().zip(&edges) {
            let until = present.partition_point(|value| value <= edge);
            *count = (until - from) as u64;
            from = until;
        }
        counts[edges.len()] = (rows - from) as u64;
        let mean = present.iter().sum::<f64>() / rows.max(1) as f64;
        let square = present.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / rows.max(1) as f64;
        Self {
            name: name.to_owned(),
            missing: (values.len() - rows) as u64,
            edges,
            counts,
            range: present.first().copied().zip(present.last().copied()),
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
        let distribution = Distribution::new("x", &[2.0, 4.0, f64::NAN]);
        assert_eq!((distribution.mean, distribution.deviation, distribution.range), (3.0, 1.0, Some((2.0, 4.0))));
    }
}
