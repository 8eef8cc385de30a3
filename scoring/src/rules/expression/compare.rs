//! Comparing: which of two is the larger, and that what is missing is neither.

use std::cmp::Ordering;

use super::text::Str;
use super::tree::Comparison;

/// Without both texts only `!=` holds.
pub(super) fn compare_texts(comparison: Comparison, left: Option<Str<'_>>, right: Option<Str<'_>>) -> bool {
    let both = left.zip(right);
    match comparison {
        Comparison::Equal => both.is_some_and(|(left, right)| left.equals(right)),
        Comparison::NotEqual => !both.is_some_and(|(left, right)| left.equals(right)),
        _ => comparison.ordered(both.map(|(left, right)| left.compare(right))),
    }
}

impl Comparison {
    #[inline]
    pub(super) fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::AtMost => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::AtLeast => ordering.is_ge(),
        }
    }

    /// Without an order only `!=` holds.
    pub(super) fn ordered(self, ordering: Option<Ordering>) -> bool {
        ordering.map_or(self == Self::NotEqual, |ordering| self.holds(ordering))
    }

    #[inline]
    pub(super) fn numbers(self, left: f64, right: f64) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::Greater => left > right,
            Self::AtLeast => left >= right,
        }
    }
}

/// A whole number against any other, exactly; `None` where that is NaN.
pub(super) fn mixed(whole: i64, number: f64) -> Option<Ordering> {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if number.is_nan() {
        return None;
    }
    if number >= BEYOND {
        return Some(Ordering::Less);
    }
    if number < -BEYOND {
        return Some(Ordering::Greater);
    }
    let part = number.fract();
    Some(whole.cmp(&(number.trunc() as i64)).then_with(|| 0.0.partial_cmp(&part).unwrap_or(Ordering::Equal)))
}
