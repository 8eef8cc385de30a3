mod properties;

use serde_json::Value;

use super::*;
use crate::metrics::{auc, average_precision};

/// What Python says; `fixtures/figures.py` made it.
pub(super) fn fixtures() -> Value {
    serde_json::from_str(include_str!("fixtures/figures.json")).unwrap()
}

/// What Python says of live figures; `tests/peers/live_figures.py` made it.
pub(super) fn live_fixtures() -> Value {
    serde_json::from_str(include_str!("fixtures/live.json")).unwrap()
}

pub(super) fn close(got: f64, expect: f64, relative: f64) {
    assert!((got - expect).abs() <= relative * expect.abs(), "{got} is not {expect}");
}

/// Columns that live as long as a test.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    pub scores: Vec<f64>,
    pub champion: Vec<f64>,
    pub labels: Vec<bool>,
    minor: Vec<i64>,
    days: Vec<i32>,
    entities: Vec<String>,
    pub segments: Vec<String>,
}

impl Rows {
    /// The rows that `fixtures/figures.py` makes.
    pub(super) fn of_fixtures() -> Self {
        let mut state = 1_u64;
        let mut draw = || {
            state = (1_103_515_245 * state + 12_345) % (1 << 31);
            state as f64 / f64::from(1_u32 << 31)
        };
        let mut rows = Self::default();
        for row in 0..1500 {
            let [risk, noise, other, chance, amount] = std::array::from_fn(|_| draw());
            rows.scores.push((2.0 + (96.0 * (0.7 * risk + 0.3 * noise)).floor()) / 100.0);
            rows.champion.push((2.0 + (96.0 * (0.5 * risk + 0.5 * other)).floor()) / 100.0);
            rows.labels.push(chance < risk.powi(3));
            rows.minor.push((amount * 100_000.0) as i64);
            rows.days.push(17_700 + row / 25);
            rows.entities.push(format!("card {}", row / 3));
            rows.segments.push(if row % 3 == 0 { "young" } else { "older" }.to_owned());
        }
        rows
    }

    pub(super) fn judged(&self) -> Judged<'_> {
        let judged = Judged::new(&self.scores, &self.labels).unwrap();
        let judged = judged.with_amounts(&self.minor).unwrap().with_days(&self.days).unwrap();
        let judged = judged.with_segment("age", &self.segments).unwrap().with_protected("age", &self.segments).unwrap();
        judged.with_champion(&self.champion).unwrap()
    }

    /// Some of them, in an order; a row may come more than once.
    pub(super) fn pick(&self, order: &[usize]) -> Self {
        fn some<T: Clone>(column: &[T], order: &[usize]) -> Vec<T> {
            order.iter().map(|row| column[*row].clone()).collect()
        }
        Self {
            scores: some(&self.scores, order),
            champion: some(&self.champion, order),
            labels: some(&self.labels, order),
            minor: some(&self.minor, order),
            days: some(&self.days, order),
            entities: some(&self.entities, order),
            segments: some(&self.segments, order),
        }
    }
}

pub(super) fn settings() -> Settings {
    let threshold = |name: &str, at| Threshold { name: name.to_owned(), at };
    Settings { thresholds: vec![threshold("review", 0.6), threshold("decline", 0.9)], capacity_a_day: 5, ..Settings::default() }
}

