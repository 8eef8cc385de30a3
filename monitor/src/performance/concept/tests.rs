use std::ops::Range;

use evaluation::{Change, Interval, Known, Maturity, Missing, Settings};

use super::*;
use crate::fixture::time;
use crate::outcome::Outcome;
use crate::performance::cohort::How;
use crate::performance::rows::Rows;
use crate::warehouse::ParquetWarehouse;

/// Every fifth of 300 events a week is bad. `means` says how often bad ones come in a week, over how often probabilities say; `ranks` whether
/// probabilities know them at all.
fn rows(weeks: Range<u32>, means: impl Fn(u32) -> u32, ranks: impl Fn(u32) -> bool) -> Rows {
    let mut rows = Rows::default();
    for number in weeks.start * 300..weeks.end * 300 {
        let (week, of_week) = (number / 300, number % 300);
        let bad = of_week % 5 < means(week);
        let noise = f64::from(number.wrapping_mul(2_654_435_761) >> 8 & 0xffff) / 65_536.0;
        // A mean of 0.2, higher for the bad ones where it knows them.
        let probability = match (ranks(week), bad) {
            (true, true) => 0.3 + 0.4 * noise,
            (true, false) => 0.15 * noise,
            (false, _) => 0.4 * noise,
        };
        rows.occurred_at.push(time("2018-08-06") + ingest::Duration::seconds(i64::from(week * 300 + of_week) * 2_016));
        rows.position.push(i64::from(number));
        rows.version.push(Some(7));
        rows.probability.push(Some(probability));
        rows.minor.push(0);
        rows.outcome.push(if bad { Outcome::Bad } else { Outcome::Good });
    }
    rows
}

/// From the fifth week on two fifths are bad.
fn changed(week: u32) -> u32 {
    if week < 4 { 1 } else { 2 }
}

fn found(rows: &Rows, as_of: &str, written: &Written) -> Vec<Week> {
    let day = 86_400_000_000;
    let maturity = Maturity::new(&vec![Known { after: 5 * day, watched: 60 * day }; 50], 0.95);
    let settings = Settings::default();
    let how = How { settings: &settings, as_of: time(as_of), maturity: &maturity, mature_at: 0.9 };
    concept(rows, &how, &Rules::default(), written).unwrap()
}

fn severities(weeks: &[Week], name: Name) -> Vec<&'static str> {
    let of = |week: &Week| week.figures.iter().find(|moved| moved.name == name).unwrap().severity.name();
    weeks.iter().map(of).collect()
}

#[test]
fn what_changes_for_good_drifts_after_two_weeks_and_stays() {
    let moved = found(&rows(0..8, changed, |_| false), "2018-12-01", &Written::default());
    let [quiet, drift] = ["stable", "drift"];
    assert_eq!(severities(&moved, Name::Calibration), ["insufficient_data", quiet, quiet, quiet, quiet, drift, drift, drift]);
    assert_eq!(severities(&moved, Name::Auc)[1..], [quiet; 7], "they rank as they did");
    let last = &moved[7];
    assert_eq!((last.judged, last.bad, last.judged_before, last.week), (300, 120, 1_200, time("2018-09-24")));
    let Change { before, now, .. } = last.figures[1].change;
    assert!((now.point().unwrap() / before.point().unwrap() - 2.0).abs() < 0.2, "{before:?} {now:?}");
    // Probabilities that know nothing any more: a loss of rank, and here of nothing else.
    let lost = found(&rows(0..8, |_| 1, |week| week < 5), "2018-12-01", &Written::default());
    assert_eq!(severities(&lost, Name::Auc)[4..], [quiet, quiet, drift, drift]);
}

#[test]
fn weeks_without_labels_say_nothing() {
    let as_of = "2018-09-29";
    let young = found(&rows(0..8, changed, |_| false), as_of, &Written::default());
    assert_eq!(severities(&young, Name::Calibration)[6..], ["drift", "insufficient_data"], "{:?}", young[7].maturity);
    assert_eq!(young[7].figures[0].change.change, Missing::InsufficientData.into());
    let few = Rules { minimum_bad: 61, ..Rules::default() };
    let rows = rows(0..4, |_| 1, |_| true);
    let maturity = Err(Missing::NoBad);
    let settings = Settings::default();
    let how = How { settings: &settings, as_of: time("2018-12-01"), maturity: &maturity, mature_at: 0.9 };
    let none = concept(&rows, &how, &few, &Written::default()).unwrap();
    assert!(severities(&none, Name::Auc).iter().all(|severity| *severity == "insufficient_data"));
}

