use proptest::prelude::*;

use super::*;
use crate::selection::tests::{Draw, matrix};

/// What is said of one column.
fn said(column: &[f64], days: Option<&[i32]>, labels: &[bool]) -> String {
    let leaks = leaks(&matrix(&[("x", column.to_vec())], labels), days, &Settings::default());
    leaks.iter().map(ToString::to_string).collect()
}

fn flags(labels: &[bool], of: impl FnMut(bool) -> f64) -> Vec<f64> {
    labels.iter().copied().map(of).collect()
}

#[test]
fn what_knows_the_label_is_named() {
    let mut draw = Draw::new(3);
    let labels: Vec<bool> = (0..10_000).map(|row| row % 20 == 0).collect();
    let mut check = |of: &mut dyn FnMut(bool, &mut Draw) -> f64, expect: &str| {
        let column = flags(&labels, |bad| of(bad, &mut draw));
        assert_eq!(said(&column, None, &labels), expect);
    };
    let number = |bad: bool| f64::from(u8::from(bad));
    let nan = f64::NAN;
    let copy = "x is the label under another name: it tells good from bad in all 10000 rows, of which 500 are bad";
    check(&mut |bad, _| number(bad), copy);
    check(&mut |bad, _| number(!bad), copy);
    check(&mut |bad, _| if bad { 7.0 } else { nan }, copy);
    let mut row = 0;
    let mut nearly = |bad, _: &mut Draw| {
        row += 1;
        number(bad != (row % 1000 == 501))
    };
    check(&mut nearly, "x is nearly a copy of the label: it differs in 10 of 10000 rows (correlation 0.989)");
    check(
        &mut |bad, draw| draw.normal() + 5.0 * number(bad),
        "x alone separates 500 bad from 9500 good rows all but perfectly (area under the curve 0.9999)",
    );
    check(
        &mut |bad, draw| (draw.unit() * 3.0).floor() * 2.0 + number(bad),
        "the 6 values of x alone separate bad from good rows all but perfectly (area under the curve 1.0000)",
    );
    check(
        &mut |bad, draw| if bad { nan } else { draw.normal() },
        "x is missing in 100 % of the bad rows and in 0 % of the good ones, which alone separates them (area under the curve 1.0000)",
    );
}

#[test]
fn what_only_one_label_has_is_named() {
    let labels: Vec<bool> = (0..10_000).map(|row| row % 10 == 0).collect();
    let mut draw = Draw::new(3);
    let mut check = |of: &mut dyn FnMut(bool, bool, &mut Draw) -> f64, expect: &str| {
        let column: Vec<f64> = labels.iter().enumerate().map(|(row, bad)| of(*bad, row % 50 < 30, &mut draw)).collect();
        assert_eq!(said(&column, None, &labels), expect);
    };
    let nan = f64::NAN;
    check(
        &mut |bad, most, draw| if bad && most { draw.unit() } else { 0.0 },
        "x is 0 in all 9000 good rows and has another value in 60 % of the bad ones",
    );
    check(
        &mut |bad, most, draw| if bad && most { draw.unit() } else { nan },
        "x is missing in all 9000 good rows and filled in for 60 % of the bad ones",
    );
    check(
        &mut |bad, most, draw| if bad && most { nan } else { draw.unit() },
        "x is filled in for all 9000 good rows and missing in 60 % of the bad ones",
    );
    check(
        &mut |bad, most, draw| if !bad && most { draw.unit() } else { 1.0 },
        "x is 1 in all 1000 bad rows and has another value in 60 % of the good ones",
    );
    // One good row that has it, too, is enough for doubt; and so is a minority.
    let mut row = 0;
    let mut doubt = |bad, most, draw: &mut Draw| {
        row += 1;
        if bad && most || row == 2 { draw.unit() } else { 0.0 }
    };
    check(&mut doubt, "");
    check(&mut |bad, most, draw| if bad && !most { draw.unit() } else { 0.0 }, "");
}

/// Rows of 100 days, a tenth bad; a feature that is filled in when so many days have passed.
fn filled_in(delay: i32, draw: &mut Draw, value: impl Fn(bool, bool, &mut Draw) -> f64) -> (Vec<f64>, Vec<i32>, Vec<bool>) {
    let labels = draw.labels(20_000, 0.1);
    let days: Vec<i32> = (0..20_000).map(|row| row / 200).collect();
    let column = labels.iter().zip(&days).map(|(bad, day)| value(*bad, *day < 100 - delay, draw)).collect();
    (column, days, labels)
}

