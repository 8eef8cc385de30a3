//! The Kolmogorov-Smirnov statistic of two samples: the furthest that their cumulative shares lie apart (Smirnov, "Table for estimating the
//! goodness of fit of empirical distributions", 1948).

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::sorted::Sorted;
use crate::walk::walk;

/// The statistic and how surprising it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ks {
    /// The largest difference of the cumulative shares, 0 to 1.
    pub statistic: f64,
    /// How likely two samples of one distribution lie at least as far apart.
    pub p: f64,
    /// How `p` was found.
    pub method: Method,
}

/// How likelihoods are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// By counting all orders that the two samples can have; with ties it is on the safe side.
    Exact,
    /// By Kolmogorov's distribution, which is what the exact one comes to in large samples.
    Limit,
}

/// All orders of two samples are counted up to so many pairs of their values: some ten milliseconds.
const EXACT_PAIRS: u64 = 4_000_000;

/// The exact statistic of the present values, ties and all, with its p: of small samples by counting orders (Hodges, 1957), of large ones
/// by the limit (Smirnov, 1948). `None` where a side has none.
pub fn ks(reference: &Sorted, current: &Sorted) -> Option<Ks> {
    Ks::new(reference.present(), current.present(), furthest(reference, current))
}

/// The furthest that the cumulative counts lie apart, each multiplied by the number of the other side's values.
pub(crate) fn furthest(reference: &Sorted, current: &Sorted) -> u64 {
    let (n, m) = (reference.present() as i64, current.present() as i64);
    let mut furthest = 0;
    walk(reference, current, |step| {
        let apart = (step.reference as i64 * m - step.current as i64 * n).abs();
        furthest = furthest.max(if step.is_whole() { apart } else { 0 });
    });
    furthest.unsigned_abs()
}

impl Ks {
    /// Of two samples' sizes and how far their cumulative counts lie apart at most, each multiplied by the other's size.
    pub(crate) fn new(reference: usize, current: usize, furthest: u64) -> Option<Self> {
        let (n, m) = (reference as u64, current as u64);
        if n == 0 || m == 0 {
            return None;
        }
        let statistic = furthest as f64 / (n as f64 * m as f64);
        let (p, method) = match n.checked_mul(m).is_some_and(|pairs| pairs <= EXACT_PAIRS) {
            true => (exact(n, m, furthest), Method::Exact),
            false => (kolmogorov((n as f64 * m as f64 / (n + m) as f64).sqrt() * statistic), Method::Limit),
        };
        Some(Self { statistic, p, method })
    }
}

/// The statistic of counts in the same bins, from the lowest to the highest, and its limit: what lies apart within a bin is not seen, so
/// that it is never above that of the values. `None` where a side has no row.
pub fn binned_ks(reference: &[u64], current: &[u64]) -> Option<Ks> {
    let (n, m) = (reference.iter().sum::<u64>() as f64, current.iter().sum::<u64>() as f64);
    if n == 0.0 || m == 0.0 {
        return None;
    }
    let (mut below, mut statistic) = ((0, 0), 0.0_f64);
    for (reference, current) in reference.iter().zip(current) {
        below = (below.0 + reference, below.1 + current);
        statistic = statistic.max((below.0 as f64 / n - below.1 as f64 / m).abs());
    }
    Some(Ks { statistic, p: kolmogorov((n * m / (n + m)).sqrt() * statistic), method: Method::Limit })
}

/// The share of the orders of `n` and `m` values in which the cumulative counts, crosswise multiplied, are `furthest` apart somewhere.
/// An order is a path on a grid; `touched[j]` is the share of the paths to a point that have left the band by then (Hodges 1957).
fn exact(n: u64, m: u64, furthest: u64) -> f64 {
    if furthest == 0 {
        return 1.0;
    }
    let mut touched = vec![1.0; m as usize + 1];
    for i in 0..=n {
        // Inside are the j with |i m - j n| < furthest.
        let first = (i * m + 1).saturating_sub(furthest).div_ceil(n);
        let last = ((i * m + furthest - 1) / n).min(m);
        let mut before = if first == 0 { 0.0 } else { 1.0 };
        for j in first..=last {
            let here = &mut touched[j as usize];
            *here = match i + j {
                0 => 0.0,
                _ if i == 0 => before,
                both => (i as f64 * *here + j as f64 * before) / both as f64,
            };
            before = *here;
        }
    }
    touched[m as usize]
}

/// The upper tail of Kolmogorov's distribution (1933; of two samples Smirnov, 1948), by whichever of its two series is short.
fn kolmogorov(t: f64) -> f64 {
    let odd = |k: i32| f64::from(2 * k - 1);
    if t <= 0.0 {
        1.0
    } else if t < 1.0 {
        let below: f64 = (1..=8).map(|k| (-(odd(k) * PI / t).powi(2) / 8.0).exp()).sum();
        1.0 - (2.0 * PI).sqrt() / t * below
    } else {
        let term = |k: i32| (-2.0 * (f64::from(k) * t).powi(2)).exp() * f64::from(if k % 2 == 0 { -2 } else { 2 });
        (1..=8).map(term).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_samples_are_counted() {
        let check = |reference: &[f64], current: &[f64], statistic: f64, p: f64| {
            let got = ks(&Sorted::new(reference), &Sorted::new(current)).unwrap();
            assert!((got.statistic - statistic).abs() < 1e-15, "{reference:?} {current:?}: {got:?}");
            assert!((got.p - p).abs() < 1e-15, "{reference:?} {current:?}: {got:?}");
        };
        check(&[1.0], &[1.0], 0.0, 1.0);
        // Of two values each there are six orders, two of which are wholly apart.
        check(&[1.0, 2.0], &[3.0, 4.0], 1.0, 2.0 / 6.0);
        check(&[1.0, 3.0], &[2.0, 4.0], 0.5, 1.0);
        // Of two and one there are three orders; with the one at an end they are wholly apart.
        check(&[1.0, 2.0], &[3.0], 1.0, 2.0 / 3.0);
        check(&[3.0], &[1.0, 2.0], 1.0, 2.0 / 3.0);
        // Ties: nothing is seen apart before all equal values were counted.
        check(&[1.0, 1.0, 1.0], &[1.0], 0.0, 1.0);
        check(&[1.0, 1.0, 2.0], &[1.0, f64::NAN], 1.0 / 3.0, 1.0);
    }

    #[test]
    fn both_series_agree_and_nothing_is_no_sample() {
        let (below, above) = (kolmogorov(1.0 - 1e-15), kolmogorov(1.0));
        assert!((below - above).abs() < 1e-13, "{below} {above}");
        assert!((kolmogorov(1e-3) - 1.0).abs() < 1e-15);
        assert!(kolmogorov(20.0) < 1e-300);
        assert_eq!(ks(&Sorted::new(&[f64::NAN]), &Sorted::new(&[1.0])), None);
        assert_eq!(binned_ks(&[0, 0], &[1, 2]), None);
        assert_eq!(binned_ks(&[2, 2, 0], &[0, 2, 2]).unwrap().statistic, 0.5);
    }
}
