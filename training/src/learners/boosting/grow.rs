//! One tree at a time, leaf by leaf. Of every split only the smaller child is summed up row by row; the larger is what remains.

use std::ops::{Add, AddAssign, Range, Sub};

use scoring::model::Node;

use super::bins::Binned;
use super::sample::Sample;
use super::{Direction, Settings};

/// Gains below this, in nats, are rounding.
const MIN_GAIN: f64 = 1e-6;

/// The first and the second derivative of a row's loss.
#[derive(Clone, Copy)]
pub(super) struct Slope {
    pub(super) gradient: f64,
    pub(super) hessian: f64,
}

impl Slope {
    /// Makes it that of a row that counts so often.
    pub(super) fn weigh(&mut self, weight: f64) {
        self.gradient *= weight;
        self.hessian *= weight;
    }
}

/// The slopes of some rows, added up.
#[derive(Clone, Copy, Default)]
struct Sums {
    gradient: f64,
    hessian: f64,
    rows: u32,
}

/// Rows that went the same way so far.
struct Leaf {
    /// Its node in the tree.
    node: u32,
    /// Its rows, as a range of [`Grower::rows`].
    rows: Range<usize>,
    /// Its rows that are not learned from, as a range of [`Grower::others`].
    others: Range<usize>,
    sums: Sums,
    bounds: Bounds,
    /// The sums of each bin of each feature; empty in a leaf that will not be split.
    table: Vec<Sums>,
    split: Option<Split>,
}

/// The best way to cut a leaf in two.
#[derive(Clone, Copy)]
struct Split {
    gain: f64,
    feature: usize,
    /// The last bin that goes left.
    lower: usize,
    /// The first that goes right and has rows; `None` when only the missing values go right.
    upper: Option<usize>,
    missing_left: bool,
    left: Sums,
}

/// What the value of a leaf may be, before the rate, so that no tree falls where it has to rise. A split of a feature with a direction
/// puts the middle of its two children between all that will ever lie below them.
#[derive(Clone, Copy)]
struct Bounds {
    low: f64,
    high: f64,
}

impl Bounds {
    const NONE: Self = Self { low: f64::NEG_INFINITY, high: f64::INFINITY };
}

/// From so many cells to be added up on, a table is worth a thread of its own.
const PARALLEL_FROM: usize = 1 << 19;

/// Grows trees over the same rows, and keeps its buffers in between.
pub(super) struct Grower<'a> {
    columns: &'a [Binned],
    settings: &'a Settings,
    /// How often each row counts; once where there are none.
    weights: Option<&'a [f64]>,
    /// Where each feature's bins begin in a table, and where the last ends.
    offsets: Vec<usize>,
    /// The rows that the tree learns from, those of a leaf side by side.
    rows: Vec<u32>,
    /// The rows that it does not, likewise.
    others: Vec<u32>,
    /// The features that it may split, rising.
    features: Vec<usize>,
    /// Rows on their way to the right.
    right: Vec<u32>,
    /// The slopes of a leaf's rows, side by side.
    slopes: Vec<Slope>,
    /// Tables to be used again.
    tables: Vec<Vec<Sums>>,
}

impl<'a> Grower<'a> {
    pub(super) fn new(columns: &'a [Binned], settings: &'a Settings, rows: usize, weights: Option<&'a [f64]>) -> Self {
        let mut offsets = vec![0];
        let mut end = 0;
        for column in columns {
            end += column.missing() + 1;
            offsets.push(end);
        }
        let (right, slopes) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        let (features, others) = ((0..columns.len()).collect(), Vec::new());
        Self { columns, settings, weights, offsets, rows: Vec::new(), others, features, right, slopes, tables: Vec::new() }
    }

