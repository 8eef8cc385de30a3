//! `riskflow train`: from historical events to models in a registry folder, with what was measured of each.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use indicatif::ProgressBar;
use ingest::dead_letter::DeadLetters;
use ingest::{Clock, Duration, SystemClock, Timestamp};
use scoring::registry::Published;
use scoring::{FileRegistry, Registry};
use serde::Serialize;
use training::{Done, Learner, LogSource, Passed, Period, Progress, Request, Source, Split, Vectors};

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
    /// The pipeline file that the models are for
    #[arg(long, value_name = "FILE")]
    pipeline: PathBuf,
    /// Historical events: Parquet or CSV
    #[arg(long, value_name = "FILE", required_unless_present = "from_log", conflicts_with = "from_log")]
    data: Option<PathBuf>,
    /// Learn from the events that were decided, out of the log, which no server may hold: `logged` takes their features from the
    /// decisions, `replayed` computes them again; both give the same
    #[arg(long, value_name = "VECTORS", value_parser = vectors)]
    from_log: Option<Vectors>,
    /// With --from-log: labels that were observed later are not known [default: now]
    #[arg(long, value_name = "TIME", requires = "from_log")]
    as_of: Option<Timestamp>,
    /// With --from-log: events that are older and have no label count as good [default: they are left out]
    #[arg(long, value_name = "LENGTH", requires = "from_log")]
    maturity: Option<Duration>,
    #[command(flatten)]
    config: super::ConfigArgs,
    /// The days to learn from; the second is not part of it
    #[arg(long, value_name = "FROM..UNTIL", value_parser = period)]
    train: Period,
    /// How long it takes until a label is known [default: the pipeline's]
    #[arg(long, value_name = "LENGTH")]
    delay: Option<Duration>,
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
    /// What learns, of logistic, forest, extra_trees, boosting, naive_bayes, svm, isolation [default: logistic,forest,boosting]
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = learner)]
    learners: Vec<Learner>,
    /// Equal seeds give equal models
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Who trains; the model card says so
    #[arg(long, value_name = "NAME", default_value = "riskflow train")]
    by: String,
    /// On how many threads [default: one a core]; the models are the same on any number
    #[arg(long, value_name = "COUNT", value_parser = super::at_least_one)]
    threads: Option<usize>,
    /// Print one JSON object for each learner
    #[arg(long)]
    json: bool,
}

pub(super) fn learner(name: &str) -> Result<Learner, String> {
    let known = Learner::ALL.map(Learner::name);
    Learner::ALL.into_iter().find(|learner| learner.name() == name).ok_or_else(|| format!("there are: {}", known.join(", ")))
}

fn vectors(name: &str) -> Result<Vectors, String> {
    match name {
        "logged" => Ok(Vectors::Logged),
        "replayed" => Ok(Vectors::Replayed),
        _ => Err("there are: logged, replayed".to_owned()),
    }
}

/// `2018-07-25..2018-08-01`.
pub(super) fn period(text: &str) -> Result<Period, String> {
    let (from, until) = text.split_once("..").ok_or_else(|| "write it as 2018-07-25..2018-08-01".to_owned())?;
    let point = |text: &str| text.parse::<Timestamp>().map_err(|error| error.to_string());
    let period = Period { from: point(from)?, until: point(until)? };
    if period.from >= period.until {
        return Err(format!("{from} is not before {until}"));
    }
    Ok(period)
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

/// Runs the command.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    let pipeline = Arc::new(crate::read_pipeline(&args.pipeline)?);
    let delay = super::label_delay(&pipeline, args.delay)?;
    if args.test.from < args.train.until + delay {
        bail!(
            "the test begins on {}, before the labels of the training days are known: they end on {} and the delay is {delay}",
            args.test.from.date(),
            args.train.until.date()
        );
    }
    let training = crate::read_training(args.settings.as_ref().unwrap_or(&args.pipeline), &pipeline)?;
    let registry = FileRegistry::open(&args.out)?;
    let usual = Learner::DEFAULT.to_vec();
    let learners = if args.learners.is_empty() { &usual } else { &args.learners };
    let now = SystemClock.now();
    let from_log = args
        .from_log
        .map(|vectors| -> anyhow::Result<LogSource> {
            let log = crate::open_log(&args.config.load()?)?;
            Ok(LogSource { log, vectors, as_of: args.as_of.unwrap_or(now), maturity: args.maturity })
        })
        .transpose()?;
    let data = match (&from_log, &args.data) {
        (Some(source), _) => Source::Log(source),
        (None, Some(path)) => Source::File(path),
        (None, None) => bail!("give --data or --from-log"),
    };
    let request = Request {
        data,
        pipeline: &pipeline,
        split: Split { train: args.train, test: args.test, known_since: args.known_since.unwrap_or(args.train.from) },
        delay,
        learners,
        training: &training,
        threads: args.threads.unwrap_or_else(super::cores),
        seed: args.seed,
        published: Published { at: now, by: args.by.clone() },
    };
    let bar = output::counter("events");
    let Done { trained, rejected, passed } = training::train(request, &mut |progress| show(&bar, &progress)).await?;
    bar.finish_and_clear();
    if let Some(data) = &args.data {
        set_aside(&args.out.join("dead-letters.jsonl"), data, &rejected)?;
    }
    say(passed);
    let mut rows = Vec::new();
    for trained in &trained {
        let version = registry.publish(&trained.artifact)?;
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
            format!("{} {version}", pipeline.model.name),
            figure(line.auc),
            figure(line.average_precision),
            figure(line.card_precision_100),
            format!("{:.1}", line.fit_seconds),
        ]);
    }
    if !args.json {
        output::table(&["learner", "model", "auc", "average precision", "card precision@100", "fit seconds"], &rows)?;
    }
    Ok(())
}

/// Says what was passed over in the log.
fn say(passed: Passed) {
    let Passed { labels_from_the_future, unlabelled, other_definitions } = passed;
    for (count, what) in [
        (labels_from_the_future, "labels were observed after --as-of and are not known yet"),
        (unlabelled, "events have no label and are left out; --maturity says from which age on they count as good"),
        (other_definitions, "events were decided with other feature definitions and are left out"),
    ] {
        if count > 0 {
            output::message(&format!("{} {what}", output::thousands(count)));
        }
    }
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

/// Rows that are no events: into the dead letters, and said.
pub(crate) fn set_aside(letters: &Path, data: &Path, rejected: &[ingest::decode::Rejected]) -> anyhow::Result<()> {
    let mut dead = DeadLetters::new(letters);
    for rejected in rejected {
        dead.write(&data.display().to_string(), rejected, SystemClock.now()).context("a row could not be set aside")?;
    }
    if dead.count() > 0 {
        output::message(&format!("{} rows of {} are no events: see {}", dead.count(), data.display(), letters.display()));
    }
    Ok(())
}
