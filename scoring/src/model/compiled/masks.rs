//! Some trees of few leaves, side by side: a leaf is a bit.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::BitAndAssign;

use super::bins::Bins;
use super::boxes::Boxes;

/// The leaves of a tree, a bit each.
pub(super) trait Leaves: Copy + Eq + Hash + BitAndAssign {
    /// All leaves, and bits of none.
    const ALL: Self;

    /// From the lowest bits.
    fn from_bits(bits: u64) -> Self;

    /// The number of the lowest leaf.
    fn lowest(self) -> usize;
}

impl Leaves for u32 {
    const ALL: Self = Self::MAX;

    fn from_bits(bits: u64) -> Self {
        bits as Self
    }

    #[inline(always)]
    fn lowest(self) -> usize {
        self.trailing_zeros() as usize
    }
}

impl Leaves for u64 {
    const ALL: Self = Self::MAX;

    fn from_bits(bits: u64) -> Self {
        bits
    }

    #[inline(always)]
    fn lowest(self) -> usize {
        self.trailing_zeros() as usize
    }
}

/// Up to `TREES` trees of up to `LEAVES` leaves.
#[derive(Clone, Debug)]
pub(super) struct Masks<L, const TREES: usize, const LEAVES: usize> {
    /// The features that they ask.
    slots: Vec<u16>,
    /// What a value of one feature leaves possible, for each tree. Many values leave the same, and share a row.
    rows: Vec<Row<L, TREES>>,
    /// What each leaf of each tree adds.
    values: Box<[[f64; LEAVES]; TREES]>,
}

/// One line of the processor's cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(align(64))]
struct Row<L, const TREES: usize>([L; TREES]);

impl<L: Leaves, const TREES: usize, const LEAVES: usize> Masks<L, TREES, LEAVES> {
    /// `put` is told the row of each bin of the features that the trees ask.
    pub(super) fn new(trees: &[&Boxes], bins: &Bins, mut put: impl FnMut(usize, u16)) -> Self {
        let mut asked: Vec<u16> = trees.iter().flat_map(|tree| tree.asked()).collect();
        asked.sort_unstable();
        asked.dedup();
        let mut rows = Vec::new();
        let mut places = HashMap::new();
        for &feature in &asked {
            let (first, thresholds) = bins.of(bins.slot(feature));
            let masks: Vec<_> = trees.iter().map(|tree| tree.masks(feature)).collect();
            let mut last = (Row([L::ALL; TREES]), None);
            for bin in 0..thresholds.len() + 2 {
                let mut row = Row([L::ALL; TREES]);
                for (leaves, masks) in row.0.iter_mut().zip(&masks) {
                    let Some((own, masks)) = masks else { continue };
                    let piece = match bin.checked_sub(1).map(|before| thresholds.get(before)) {
                        None => 0,
                        Some(Some(passed)) => own.partition_point(|threshold| threshold <= passed),
                        Some(None) => own.len() + 1,
                    };
                    *leaves = L::from_bits(masks[piece]);
                }
                let place = match last {
                    // Most thresholds are those of other trees.
                    (same, Some(place)) if same == row => place,
                    _ => *places.entry(row).or_insert(rows.len()),
                };
                if place == rows.len() {
                    rows.push(row);
                }
                last = (row, Some(place));
                put(first + bin, u16::try_from(place).expect("some trees of at most 512 splits each have fewer rows"));
            }
        }
        // What adds -0 changes nothing: the bits of no tree and of no leaf are that.
        let mut values = Box::new([[-0.0; LEAVES]; TREES]);
        for (values, tree) in values.iter_mut().zip(trees) {
            values.iter_mut().zip(tree.values()).for_each(|(value, of_leaf)| *value = of_leaf);
        }
        let slots = asked.iter().map(|&feature| bins.slot(feature) as u16).collect();
        Self { slots, rows, values }
    }

    /// Adds the trees' values, in their order. `row` says which row a slot's value has.
    #[inline(always)]
    pub(super) fn add(&self, mut sum: f64, row: impl Fn(usize) -> u16) -> f64 {
        for (leaves, values) in self.possible(row).0.iter().zip(self.values.iter()) {
            sum += values[leaves.lowest() % LEAVES];
        }
        sum
    }

    /// What all features leave possible: one leaf of each tree. It is a function of its own since the compiler uses the processor's
    /// wide registers only for what is written to memory as a whole; taken apart right away, the leaves of each tree lie in one of
    /// the few narrow ones.
    #[inline(never)]
    fn possible(&self, row: impl Fn(usize) -> u16) -> Row<L, TREES> {
        let mut possible = Row([L::ALL; TREES]);
        for &slot in &self.slots {
            let row = &self.rows[usize::from(row(usize::from(slot)))];
            possible.0.iter_mut().zip(&row.0).for_each(|(possible, row)| *possible &= *row);
        }
        possible
    }
}
