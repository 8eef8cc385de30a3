//! `riskflow evaluate`: how good a model of the registry is on events whose outcome is known, as figures and as a page.

use std::path::{Path, PathBuf};

use anyhow::Context;
use evaluation::{Estimate, Evaluation, Feature, Figure, Judged, Settings, Threshold, evaluate, stability};
use ingest::{Currency, Timestamp};
use scoring::Model;
use scoring::model::network::Missing;
use scoring::model::probability_at;
use scoring::{Artifact, FileRegistry, LoadedModel, Pipeline, Registry};
use serde::Serialize;
use training::dataset::Rows;
use training::report::{About, html};
use training::{Period, Training};

use super::history::{History, HistoryArgs, period};
use crate::output;

/// Judge a model of the registry on events whose outcome is known
///
/// Every figure has its interval: ranking, calibration, what decisions come to in rows and in money, by segment and by month, fairness,
/// stability, and whether the model beats another. Written as evaluation.json and as a page, evaluation.html.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Example:\n  riskflow evaluate --pipeline pipelines/card_fraud_handbook.toml --models models --version 3 --against 1 \\\n    --data transactions.parquet --test 2018-08-08..2018-08-15 --out evaluation"
)]
pub struct Args {
    #[command(flatten)]
    history: HistoryArgs,
    /// The registry folder
    #[arg(long, value_name = "DIR")]
    models: PathBuf,
    /// The version that is judged
    #[arg(long)]
    version: u32,
    /// The version that it is compared with, on the same rows
    #[arg(long, value_name = "VERSION")]
    against: Option<u32>,
    /// The days to judge on; the second is not part of it
    #[arg(long, value_name = "FROM..UNTIL", value_parser = period)]
    test: Period,
    /// Leave entities out that are known by then to have been compromised since this day [default: the first day of the model's training]
    #[arg(long, value_name = "DAY")]
    known_since: Option<Timestamp>,
    /// How many events, and how many entities, people can look at in a day
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    capacity: usize,
    /// The folder for evaluation.json and evaluation.html
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Equal seeds give equal intervals
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print the whole evaluation as one JSON object
    #[arg(long)]
    json: bool,
}

/// Rows that stability is measured on, at most: it scores them again for every feature.
const STABILITY_ROWS: usize = 20_000;

/// Runs the command.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    let history = args.history.open(None)?;
    let pipeline = &history.pipeline;
    let registry = FileRegistry::open(&args.models)?;
    let load = |version: u32| -> anyhow::Result<LoadedModel> {
        Ok(LoadedModel::new(registry.load(&pipeline.model.name, version)?, version, pipeline)?)
    };
    let model = load(args.version)?;
    let rival = args.against.map(load).transpose()?;
    let trained_on = model.artifact.about.trained_on;
    if args.test.from < trained_on.1 {
        let (from, until) = (args.test.from.date(), trained_on.1.date());
        output::message(&format!("the model has learned from events up to {until}: the figures from {from} on flatter it"));
    }
    let known_since = args.known_since.unwrap_or(if model.artifact.about.rows == 0 { args.test.from } else { trained_on.0 });

    let whole = Period { from: known_since.min(args.test.from), until: args.test.until };
    let examples = history.examples(whole).await?;
    let rows = examples.judged(args.test, known_since).await?;
    let bar = output::counter("evaluating");
    let how = How { capacity: args.capacity, seed: args.seed, threads: super::cores() };
    let evaluation = judge(&how, pipeline, &history.training, &rows, &model, rival.as_ref())?;
    bar.finish_and_clear();

    std::fs::create_dir_all(&args.out).with_context(|| format!("cannot create {}", args.out.display()))?;
    history.set_aside(&args.out.join("dead-letters.jsonl"), &examples.rejected)?;
    let about = about(args, &history, &model.artifact, &rows);
    write(&args.out, &evaluation, &about)?;
    if args.json { output::json_line(&Told::new(&evaluation, &about)) } else { print(&evaluation, &args.out) }
}

/// An evaluation as JSON tells it.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    evaluation: &'a Evaluation,
    /// What money is in; `null` where rows move none.
    currency: Option<Currency>,
    /// How many rows are in other currencies, so that their money is in no figure.
    other_currency: u64,
}

impl<'a> Told<'a> {
    fn new(evaluation: &'a Evaluation, about: &About) -> Self {
        Self { evaluation, currency: about.currency, other_currency: about.other_currency }
    }
}

