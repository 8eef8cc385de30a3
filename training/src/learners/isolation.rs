//! An isolation forest (Liu, Ting and Zhou, "Isolation Forest", 2008): trees that cut small samples at random until every row is alone. A
//! row that is alone after few cuts is unlike the others. Nothing is learned of labels: what is strange need not be bad.

#[cfg(test)]
mod tests;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use scoring::model::Node;
use scoring::model::trees::{Combine, Trees};
use serde::{Deserialize, Serialize};

use super::Error;
use crate::matrix::Matrix;
use evaluation::threads::on_threads;

/// How far below the lowest value a missing one lies, as a part of the range of the values: that a value is missing is strange where it
/// seldom is.
const GAP: f64 = 0.25;

/// How many trees, and of how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How many trees; 1 or more.
    pub trees: usize,
    /// How many rows each tree sees, at most; 2 or more. In small samples what is strange stands out more.
    pub sample: usize,
}

impl Default for Settings {
    /// As the authors have it.
    fn default() -> Self {
        Self { trees: 100, sample: 256 }
    }
}

impl Settings {
    /// Whether every setting is in its range.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let within = |name, good: bool| if good { Ok(()) } else { Err(Error::Setting { learner: "isolation", name }) };
        within("trees", self.trees >= 1)?;
        within("sample", self.sample >= 2)
    }
}

/// Learns trees whose score is 2 to the power of minus the mean length of a row's paths over the length to be expected: near 1 for what
/// is strange, one half and less for what is not. Labels are not looked at. The number of threads changes nothing but the time.
///
/// A missing value counts as lower than every other; where a tree's rows had none missing, it goes with the majority. Rows are drawn without
/// replacement, those that weigh more sooner.
pub fn fit(matrix: &Matrix, settings: &Settings, seed: u64, threads: usize) -> Result<Trees, Error> {
    settings.check()?;
    let sample = settings.sample.min(matrix.rows());
    let grow = |tree: usize| {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(tree as u64);
        let rows = draw(matrix, sample, &mut random);
        Isolation { matrix, expected: path_length(sample), deepest: sample.next_power_of_two().ilog2(), random }.tree(rows)
    };
    let mut forest =
        Trees { width: matrix.width(), combine: Combine::PathLength, base: 0.0, roots: Vec::new(), nodes: Vec::new() };
    for tree in on_threads(settings.trees, threads, || (), |tree, ()| grow(tree)) {
        let offset = forest.nodes.len() as u32;
        forest.roots.push(offset);
        forest.nodes.extend(tree.iter().map(|node| Node { left: node.left + offset, right: node.right + offset, ..*node }));
    }
    forest.sum_up();
    Ok(forest)
}

/// So many rows without replacement, each as likely as it weighs (Efraimidis and Spirakis, "Weighted random sampling with a reservoir",
/// 2006), rising.
fn draw(matrix: &Matrix, sample: usize, random: &mut ChaCha8Rng) -> Vec<u32> {
    let mut keys: Vec<(f64, u32)> = (0..matrix.rows()).map(|row| (-unit(random).ln() / matrix.weight(row), row as u32)).collect();
    if sample < keys.len() {
        keys.select_nth_unstable_by(sample, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        keys.truncate(sample);
    }
    let mut rows: Vec<u32> = keys.into_iter().map(|(_, row)| row).collect();
    rows.sort_unstable();
    rows
}

/// A number between 0 and 1, neither of them.
fn unit(random: &mut ChaCha8Rng) -> f64 {
    (f64::from(random.next_u32()) + 0.5) / 2_f64.powi(32)
}

/// The mean length of a path that finds one of so many rows in a tree that was cut at random until each was alone: `2 H(n - 1) - 2 (n - 1)
/// / n`, with H(n) the sum of 1, 1/2, … 1/n.
fn path_length(rows: usize) -> f64 {
    if rows < 2 {
        return 0.0;
    }
    let before = rows as f64 - 1.0;
    2.0 * (1..rows).map(|number| 1.0 / number as f64).sum::<f64>() - 2.0 * before / rows as f64
}

/// A tree that grows.
struct Isolation<'a> {
    matrix: &'a Matrix,
    /// The length of a path to be expected.
    expected: f64,
    /// No path is longer: what is not alone by then is not strange.
    deepest: u32,
    random: ChaCha8Rng,
}

