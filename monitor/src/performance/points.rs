//! Live figures as rows of the table of metric points: a day of events at a time, so that computing it again when more labels have come
//! puts the new figures in place of the old ones.

use evaluation::Figure;
use ingest::Timestamp;

use super::{Cohort, Performance};
use crate::error::Error;
use crate::points::{MetricPoint, write};
use crate::tables::Window;
use crate::warehouse::Warehouse;

/// The series that these points are of.
pub const SERIES: &str = "performance";

/// Writes the figures of every day. Blocks on the disk or the network.
pub fn write_points(warehouse: &dyn Warehouse, model: &str, performance: &Performance) -> Result<(), Error> {
    performance.days.iter().try_for_each(|day| {
        let start: Timestamp = day.name.parse().expect("a day is written as it is read");
        write(warehouse, SERIES, Window::Day, start, &points(model, day))
    })
}

/// The points of a day: figures of what is judged, and those that are expected, marked as estimates.
fn points(model: &str, day: &Cohort) -> Vec<MetricPoint> {
    let Cohort { flagging, scores, expected, .. } = day;
    let known = [
        ("approval_rate", day.approval_rate),
        ("accuracy", flagging.accuracy),
        ("precision", flagging.precision),
        ("recall", flagging.recall),
        ("f1", flagging.f1),
        ("false_positive_rate", flagging.false_positive_rate),
        ("false_positive_ratio", flagging.false_positive_ratio),
        ("alerts_per_bad", day.alerts_per_bad),
        ("value_detection_rate", flagging.value_detection_rate),
        ("money_stopped_minor", flagging.money_stopped_minor),
        ("money_wrongly_stopped_minor", flagging.money_wrongly_stopped_minor),
        ("auc", scores.figures.auc),
        ("average_precision", scores.figures.average_precision),
        ("ks", scores.figures.ks),
        ("gini", scores.figures.gini),
        ("brier", scores.figures.brier),
        ("calibration_error", scores.figures.calibration_error),
        ("bad_in_the_end", day.bad_in_the_end),
    ];
    let review = expected.decisions.first();
    let guessed = [
        ("auc", Some(expected.auc)),
        ("average_precision", Some(expected.average_precision)),
        ("brier", Some(expected.brier)),
        ("precision", review.map(|decision| decision.precision)),
        ("recall", review.map(|decision| decision.recall)),
    ];
    let point = |metric: &str, figure: Figure, estimated: bool| MetricPoint {
        model: model.to_owned(),
        model_version: None,
        segment: String::new(),
        metric: metric.to_owned(),
        value: figure.point(),
        low: figure.interval().map(|interval| interval.lower),
        high: figure.interval().map(|interval| interval.upper),
        n: if estimated { expected.rows } else { day.outcomes.judged() },
        bad: day.outcomes.bad,
        maturity: day.maturity.point(),
        estimated,
        detail: match figure {
            Figure::Missing { missing } => serde_json::json!({ "missing": missing }).to_string(),
            Figure::Known(_) => "{}".to_owned(),
        },
    };
    let known = known.into_iter().map(|(metric, figure)| point(metric, figure, false));
    known.chain(guessed.into_iter().filter_map(|(metric, figure)| Some(point(metric, figure?, true)))).collect()
}
