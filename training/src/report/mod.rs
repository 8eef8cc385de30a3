//! One page that says how good a model is: no script, no asset from elsewhere, light or dark as the reader prefers. It is written
//! for people who decide whether a model goes live, so every chart and table says in a sentence how to read it.

mod charts;
mod rivals;
mod tables;

use crate::page;
use crate::page::text::{count, escape, percent, plainly, range};
use evaluation::{Evaluation, Figure, Method};
use ingest::Currency;

/// What the page says of the model besides its evaluation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The model's name.
    pub model: String,
    /// Its version.
    pub version: String,
    /// What learned it: `gradient boosting, 400 trees`.
    pub learner: String,
    /// Which data it is judged on.
    pub data: String,
    /// From when until when that is.
    pub period: String,
    /// The champion's name, if there is one.
    pub champion: Option<String>,
    /// What money is in, if there is any.
    pub currency: Option<Currency>,
    /// How many rows are in other currencies, so that their money is in no figure.
    pub other_currency: u64,
}

impl About {
    fn champion_name(&self) -> &str {
        self.champion.as_deref().unwrap_or("champion")
    }

    fn with_currency(&self, name: &str) -> String {
        self.currency.map_or_else(|| name.to_owned(), |currency| format!("{name}, {currency}"))
    }

    fn minor_digits(&self) -> u32 {
        self.currency.unwrap_or_default().minor_digits()
    }

    /// What is said of rows whose money is left out.
    fn left_out(&self) -> String {
        match self.other_currency {
            0 => String::new(),
            rows => format!(" Rows in other currencies, which are not in the money: {}.", count(rows)),
        }
    }
}

/// The page. Equal evaluations give equal pages.
pub fn html(evaluation: &Evaluation, about: &About) -> String {
    let comparison = evaluation.comparison.as_ref().map(|comparison| rivals::comparison(evaluation, comparison, about));
    let stability = evaluation.stability.as_ref().map(rivals::stability);
    let pair = |left: String, right: String| format!("<div class=\"pair\">\n{left}{right}</div>\n");
    let title = format!("{} {}", escape(&about.model), escape(&about.version));
    let main = [
        headline(evaluation),
        comparison.unwrap_or_default(),
        charts::charts(evaluation, &about.model, about.champion_name()),
        pair(tables::decisions(evaluation, about), rivals::calibration(evaluation)),
        tables::thresholds(evaluation, about),
        tables::segments(evaluation),
        tables::fairness(evaluation),
        stability.unwrap_or_default(),
        footer(evaluation),
    ];
    page::html(&format!("{title}: evaluation"), &header(evaluation, about), &main.concat())
}

fn header(evaluation: &Evaluation, about: &About) -> String {
    let bad_rate = evaluation.bad as f64 / evaluation.rows.max(1) as f64;
    let facts = [
        ("Learner", escape(&about.learner)),
        ("Data", escape(&about.data)),
        ("Period", escape(&about.period)),
        ("Rows", count(evaluation.rows)),
        ("Bad rows", format!("{} <small>{}</small>", count(evaluation.bad), percent(bad_rate))),
        ("Entities", evaluation.entities.map(count).unwrap_or_default()),
    ];
    let name = format!("{} <small>{}</small>", escape(&about.model), escape(&about.version));
    page::header(&name, "Evaluation", &facts)
}

fn headline(evaluation: &Evaluation) -> String {
    let (figures, capacity) = (&evaluation.figures, &evaluation.capacity);
    let reviews = format!("{} reviews a day", count(capacity.a_day));
    let tiles = [
        tile("AUC", "1 ranks all rightly, 0.5 is chance", &figures.auc, plainly(&figures.auc)),
        tile("Average precision", "against the bad rate", &figures.average_precision, plainly(&figures.average_precision)),
        tile("KS", "widest gap of bad and good", &figures.ks, plainly(&figures.ks)),
        tile("Gini", "2 AUC \u{2212} 1", &figures.gini, plainly(&figures.gini)),
        tile("Brier", "lower is better", &figures.brier, plainly(&figures.brier)),
        tile("Log-loss", "nats, lower is better", &figures.log_loss, plainly(&figures.log_loss)),
        tile("Calibration error", "0 % is true", &figures.calibration_error, percent),
        tile("Precision", &reviews, &capacity.precision, percent),
        tile("Recall", &reviews, &capacity.recall, percent),
        tile(&format!("Card precision@{}", capacity.a_day), "mean of days", &capacity.card_precision, percent),
    ];
    format!("<dl class=\"figures\">{}</dl>\n", tiles.concat())
}

fn tile(name: &str, hint: &str, figure: &Figure, text: impl Fn(f64) -> String) -> String {
    let shown = match figure {
        Figure::Missing { missing } => format!("<dd class=\"none\">{missing}</dd><dd class=\"note\">{hint}</dd>"),
        Figure::Known(estimate) => {
            let note = estimate.interval.map(|at| format!("{} <span>{}</span>", range(&at, &text), method(at.method)));
            format!("<dd>{}</dd><dd class=\"note\">{}<br>{hint}</dd>", text(estimate.point), note.unwrap_or_default())
        }
    };
    format!("<div><dt>{name}</dt>{shown}</div>")
}

const fn method(method: Method) -> &'static str {
    match method {
        Method::Delong => "DeLong",
        Method::Wilson => "Wilson",
        Method::Bootstrap => "resampled",
        Method::Days => "by days",
        Method::Likelihood => "Wald",
        Method::Katz => "Katz",
        Method::Newcombe => "Newcombe",
        Method::Sequential => "at every look",
        Method::Expected => "expected",
        Method::Greenwood => "Greenwood",
    }
}

/// Where the intervals come from.
fn footer(evaluation: &Evaluation) -> String {
    let settings = &evaluation.settings;
    let drawn = if evaluation.entities.is_some() { "entities, drawn whole" } else { "rows" };
    let clustered = match (evaluation.entities, evaluation.figures.auc_resampled.interval()) {
        (Some(_), Some(at)) => format!(
            " DeLong, of one model, and Wilson take rows as independent; over resampled entities the AUC lies from {}.",
            range(&at, plainly(&evaluation.figures.auc_resampled))
        ),
        _ => " DeLong and Wilson take rows as independent.".to_owned(),
    };
    format!(
        "<footer>Intervals hold {} confidence: DeLong for AUC and Gini, Wilson for shares, and otherwise \
         the standard error over {} resamples of {drawn} (seed {}).{clustered}</footer>\n",
        tables::level(evaluation),
        count(settings.rounds as u64),
        settings.seed
    )
}

#[cfg(test)]
mod tests;