/// Where a node is cut.
struct Cut {
    feature: usize,
    threshold: f64,
    /// Whether rows of the node miss the feature.
    has_missing: bool,
}

impl Isolation<'_> {
    fn tree(mut self, rows: Vec<u32>) -> Vec<Node> {
        let mut nodes = vec![Node::leaf(0, 0.0, 0.0)];
        let mut open = vec![(0, 0, rows)];
        while let Some((index, depth, rows)) = open.pop() {
            let cut = if depth < self.deepest && rows.len() > 1 { self.cut(&rows) } else { None };
            let Some(Cut { feature, threshold, has_missing }) = cut else {
                nodes[index as usize] = Node::leaf(index, self.value(depth, rows.len()), rows.len() as f64);
                continue;
            };
            let column = &self.matrix.columns()[feature];
            let goes_left = |row: &u32| column[*row as usize].is_nan() || column[*row as usize] <= threshold;
            let (left_rows, right_rows): (Vec<u32>, Vec<u32>) = rows.iter().partition(|row| goes_left(row));
            let (left, right) = (nodes.len() as u32, nodes.len() as u32 + 1);
            nodes.extend([Node::leaf(left, 0.0, 0.0), Node::leaf(right, 0.0, 0.0)]);
            let missing_left = has_missing || left_rows.len() >= right_rows.len();
            let split = &mut nodes[index as usize];
            *split = Node { feature: feature as u16, missing_left, threshold, left, right, ..*split };
            open.extend([(right, depth + 1, right_rows), (left, depth + 1, left_rows)]);
        }
        nodes
    }

    /// Minus the length of the path, with what it would go on for among so many rows, in units of the one to be expected.
    fn value(&self, depth: u32, rows: usize) -> f64 {
        let length = f64::from(depth) + path_length(rows);
        if self.expected > 0.0 { -length / self.expected } else { -1.0 }
    }

    /// A cut at random, of a feature at random among those that can be cut; `None` where all rows are alike.
    fn cut(&mut self, rows: &[u32]) -> Option<Cut> {
        let width = self.matrix.width();
        let mut features: Vec<usize> = (0..width).collect();
        for tried in 0..width {
            let chosen = tried + (unit(&mut self.random) * (width - tried) as f64) as usize;
            features.swap(tried, chosen);
            let feature = features[tried];
            let column = &self.matrix.columns()[feature];
            let present = || rows.iter().map(|row| column[*row as usize]).filter(|value| !value.is_nan());
            let Some(lowest) = present().reduce(f64::min) else { continue };
            let highest = present().fold(lowest, f64::max);
            let has_missing = present().count() < rows.len();
            let from = if has_missing { below(lowest, highest) } else { lowest };
            if from < highest {
                let share = unit(&mut self.random);
                // Each part of its own, so that the difference of two extremes cannot overflow.
                let drawn = from * (1.0 - share) + highest * share;
                // A cut between the missing rows and the others is one whatever the numbers: none that comes later is missing.
                let threshold = if drawn < lowest { f64::MIN } else { drawn.clamp(lowest, highest.next_down()) };
                return Some(Cut { feature, threshold, has_missing });
            }
        }
        None
    }
}

/// What a missing value counts as beside others.
fn below(lowest: f64, highest: f64) -> f64 {
    let range = highest * GAP - lowest * GAP;
    let gap = if range > 0.0 { range } else { GAP * lowest.abs().max(1.0) };
    (lowest - gap).min(lowest.next_down()).max(f64::MIN)
}