#[test]
fn figures_are_those_of_python() {
    let (rows, fixtures) = (Rows::of_fixtures(), fixtures());
    let expect = |name: &str| fixtures[name].as_f64().unwrap();
    let evaluation = evaluate(&rows.judged(), &settings()).unwrap();
    let z = distributions::reach(0.95);
    let check = |name: &str, figure: Figure| close(figure.point().unwrap(), expect(name), 1e-10);
    let check_error = |name: &str, figure: Figure| {
        let Interval { lower, upper, .. } = figure.interval().unwrap();
        close((upper - lower) / 2.0 / z, expect(name), 1e-8);
    };
    let check_interval = |name: &str, figure: Figure| {
        let Interval { lower, upper, .. } = figure.interval().unwrap();
        close(lower, fixtures[name][0].as_f64().unwrap(), 1e-10);
        close(upper, fixtures[name][1].as_f64().unwrap(), 1e-10);
    };
    assert_eq!(evaluation.bad as f64, expect("bad"));
    let Figures { auc, average_precision, ks, gini, brier, log_loss, calibration_error, .. } = evaluation.figures;
    check("auc", auc);
    check("sklearn_auc", auc);
    check_error("auc_error", auc);
    close(gini.point().unwrap(), 2.0 * expect("auc") - 1.0, 1e-10);
    check("average_precision", average_precision);
    check("ks", ks);
    check("brier", brier);
    check("log_loss", log_loss);
    check("calibration_error", calibration_error);
    let calibration = evaluation.calibration;
    check("slope", calibration.slope);
    check("intercept", calibration.intercept);
    check_error("slope_error", calibration.slope);
    check_error("intercept_error", calibration.intercept);
    let test = calibration.hosmer_lemeshow.unwrap();
    assert_eq!(test.freedom as f64, expect("bins"));
    close(test.statistic, expect("hosmer_lemeshow"), 1e-10);
    close(test.p, expect("hosmer_lemeshow_p"), 1e-8);
    let review = &evaluation.decisions[0].flagging;
    check("accuracy", review.accuracy);
    check_interval("accuracy_interval", review.accuracy);
    check("precision", review.precision);
    check_interval("precision_interval", review.precision);
    check("recall", review.recall);
    check_interval("recall_interval", review.recall);
    check("f1", review.f1);
    check("false_positive_rate", review.false_positive_rate);
    check("money_stopped", review.money_stopped_minor);
    check("money_wrongly_stopped", review.money_wrongly_stopped_minor);
    check("value_detection_rate", review.value_detection_rate);
    let comparison = evaluation.comparison.unwrap();
    check("champion_auc", comparison.champion_auc);
    check_error("champion_auc_error", comparison.champion_auc);
    close(comparison.auc.standard_error.unwrap(), expect("pair_error"), 1e-8);
    close(comparison.auc.z.unwrap(), expect("pair_z"), 1e-8);
    close(comparison.auc.p.unwrap(), expect("pair_p"), 1e-6);
    let flips = comparison.flips[0].all;
    assert_eq!(Value::from(vec![flips.model_only, flips.champion_only]), fixtures["mcnemar"]);
    close(flips.exact_p, expect("mcnemar_exact"), 1e-8);
    close(flips.mid_p, expect("mcnemar_mid"), 1e-8);
    let fairness = &evaluation.fairness[0];
    assert_eq!(fairness.most_favoured.as_deref(), Some("older"));
    let young = &fairness.groups[1];
    check("impact", young.adverse_impact_ratio);
    check_interval("impact_interval", young.adverse_impact_ratio);
    check("opportunity", young.equal_opportunity_difference);
    check_interval("opportunity_interval", young.equal_opportunity_difference);
}

#[test]
fn parts_of_an_evaluation_are_those_of_the_whole() {
    let rows = Rows::of_fixtures();
    let evaluation = evaluate(&rows.judged(), &settings()).unwrap();
    let Scored { figures, capacity, calibration } = scored(&rows.judged(), &settings()).unwrap();
    assert_eq!((figures, capacity, calibration), (evaluation.figures, evaluation.capacity, evaluation.calibration));
    let flagged: Vec<bool> = rows.scores.iter().map(|score| *score >= 0.6).collect();
    let flagging = decided(&rows.judged(), &flagged, &settings()).unwrap();
    // Resamples differ, since rows that tie are ordered by what else is known of them.
    let (mine, theirs) = (flagging, evaluation.decisions[0].flagging);
    assert_eq!(
        (mine.flagged, mine.caught, mine.recall, mine.false_positive_ratio),
        (theirs.flagged, theirs.caught, theirs.recall, theirs.false_positive_ratio)
    );
    assert_eq!(mine.money_stopped_minor.point(), theirs.money_stopped_minor.point());
    close(mine.alerts_per_bad().point().unwrap(), mine.flagged as f64 / mine.caught as f64, 1e-12);
    let error = decided(&rows.judged(), &flagged[1..], &settings()).unwrap_err();
    assert_eq!(error.to_string(), "decisions has 1499 rows, where there are 1500 labels");
}

#[test]
fn bytes_are_the_same_in_any_order_and_on_any_number_of_threads() {
    let rows = Rows::of_fixtures();
    let bytes = |rows: &Rows, by_entity: bool, threads| {
        let judged = if by_entity { rows.judged().with_entities(&rows.entities).unwrap() } else { rows.judged() };
        let settings = Settings { threads, rounds: 20, ..settings() };
        // Entities that tie are told apart by their order, so no day has more of them than people can look at.
        serde_json::to_string(&evaluate(&judged, &Settings { capacity_a_day: 1000, ..settings }).unwrap()).unwrap()
    };
    let order: Vec<usize> = (0..1500).map(|row| row * 7 % 1500).collect();
    for by_entity in [false, true] {
        let once = bytes(&rows, by_entity, 1);
        assert!(once == bytes(&rows, by_entity, 3), "threads matter");
        assert!(once == bytes(&rows.pick(&order), by_entity, 2), "the order of rows matters");
    }
    let seeded = |seed| evaluate(&rows.judged(), &Settings { seed, ..settings() }).unwrap().figures.ks;
    assert_ne!(seeded(1), seeded(2));
}

