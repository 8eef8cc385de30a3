use std::f64::consts::TAU;

use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::correlation::spearman;
use super::importance::Ranking;
use super::*;
use evaluation::metrics::{auc, average_precision};

/// Numbers by chance.
pub(crate) struct Draw(ChaCha8Rng);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// In [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        f64::from(self.0.next_u32()) / 2_f64.powi(32)
    }

    pub(crate) fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.unit()).ln()).sqrt() * (TAU * self.unit()).cos()
    }

    /// Normal, and higher by `lift` where bad: the area under the curve is that of a normal distribution at `lift` over the root
    /// of 2.
    pub(crate) fn lifted(&mut self, labels: &[bool], lift: f64) -> Vec<f64> {
        labels.iter().map(|bad| self.normal() + lift * f64::from(u8::from(*bad))).collect()
    }

    pub(crate) fn labels(&mut self, rows: usize, share: f64) -> Vec<bool> {
        (0..rows).map(|_| self.unit() < share).collect()
    }
}

pub(crate) fn matrix(columns: &[(&str, Vec<f64>)], labels: &[bool]) -> Matrix {
    let names = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
    Matrix::new(names, columns.iter().map(|(_, column)| column.clone()).collect(), labels.to_vec()).unwrap()
}

/// Eight weeks, the rows spread evenly over them.
fn days(rows: usize) -> Vec<i32> {
    (0..rows).map(|row| 20_000 + (row * 56 / rows) as i32).collect()
}

fn verdicts(selection: &Selection) -> Vec<String> {
    selection.features.iter().map(|feature| format!("{}: {}", feature.name, feature.verdict)).collect()
}

/// Honest and useless features of 8 weeks.
fn example() -> (Matrix, Vec<i32>) {
    let rows = 8000;
    let mut draw = Draw::new(5);
    let labels = draw.labels(rows, 0.1);
    let days = days(rows);
    let amount = draw.lifted(&labels, 1.5);
    let twice = amount.iter().map(|amount| -2.0 * amount + 0.1 * draw.normal()).collect();
    let early = |row: usize| days[row] < 20_028;
    let turned = (0..rows).map(|row| draw.normal() + if labels[row] == early(row) { 0.5 } else { 0.0 }).collect();
    let drifted = draw.lifted(&labels, 1.0).into_iter().enumerate();
    let drifted = drifted.map(|(row, value)| if days[row] < 20_007 { value } else { value + 2.0 }).collect();
    let count = draw.lifted(&labels, 1.0).into_iter().map(|value| if value < -1.0 { f64::NAN } else { value.round() }).collect();
    let columns = [
        ("noise", draw.lifted(&labels, 0.0)),
        ("amount", amount),
        ("twice", twice),
        ("constant", vec![3.0; rows]),
        ("empty", vec![f64::NAN; rows]),
        ("turned", turned),
        ("drifted", drifted),
        ("count", count),
        ("unused", draw.lifted(&labels, 0.7)),
    ];
    (matrix(&columns, &labels), days)
}

/// Looks at the amount, at twice the amount and at the count.
fn model(matrix: &Matrix) -> Vec<f64> {
    let of = |name: &str| &matrix.columns()[matrix.names().iter().position(|other| other == name).unwrap()];
    let (amount, twice, count) = (of("amount"), of("twice"), of("count"));
    let score = |row: usize| amount[row] - 0.5 * twice[row] + 2.0 * if count[row].is_nan() { -1.5 } else { count[row] };
    (0..matrix.rows()).map(score).collect()
}

