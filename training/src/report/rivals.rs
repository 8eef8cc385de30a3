//! The tables on the champion and on disturbed features.

use super::About;
use super::tables::level;
use crate::page::frame::share;
use crate::page::table::{Cell, Column, figure, heading, plain, ranged, row, section};
use crate::page::text::{chance, count, escape, optional, percent, plainly, signed};
use evaluation::{Comparison, Effect, Evaluation, Figure, Mcnemar, Stability, Threshold};

/// The model against the champion.
pub(super) fn comparison(evaluation: &Evaluation, comparison: &Comparison, about: &About) -> String {
    let test = match (comparison.auc.z, comparison.auc.p) {
        (Some(z), Some(p)) => format!("z = {}, {}", signed(z, 2), chance(p)),
        _ => "<span class=\"none\">no difference to test</span>".to_owned(),
    };
    let number = |value: &Figure| figure(value, plainly(value));
    let difference = |value: &Figure| {
        let plain = plainly(value);
        figure(value, move |number| plus(number, plain(number)))
    };
    let (own, other) = (&evaluation.figures, comparison);
    let auc = [number(&own.auc), number(&other.champion_auc), difference(&other.auc.difference), test.into()];
    let precision = [
        number(&own.average_precision),
        number(&other.champion_average_precision),
        difference(&other.average_precision),
        "<small>over the same resamples</small>".to_owned().into(),
    ];
    let columns =
        [plain(""), ranged(&escape(&about.model)), ranged(&escape(about.champion_name())), ranged("difference"), plain("test")];
    let flips = comparison.flips.iter().map(|flips| {
        let Threshold { name, at } = &flips.threshold;
        let title = format!("{} <small>from {}: rows that only one of the two decides rightly</small>", escape(name), share(*at));
        let (all, bad, good) = (&flips.all, &flips.bad, &flips.good);
        heading(&title, &columns)
            + &split("all rows", all)
            + &split("bad rows, caught", bad)
            + &split("good rows, let pass", good)
    });
    let body: String = [row("AUC", auc), row("average precision", precision)].into_iter().chain(flips).collect();
    let text = format!(
        "{} Small numbers are {} intervals; McNemar&#39;s mid-p says whether a split could be chance.",
        verdict(comparison),
        level(evaluation)
    );
    section(&format!("Against {}", escape(about.champion_name())), &text, &columns, &body)
}

/// With a plus before it where a number is above zero.
fn plus(number: f64, text: String) -> String {
    if number > 0.0 { format!("+{text}") } else { text }
}

fn verdict(comparison: &Comparison) -> &'static str {
    let Some(ends) = comparison.auc.difference.interval() else { return "Which of the two ranks better cannot be told." };
    match (ends.lower > 0.0, ends.upper < 0.0) {
        (true, _) => "The model ranks better than the champion: the interval of the difference lies above zero.",
        (_, true) => "The model ranks worse than the champion: the interval of the difference lies below zero.",
        _ => "The two rank alike as far as these rows tell: the interval of the difference holds zero.",
    }
}

fn split(name: &str, test: &Mcnemar) -> String {
    let difference = test.model_only as f64 - test.champion_only as f64;
    let alone = |text: String| Cell::Ranged(text, String::new());
    let cells = [alone(count(test.model_only)), alone(count(test.champion_only)), alone(plus(difference, signed(difference, 0)))];
    row(name, cells.into_iter().chain([chance(test.mid_p).into()]))
}

/// What disturbed features do.
pub(super) fn stability(stability: &Stability) -> String {
    let Stability { rows, noise, features, all_noisy, hurts_most, .. } = stability;
    let most = match hurts_most {
        Some(name) => format!("The model depends most on {}.", escape(name)),
        None => "No missing feature changes a score.".to_owned(),
    };
    let widest = features.iter().map(|feature| feature.missing.mean_change).fold(0.0, f64::max);
    let nothing = || std::iter::repeat_with(|| String::new().into()).take(4);
    let mut body = row("all features", cells(all_noisy).into_iter().chain(nothing()));
    for feature in features {
        let bar = match widest > 0.0 {
            true => format!("<i class=\"size\" style=\"width:{:.0}px\"></i>", 110.0 * feature.missing.mean_change / widest),
            false => String::new(),
        };
        let name = match hurts_most.as_ref() == Some(&feature.name) {
            true => format!("<b>{}</b>", escape(&feature.name)),
            false => escape(&feature.name),
        };
        body += &row(&name, cells(&feature.noisy).into_iter().chain(cells(&feature.missing)).chain([bar.into()]));
    }
    let text = format!(
        "What is lost on {} rows when a feature is off by {} (normal noise) or not there at all: \
         in AUC, in average precision, and as the mean change of a score. {most}",
        count(*rows),
        share(*noise)
    );
    let columns: [Column; 8] =
        ["feature", "noisy: AUC lost", "precision lost", "change", "missing: AUC lost", "precision lost", "change", ""]
            .map(plain);
    section("Stability", &text, &columns, &body)
}

fn cells(effect: &Effect) -> [Cell; 3] {
    let lost = |lost: Option<f64>| optional(lost, |lost| signed(lost, 4));
    [lost(effect.auc_lost), lost(effect.average_precision_lost), percent(effect.mean_change)].map(Cell::Plain)
}

/// Whether scores are true, in numbers.
pub(super) fn calibration(evaluation: &Evaluation) -> String {
    let calibration = &evaluation.calibration;
    let number = |value: &Figure| figure(value, plainly(value));
    let line = |name: &str, cell: Cell, right: &str| row(name, [cell, format!("<small>{right}</small>").into()]);
    let test = calibration.hosmer_lemeshow.map(|test| {
        let cell = Cell::Ranged(signed(test.statistic, 1), chance(test.p));
        line("Hosmer and Lemeshow", cell, &format!("about {}, its bins", test.freedom))
    });
    let body = [
        line("calibration error", figure(&calibration.error, percent), "0 %"),
        line("slope", number(&calibration.slope), "1; less is too extreme"),
        line("intercept", number(&calibration.intercept), "0; less is too high"),
        line("observed over predicted", number(&calibration.observed_to_predicted), "1; less is too high"),
        test.unwrap_or_default(),
    ];
    let text = "Whether a score is the probability it says; slope and intercept are those of the logistic recalibration. \
                On very many rows the last test finds differences that nobody minds.";
    section("Calibration in numbers", text, &[plain(""), ranged("here"), plain("right is")], &body.concat())
}
