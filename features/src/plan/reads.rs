//! What is read of windows, as whole numbers: differences of two cursors, and what parts say.

use std::ops::Range;

use super::edge::Edge;
use super::entity::Shape;
use crate::memory::ring::{HEADER, wide};

/// What is read of one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) reading: Reading,
    /// Where the window ends.
    pub(crate) until: Edge,
    /// Where it begins; `None` for a lifetime.
    pub(crate) after: Option<Edge>,
}

impl Read {
    /// One read that answers both, if there is one.
    pub(super) fn joined(self, other: Self) -> Option<Self> {
        let reading = match (self.reading, other.reading) {
            (Reading::Totals(one), Reading::Totals(other)) => Reading::Totals(one.joined(other)?),
            (one, other) => (one == other).then_some(one)?,
        };
        ((self.until, self.after) == (other.until, other.after)).then_some(Self { reading, ..self })
    }
}

/// What a store reads for it, as whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// The difference of two cursors.
    Totals(Between),
    Extreme(usize),
    /// A word of the newest row of a [`Last`](super::Last).
    LastWord(usize, usize),
    /// How long ago it was, and two words of it.
    LastPlace(usize, [usize; 2]),
    Distinct(usize),
    FirstSeen(usize),
    TopShare(usize),
    Entropy(usize),
    Order(usize, OrderedQuantile),
    Decay(usize),
}

/// A quantile in millionths of a millionth, so that the plan stays comparable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OrderedQuantile(pub(crate) u64);

impl OrderedQuantile {
    pub(super) fn new(quantile: f64) -> Self {
        Self(quantile.to_bits())
    }

    /// The numbers of the two order statistics and how far between them it lies.
    pub(crate) fn place(self, count: usize) -> (usize, usize, f64) {
        let place = f64::from_bits(self.0) * (count - 1) as f64;
        let lower = place.floor() as usize;
        (lower, (lower + 1).min(count - 1), place - place.floor())
    }
}

/// What is read of two cursors. Totals are words of a cursor: 0 is the number of its next row for a count, and nothing for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Between {
    pub(crate) near: usize,
    /// `None` for a lifetime.
    pub(crate) far: Option<usize>,
    pub(crate) count: usize,
    pub(crate) sum: usize,
    pub(crate) squares: usize,
}

impl Between {
    /// Totals are named by their numbers from 1, and become words at the end.
    pub(super) fn new(near: usize, far: Option<usize>) -> Self {
        Self { near, far, count: 0, sum: 0, squares: 0 }
    }

    /// Both in one, where neither asks for what the other has in another way.
    fn joined(self, other: Self) -> Option<Self> {
        let either = |one: usize, other: usize| match (one, other) {
            (0, total) | (total, 0) => Some(total),
            (one, other) => (one == other).then_some(one),
        };
        let is_one_window = (self.near, self.far, self.count) == (other.near, other.far, other.count);
        let (sum, squares) = (either(self.sum, other.sum)?, either(self.squares, other.squares)?);
        is_one_window.then_some(Self { sum, squares, ..self })
    }
}

/// Reads of one entity that follow one another in the plan: first differences of cursors, then what is read of parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reads {
    /// The number of the first.
    pub(crate) first: usize,
    end: usize,
    /// The first of them, as they are read where the cursors stand.
    pub(crate) differences: Vec<Differences>,
}

impl Reads {
    pub(super) fn new(first: usize, reads: &[Read], shape: Shape) -> Self {
        let differences = reads[first..].iter().map_while(|read| match &read.reading {
            Reading::Totals(between) => Some(Differences::new(between, shape)),
            _ => None,
        });
        Self { first, end: reads.len(), differences: differences.collect() }
    }

    /// Their numbers.
    pub(crate) const fn all(&self) -> Range<usize> {
        self.first..self.end
    }

    /// The numbers of those that read parts.
    pub(crate) const fn parts(&self) -> Range<usize> {
        self.first + self.differences.len()..self.end
    }

    /// Whether there are none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.first == self.end
    }
}

/// The totals of a window that ends where the cursors stand, in the words of a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Differences {
    pub(crate) counted: Difference,
    pub(crate) summed: Difference,
    pub(crate) squared: Option<Difference>,
}

impl Differences {
    fn new(between: &Between, shape: Shape) -> Self {
        let at = |edge: usize| HEADER + edge * shape.cursor;
        let (near, far) = (at(between.near), between.far.map(at));
        let total = |at: usize| Some(at).filter(|at| *at > 0);
        Self {
            counted: Difference::new(near, far, Some(between.count)),
            summed: Difference::new(near, far, total(between.sum)),
            squared: total(between.squares).map(|at| Difference::new(near, far, Some(at))),
        }
    }
}

/// The difference of two words, without a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    near: u32,
    far: u32,
    /// Nothing of the second word is taken where this is zero.
    mask: i64,
}

impl Difference {
    /// Of the total at `at` in the cursors that lie at `near` and `far`; always zero where `at` is `None`.
    fn new(near: usize, far: Option<usize>, at: Option<usize>) -> Self {
        let word = |cursor: usize| (cursor + at.unwrap_or(0)) as u32;
        match (far, at) {
            (_, None) => Self { near: word(near), far: word(near), mask: -1 },
            (None, _) => Self { near: word(near), far: word(near), mask: 0 },
            (Some(far), _) => Self { near: word(near), far: word(far), mask: -1 },
        }
    }

    #[inline(always)]
    pub(crate) fn of(self, words: &[i64]) -> i64 {
        words[self.near as usize].wrapping_sub(words[self.far as usize] & self.mask)
    }

    /// The same of totals of 128 bits.
    pub(crate) fn of_wide(self, words: &[i64]) -> i128 {
        wide(&words[self.near as usize..]).wrapping_sub(wide(&words[self.far as usize..]) & i128::from(self.mask))
    }
}
