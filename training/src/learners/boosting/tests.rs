use proptest::prelude::*;

use super::*;
use crate::learners::tests::{matrix, noisy};

const QUICK: Settings = Settings {
    early_stopping: false,
    trees: 12,
    leaves: 6,
    rate: 0.3,
    max_bins: 16,
    min_rows: 2,
    lambda: 0.5,
    row_share: 1.0,
    feature_share: 1.0,
    seed: 0,
    directions: Vec::new(),
    patience: 5,
    threads: 1,
};

#[test]
fn equal_rows_give_equal_trees() {
    let matrix = noisy(700, 1);
    assert_eq!(fit(&matrix, &QUICK).unwrap(), fit(&matrix, &QUICK).unwrap());
}

#[test]
fn a_seed_decides_what_trees_see() {
    let matrix = noisy(700, 1);
    let with = |seed: u64| fit(&matrix, &Settings { row_share: 0.7, feature_share: 0.5, seed, ..QUICK }).unwrap();
    assert_eq!(with(1), with(1));
    assert_ne!(with(1), with(2));
}

#[test]
fn few_bad_rows_in_one_leaf_do_not_throw_the_margin() {
    // Nine bad rows and one good one lie in a corner of ten thousand good ones. Newton's step there is a move by a thousand, after
    // which the good row alone costs more than the nine gained.
    let amounts = (0..10_000).map(f64::from).collect();
    let matrix = matrix(vec![amounts], (0..10_000).map(|row| row > 9990).collect());
    let settings = Settings { trees: 1, leaves: 2, rate: 1.0, max_bins: 10_000, min_rows: 10, lambda: 1e-6, ..QUICK };
    let trees = fit(&matrix, &settings).unwrap();
    assert_eq!(trees.nodes[0].threshold, 9989.5);
    let probability = trees.probability(&[9999.0]);
    assert!((0.4..0.9).contains(&probability), "{probability}");
    assert!(loss(&trees, &matrix, 1) < loss(&trees, &matrix, 0));
}

#[test]
fn a_missing_value_goes_where_it_helps_or_with_the_majority() {
    // Bad: the amounts above 60, and those that are missing, if `missing_bad`.
    let check = |missing: bool, missing_bad: bool, expect_as: f64| {
        let amounts: Vec<f64> = (0..100).map(|row| if missing && row % 4 == 0 { f64::NAN } else { f64::from(row) }).collect();
        let labels = amounts.iter().map(|&amount| amount > 60.0 || (amount.is_nan() && missing_bad)).collect();
        let trees = fit(&matrix(vec![amounts], labels), &Settings { max_bins: 200, ..QUICK }).unwrap();
        assert_eq!(trees.probability(&[f64::NAN]) > 0.5, trees.probability(&[expect_as]) > 0.5, "{missing} {missing_bad}");
    };
    check(true, true, 99.0);
    check(true, false, 1.0);
    check(false, false, 1.0);
}

#[test]
fn missing_can_be_all_that_tells() {
    let amounts: Vec<f64> = (0..100).map(|row| if row % 4 == 0 { f64::NAN } else { f64::from(row % 7) }).collect();
    let labels = amounts.iter().map(|amount| amount.is_nan()).collect();
    let trees = fit(&matrix(vec![amounts], labels), &Settings { trees: 1, leaves: 2, ..QUICK }).unwrap();
    assert_eq!(trees.check(), Ok(()));
    assert_eq!(trees.nodes.iter().map(|node| node.cover).collect::<Vec<_>>(), [100.0, 75.0, 25.0]);
    assert!(trees.probability(&[f64::NAN]) > trees.probability(&[f64::MAX]));
}

#[test]
fn settings_out_of_range_are_named() {
    let check = |settings: Settings, name: &str| {
        let error = fit(&noisy(50, 1), &settings).unwrap_err();
        assert_eq!(error.to_string(), format!("the setting {name} of boosting is out of its range"));
    };
    check(Settings { leaves: 1, ..QUICK }, "leaves");
    check(Settings { rate: 0.0, ..QUICK }, "rate");
    check(Settings { rate: f64::NAN, ..QUICK }, "rate");
    check(Settings { max_bins: 1, ..QUICK }, "max_bins");
    check(Settings { min_rows: 0, ..QUICK }, "min_rows");
    check(Settings { lambda: 0.0, ..QUICK }, "lambda");
    check(Settings { directions: vec![Direction::Rising], ..QUICK }, "directions");
    check(Settings { row_share: 0.0, ..QUICK }, "row_share");
    check(Settings { feature_share: 1.1, ..QUICK }, "feature_share");
    check(Settings { patience: 0, ..QUICK }, "patience");
    check(Settings { threads: 0, ..QUICK }, "threads");
}

#[test]
fn trees_are_the_same_on_any_number_of_threads() {
    // Enough rows that tables are shared out.
    let matrix = noisy(200_000, 3);
    let on = |threads: usize| fit(&matrix, &Settings { threads, trees: 4, max_bins: 256, ..QUICK }).unwrap();
    let one = on(1);
    assert_eq!(on(2), one);
    assert_eq!(on(16), one);
}

