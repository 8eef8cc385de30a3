use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;
use evaluation::metrics::auc;

/// A matrix whose features are called a, b, c, …
pub(crate) fn matrix(columns: Vec<Vec<f64>>, labels: Vec<bool>) -> Matrix {
    let names = (b'a'..).take(columns.len()).map(|letter| char::from(letter).to_string()).collect();
    Matrix::new(names, columns, labels).unwrap()
}

/// Three features from 0 to 1: the first makes a row bad where it is high, the second is missing in every tenth row and the third
/// says nothing; one row in twenty has the other label.
pub(crate) fn noisy(rows: usize, seed: u64) -> Matrix {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut unit = || f64::from(random.next_u32()) / f64::from(u32::MAX);
    let mut columns = vec![Vec::new(); 3];
    let mut labels = Vec::new();
    for row in 0..rows {
        let values = [unit(), if row % 10 == 3 { f64::NAN } else { unit() }, unit()];
        columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
        labels.push((values[0] > 0.8) != (unit() < 0.05));
    }
    matrix(columns, labels)
}

/// A model's probability for each row.
pub(super) fn probabilities(model: &Model, matrix: &Matrix) -> Vec<f64> {
    (0..matrix.rows()).map(|row| model.probability(&matrix.row(row))).collect()
}

fn supervised() -> impl Iterator<Item = Learner> {
    Learner::ALL.into_iter().filter(|learner| learner.is_supervised())
}

#[test]
fn every_learner_learns() {
    let (train, test) = (noisy(2000, 1), noisy(2000, 2));
    for learner in Learner::ALL {
        let model = learner.fit(&train, &Settings::default(), 7, 2).unwrap();
        assert_eq!(model.check(), Ok(()), "{learner:?}");
        assert_eq!(model.width(), 3, "{learner:?}");
        assert_eq!(learner.fit(&train, &Settings::default(), 7, 1).unwrap(), model, "{learner:?}");
        assert_eq!(serde_json::to_value(learner).unwrap(), learner.name());
        if !learner.is_supervised() {
            continue;
        }
        let scores = probabilities(&model, &test);
        assert!(auc(&scores, test.labels()).unwrap() > 0.85, "{learner:?}");
        let mean = scores.iter().sum::<f64>() / 2000.0;
        // A margin is no probability yet.
        assert!(learner == Learner::Svm || (mean - test.bad() as f64 / 2000.0).abs() < 0.03, "{learner:?} {mean}");
    }
    assert!(Learner::DEFAULT.iter().all(|learner| Learner::ALL.contains(learner)));
}

#[test]
fn rows_that_teach_nothing_are_refused_or_give_the_base_rate() {
    let check = |columns: Vec<Vec<f64>>, labels: Vec<bool>, expect: Result<f64, &str>| {
        let matrix = matrix(columns, labels);
        for learner in supervised() {
            match (learner.fit(&matrix, &Settings::default(), 0, 1), expect) {
                (Ok(model), Ok(probability)) => {
                    assert_eq!(model.check(), Ok(()), "{learner:?}");
                    let got = model.probability(&matrix.row(0));
                    // A forest's samples are drawn, so its base rate is one of the sample; a margin is no probability.
                    let tolerance = match learner {
                        Learner::Forest => 0.1,
                        Learner::Svm => 0.2,
                        _ => 1e-6,
                    };
                    assert!((got - probability).abs() < tolerance, "{learner:?} {got}");
                }
                (Err(error), Err(message)) => assert_eq!(error.to_string(), message, "{learner:?}"),
                (got, expect) => panic!("{learner:?} gives {got:?} instead of {expect:?}"),
            }
        }
        let strange = Learner::Isolation.fit(&matrix, &Settings::default(), 0, 1).unwrap();
        assert_eq!((strange.check(), strange.probability(&matrix.row(0))), (Ok(()), 0.5));
    };
    let quarter = || (0..512).map(|row| row % 4 == 0).collect::<Vec<_>>();
    check(vec![vec![1.0; 512]], vec![false; 512], Err("all 512 rows have the label legit"));
    check(vec![vec![1.0; 3]], vec![true; 3], Err("all 3 rows have the label fraud"));
    check(vec![vec![1.0]], vec![true], Err("all 1 rows have the label fraud"));
    check(vec![vec![1.0; 512]], quarter(), Ok(0.25));
    check(vec![vec![f64::NAN; 512], vec![-0.0; 512]], quarter(), Ok(0.25));
    check(vec![vec![0.0; 2]], vec![true, false], Ok(0.5));
}

#[test]
fn what_is_lower_than_all_is_not_missing() {
    let value = |row: usize| if row.is_multiple_of(3) { f64::NAN } else { 10.0 + (row * 7_919 % 1_000) as f64 / 100.0 };
    let column: Vec<f64> = (0..900).map(value).collect();
    // Missing ones are bad more often than the lowest.
    let labels = (0..900).map(|row| row % 6 == 0 || row % 3 != 0 && value(row) > 18.0).collect();
    let rows = matrix(vec![column.clone()], labels);
    let lowest = column.iter().copied().fold(f64::INFINITY, f64::min);
    for learner in [Learner::Forest, Learner::ExtraTrees, Learner::Isolation] {
        let model = learner.fit(&rows, &Settings::default(), 3, 1).unwrap();
        let of = |value: f64| model.probability(&[value]);
        // The very lowest number there is stands for what is missing.
        for below in [lowest - 0.5, lowest - 2.0, -1e9, f64::MIN / 2.0] {
            assert_eq!(of(below), of(lowest), "{learner:?} {below}");
        }
        assert_ne!(of(f64::NAN), of(lowest), "{learner:?}");
    }
}

