//! Newton's step: the lowest point of a parabola, by Cholesky's factors of its curvature.

use super::add_up::Sums;

/// A column of which less than this share is left beside the columns before it says what they say.
const DEPENDENT: f64 = 1e-10;

/// Where the parabola is lowest, seen from where it was taken. Columns that say what those before them say are left where they are.
pub(super) fn newton_step(sums: &Sums) -> Vec<f64> {
    let size = sums.gradient.len();
    let factor = factor(sums.curvature.clone(), size);
    let pivot = |place: usize| factor[place * size + place];
    let mut step: Vec<f64> = sums.gradient.iter().map(|slope| -slope).collect();
    for place in 0..size {
        if pivot(place) == 0.0 {
            step[place] = 0.0;
            continue;
        }
        step[place] /= pivot(place);
        let (done, rest) = step.split_at_mut(place + 1);
        let row = &factor[place * size + place + 1..(place + 1) * size];
        rest.iter_mut().zip(row).for_each(|(rest, cell)| *rest -= cell * done[place]);
    }
    for place in (0..size).rev().filter(|place| pivot(*place) != 0.0) {
        let row = &factor[place * size + place + 1..(place + 1) * size];
        step[place] = (step[place] - super::dot(row, &step[place + 1..])) / pivot(place);
    }
    step
}

/// The upper triangle whose transpose times itself is a matrix, of which the upper half is given; rows of zeros where a column depends
/// on those before it.
fn factor(mut matrix: Vec<f64>, size: usize) -> Vec<f64> {
    let whole: Vec<f64> = (0..size).map(|place| matrix[place * size + place]).collect();
    for place in 0..size {
        let (before, below) = matrix.split_at_mut((place + 1) * size);
        let row = &mut before[place * size + place..];
        if row[0] <= DEPENDENT * whole[place] {
            row.fill(0.0);
            continue;
        }
        let root = row[0].sqrt();
        row.iter_mut().for_each(|cell| *cell /= root);
        for (other, cells) in below.chunks_exact_mut(size).enumerate() {
            let factor = row[other + 1];
            if factor != 0.0 {
                cells[place + other + 1..].iter_mut().zip(&row[other + 1..]).for_each(|(cell, value)| *cell -= factor * value);
            }
        }
    }
    matrix
}
