//! What the commands share that learn from events or judge by them: which pipeline, where the events are, and what was set aside.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use ingest::dead_letter::DeadLetters;
use ingest::{Clock, Duration, SystemClock, Timestamp};
use scoring::Pipeline;
use training::dataset::Unlabelled;
use training::{Examples, Files, Learner, LogSource, Passed, Period, SetAside, Source, Training, Vectors, WarehouseSource};

use crate::config::Location;
use crate::output;

/// The pipeline, and where its events are.
#[derive(Clone, Debug, clap::Args)]
pub struct HistoryArgs {
    /// The pipeline file
    #[arg(long, value_name = "FILE")]
    pipeline: PathBuf,
    /// Historical events: Parquet, CSV or JSON, as files, folders and Hive-partitioned folders
    #[arg(long, value_name = "PATHS", num_args = 1.., required_unless_present = "decided", conflicts_with = "decided")]
    data: Vec<PathBuf>,
    /// Take the events that were decided, out of the log, which a server may be writing: `logged` takes their features from the
    /// decisions, `replayed` computes them again; both give the same
    #[arg(long, value_name = "VECTORS", value_parser = vectors, group = "decided")]
    from_log: Option<Vectors>,
    /// Take the events that were decided, with the features of their decisions, out of the warehouse: the configured one, or the one at
    /// a parquet:// location. A server may hold it
    #[arg(long, value_name = "URL", num_args = 0..=1, require_equals = true, group = "decided")]
    from_warehouse: Option<Option<String>>,
    /// With --from-log and --from-warehouse: labels that were observed later are not known [default: now]
    #[arg(long, value_name = "TIME", requires = "decided")]
    as_of: Option<Timestamp>,
    /// With --from-log and --from-warehouse: events that are older and have no label count as good [default: they are left out]
    #[arg(long, value_name = "LENGTH", requires = "decided")]
    maturity: Option<Duration>,
    /// How long it takes until a label is known [default: the pipeline's]
    #[arg(long, value_name = "LENGTH")]
    delay: Option<Duration>,
    #[command(flatten)]
    config: super::ConfigArgs,
}

/// What the arguments name, read and opened.
pub(super) struct History {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) training: Training,
    /// How long it takes until a label is known.
    pub(super) delay: Duration,
    pub(super) source: Source,
    /// When it was opened.
    pub(super) now: Timestamp,
    /// What the events are in, for a person.
    pub(super) name: String,
}

impl HistoryArgs {
    /// Reads the pipeline and opens the source. `settings` is a file whose `[training]` goes in place of the pipeline's.
    pub(super) fn open(&self, settings: Option<&Path>) -> anyhow::Result<History> {
        let pipeline = Arc::new(crate::read_pipeline(&self.pipeline)?);
        let training = crate::read_training(settings.unwrap_or(&self.pipeline), &pipeline)?;
        let delay = label_delay(&pipeline, self.delay)?;
        let now = SystemClock.now();
        let (as_of, maturity) = (self.as_of.unwrap_or(now), self.maturity);
        let (source, name) = match (self.from_log, &self.from_warehouse) {
            (Some(vectors), _) => {
                let log = crate::read_log(&self.config.load()?)?;
                (Source::Log(LogSource { log, vectors, as_of, maturity }), "the log".to_owned())
            }
            (None, Some(url)) => {
                let config = self.config.load()?;
                let given = url.clone().map(Location::try_from).transpose().map_err(anyhow::Error::msg)?;
                let folder = given.unwrap_or(config.warehouse.url).folder("warehouse", "parquet", &config.data)?;
                (Source::Warehouse(WarehouseSource { folder, as_of, maturity }), "the warehouse".to_owned())
            }
            (None, None) => (Source::Files(Files::find(&self.data)?), names(&self.data)),
        };
        Ok(History { pipeline, training, delay, source, now, name })
    }
}

impl History {
    /// The examples of a period.
    pub(super) async fn examples(&self, period: Period) -> anyhow::Result<Examples> {
        let bar = output::counter("events");
        let read = &mut |events| bar.set_position(events);
        let examples =
            self.source.examples(&self.pipeline, &self.training, period, self.delay, Unlabelled::LeftOut, read).await?;
        bar.finish_and_clear();
        say(examples.passed);
        Ok(examples)
    }

    /// Rows that are no events: into the dead letters, and said.
    pub(super) fn set_aside(&self, letters: &Path, rejected: &[SetAside]) -> anyhow::Result<()> {
        let mut dead = DeadLetters::new(letters);
        for SetAside { file, rejected } in rejected {
            dead.write(&file.display().to_string(), rejected, SystemClock.now()).context("a row could not be set aside")?;
        }
        if dead.count() > 0 {
            output::message(&format!("{} rows of {} are no events: see {}", dead.count(), self.name, letters.display()));
        }
        Ok(())
    }
}

/// Paths for a person.
pub(super) fn names(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Says what was passed over in the log or the warehouse.
pub(super) fn say(passed: Passed) {
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

/// How long it takes until a label is known: as given, or as the pipeline says.
pub(super) fn label_delay(pipeline: &Pipeline, given: Option<Duration>) -> anyhow::Result<Duration> {
    let said = pipeline.schema.label.as_ref().map(|label| label.delay);
    given.or(said).with_context(|| format!("pipeline {} names no label column: set `label` in [event]", pipeline.name))
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