#[test]
fn growing_ends_where_watched_rows_gain_no_more() {
    let (train, watched) = (noisy(400, 1), noisy(4000, 2));
    let settings = Settings { trees: 200, leaves: 16, ..QUICK };
    let (all, kept) = (fit(&train, &settings).unwrap(), fit_watched(&train, &settings, &watched).unwrap());
    let best = kept.roots.len();
    assert!(best >= 1 && best < all.roots.len(), "{best} of {}", all.roots.len());
    assert_eq!(kept.check(), Ok(()));
    assert_eq!(kept.roots, all.roots[..best]);
    let lowest = loss(&all, &watched, best);
    for count in 0..=(best + settings.patience).min(all.roots.len()) {
        assert!(loss(&all, &watched, count) >= lowest - 1e-9, "{count} trees are better than {best}");
    }
    let other = matrix(vec![vec![1.0]], vec![true]);
    let error = fit_watched(&train, &settings, &other).unwrap_err();
    assert_eq!(error.to_string(), "the rows to watch have other features than those to learn from");
}

#[test]
fn the_last_rows_say_how_many_trees_are_grown() {
    let matrix = noisy(2_000, 1);
    let settings = Settings { trees: 200, leaves: 16, ..QUICK };
    let stopped = fit(&matrix, &Settings { early_stopping: true, ..settings.clone() }).unwrap();
    let trees = stopped.roots.len();
    assert!((1..200).contains(&trees), "{trees}");
    assert_eq!(stopped, fit(&matrix, &Settings { trees, ..settings }).unwrap(), "all rows are learned from");
}

#[test]
fn a_thin_tail_is_cut_finely() {
    // With bins of equal size, the hundred highest of fifty thousand rows would lie in one.
    let column: Vec<f64> = (0..50_000).map(f64::from).collect();
    let binned = Binned::new(&column, 256);
    let bins_of = |rows: std::ops::Range<usize>| binned.bins[rows.end - 1] - binned.bins[rows.start] + 1;
    assert!(binned.ranges.len() <= 256);
    for (rows, expect) in [(49_900..50_000, 24), (0..100, 24), (20_000..30_000, 25)] {
        assert!(bins_of(rows.clone()) >= expect, "{rows:?} {}", bins_of(rows.clone()));
    }
}

#[test]
fn a_value_that_many_rows_share_takes_no_room() {
    // Nine rows in ten are zero; the rest still get nearly all bins.
    let column: Vec<f64> = (0..50_000).map(|row| if row % 10 == 0 { f64::from(row) } else { 0.0 }).collect();
    assert!(Binned::new(&column, 256).ranges.len() > 150, "{}", Binned::new(&column, 256).ranges.len());
}

