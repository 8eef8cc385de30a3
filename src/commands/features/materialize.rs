//! `riskflow features materialize`: history in, vectors out, point in time, by the engine that serves live.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use features::offline::Columns;
use features::replay::Vector;
use features::{Plan, Replay};
use ingest::dead_letter::DeadLetters;
use ingest::decode::file;
use ingest::{Clock, Duration, Label, SystemClock, Timestamp};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde::Serialize;
use training::{Files, Labels, SetAside};

use crate::output;

/// Compute the features of historical events as of each event's own time, into a Parquet file
///
/// Events are sorted by time; where that is equal they keep the order of their files and rows. Labels in a column of the data are known after the pipeline's delay; with --labels they are
/// known when they were observed. Rows that are no events, and events of the future, go to a file beside the output.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Example:\n  riskflow features materialize --pipeline pipelines/card_fraud_handbook.toml --data transactions.parquet \\\n    --out features.parquet --from 2018-07-25 --to 2018-08-01"
)]
pub(super) struct Args {
    /// The pipeline file
    #[arg(long, value_name = "FILE")]
    pipeline: PathBuf,
    /// Events: Parquet, CSV or JSON, as files, folders and Hive-partitioned folders
    #[arg(long, value_name = "PATHS", num_args = 1.., required = true)]
    data: Vec<PathBuf>,
    /// The Parquet file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Labels with event_id, label and observed_at (Parquet or CSV) instead of the data's own
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Write only events from this time on; earlier ones fill the windows
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Read only events before this time
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Materialized {
    file: String,
    rows: u64,
    features: usize,
    version: String,
    events: u64,
    duplicates: u64,
    late: u64,
    too_late: u64,
    rejected: u64,
    labels: u64,
    seconds: f64,
}

/// Rows that gather before they are written.
const BATCH: usize = 65_536;

/// Runs the command.
pub(super) async fn run(args: &Args) -> anyhow::Result<()> {
    let pipeline = crate::read_pipeline(&args.pipeline)?;
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from >= to
    {
        bail!("--from {from} is not before --to {to}");
    }
    let started = std::time::Instant::now();
    let mut schema = pipeline.schema.clone();
    if args.labels.is_some() {
        // Labels come from elsewhere, so that the data's own are not looked for.
        schema.label = None;
    }
    let delay = schema.label.as_ref().map_or(Duration::ZERO, |label| label.delay);
    let files = Files::find(&args.data)?;
    let context = training::history::context()?;
    let mut history = training::history::open(&context, &files, &schema, args.to).await?;
    let mut labels = match &args.labels {
        Some(path) => Some(Due { labels: Labels::open(&context, path).await?, read: Vec::new().into_iter().peekable() }),
        None => None,
    };
    let mut out = Out::create(&args.out, &pipeline.plan)?;
    let letters = args.out.with_extension("rejected.jsonl");
    let mut dead = DeadLetters::new(&letters);
    let bar = output::bar("events", total(&files, &schema));
    let mut replay = Replay::new(Arc::clone(&pipeline.plan), delay);
    let now = SystemClock.now();
    let set_aside =
        |dead: &mut DeadLetters, SetAside { file, rejected }: SetAside| dead.write(&file.display().to_string(), &rejected, now);
    while let Some(chunk) = history.next().await? {
        history.rejected().into_iter().try_for_each(|rejected| set_aside(&mut dead, rejected))?;
        bar.inc(chunk.len() as u64);
        for past in chunk {
            if pipeline.skew(&past.historical.event, now).is_some() {
                let field = Some(schema.event_time.column.clone());
                set_aside(&mut dead, history.set_aside(&past, field, "lies in the future"))?;
                continue;
            }
            if let Some(labels) = &mut labels {
                labels.until(past.historical.event.occurred_at, &mut replay).await?;
            }
            let mut written = Ok(());
            replay.next(past.historical, |vector| {
                if args.from.is_none_or(|from| vector.event.occurred_at >= from) {
                    written = out.push(&vector);
                }
            });
            written?;
        }
    }
    // Where nothing else was.
    history.rejected().into_iter().try_for_each(|rejected| set_aside(&mut dead, rejected))?;
    bar.finish_and_clear();
    let rows = out.finish()?;
    let counts = replay.counts();
    let materialized = Materialized {
        file: args.out.display().to_string(),
        rows,
        features: pipeline.plan.width(),
        version: pipeline.plan.version().to_owned(),
        events: counts.events,
        duplicates: counts.duplicates,
        late: counts.late,
        too_late: counts.too_late,
        rejected: dead.count(),
        labels: counts.labels,
        seconds: started.elapsed().as_secs_f64(),
    };
    if dead.count() > 0 {
        output::message(&format!("{} rows are no events: see {}", dead.count(), letters.display()));
    }
    if args.json {
        return output::json_line(&materialized);
    }
    let (rows, features) = (output::thousands(rows), materialized.features);
    output::text_line(&format!("{}: {rows} rows of {features} features in {:.1} s", materialized.file, materialized.seconds))
}

/// How many rows the data has, where Parquet says so.
fn total(files: &Files, schema: &ingest::Schema) -> u64 {
    files.iter().filter_map(|file| file::open_part(&file.path, &file.partition, schema).ok()?.total()).sum()
}

/// Labels that were read and are not due yet.
struct Due {
    labels: Labels,
    read: std::iter::Peekable<std::vec::IntoIter<Label>>,
}

impl Due {
    /// Hands over what was observed by `now`.
    async fn until(&mut self, now: Timestamp, replay: &mut Replay) -> anyhow::Result<()> {
        loop {
            while let Some(label) = self.read.next_if(|label| label.observed_at <= now) {
                replay.label(&label);
            }
            if self.read.peek().is_some() {
                return Ok(());
            }
            match self.labels.next().await? {
                Some(more) => self.read = more.into_iter().peekable(),
                None => return Ok(()),
            }
        }
    }
}

/// A file under another name than its own, which goes unless it gets that.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Once it was renamed there is none.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The file that is written: under another name until it is whole.
struct Out {
    path: PathBuf,
    unfinished: Unfinished,
    writer: ArrowWriter<File>,
    columns: Columns,
    rows: u64,
}

impl Out {
    fn create(path: &Path, plan: &Plan) -> anyhow::Result<Self> {
        let unfinished = Unfinished(path.with_extension("unfinished"));
        let file = File::create(&unfinished.0).with_context(|| format!("cannot create {}", unfinished.0.display()))?;
        let columns = Columns::new(plan);
        let compression = Compression::ZSTD(ZstdLevel::try_new(1).expect("a level that exists"));
        let properties =
            WriterProperties::builder().set_compression(compression).set_max_row_group_row_count(Some(BATCH * 2)).build();
        let writer = ArrowWriter::try_new(file, columns.schema(), Some(properties))?;
        Ok(Self { path: path.to_owned(), unfinished, writer, columns, rows: 0 })
    }

    fn push(&mut self, vector: &Vector<'_>) -> anyhow::Result<()> {
        self.columns.push(vector);
        self.rows += 1;
        if self.columns.len() < BATCH { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        self.writer.write(&self.columns.finish()).with_context(|| format!("cannot write {}", self.unfinished.0.display()))
    }

    fn finish(mut self) -> anyhow::Result<u64> {
        self.flush()?;
        let file = self.writer.into_inner().with_context(|| format!("cannot write {}", self.unfinished.0.display()))?;
        file.sync_all().with_context(|| format!("cannot write {}", self.unfinished.0.display()))?;
        std::fs::rename(&self.unfinished.0, &self.path).with_context(|| format!("cannot write {}", self.path.display()))?;
        Ok(self.rows)
    }
}