    /// Grows a tree onto the nodes and moves the rows' margins by it, or does nothing and says so: false. It sees a part of the rows and
    /// of the features only.
    pub(super) fn tree(&mut self, sample: Sample, slopes: &[Slope], nodes: &mut Vec<Node>, margins: &mut [f64]) -> bool {
        let Sample { rows, others, features } = sample;
        (self.rows, self.others, self.features) = (rows, others, features);
        let mut sums = Sums::default();
        self.rows.iter().for_each(|&row| sums += slopes[row as usize]);
        let root = self.leaf(nodes, 0..self.rows.len(), 0..self.others.len(), sums, Bounds::NONE);
        let table = self.table(&root.rows, slopes);
        let mut leaves = vec![self.with_split(root, table)];
        if leaves[0].split.is_none() {
            nodes.pop();
            return false;
        }
        while leaves.len() < self.settings.leaves
            && let Some((at, split)) = best(&leaves)
        {
            let parent = leaves.swap_remove(at);
            let last = leaves.len() + 2 == self.settings.leaves;
            leaves.extend(self.split(parent, split, last, slopes, nodes));
        }
        for leaf in leaves {
            let value = self.settings.rate * leaf.sums.step_within(self.settings.lambda, leaf.bounds);
            nodes[leaf.node as usize].value = value;
            if let Some(weights) = self.weights {
                nodes[leaf.node as usize].cover = self.rows[leaf.rows.clone()].iter().map(|&row| weights[row as usize]).sum();
            }
            let rows = self.rows[leaf.rows].iter().chain(&self.others[leaf.others]);
            rows.for_each(|&row| margins[row as usize] += value);
            if !leaf.table.is_empty() {
                self.tables.push(leaf.table);
            }
        }
        true
    }

    /// Cuts a leaf in two. The children of the last split of a tree need not know how to go on.
    fn split(&mut self, mut parent: Leaf, split: Split, last: bool, slopes: &[Slope], nodes: &mut Vec<Node>) -> [Leaf; 2] {
        let column = &self.columns[split.feature];
        let last_left = split.upper.map_or(usize::MAX, |upper| column.last_left(split.lower, upper));
        let goes_left = |row: u32| {
            let bin = usize::from(column.bins[row as usize]);
            if bin == column.missing() { split.missing_left } else { bin <= last_left }
        };
        let middle = partition(&mut self.rows, &parent.rows, goes_left, &mut self.right);
        let other_middle = partition(&mut self.others, &parent.others, goes_left, &mut self.right);
        let sums = [split.left, parent.sums - split.left];
        let bounds = self.bounds(&parent, &split, sums);
        let left = self.leaf(nodes, parent.rows.start..middle, parent.others.start..other_middle, sums[0], bounds[0]);
        let right = self.leaf(nodes, middle..parent.rows.end, other_middle..parent.others.end, sums[1], bounds[1]);

        let node = &mut nodes[parent.node as usize];
        (node.left, node.right) = (left.node, right.node);
        node.feature = split.feature as u16;
        node.threshold = if split.upper.is_some() { column.above(last_left) } else { f64::MAX };
        node.missing_left = split.missing_left;
        if last {
            self.tables.push(parent.table);
            return [left, right];
        }

        let left_smaller = left.rows.len() <= right.rows.len();
        let smaller = self.table(if left_smaller { &left.rows } else { &right.rows }, slopes);
        let mut larger = std::mem::take(&mut parent.table);
        larger.iter_mut().zip(&smaller).for_each(|(larger, &smaller)| *larger = *larger - smaller);
        let (left_table, right_table) = if left_smaller { (smaller, larger) } else { (larger, smaller) };
        [self.with_split(left, left_table), self.with_split(right, right_table)]
    }

    fn leaf(&self, nodes: &mut Vec<Node>, rows: Range<usize>, others: Range<usize>, sums: Sums, bounds: Bounds) -> Leaf {
        let node = nodes.len() as u32;
        nodes.push(Node::leaf(node, 0.0, f64::from(sums.rows)));
        Leaf { node, rows, others, sums, bounds, table: Vec::new(), split: None }
    }

