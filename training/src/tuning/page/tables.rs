//! The tables of a search: what was chosen, and the trials that went on to all folds.

use super::super::{Dimension, Finalist, Objective, Range};
use super::shown;
use super::trials::Trials;
use crate::page::frame::plain;
use crate::page::table::{Cell, plain as column, row, section};
use crate::page::text::{escape, optional, signed};

/// So many finalists are listed.
const LISTED: usize = 20;

/// The chosen settings, each in its range.
pub(super) fn chosen(trials: &Trials<'_>) -> String {
    let Some(best) = trials.best() else { return String::new() };
    let line = |dimension: &Dimension| {
        let value = best.settings.get(&dimension.name)?;
        let end = match dimension.range.is_at_an_end(value) {
            true => "<span class=\"wrong\">at an end</span>",
            false => "",
        };
        let cells = [shown(value), searched(&dimension.range), bar(dimension.range.place(value)), end.to_owned()];
        Some(row(&escape(&dimension.name), cells.map(Cell::from)))
    };
    let body: String = trials.search().space.iter().filter_map(line).collect();
    let about = format!(
        "The settings of trial {}, whose mean over all folds is the best: {}. The bar shows where each lies in what was searched.",
        best.trial,
        signed(best.figure, 4)
    );
    section("Chosen settings", &about, &["setting", "chosen", "searched", "", ""].map(column), &body)
}

fn searched(range: &Range) -> String {
    match range {
        Range::Log(low, high) => format!("{} to {}, by doublings", plain(*low), plain(*high)),
        Range::Linear(low, high) => format!("{} to {}", plain(*low), plain(*high)),
        Range::WholeLog(low, high) => format!("{low} to {high}, by doublings"),
        Range::OneOf(values) => values.iter().map(|value| plain(*value)).collect::<Vec<_>>().join(", "),
        Range::Words(words) => escape(&words.join(", ")),
    }
}

/// A range with a dot where the value lies.
fn bar(place: f64) -> String {
    const WIDTH: f64 = 150.0;
    let x = 4.0 + place * (WIDTH - 8.0);
    format!(
        "<svg class=\"interval\" viewBox=\"0 0 {WIDTH} 14\" aria-hidden=\"true\">\
         <line class=\"whisker model\" x1=\"4\" x2=\"{:.0}\" y1=\"7\" y2=\"7\"/><circle class=\"dot mark\" cx=\"{x:.1}\" cy=\"7\" r=\"4\"/></svg>",
        WIDTH - 4.0
    )
}

/// The trials that have been on all folds, the best first.
pub(super) fn finalists(trials: &Trials<'_>) -> String {
    if trials.finalists().is_empty() {
        return String::new();
    }
    let space = &trials.search().space;
    // What is searched for stands first, the others beside it.
    let others: Vec<Objective> = Objective::ALL.into_iter().filter(|figure| *figure != trials.objective()).collect();
    let titles = ["trial", trials.objective().title(), "worst fold"].into_iter().map(str::to_owned);
    let titles = titles.chain(others.iter().map(|other| other.title().to_owned()));
    let columns: Vec<_> =
        titles.chain(space.iter().map(|dimension| escape(&dimension.name))).map(|title| column(&title)).collect();
    let line = |finalist: &Finalist| {
        let worst = finalist.metrics.iter().map(|metrics| trials.objective().of(metrics)).fold(f64::INFINITY, f64::min);
        let other = |other: &Objective| optional(finalist.mean(*other), |value| signed(value, 4));
        let setting = |dimension: &Dimension| finalist.settings.get(&dimension.name).map_or_else(String::new, shown);
        let cells = [format!("<b>{}</b>", signed(finalist.figure, 4)), signed(worst, 4)];
        let cells = cells.into_iter().chain(others.iter().map(other)).chain(space.iter().map(setting));
        row(&finalist.trial.to_string(), cells.map(Cell::from))
    };
    let body: String = trials.finalists().iter().take(LISTED).map(line).collect();
    let rest = trials.finalists().len().saturating_sub(LISTED);
    let more = if rest > 0 { format!(" {rest} more are in the history.") } else { String::new() };
    let about = format!(
        "Means over all folds, the best first. Finalists that differ by less than their folds do are equally good.{more}"
    );
    section("Finalists", &about, &columns, &body)
}
