use super::*;
use crate::learners::tests::{matrix, noisy};

const SMALL: Settings = Settings { trees: 7, min_rows: 1, trees_a_run: 3 };

#[test]
fn the_trees_read_out_predict_as_smartcore_does() {
    let matrix = noisy(1500, 3);
    let forest = fit(&matrix, &SMALL, 11, 2).unwrap();
    assert_eq!(forest.check(), Ok(()));
    let data = Data::new(&matrix, f64::MAX, |_| MISSING);
    let mut expect = vec![0.0; matrix.rows()];
    for run in runs(matrix.width(), &SMALL, 11) {
        let trees = run.n_trees as f64;
        let predicted = Regressor::fit(&data.x, &data.y, run).unwrap().predict(&data.x).unwrap();
        expect.iter_mut().zip(predicted).for_each(|(sum, mean)| *sum += mean * trees / SMALL.trees as f64);
    }
    for (row, expect) in expect.into_iter().enumerate() {
        let got = forest.probability(&matrix.row(row));
        assert!((got - expect).abs() < 1e-12, "row {row}: {got} is not {expect}");
    }
}

#[test]
fn threads_change_nothing_and_seeds_do() {
    let matrix = noisy(400, 4);
    let forest = |seed, threads| fit(&matrix, &SMALL, seed, threads).unwrap();
    for threads in [0, 2, 3, 64] {
        assert_eq!(forest(1, threads), forest(1, 1), "{threads} threads");
    }
    assert_ne!(forest(2, 1), forest(1, 1));
}

#[test]
fn every_row_is_counted_and_no_split_is_idle() {
    let matrix = noisy(500, 5);
    let forest = fit(&matrix, &SMALL, 1, 1).unwrap();
    assert_eq!(forest.roots.len(), 7);
    for &root in &forest.roots {
        assert_eq!(forest.nodes[root as usize].cover, 500.0);
    }
    for (index, node) in (0..).zip(&forest.nodes).filter(|(index, node)| !node.is_leaf(*index)) {
        let (left, right) = (forest.nodes[node.left as usize], forest.nodes[node.right as usize]);
        let both_leaves = left.is_leaf(node.left) && right.is_leaf(node.right);
        assert!(!both_leaves || left.value != right.value, "node {index}");
    }
}

#[test]
fn a_missing_value_has_its_own_way() {
    // Bad exactly where the amount is missing.
    let amounts: Vec<f64> = (0..300).map(|row| if row % 3 == 0 { f64::NAN } else { f64::from(row) - 150.0 }).collect();
    let labels = amounts.iter().map(|amount| amount.is_nan()).collect();
    let forest = fit(&matrix(vec![amounts], labels), &SMALL, 1, 1).unwrap();
    for (amount, expect) in [(f64::NAN, 1.0), (-150.0, 0.0), (149.0, 0.0), (f64::MAX, 0.0)] {
        assert_eq!(forest.probability(&[amount]), expect, "{amount}");
    }
}

#[test]
fn a_missing_value_that_training_never_saw_goes_with_the_majority() {
    // Of a hundred rows the ten highest are bad: the majority is on the low side of every split.
    let amounts = (0..100).map(f64::from).collect();
    let forest = fit(&matrix(vec![amounts], (0..100).map(|row| row >= 90).collect()), &SMALL, 1, 1).unwrap();
    assert!(forest.probability(&[f64::NAN]) < 0.5);
    assert_eq!(forest.probability(&[95.0]), 1.0);
}

#[test]
fn settings_out_of_range_are_named() {
    let check = |settings: Settings, name: &str| {
        let error = fit(&noisy(50, 1), &settings, 1, 1).unwrap_err();
        assert_eq!(error.to_string(), format!("the setting {name} of forest is out of its range"));
    };
    check(Settings { trees: 0, ..SMALL }, "trees");
    check(Settings { min_rows: 0, ..SMALL }, "min_rows");
    check(Settings { trees_a_run: 0, ..SMALL }, "trees_a_run");
}

#[test]
fn extreme_values_are_split_like_any_other() {
    let amounts = vec![f64::MIN, f64::NAN, -1.0, 0.0, 1e300, f64::MAX, f64::MAX, 5.0];
    let matrix = matrix(vec![amounts], vec![true, true, false, false, false, true, true, false]);
    let forest = fit(&matrix, &Settings { trees: 50, ..SMALL }, 1, 1).unwrap();
    assert_eq!(forest.check(), Ok(()));
    assert!(forest.probability(&[f64::MAX]) > forest.probability(&[0.0]));
}
