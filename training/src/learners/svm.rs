//! A linear support vector machine: the squared hinge loss and an L2 penalty on the weights, solved by Newton's method (Keerthi and
//! DeCoste, "A modified finite Newton method for fast solution of large scale linear SVMs", 2005).

use scoring::model::Linear;
use serde::{Deserialize, Serialize};

use super::newton::{Local, Problem, Standard};
use super::{Error, require_both_labels};
use crate::matrix::Matrix;

/// How cautiously is learned.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Half of this times the squared weights is added to the losses of all rows: 1/C of scikit-learn. Finite, above 0.
    pub penalty: f64,
}

impl Default for Settings {
    /// As scikit-learn has it by default.
    fn default() -> Self {
        Self { penalty: 1.0 }
    }
}

impl Settings {
    /// Whether every setting is in its range.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let good = self.penalty > 0.0 && self.penalty.is_finite();
        if good { Ok(()) } else { Err(Error::Setting { learner: "svm", name: "penalty" }) }
    }
}

/// Learns a weighted sum of standardised features that is above 1 for bad rows and below -1 for good ones, as far as can be. A missing
/// value counts as the mean of its feature. The sum ranks and is no log-odds: only the calibration, which is fitted afterwards, makes
/// probabilities of it. The weights are the same on any number of threads.
pub fn fit(matrix: &Matrix, settings: &Settings, threads: usize) -> Result<Linear, Error> {
    settings.check()?;
    require_both_labels(matrix)?;
    let rows = Standard::new(matrix, &[]);
    let (squares, loss) = (settings.penalty, squared_hinge);
    Ok(Problem { matrix, rows, loss, squares, absolutes: 0.0, start: 0.0, threads }.solve())
}

/// The square of what a row lacks to be on its side with a margin of 1.
fn squared_hinge(margin: f64, bad: bool) -> Local {
    let side = if bad { 1.0 } else { -1.0 };
    let lack = (1.0 - side * margin).max(0.0);
    Local { loss: lack * lack, slope: -2.0 * side * lack, curvature: if lack > 0.0 { 2.0 } else { 0.0 } }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::learners::tests::{matrix, noisy};
    use evaluation::metrics::auc;

    /// The slope of losses and penalty at a model, by the intercept and by each weight.
    fn slopes(matrix: &Matrix, model: &Linear, penalty: f64) -> Vec<f64> {
        let mut slopes = vec![0.0];
        slopes.extend(model.weights.iter().map(|weight| penalty * weight));
        for row in 0..matrix.rows() {
            let values = matrix.row(row);
            let slope = matrix.weight(row) * squared_hinge(model.margin(&values), matrix.labels()[row]).slope;
            slopes[0] += slope;
            for (feature, value) in values.iter().enumerate().filter(|(_, value)| !value.is_nan()) {
                slopes[feature + 1] += slope * (value - model.means[feature]) / model.deviations[feature];
            }
        }
        slopes
    }

    #[test]
    fn the_loss_is_flat_at_the_weights() {
        let matrix = noisy(1_500, 3);
        for penalty in [0.01, 1.0, 1000.0] {
            let model = fit(&matrix, &Settings { penalty }, 1).unwrap();
            let slopes = slopes(&matrix, &model, penalty);
            assert!(slopes.iter().all(|slope| slope.abs() < 1e-6), "{penalty}: {slopes:?}");
            assert_eq!(fit(&matrix, &Settings { penalty }, 3).unwrap(), model);
        }
        let error = fit(&matrix, &Settings { penalty: 0.0 }, 1).unwrap_err().to_string();
        assert_eq!(error, "the setting penalty of svm is out of its range");
    }

    #[test]
    fn rows_are_on_their_sides_of_a_gap() {
        // Without a penalty to speak of the nearest rows of a gap, 4 and 6, are at -1 and 1.
        let rows = matrix(vec![vec![1.0, 2.0, 4.0, 6.0, 8.0, 9.0]], vec![false, false, false, true, true, true]);
        let model = fit(&rows, &Settings { penalty: 1e-9 }, 1).unwrap();
        for (amount, expect) in [(4.0, -1.0), (6.0, 1.0), (5.0, 0.0), (9.0, 4.0), (f64::NAN, 0.0)] {
            assert!((model.margin(&[amount]) - expect).abs() < 1e-6, "{amount}: {}", model.margin(&[amount]));
        }
        let (train, test) = (noisy(2_000, 1), noisy(2_000, 2));
        let model = fit(&train, &Settings::default(), 1).unwrap();
        let margins: Vec<f64> = (0..test.rows()).map(|row| model.margin(&test.row(row))).collect();
        assert!(auc(&margins, test.labels()).unwrap() > 0.85);
    }

    proptest! {
        #[test]
        fn a_weight_is_a_number_of_equal_rows(rows in prop::collection::vec((-3.0..3.0, any::<bool>(), 1..5usize), 3..60)) {
            let labels: Vec<bool> = rows.iter().map(|row| row.1).collect();
            prop_assume!(labels.contains(&true) && labels.contains(&false));
            let single = matrix(vec![rows.iter().map(|row| row.0).collect()], labels);
            let repeated: Vec<usize> = rows.iter().enumerate().flat_map(|(at, row)| std::iter::repeat_n(at, row.2)).collect();
            let repeated = fit(&single.select(&repeated), &Settings::default(), 1).unwrap();
            let weighted = single.with_weights(rows.iter().map(|row| row.2 as f64).collect()).unwrap();
            let weighted = fit(&weighted, &Settings::default(), 1).unwrap();
            prop_assert!((weighted.weights[0] - repeated.weights[0]).abs() < 1e-6, "{:?} {:?}", weighted, repeated);
            prop_assert!((weighted.intercept - repeated.intercept).abs() < 1e-6, "{:?} {:?}", weighted, repeated);
        }
    }
}