#[test]
fn what_is_known_only_later_is_named() {
    let mut draw = Draw::new(8);
    let mut check = |delay: i32, value: &dyn Fn(bool, bool, &mut Draw) -> f64, expect: &str| {
        let (column, days, labels) = filled_in(delay, &mut draw, value);
        let said = said(&column, Some(&days), &labels);
        assert!(if expect.is_empty() { said.is_empty() } else { said.contains(expect) }, "{said}");
    };
    let later = "of the bad rows do not have it yet: it seems to be filled in only afterwards";
    let reported =
        |bad: bool, is_old: bool, draw: &mut Draw| f64::from(u8::from(draw.unit() < if bad && is_old { 0.7 } else { 0.02 }));
    check(3, &reported, later);
    check(20, &reported, later);
    let code = |bad: bool, is_old: bool, draw: &mut Draw| match () {
        () if draw.unit() < if bad && is_old { 0.8 } else { 0.01 } => draw.unit(),
        () => f64::NAN,
    };
    check(10, &code, later);
    // As of the day of the export: not empty, but not yet what it will be.
    let balance = |bad: bool, is_old: bool, draw: &mut Draw| draw.normal() - if bad && is_old { 2.0 } else { 0.0 };
    check(10, &balance, "it seems to be known only afterwards");
    // Filled in late for all rows, it tells nothing and leaks nothing; and what separates to the end is honest.
    check(10, &|_, is_old, draw| if is_old { draw.normal() } else { f64::NAN }, "");
    check(10, &|bad, _, draw| draw.normal() + if bad { 2.0 } else { 0.0 }, "");
    // What weakens is drift, and no leak.
    check(
        10,
        &|bad, is_old, draw| {
            draw.normal()
                + if bad && is_old {
                    2.0
                } else if bad {
                    1.0
                } else {
                    0.0
                }
        },
        "",
    );
}

#[test]
fn rows_may_come_in_any_order() {
    let (column, days, labels) =
        filled_in(5, &mut Draw::new(1), |bad, is_old, draw| if bad && is_old { 3.0 } else { draw.normal() });
    let order: Vec<usize> = (0..20_000).map(|row| row * 7919 % 20_000).collect();
    let (mixed_column, mixed_days): (Vec<f64>, Vec<i32>) = order.iter().map(|row| (column[*row], days[*row])).unzip();
    let mixed_labels: Vec<bool> = order.iter().map(|row| labels[*row]).collect();
    let expect = said(&column, Some(&days), &labels);
    assert!(!expect.is_empty());
    assert_eq!(said(&mixed_column, Some(&mixed_days), &mixed_labels), expect);
}

#[test]
fn a_strong_and_honest_feature_is_none() {
    // Lifts of 2.326 and 2.66 separate with areas of 0.95 and 0.97.
    let (mut fired, mut looked) = (Vec::new(), 0);
    for (bad, good) in [(10, 10), (50, 50), (20, 180), (60, 190), (50, 450), (250, 250), (100, 1000), (300, 4000)] {
        for seed in 0..150 {
            let mut draw = Draw::new(seed);
            let labels: Vec<bool> = (0..bad + good).map(|row| row < bad).collect();
            let days: Vec<i32> = labels.iter().map(|_| (draw.unit() * 60.0) as i32).collect();
            let strong = draw.lifted(&labels, 2.326);
            let stronger = draw.lifted(&labels, 2.66);
            // Right in 95 of 100 rows of either label, and mostly missing where bad.
            let flag = flags(&labels, |bad| f64::from(u8::from((draw.unit() < 0.95) == bad)));
            let gaps = flags(&labels, |bad| if (draw.unit() < 0.95) == bad { f64::NAN } else { draw.normal() });
            let codes =
                flags(&labels, |bad| ((draw.unit() * 4.0).floor() * 2.0) + f64::from(u8::from((draw.unit() < 0.95) == bad)));
            let columns = [("strong", strong), ("stronger", stronger), ("flag", flag), ("gaps", gaps), ("codes", codes)];
            looked += columns.len();
            fired.extend(
                leaks(&matrix(&columns, &labels), Some(&days), &Settings::default()).iter().map(|leak| format!("{bad} {leak}")),
            );
        }
    }
    assert_eq!(looked, 6000);
    assert!(fired.is_empty(), "{fired:#?}");
}

