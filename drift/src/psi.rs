//! The population stability index of counts in the same bins, of a feature (also called CSI) or of a score, and what chance alone gives. It
//! is the symmetric divergence of Jeffreys (1946; Kullback and Leibler, 1951), which credit scoring knows as PSI (Siddiqi, "Credit risk
//! scorecards", 2006).

use serde::{Deserialize, Serialize};
use statrs::distribution::{ChiSquared, ContinuousCDF};

/// The index, and how much of it is noise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Psi {
    /// The sum of (current share - reference share) x ln(current share / reference share); 0 when they are equal.
    pub value: f64,
    /// Without any change the index stays below this 99 times in 100: (1/n + 1/m) x the chi-square quantile with one degree less than bins
    /// (Yurdakul, "Statistical properties of population stability index", 2018), where n and m are the rows of the two sides.
    pub noise: f64,
    /// How likely it is at least as high without any change, by the same approximation.
    pub p: f64,
    /// Bins that hold a row of either sample.
    pub bins: usize,
}

/// What is added to every count, so that a bin that one side lacks gives a finite figure.
pub const PSEUDO_COUNT: f64 = 0.5;

/// How often noise is allowed for.
const QUANTILE: f64 = 0.99;

/// The index of counts in the same bins, 0 or more, in natural logarithms. Bins that are empty on both sides are no bins, and half a row
/// ([`PSEUDO_COUNT`]) is added to each that is one. `None` where a side has no row. Its distribution without any change is Yurdakul's
/// (2018), to which it comes with many rows in each bin.
///
/// # Panics
/// When the sides have different numbers of bins.
pub fn psi(reference: &[u64], current: &[u64]) -> Option<Psi> {
    assert_eq!(reference.len(), current.len(), "the same bins on both sides");
    let (n, m) = (reference.iter().sum::<u64>() as f64, current.iter().sum::<u64>() as f64);
    if n == 0.0 || m == 0.0 {
        return None;
    }
    let used = || reference.iter().zip(current).filter(|(reference, current)| **reference + **current > 0);
    let bins = used().count();
    let share = |count: u64, rows: f64| (count as f64 + PSEUDO_COUNT) / (rows + PSEUDO_COUNT * bins as f64);
    let term = |(reference, current): (&u64, &u64)| {
        let (reference, current) = (share(*reference, n), share(*current, m));
        (current - reference) * (current / reference).ln()
    };
    let value: f64 = used().map(term).sum();
    let scale = 1.0 / n + 1.0 / m;
    let (noise, p) = match bins {
        1 => (0.0, 1.0),
        _ => {
            let chance = ChiSquared::new((bins - 1) as f64).expect("there is at least one degree of freedom");
            (scale * chance.inverse_cdf(QUANTILE), chance.sf(value / scale))
        }
    };
    Some(Psi { value, noise, p, bins })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn equal_shares_have_no_index(counts in prop::collection::vec(0..500_u64, 1..12), times in 1..5_u64) {
            let more: Vec<u64> = counts.iter().map(|count| count * times).collect();
            if let Some(index) = psi(&counts, &more) {
                // Half a row in each bin is less of a side that has more.
                prop_assert!((0.0..0.3).contains(&index.value) && index.noise >= 0.0, "{:?}", index);
                prop_assert!(times > 1 || index.value == 0.0, "{:?}", index);
            }
        }
    }

    #[test]
    fn shares_are_compared_and_empty_bins_are_none() {
        let value = |reference: &[u64], current: &[u64]| psi(reference, current).map(|psi| psi.value);
        assert_eq!(value(&[5, 5], &[5, 5]), Some(0.0));
        let share = |count: f64, rows: f64| (count + 0.5) / (rows + 1.0);
        let term = |reference: f64, current: f64| (current - reference) * (current / reference).ln();
        let expect = term(share(9.0, 10.0), share(0.0, 20.0)) + term(share(1.0, 10.0), share(20.0, 20.0));
        assert_eq!(value(&[9, 0, 1], &[0, 0, 20]), Some(expect));
        assert_eq!(psi(&[4], &[9]), Some(Psi { value: 0.0, noise: 0.0, p: 1.0, bins: 1 }));
        assert_eq!(psi(&[0, 0], &[1, 1]), None);
        assert_eq!(psi(&[], &[]), None);
    }
}