/// Writes evaluation.json and evaluation.html into a folder that is there.
pub(super) fn write(out: &Path, evaluation: &Evaluation, about: &About) -> anyhow::Result<()> {
    let write = |name: &str, text: &str| {
        let path = out.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    write("evaluation.json", &serde_json::to_string(&Told::new(evaluation, about))?)?;
    write("evaluation.html", &html(evaluation, about))
}

/// How a model is judged.
pub(super) struct How {
    /// How many events, and how many entities, people can look at in a day.
    pub(super) capacity: usize,
    /// Equal seeds give equal intervals.
    pub(super) seed: u64,
    /// On how many threads; the figures are the same on any number.
    pub(super) threads: usize,
}

/// Everything that is measured of a model on rows whose outcome is known.
pub(super) fn judge(
    how: &How,
    pipeline: &Pipeline,
    training: &Training,
    rows: &Rows,
    model: &LoadedModel,
    rival: Option<&LoadedModel>,
) -> anyhow::Result<Evaluation> {
    let columns = rows.matrix.columns();
    let scores = model.probabilities(columns);
    let rival_scores = rival.map(|rival| rival.probabilities(columns));
    let mut judged = Judged::new(&scores, rows.matrix.labels())?.with_days(&rows.days)?.with_entities(&rows.entities)?;
    if let Some(amounts) = &rows.amounts_minor {
        judged = judged.with_amounts(amounts)?;
    }
    let values = |name: &String| &rows.attributes.iter().find(|(known, _)| known == name).expect("checked with the pipeline").1;
    for name in &training.segments {
        judged = judged.with_segment(name, values(name))?;
    }
    for (name, values) in &rows.segments {
        judged = judged.with_segment(name, values)?;
    }
    for name in &training.protected {
        judged = judged.with_protected(name, values(name))?;
    }
    if let Some(scores) = &rival_scores {
        judged = judged.with_champion(scores)?;
    }
    let thresholds = pipeline.policy.thresholds();
    let threshold = |name: &str, score: u16| Threshold { name: name.to_owned(), at: probability_at(score) };
    let settings = Settings {
        thresholds: vec![threshold("review", thresholds.review), threshold("decline", thresholds.decline)],
        capacity_a_day: how.capacity,
        seed: how.seed,
        threads: how.threads,
        ..Settings::default()
    };
    let mut evaluation = evaluate(&judged, &settings)?;
    if let Model::Network(network) = &model.artifact.scorer.model
        && network.missing.contains(&Missing::Refused)
    {
        output::message(
            "the network gives no score where a feature is missing: how stable it is has not been measured (see `model import --missing`)",
        );
        return Ok(evaluation);
    }
    let every = rows.matrix.rows().div_ceil(STABILITY_ROWS);
    let sample = rows.matrix.select(&(0..rows.matrix.rows()).step_by(every).collect::<Vec<_>>());
    let features: Vec<Feature<'_>> =
        sample.names().iter().zip(sample.columns()).map(|(name, values)| Feature { name, values }).collect();
    evaluation.stability = Some(stability(&features, sample.labels(), |values| model.probability(values), &settings)?);
    Ok(evaluation)
}

fn about(args: &Args, history: &History, artifact: &Artifact, rows: &Rows) -> About {
    let Artifact { about, .. } = artifact;
    About {
        model: about.name.clone(),
        version: args.version.to_string(),
        learner: about.learner.clone(),
        data: history.name.clone(),
        period: format!("{} to {}", args.test.from.date(), args.test.until.date()),
        champion: args.against.map(|version| format!("{} {version}", about.name)),
        currency: currency(&history.pipeline),
        other_currency: other_currency(rows),
    }
}

/// What the money of a pipeline's events is told in, if they move any.
pub(super) fn currency(pipeline: &Pipeline) -> Option<Currency> {
    pipeline.schema.amount_minor.as_ref().map(|_| pipeline.schema.default_currency)
}

/// How many rows are in other currencies.
pub(super) fn other_currency(rows: &Rows) -> u64 {
    rows.other_currency.iter().filter(|is_other| **is_other).count() as u64
}

fn print(evaluation: &Evaluation, out: &Path) -> anyhow::Result<()> {
    let cells = |figure: &Figure| match figure {
        Figure::Known(Estimate { point, interval }) => {
            let between = interval
                .as_ref()
                .map_or_else(|| "-".to_owned(), |interval| format!("{:.4} to {:.4}", interval.lower, interval.upper));
            [format!("{point:.4}"), between]
        }
        Figure::Missing { missing } => ["-".to_owned(), missing.to_string()],
    };
    let figures = &evaluation.figures;
    let mut rows: Vec<Vec<String>> = [
        ("area under the curve", &figures.auc),
        ("average precision", &figures.average_precision),
        ("KS", &figures.ks),
        ("Gini", &figures.gini),
        ("Brier", &figures.brier),
        ("log-loss", &figures.log_loss),
        ("calibration error", &figures.calibration_error),
    ]
    .map(|(name, figure)| [[name.to_owned()].as_slice(), &cells(figure)].concat())
    .to_vec();
    if let Some(comparison) = &evaluation.comparison {
        let [difference, between] = cells(&comparison.auc.difference);
        let p = comparison.auc.p.map_or_else(String::new, |p| format!(", p {p:.3}"));
        rows.push(vec!["AUC less the other's".to_owned(), difference, between + &p]);
    }
    output::table(&["", "figure", &format!("{:.0} % interval", evaluation.settings.level * 100.0)], &rows)?;
    output::text_line(&format!(
        "{} events, {} bad; all of it in {}",
        output::thousands(evaluation.rows),
        output::thousands(evaluation.bad),
        out.join("evaluation.html").display()
    ))
}
