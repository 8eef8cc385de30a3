//! Trees as the paths through them: which question about the same feature came before, and what share of the training rows is left.

use std::ops::Range;

use crate::model::{Node, Trees};

/// Below it a share has no effect that could be seen, and would be lost in products.
const LEAST_SHARE: f64 = 1e-100;

/// All trees.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    pub(super) trees: Vec<Tree>,
    /// Each tree's together, parents before children. The edges of a tree are numbered: 0 leads to the root, 2s + 1 and 2s + 2 from
    /// split s to its left and right child.
    pub(super) splits: Vec<Split>,
    /// The feature of each slot, rising.
    pub(super) features: Vec<u16>,
}

#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) splits: Range<usize>,
    /// The most features that lie on one path.
    pub(super) features: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Split {
    threshold: f64,
    missing_left: bool,
    /// The number of its feature among those that are asked.
    pub(super) slot: u16,
    /// The edge that leads to it.
    pub(super) above: u32,
    /// The last edge on the path to it from a split on the same feature; 0 where there is none.
    pub(super) earlier: u32,
    /// The share of training rows that pass all questions about the feature up to the left and the right child.
    pub(super) shares: [f64; 2],
    /// The value of a child that is a leaf, otherwise 1.
    pub(super) values: [f64; 2],
}

impl Split {
    pub(super) fn goes_left(&self, value: f64) -> bool {
        (value <= self.threshold) | (value.is_nan() & self.missing_left)
    }
}

/// What is still to be done.
enum Open {
    /// A node, with the edge that leads to it and the features on its path.
    Node { index: u32, above: u32, features: usize },
    /// A feature's last edge on the path.
    Last { slot: usize, edge: u32, share: f64 },
}

impl Paths {
    pub(super) fn new(trees: &Trees) -> Self {
        let is_split = |(index, node): &(u32, &Node)| !node.is_leaf(*index);
        let mut features: Vec<u16> = (0..).zip(&trees.nodes).filter(is_split).map(|(_, node)| node.feature).collect();
        features.sort_unstable();
        features.dedup();
        let mut paths = Self { trees: Vec::with_capacity(trees.roots.len()), splits: Vec::new(), features };
        let mut last = vec![(0, 1.0); paths.features.len()];
        for &root in &trees.roots {
            paths.add(&trees.nodes, root, &mut last);
        }
        paths
    }

    /// Adds a tree. `last` has for each feature its last edge on the path and the share there: at first none.
    fn add(&mut self, nodes: &[Node], root: u32, last: &mut [(u32, f64)]) {
        let first = self.splits.len();
        let mut most = 0;
        let mut open = vec![Open::Node { index: root, above: 0, features: 0 }];
        while let Some(next) = open.pop() {
            let (index, above, features) = match next {
                Open::Node { index, above, features } => (index, above, features),
                Open::Last { slot, edge, share } => {
                    last[slot] = (edge, share);
                    continue;
                }
            };
            most = most.max(features);
            let node = &nodes[index as usize];
            if node.is_leaf(index) {
                continue;
            }
            let slot = self.features.partition_point(|&feature| feature < node.feature);
            let (earlier, share) = last[slot];
            let children = [node.left, node.right];
            let covers = children.map(|child| nodes[child as usize].cover);
            let shares = covers.map(|cover| (share * (cover / (covers[0] + covers[1]))).max(LEAST_SHARE));
            let values =
                children.map(|child| if nodes[child as usize].is_leaf(child) { nodes[child as usize].value } else { 1.0 });
            let edge = 2 * (self.splits.len() - first) as u32 + 1;
            let Node { threshold, missing_left, .. } = *node;
            self.splits.push(Split { threshold, missing_left, slot: slot as u16, above, earlier, shares, values });
            let features = features + usize::from(earlier == 0);
            open.push(Open::Last { slot, edge: earlier, share });
            for side in [1, 0] {
                open.push(Open::Node { index: children[side], above: edge + side as u32, features });
                open.push(Open::Last { slot, edge: edge + side as u32, share: shares[side] });
            }
        }
        self.trees.push(Tree { splits: first..self.splits.len(), features: most });
    }
}