/// As an hour of a server does: what has turned, once the weeks are written.
async fn hour(warehouse: &ParquetWarehouse, rows: &Rows, as_of: &str) -> (Vec<Week>, Vec<Turn>) {
    let written = Written::read(warehouse, "m").await.unwrap();
    let weeks = found(rows, as_of, &written);
    let turns = written.turns(&weeks, &Rules::default());
    written.write(warehouse, "m", &weeks, &Rules::default()).unwrap();
    (weeks, turns)
}

#[tokio::test]
async fn each_turn_is_told_once_and_what_was_found_in_its_time_holds() {
    let folder = tempfile::tempdir().unwrap();
    let warehouse = ParquetWarehouse::open(folder.path()).unwrap();
    // For five weeks it is otherwise, and then as before. Each week is there before its labels are.
    let back = |week: u32| if (4..9).contains(&week) { 2 } else { 1 };
    let all = rows(0..14, back, |_| false);
    let mut told = Vec::new();
    for day in ["2018-09-10", "2018-09-16", "2018-09-22", "2018-09-29", "2018-10-06", "2018-10-20", "2018-11-01"] {
        told.extend(hour(&warehouse, &all, day).await.1);
    }
    assert!(told.iter().all(|turn| turn.name == Name::Calibration && turn.version == 7));
    let ends: Vec<_> = told.iter().map(|turn| (turn.week_end(), turn.has_drifted)).collect();
    assert_eq!(ends, [(time("2018-09-17"), true), (time("2018-10-22"), false)]);
    assert_eq!(hour(&warehouse, &all, "2018-11-01").await.1, [], "it was told");
    // The first weeks are no longer looked at.
    let (slid, turns) = hour(&warehouse, &rows(5..14, back, |_| false), "2018-11-20").await;
    assert_eq!((severities(&slid, Name::Calibration)[0], turns), ("drift", Vec::new()));
    assert!(Written::read(&warehouse, "n").await.unwrap().found.is_empty());
}

#[tokio::test]
async fn what_has_drifted_never_becomes_usual() {
    let folder = tempfile::tempdir().unwrap();
    let warehouse = ParquetWarehouse::open(folder.path()).unwrap();
    assert_eq!(hour(&warehouse, &rows(0..10, changed, |_| false), "2018-12-01").await.1.len(), 1);
    // Of the weeks that were usual none is looked at any more.
    let (later, turns) = hour(&warehouse, &rows(6..14, changed, |_| false), "2019-02-01").await;
    assert_eq!(turns, []);
    let [drift, nothing] = ["drift", "insufficient_data"];
    let expect = [drift, drift, drift, drift, nothing, nothing, nothing, nothing];
    assert_eq!(severities(&later, Name::Calibration), expect);
}

#[test]
fn a_factor_counts_both_ways() {
    let of = |lower: f64, upper: f64| Interval { lower, upper, method: evaluation::Method::Katz };
    let check = |name: Name, interval: Interval, expect: (f64, f64)| {
        let (low, high) = name.between(interval);
        assert!((low - expect.0).abs() < 1e-12 && (high - expect.1).abs() < 1e-12, "{low} to {high}, not {expect:?}");
    };
    check(Name::Calibration, of(0.8, 1.5), (1.0, 1.5));
    check(Name::Calibration, of(0.5, 0.8), (1.25, 2.0));
    check(Name::Calibration, of(1.25, 2.0), (1.25, 2.0));
    check(Name::Auc, of(-0.08, -0.02), (0.02, 0.08));
}

#[test]
fn rules_that_contradict_themselves_are_refused() {
    let check = |rules: Rules, expect: &str| assert_eq!(rules.check().unwrap_err().to_string(), expect);
    assert_eq!(Rules::default().check(), Ok(()));
    let thresholds = Thresholds { watch: 1.0, drift: 1.5 };
    check(
        Rules { calibration_factor: thresholds, ..Rules::default() },
        "`watch` is 1 and `drift` is 1.5 of `calibration_factor`: they must be above 1, and `drift` not below `watch`",
    );
    check(Rules { false_discovery_rate: 1.0, ..Rules::default() }, "`false_discovery_rate` is 1: it must be above 0 and below 1");
    check(Rules { minimum_bad: 0, ..Rules::default() }, "`minimum_bad` is 0: it must be at least 1");
}
