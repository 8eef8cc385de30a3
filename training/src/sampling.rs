//! A part of the good rows in place of all of them, where they are many and the bad ones few. Each row that is kept stands for those that
//! are not, by its weight, so that whatever is learned or measured with weights is that of all rows.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::learners::Error;
use crate::matrix::Matrix;

/// The share of the good rows that is learned from: above 0, at most 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GoodShare(pub f64);

impl Default for GoodShare {
    /// All of them.
    fn default() -> Self {
        Self(1.0)
    }
}

impl GoodShare {
    /// Whether every good row is kept.
    pub fn is_all(self) -> bool {
        self.0 == 1.0
    }

    /// Whether it is a share.
    pub(crate) fn check(self) -> Result<(), Error> {
        let good = self.0 > 0.0 && self.0 <= 1.0;
        if good { Ok(()) } else { Err(Error::Setting { learner: "training", name: "sample_good" }) }
    }

    /// The rows that are kept, rising: all bad ones, and good ones by the hash of their number in the history. A larger share keeps
    /// all that a smaller one keeps.
    pub(crate) fn kept(self, labels: &[bool], numbers: &[i64], seed: u64) -> Vec<usize> {
        let is_kept = |row: &usize| labels[*row] || self.is_all() || place(numbers[*row], seed) < self.0;
        (0..labels.len()).filter(is_kept).collect()
    }

    /// Kept rows of a matrix with the weight of those that they stand for.
    pub(crate) fn sampled(self, matrix: &Matrix, kept: &[usize]) -> Matrix {
        let weight = |row: &usize| matrix.weight(*row) / if matrix.labels()[*row] { 1.0 } else { self.0 };
        matrix.select(kept).with_weights(kept.iter().map(weight).collect()).expect("a weight over a share above 0 is one")
    }

    /// The fingerprint of a dataset of which only this share was learned from.
    pub(crate) fn fingerprint(self, dataset: String, seed: u64) -> String {
        if self.is_all() {
            return dataset;
        }
        hex::encode(Sha256::digest(format!("{dataset} sample_good {} {seed}", self.0)))
    }
}

/// A number from 0 up to 1 for a row, the same whenever it is asked for: the finalizer of SplitMix64 (Steele, Lea and Flood, "Fast
/// splittable pseudorandom number generators", 2014).
fn place(number: i64, seed: u64) -> f64 {
    let mix = |mut bits: u64| {
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    };
    let golden = 0x9E37_79B9_7F4A_7C15_u64;
    let bits = mix(mix(seed.wrapping_add(golden)) ^ (number as u64).wrapping_mul(golden));
    (bits >> 11) as f64 / 2_f64.powi(53)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learners::tests::matrix;

    #[test]
    fn bad_rows_stay_and_good_ones_stand_for_others() {
        let labels: Vec<bool> = (0..20_000).map(|row| row % 50 == 0).collect();
        let numbers: Vec<i64> = (0..20_000).map(|row| row * 3 - 7).collect();
        let rows = matrix(vec![(0..20_000).map(f64::from).collect()], labels.clone());
        let kept = |share: f64, seed: u64| GoodShare(share).kept(&labels, &numbers, seed);
        assert_eq!(kept(1.0, 1).len(), 20_000);
        let tenth = kept(0.1, 1);
        let sampled = GoodShare(0.1).sampled(&rows, &tenth);
        assert_eq!(sampled.bad(), 400);
        assert!((1_800..2_150).contains(&(sampled.rows() - 400)), "{}", sampled.rows());
        assert_eq!(sampled.bad_weight(), 400.0);
        assert!((sampled.total_weight() - 20_000.0).abs() < 1_500.0, "{}", sampled.total_weight());
        assert_eq!(kept(0.1, 1), tenth);
        assert_ne!(kept(0.1, 2), tenth);
        let fifth = kept(0.2, 1);
        assert!(tenth.iter().all(|row| fifth.binary_search(row).is_ok()));
        // A row is kept for its number, wherever it lies.
        let later = GoodShare(0.1).kept(&labels[5_000..], &numbers[5_000..], 1);
        let expect: Vec<usize> = tenth.iter().filter(|row| **row >= 5_000).map(|row| row - 5_000).collect();
        assert_eq!(later, expect);
    }

    #[test]
    fn a_sample_is_another_dataset() {
        let of = |share: f64, seed: u64| GoodShare(share).fingerprint("d".to_owned(), seed);
        assert_eq!(of(1.0, 1), "d");
        assert_eq!(of(0.5, 1), of(0.5, 1));
        assert_eq!(of(0.5, 1).len(), 64);
        assert_ne!(of(0.5, 1), of(0.5, 2));
        assert_ne!(of(0.5, 1), of(0.25, 1));
    }

    #[test]
    fn what_is_no_share_is_refused() {
        for share in [0.0, -0.1, 1.1, f64::NAN] {
            let error = GoodShare(share).check().unwrap_err().to_string();
            assert_eq!(error, "the setting sample_good of training is out of its range");
        }
    }
}