#[test]
fn an_evaluation_reads_back_as_it_was_written() {
    let rows = Rows::of_fixtures();
    let mut evaluation = evaluate(&rows.judged(), &settings()).unwrap();
    let feature = Feature { name: "risk", values: &rows.champion };
    evaluation.stability = Some(stability(&[feature], &rows.labels, |row| row[0].max(0.0), &settings()).unwrap());
    let text = serde_json::to_string(&evaluation).unwrap();
    assert_eq!(serde_json::from_str::<Evaluation>(&text).unwrap(), evaluation);
    let auc = serde_json::to_value(evaluation.figures.auc).unwrap();
    assert_eq!(auc["method"], "delong");
    assert_eq!(serde_json::to_string(&Figure::from(Missing::NoBad)).unwrap(), r#"{"missing":"no_bad"}"#);
}

#[test]
fn what_does_not_exist_says_why() {
    let check = |scores: &[f64], labels: &[bool], ranked, with_bad, loss| {
        let evaluation = evaluate(&Judged::new(scores, labels).unwrap(), &settings()).unwrap();
        let Figures { auc, average_precision, ks, brier, .. } = evaluation.figures;
        let why = |figure: Figure| match figure {
            Figure::Missing { missing } => Some(missing),
            Figure::Known(_) => None,
        };
        assert_eq!([why(auc), why(ks), why(average_precision), why(brier)], [ranked, ranked, with_bad, loss], "{labels:?}");
        assert_eq!(why(evaluation.capacity.recall), Some(Missing::NoDays));
        let no_money = if labels.is_empty() { Missing::NoRows } else { Missing::NoAmounts };
        assert_eq!(why(evaluation.decisions[0].flagging.money_stopped_minor), Some(no_money));
        let text = serde_json::to_string(&evaluation).unwrap();
        assert_eq!(serde_json::from_str::<Evaluation>(&text).unwrap(), evaluation);
    };
    let [no_rows, no_bad, no_good] = [Missing::NoRows, Missing::NoBad, Missing::NoGood].map(Some);
    check(&[], &[], no_rows, no_rows, no_rows);
    check(&[0.3], &[false], no_bad, no_bad, None);
    check(&[0.3, 1.0], &[true, true], no_good, None, None);
    check(&[0.3, 1.0], &[true, false], None, None, None);
}

#[test]
fn wrong_rows_and_settings_are_named() {
    let check = |error: Result<Evaluation, Error>, expect: &str| assert_eq!(error.unwrap_err().to_string(), expect);
    let labels = [true, false];
    let judged = || Judged::new(&[0.1, 0.2], &labels).unwrap();
    let run = |judged: Result<Judged<'_>, Error>, settings: Settings| evaluate(&judged?, &settings);
    let with = |judged| run(judged, Settings::default());
    check(with(Judged::new(&[0.1], &labels)), "scores has 1 rows, where there are 2 labels");
    check(with(Judged::new(&[0.1, 1.5], &labels)), "scores has 1.5 in row 2, which is no probability from 0 to 1");
    check(with(Judged::new(&[f64::NAN, 0.5], &labels)), "scores has NaN in row 1, which is no probability from 0 to 1");
    check(with(judged().with_champion(&[0.0, -0.1])), "champion scores has -0.1 in row 2, which is no probability from 0 to 1");
    check(with(judged().with_amounts(&[5, -1])), "the amount in row 2 is below zero");
    check(with(judged().with_amounts(&[i64::MAX, 1])), "the amounts add up to more than 9007199254740992 minor units");
    check(with(judged().with_days(&[1])), "days has 1 rows, where there are 2 labels");
    check(with(judged().with_entities(&["a"])), "entities has 1 rows, where there are 2 labels");
    let twice = judged().with_segment("channel", &["a", "b"]).unwrap().with_segment("channel", &["a", "b"]);
    check(with(twice), "attribute channel is given twice");
    let thresholds = vec![Threshold { name: "review".to_owned(), at: 85.0 }];
    let expect = "threshold review is 85, which is no probability from 0 to 1";
    check(run(Ok(judged()), Settings { thresholds, ..Settings::default() }), expect);
    let level = |level| Settings { level, ..Settings::default() };
    check(run(Ok(judged()), level(1.0)), "the confidence level 1 does not lie between 0 and 1");
    check(run(Ok(judged()), level(f64::NAN)), "the confidence level NaN does not lie between 0 and 1");
    check(run(Ok(judged()), Settings { capacity_a_day: 0, ..Settings::default() }), "the review capacity is zero a day");
}

#[test]
fn resampled_errors_are_those_of_copied_rows_and_of_delong() {
    let rows = Rows::of_fixtures();
    let figures = evaluate(&rows.judged(), &Settings { rounds: 1000, ..settings() }).unwrap().figures;
    let error = |figure: Figure| figure.interval().map(|interval| (interval.upper - interval.lower) / 2.0 / 1.96).unwrap();
    // Rows are independent, so that both know the same; a thousand rounds tell an error to about one part in forty.
    close(error(figures.auc_resampled), error(figures.auc), 0.08);
    // The textbook's bootstrap: draw as many rows as there are, with replacement, and measure the copy.
    let mut state = 9_u64;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % 1500
    };
    let copies: Vec<f64> = (0..1000)
        .map(|_| {
            let copy = rows.pick(&(0..1500).map(|_| draw()).collect::<Vec<_>>());
            average_precision(&copy.scores, &copy.labels).unwrap()
        })
        .collect();
    let expect = resample::standard_error(&copies, |value| Some(*value)).unwrap();
    close(error(figures.average_precision), expect, 0.08);
}