#[test]
fn each_feature_has_its_verdict() {
    let (matrix, days) = example();
    let with = |days: Option<&[i32]>, model: Option<&Scores<'_>>| select(&matrix, days, model, &Settings::default()).unwrap();
    let selection = with(Some(&days), Some(&model));
    let expect = [
        "noise: low information",
        "amount: kept",
        "twice: redundant with amount",
        "constant: constant",
        "empty: constant",
        "turned: unstable",
        "drifted: unstable",
        "count: kept",
        "unused: does not help",
    ];
    assert_eq!(verdicts(&selection), expect);
    let [cluster] = selection.clusters.as_slice() else { panic!("{:?}", selection.clusters) };
    assert_eq!(cluster.features, ["amount", "twice"]);
    assert!(cluster.weakest > 0.95 && cluster.importance.unwrap().auc.mean > 0.1, "{cluster:?}");
    let turned = selection.features[5].stability.as_ref().unwrap();
    assert_eq!((turned.turns, selection.periods.len(), turned.psi.len(), turned.auc.len()), (1, 8, 7, 8));
    assert!(turned.mean_psi < 0.25, "{turned:?}");
    assert_eq!(selection.features[6].stability.as_ref().unwrap().turns, 0);
    let text = serde_json::to_string(&selection).unwrap();
    assert_eq!(serde_json::from_str::<Selection>(&text).unwrap(), selection);
    // Without days nothing is unstable, and without a model all that tells something helps.
    let alone = with(None, None);
    assert_eq!(alone.features[6].verdict, Verdict::Kept);
    assert_eq!(alone.features[8].verdict, Verdict::Kept);
    assert!(alone.periods.is_empty() && alone.features.iter().all(|feature| feature.stability.is_none()));
    assert_eq!((alone.auc, alone.importance_rows, alone.features[1].importance), (None, None, None));
}

#[test]
fn any_number_of_threads_gives_the_same() {
    let (matrix, days) = example();
    let on = |threads: usize, seed: u64| {
        let settings = Settings { threads, seed, correlation_rows: 1000, importance_rows: 2000, ..Settings::default() };
        select(&matrix, Some(&days), Some(&model), &settings).unwrap()
    };
    let one = on(1, 1);
    assert_eq!((one.correlation_rows, one.importance_rows), (1000, Some(2000)));
    assert_eq!(on(0, 1), one);
    assert_eq!(on(3, 1), one);
    assert_ne!(on(1, 2), one);
    assert_eq!(verdicts(&on(1, 2)), verdicts(&one));
}

#[test]
fn what_is_drawn_stands_for_all() {
    let (matrix, _) = example();
    let ranking = |importance_rows: usize| {
        let selection = select(&matrix, None, Some(&model), &Settings { importance_rows, ..Settings::default() }).unwrap();
        (selection.auc.unwrap(), selection.average_precision.unwrap())
    };
    let (all, part) = (ranking(8000), ranking(3000));
    let scores = model(&matrix);
    assert!((all.0 - auc(&scores, matrix.labels()).unwrap()).abs() < 1e-12);
    assert!((all.1 - average_precision(&scores, matrix.labels()).unwrap()).abs() < 1e-12);
    assert!((all.0 - part.0).abs() < 0.01 && (all.1 - part.1).abs() < 0.03, "{all:?} {part:?}");
}

#[test]
fn a_feature_that_helps_only_beside_its_likes_is_kept() {
    // The model looks at the one that tells a little less, so that shuffling the other alone loses nothing.
    let mut draw = Draw::new(1);
    let labels = draw.labels(4000, 0.2);
    let amount = draw.lifted(&labels, 1.0);
    let less: Vec<f64> = amount.iter().map(|amount| amount + 0.05 * draw.normal()).collect();
    let matrix = matrix(&[("amount", amount), ("less", less)], &labels);
    let check = |model: &Scores<'_>, expect: [&str; 2]| {
        let selection = select(&matrix, None, Some(model), &Settings::default()).unwrap();
        let stronger = usize::from(selection.features[1].information_value > selection.features[0].information_value);
        assert_eq!(selection.clusters[0].representative, ["amount", "less"][stronger]);
        assert_eq!(verdicts(&selection), expect, "{selection:?}");
    };
    check(&|matrix: &Matrix| matrix.columns()[1].clone(), ["amount: kept", "less: redundant with amount"]);
    check(&|matrix: &Matrix| matrix.columns()[0].clone(), ["amount: kept", "less: redundant with amount"]);
    check(&|matrix: &Matrix| vec![0.5; matrix.rows()], ["amount: does not help", "less: does not help"]);
}

