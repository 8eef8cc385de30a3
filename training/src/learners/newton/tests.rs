use linfa::Dataset;
use linfa::traits::Fit;
use linfa_logistic::LogisticRegression;
use ndarray::{Array1, Array2};
use proptest::prelude::*;

use super::*;
use crate::learners::logistic::{self, Settings, log_loss};
use crate::learners::tests::{matrix, noisy};

/// linfa's weights on the same scale, searched for to the last digits.
fn linfa(matrix: &Matrix, penalty: f64) -> Vec<f64> {
    let scale = Standard::new(matrix, &[]);
    let records = Array2::from_shape_fn((matrix.rows(), matrix.width()), |(row, column)| {
        scale.value(column, matrix.columns()[column][row])
    });
    let targets = Array1::from_vec(matrix.labels().to_vec());
    let fitted = LogisticRegression::default()
        .alpha(penalty)
        .max_iterations(10_000)
        .gradient_tolerance(1e-9 * matrix.rows() as f64)
        .fit(&Dataset::new(records, targets))
        .unwrap();
    // linfa calls the more frequent label positive, whichever it is.
    let sign = if fitted.labels().pos.class { 1.0 } else { -1.0 };
    std::iter::once(fitted.intercept()).chain(fitted.params().iter().copied()).map(|weight| sign * weight).collect()
}

fn weights(model: &Linear) -> Vec<f64> {
    std::iter::once(model.intercept).chain(model.weights.iter().copied()).collect()
}

#[test]
fn weights_are_those_of_linfa() {
    let check = |matrix: &Matrix, penalty: f64| {
        let model = logistic::fit(matrix, &Settings { penalty, ..Settings::default() }).unwrap();
        for (ours, theirs) in weights(&model).into_iter().zip(linfa(matrix, penalty)) {
            assert!((ours - theirs).abs() < 1e-5, "penalty {penalty}: {ours} is not {theirs}");
        }
    };
    for (rows, seed) in [(60, 1), (500, 2), (3_000, 3)] {
        let matrix = noisy(rows, seed);
        [0.01, 1.0, 100.0].into_iter().for_each(|penalty| check(&matrix, penalty));
    }
    // Bad more often than good, a long tail, and a column that comes twice.
    let noisy = noisy(400, 4);
    let tail: Vec<f64> = noisy.columns()[0].iter().map(|value| (9.0 * value).exp()).collect();
    let columns = vec![noisy.columns()[0].clone(), tail.clone(), noisy.columns()[1].clone(), tail];
    check(&matrix(columns, noisy.labels().iter().map(|bad| !bad).collect()), 1.0);
}

/// The slopes of the losses alone, the intercept's first.
fn slopes(matrix: &Matrix, model: &Linear) -> Vec<f64> {
    let mut slopes = vec![0.0; matrix.width() + 1];
    let scale = Standard { means: model.means.clone(), deviations: model.deviations.clone() };
    for row in 0..matrix.rows() {
        let values = matrix.row(row);
        let slope = matrix.weight(row) * log_loss(model.margin(&values), matrix.labels()[row]).slope;
        slopes[0] += slope;
        values.iter().enumerate().for_each(|(column, value)| slopes[column + 1] += slope * scale.value(column, *value));
    }
    slopes
}

#[test]
fn an_elastic_net_is_where_no_slope_outweighs_its_penalty() {
    let check = |penalty: f64, l1_share: f64, expect_zeros: usize| {
        let matrix = noisy(2_000, 1);
        let model = logistic::fit(&matrix, &Settings { penalty, l1_share, ..Settings::default() }).unwrap();
        let slopes = slopes(&matrix, &model);
        assert!(slopes[0].abs() < 1e-5, "{slopes:?}");
        for (slope, weight) in slopes[1..].iter().zip(&model.weights) {
            let slope = slope + penalty * (1.0 - l1_share) * weight;
            match *weight == 0.0 {
                true => assert!(slope.abs() <= penalty * l1_share + 1e-5, "{slope} of a weight of zero"),
                false => assert!((slope + penalty * l1_share * weight.signum()).abs() < 1e-5, "{slope} at {weight}"),
            }
        }
        let zeros = model.weights.iter().filter(|weight| **weight == 0.0).count();
        assert_eq!(zeros, expect_zeros, "{penalty} {l1_share}: {:?}", model.weights);
    };
    check(1.0, 0.5, 0);
    check(60.0, 1.0, 2);
    check(60.0, 0.5, 2);
    check(1e6, 1.0, 3);
}

