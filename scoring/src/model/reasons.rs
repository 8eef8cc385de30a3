//! What each feature adds to the output of trees: exact path-dependent Shapley values (Lundberg, Erion and Lee, "Consistent
//! individualized feature attribution for tree ensembles", 2018). A feature that is not known sends the event both ways, each
//! weighted by the share of training rows that went there.
//!
//! A leaf pays out its value times, for each feature on its path, the share that passes: one or nothing when the feature is known,
//! by whether the event takes this path, and otherwise the feature's `zero`, the product of the shares at its splits. So only known
//! features that take the path can be in a coalition that gets anything, and the payouts of all coalitions of k of them add up to the
//! coefficient of t^k in the product of (zero + t) over those features. A path carries this polynomial down the tree; at the leaf
//! one feature's factor is divided out and the coefficients are weighted by Shapley's formula.

use std::ops::Range;

use super::trees::{Node, Trees};

/// What each feature adds to [`Trees::output`], against [`Trees::expected_output`]: the two sum to the output.
pub fn tree_contributions(trees: &Trees, values: &[f64]) -> Vec<f64> {
    let mut contributions = vec![0.0; trees.width];
    let mut walk = Walk::default();
    for &root in &trees.roots {
        walk.tree(&trees.nodes, root, values, &mut contributions);
    }
    let scale = trees.scale();
    contributions.iter_mut().for_each(|contribution| *contribution *= scale);
    contributions
}

/// A feature on the path.
#[derive(Clone, Copy)]
struct Step {
    feature: u16,
    /// Whether the event takes this path, as far as this feature is asked.
    taken: bool,
    /// The share that passes when the feature is not known.
    zero: f64,
}

/// A node still to be visited, and the path that leads to it.
struct Open {
    node: u32,
    /// Its features, as a range of [`Walk::steps`].
    steps: Range<usize>,
    /// The product of (zero + t) over the features taken, lowest power first, as a range of [`Walk::coefficients`].
    coefficients: Range<usize>,
    /// The product of `zero` over the features not taken.
    untaken: f64,
}

/// The buffers of a walk. Paths lie one behind the other; behind that of the node last opened there is nothing.
#[derive(Default)]
struct Walk {
    open: Vec<Open>,
    steps: Vec<Step>,
    coefficients: Vec<f64>,
    /// For each path length, Shapley's weights by the size of the coalition.
    weights: Vec<Vec<f64>>,
}

impl Walk {
    fn tree(&mut self, nodes: &[Node], root: u32, values: &[f64], contributions: &mut [f64]) {
        self.steps.clear();
        self.coefficients.clear();
        self.coefficients.push(1.0);
        self.open.push(Open { node: root, steps: 0..0, coefficients: 0..1, untaken: 1.0 });
        while let Some(open) = self.open.pop() {
            self.steps.truncate(open.steps.end);
            self.coefficients.truncate(open.coefficients.end);
            let node = &nodes[open.node as usize];
            if node.is_leaf(open.node) {
                self.leaf(&open, node.value, contributions);
                continue;
            }
            let goes_left = node.goes_left(values);
            let cover = nodes[node.left as usize].cover + nodes[node.right as usize].cover;
            for (child, taken) in [(node.left, goes_left), (node.right, !goes_left)] {
                let zero = nodes[child as usize].cover / cover;
                self.open_child(&open, child, Step { feature: node.feature, taken, zero });
            }
        }
    }

    /// Opens a child, over the path to its parent and one step more.
    fn open_child(&mut self, parent: &Open, node: u32, mut step: Step) {
        let (steps, coefficients) = (self.steps.len(), self.coefficients.len());
        self.steps.extend_from_within(parent.steps.clone());
        self.coefficients.extend_from_within(parent.coefficients.clone());
        let mut untaken = parent.untaken;
        // A feature that was asked before is one factor still: the old one goes, the product of both comes.
        if let Some(place) = self.steps[steps..].iter().position(|earlier| earlier.feature == step.feature) {
            let earlier = self.steps.remove(steps + place);
            if earlier.taken {
                divide(&mut self.coefficients, coefficients, earlier.zero);
                step.zero *= earlier.zero;
            } else {
                step.taken = false;
            }
        }
        if step.taken {
            multiply(&mut self.coefficients, coefficients, step.zero);
        } else {
            untaken *= step.zero;
        }
        self.steps.push(step);
        let (steps, coefficients) = (steps..self.steps.len(), coefficients..self.coefficients.len());
        self.open.push(Open { node, steps, coefficients, untaken });
    }

    fn leaf(&mut self, open: &Open, value: f64, contributions: &mut [f64]) {
        let length = open.steps.len();
        while self.weights.len() <= length {
            self.weights.push(shapley_weights(self.weights.len()));
        }
        let weights = &self.weights[length];
        let coefficients = &self.coefficients[open.coefficients.clone()];
        let payout = value * open.untaken;
        let lost: f64 = weights.iter().zip(coefficients).map(|(weight, coefficient)| weight * coefficient).sum();
        for step in &self.steps[open.steps.clone()] {
            let won = if step.taken { (1.0 - step.zero) * without(coefficients, step.zero, weights) } else { -lost };
            contributions[usize::from(step.feature)] += payout * won;
        }
    }
}

/// Shapley's weights among `players` for coalitions of 0, 1, … of the others: k! (players - k - 1)! / players!
fn shapley_weights(players: usize) -> Vec<f64> {
    let mut weight = 1.0 / players as f64;
    (0..players)
        .map(|size| {
            let this = weight;
            weight *= (size + 1) as f64 / (players - size - 1) as f64;
            this
        })
        .collect()
}

/// Multiplies the polynomial that lies from `start` to the end by (zero + t).
fn multiply(coefficients: &mut Vec<f64>, start: usize, zero: f64) {
    coefficients.push(0.0);
    for at in (start + 1..coefficients.len()).rev() {
        coefficients[at] = zero * coefficients[at] + coefficients[at - 1];
    }
    coefficients[start] *= zero;
}

/// Divides the polynomial that lies from `start` to the end by (zero + t), which is one of its factors.
fn divide(coefficients: &mut Vec<f64>, start: usize, zero: f64) {
    let mut quotient = 0.0;
    for at in (start + 1..coefficients.len()).rev() {
        quotient = coefficients[at] - zero * quotient;
        coefficients[at] = quotient;
    }
    coefficients.remove(start);
}

/// The weighted sum of the coefficients without the factor (zero + t).
fn without(coefficients: &[f64], zero: f64, weights: &[f64]) -> f64 {
    let mut quotient = 0.0;
    let mut sum = 0.0;
    for (coefficient, weight) in coefficients[1..].iter().zip(weights).rev() {
        quotient = coefficient - zero * quotient;
        sum += weight * quotient;
    }
    sum
}
