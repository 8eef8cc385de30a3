//! The lowest point of a parabola and an L1 penalty, a coordinate at a time: a weight whose slope does not outweigh the penalty is zero,
//! exactly.

use super::add_up::Sums;

/// Columns that say nearly the same take many rounds.
const MAX_ROUNDS: usize = 20_000;
/// The step is looked for so much more exactly than the whole search.
const FINER: f64 = 1e-3;

/// The step from `at` to the lowest point of the parabola and `penalty` times the absolute weights. The intercept has no penalty. Ends
/// where no coordinate gains more than a part of `least`.
pub(super) fn step(sums: &Sums, at: &[f64], penalty: f64, least: f64) -> Vec<f64> {
    let size = at.len();
    let curvature = mirrored(&sums.curvature, size);
    let mut step = vec![0.0; size];
    // The slope of the parabola where the step has got to.
    let mut slope = sums.gradient.clone();
    for _ in 0..MAX_ROUNDS {
        let mut most: f64 = 0.0;
        for place in 0..size {
            let row = &curvature[place * size..(place + 1) * size];
            let bend = row[place];
            if bend <= 0.0 {
                continue;
            }
            let now = at[place] + step[place];
            let free = now - slope[place] / bend;
            let next = if place == 0 { free } else { shrunk(free, penalty / bend) };
            let moved = next - now;
            if moved != 0.0 {
                // So that what comes out is exactly zero where it should be.
                step[place] = if next == 0.0 { -at[place] } else { step[place] + moved };
                slope.iter_mut().zip(row).for_each(|(slope, cell)| *slope += cell * moved);
                most = most.max(bend * moved * moved);
            }
        }
        if most <= FINER * least {
            break;
        }
    }
    step
}

/// A value nearer to zero by so much, and zero where it would pass it.
fn shrunk(value: f64, by: f64) -> f64 {
    (value.abs() - by).max(0.0).copysign(value)
}

/// A symmetric matrix whose upper half is given.
fn mirrored(upper: &[f64], size: usize) -> Vec<f64> {
    (0..size * size)
        .map(|at| (at / size, at % size))
        .map(|(row, column)| upper[row.min(column) * size + row.max(column)])
        .collect()
}