/// The rows with weights of 1 to 4, and the rows as often as they weigh.
fn weighted_and_repeated(rows: usize, seed: u64) -> (Matrix, Matrix) {
    let matrix = noisy(rows, seed);
    let times = |row: usize| 1 + (row * 7 + seed as usize) % 4;
    let repeated: Vec<usize> = (0..rows).flat_map(|row| std::iter::repeat_n(row, times(row))).collect();
    let repeated = matrix.select(&repeated);
    (matrix.with_weights((0..rows).map(|row| times(row) as f64).collect()).unwrap(), repeated)
}

#[test]
fn a_weight_is_a_number_of_equal_rows() {
    // Of the linear ones it is so exactly, but for rounding. Forests draw rows, or thresholds for each of them, and boosting may break
    // ties of splits otherwise.
    let boosting = boosting::Settings { min_rows: 1, trees: 20, ..Default::default() };
    let settings = Settings { boosting, ..Settings::default() };
    let fresh = noisy(300, 99);
    for seed in 0..6 {
        let (weighted, repeated) = weighted_and_repeated(300, seed);
        for learner in supervised() {
            let of = |matrix: &Matrix| probabilities(&learner.fit(matrix, &settings, 3, 1).unwrap(), &fresh);
            let (weighted, repeated) = (of(&weighted), of(&repeated));
            if matches!(learner, Learner::Forest | Learner::ExtraTrees | Learner::Boosting) {
                let mean = |scores: &[f64]| scores.iter().sum::<f64>() / 300.0;
                let (weighted, repeated) = (mean(&weighted), mean(&repeated));
                assert!((weighted - repeated).abs() < 0.03, "{learner:?} {seed}: {weighted} is not nearly {repeated}");
                continue;
            }
            for (weighted, repeated) in weighted.into_iter().zip(repeated) {
                assert!((weighted - repeated).abs() < 1e-6, "{learner:?} {seed}: {weighted} is not {repeated}");
            }
        }
    }
}

#[test]
fn a_forest_learns_from_weights_within_a_label() {
    // Of the bad rows those count eight times whose second feature is high.
    let rows = noisy(1_500, 5);
    let times = |row: usize| if rows.labels()[row] && rows.columns()[1][row] > 0.5 { 8 } else { 1 };
    let repeated: Vec<usize> = (0..rows.rows()).flat_map(|row| std::iter::repeat_n(row, times(row))).collect();
    let repeated = rows.select(&repeated);
    let weighted = rows.clone().with_weights((0..rows.rows()).map(|row| times(row) as f64).collect()).unwrap();
    let fresh = noisy(500, 77);
    for learner in [Learner::Forest, Learner::ExtraTrees, Learner::Boosting] {
        let of = |matrix: &Matrix| probabilities(&learner.fit(matrix, &Settings::default(), 3, 2).unwrap(), &fresh);
        let (plain, weighted, repeated) = (of(&rows), of(&weighted), of(&repeated));
        // Forests draw: a single row says little, all of those that the weights are about say much.
        let about = |scores: &[f64]| {
            scores.iter().zip(&fresh.columns()[1]).filter(|(_, value)| **value > 0.5).map(|(score, _)| score).sum::<f64>()
        };
        let gap = |scores: &[f64]| (about(scores) - about(&repeated)).abs();
        assert!(gap(&weighted) < gap(&plain) / 2.0, "{learner:?}: {} with weights, {} without", gap(&weighted), gap(&plain));
    }
}

#[test]
fn bad_rows_that_weigh_more_make_all_riskier() {
    let train = noisy(2_000, 1);
    for learner in supervised() {
        let scores = |bad_weight: BadWeight| {
            probabilities(&learner.fit(&train, &Settings { bad_weight, ..Settings::default() }, 3, 1).unwrap(), &train)
        };
        let mean = |bad_weight: BadWeight| scores(bad_weight).iter().sum::<f64>() / 2_000.0;
        let (plain, four) = (mean(BadWeight::default()), mean(BadWeight::Times(4.0)));
        assert!(plain + 0.03 < four, "{learner:?} {plain} {four}");
        // Of rows that weigh the same by label, half are said to be bad.
        let [mut bad, mut good] = [0.0; 2];
        for (score, label) in scores(BadWeight::BALANCED).into_iter().zip(train.labels()) {
            if *label { bad += score } else { good += score }
        }
        let balanced = (bad / train.bad() as f64 + good / (2_000 - train.bad()) as f64) / 2.0;
        assert!((balanced - 0.5).abs() < 0.06, "{learner:?} {balanced}");
    }
}
