//! `riskflow import`: history from a file into the log, so that windows are full when the first live event comes.

use std::path::PathBuf;
use std::sync::Arc;

use indicatif::ProgressBar;
use ingest::dead_letter::DeadLetters;
use ingest::decode::file::Rows;
use ingest::timeline::Timeline;
use ingest::{Clock, Duration, ManualClock, SystemClock};
use scoring::Pipeline;
use serde::Serialize;

use super::ConfigArgs;
use crate::feed::{Feed, Gate};
use crate::output;

/// Import historical events, in the order of time, so that windows are full from the first live event on
///
/// Imported events fill the features and are not decided. Labels in the file are taken when their delay is over. What cannot be
/// decoded goes to dead-letters.jsonl in the data folder, with line, field and reason. Importing a file twice changes nothing.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  riskflow import --pipeline pipelines/card_fraud_handbook.toml --data history.csv")]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// The pipeline file
    #[arg(long, value_name = "FILE")]
    pipeline: PathBuf,
    /// Events in the order of time: .parquet, .csv, .jsonl, .ndjson or .json
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Imported {
    events: u64,
    labels: u64,
    rejected: u64,
    seconds: f64,
}

/// Runs the command.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    let config = args.config.load()?;
    let pipeline = crate::read_pipeline(&args.pipeline)?;
    let delay = pipeline.schema.label.as_ref().map_or(Duration::ZERO, |label| label.delay);
    let rows = ingest::decode::file::open(&args.data, &pipeline.schema)?;
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let riskflow = crate::assemble(&config, pipeline, clock.clone(), &mut |_| {})?;
    let before = riskflow.engine.standing();
    let started = std::time::Instant::now();
    let letters = config.data.join("dead-letters.jsonl");
    let mut dead = DeadLetters::new(&letters);
    let mut feed = Feed::new(Arc::clone(&riskflow.engine), clock).await?;
    let bar = output::bar("rows", rows.total().unwrap_or(0));
    let source = args.data.display().to_string();
    let taken = take(rows, &source, delay, &mut feed, &mut dead, &bar, riskflow.engine.pipeline()).await;
    // Whatever stops it, what came before is kept.
    let flushed = feed.flush_past().await;
    let after = riskflow.engine.standing();
    let stopped = riskflow.stop().await;
    bar.finish_and_clear();
    taken.and(flushed).and(stopped)?;
    let imported = Imported {
        events: after.history - before.history,
        labels: after.labels - before.labels,
        rejected: dead.count(),
        seconds: started.elapsed().as_secs_f64(),
    };
    if args.json {
        output::json_line(&imported)?;
    } else {
        let (events, labels) = (output::thousands(imported.events), output::thousands(imported.labels));
        output::text_line(&format!("{events} events and {labels} labels imported in {:.1} s", imported.seconds))?;
    }
    if after.too_late > before.too_late {
        let count = after.too_late - before.too_late;
        output::message(&format!(
            "{count} events are older than what the log has, by more than the allowed lateness: they fill no window"
        ));
    }
    if dead.count() > 0 {
        output::message(&format!("{} rows of {source} are no events: see {}", dead.count(), letters.display()));
    }
    Ok(())
}

/// Takes rows in their order; those that are no events go to the dead letters.
async fn take(
    rows: Rows,
    source: &str,
    delay: Duration,
    feed: &mut Feed,
    dead: &mut DeadLetters,
    bar: &ProgressBar,
    pipeline: &Pipeline,
) -> anyhow::Result<()> {
    let mut timeline = Timeline::new(delay);
    let mut gate = Gate::new(pipeline, SystemClock.now());
    let mut number = 0;
    let mut known = Vec::new();
    for chunk in rows {
        let chunk = chunk?;
        bar.inc(chunk.len() as u64);
        for row in chunk {
            number += 1;
            match gate.check(row, number)? {
                Err(rejected) => dead.write(source, &rejected, SystemClock.now())?,
                Ok(historical) => {
                    timeline.next(historical, |each| known.push(each));
                    for each in known.drain(..) {
                        feed.past(each).await?;
                    }
                }
            }
        }
    }
    timeline.until(SystemClock.now(), |each| known.push(each));
    for each in known {
        feed.past(each).await?;
    }
    Ok(())
}
