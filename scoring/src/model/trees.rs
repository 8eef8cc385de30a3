//! Decision trees flattened into one array of nodes.

use serde::{Deserialize, Serialize};

use super::{Invalid, sigmoid};

/// A node: a split, or a leaf where `left` is its own index.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// The feature that is compared.
    pub feature: u16,
    /// Whether a missing value goes left.
    pub missing_left: bool,
    /// Goes left when `value <= threshold`.
    pub threshold: f64,
    /// The index of the left child; the node's own index in a leaf.
    pub left: u32,
    /// The index of the right child; the node's own index in a leaf.
    pub right: u32,
    /// What a leaf adds; in a split, the cover-weighted mean of its leaves.
    pub value: f64,
    /// The weight of the training rows that came here, above zero.
    pub cover: f64,
}

impl Node {
    /// A leaf that lies at `index`.
    pub const fn leaf(index: u32, value: f64, cover: f64) -> Self {
        Self { feature: 0, missing_left: false, threshold: 0.0, left: index, right: index, value, cover }
    }

    /// Whether the node, which lies at `index`, has no children.
    pub const fn is_leaf(&self, index: u32) -> bool {
        self.left == index
    }

    /// Whether an event goes left.
    pub(super) fn goes_left(&self, values: &[f64]) -> bool {
        let value = values[usize::from(self.feature)];
        if value.is_nan() { self.missing_left } else { value <= self.threshold }
    }
}

/// How the trees' values become a probability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Combine {
    /// The logistic function of base + sum (boosting).
    LogisticSum,
    /// Base + mean (a forest of probabilities).
    Mean,
    /// 2 to the power of base + mean (an isolation forest, whose leaves hold minus the length of their path in units of the expected one):
    /// no probability, but a degree of strangeness from 0 to 1.
    PathLength,
}

impl Combine {
    /// The probability of an output.
    pub(super) fn probability(self, output: f64) -> f64 {
        match self {
            Self::LogisticSum => sigmoid(output),
            Self::Mean => output.clamp(0.0, 1.0),
            Self::PathLength => output.min(0.0).exp2(),
        }
    }
}

/// A set of trees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trees {
    /// How many features a vector has.
    pub width: usize,
    /// How the values become a probability.
    pub combine: Combine,
    /// The output without any tree; zero in a forest.
    pub base: f64,
    /// The root of each tree.
    pub roots: Vec<u32>,
    /// All nodes, each tree's together, parents before children.
    pub nodes: Vec<Node>,
}

impl Trees {
    /// The probability that the event is bad.
    pub fn probability(&self, values: &[f64]) -> f64 {
        self.combine.probability(self.output(values))
    }

    /// The output on the scale that the trees add up on: log-odds for boosting, the probability for a forest, the binary logarithm of the
    /// strangeness for an isolation forest.
    pub fn output(&self, values: &[f64]) -> f64 {
        self.base + self.scale() * self.roots.iter().map(|&root| self.nodes[self.leaf(root, values) as usize].value).sum::<f64>()
    }

    /// The mean output over the training rows.
    pub fn expected_output(&self) -> f64 {
        self.base + self.scale() * self.roots.iter().map(|&root| self.nodes[root as usize].value).sum::<f64>()
    }

    /// What one tree's value counts for in the output.
    pub(super) fn scale(&self) -> f64 {
        match self.combine {
            Combine::LogisticSum => 1.0,
            Combine::Mean | Combine::PathLength => 1.0 / self.roots.len().max(1) as f64,
        }
    }

    /// Gives every split the cover and the mean value of the leaves below it.
    pub fn sum_up(&mut self) {
        for index in (0..self.nodes.len()).rev() {
            let node = self.nodes[index];
            if node.is_leaf(index as u32) {
                continue;
            }
            let (left, right) = (self.nodes[node.left as usize], self.nodes[node.right as usize]);
            let cover = left.cover + right.cover;
            let value = (left.value * left.cover + right.value * right.cover) / cover;
            self.nodes[index] = Node { cover, value, ..node };
        }
    }

    /// Whether every walk ends in a leaf and every number is one. A model that comes from outside is checked once, here; the
    /// walk itself then trusts it.
    pub fn check(&self) -> Result<(), Invalid> {
        if let Some(&root) = self.roots.iter().find(|&&root| root as usize >= self.nodes.len()) {
            return Err(Invalid::Node { index: root, what: "is a root but does not exist" });
        }
        if self.combine != Combine::LogisticSum && self.roots.is_empty() {
            return Err(Invalid::NoTrees);
        }
        if !self.base.is_finite() {
            return Err(Invalid::Number { what: "the base" });
        }
        let mut has_parent = vec![false; self.nodes.len()];
        for (index, node) in (0..).zip(&self.nodes) {
            let wrong = |what| Err(Invalid::Node { index, what });
            if !(node.value.is_finite() && node.threshold.is_finite() && node.cover.is_finite()) {
                return wrong("has a number that is not finite");
            }
            if node.cover <= 0.0 {
                return wrong("has no cover");
            }
            if node.is_leaf(index) {
                continue;
            }
            if node.left.min(node.right) <= index || node.left.max(node.right) as usize >= self.nodes.len() {
                return wrong("has a child that does not come after it");
            }
            for child in [node.left, node.right] {
                if std::mem::replace(&mut has_parent[child as usize], true) {
                    return Err(Invalid::Node { index: child, what: "is a child twice" });
                }
            }
            if usize::from(node.feature) >= self.width {
                return wrong("compares a feature that does not exist");
            }
            let (left, right) = (&self.nodes[node.left as usize], &self.nodes[node.right as usize]);
            let mean = (left.value * left.cover + right.value * right.cover) / (left.cover + right.cover);
            if (node.value - mean).abs() > 1e-9 * (1.0 + left.value.abs().max(right.value.abs())) {
                return wrong("has a value that is not the mean of its children");
            }
        }
        Ok(())
    }

    /// The leaf that an event falls into, from the root of a tree.
    pub fn leaf(&self, root: u32, values: &[f64]) -> u32 {
        let mut index = root;
        loop {
            let node = &self.nodes[index as usize];
            if node.is_leaf(index) {
                return index;
            }
            index = if node.goes_left(values) { node.left } else { node.right };
        }
    }
}
