//! Trees as the paths through them: which question about the same feature came before, and what share of the training rows is left.

use std::collections::VecDeque;
use std::ops::Range;

use crate::model::compact::{Compact, Likeness, Part, Question};
use crate::model::{Node, Trees};

/// Below it a share has no effect that could be seen, and would be lost in products.
const LEAST_SHARE: f64 = 1e-100;

/// All trees.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    pub(super) trees: Vec<Tree>,
    /// Each tree's together, level by level, so that what comes after each other seldom waits for each other.
    pub(super) splits: Vec<Split>,
    /// The feature of each slot, rising.
    pub(super) features: Vec<u16>,
    /// What splits ask that is more than one comparison.
    pub(super) questions: Vec<Question>,
}

#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) splits: Range<usize>,
    /// The most features that lie on one path.
    features: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Split {
    threshold: f64,
    missing_left: bool,
    /// The number of its question, from 1 on, where a comparison with the threshold does not say it all; otherwise 0.
    question: u32,
    /// The number of its feature among those that are asked.
    pub(super) slot: u16,
    /// The edge that leads to it: 0 to the root, 2s + 2 and 2s + 3 from split s to its left and right child.
    pub(super) above: u32,
    /// The last edge on the path to it from a split on the same feature, with the share there and 1 / it; 0 where there is none, and 1.
    pub(super) earlier: u32,
    pub(super) earlier_share: f64,
    pub(super) earlier_share_inverse: f64,
    /// Counts those splits of its tree, up to this one, whose feature was asked before; 0 where its own was not.
    pub(super) inverse: u32,
    /// The share of training rows that pass all questions about the feature up to the left and the right child.
    pub(super) shares: [f64; 2],
    /// The value of a child that is a leaf, otherwise 0.
    pub(super) values: [f64; 2],
    /// The number of a child that is a split, from 1 on, otherwise 0.
    pub(super) below: [u32; 2],
}

impl Tree {
    /// So many points integrate what lies on the paths: n of them a polynomial of degree 2n - 1.
    pub(super) fn points(&self) -> usize {
        self.features.div_ceil(2)
    }
}

impl Split {
    /// Whether its feature was asked before on the path.
    pub(super) const fn is_repeated(&self) -> bool {
        self.earlier != 0
    }

    /// Whether a value goes left. `questions` are those of its paths.
    #[inline(always)]
    pub(super) fn goes_left(&self, value: f64, questions: &[Question]) -> bool {
        if self.question != 0 {
            return questions[self.question as usize - 1].goes_left(value);
        }
        (value <= self.threshold) | (value.is_nan() & self.missing_left)
    }
}

/// A part of a tree whose turn comes.
struct Open {
    part: u32,
    /// The edge that leads to it.
    above: u32,
    /// The features on its path.
    asked: Vec<Asked>,
}

/// A feature on a path.
#[derive(Clone, Copy)]
struct Asked {
    slot: u16,
    /// Its last edge, with the share there.
    edge: u32,
    share: f64,
}

impl Paths {
    pub(super) fn new(trees: &Trees) -> Self {
        let is_split = |(index, node): &(u32, &Node)| !node.is_leaf(*index);
        let mut features: Vec<u16> = (0..).zip(&trees.nodes).filter(is_split).map(|(_, node)| node.feature).collect();
        features.sort_unstable();
        features.dedup();
        let mut paths =
            Self { trees: Vec::with_capacity(trees.roots.len()), splits: Vec::new(), features, questions: Vec::new() };
        for &root in &trees.roots {
            paths.add(&Compact::new(&trees.nodes, root, Likeness::ValuesAndShares));
        }
        paths
    }

    /// Adds a tree.
    fn add(&mut self, tree: &Compact) {
        let first = self.splits.len();
        let (mut most, mut repeated) = (0, 0);
        let mut open = VecDeque::from([Open { part: tree.root(), above: 0, asked: Vec::new() }]);
        while let Some(Open { part, above, mut asked }) = open.pop_front() {
            most = most.max(asked.len());
            let Part::Split(split) = tree.part(part) else { continue };
            let number = self.splits.len() - first;
            if above != 0 {
                let (parent, side) = (above as usize / 2 - 1, above as usize % 2);
                self.splits[first + parent].below[side] = number as u32 + 1;
            }
            let slot = self.features.partition_point(|&feature| feature < split.feature) as u16;
            let place = asked.iter().position(|asked| asked.slot == slot);
            let earlier = place.map_or(Asked { slot, edge: 0, share: 1.0 }, |place| asked.swap_remove(place));
            repeated += u32::from(place.is_some());
            let shares = [split.share, 1.0 - split.share].map(|share| (earlier.share * share).max(LEAST_SHARE));
            let value = |child: u32| if let Part::Leaf(value) = tree.part(child) { *value } else { 0.0 };
            let (threshold, missing_left) = split.question.plain().unwrap_or_else(|| {
                self.questions.push(split.question.clone());
                (f64::NAN, false)
            });
            self.splits.push(Split {
                threshold,
                missing_left,
                question: if threshold.is_nan() { self.questions.len() as u32 } else { 0 },
                slot,
                above,
                earlier: earlier.edge,
                earlier_share: earlier.share,
                earlier_share_inverse: 1.0 / earlier.share,
                inverse: if place.is_some() { repeated } else { 0 },
                shares,
                values: split.children.map(value),
                below: [0; 2],
            });
            for (side, share) in shares.into_iter().enumerate() {
                let edge = (2 * number + 2 + side) as u32;
                let mut asked = asked.clone();
                asked.push(Asked { slot, edge, share });
                open.push_back(Open { part: split.children[side], above: edge, asked });
            }
        }
        self.trees.push(Tree { splits: first..self.splits.len(), features: most });
    }
}
