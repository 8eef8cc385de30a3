//! Two columns side by side, from the lowest value to the highest: at each step how many of either are not above it.

use crate::sorted::{Sorted, number};

/// One step: so many of either sample lie not above `value`, and the next value is `next`, infinity at the end. Where `next` equals
/// `value` the counts are still on their way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) reference: usize,
    pub(crate) current: usize,
    key: u64,
    next: u64,
}

impl Step {
    /// Whether all of its value was counted.
    pub(crate) const fn is_whole(self) -> bool {
        self.key != self.next
    }

    /// How far it is to the next value; 0 at the end.
    pub(crate) fn width(self) -> f64 {
        if self.next == END { 0.0 } else { number(self.next) - number(self.key) }
    }
}

/// Above every key.
const END: u64 = u64::MAX;

/// Takes every step once. It goes without a branch that depends on the values, since half of those would be foreseen wrongly.
#[inline]
pub(crate) fn walk(reference: &Sorted, current: &Sorted, mut take: impl FnMut(Step)) {
    let (left, right) = (reference.keys(), current.keys());
    let at = |keys: &[u64], place: usize| keys.get(place).copied().unwrap_or(END);
    let (mut i, mut j) = (0, 0);
    let (mut a, mut b) = (at(left, 0), at(right, 0));
    while i < left.len() || j < right.len() {
        let key = a.min(b);
        i += usize::from(a == key);
        j += usize::from(b == key);
        a = at(left, i);
        b = at(right, j);
        take(Step { reference: i, current: j, key, next: a.min(b) });
    }
}