    /// The bounds of the children. What is missing stands outside of the order.
    fn bounds(&self, parent: &Leaf, split: &Split, sums: [Sums; 2]) -> [Bounds; 2] {
        let direction = self.settings.direction(split.feature);
        if direction == Direction::Free || split.upper.is_none() {
            return [parent.bounds; 2];
        }
        let [left, right] = sums.map(|sums| sums.step_within(self.settings.lambda, parent.bounds));
        // Kept between the two, since halves of the smallest numbers are rounded.
        let middle = (left / 2.0 + right / 2.0).clamp(left.min(right), left.max(right));
        let (below, above) = (Bounds { high: middle, ..parent.bounds }, Bounds { low: middle, ..parent.bounds });
        if direction == Direction::Rising { [below, above] } else { [above, below] }
    }

    fn with_split(&self, leaf: Leaf, table: Vec<Sums>) -> Leaf {
        let split = self.best_split(&leaf.sums, leaf.bounds, &table);
        Leaf { table, split, ..leaf }
    }

    /// The sums of each bin of each feature over some rows.
    fn table(&mut self, rows: &Range<usize>, slopes: &[Slope]) -> Vec<Sums> {
        let rows = &self.rows[rows.clone()];
        let mut table = self.tables.pop().unwrap_or_default();
        table.clear();
        table.resize(self.offsets[self.columns.len()], Sums::default());
        self.slopes.clear();
        self.slopes.extend(rows.iter().map(|&row| slopes[row as usize]));
        let mut cells = table.as_mut_slice();
        let mut parts = Vec::with_capacity(self.features.len());
        for (feature, column) in self.columns.iter().enumerate() {
            let (part, rest) = cells.split_at_mut(self.offsets[feature + 1] - self.offsets[feature]);
            if self.features.binary_search(&feature).is_ok() {
                parts.push((column, part));
            }
            cells = rest;
        }
        let slopes = self.slopes.as_slice();
        let threads = if rows.len() * parts.len() >= PARALLEL_FROM { self.settings.threads.clamp(1, parts.len()) } else { 1 };
        // Each feature is added up by one thread in the order of the rows, so their number changes nothing.
        let each = parts.len().div_ceil(threads);
        std::thread::scope(|scope| {
            let mut chunks = parts.chunks_mut(each);
            let own = chunks.next();
            for chunk in chunks {
                scope.spawn(|| chunk.iter_mut().for_each(|(column, part)| add_up(column, rows, slopes, part)));
            }
            own.into_iter().flatten().for_each(|(column, part)| add_up(column, rows, slopes, part));
        });
        table
    }

    /// The split that gains most; of equals the first feature and the lowest threshold.
    fn best_split(&self, sums: &Sums, bounds: Bounds, table: &[Sums]) -> Option<Split> {
        let Settings { lambda, min_rows, .. } = *self.settings;
        let is_free = self.settings.directions.is_empty();
        let score = |sums: &Sums| if is_free { sums.score(lambda) } else { sums.score_within(lambda, bounds) };
        let unsplit = score(sums);
        let mut best = None;
        let mut offer = |split: Split| {
            let right = *sums - split.left;
            if split.left.rows < min_rows || right.rows < min_rows {
                return;
            }
            let gain = score(&split.left) + score(&right) - unsplit;
            if gain > best.map_or(MIN_GAIN, |best: Split| best.gain) {
                if !is_free && split.upper.is_some() {
                    let rise = right.step_within(lambda, bounds) - split.left.step_within(lambda, bounds);
                    match self.settings.direction(split.feature) {
                        Direction::Rising if rise < 0.0 => return,
                        Direction::Falling if rise > 0.0 => return,
                        _ => {}
                    }
                }
                best = Some(Split { gain, ..split });
            }
        };
        for &feature in &self.features {
            let column = &self.columns[feature];
            let cells = &table[self.offsets[feature]..self.offsets[feature + 1]];
            let missing = cells[column.missing()];
            let mut split = Split { gain: 0.0, feature, lower: 0, upper: None, missing_left: false, left: Sums::default() };
            // A bin without rows makes the same split as the one below it.
            for (bin, &cell) in cells[..column.missing()].iter().enumerate().filter(|(_, cell)| cell.rows > 0) {
                split.upper = Some(bin);
                if split.left.rows > 0 && missing.rows > 0 {
                    offer(split);
                    offer(Split { missing_left: true, left: split.left + missing, ..split });
                } else if split.left.rows > 0 {
                    offer(Split { missing_left: split.left.rows >= sums.rows - split.left.rows, ..split });
                }
                split.left = split.left + cell;
                split.lower = bin;
            }
            // What is missing against all the rest.
            offer(Split { upper: None, ..split });
        }
        best
    }
}

