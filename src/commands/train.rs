//! `riskflow train`: from historical events to models in a registry folder, with what was measured of each.

mod report;

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};
use indicatif::ProgressBar;
use ingest::Timestamp;
use scoring::registry::Published;
use scoring::{FileRegistry, Registry};
use serde::Serialize;
use training::{Done, Learner, Period, Progress, Request, Split};

use super::history::{HistoryArgs, learner, period, say};
use crate::output;

/// Train models on historical events and put them into a registry folder
///
/// Features are computed by the engine that serves live, as of each event's own time; labels are known after the delay. Events of
/// entities that were known to be compromised are left out of the test.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Example:\n  riskflow train --pipeline pipelines/card_fraud_handbook.toml --data data/transactions.parquet \\\n    --train 2018-07-25..2018-08-01 --delay 7d --test 2018-08-08..2018-08-15 --out models --json"
)]
pub struct Args {
    #[command(flatten)]
    history: HistoryArgs,
    /// The days to learn from; the second is not part of it
    #[arg(long, value_name = "FROM..UNTIL", value_parser = period)]
    train: Period,
    /// The days to test on; the second is not part of it
    #[arg(long, value_name = "FROM..UNTIL", value_parser = period)]
    test: Period,
    /// Leave entities out of the test that are known by then to have been compromised since this day [default: the first day of --train]
    #[arg(long, value_name = "DAY")]
    known_since: Option<Timestamp>,
    /// A file whose [training] goes in place of the pipeline's, such as the best.toml of `riskflow tune`
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// The registry folder
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What learns, of logistic, scorecard, forest, extra_trees, boosting, naive_bayes, svm, isolation [default: what the pipeline says, or
    /// logistic,forest,boosting]
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = learner)]
    learners: Vec<Learner>,
    /// Learn nothing from fewer bad rows
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    least_bad_rows: u64,
    /// A folder for an evaluation of each model on the test days, as `riskflow evaluate` writes it
    #[arg(long, value_name = "DIR")]
    reports: Option<PathBuf>,
    /// Equal seeds give equal models
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Who trains; the model card says so
    #[arg(long, value_name = "NAME", default_value = "riskflow train")]
    by: String,
    /// On how many threads [default: one a core]; the models are the same on any number
    #[arg(long, value_name = "COUNT", value_parser = super::at_least_one)]
    threads: Option<usize>,
    /// How much memory the data of this process may take, in MiB: beyond it the process ends (Linux) [default: what there is]
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..))]
    memory_mb: Option<u64>,
    /// Print one JSON object for each learner
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    learner: &'a str,
    version: u32,
    auc: Option<f64>,
    average_precision: Option<f64>,
    card_precision_100: Option<f64>,
    fit_seconds: f64,
    train_rows: u64,
    train_bad_rows: u64,
}

/// Ends this process where it wants more memory. Reading what a backtrace needs takes memory too, and where there is none, waits for ever for a
/// lock that it holds itself: with backtraces the program starts itself again without them.
fn limit_memory(mb: u64) -> anyhow::Result<()> {
    const BACKTRACE: &str = "RUST_BACKTRACE";
    if std::env::var_os(BACKTRACE).is_some_and(|wanted| wanted != "0") {
        let mut again = Command::new(std::env::current_exe().context("this program does not know where it lies")?);
        let error = again.args(std::env::args_os().skip(1)).env(BACKTRACE, "0").exec();
        return Err(error).context("it cannot be started without backtraces");
    }
    let bytes = mb.saturating_mul(1 << 20);
    rlimit::setrlimit(rlimit::Resource::DATA, bytes, bytes).context("memory cannot be limited here")
}

/// Runs the command.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    if let Some(mb) = args.memory_mb {
        limit_memory(mb)?;
    }
    let history = args.history.open(args.settings.as_deref())?;
    let delay = history.delay;
    if args.test.from < args.train.until + delay {
        bail!(
            "the test begins on {}, before the labels of the training days are known: they end on {} and the delay is {delay}",
            args.test.from.date(),
            args.train.until.date()
        );
    }
    let registry = FileRegistry::open(&args.out)?;
    let usual = history.training.learners.clone().unwrap_or_else(|| Learner::DEFAULT.to_vec());
    let learners = if args.learners.is_empty() { &usual } else { &args.learners };
    let request = Request {
        data: &history.source,
        pipeline: &history.pipeline,
        split: Split { train: args.train, test: args.test, known_since: args.known_since.unwrap_or(args.train.from) },
        delay,
        learners,
        training: &history.training,
        least_bad_rows: args.least_bad_rows,
        threads: args.threads.unwrap_or_else(super::cores),
        seed: args.seed,
        published: Published { at: history.now, by: args.by.clone() },
    };
    let bar = output::counter("events");
    let Done { trained, rejected, passed, test } = training::train(request, &mut |progress| show(&bar, &progress)).await?;
    bar.finish_and_clear();
    history.set_aside(&args.out.join("dead-letters.jsonl"), &rejected)?;
    say(passed);
    let (mut rows, mut versions) = (Vec::new(), Vec::new());
    for trained in &trained {
        let version = registry.publish(&trained.artifact)?;
        versions.push(version);
        if history.pipeline.credit.is_some() && !trained.artifact.has_points() {
            let learner = trained.learner.name();
            output::message(&format!("{learner} adds up no log-odds, so a pipeline with [credit] takes it for comparison only"));
        }
        let line = Line {
            learner: trained.learner.name(),
            version,
            auc: trained.metrics.auc,
            average_precision: trained.metrics.average_precision,
            card_precision_100: trained.metrics.card_precision_100,
            fit_seconds: trained.fit_seconds,
            train_rows: trained.artifact.about.rows,
            train_bad_rows: trained.artifact.about.bad_rows,
        };
        if args.json {
            output::json_line(&line)?;
        }
        let figure = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
        rows.push(vec![
            line.learner.to_owned(),
            format!("{} {version}", history.pipeline.model.name),
            figure(line.auc),
            figure(line.average_precision),
            figure(line.card_precision_100),
            format!("{:.1}", line.fit_seconds),
        ]);
    }
    if !args.json {
        output::table(&["learner", "model", "auc", "average precision", "card precision@100", "fit seconds"], &rows)?;
    }
    let Some(folder) = &args.reports else { return Ok(()) };
    let report = report::Report { args, history: &history, rows: &test };
    trained.iter().zip(versions).try_for_each(|(trained, version)| report.write(trained, version, folder))
}

fn show(bar: &ProgressBar, progress: &Progress) {
    match progress {
        Progress::Events(events) => bar.set_position(*events),
        Progress::Dataset { train, test } => {
            let (train, test) = (output::thousands(*train as u64), output::thousands(*test as u64));
            bar.println(format!("{train} rows to learn from, {test} to test on"));
        }
        Progress::Fitting(learner) => bar.set_message(learner.name()),
    }
}
