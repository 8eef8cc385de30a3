use proptest::prelude::*;
use serde_json::Value;

use super::{Rows, settings};
use crate::days::Days;
use crate::measures::{Flagged, Measures, Walk};
use crate::metrics::{auc, average_precision};
use crate::ranking::Ranking;
use crate::resample::Resampling;
use crate::{Evaluation, Figure, Lead, Sequential, Settings, contest, evaluate};

/// Rows of few scores, so that there are ties.
fn any_rows() -> impl Strategy<Value = Rows> {
    prop::collection::vec((0..=8_u8, 0..=8_u8, any::<bool>(), 0..1000_i64, 0..4_i32, 0..30_u8), 0..60).prop_map(|rows| Rows {
        scores: rows.iter().map(|row| f64::from(row.0) / 8.0).collect(),
        champion: rows.iter().map(|row| f64::from(row.1) / 8.0).collect(),
        labels: rows.iter().map(|row| row.2).collect(),
        minor: rows.iter().map(|row| row.3).collect(),
        days: rows.iter().map(|row| row.4).collect(),
        entities: rows.iter().map(|row| row.5.to_string()).collect(),
        segments: rows.iter().map(|row| (row.5 % 3).to_string()).collect(),
    })
}

/// Every figure in a JSON text, as its point and the ends of its interval.
fn intervals(value: &Value, found: &mut Vec<[f64; 3]>) {
    match value {
        Value::Object(fields) => {
            let number = |name: &str| fields.get(name).and_then(Value::as_f64);
            if let (Some(point), Some(lower), Some(upper)) = (number("point"), number("lower"), number("upper")) {
                found.push([point, lower, upper]);
            }
            fields.values().for_each(|value| intervals(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| intervals(value, found)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_rows_have_an_evaluation(rows in any_rows(), by_entity in any::<bool>()) {
        let judged = if by_entity { rows.judged().with_entities(&rows.entities).unwrap() } else { rows.judged() };
        let settings = Settings { rounds: 10, least_bad: 3, least_rows: 5, ..settings() };
        let evaluation = evaluate(&judged, &settings).unwrap();
        let value = serde_json::to_value(&evaluation).unwrap();
        // A NaN would be written as null and not come back.
        prop_assert_eq!(&serde_json::from_value::<Evaluation>(value.clone()).unwrap(), &evaluation);
        let mut found = Vec::new();
        intervals(&value, &mut found);
        for [point, lower, upper] in found {
            prop_assert!(lower <= point && point <= upper, "{} is not in {} to {}", point, lower, upper);
        }
        let same = |figure: Figure, expect: Option<f64>| match (figure.point(), expect) {
            (Some(got), Some(expect)) => (got - expect).abs() < 1e-12,
            (got, expect) => got == expect,
        };
        prop_assert!(same(evaluation.figures.auc, auc(&rows.scores, &rows.labels)));
        prop_assert!(same(evaluation.figures.auc_resampled, auc(&rows.scores, &rows.labels)));
        prop_assert!(same(evaluation.figures.average_precision, average_precision(&rows.scores, &rows.labels)));
    }

    #[test]
    fn rows_that_are_there_again_in_an_entity_narrow_no_contest(rows in any_rows(), copies in 2..4_usize) {
        let settings = Settings { rounds: 20, ..settings() };
        let sequential = Sequential { alpha: 0.05, planned: 20, least: 2 };
        let measure = |rows: &Rows| {
            let judged = rows.judged().with_entities(&rows.entities).unwrap();
            contest(&judged, &settings, &sequential, 0.1).unwrap()
        };
        let order: Vec<usize> = (0..rows.scores.len()).flat_map(|row| std::iter::repeat_n(row, copies)).collect();
        let (once, again) = (measure(&rows), measure(&rows.pick(&order)));
        prop_assert_eq!((once.entities, once.bad_entities), (again.entities, again.bad_entities));
        prop_assert!(once.outcomes() == again.outcomes() && once.outcomes() <= once.bad);
        let ends = |lead: &Lead| lead.at_every_look.interval().map(|interval| [interval.lower, interval.upper]);
        for (once, again) in [(&once.auc, &again.auc), (&once.average_precision, &again.average_precision)] {
            match (ends(once), ends(again)) {
                (Some(once), Some(again)) => {
                    // Of a variance that is none rounding leaves some, and more of its root.
                    let is_close = once.iter().zip(again).all(|(once, again)| (once - again).abs() < 1e-6);
                    prop_assert!(is_close, "{:?} {:?}", once, again);
                }
                (once, again) => prop_assert_eq!(once, again),
            }
        }
    }

    #[test]
    fn weighted_rows_measure_as_copied_ones(rows in any_rows(), weights in prop::collection::vec(0..4_u8, 60)) {
        let settings = settings();
        let measure = |rows: &Rows, weights: &[u8]| {
            let judged = rows.judged();
            let ranking = Ranking::new(judged.scores, &judged);
            // A row is drawn by its own number, so that weights mean the same rows.
            let clusters = (0..rows.scores.len() as u32).collect();
            let mut resampling = Resampling::new(&judged, &ranking, &settings);
            resampling.clusters = clusters;
            let days = Days::new(&judged, &ranking, &resampling, 3);
            let thresholds = vec![ranking.groups_from(0.3), ranking.groups_from(0.8)];
            // One bin for each score from the lowest up: the same for both, whatever scores they have.
            let bins: Vec<usize> = (0..=8).rev().map(|score| ranking.groups_from(f64::from(score) / 8.0)).collect();
            Walk::new(&judged, &ranking, &resampling, thresholds, &bins, days.as_ref()).measure(weights)
        };
        let weights = &weights[..rows.scores.len()];
        let copies: Vec<usize> = (0..weights.len()).flat_map(|row| (0..weights[row]).map(move |_| row)).collect();
        let copied = rows.pick(&copies);
        let [weighted, copied] = [measure(&rows, weights), measure(&copied, &vec![1; copies.len()])];
        let flat = |measures: &Measures| {
            let Measures { auc, average_precision, ks, brier, log_loss, calibration_error, flagged, reviewed } = measures.clone();
            let reviewed = reviewed.unwrap();
            let mut all = vec![auc, average_precision, ks, brier, log_loss, calibration_error];
            all.extend([Some(reviewed.rows), reviewed.precision, reviewed.recall, reviewed.value_detected]);
            for Flagged { f1, value_detected, bad_minor, good_minor } in flagged {
                all.extend([f1, value_detected, bad_minor, good_minor]);
            }
            all
        };
        for (got, expect) in flat(&weighted).into_iter().zip(flat(&copied)) {
            prop_assert_eq!(got.is_some(), expect.is_some());
            prop_assert!((got.unwrap_or(0.0) - expect.unwrap_or(0.0)).abs() < 1e-9, "{:?} is not {:?}", got, expect);
        }
    }
}
