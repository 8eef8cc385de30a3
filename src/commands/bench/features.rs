//! `riskflow bench features`: what an event costs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};
use features::snapshot::{Header, Reader};
use features::{Engine, Plan, Snapshots};
use hdrhistogram::Histogram;
use ingest::decode::{Historical, file};
use ingest::log::Position;
use ingest::{Duration, Event, EventId, Label, LabelSource, Timestamp};
use scoring::Pipeline;
use serde::Serialize;

use super::cpu_seconds;
use crate::output;

/// Measure the feature engine on historical events: events a core-second, latency, memory, snapshots, recovery
///
/// One thread. Events are decoded first and in chunks, which is not counted; bad labels come after the pipeline's delay, as chargebacks
/// do, and are counted. Latencies are of single events, each with its two readings of the clock. Recovery is that of a made-up state
/// of --keys keys.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Example:\n  riskflow bench features --pipeline pipelines/card_fraud_handbook.toml --data transactions.parquet --json"
)]
pub(super) struct Args {
    /// The pipeline file
    #[arg(long, value_name = "FILE", default_value = "pipelines/card_fraud_handbook.toml")]
    pipeline: PathBuf,
    /// Events in the order of time: .parquet, .csv, .jsonl, .ndjson or .json
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Use only so many of the first events
    #[arg(long, value_name = "COUNT")]
    events: Option<usize>,
    /// How many keys the state has whose recovery is timed
    #[arg(long, value_name = "COUNT", default_value_t = 1_000_000)]
    keys: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Measured {
    events: u64,
    labels: u64,
    events_per_core_second: f64,
    p50_us: f64,
    p99_us: f64,
    p999_us: f64,
    bytes_per_key: f64,
    keys: u64,
    entities: Vec<Kept>,
    snapshot_mb_per_second: f64,
    recovery_seconds_per_million_keys: f64,
    recovered_keys: u64,
}

#[derive(Serialize)]
struct Kept {
    entity: String,
    keys: u64,
    bytes_per_key: f64,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let pipeline = crate::read_pipeline(&args.pipeline)?;
    let events = args.events.unwrap_or(usize::MAX);
    let (engine, throughput) = throughput(&pipeline, args, events)?;
    let latency = latency(&pipeline, args, events)?;
    let usage = engine.usage();
    let entities: Vec<_> = usage.iter().filter(|usage| usage.what != "labels" && usage.keys > 0).collect();
    let keys: u64 = entities.iter().map(|usage| usage.keys).sum();
    let bytes: u64 = entities.iter().map(|usage| usage.bytes).sum();
    let recovery = recovery(&pipeline, args.keys)?;
    let micros = |quantile: f64| latency.value_at_quantile(quantile) as f64 / 1e3;
    let measured = Measured {
        events: throughput.events,
        labels: throughput.labels,
        events_per_core_second: throughput.events as f64 / throughput.seconds,
        p50_us: micros(0.5),
        p99_us: micros(0.99),
        p999_us: micros(0.999),
        bytes_per_key: bytes as f64 / keys.max(1) as f64,
        keys,
        entities: (entities.iter())
            .map(|usage| Kept {
                entity: usage.what.clone(),
                keys: usage.keys,
                bytes_per_key: usage.bytes as f64 / usage.keys as f64,
            })
            .collect(),
        snapshot_mb_per_second: recovery.snapshot_bytes as f64 / 1e6 / recovery.snapshot_seconds,
        recovery_seconds_per_million_keys: recovery.seconds * 1e6 / recovery.keys as f64,
        recovered_keys: recovery.keys,
    };
    if args.json {
        return output::json_line(&measured);
    }
    let lines = [
        ("events", output::thousands(measured.events)),
        ("events a core-second", output::thousands(measured.events_per_core_second as u64)),
        ("p50, p99, p99.9 of an event", format!("{:.2}, {:.2}, {:.2} us", measured.p50_us, measured.p99_us, measured.p999_us)),
        ("bytes a key", format!("{:.0}", measured.bytes_per_key)),
        ("snapshot", format!("{:.0} MB/s", measured.snapshot_mb_per_second)),
        ("recovery of a million keys", format!("{:.2} s", measured.recovery_seconds_per_million_keys)),
    ];
    lines.iter().try_for_each(|(what, figure)| output::text_line(&format!("{what:<28} {figure}")))
}

/// Events and the bad labels that are due, chunk by chunk.
struct Stream {
    rows: file::Rows,
    delay: Duration,
    due: std::collections::VecDeque<Label>,
    left: usize,
}

impl Stream {
    fn open(pipeline: &Pipeline, args: &Args, events: usize) -> anyhow::Result<Self> {
        let rows = file::open(&args.data, &pipeline.schema)?;
        let delay = pipeline.schema.label.as_ref().map_or(Duration::ZERO, |label| label.delay);
        Ok(Self { rows, delay, due: std::collections::VecDeque::new(), left: events })
    }

    /// The next events; rows that are none are passed over.
    fn next(&mut self) -> anyhow::Result<Option<Vec<Event>>> {
        let Some(chunk) = self.rows.next().filter(|_| self.left > 0) else { return Ok(None) };
        let mut events = Vec::new();
        for Historical { event, label } in chunk?.into_iter().flatten().take(self.left) {
            if let Some(label) = label.filter(|label| label.is_bad()) {
                self.due.push_back(Label {
                    event_id: event.event_id.clone(),
                    label,
                    source: LabelSource::Chargeback,
                    category: None,
                    observed_at: event.occurred_at + self.delay,
                    amount_minor: None,
                });
            }
            events.push(event);
        }
        self.left -= events.len();
        Ok(Some(events))
    }

