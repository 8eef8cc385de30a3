//! What the commands share that learn from events or judge by them: which pipeline, where the events are, and what was set aside.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use ingest::dead_letter::DeadLetters;
use ingest::decode::Rejected;
use ingest::{Clock, Duration, SystemClock, Timestamp};
use scoring::Pipeline;
use training::{Examples, Learner, LogSource, Passed, Period, Source, Training, Vectors};

use crate::output;

/// The pipeline, and where its events are.
#[derive(Clone, Debug, clap::Args)]
pub struct HistoryArgs {
    /// The pipeline file
    #[arg(long, value_name = "FILE")]
    pipeline: PathBuf,
    /// Historical events: Parquet or CSV
    #[arg(long, value_name = "FILE", required_unless_present = "from_log", conflicts_with = "from_log")]
    data: Option<PathBuf>,
    /// Take the events that were decided, out of the log, which no server may hold: `logged` takes their features from the
    /// decisions, `replayed` computes them again; both give the same
    #[arg(long, value_name = "VECTORS", value_parser = vectors)]
    from_log: Option<Vectors>,
    /// With --from-log: labels that were observed later are not known [default: now]
    #[arg(long, value_name = "TIME", requires = "from_log")]
    as_of: Option<Timestamp>,
    /// With --from-log: events that are older and have no label count as good [default: they are left out]
    #[arg(long, value_name = "LENGTH", requires = "from_log")]
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
        let (source, name) = match (&self.data, self.from_log) {
            (Some(path), None) => (Source::File(path.clone()), path.display().to_string()),
            (None, Some(vectors)) => {
                let log = crate::open_log(&self.config.load()?)?;
                let source = LogSource { log, vectors, as_of: self.as_of.unwrap_or(now), maturity: self.maturity };
                (Source::Log(source), "the log".to_owned())
            }
            _ => bail!("give --data or --from-log"),
        };
        Ok(History { pipeline, training, delay, source, now, name })
    }
}

impl History {
    /// The examples of a period.
    pub(super) async fn examples(&self, period: Period) -> anyhow::Result<Examples> {
        let bar = output::counter("events");
        let read = &mut |events| bar.set_position(events);
        let examples = self.source.examples(&self.pipeline, &self.training, period, self.delay, read).await?;
        bar.finish_and_clear();
        say(examples.passed);
        Ok(examples)
    }

    /// Rows that are no events: into the dead letters, and said.
    pub(super) fn set_aside(&self, letters: &Path, rejected: &[Rejected]) -> anyhow::Result<()> {
        let mut dead = DeadLetters::new(letters);
        for rejected in rejected {
            dead.write(&self.name, rejected, SystemClock.now()).context("a row could not be set aside")?;
        }
        if dead.count() > 0 {
            output::message(&format!("{} rows of {} are no events: see {}", dead.count(), self.name, letters.display()));
        }
        Ok(())
    }
}

/// Says what was passed over in the log.
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
fn label_delay(pipeline: &Pipeline, given: Option<Duration>) -> anyhow::Result<Duration> {
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
