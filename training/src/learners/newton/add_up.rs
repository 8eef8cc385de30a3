//! The loss of all rows with its slope and its curvature, in one pass over the rows.

use std::ops::Range;

use super::Problem;
use evaluation::threads::on_threads;

/// Into so many pieces the rows are cut, however many threads there are: sums of floats depend on where they are cut.
const PIECES: usize = 32;
/// So many rows of a piece lie side by side while they are added up; a multiple of [`TOGETHER`].
const BLOCK: usize = 64;
/// So many rows are added to the curvature together, so that each of its cells is read and written once for all of them.
const TOGETHER: usize = 8;

/// Sums over rows at some weights, the intercept before all others.
pub(super) struct Sums {
    pub(super) loss: f64,
    pub(super) gradient: Vec<f64>,
    /// The second derivatives, row by row; of what is symmetric the upper half is filled in.
    pub(super) curvature: Vec<f64>,
}

impl Sums {
    fn new(size: usize) -> Self {
        Self { loss: 0.0, gradient: vec![0.0; size], curvature: vec![0.0; size * size] }
    }

    fn add(&mut self, other: &Self) {
        self.loss += other.loss;
        self.gradient.iter_mut().zip(&other.gradient).for_each(|(sum, part)| *sum += part);
        self.curvature.iter_mut().zip(&other.curvature).for_each(|(sum, part)| *sum += part);
    }
}

/// The sums over all rows, without penalties.
pub(super) fn add_up(problem: &Problem<'_>, at: &[f64]) -> Sums {
    let rows = problem.matrix.rows();
    let each = rows.div_ceil(PIECES);
    let pieces = rows.div_ceil(each);
    let piece = |number: usize, block: &mut Vec<f64>| add_piece(problem, at, number * each..rows.min((number + 1) * each), block);
    let mut sums = Sums::new(at.len());
    for part in on_threads(pieces, problem.threads, || vec![0.0; BLOCK * at.len()], piece) {
        sums.add(&part);
    }
    sums
}

fn add_piece(problem: &Problem<'_>, at: &[f64], rows: Range<usize>, block: &mut [f64]) -> Sums {
    let size = at.len();
    let mut sums = Sums::new(size);
    for from in rows.clone().step_by(BLOCK) {
        let rows = from..rows.end.min(from + BLOCK);
        fill(problem, rows.clone(), size, block);
        for (row, values) in rows.clone().zip(block.chunks_exact_mut(size)) {
            let local = (problem.loss)(super::dot(values, at), problem.matrix.labels()[row]);
            let weight = problem.matrix.weight(row);
            sums.loss += weight * local.loss;
            let slope = weight * local.slope;
            let root = (weight * local.curvature).sqrt();
            for (sum, value) in sums.gradient.iter_mut().zip(values) {
                *sum += slope * *value;
                *value *= root;
            }
        }
        let together = rows.len().div_ceil(TOGETHER) * TOGETHER;
        block[rows.len() * size..together * size].fill(0.0);
        for rows in block[..together * size].chunks_exact(TOGETHER * size) {
            add_squares(rows, size, &mut sums.curvature);
        }
    }
    sums
}

/// Puts rows side by side on their scales, a one before each.
fn fill(problem: &Problem<'_>, rows: Range<usize>, size: usize, block: &mut [f64]) {
    block.iter_mut().step_by(size).for_each(|one| *one = 1.0);
    for (place, column) in problem.matrix.columns().iter().enumerate() {
        let cells = block[place + 1..].iter_mut().step_by(size);
        for (cell, value) in cells.zip(&column[rows.clone()]) {
            *cell = problem.rows.value(place, *value);
        }
    }
}

/// Adds the products of each row with itself.
fn add_squares(rows: &[f64], size: usize, curvature: &mut [f64]) {
    let mut rest = rows.chunks_exact(size);
    let rows: [&[f64]; TOGETHER] = std::array::from_fn(|_| rest.next().expect("they come together"));
    for (place, cells) in curvature.chunks_exact_mut(size).enumerate() {
        let factors = rows.map(|row| row[place]);
        if factors == [0.0; TOGETHER] {
            continue;
        }
        let cells = &mut cells[place..];
        let [a, b, c, d, e, f, g, h] = rows.map(|row| &row[place..][..cells.len()]);
        for (at, cell) in cells.iter_mut().enumerate() {
            let first = factors[0] * a[at] + factors[1] * b[at] + (factors[2] * c[at] + factors[3] * d[at]);
            let second = factors[4] * e[at] + factors[5] * f[at] + (factors[6] * g[at] + factors[7] * h[at]);
            *cell += first + second;
        }
    }
}