#[test]
fn noise_on_few_rows_tells_nothing() {
    // Bins that tell most tell a lot of noise when bad rows are few: what chance gives grows along.
    let mut dropped = 0;
    for seed in 0..100 {
        let mut draw = Draw::new(seed);
        let labels = draw.labels(300, 0.1);
        let columns = [("noise", draw.lifted(&labels, 0.0)), ("signal", draw.lifted(&labels, 2.0))];
        let selection = select(&matrix(&columns, &labels), None, None, &Settings::default()).unwrap();
        assert!(selection.features[1].is_kept(), "{seed}: {selection:?}");
        dropped += usize::from(!selection.features[0].is_kept());
    }
    assert!(dropped >= 95, "{dropped}");
}

#[test]
fn a_rare_mark_tells_something() {
    // One row in two hundred bears it, a quarter of the bad ones: fewer than any bin of numbers holds.
    let mut draw = Draw::new(2);
    let labels = draw.labels(20_000, 0.01);
    let marked = |draw: &mut Draw, bad: bool| draw.unit() < if bad { 0.25 } else { 0.0025 };
    let mark = labels.iter().map(|bad| f64::from(u8::from(marked(&mut draw, *bad)))).collect();
    let amount = labels.iter().map(|bad| if marked(&mut draw, *bad) { -draw.unit() } else { 0.0 }).collect();
    let noise = labels.iter().map(|_| f64::from(u8::from(draw.unit() < 0.005))).collect();
    let columns = [("mark", mark), ("amount", amount), ("noise", noise)];
    let selection = select(&matrix(&columns, &labels), None, None, &Settings::default()).unwrap();
    assert_eq!(verdicts(&selection), ["mark: kept", "amount: kept", "noise: low information"]);
    assert!(selection.features[0].information_value > 0.5, "{selection:?}");
}

#[test]
fn what_helps_a_model_only_beside_another_is_kept() {
    // Bad where one of both is high and not the other: alone neither tells anything.
    let mut draw = Draw::new(4);
    let columns = ["one", "other"].map(|name| (name, (0..4000).map(|_| draw.normal()).collect::<Vec<f64>>()));
    let labels: Vec<bool> = (0..4000).map(|row| columns[0].1[row] * columns[1].1[row] < 0.0).collect();
    let matrix = matrix(&columns, &labels);
    let product = |matrix: &Matrix| (0..matrix.rows()).map(|row| -matrix.columns()[0][row] * matrix.columns()[1][row]).collect();
    let judged = |model: Option<&Scores<'_>>| verdicts(&select(&matrix, None, model, &Settings::default()).unwrap());
    assert_eq!(judged(None), ["one: low information", "other: low information"]);
    assert_eq!(judged(Some(&product)), ["one: kept", "other: kept"]);
}

#[test]
fn an_honest_feature_is_stable() {
    let mut kept = 0;
    for seed in 0..60 {
        let mut draw = Draw::new(seed);
        let labels = draw.labels(3000, 0.05);
        let columns = [
            ("amount", draw.lifted(&labels, 0.8)),
            ("flag", labels.iter().map(|bad| f64::from(u8::from(draw.unit() < if *bad { 0.3 } else { 0.05 }))).collect()),
        ];
        let selection = select(&matrix(&columns, &labels), Some(&days(3000)), None, &Settings::default()).unwrap();
        kept += selection.features.iter().filter(|feature| feature.is_kept()).count();
    }
    assert_eq!(kept, 120);
}

#[test]
fn what_cannot_be_selected_from_is_named() {
    let columns = [("amount", vec![1.0, 2.0, 3.0])];
    let check = |labels: [bool; 3], model: Option<&Scores<'_>>, settings: Settings, expect: &str| {
        let error = select(&matrix(&columns, &labels), None, model, &settings).unwrap_err();
        assert_eq!(error.to_string(), expect);
    };
    let (mixed, plain) = ([true, false, true], Settings::default);
    check([true; 3], None, plain(), "all 3 rows are bad, so that no feature can be judged");
    check([false; 3], None, plain(), "all 3 rows are good, so that no feature can be judged");
    check(mixed, None, Settings { repeats: 1, ..plain() }, "the setting repeats of the selection is out of its range");
    check(mixed, None, Settings { psi: f64::NAN, ..plain() }, "the setting psi of the selection is out of its range");
    check(mixed, Some(&|_: &Matrix| vec![0.5]), plain(), "the model gives 1 scores for 3 rows");
    let none = |matrix: &Matrix| matrix.columns()[0].iter().map(|_| f64::NAN).collect();
    check(mixed, Some(&none), plain(), "the model gives no number for row 1 when nothing is shuffled");
    let empty: Settings = serde_json::from_str("{}").unwrap();
    assert_eq!(empty, plain());
}

