//! Naive Bayes on numbers: each feature a bell curve for each label, as wide for both, and all features as if they were independent. With
//! one width for both labels the log-odds are a weighted sum of the features, exactly, so what is learned is a linear model, and a missing
//! value adds nothing to it, exactly, as it should (Hastie, Tibshirani and Friedman, "The Elements of Statistical Learning", 2009,
//! chapters 4.3 and 6.6.3). Curves of two widths would need squares of features, which a linear model has not.

use scoring::model::Linear;
use serde::{Deserialize, Serialize};

use super::logistic::log_loss;
use super::newton::{Problem, Standard};
use super::{Error, require_both_labels};
use crate::matrix::Matrix;

/// How cautiously is learned.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// This share of the variance of all values of a feature is added to the variance around the means of the labels, so that a feature
    /// that separates them without a fault is not certain of it. Finite, above 0.
    pub smoothing: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { smoothing: 1e-3 }
    }
}

impl Settings {
    /// Whether every setting is in its range.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let good = self.smoothing > 0.0 && self.smoothing.is_finite();
        if good { Ok(()) } else { Err(Error::Setting { learner: "naive_bayes", name: "smoothing" }) }
    }
}

/// Learns the log-odds of bad as a weighted sum. A missing value adds nothing. Where features say the same, each of them counts, and the
/// log-odds are too extreme; then a line that fits them to the training rows draws them together, which changes no order.
pub fn fit(matrix: &Matrix, settings: &Settings) -> Result<Linear, Error> {
    settings.check()?;
    require_both_labels(matrix)?;
    let bad = matrix.bad_weight();
    let prior = (bad / (matrix.total_weight() - bad)).ln();
    let mut model = Linear { intercept: prior, weights: Vec::new(), means: Vec::new(), deviations: Vec::new() };
    for column in matrix.columns() {
        let feature = Feature::new(column, matrix, settings);
        model.weights.push(feature.weight);
        model.means.push(feature.middle);
        model.deviations.push(feature.deviation);
    }
    draw_together(&mut model, matrix);
    Ok(model)
}

/// A feature's part in the log-odds: `weight x (value - middle) / deviation`, the difference of two parabolas of one width.
struct Feature {
    weight: f64,
    /// Between the means of the two labels.
    middle: f64,
    deviation: f64,
}

impl Feature {
    fn new(column: &[f64], matrix: &Matrix, settings: &Settings) -> Self {
        let silent = Self { weight: 0.0, middle: 0.0, deviation: 1.0 };
        // In units of the largest value, so that squares are numbers.
        let unit = column.iter().filter(|value| !value.is_nan()).fold(0.0, |most: f64, value| most.max(value.abs()));
        if unit == 0.0 {
            return silent;
        }
        let present = || {
            let rows = column.iter().zip(matrix.labels()).enumerate().filter(|(_, (value, _))| !value.is_nan());
            rows.map(|(row, (value, bad))| (matrix.weight(row), value / unit, usize::from(*bad)))
        };
        let (mut weights, mut sums) = ([0.0; 2], [0.0; 2]);
        for (weight, value, label) in present() {
            weights[label] += weight;
            sums[label] += weight * value;
        }
        if weights[0] == 0.0 || weights[1] == 0.0 {
            // One label's values are all missing, and nothing is known of its curve.
            return silent;
        }
        let means = [sums[0] / weights[0], sums[1] / weights[1]];
        let total = weights[0] + weights[1];
        let mean = (sums[0] + sums[1]) / total;
        let (mut within, mut whole) = (0.0, 0.0);
        for (weight, value, label) in present() {
            within += weight * (value - means[label]).powi(2);
            whole += weight * (value - mean).powi(2);
        }
        let deviation = ((within + settings.smoothing * whole) / total).sqrt();
        let (weight, middle) = ((means[1] - means[0]) / deviation, (means[0] / 2.0 + means[1] / 2.0) * unit);
        let deviation = deviation * unit;
        let is_usable = weight.is_finite() && deviation.is_finite() && deviation > 0.0;
        if is_usable { Self { weight, middle, deviation } } else { silent }
    }
}