#[test]
fn columns_that_say_the_same_or_nothing_do_no_harm() {
    let noisy = noisy(500, 1);
    let twice: Vec<f64> = noisy.columns()[0].iter().map(|value| 3.0 * value - 7.0).collect();
    let columns = vec![noisy.columns()[0].clone(), twice, vec![0.1; 500], vec![f64::NAN; 500]];
    let both = matrix(columns, noisy.labels().to_vec());
    let alone = matrix(vec![noisy.columns()[0].clone()], noisy.labels().to_vec());
    for (penalty, l1_share) in [(0.0, 0.0), (2.0, 0.0), (2.0, 1.0)] {
        let fit = |matrix: &Matrix, penalty: f64| {
            logistic::fit(matrix, &Settings { penalty, l1_share, ..Settings::default() }).unwrap()
        };
        let model = fit(&both, penalty);
        assert_eq!(model.check(), Ok(()));
        assert_eq!(model.weights[2..], [0.0, 0.0]);
        // Half of the weight on each has half of the squares.
        let single = fit(&alone, if l1_share > 0.0 { penalty } else { penalty / 2.0 });
        let sum = model.weights[0] + model.weights[1];
        assert!((sum - single.weights[0]).abs() < 1e-6, "{penalty} {l1_share}: {sum} is not {}", single.weights[0]);
    }
}

#[test]
fn data_that_can_be_separated_has_weights_all_the_same() {
    let amounts: Vec<f64> = (0..100).map(f64::from).collect();
    let labels: Vec<bool> = (0..100).map(|row| row >= 60).collect();
    for penalty in [0.0, 1e-9, 1.0] {
        let model = logistic::fit(&matrix(vec![amounts.clone()], labels.clone()), &Settings { penalty, ..Settings::default() });
        let model = model.unwrap();
        assert_eq!(model.check(), Ok(()), "{penalty}");
        assert!(amounts.iter().zip(&labels).all(|(amount, bad)| (model.margin(&[*amount]) > 0.0) == *bad), "{penalty}");
    }
    // A level that only good rows have.
    let level: Vec<f64> = (0..100).map(|row| f64::from(u8::from(row < 30))).collect();
    let mixed: Vec<bool> = (0..100).map(|row| row >= 30 && row % 2 == 0).collect();
    let model = logistic::fit(&matrix(vec![level], mixed), &Settings { penalty: 0.0, ..Settings::default() }).unwrap();
    assert_eq!(model.check(), Ok(()));
    assert!(model.margin(&[1.0]) < -10.0 && model.margin(&[0.0]).abs() < 0.1, "{model:?}");
}

#[test]
fn threads_change_nothing() {
    let matrix = noisy(3_000, 7);
    for l1_share in [0.0, 0.7] {
        let of = |threads: usize| logistic::fit(&matrix, &Settings { l1_share, threads, ..Settings::default() }).unwrap();
        assert_eq!(of(1), of(2));
        assert_eq!(of(1), of(7));
    }
}

#[test]
fn numbers_at_the_ends_of_what_there_are_have_a_scale() {
    let check = |column: Vec<f64>| {
        let (mean, deviation) = standard::moments(&column, |_| 1.0);
        assert!(mean.is_finite() && deviation.is_finite() && deviation > 0.0, "{column:?}: {mean} {deviation}");
    };
    check(vec![f64::MAX, f64::MIN, 0.0]);
    check(vec![1e300, f64::NAN, 2e300]);
    check(vec![f64::MIN_POSITIVE, 0.0, 1e-310]);
    check(vec![f64::NAN]);
    check(vec![0.1; 7]);
}

proptest! {
    #[test]
    fn a_weight_is_a_number_of_equal_rows(
        rows in prop::collection::vec((-3.0..3.0, prop_oneof![1 => Just(f64::NAN), 5 => 0.0..1e3], any::<bool>(), 1..5usize), 3..60),
        l1_share in prop_oneof![Just(0.0), Just(0.5)],
    ) {
        let labels: Vec<bool> = rows.iter().map(|row| row.2).collect();
        prop_assume!(labels.contains(&true) && labels.contains(&false));
        let columns = vec![rows.iter().map(|row| row.0).collect(), rows.iter().map(|row| row.1).collect()];
        let single = matrix(columns, labels);
        let repeated: Vec<usize> = rows.iter().enumerate().flat_map(|(at, row)| std::iter::repeat_n(at, row.3)).collect();
        let repeated = single.select(&repeated);
        let weighted = single.with_weights(rows.iter().map(|row| row.3 as f64).collect()).unwrap();
        let of = |matrix: &Matrix| weights(&logistic::fit(matrix, &Settings { l1_share, ..Settings::default() }).unwrap());
        for (weighted, repeated) in of(&weighted).into_iter().zip(of(&repeated)) {
            prop_assert!((weighted - repeated).abs() < 1e-6, "{} is not {}", weighted, repeated);
        }
    }
}