proptest! {
    #[test]
    fn bins_keep_the_order_of_values(column in prop::collection::vec(value(), 1..300), max_bins in 2..40u16) {
        let binned = Binned::new(&column, max_bins);
        prop_assert!(binned.missing() <= usize::from(max_bins));
        let mut distinct: Vec<f64> = column.iter().copied().filter(|value| !value.is_nan()).map(|value| value + 0.0).collect();
        distinct.sort_by(f64::total_cmp);
        distinct.dedup();
        if distinct.len() <= usize::from(max_bins) {
            prop_assert_eq!(binned.missing(), distinct.len());
        }
        for (&value, &bin) in column.iter().zip(&binned.bins) {
            let bin = usize::from(bin);
            prop_assert_eq!(bin == binned.missing(), value.is_nan());
            prop_assert!(value.is_nan() || (binned.ranges[bin].0 <= value && value <= binned.ranges[bin].1));
        }
        for upper in 1..binned.missing() {
            let threshold = binned.above(upper - 1);
            prop_assert!(binned.ranges[upper - 1].1 <= threshold && threshold < binned.ranges[upper].0);
        }
    }

    #[test]
    fn trees_say_of_training_rows_what_their_bins_said((matrix, settings) in (rows(), settings()), seed in any::<Option<u64>>()) {
        // With a seed each tree learns from a part of the rows; the others move with it.
        let settings = match seed {
            Some(seed) => Settings { row_share: 0.6, feature_share: 0.5, seed, ..settings },
            None => settings,
        };
        let (trees, margins) = grow(&matrix, &settings, None);
        prop_assert_eq!(trees.check(), Ok(()));
        for (row, margin) in margins.iter().enumerate() {
            let output = trees.output(&matrix.row(row));
            prop_assert!((output - margin).abs() < 1e-9, "row {}: {} is not {}", row, output, margin);
        }
    }

    #[test]
    fn every_tree_lowers_the_loss_and_keeps_to_its_settings((matrix, settings) in (rows(), settings())) {
        let (trees, _) = grow(&matrix, &settings, None);
        for count in 0..trees.roots.len() {
            prop_assert!(loss(&trees, &matrix, count + 1) < loss(&trees, &matrix, count), "tree {}", count);
        }
        prop_assert!(trees.roots.len() <= settings.trees);
        let ends = trees.roots.iter().skip(1).copied().chain([trees.nodes.len() as u32]);
        for (&root, end) in trees.roots.iter().zip(ends) {
            let leaves = (root..end).filter(|&index| trees.nodes[index as usize].is_leaf(index));
            let covers: Vec<f64> = leaves.map(|leaf| trees.nodes[leaf as usize].cover).collect();
            prop_assert!((2..=settings.leaves).contains(&covers.len()));
            prop_assert!(covers.iter().all(|&cover| cover >= f64::from(settings.min_rows)));
            prop_assert_eq!(covers.iter().sum::<f64>(), matrix.rows() as f64);
        }
    }

    #[test]
    fn a_direction_is_kept_everywhere(
        (matrix, settings) in (rows(), settings()),
        rising in any::<bool>(),
        others in prop::collection::vec(value(), 1..4),
    ) {
        let direction = if rising { Direction::Rising } else { Direction::Falling };
        let settings = Settings { directions: vec![direction, Direction::Free], ..settings };
        let (trees, _) = grow(&matrix, &settings, None);
        prop_assert_eq!(trees.check(), Ok(()));
        let mut grid: Vec<f64> = trees.nodes.iter().map(|node| node.threshold).chain(matrix.columns()[0].iter().copied()).collect();
        grid.extend([f64::MIN, f64::MAX]);
        grid.retain(|point| !point.is_nan());
        grid.sort_unstable_by(f64::total_cmp);
        for (other, root) in others.iter().flat_map(|other| trees.roots.iter().map(move |root| (other, *root))) {
            // Tree by tree, since their sum is rounded.
            let value = |point: f64| trees.nodes[trees.leaf(root, &[point, *other]) as usize].value;
            for pair in grid.windows(2) {
                let (before, after) = (value(pair[0]), value(pair[1]));
                prop_assert!(if rising { before <= after } else { before >= after }, "{} {} at {:?}", before, after, pair);
            }
        }
    }

    #[test]
    fn the_first_split_is_the_best_there_is(matrix in rows()) {
        let settings = Settings { trees: 1, leaves: 2, rate: 1.0, max_bins: 1000, min_rows: 1, lambda: 0.1, ..QUICK };
        let (trees, _) = grow(&matrix, &settings, None);
        let gain = |goes_left: &dyn Fn(usize) -> bool| -> f64 {
            let base = matrix.bad() as f64 / matrix.rows() as f64;
            let score = |left: bool| {
                let side: Vec<usize> = (0..matrix.rows()).filter(|&row| goes_left(row) == left).collect();
                let gradient: f64 = side.iter().map(|&row| base - f64::from(u8::from(matrix.labels()[row]))).sum();
                gradient * gradient / (side.len() as f64 * base * (1.0 - base) + 0.1)
            };
            score(true) + score(false)
        };
        let mut best = 0.0_f64;
        for column in matrix.columns() {
            for &threshold in column.iter().filter(|threshold| !threshold.is_nan()).chain([&f64::MAX]) {
                for missing_left in [false, true] {
                    best = best.max(gain(&|row| if column[row].is_nan() { missing_left } else { column[row] <= threshold }));
                }
            }
        }
        let got = trees.nodes.first().map_or(0.0, |root| gain(&|row| trees.leaf(0, &matrix.row(row)) == root.left));
        prop_assert!((got - best).abs() < 1e-5, "{} is not {}", got, best);
    }
}

/// A value of few or of many, sometimes missing, sometimes extreme.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        1 => Just(f64::NAN),
        4 => (-3..3i8).prop_map(f64::from),
        4 => -1.0..1.0,
        1 => prop::sample::select(vec![f64::MIN, f64::MAX, -0.0, f64::MIN_POSITIVE, 1e-320, 1.0 + f64::EPSILON]),
    ]
}

/// Rows of both labels, of which one may be rare.
fn rows() -> impl Strategy<Value = Matrix> {
    (prop::collection::vec((value(), value(), 0.0..1.0), 2..120), 0.02..0.98).prop_map(|(rows, bad_rate)| {
        let mut labels: Vec<bool> = rows.iter().map(|row| row.2 < bad_rate).collect();
        (labels[0], labels[1]) = (true, false);
        matrix(vec![rows.iter().map(|row| row.0).collect(), rows.iter().map(|row| row.1).collect()], labels)
    })
}

fn settings() -> impl Strategy<Value = Settings> {
    (1..8usize, 2..9usize, 0.05..1.0, 2..40u16, 1..10u32, 0.01..5.0).prop_map(
        |(trees, leaves, rate, max_bins, min_rows, lambda)| Settings { trees, leaves, rate, max_bins, min_rows, lambda, ..QUICK },
    )
}

/// The log-loss of the first trees.
fn loss(trees: &Trees, matrix: &Matrix, count: usize) -> f64 {
    let trees = Trees { roots: trees.roots[..count].to_vec(), ..trees.clone() };
    let row_loss = |row: usize| {
        let margin = trees.output(&matrix.row(row));
        (if matrix.labels()[row] { -margin } else { margin }).exp().ln_1p()
    };
    (0..matrix.rows()).map(row_loss).sum()
}