/// Draws log-odds together where they are too extreme: the most likely line through those of the training rows (Platt, 1999), if it is
/// flatter than 1; where not, they are moved so that they say as many bad rows as there are.
fn draw_together(model: &mut Linear, matrix: &Matrix) {
    let margins: Vec<f64> = (0..matrix.rows()).map(|row| model.margin(&matrix.row(row))).collect();
    let Ok(margins) = Matrix::new(vec!["log-odds".to_owned()], vec![margins], matrix.labels().to_vec()) else { return };
    let margins = match matrix.weights() {
        Some(weights) => margins.with_weights(weights.to_vec()).expect("they are the weights of as many rows"),
        None => margins,
    };
    let rows = Standard { means: vec![0.0], deviations: vec![1.0] };
    let line = Problem { matrix: &margins, rows, loss: log_loss, squares: 0.0, absolutes: 0.0, start: 0.0, threads: 1 }.solve();
    let slope = line.weights[0];
    if slope > 0.0 && slope < 1.0 {
        model.intercept = line.intercept + slope * model.intercept;
        model.weights.iter_mut().for_each(|weight| *weight *= slope);
    } else {
        model.intercept += shift(&margins);
    }
}

/// What has to be added to log-odds so that their probabilities come to as many bad rows as there are. Bisection, since they rise with it.
/// The good rows are then as much too risky as the bad ones are too safe; the two are weighed against each other, since where labels are
/// far apart both are far below the rounding of a count of rows.
fn shift(margins: &Matrix) -> f64 {
    let faults = |shift: f64| {
        let mut faults = [0.0; 2];
        for (row, (margin, bad)) in margins.columns()[0].iter().zip(margins.labels()).enumerate() {
            let towards_the_other = if *bad { -(margin + shift) } else { margin + shift };
            faults[usize::from(*bad)] += margins.weight(row) * scoring::model::sigmoid(towards_the_other);
        }
        faults
    };
    let (mut low, mut high) = (-50.0, 50.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        match faults(middle) {
            [good, bad] if good < bad => low = middle,
            [good, bad] if good > bad => high = middle,
            _ => return middle,
        }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use scoring::model::sigmoid;

    use super::*;
    use crate::learners::tests::{matrix, noisy};

    const PLAIN: Settings = Settings { smoothing: 1e-12 };

    #[test]
    fn log_odds_are_those_of_two_curves() {
        // Good: 1, 2, 3 and bad: 4, 6; around 2 and 5 the variance is (1 + 0 + 1 + 1 + 1) / 5 = 0.8.
        let rows = matrix(vec![vec![1.0, 2.0, 3.0, 4.0, 6.0]], vec![false, false, false, true, true]);
        let feature = Feature::new(&rows.columns()[0], &rows, &PLAIN);
        for value in [-1.0, 2.0, 3.5, 9.0] {
            let got = feature.weight * (value - feature.middle) / feature.deviation;
            let expect = ((value - 2.0_f64).powi(2) - (value - 5.0_f64).powi(2)) / (2.0 * 0.8);
            assert!((got - expect).abs() < 1e-9, "{value}: {got} is not {expect}");
        }
    }

    #[test]
    fn a_missing_value_adds_nothing() {
        let model = fit(&noisy(1_000, 1), &Settings::default()).unwrap();
        let without = |values: [f64; 3]| model.margin(&values);
        assert_eq!(without([f64::NAN; 3]), model.intercept);
        let gap = without([0.9, f64::NAN, 0.5]) + without([0.2, 0.4, f64::NAN]) - without([0.9, f64::NAN, f64::NAN]);
        let other = without([0.2, 0.4, 0.5]);
        assert!((gap - other).abs() < 1e-12, "{gap} is not {other}");
    }

    #[test]
    fn copies_of_a_feature_change_no_probability() {
        let noisy = noisy(4_000, 2);
        let column = noisy.columns()[0].clone();
        let one = fit(&matrix(vec![column.clone()], noisy.labels().to_vec()), &PLAIN).unwrap();
        let many = fit(&matrix(vec![column; 9], noisy.labels().to_vec()), &PLAIN).unwrap();
        for value in [0.05, 0.5, 0.95] {
            let (one, many) = (sigmoid(one.margin(&[value])), sigmoid(many.margin(&[value; 9])));
            assert!((one - many).abs() < 0.05, "{value}: {one} alone, {many} with its copies");
        }
    }

    #[test]
    fn what_says_nothing_or_everything_is_a_number() {
        let labels: Vec<bool> = (0..40).map(|row| row % 4 == 0).collect();
        let faultless: Vec<f64> = labels.iter().map(|bad| f64::from(u8::from(*bad))).collect();
        let one_sided: Vec<f64> = labels.iter().map(|bad| if *bad { f64::NAN } else { 3.0 }).collect();
        let columns = vec![vec![7.0; 40], vec![f64::NAN; 40], one_sided, faultless, vec![0.0; 40]];
        let model = fit(&matrix(columns, labels), &Settings::default()).unwrap();
        assert_eq!(model.check(), Ok(()));
        assert_eq!([0, 1, 2, 4].map(|feature| model.weights[feature]), [0.0; 4]);
        assert!(model.weights[3] > 0.0);
        let huge = matrix(vec![vec![f64::MAX, f64::MIN, 1e300, 0.0]], vec![true, false, true, false]);
        assert_eq!(fit(&huge, &Settings::default()).unwrap().check(), Ok(()));
        let error = fit(&huge, &Settings { smoothing: 0.0 }).unwrap_err().to_string();
        assert_eq!(error, "the setting smoothing of naive_bayes is out of its range");
    }

    #[test]
    fn labels_that_are_far_apart_have_one_shift() {
        let one_sided = |good: f64, bad: f64| shift(&matrix(vec![vec![good, good, bad]], vec![false, false, true]));
        // Two good rows weigh against one bad row: 2 exp(good + shift) = exp(-bad - shift).
        for (good, bad) in [(-20.0, 24.0), (-24.0, 38.0), (-300.0, 310.0)] {
            let expect = -(good + bad + 2.0_f64.ln()) / 2.0;
            let got = one_sided(good, bad);
            assert!((got - expect).abs() < 1e-7, "{got} is not {expect}");
        }
        assert_eq!(one_sided(-5_000.0, 5_000.0), 0.0, "where nothing is wrong nothing is moved");
    }

    proptest! {
        #[test]
        fn a_weight_is_a_number_of_equal_rows(
            rows in prop::collection::vec((-3.0..3.0, prop_oneof![1 => Just(f64::NAN), 5 => 0.0..9.0], any::<bool>(), 1..5usize), 3..60),
        ) {
            let labels: Vec<bool> = rows.iter().map(|row| row.2).collect();
            prop_assume!(labels.contains(&true) && labels.contains(&false));
            let columns = vec![rows.iter().map(|row| row.0).collect(), rows.iter().map(|row| row.1).collect()];
            let single = matrix(columns, labels);
            let repeated: Vec<usize> = rows.iter().enumerate().flat_map(|(at, row)| std::iter::repeat_n(at, row.3)).collect();
            let repeated = fit(&single.select(&repeated), &Settings::default()).unwrap();
            let weighted = single.with_weights(rows.iter().map(|row| row.3 as f64).collect()).unwrap();
            let weighted = fit(&weighted, &Settings::default()).unwrap();
            for values in [[0.0, 1.0], [-2.0, f64::NAN], [2.0, 8.0]] {
                let (weighted, repeated) = (sigmoid(weighted.margin(&values)), sigmoid(repeated.margin(&values)));
                prop_assert!((weighted - repeated).abs() < 1e-6, "{} is not {}", weighted, repeated);
            }
        }
    }
}