/// Puts the rows that go left before those that go right, each in the order they had; says where the right ones begin.
fn partition(rows: &mut [u32], range: &Range<usize>, goes_left: impl Fn(u32) -> bool, right: &mut Vec<u32>) -> usize {
    let mut middle = range.start;
    right.clear();
    for at in range.clone() {
        let row = rows[at];
        if goes_left(row) {
            rows[middle] = row;
            middle += 1;
        } else {
            right.push(row);
        }
    }
    rows[middle..range.end].copy_from_slice(right);
    middle
}

/// Adds up the slopes of rows by their bins.
fn add_up(column: &Binned, rows: &[u32], slopes: &[Slope], cells: &mut [Sums]) {
    for (&row, &slope) in rows.iter().zip(slopes) {
        cells[usize::from(column.bins[row as usize])] += slope;
    }
}

/// The leaf whose split gains most, and that split; of equals the first.
fn best(leaves: &[Leaf]) -> Option<(usize, Split)> {
    let mut best: Option<(usize, Split)> = None;
    for (at, leaf) in leaves.iter().enumerate() {
        if let Some(split) = leaf.split
            && best.is_none_or(|(_, best)| split.gain > best.gain)
        {
            best = Some((at, split));
        }
    }
    best
}

impl Sums {
    /// Twice what the loss falls by, to second order, when these rows move together.
    fn score(&self, lambda: f64) -> f64 {
        self.gradient * self.gradient / (self.hessian + lambda)
    }

    /// The same for a step that is kept within bounds.
    fn score_within(&self, lambda: f64, bounds: Bounds) -> f64 {
        let (whole, kept) = (self.step(lambda), self.step_within(lambda, bounds));
        if whole == kept {
            return self.score(lambda);
        }
        // The parabola through zero with its lowest point at Newton's step, at the share of the step that is left.
        let newton = -self.gradient / (self.hessian + lambda);
        let moved = if whole == 0.0 { kept } else { newton * (kept / whole) };
        -2.0 * self.gradient * moved - (self.hessian + lambda) * moved * moved
    }

    fn step_within(&self, lambda: f64, bounds: Bounds) -> f64 {
        self.step(lambda).clamp(bounds.low, bounds.high)
    }

    /// How far to move these rows' margin. Newton's step, gradient / hessian, assumes that the hessian stays; where nearly all rows
    /// are good it is tiny, a few bad ones then throw the margin far beyond the best, and the loss rises. But the log-loss's third
    /// derivative is never above its second, so over a move by s the hessian grows by e^s at most, and ln(1 + gradient / hessian)
    /// is sure not to pass the lowest point. For small steps the two agree.
    fn step(&self, lambda: f64) -> f64 {
        -self.gradient.signum() * (self.gradient.abs() / (self.hessian + lambda)).ln_1p()
    }
}

impl AddAssign<Slope> for Sums {
    fn add_assign(&mut self, slope: Slope) {
        self.gradient += slope.gradient;
        self.hessian += slope.hessian;
        self.rows += 1;
    }
}

impl Add for Sums {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { gradient: self.gradient + other.gradient, hessian: self.hessian + other.hessian, rows: self.rows + other.rows }
    }
}

impl Sub for Sums {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { gradient: self.gradient - other.gradient, hessian: self.hessian - other.hessian, rows: self.rows - other.rows }
    }
}
