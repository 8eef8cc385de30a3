//! Intervals of proportions, of their ratio and of their difference, for independent rows.

use scoring::backtest::wilson;

use super::figure::{Figure, Method, Missing};

/// `part` of `whole` with [Wilson's interval](wilson); `empty` says why there is
/// no share of nothing. `z` is the [reach](super::distributions::reach) of the level.
pub(super) fn share(part: u64, whole: u64, z: f64, empty: Missing) -> Figure {
    match wilson(part, whole, z) {
        Some((lower, upper)) => Figure::within(part as f64 / whole as f64, lower, upper, Method::Wilson),
        None => empty.into(),
    }
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
    let ends = wilson(share.part, share.whole, z).zip(wilson(reference.part, reference.whole, z));
    let Some((own, other)) = ends else { return Missing::NoReference.into() };
    let [a, b] = [share.value(), reference.value()];
    let lower = a - b - libm::hypot(a - own.0, other.1 - b);
    let upper = a - b + libm::hypot(own.1 - a, b - other.0);
    Figure::within(a - b, lower, upper, Method::Newcombe)
}
