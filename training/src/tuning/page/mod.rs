//! One page that draws a search: how it went, what each setting did, and what was chosen. It says the same as the history, for people who
//! decide whether to go on searching, and where.

mod charts;
mod tables;
mod trials;

use super::{Finalist, Objective, Outcome, Search, Value};
use crate::page;
use crate::page::text::{count, escape, optional, signed};
use evaluation::metrics::Metrics;
use trials::Trials;

/// What the page says besides the trials.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct About {
    /// The model that is searched for: `card_fraud`.
    pub model: String,
    /// What learns.
    pub learner: String,
    /// Where the events come from.
    pub data: String,
    /// The days that trials are judged on.
    pub validated_on: String,
    /// The days that the best trial alone was judged on, if there are any.
    pub tested_on: Option<String>,
    /// Means over the folds of those days.
    pub test: Option<Metrics>,
}

/// The page. `finalists` come best first; equal results give equal pages. Nothing is drawn of a search without a finalist but its trials.
pub fn html(search: &Search, outcomes: &[Outcome], finalists: &[Finalist], about: &About) -> String {
    let trials = Trials::new(search, outcomes, finalists);
    let name = format!("{} <small>{}</small>", escape(&about.model), escape(&about.learner));
    let facts = [
        ("Learner", escape(&about.learner)),
        ("Data", escape(&about.data)),
        ("Validated on", escape(&about.validated_on)),
        ("Tested on", about.tested_on.as_deref().map(escape).unwrap_or_default()),
        ("Folds", search.folds.to_string()),
        ("Objective", search.objective.title().to_owned()),
        ("Seed", search.seed.to_string()),
    ];
    let main = [
        headline(&trials, about),
        "<section class=\"charts\">\n".to_owned(),
        charts::progress(&trials),
        charts::rungs(&trials),
        search.space.iter().map(|dimension| charts::setting(&trials, dimension)).collect(),
        "</section>\n".to_owned(),
        tables::chosen(&trials),
        tables::finalists(&trials),
        footer(&trials),
    ];
    let title = format!("{}: search for settings", escape(&about.model));
    page::html(&title, &page::header(&name, "Search for settings", &facts), &main.concat())
}

fn headline(trials: &Trials<'_>, about: &About) -> String {
    let tile = |name: &str, value: String, note: String| {
        format!("<div><dt>{name}</dt><dd>{value}</dd><dd class=\"note\">{note}</dd></div>")
    };
    let three = |value: Option<f64>| optional(value, |value| signed(value, 4));
    let best = trials.best();
    let validated = Objective::ALL.map(|figure| {
        let mean = best.and_then(|best| best.mean(figure));
        tile(figure.title(), three(mean), "best trial, mean of the folds".to_owned())
    });
    let went_on = format!("{} went on to all folds", count(trials.finalists().len() as u64));
    let hours = |seconds: f64| match seconds {
        short if short < 100.0 => format!("{short:.0} s"),
        middle if middle < 6_000.0 => format!("{:.0} min", middle / 60.0),
        long => format!("{:.1} h", long / 3_600.0),
    };
    let mut tiles: Vec<String> = validated.into();
    tiles.push(tile("Trials", count(trials.all().len() as u64), went_on));
    tiles.push(tile("Work", hours(trials.seconds()), "of all trials, one after another".to_owned()));
    if let Some(test) = &about.test {
        let tested = Objective::ALL.map(|figure| {
            tile(&format!("{}, tested", figure.title()), three(figure.known(test)), "on days that chose nothing".to_owned())
        });
        tiles.extend(tested);
        let fell = trials.objective().known(test).zip(best.map(|best| best.figure)).map(|(test, best)| test - best);
        tiles.push(tile("Test less validation", three(fell), format!("in {}", trials.objective().title())));
        tiles.push(tile("Best trial", best.map_or_else(String::new, |best| best.trial.to_string()), "counted from 0".to_owned()));
    }
    format!("<dl class=\"figures\">{}</dl>\n", tiles.concat())
}

fn footer(trials: &Trials<'_>) -> String {
    let rungs: Vec<String> = trials.rungs().iter().map(u32::to_string).collect();
    format!(
        "<footer>Each round suggests nine trials from what was found before. All are tried on the first fold; of each round the better third goes \
         on, until the best have been on all ({} folds). Figures of one fold are not those of another: lines are drawn between means over the \
         same folds only.</footer>\n",
        rungs.join(", ")
    )
}

/// A value, as a page shows it.
fn shown(value: &Value) -> String {
    match value {
        Value::Number(number) => page::frame::plain(*number),
        Value::Word(word) => escape(word),
    }
}

#[cfg(test)]
mod tests;