#[test]
fn the_smallest_matrices_are_judged() {
    let check = |column: &[f64], labels: &[bool]| {
        let settings = Settings { importance_rows: 2, correlation_rows: 2, least_rows: 1, least_bad: 1, ..Settings::default() };
        let days: Vec<i32> = (0..labels.len() as i32).map(|row| row * 7 - 3).collect();
        let model = |matrix: &Matrix| vec![0.0; matrix.rows()];
        let matrix = matrix(&[("a", column.to_vec()), ("b", column.to_vec())], labels);
        let selection = select(&matrix, Some(&days), Some(&model), &settings).unwrap();
        // A figure that is no number would be written as none, and not be read as the same.
        let text = serde_json::to_string(&selection).unwrap();
        assert_eq!(serde_json::from_str::<Selection>(&text).unwrap(), selection);
        assert_eq!(selection.features[0].verdict, selection.features[1].verdict);
    };
    check(&[1.0, 2.0], &[true, false]);
    check(&[f64::NAN, 2.0], &[true, false]);
    check(&[f64::NAN, f64::NAN, f64::NAN], &[true, false, true]);
    check(&[f64::MIN, f64::MAX, 0.0, -0.0], &[true, false, true, false]);
}

#[test]
fn figures_are_those_of_python() {
    let figures: serde_json::Value = serde_json::from_str(include_str!("fixtures/figures.json")).unwrap();
    let close =
        |got: f64, expect: &serde_json::Value| assert!((got - expect.as_f64().unwrap()).abs() < 1e-12, "{got} is not {expect}");
    let column =
        |value: &serde_json::Value| -> Vec<f64> { value.as_array().unwrap().iter().map(|cell| cell.as_f64().unwrap()).collect() };
    let labels: Vec<bool> = column(&figures["bad"]).iter().map(|bad| *bad == 1.0).collect();
    let columns = ["duration", "amount", "age"].map(|name| column(&figures["columns"][name]));
    let chance = Chance::new(&labels, &Settings::default());
    // Bins that are not worth more than chance are put together, which costs a little of what all of them tell.
    let (all, kept) =
        (figures["duration_information"].as_f64().unwrap(), chance.information(&column(&figures["duration_bins"]), &labels).0);
    assert!((0.9 * all..=all).contains(&kept), "{kept} of {all}");
    for ((one, other), place) in [(0, 1), (0, 2), (1, 2)].into_iter().zip(0..) {
        close(spearman(&columns[one], &columns[other]).unwrap(), &figures["spearman"][place]);
    }
    let gaps = |one_in: usize| -> Vec<f64> {
        columns[2].iter().enumerate().map(|(row, age)| if row % one_in == 3 { f64::NAN } else { *age }).collect()
    };
    close(spearman(&columns[1], &gaps(13)).unwrap(), &figures["spearman_with_gaps"]);
    assert_eq!(spearman(&columns[1], &gaps(7)), None, "too many rows have but one of both");
    for (name, column) in ["duration", "amount", "age"].into_iter().zip(&columns) {
        let levels = Levels::new(column.iter().copied().zip(labels.iter().copied()));
        let (best, expect) = (levels.best().unwrap(), &figures["auc"][name]);
        let rising = if best.order.rises { best.auc } else { 1.0 - best.auc };
        close(rising, &expect[0]);
        close(levels.error(best.order).unwrap(), &expect[1]);
    }
}

