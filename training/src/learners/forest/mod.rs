//! A random forest by smartcore. Its classifier gives no probabilities, so its regressor learns the labels as 0 and 1: a leaf is
//! then the share of bad rows in it, and the mean over the trees a probability. The trees are read out through serde, because
//! smartcore keeps them private, and become the same flat trees that every other model is.

#[cfg(test)]
mod tests;

use std::panic::resume_unwind;
use std::thread;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use scoring::model::Node;
use scoring::model::trees::{Combine, Trees};
use serde::{Deserialize, Serialize};
use smartcore::ensemble::random_forest_regressor::{RandomForestRegressor, RandomForestRegressorParameters};
use smartcore::error::Failed;
use smartcore::linalg::basic::matrix::DenseMatrix;

use super::{Error, require_both_labels};
use crate::matrix::Matrix;

/// What a missing value counts as while the forest grows, since smartcore knows none.
const MISSING: f64 = f64::MIN;

/// How large the forest grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How many trees; 1 or more.
    pub trees: usize,
    /// How many rows of its sample a leaf has, at least; 1 or more.
    pub min_rows: usize,
    /// How many trees one run of smartcore grows; 1 or more. Few bound the memory and let threads share the work. It changes the
    /// forest, because each run has a seed of its own.
    pub trees_a_run: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { trees: 100, min_rows: 5, trees_a_run: 5 }
    }
}

/// Learns trees whose mean is the probability of bad, each on a sample of the rows drawn with replacement, each split the best on
/// any of √width features drawn at random. The number of threads changes nothing but the time.
///
/// A missing value counts as lower than every other; where training saw none missing, it goes with the majority.
pub fn fit(matrix: &Matrix, settings: &Settings, seed: u64, threads: usize) -> Result<Trees, Error> {
    settings.check()?;
    require_both_labels(matrix)?;
    let data = Data::new(matrix);
    let runs = runs(matrix.width(), settings, seed);
    let share = runs.len().div_ceil(threads.max(1));
    let grown = thread::scope(|scope| {
        let grow = |runs: &[Parameters]| runs.iter().map(|run| data.grow(run)).collect::<Result<Vec<_>, _>>();
        let workers: Vec<_> = runs.chunks(share).map(|runs| scope.spawn(move || grow(runs))).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect::<Result<Vec<_>, _>>()
    })
    .map_err(Error::Forest)?;

    let mut forest = no_trees(matrix.width());
    for trees in grown.into_iter().flatten() {
        let offset = forest.nodes.len() as u32;
        forest.roots.extend(trees.roots.iter().map(|root| root + offset));
        forest.nodes.extend(trees.nodes.iter().map(|node| Node {
            left: node.left + offset,
            right: node.right + offset,
            ..*node
        }));
    }
    Ok(forest)
}

type Regressor = RandomForestRegressor<f64, f64, DenseMatrix<f64>, Vec<f64>>;
type Parameters = RandomForestRegressorParameters;

/// The runs of smartcore that together grow the forest, with a seed each.
fn runs(width: usize, settings: &Settings, seed: u64) -> Vec<Parameters> {
    let mut seeds = ChaCha8Rng::seed_from_u64(seed);
    (0..settings.trees)
        .step_by(settings.trees_a_run)
        .map(|grown| {
            Parameters::default()
                .with_n_trees(settings.trees_a_run.min(settings.trees - grown))
                .with_m((width as f64).sqrt() as usize)
                .with_min_samples_leaf(settings.min_rows)
                .with_seed(seeds.next_u64())
        })
        .collect()
}

/// The rows as smartcore wants them, and as we do.
struct Data<'a> {
    matrix: &'a Matrix,
    /// For each feature, whether any row misses it.
    missing: Vec<bool>,
    x: DenseMatrix<f64>,
    y: Vec<f64>,
}

impl<'a> Data<'a> {
    fn new(matrix: &'a Matrix) -> Self {
        let known = |&value: &f64| if value.is_nan() { MISSING } else { value };
        let values = matrix.columns().iter().flatten().map(known).collect();
        Self {
            matrix,
            missing: matrix.columns().iter().map(|column| column.iter().any(|value| value.is_nan())).collect(),
            x: DenseMatrix::new(matrix.rows(), matrix.width(), values, true).expect("a matrix has rows x width values"),
            y: matrix.labels().iter().map(|&bad| f64::from(u8::from(bad))).collect(),
        }
    }

    fn grow(&self, run: &Parameters) -> Result<Trees, Failed> {
        let mut trees = read_out(&Regressor::fit(&self.x, &self.y, run.clone())?, self.matrix.width());
        for row in 0..self.matrix.rows() {
            let values = self.matrix.row(row);
            for tree in 0..trees.roots.len() {
                let leaf = trees.leaf(trees.roots[tree], &values);
                trees.nodes[leaf as usize].cover += 1.0;
            }
        }
        trees.sum_up();
        for index in 0..trees.nodes.len() {
            let node = trees.nodes[index];
            if !node.is_leaf(index as u32) && !self.missing[usize::from(node.feature)] {
                let cover = |child: u32| trees.nodes[child as usize].cover;
                trees.nodes[index].missing_left = cover(node.left) >= cover(node.right);
            }
        }
        Ok(trees)
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

/// The trees without covers. smartcore goes on splitting where all rows have one label, down to single rows; those splits
/// change no prediction and are most of the forest, so they are left out.
fn read_out(regressor: &Regressor, width: usize) -> Trees {
    let text = serde_json::to_vec(regressor).expect("a forest of finite numbers is JSON");
    let written: Written = serde_json::from_slice(&text).expect("smartcore is pinned, and this is how it writes a forest");
    let mut trees = no_trees(width);
    for tree in &written.forest_regressor.trees {
        trees.roots.push(trees.nodes.len() as u32);
        flatten(&tree.nodes, &mut trees.nodes);
    }
    trees
}

fn flatten(tree: &[WrittenNode], nodes: &mut Vec<Node>) {
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
            (split.feature, split.threshold, split.missing_left) = (node.split_feature, threshold, MISSING <= threshold);
            (split.left, split.right) = (left_to, right_to);
            open.extend([(right, right_to), (left, left_to)]);
        } else {
            nodes[to as usize].value = node.output;
        }
    }
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

impl Settings {
    /// Whether every setting is in its range.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let within = |name, good: bool| if good { Ok(()) } else { Err(Error::Setting { learner: "forest", name }) };
        within("trees", self.trees >= 1)?;
        within("min_rows", self.min_rows >= 1)?;
        within("trees_a_run", self.trees_a_run >= 1)
    }
}
