//! Trees made ready to be run, once, where a model is loaded: the very outputs of [`Trees::output`], to the last bit, some ten
//! times sooner. A tree of few leaves is no longer walked: the value of each feature says which leaves are still possible, and the
//! leftmost leaf that all features allow is the one (after QuickScorer, Lucchese and others, 2015). A tree of many leaves is walked, several
//! at a time. Nothing here is stored: the plain trees are, and they are what this is held against.

mod bins;
mod boxes;
mod group;
mod masks;
#[cfg(test)]
mod tests;
mod walk;

use self::boxes::Boxes;
use self::group::{Group, groups};
use self::masks::MOST_ROW_BYTES;
use super::compact::{Compact, Likeness};
use super::trees::{Combine, Trees};

/// Trees made ready to be run.
#[derive(Clone, Debug)]
pub struct CompiledTrees {
    combine: Combine,
    base: f64,
    scale: f64,
    groups: Vec<Group>,
}

impl CompiledTrees {
    /// From trees that pass [`Trees::check`]. `place` says where a feature of theirs lies in the vectors that will come.
    pub fn new(trees: &Trees, place: impl Fn(u16) -> usize) -> Self {
        Self::with(trees, place, MOST_ROW_BYTES)
    }

    fn with(trees: &Trees, place: impl Fn(u16) -> usize, most_row_bytes: usize) -> Self {
        let boxes: Vec<Option<Boxes>> =
            trees.roots.iter().map(|&root| Boxes::new(&Compact::new(&trees.nodes, root, Likeness::Values))).collect();
        let groups = groups(&boxes).iter().map(|blocks| Group::new(trees, &boxes, blocks, &place, most_row_bytes)).collect();
        Self { combine: trees.combine, base: trees.base, scale: trees.scale(), groups }
    }

    /// The very number of [`Trees::probability`]. Nothing is allocated.
    pub fn probability(&self, values: &[f64]) -> f64 {
        self.combine.probability(self.output(values))
    }

    /// The very number of [`Trees::output`]. Nothing is allocated.
    pub fn output(&self, values: &[f64]) -> f64 {
        // The sum of no numbers is -0.
        self.base + self.scale * self.groups.iter().fold(-0.0, |sum, group| group.add(sum, values))
    }
}
