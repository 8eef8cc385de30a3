//! Intervals of proportions, of their ratio and of their difference, for independent rows.

use scoring::backtest::wilson;

use super::distributions::reach;
use super::figure::{Figure, Method, Missing};

/// `part` of `whole` with [Wilson's interval](wilson); `empty` says why there is
/// no share of nothing. `z` is the [reach](super::distributions::reach) of the level.
pub(super) fn share(part: u64, whole: u64, z: f64, empty: Missing) -> Figure {
    match wilson(part as f64, whole as f64, z) {
        Some((lower, upper)) => Figure::within(part as f64 / whole as f64, lower, upper, Method::Wilson),
        None => empty.into(),
    }
}

/// `part` of `whole` with Wilson's interval of a level of confidence between 0 and 1; `missing` says why there is no share of nothing.
pub fn proportion(part: u64, whole: u64, level: f64, missing: Missing) -> Figure {
    share(part, whole, reach(level), missing)
}

/// The ends, -1 to 1, of the interval by how much two shares of the same rows differ: so many of `rows` have only the one, so many only
/// the other. It is that of Bonett and Price ("Adjusted Wald confidence interval for a difference of binomial proportions based on paired
/// data", 2012), which holds for few rows and for none that differ. `z` is the reach of the level in standard errors.
pub(super) fn paired_ends([one, other]: [f64; 2], rows: f64, z: f64) -> (f64, f64) {
    let [a, b] = [one, other].map(|count| (count + 1.0) / (rows + 2.0));
    let half = z * ((a + b - (a - b) * (a - b)) / (rows + 2.0)).sqrt();
    ((a - b - half).max(-1.0), (a - b + half).min(1.0))
}

/// A part of a whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    pub part: u64,
    pub whole: u64,
}

impl Share {
    fn value(self) -> f64 {
        self.part as f64 / self.whole as f64
    }
}

/// How large one share is against another, with Katz's interval on the logarithm (1978); none where one of the shares is zero.
pub(super) fn ratio(share: Share, reference: Share, z: f64) -> Figure {
    if reference.part == 0 || share.whole == 0 {
        return Missing::NoReference.into();
    }
    let ratio = share.value() / reference.value();
    if share.part == 0 {
        return ratio.into();
    }
    let of = |share: Share| (1.0 - share.value()) / share.part as f64;
    let factor = libm::exp(z * (of(share) + of(reference)).sqrt());
    Figure::within(ratio, ratio / factor, ratio * factor, Method::Katz)
}

/// How much larger one share is than another, with Newcombe's interval from the two of Wilson (1998, method 10).
pub(super) fn difference(share: Share, reference: Share, z: f64) -> Figure {
    let of = |share: Share| wilson(share.part as f64, share.whole as f64, z);
    let ends = of(share).zip(of(reference));
    let Some((own, other)) = ends else { return Missing::NoReference.into() };
    let [a, b] = [share.value(), reference.value()];
    let lower = a - b - libm::hypot(a - own.0, other.1 - b);
    let upper = a - b + libm::hypot(own.1 - a, b - other.0);
    Figure::within(a - b, lower, upper, Method::Newcombe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paired_differences_worked_by_hand() {
        let check = |counts: [f64; 2], rows: f64, expect: (f64, f64)| {
            let got = paired_ends(counts, rows, reach(0.95));
            assert!((got.0 - expect.0).abs() < 1e-9 && (got.1 - expect.1).abs() < 1e-9, "{counts:?} of {rows}: {got:?}");
        };
        // (12 + 1) / 102 and (5 + 1) / 102, as the formula has it.
        check([12.0, 5.0], 100.0, (-0.014064609259292024, 0.1513195112200763));
        // Nothing differs, which is not to say that nothing could.
        check([0.0, 0.0], 98.0, (-0.027718076486993558, 0.027718076486993558));
    }
}