#[test]
fn correlation_worked_by_hand() {
    let nan = f64::NAN;
    let check = |one: &[f64], other: &[f64], expect: Option<f64>| {
        let got = spearman(one, other);
        assert_eq!(got.is_some(), expect.is_some(), "{one:?} {other:?}");
        assert!((got.unwrap_or(0.0) - expect.unwrap_or(0.0)).abs() < 1e-12, "{got:?} is not {expect:?}");
    };
    check(&[1.0, 2.0, 3.0], &[10.0, 200.0, 3000.0], Some(1.0));
    check(&[1.0, 2.0, 3.0], &[3.0, 2.0, -1.0], Some(-1.0));
    check(&[1.0, 2.0, 3.0, 4.0], &[1.0, 3.0, 2.0, 4.0], Some(0.8));
    check(&[1.0, 1.0, 2.0], &[5.0, 5.0, 5.0], None);
    // Missing in the same rows, of which the others agree.
    check(&[1.0, nan, 3.0, 4.0], &[2.0, nan, 7.0, 9.0], Some(1.0));
    // Missing in different ones.
    check(&[1.0, nan, 3.0, 4.0], &[2.0, 3.0, 7.0, 9.0], None);
}

/// Any column with ties and gaps.
fn any_column() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(prop_oneof![1 => Just(f64::NAN), 4 => (0..6u8).prop_map(f64::from), 2 => -10.0..10.0f64], 2..80)
}

proptest! {
    #[test]
    fn separation_is_the_area_of_the_best_order(column in any_column(), seed in any::<u64>()) {
        let labels = Draw::new(seed).labels(column.len(), 0.4);
        let levels = Levels::new(column.iter().copied().zip(labels.iter().copied()));
        let filled = |with: f64| column.iter().map(|value| if value.is_nan() { with } else { *value }).collect::<Vec<f64>>();
        let best = levels.best();
        let areas = [-99.0, 99.0].map(|with| auc(&filled(with), &labels));
        let expect = areas.into_iter().flatten().map(|area| area.max(1.0 - area)).reduce(f64::max);
        prop_assert_eq!(best.is_some(), expect.is_some());
        if let Some((best, expect)) = best.zip(expect) {
            prop_assert!((best.auc - expect).abs() < 1e-12);
            let flipped = auc(&filled(if best.order.missing_lowest { -99.0 } else { 99.0 }), &labels).unwrap();
            let area = if best.order.rises { flipped } else { 1.0 - flipped };
            prop_assert!((area - best.auc).abs() < 1e-12);
            prop_assert!(levels.auc_by_share().unwrap() >= best.auc - 1e-12);
        }
    }

    #[test]
    fn ranking_is_that_of_the_metrics(
        scores in prop::collection::vec(0..9u8, 2..60),
        seed in any::<u64>(),
        twice in any::<bool>(),
    ) {
        let scores: Vec<f64> = scores.into_iter().map(f64::from).collect();
        let mut labels = Draw::new(seed).labels(scores.len(), 0.4);
        (labels[0], labels[1]) = (true, false);
        let got = Ranking::new(&scores, &labels, if twice { 2.0 } else { 1.0 });
        // That each good row counts twice is that it is there twice.
        let again: Vec<usize> = (0..scores.len()).filter(|row| twice && !labels[*row]).collect();
        let scores: Vec<f64> = (0..scores.len()).chain(again.clone()).map(|row| scores[row]).collect();
        let labels: Vec<bool> = (0..labels.len()).chain(again).map(|row| labels[row]).collect();
        prop_assert!((got.auc - auc(&scores, &labels).unwrap()).abs() < 1e-12);
        prop_assert!((got.average_precision - average_precision(&scores, &labels).unwrap()).abs() < 1e-12);
    }

    #[test]
    fn correlation_does_not_depend_on_scale_or_side(one in any_column(), seed in any::<u64>()) {
        let mut draw = Draw::new(seed);
        let other: Vec<f64> = one.iter().map(|value| if value.is_nan() { *value } else { value + 3.0 * draw.normal() }).collect();
        if let Some(correlation) = spearman(&one, &other) {
            let cubed: Vec<f64> = one.iter().map(|value| -value.powi(3)).collect();
            prop_assert!((-1.0..=1.0).contains(&correlation));
            prop_assert!((spearman(&other, &one).unwrap() - correlation).abs() < 1e-12);
            prop_assert!((spearman(&cubed, &other).unwrap() + correlation).abs() < 1e-12);
            prop_assert!((spearman(&one, &one).unwrap() - 1.0).abs() < 1e-12);
        }
    }
}
