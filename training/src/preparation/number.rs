//! A number without gaps and tails: what fills gaps, and where tails are clipped.

use scoring::model::preparation::Filled;

/// The share of rows that is clipped at each end.
const TAIL: f64 = 0.005;

/// The median in place of gaps, and tails from the half and the 99.5th percentile on taken to those.
pub(super) fn fit(numbers: &[f64]) -> Filled {
    let mut present: Vec<f64> = numbers.iter().copied().filter(|number| !number.is_nan()).collect();
    present.sort_unstable_by(f64::total_cmp);
    let flag = present.len() < numbers.len();
    if present.is_empty() {
        return Filled { median: 0.0, range: (0.0, 0.0), flag };
    }
    let range = (quantile(&present, TAIL), quantile(&present, 1.0 - TAIL));
    Filled { median: quantile(&present, 0.5), range, flag }
}

/// The quantile of sorted numbers, between two of them in proportion (Hyndman and Fan's type 7).
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (lower, part) = (place.floor() as usize, place.fract());
    let (below, above) = (sorted[lower], sorted[(lower + 1).min(sorted.len() - 1)]);
    // Each part of its own, so that the difference of two extremes cannot overflow.
    below * (1.0 - part) + above * part
}