#[test]
fn rows_of_one_entity_make_intervals_wider() {
    let rows = Rows::of_fixtures();
    // Each row four times: as one entity it tells no more than once, as four rows it seems to tell more.
    let order: Vec<usize> = (0..1500).cycle().take(6000).collect();
    let entities: Vec<String> = order.iter().map(usize::to_string).collect();
    let copied = rows.pick(&order);
    let figures = |judged| evaluate(&judged, &settings()).unwrap().figures;
    let width = |figure: Figure| figure.interval().map(|interval| interval.upper - interval.lower).unwrap();
    let [apart, together] = [figures(copied.judged()), figures(copied.judged().with_entities(&entities).unwrap())];
    close(width(together.auc_resampled), 2.0 * width(apart.auc), 0.2);
    close(width(together.average_precision), 2.0 * width(apart.average_precision), 0.2);
}

#[test]
fn segments_and_months_say_when_they_know_too_little() {
    let mut rows = Rows::of_fixtures();
    for row in 0..30 {
        rows.segments[row] = "new".to_owned();
    }
    let evaluation = evaluate(&rows.judged(), &settings()).unwrap();
    let [new, older, young] = evaluation.segments[0].groups.as_slice() else { panic!("{:?}", evaluation.segments) };
    assert_eq!(
        (new.rows, new.auc, new.average_precision),
        (30, Missing::InsufficientData.into(), Missing::InsufficientData.into())
    );
    assert!(new.mean_score.point().is_some() && new.bad_rate.interval().is_some());
    for group in [older, young] {
        let of_group = |row: &usize| rows.segments[*row] == group.name;
        let some = rows.pick(&(0..1500).filter(of_group).collect::<Vec<_>>());
        close(group.auc.point().unwrap(), auc(&some.scores, &some.labels).unwrap(), 1e-12);
        close(group.average_precision.point().unwrap(), average_precision(&some.scores, &some.labels).unwrap(), 1e-12);
    }
    let months: Vec<&str> = evaluation.months.iter().map(|month| month.name.as_str()).collect();
    assert_eq!(months, ["2018-06", "2018-07", "2018-08"]);
    assert_eq!(evaluation.months.iter().map(|month| month.rows).sum::<u64>(), 1500);
}

#[test]
fn cuts_and_reviews_worked_by_hand() {
    let scores = [0.9, 0.8, 0.8, 0.3, 0.2, 0.9];
    let labels = [true, true, false, false, true, false];
    let days = [1, 1, 1, 1, 2, 2];
    let judged = Judged::new(&scores, &labels).unwrap().with_days(&days).unwrap();
    let judged = judged.with_amounts(&[100, 200, 300, 400, 500, 600]).unwrap();
    let evaluation = evaluate(&judged, &Settings { capacity_a_day: 2, ..settings() }).unwrap();
    // Two a day: on the first 0.9 and half of the tie at 0.8, on the second both.
    let Capacity { reviewed, precision, recall, value_detection_rate, .. } = evaluation.capacity;
    assert_eq!((reviewed, precision.point(), recall.point()), (Some(4.0), Some(2.5 / 4.0), Some(2.5 / 3.0)));
    assert_eq!(value_detection_rate.point(), Some(700.0 / 800.0));
    let cut = evaluation.by_score.iter().find(|cut| cut.threshold == 0.8).unwrap();
    assert_eq!((cut.flagged, cut.precision, cut.recall), (4, Some(0.5), Some(2.0 / 3.0)));
    assert_eq!(
        (cut.money_stopped_minor, cut.money_wrongly_stopped_minor, cut.false_positive_ratio),
        (Some(300), Some(900), Some(1.0))
    );
    // A fifth of six rows is two of them, and both score 0.9.
    let cut = evaluation.by_rate.last().unwrap();
    assert_eq!((cut.asked, cut.cut.threshold, cut.cut.flagged), (0.2, 0.9, 2));
    let review = &evaluation.decisions[0].flagging;
    assert_eq!((review.false_positive_ratio.point(), review.value_detection_rate.point()), (Some(1.0), Some(0.375)));
}