    /// The next label that is known by `now`.
    fn label(&mut self, now: Timestamp) -> Option<Label> {
        self.due.pop_front_if(|label| label.observed_at <= now)
    }
}

/// So many events are copied before they are applied: one that comes through the door is warm, one of a file's chunk is not.
const WARM: usize = 512;

struct Throughput {
    events: u64,
    labels: u64,
    seconds: f64,
}

fn throughput(pipeline: &Pipeline, args: &Args, events: usize) -> anyhow::Result<(Engine, Throughput)> {
    let mut stream = Stream::open(pipeline, args, events)?;
    let mut engine = Engine::new(Arc::clone(&pipeline.plan));
    let mut measured = Throughput { events: 0, labels: 0, seconds: 0.0 };
    let mut sum = 0.0;
    while let Some(events) = stream.next()? {
        for events in events.chunks(WARM) {
            let events = events.to_vec();
            let started = cpu_seconds();
            let mut rest = events.as_slice();
            while let Some(first) = rest.first() {
                while let Some(label) = stream.label(first.occurred_at) {
                    engine.learn(&label);
                    measured.labels += 1;
                }
                // Up to the event before which the next label is due.
                let due = stream.due.front().map(|label| label.observed_at);
                let until = due.map_or(rest.len(), |due| rest.partition_point(|event| event.occurred_at < due)).max(1);
                let (now, later) = rest.split_at(until);
                let numbered = now.iter().zip(measured.events..).map(|(event, position)| (event, Position(position)));
                engine.apply_all(numbered, |_, _, vector| sum += vector[vector.len() - 1]);
                measured.events += now.len() as u64;
                rest = later;
            }
            measured.seconds += cpu_seconds() - started;
        }
    }
    if measured.events == 0 {
        bail!("{} has no events", args.data.display());
    }
    // Somebody has to look at the vectors.
    std::hint::black_box(sum);
    Ok((engine, measured))
}

fn latency(pipeline: &Pipeline, args: &Args, events: usize) -> anyhow::Result<Histogram<u64>> {
    let mut stream = Stream::open(pipeline, args, events)?;
    let mut engine = Engine::new(Arc::clone(&pipeline.plan));
    let mut nanoseconds = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds fit");
    let (mut vector, mut position) = (Vec::new(), 0);
    while let Some(events) = stream.next()? {
        for event in &events {
            while let Some(label) = stream.label(event.occurred_at) {
                engine.learn(&label);
            }
            let started = Instant::now();
            engine.apply(event, Position(position), &mut vector);
            nanoseconds.saturating_record(u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX));
            position += 1;
        }
    }
    Ok(nanoseconds)
}

struct Recovery {
    keys: u64,
    snapshot_bytes: u64,
    snapshot_seconds: f64,
    seconds: f64,
}

/// A state of about `keys` keys, with eight events each, to a file and back.
fn recovery(pipeline: &Pipeline, keys: u64) -> anyhow::Result<Recovery> {
    let plan = &pipeline.plan;
    let mut engine = filled(plan, &pipeline.schema, keys);
    let found =
        |engine: &Engine| engine.usage().iter().filter(|usage| usage.what != "labels").map(|usage| usage.keys).sum::<u64>();
    let keys = found(&engine);
    if keys == 0 {
        bail!("the pipeline keeps nothing by key");
    }
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let snapshots = Snapshots::open(folder.path())?;
    let header = Header { definitions: plan.version().to_owned(), position: Position(keys), last_record: 0 };
    let started = Instant::now();
    let snapshot_bytes = snapshots.write(&header, |out| engine.save(out))?;
    let snapshot_seconds = started.elapsed().as_secs_f64();
    let path = snapshots.list()?.into_iter().next().context("the snapshot was just written")?;
    engine = Engine::new(Arc::clone(plan));
    drop(engine);
    let started = Instant::now();
    let mut reader = Reader::open(&path, plan.version())?;
    engine = Engine::load(Arc::clone(plan), &mut reader)?;
    reader.finish()?;
    let seconds = started.elapsed().as_secs_f64();
    if found(&engine) != keys {
        bail!("{} of {keys} keys came back", found(&engine));
    }
    Ok(Recovery { keys, snapshot_bytes, snapshot_seconds, seconds })
}

fn filled(plan: &Arc<Plan>, schema: &ingest::Schema, keys: u64) -> Engine {
    const EVENTS: u64 = 8;
    let mut engine = Engine::new(Arc::clone(plan));
    let entities = schema.entities.len().max(1) as u64;
    let each = (keys / entities).max(1);
    let mut vector = Vec::new();
    for number in 0..each * EVENTS {
        let event = Event {
            event_id: EventId::new(&number.to_string()).expect("short"),
            occurred_at: Timestamp::from_micros(1_500_000_000_000_000 + number as i64 * 1_000),
            amount: schema.amount_minor.as_ref().and_then(|_| ingest::Amount::new(1_000, schema.default_currency)),
            entities: schema.entities.iter().map(|_| Some((number % each).to_string().into())).collect(),
            attributes: vec![None; schema.attributes.len()],
            supersedes: None,
        };
        engine.apply(&event, Position(number), &mut vector);
    }
    engine
}