#[test]
fn few_rows_say_nothing() {
    for rows in [1, 2, 20, 199] {
        let labels: Vec<bool> = (0..rows).map(|row| row % 2 == 0).collect();
        let column = flags(&labels, |bad| f64::from(u8::from(bad)));
        assert_eq!(said(&column, Some(&vec![0; rows]), &labels), "");
    }
    // Of 200 rows a copy is one, even with twenty bad ones.
    let labels: Vec<bool> = (0..200).map(|row| row % 10 == 0).collect();
    let column = flags(&labels, |bad| f64::from(u8::from(bad)));
    let expect = "x is the label under another name: it tells good from bad in all 200 rows, of which 20 are bad";
    assert_eq!(said(&column, None, &labels), expect);
}

#[test]
fn training_is_refused_unless_it_is_allowed() {
    let leak = |feature: &str| Leak { feature: feature.to_owned(), seen: Seen::Separates { auc: 0.9991, bad: 80, good: 900 } };
    let check = |features: &[&str], allowed: &[&str], expect: Option<&str>| {
        let leaks: Vec<Leak> = features.iter().map(|feature| leak(feature)).collect();
        let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
        assert_eq!(refused(&leaks, &allowed).as_deref(), expect);
    };
    check(&[], &[], None);
    check(&["code"], &["code"], None);
    check(
        &["code", "score"],
        &["score"],
        Some(
            "a feature seems to know the label: code alone separates 80 bad from 900 good rows all but perfectly (area under the \
             curve 0.9991); leave out what is not known when the decision is made, and list what is in `allowed_leaks`",
        ),
    );
    let two = refused(&[leak("a"), leak("b")], &[]).unwrap();
    assert!(two.starts_with("2 features seem to know the label: a alone") && two.contains("; b alone"), "{two}");
}

#[test]
fn settings_are_checked_and_leaks_are_written() {
    assert_eq!(Settings::default().check(), Ok(()));
    let error = Settings { auc: 0.5, ..Settings::default() }.check().unwrap_err();
    assert_eq!(error.to_string(), "the setting auc of leaks is out of its range");
    assert!(Settings { left: f64::NAN, ..Settings::default() }.check().is_err());
    let leak = Leak { feature: "code".into(), seen: Seen::OneValue { of_bad: false, rows: 9, value: None, otherwise: 0.5 } };
    let text = serde_json::to_string(&leak).unwrap();
    assert_eq!(text, r#"{"feature":"code","seen":{"kind":"one_value","of_bad":false,"rows":9,"value":null,"otherwise":0.5}}"#);
    assert_eq!(serde_json::from_str::<Leak>(&text).unwrap(), leak);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn shuffled_labels_give_no_leak(
        seed in any::<u64>(),
        rows in 1..3000usize,
        share in 0.01..0.99f64,
        values in 1..40u8,
        gaps in 0.0..1.0f64,
        span in 1..100u8,
    ) {
        let mut draw = Draw::new(seed);
        let labels = draw.labels(rows, share);
        let numbers: Vec<f64> = (0..rows).map(|_| draw.normal()).collect();
        let codes: Vec<f64> = (0..rows).map(|_| (draw.unit() * f64::from(values)).floor()).collect();
        let mostly_missing: Vec<f64> = (0..rows).map(|_| if draw.unit() < gaps { f64::NAN } else { draw.unit() }).collect();
        let rare: Vec<f64> = (0..rows).map(|_| f64::from(u8::from(draw.unit() < 0.01))).collect();
        let days: Vec<i32> = (0..rows).map(|_| (draw.unit() * f64::from(span)) as i32).collect();
        let day = days.iter().map(|day| f64::from(*day)).collect();
        let columns = [("numbers", numbers), ("codes", codes), ("gaps", mostly_missing), ("rare", rare), ("day", day)];
        prop_assert_eq!(leaks(&matrix(&columns, &labels), Some(&days), &Settings::default()), []);
    }
}
