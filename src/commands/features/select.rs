//! `riskflow features select`: which features are worth keeping, and why the others are not.

use std::path::PathBuf;

use anyhow::bail;
use training::selection::{Feature, Settings, select};
use training::{Examples, Learner, Matrix, Period, Split, leaks};

use super::super::train::{learner, period};
use crate::output;

/// Judge the features of a pipeline: what each tells of the label, how it keeps over time, and what a model loses without it
///
/// A model learns from the days of --train; all figures are measured on the days of --judge, which it did not see. Features that seem to
/// know the label are named as leaks.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Example:\n  riskflow features select --pipeline pipelines/card_fraud.toml --data transactions.parquet \\\n    --train 2018-05-01..2018-06-01 --judge 2018-06-08..2018-08-01"
)]
pub(super) struct Args {
    /// The pipeline file
    #[arg(long, value_name = "FILE")]
    pipeline: PathBuf,
    /// Historical events: Parquet or CSV
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// The days that the model learns from; the second is not part of it
    #[arg(long, value_name = "FROM..UNTIL", value_parser = period)]
    train: Period,
    /// The days that features are judged on; the second is not part of it
    #[arg(long, value_name = "FROM..UNTIL", value_parser = period)]
    judge: Period,
    /// What learns
    #[arg(long, value_name = "NAME", default_value = "boosting", value_parser = learner)]
    learner: Learner,
    /// Equal seeds give equal figures
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print the whole selection as one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) async fn run(args: &Args) -> anyhow::Result<()> {
    let pipeline = crate::read_pipeline(&args.pipeline)?;
    let training = crate::read_training(&args.pipeline, &pipeline)?;
    let delay = super::super::label_delay(&pipeline, None)?;
    if args.judge.from < args.train.until {
        bail!("the days to judge on begin on {}, before those to learn from end", args.judge.from.date());
    }
    let split = Split { train: args.train, test: args.judge, known_since: args.train.from };
    let bar = output::counter("events");
    let examples = Examples::replay(&args.data, &pipeline, split.whole(), delay, &mut |events| bar.set_position(events)).await?;
    bar.finish_and_clear();
    if let Some(condition) = &training.condition {
        examples.keep_only(condition).await?;
    }
    let (train, judged) = examples.split(&split).await?;
    let threads = super::super::cores();
    for leak in leaks::leaks(&train.matrix, Some(&train.days), &leaks::Settings::default()) {
        output::message(&leak.to_string());
    }
    let model = args.learner.learn(&train.matrix, &training.settings, args.seed, threads)?;
    let scores = |matrix: &Matrix| model.probabilities(matrix.columns());
    let settings = Settings { seed: args.seed, threads, ..Settings::default() };
    let selection = select(&judged.matrix, Some(&judged.days), Some(&scores), &settings)?;
    if args.json {
        return output::json_line(&selection);
    }
    let row = |feature: &Feature| {
        let loss =
            feature.importance.map_or_else(|| "-".to_owned(), |importance| format!("{:+.4}", importance.average_precision.mean));
        vec![
            feature.name.clone(),
            format!("{:.3}", feature.information_value),
            format!("{:.3}", feature.auc),
            feature.stability.as_ref().map_or_else(|| "-".to_owned(), |stability| format!("{:.3}", stability.mean_psi)),
            loss,
            feature.verdict.to_string(),
        ]
    };
    let headings = ["feature", "information value", "auc alone", "mean PSI", "average precision lost", "verdict"];
    output::table(&headings, &selection.features.iter().map(row).collect::<Vec<_>>())
}
