//! The model card: what a model is, what it learned from, what it is for and where it ends, for people who have to sign for it. It says
//! what guidance on model risk (SR 26-2) and the technical file of the EU AI Act (annex IV) ask of a model.

mod scorecard;

use scoring::model::trees::Combine;
use scoring::model::{Calibration, Preparation};
use scoring::profile::{Distribution, Profile};
use scoring::registry::About;
use scoring::{Model, Scorer};
use serde::Deserialize;

use crate::dataset::Split;

/// What only people know: the table `[training.card]` of a pipeline file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Notes {
    /// Who answers for the model.
    pub owner: Option<String>,
    /// What it may be used for.
    pub intended_use: Option<String>,
    /// What it must not be used for, and where it is known to be weak.
    pub limits: Option<String>,
}

/// Digits of figures that say where a feature lies.
const DIGITS: usize = 4;

/// The card of a model in Markdown. Equal models have equal cards.
pub fn write(about: &About, profile: &Profile, scorer: &Scorer, split: &Split, notes: &Notes, by: &str) -> String {
    let said = |note: &Option<String>| note.clone().unwrap_or_else(|| "Not stated.".to_owned());
    [
        format!("# {}: {}\n", about.name, about.learner),
        format!("{}. Trained by {by} with {}.\n", model(scorer), about.program),
        format!("**Owner.** {}\n", said(&notes.owner)),
        format!("## Intended use\n\n{}\n", said(&notes.intended_use)),
        format!("## Limits\n\n{}\n", limits(about, notes)),
        format!("## Data\n\n{}\n", data(about, split)),
        format!("## Figures on the test rows\n\n{}\n", figures(about)),
        format!("## Score\n\n{}\n", score(scorer)),
        points(about, scorer),
        format!("## Features\n\n{}\n", features(about, profile)),
        format!(
            "## Parameters\n\n```json\n{}\n```\n",
            serde_json::to_string_pretty(&about.settings).expect("it was JSON before")
        ),
    ]
    .into_iter()
    .filter(|part| !part.is_empty())
    .collect::<Vec<_>>()
    .join("\n")
}

fn model(scorer: &Scorer) -> String {
    let model = match &scorer.model {
        Model::Linear(linear) => format!("A weighted sum of {} features", linear.weights.len()),
        Model::Network(network) => format!("A neural network over {} features", network.width()),
        Model::Trees(trees) if trees.combine == Combine::PathLength => format!(
            "An isolation forest of {} trees with {} nodes over {} features, which saw no labels: it says how unlike the others an event is",
            trees.roots.len(),
            trees.nodes.len(),
            trees.width
        ),
        Model::Trees(trees) => {
            format!("{} trees with {} nodes over {} features", trees.roots.len(), trees.nodes.len(), trees.width)
        }
    };
    match &scorer.preparation {
        None => model,
        Some(Preparation::Linear(features)) => format!(
            "{model}, which are made of {}: gaps are filled with the median and flagged, and tails are clipped",
            features.len()
        ),
        Some(Preparation::Evidence(_)) => {
            format!("{model}, each cut into bins and replaced by the weight of evidence of its bin")
        }
        Some(Preparation::Encoded(features)) => {
            format!("{model}, which are made of {}: some of them are encoded", features.len())
        }
    }
}

/// The points of a scorecard, for a model that is one.
fn points(about: &About, scorer: &Scorer) -> String {
    let section = |scorecard| format!("## Scorecard\n\n{}\n", scorecard::section(&scorecard, scorer, good_share(about)));
    scorer.scorecard(&about.features, about.points()).map_or_else(String::new, section)
}

fn limits(about: &About, notes: &Notes) -> String {
    let known = format!(
        "It has learned from {} to {} and says nothing of what came into the world after that. A feature outside of its range below is outside \
         of what it has seen.",
        about.trained_on.0.date(),
        about.trained_on.1.date(),
    );
    notes.limits.as_ref().map_or_else(|| known.clone(), |limits| format!("{limits}\n\n{known}"))
}

