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
        "{}\n\n\
         | feature | information value | points |\n|---|---|---|\n{}\n\n\
         | feature | bin | rows | share | bad rate | weight of evidence | points |\n|---|---|---|---|---|---|---|\n{}",
        explained(scorecard, scorer),
        features.join("\n"),
        entries.join("\n"),
    )
}

/// How it is added up, and what the sum means.
fn explained(scorecard: &Scorecard, scorer: &Scorer) -> String {
    let scale = scorecard.scale;
    let sum = "and of each feature the points of the bin that it falls into";
    let unseen = "A bin without rows is one that training did not have.";
    if scale.points_to_double > 0.0 {
        let (base_points, base_odds, to_double) =
            (short(scale.base_points, DIGITS), short(scale.base_odds, DIGITS), scale.points_to_double);
        return format!(
            "An application gets {:.1} base points {sum}. Their sum are its points: {base_points} at odds of {base_odds} good ones for a bad one, and {} \
             more double the odds. More points are less risk; below zero stands what costs points, against the mean of all applications \
             learned from. {unseen}",
            scorecard.base_points,
            short(to_double, DIGITS),
        );
    }
    format!(
        "An event gets {:.1} base points {sum}. Their sum is its score before calibration (here: {}), cut off at 0 and at 1000. More points \
         are more risk; below zero stands what lowers it. {unseen}",
        scorecard.base_points,
        scorer.calibration.name()
    )
}

fn feature(of: &Characteristic) -> String {
    let points = || of.entries.iter().map(|entry| entry.points);
    let (lowest, highest) = (points().fold(f64::INFINITY, f64::min), points().fold(f64::NEG_INFINITY, f64::max));
    format!("| {} | {:.3} | {} to {} |", of.feature, of.information_value, signed(lowest), signed(highest))
}

fn entries(of: &Characteristic, good_share: f64) -> impl Iterator<Item = String> {
    of.entries.iter().map(move |entry| {
        let Entry { holds, rows, share, bad_rate, weight_of_evidence, points } = entry;
        let of_all = |rate: f64| rate / (rate + (1.0 - rate) / good_share);
        let bad_rate = bad_rate.map_or_else(|| "-".to_owned(), |rate| format!("{:.2} %", 100.0 * of_all(rate)));
        let (share, weight) = (100.0 * share, format!("{weight_of_evidence:+.3}"));
        format!("| {} | {} | {rows} | {share:.1} % | {bad_rate} | {weight} | {} |", of.feature, bin(holds), signed(*points))
    })
}

fn bin(holds: &Holds) -> String {
    let short = |number: f64| short(number, DIGITS);
    match holds {
        Holds::Missing => "missing".to_owned(),
        Holds::Word(word) => word.clone(),
        Holds::Special(value) => format!("exactly {}", short(*value)),
        Holds::Numbers { above: None, up_to: None } => "any number".to_owned(),
        Holds::Numbers { above: None, up_to: Some(end) } => format!("up to {}", short(*end)),
        Holds::Numbers { above: Some(start), up_to: None } => format!("above {}", short(*start)),
        Holds::Numbers { above: Some(start), up_to: Some(end) } => format!("above {}, up to {}", short(*start), short(*end)),
    }
}

/// Points to a tenth with their sign; nothing is plain 0.
fn signed(points: f64) -> String {
    let tenths = (points * 10.0).round() / 10.0;
    if tenths == 0.0 { "0".to_owned() } else { format!("{tenths:+}") }
}
