//! Columns on a scale of their own: less their mean, over their standard deviation. A missing value is the mean.

use crate::matrix::Matrix;

/// The scale of each column.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::learners) struct Standard {
    pub(in crate::learners) means: Vec<f64>,
    /// Above 0.
    pub(in crate::learners) deviations: Vec<f64>,
}

impl Standard {
    /// From all rows, each as often as it counts. Columns that are `kept` stay on their own scale; none where empty.
    pub(in crate::learners) fn new(matrix: &Matrix, kept: &[bool]) -> Self {
        let (means, mut deviations): (Vec<f64>, Vec<f64>) =
            matrix.columns().iter().map(|column| moments(column, |row| matrix.weight(row))).unzip();
        for (deviation, _) in deviations.iter_mut().zip(kept).filter(|(_, kept)| **kept) {
            *deviation = 1.0;
        }
        Self { means, deviations }
    }

    /// A value on its column's scale.
    pub(super) fn value(&self, column: usize, value: f64) -> f64 {
        if value.is_nan() { 0.0 } else { (value - self.means[column]) / self.deviations[column] }
    }
}

/// The mean and the standard deviation of the values that are there; where all are the same, one instead of a deviation of zero.
pub(in crate::learners) fn moments(column: &[f64], weight: impl Fn(usize) -> f64) -> (f64, f64) {
    let present = || column.iter().enumerate().filter(|(_, value)| !value.is_nan());
    let Some((_, &first)) = present().next() else { return (0.0, 1.0) };
    if present().all(|(_, value)| *value == first) {
        return (first, 1.0);
    }
    let total: f64 = present().map(|(row, _)| weight(row)).sum();
    let of = |unit: f64| {
        let mean = present().map(|(row, value)| weight(row) * (value / unit)).sum::<f64>() / total;
        let squares: f64 = present().map(|(row, value)| weight(row) * (value / unit - mean).powi(2)).sum();
        (mean * unit, (squares / total).sqrt() * unit)
    };
    let (mean, deviation) = of(1.0);
    // Squares of the largest numbers are beyond all numbers, those of the smallest are zero: then in units of the largest value.
    let (mean, deviation) = if deviation.is_finite() && deviation > 0.0 {
        (mean, deviation)
    } else {
        of(present().map(|(_, value)| value.abs()).fold(0.0, f64::max))
    };
    (mean, if deviation.is_finite() && deviation > 0.0 { deviation } else { 1.0 })
}