fn data(about: &About, split: &Split) -> String {
    let delay = about.label_delay.map_or_else(|| "an unknown time".to_owned(), |delay| delay.to_string());
    let share = 100.0 * bad_rate(about.bad_rows, about.rows, good_share(about));
    let rows = [
        format!(
            "| events learned from | {} from {} up to {} |",
            about.rows,
            about.trained_on.0.date(),
            about.trained_on.1.date()
        ),
        format!("| bad ones among them | {} ({share:.2} %) |", about.bad_rows),
        format!("| of the good ones learned from | {} |", sampled(about)),
        format!("| maturity of labels | taken as known {delay} after their event |"),
        format!("| tested on | events from {} up to {} |", split.test.from.date(), split.test.until.date()),
        format!("| left out of the test | entities with a bad event since {} that was known by then |", split.known_since.date()),
        format!("| fingerprint of data, features and period | `{}` |", about.dataset),
        format!("| version of the feature definitions | `{}` |", about.features_version),
    ];
    format!("| | |\n|---|---|\n{}", rows.join("\n"))
}

/// Which share of the good events was learned from.
fn sampled(about: &About) -> String {
    match good_share(about) {
        1.0 => "all".to_owned(),
        share => format!("{} % of them, each for {:.4} events", short(100.0 * share, DIGITS), 1.0 / share),
    }
}

/// The share of the good events that was learned from, above 0 and at most 1.
fn good_share(about: &About) -> f64 {
    about.settings["sample_good"].as_f64().unwrap_or(1.0)
}

/// How often events are bad, where of the good ones only a share is among the rows.
fn bad_rate(bad: u64, rows: u64, good_share: f64) -> f64 {
    let good = rows.saturating_sub(bad) as f64 / good_share;
    if rows == 0 { 0.0 } else { bad as f64 / (bad as f64 + good) }
}

fn figures(about: &About) -> String {
    let rows: Vec<String> =
        about.metrics.iter().map(|(name, value)| format!("| {} | {value:.4} |", name.replace('_', " "))).collect();
    match rows.is_empty() {
        true => "None: the test rows have one label only.".to_owned(),
        false => {
            format!("| | |\n|---|---|\n{}\n\nWith intervals, by segment and by month: `riskflow evaluate`.", rows.join("\n"))
        }
    }
}

fn score(scorer: &Scorer) -> String {
    let is_strangeness = matches!(&scorer.model, Model::Trees(trees) if trees.combine == Combine::PathLength);
    if is_strangeness && scorer.calibration == Calibration::Identity {
        return "From 0 to 1000, from a degree of strangeness in place of a probability: no labels said how often such events are bad. \
                One half, which is 899, is what is not strange; thresholds have to be set by what they let through."
            .to_owned();
    }
    format!(
        "From 0 to 1000: 500 where one event in 101 is bad (odds of 1 : 100), and 60 points more for every doubling of the odds. Calibration: {}, \
         chosen on rows that were not learned from.",
        scorer.calibration.name()
    )
}

fn features(about: &About, profile: &Profile) -> String {
    let row = |(distribution, version): (&Distribution, &String)| {
        let Distribution { name, missing, range, mean, .. } = distribution;
        let range =
            range.map_or_else(|| "-".to_owned(), |(low, high)| format!("{} to {}", short(low, DIGITS), short(high, DIGITS)));
        format!("| {name} | {range} | {} | {missing} | `{version}` |", short(*mean, DIGITS))
    };
    let rows: Vec<String> = profile.features.iter().zip(&about.feature_versions).map(row).collect();
    format!("| feature | range | mean | missing | version |\n|---|---|---|---|---|\n{}", rows.join("\n"))
}

/// A number with so many significant digits; whole ones as they are.
fn short(value: f64, digits: usize) -> String {
    let whole = value.fract() == 0.0 && value.abs() < 1e15;
    if whole {
        format!("{value}")
    } else {
        format!("{}", format!("{value:.*e}", digits - 1).parse::<f64>().expect("a number that was just written"))
    }
}
