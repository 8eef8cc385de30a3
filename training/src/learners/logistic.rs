//! A logistic regression by linfa on standardised features, with an L2 penalty on the weights beside the sum of the log-losses.

use linfa::Dataset;
use linfa::traits::Fit;
use linfa_logistic::LogisticRegression;
use ndarray::{Array1, Array2};
use scoring::model::Linear;
use serde::{Deserialize, Serialize};

use super::{Error, require_both_labels};
use crate::matrix::Matrix;
use crate::preparation::Wish;

/// Features with long tails take about a hundred.
const MAX_ITERATIONS: u64 = 1000;
/// How steep the mean loss may still be where the search ends.
const GRADIENT_TOLERANCE: f64 = 1e-6;

/// How cautiously is learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Half of this times the squared weights is added to the log-losses of all rows: 1/C of scikit-learn. Finite, not below 0.
    pub penalty: f64,
    /// How the features are prepared; a pipeline's models, not those of tables.
    pub preparation: Wish,
    /// Columns whose scale is kept, where it means something: the columns of a category, of which a rare one has less to go by, or weights
    /// of evidence. None where empty.
    #[serde(skip)]
    pub kept: Vec<bool>,
}

impl Default for Settings {
    /// As scikit-learn has it by default.
    fn default() -> Self {
        Self { penalty: 1.0, preparation: Wish::None, kept: Vec::new() }
    }
}

impl Settings {
    /// Whether every setting is in its range.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let good = self.penalty >= 0.0 && self.penalty.is_finite();
        if good { Ok(()) } else { Err(Error::Setting { learner: "logistic", name: "penalty" }) }
    }
}

/// Learns the log-odds of bad as a weighted sum. A missing value counts as the mean of its feature.
pub fn fit(matrix: &Matrix, settings: &Settings) -> Result<Linear, Error> {
    settings.check()?;
    if !settings.kept.is_empty() && settings.kept.len() != matrix.width() {
        return Err(Error::Setting { learner: "logistic", name: "kept" });
    }
    require_both_labels(matrix)?;
    let (means, mut deviations): (Vec<f64>, Vec<f64>) = matrix.columns().iter().map(|column| moments(column)).unzip();
    for (deviation, _) in deviations.iter_mut().zip(&settings.kept).filter(|(_, kept)| **kept) {
        *deviation = 1.0;
    }
    let standard = |row: usize, feature: usize| {
        let value = matrix.columns()[feature][row];
        if value.is_nan() { 0.0 } else { (value - means[feature]) / deviations[feature] }
    };
    let records = Array2::from_shape_fn((matrix.rows(), matrix.width()), |(row, feature)| standard(row, feature));
    let targets = Array1::from_vec(matrix.labels().to_vec());
    let fitted = LogisticRegression::default()
        .alpha(settings.penalty)
        .max_iterations(MAX_ITERATIONS)
        .gradient_tolerance(GRADIENT_TOLERANCE * matrix.rows() as f64)
        .fit(&Dataset::new(records, targets))
        .map_err(|error| Error::Logistic(Box::new(error)))?;
    // linfa calls the more frequent label positive, whichever it is.
    let sign = if fitted.labels().pos.class { 1.0 } else { -1.0 };
    Ok(Linear {
        intercept: sign * fitted.intercept(),
        weights: fitted.params().iter().map(|weight| sign * weight).collect(),
        means,
        deviations,
    })
}

