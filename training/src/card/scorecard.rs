//! A scorecard as tables that a person can add up with.

use scoring::model::scorecard::{Characteristic, Entry, Holds};
use scoring::{Scorecard, Scorer};

use super::short;

/// Digits of a bin's ends; all of them are in the artifact.
const DIGITS: usize = 6;

/// The scorecard in Markdown. Where of the good rows only a share was learned from, bad rates are those of all.
pub(super) fn section(scorecard: &Scorecard, scorer: &Scorer, good_share: f64) -> String {
    let features: Vec<String> = scorecard.features.iter().map(feature).collect();
    let entries: Vec<String> = scorecard.features.iter().flat_map(|of| entries(of, good_share)).collect();
    format!(
        "An event gets {:.0} base points and of each feature the points of the bin that it falls into. Their sum is its score before calibration \
         (here: {}), cut off at 0 and at 1000. More points are more risk; below zero stands what lowers it. A bin without rows is one that \
         training did not have.\n\n\
         | feature | information value | points |\n|---|---|---|\n{}\n\n\
         | feature | bin | rows | bad rate | weight of evidence | points |\n|---|---|---|---|---|---|\n{}",
        scorecard.base_points,
        scorer.calibration.name(),
        features.join("\n"),
        entries.join("\n"),
    )
}

fn feature(of: &Characteristic) -> String {
    let points = || of.entries.iter().map(|entry| entry.points);
    let (lowest, highest) = (points().fold(f64::INFINITY, f64::min), points().fold(f64::NEG_INFINITY, f64::max));
    format!("| {} | {:.3} | {} to {} |", of.feature, of.information_value, whole(lowest), whole(highest))
}

fn entries(of: &Characteristic, good_share: f64) -> impl Iterator<Item = String> {
    of.entries.iter().map(move |entry| {
        let Entry { holds, rows, bad_rate, weight_of_evidence, points } = entry;
        let of_all = |rate: f64| rate / (rate + (1.0 - rate) / good_share);
        let bad_rate = bad_rate.map_or_else(|| "-".to_owned(), |rate| format!("{:.2} %", 100.0 * of_all(rate)));
        let weight = format!("{weight_of_evidence:+.3}");
        format!("| {} | {} | {rows} | {bad_rate} | {weight} | {} |", of.feature, bin(*holds), whole(*points))
    })
}

fn bin(holds: Holds) -> String {
    let short = |number: f64| short(number, DIGITS);
    match holds {
        Holds::Missing => "missing".to_owned(),
        Holds::Numbers { above: None, up_to: None } => "any number".to_owned(),
        Holds::Numbers { above: None, up_to: Some(end) } => format!("up to {}", short(end)),
        Holds::Numbers { above: Some(start), up_to: None } => format!("above {}", short(start)),
        Holds::Numbers { above: Some(start), up_to: Some(end) } => format!("above {}, up to {}", short(start), short(end)),
    }
}

/// Whole points with their sign; nothing is plain 0.
fn whole(points: f64) -> String {
    let points = points.round() as i64;
    if points == 0 { "0".to_owned() } else { format!("{points:+}") }
}
