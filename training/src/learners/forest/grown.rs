//! Trees that smartcore has grown, read out through serde, because smartcore keeps them private: they become the same flat trees that
//! every other model is.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use scoring::model::Node;
use scoring::model::trees::{Combine, Trees};
use serde::{Deserialize, Serialize};
use smartcore::error::Failed;
use smartcore::linalg::basic::matrix::DenseMatrix;

use crate::learners::Error;
use crate::matrix::Matrix;
use evaluation::threads::on_threads;

/// The rows as smartcore wants them, and as we do.
pub(in crate::learners) struct Data<'a> {
    matrix: &'a Matrix,
    /// What a missing value of each feature counts as while trees grow, since smartcore knows none; `None` where no row misses it.
    missing: Vec<Option<f64>>,
    /// The lowest number of each feature.
    lowest: Vec<f64>,
    pub(in crate::learners) x: DenseMatrix<f64>,
    pub(in crate::learners) y: Vec<f64>,
}

impl<'a> Data<'a> {
    /// `missing` says what a missing value counts as in a column that has some; what lies beyond `largest` counts as it.
    pub(in crate::learners) fn new(matrix: &'a Matrix, largest: f64, missing: impl Fn(&[f64]) -> f64) -> Self {
        let missing: Vec<Option<f64>> =
            (matrix.columns().iter()).map(|column| column.iter().any(|value| value.is_nan()).then(|| missing(column))).collect();
        let known = |(column, missing): (&'a Vec<f64>, &Option<f64>)| {
            let missing = missing.unwrap_or_default();
            column.iter().map(move |&value| if value.is_nan() { missing } else { value.clamp(-largest, largest) })
        };
        let values = matrix.columns().iter().zip(&missing).flat_map(known).collect();
        let x = DenseMatrix::new(matrix.rows(), matrix.width(), values, true).expect("a matrix has rows x width values");
        let y = matrix.labels().iter().map(|&bad| f64::from(u8::from(bad))).collect();
        let lowest = |column: &Vec<f64>| column.iter().copied().filter(|value| !value.is_nan()).fold(f64::INFINITY, f64::min);
        let lowest = matrix.columns().iter().map(lowest).collect();
        Self { matrix, missing, lowest, x, y }
    }

    /// The forest of some runs of smartcore, each of which gives a regressor of the labels as 0 and 1.
    pub(in crate::learners) fn forest<R: Sync, F: Serialize>(
        &self,
        runs: &[R],
        threads: usize,
        grow: impl Fn(&R) -> Result<F, Failed> + Sync,
    ) -> Result<Trees, Error> {
        let mut forest = no_trees(self.matrix.width());
        for trees in on_threads(runs.len(), threads, || (), |run, ()| grow(&runs[run]).map(|regressor| self.read_out(&regressor)))
        {
            let trees = trees.map_err(Error::Forest)?;
            let offset = forest.nodes.len() as u32;
            forest.roots.extend(trees.roots.iter().map(|root| root + offset));
            let moved = |node: &Node| Node { left: node.left + offset, right: node.right + offset, ..*node };
            forest.nodes.extend(trees.nodes.iter().map(moved));
        }
        Ok(forest)
    }

    /// The trees of a run, each node with the weight of the rows that come to it. smartcore goes on splitting where all rows have one
    /// label, down to single rows; those splits change no prediction and are most of the forest, so they are left out.
    fn read_out(&self, regressor: &impl Serialize) -> Trees {
        let text = serde_json::to_vec(regressor).expect("a forest of finite numbers is JSON");
        let written: Written = serde_json::from_slice(&text).expect("smartcore is pinned, and this is how it writes a forest");
        let mut trees = no_trees(self.matrix.width());
        for tree in &written.forest_regressor.trees {
            trees.roots.push(trees.nodes.len() as u32);
            self.flatten(&tree.nodes, &mut trees.nodes);
        }
        for row in 0..self.matrix.rows() {
            let (values, weight) = (self.matrix.row(row), self.matrix.weight(row));
            for tree in 0..trees.roots.len() {
                let leaf = trees.leaf(trees.roots[tree], &values);
                trees.nodes[leaf as usize].cover += weight;
            }
        }
        trees.sum_up();
        for index in 0..trees.nodes.len() {
            let node = trees.nodes[index];
            if !node.is_leaf(index as u32) && self.missing[usize::from(node.feature)].is_none() {
                let cover = |child: u32| trees.nodes[child as usize].cover;
                trees.nodes[index].missing_left = cover(node.left) >= cover(node.right);
            }
        }
        trees
    }

    fn flatten(&self, tree: &[WrittenNode], nodes: &mut Vec<Node>) {
        // Children come after their parents, so that from the back every subtree is known before it is asked for.
        let mut single = vec![None; tree.len()];
        for (at, node) in tree.iter().enumerate().rev() {
            single[at] = match (node.true_child, node.false_child) {
                (Some(left), Some(right)) if single[left] == single[right] => single[left],
                (Some(_), Some(_)) => None,
                _ => Some(node.output),
            };
        }
        let mut open = vec![(0, place(nodes))];
        while let Some((from, to)) = open.pop() {
            let node = &tree[from];
            if let (Some(left), Some(right), Some(threshold), None) =
                (node.true_child, node.false_child, node.split_value, single[from])
            {
                let (left_to, right_to) = (place(nodes), place(nodes));
                let split = &mut nodes[to as usize];
                (split.feature, split.threshold) = (node.split_feature, threshold);
                split.missing_left = self.missing[usize::from(node.split_feature)].is_some_and(|missing| missing <= threshold);
                if split.missing_left && threshold < self.lowest[usize::from(node.split_feature)] {
                    // It parts the missing rows from all others: no number that comes later is missing.
                    split.threshold = f64::MIN;
                }
                (split.left, split.right) = (left_to, right_to);
                open.extend([(right, right_to), (left, left_to)]);
            } else {
                nodes[to as usize].value = node.output;
            }
        }
    }
}

/// smartcore's forest as it writes itself.
#[derive(Deserialize)]
struct Written {
    forest_regressor: WrittenForest,
}

#[derive(Deserialize)]
struct WrittenForest {
    trees: Vec<WrittenTree>,
}

#[derive(Deserialize)]
struct WrittenTree {
    nodes: Vec<WrittenNode>,
}

#[derive(Deserialize)]
struct WrittenNode {
    output: f64,
    split_feature: u16,
    split_value: Option<f64>,
    true_child: Option<usize>,
    false_child: Option<usize>,
}

/// A leaf to be filled in.
fn place(nodes: &mut Vec<Node>) -> u32 {
    let index = nodes.len() as u32;
    nodes.push(Node::leaf(index, 0.0, 0.0));
    index
}

fn no_trees(width: usize) -> Trees {
    Trees { width, combine: Combine::Mean, base: 0.0, roots: Vec::new(), nodes: Vec::new() }
}

/// The runs of smartcore that together grow so many trees, a few in each, with a seed each.
pub(in crate::learners) fn runs<R>(trees: usize, trees_a_run: usize, seed: u64, run: impl Fn(usize, u64) -> R) -> Vec<R> {
    let mut seeds = ChaCha8Rng::seed_from_u64(seed);
    (0..trees).step_by(trees_a_run).map(|grown| run(trees_a_run.min(trees - grown), seeds.next_u64())).collect()
}