/// The mean and the standard deviation of the values that are there; one instead of a deviation of zero.
fn moments(column: &[f64]) -> (f64, f64) {
    let present = || column.iter().filter(|value| !value.is_nan());
    let count = present().count().max(1) as f64;
    let mean = present().sum::<f64>() / count;
    let deviation = (present().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
    (mean, if deviation > 0.0 { deviation } else { 1.0 })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use scoring::model::sigmoid;

    use super::*;
    use crate::learners::tests::{matrix, noisy};

    #[test]
    fn bad_is_positive_whether_rare_or_frequent() {
        let check = |bad_every: usize, rest_bad: bool| {
            // The amount is 100 higher in one row of so many, and only there the label differs.
            let odd = |row: usize| row.is_multiple_of(bad_every);
            let amounts = (0..600).map(|row| (row % 37) as f64 + if odd(row) { 100.0 } else { 0.0 }).collect();
            let matrix = matrix(vec![amounts], (0..600).map(|row| odd(row) != rest_bad).collect());
            let model = fit(&matrix, &Settings::default()).unwrap();
            let probability = |row: usize| sigmoid(model.margin(&matrix.row(row)));
            for row in 0..600 {
                assert_eq!(probability(row) > 0.5, matrix.labels()[row], "row {row} of one in {bad_every}, {rest_bad}");
            }
            let mean = (0..600).map(probability).sum::<f64>() / 600.0;
            assert!((mean - matrix.bad() as f64 / 600.0).abs() < 1e-4, "{mean}");
        };
        check(30, false);
        check(30, true);
        check(2, false);
        check(2, true);
    }

    #[test]
    fn weights_equal_those_of_scikit_learn() {
        // LogisticRegression(tol=1e-12) on StandardScaler's output, scikit-learn 1.9.1.
        let amounts = vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        let counts = vec![5.0, 1.0, 4.0, 2.0, 2.0, 7.0, 1.0, 3.0];
        let labels = [0, 0, 0, 1, 0, 1, 0, 1].map(|label| label == 1);
        let model = fit(&matrix(vec![amounts, counts], labels.to_vec()), &Settings::default()).unwrap();
        let expect = [-0.585161, 0.745611, 0.525112];
        for (got, expect) in [model.intercept, model.weights[0], model.weights[1]].into_iter().zip(expect) {
            assert!((got - expect).abs() < 1e-5, "{got} is not {expect}");
        }
    }

    #[test]
    fn a_penalty_draws_weights_to_zero() {
        let matrix = noisy(500, 1);
        let length = |penalty: f64| {
            let weights = fit(&matrix, &Settings { penalty, ..Settings::default() }).unwrap().weights;
            weights.iter().map(|weight| weight * weight).sum::<f64>()
        };
        assert!(length(0.0) > length(10.0) && length(10.0) > length(1000.0));
        let error = fit(&matrix, &Settings { penalty: -1.0, ..Settings::default() }).unwrap_err();
        assert_eq!(error.to_string(), "the setting penalty of logistic is out of its range");
        let error = fit(&matrix, &Settings { kept: vec![true], ..Settings::default() }).unwrap_err();
        assert_eq!(error.to_string(), "the setting kept of logistic is out of its range");
        // The second feature's deviation of about 0.3 stays with its weight.
        let kept = fit(&matrix, &Settings { kept: vec![false, true, false], ..Settings::default() }).unwrap();
        assert_eq!(kept.deviations[1], 1.0);
        assert_ne!(kept.deviations[0], 1.0);
    }

    #[test]
    fn a_feature_that_says_nothing_has_no_weight() {
        let matrix = noisy(200, 1);
        let mut columns = matrix.columns().to_vec();
        columns.extend([vec![7.0; 200], vec![f64::NAN; 200]]);
        let model = fit(&super::super::tests::matrix(columns, matrix.labels().to_vec()), &Settings::default()).unwrap();
        assert_eq!(model.check(), Ok(()));
        assert_eq!(model.weights[matrix.width()..], [0.0, 0.0]);
    }

    proptest! {
        #[test]
        fn the_loss_is_flat_at_the_weights(
            rows in prop::collection::vec((-3.0..3.0, prop_oneof![1 => Just(f64::NAN), 5 => 0.0..1e6], any::<bool>()), 2..80),
        ) {
            let labels: Vec<bool> = rows.iter().map(|row| row.2).collect();
            prop_assume!(labels.contains(&true) && labels.contains(&false));
            let matrix = matrix(vec![rows.iter().map(|row| row.0).collect(), rows.iter().map(|row| row.1).collect()], labels);
            let model = fit(&matrix, &Settings::default()).unwrap();
            let mut slopes = [0.0, model.weights[0], model.weights[1]];
            for row in 0..matrix.rows() {
                let values = matrix.row(row);
                let excess = sigmoid(model.margin(&values)) - f64::from(u8::from(matrix.labels()[row]));
                slopes[0] += excess;
                for feature in 0..2 {
                    let known = if values[feature].is_nan() { model.means[feature] } else { values[feature] };
                    slopes[feature + 1] += excess * (known - model.means[feature]) / model.deviations[feature];
                }
            }
            prop_assert!(slopes.iter().all(|slope| slope.abs() < 1e-3), "{:?}", slopes);
        }
    }
}
