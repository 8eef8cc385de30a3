use super::*;
use crate::learners::tests::{matrix, noisy};

/// A cloud of rows around zero, and far from it a few.
fn cloud(rows: usize, strange: usize) -> Matrix {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let mut bell = || (0..12).map(|_| unit(&mut random)).sum::<f64>() - 6.0;
    let mut columns = vec![Vec::new(); 2];
    for row in 0..rows {
        let far = if row < strange { 9.0 } else { 0.0 };
        columns.iter_mut().for_each(|column| column.push(bell() + far));
    }
    matrix(columns, (0..rows).map(|row| row < strange).collect())
}

#[test]
fn paths_are_as_long_as_they_should_be() {
    // c(256) is about 10.2448 with the logarithm in place of the harmonic number.
    for (rows, expect) in [(0, 0.0), (1, 0.0), (2, 1.0), (3, 5.0 / 3.0), (256, 10.2448)] {
        assert!((path_length(rows) - expect).abs() < 5e-3, "{rows}: {}", path_length(rows));
    }
}

#[test]
fn what_is_far_is_strange() {
    let rows = cloud(2_000, 10);
    let forest = fit(&rows, &Settings::default(), 1, 2).unwrap();
    assert_eq!(forest.check(), Ok(()));
    let scores: Vec<f64> = (0..2_000).map(|row| forest.probability(&rows.row(row))).collect();
    assert!(scores.iter().all(|score| *score > 0.0 && *score < 1.0));
    let (far, near) = scores.split_at(10);
    let highest = near.iter().copied().fold(0.0, f64::max);
    assert!(far.iter().all(|score| *score > 0.65 && *score > highest), "{far:?} {highest}");
    let mean = near.iter().sum::<f64>() / near.len() as f64;
    assert!(mean < 0.5, "{mean}");
    let more = scores.iter().filter(|score| **score > 0.6).count();
    assert!(more < 100, "{more} of 2000 are strange");
}

#[test]
fn labels_are_not_looked_at_and_threads_change_nothing() {
    let rows = noisy(700, 1);
    let others = matrix(rows.columns().to_vec(), vec![false; 700]);
    let of = |matrix: &Matrix, seed: u64, threads: usize| fit(matrix, &Settings::default(), seed, threads).unwrap();
    assert_eq!(of(&rows, 1, 1), of(&rows, 1, 2));
    assert_eq!(of(&rows, 1, 1), of(&others, 1, 5));
    assert_ne!(of(&rows, 1, 1), of(&rows, 2, 1));
}

#[test]
fn what_a_row_adds_to_its_strangeness_sums_up() {
    let rows = cloud(400, 3);
    let forest = scoring::Model::Trees(fit(&rows, &Settings::default(), 1, 1).unwrap());
    for row in [0, 200] {
        let values = rows.row(row);
        let sum = forest.expected_output() + forest.contributions(&values).iter().sum::<f64>();
        assert!((sum - forest.probability(&values).log2()).abs() < 1e-9, "row {row}");
    }
    // Coming to be alone soon is what makes strange: both features of a row that is far add to it.
    assert!(forest.contributions(&rows.row(0)).iter().all(|contribution| *contribution > 0.0));
}

#[test]
fn a_value_that_is_seldom_missing_is_strange_where_it_is() {
    let mut columns = cloud(1_000, 0).columns().to_vec();
    (0..5).for_each(|row| columns[0][row] = f64::NAN);
    let rows = matrix(columns, vec![false; 1_000]);
    let forest = fit(&rows, &Settings::default(), 1, 1).unwrap();
    let score = |first: f64| forest.probability(&[first, 0.0]);
    assert!(score(f64::NAN) > score(0.0) + 0.05, "{} {}", score(f64::NAN), score(0.0));
}

#[test]
fn rows_are_drawn_by_their_weight() {
    let rows = matrix(vec![(0..1_000).map(f64::from).collect()], vec![false; 1_000]);
    let weighted = rows.clone().with_weights((0..1_000).map(|row| if row < 500 { 9.0 } else { 1.0 }).collect()).unwrap();
    let heavy = |matrix: &Matrix| draw(matrix, 100, &mut ChaCha8Rng::seed_from_u64(1)).iter().filter(|row| **row < 500).count();
    assert!((35..65).contains(&heavy(&rows)), "{}", heavy(&rows));
    assert!((80..97).contains(&heavy(&weighted)), "{}", heavy(&weighted));
    assert_eq!(draw(&rows, 1_000, &mut ChaCha8Rng::seed_from_u64(1)), (0..1_000).collect::<Vec<u32>>());
}

#[test]
fn rows_that_are_alike_are_not_strange() {
    let check = |columns: Vec<Vec<f64>>, expect: f64| {
        let rows = matrix(columns.clone(), vec![false; columns[0].len()]);
        let forest = fit(&rows, &Settings::default(), 1, 1).unwrap();
        assert_eq!(forest.check(), Ok(()));
        assert_eq!(forest.probability(&rows.row(0)), expect, "{columns:?}");
    };
    check(vec![vec![1.0; 50]], 0.5);
    check(vec![vec![f64::NAN; 50], vec![0.0; 50]], 0.5);
    check(vec![vec![1.0]], 0.5);
    check(vec![vec![1.0, 2.0]], 0.5);
    check(vec![vec![f64::MIN, f64::MAX]], 0.5);
    check(vec![vec![f64::MIN, f64::NAN]], 0.5);
}

#[test]
fn settings_out_of_range_are_named() {
    let check = |settings: Settings, name: &str| {
        let error = fit(&noisy(50, 1), &settings, 1, 1).unwrap_err();
        assert_eq!(error.to_string(), format!("the setting {name} of isolation is out of its range"));
    };
    check(Settings { trees: 0, ..Settings::default() }, "trees");
    check(Settings { sample: 1, ..Settings::default() }, "sample");
}
