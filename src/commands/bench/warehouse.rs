//! `riskflow bench warehouse`: how fast decisions get into a warehouse, and how fast its questions are answered.

use std::time::Instant;

use anyhow::{Context, bail};
use ingest::log::record::{encode_event, encode_label};
use ingest::log::{Position, Record, Topic};
use ingest::{Amount, Currency, Event, EventId, Label, LabelSource, Outcome, Schema, Timestamp};
use monitor::projector::FLUSH_ROWS;
use monitor::questions::{self, Days};
use monitor::{Projection, Warehouse};
use scoring::{Decision, EngineMode, FeatureState, Ground, ModelScore, Reasons, Role, Thresholds, TimingsUs, Verdict};
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::output;

/// Measure how fast decisions get into the warehouse, and how fast the page's questions are answered over them
///
/// Made-up events of 90 days, each with its decision (15 features, a score, four stage times), and labels for one in fifty, go as encoded
/// records through the projection, as they do when the log is followed. Then each question is asked of all days and of the last seven,
/// five times after one that warms; the median counts. Prints one JSON object for what was written and one for each question. With
/// --clickhouse the same goes into a ClickHouse server as well; its database must be empty.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  riskflow bench warehouse --rows 10000000")]
pub(super) struct Args {
    /// How many decisions
    #[arg(long, value_name = "COUNT", default_value_t = 1_000_000)]
    rows: u64,
    /// Where the embedded warehouse is made [default: a temporary folder]
    #[arg(long, value_name = "DIR")]
    dir: Option<std::path::PathBuf>,
    /// A ClickHouse server beside it: clickhouse://USER:PASSWORD@HOST:8123/DATABASE
    #[arg(long, value_name = "URL")]
    clickhouse: Option<String>,
}

const DAYS: u64 = 90;
/// 2026-01-01.
const FIRST_DAY: i64 = 20_454;
const ASKED: usize = 5;

#[derive(Serialize)]
struct Written {
    warehouse: &'static str,
    decisions: u64,
    rows: u64,
    seconds: f64,
    decisions_per_second: f64,
    cpu_seconds: f64,
    /// What decoding and gathering took of it.
    projection_seconds: f64,
}

#[derive(Serialize)]
struct Answered {
    warehouse: &'static str,
    question: &'static str,
    days: &'static str,
    rows: usize,
    median_ms: f64,
    longest_ms: f64,
}

/// Runs the command.
pub(super) async fn run(args: &Args) -> anyhow::Result<()> {
    if args.rows < DAYS {
        bail!("give at least {DAYS} rows, one a day");
    }
    let temporary = tempfile::tempdir()?;
    let folder = args.dir.clone().unwrap_or_else(|| temporary.path().join("warehouse"));
    let embedded = monitor::ParquetWarehouse::open(&folder)?;
    measure("parquet", &embedded, args.rows).await?;
    if let Some(url) = &args.clickhouse {
        let address = monitor::warehouse::Address::parse(url, None).map_err(anyhow::Error::msg)?;
        measure("clickhouse", &monitor::ClickHouseWarehouse::open(address, Default::default())?, args.rows).await?;
    }
    Ok(())
}

async fn measure(name: &'static str, warehouse: &dyn Warehouse, rows: u64) -> anyhow::Result<()> {
    if warehouse.reached() != Position(0) {
        bail!("the {name} warehouse is not empty");
    }
    output::json_line(&fill(name, warehouse, rows)?)?;
    let last = Timestamp::start_of_day(FIRST_DAY + DAYS as i64 - 1);
    let week = Days::between(Some(Timestamp::start_of_day(FIRST_DAY + DAYS as i64 - 7)), Some(last));
    for (days, range) in [("all", Days::ALL), ("last 7", week)] {
        for question in QUESTIONS {
            output::json_line(&ask(name, warehouse, question, days, range, rows).await?)?;
        }
    }
    Ok(())
}

fn fill(name: &'static str, warehouse: &dyn Warehouse, rows: u64) -> anyhow::Result<Written> {
    let mut made = Made::new(rows);
    let mut projection = Projection::at(Position(0));
    let bar = output::bar("decisions", rows);
    let (mut seconds, mut cpu_seconds, mut projection_seconds, mut written) = (0.0, 0.0, 0.0, 0);
    while made.number < rows {
        // What is encoded beforehand is not measured: the log had it.
        let count = (FLUSH_ROWS as u64 / 3).min(rows - made.number);
        let records: Vec<Record> = (0..count).flat_map(|_| made.next()).collect();
        let (began, cpu) = (Instant::now(), super::process_cpu_seconds());
        records.iter().try_for_each(|record| projection.take(record, &made.schema))?;
        let projected = projection.finish();
        projection_seconds += began.elapsed().as_secs_f64();
        warehouse.append(&projected)?;
        seconds += began.elapsed().as_secs_f64();
        cpu_seconds += super::process_cpu_seconds() - cpu;
        written += projected.row_count() as u64;
        bar.set_position(made.number);
    }
    bar.finish_and_clear();
    let decisions_per_second = rows as f64 / seconds;
    Ok(Written {
        warehouse: name,
        decisions: rows,
        rows: written,
        seconds,
        decisions_per_second,
        cpu_seconds,
        projection_seconds,
    })
}

const QUESTIONS: [&str; 8] =
    ["volume", "decision_mix", "score_distribution", "latency", "latency_overall", "detection", "newest", "decision"];

async fn ask(
    name: &'static str,
    warehouse: &dyn Warehouse,
    question: &'static str,
    days: &'static str,
    range: Days,
    rows: u64,
) -> anyhow::Result<Answered> {
    let (mut times, mut count) = (Vec::new(), 0);
    for turn in 0..=ASKED {
        let began = Instant::now();
        count = match question {
            "volume" => questions::volume(warehouse, range, Currency::default()).await?.len(),
            "decision_mix" => questions::decision_mix(warehouse, range).await?.len(),
            "score_distribution" => questions::score_distribution(warehouse, range).await?.len(),
            "latency" => questions::latency(warehouse, range).await?.len(),
            "latency_overall" => questions::latency_overall(warehouse, range).await?.iter().count(),
            "detection" => questions::detection(warehouse, range, Currency::default()).await?.len(),
            "newest" => questions::newest(warehouse, range, questions::Wanted::default(), None, 100).await?.len(),
            _ => {
                let id = event_id(rows / 3 + turn as u64)?;
                questions::decision(warehouse, id).await?.iter().count()
            }
        };
        if turn > 0 {
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
    }
    if count == 0 {
        bail!("the {name} warehouse answers the question {question} with nothing");
    }
    times.sort_by(f64::total_cmp);
    Ok(Answered { warehouse: name, question, days, rows: count, median_ms: times[ASKED / 2], longest_ms: times[ASKED - 1] })
}

/// Made-up records, in the order of a log: an event, its decision, and labels of events of two weeks before.
struct Made {
    schema: Schema,
    rows: u64,
    number: u64,
    position: u64,
}

impl Made {
    fn new(rows: u64) -> Self {
        let schema = toml::from_str(
            "type = \"card_payment\"\nevent_id = {}\nevent_time = {}\namount_minor = {}\n[entities]\ncard = {}\nterminal = {}\n[attributes]\nchannel = { type = \"text\" }",
        );
        let schema = schema.expect("the schema is part of the program");
        Self { schema, rows, number: 0, position: 0 }
    }

    /// When the event of a number happened: evenly over the days.
    fn time(&self, number: u64) -> Timestamp {
        let micros = u128::from(number) * u128::from(DAYS) * 86_400_000_000 / u128::from(self.rows);
        Timestamp::start_of_day(FIRST_DAY) + ingest::Duration::from_micros(i64::try_from(micros).expect("90 days"))
    }

    fn record(&mut self, topic: Topic, payload: Vec<u8>) -> Record {
        let position = Position(self.position);
        self.position += 1;
        Record { position, topic, payload }
    }

    fn next(&mut self) -> Vec<Record> {
        let number = self.number;
        self.number += 1;
        let at = self.time(number);
        let chance = draw(number, 0, 1_000_000) as f64 / 1e6;
        let amount_minor = 100 + (chance * 50_000.0) as i64;
        let event = Event {
            event_id: event_id(number).expect("a short number"),
            occurred_at: at,
            amount: Amount::new(amount_minor, Currency::default()),
            entities: vec![
                Some(format!("card_{}", draw(number, 1, 50_000)).into()),
                Some(format!("terminal_{}", draw(number, 2, 5_000)).into()),
            ],
            attributes: vec![Some(ingest::Value::Text("ecom".into()))],
            supersedes: None,
        };
        let event_position = Position(self.position);
        let payload = encode_event(&event, at, &self.schema);
        let mut records = vec![self.record(Topic::Event, payload)];
        let payload = Self::decision(number, event_position, at, amount_minor, chance * chance * chance).encode();
        records.push(self.record(Topic::Decision, payload));
        let age = self.rows * 14 / DAYS;
        if number.is_multiple_of(50) && number >= age {
            let label = Label {
                event_id: event_id(number - age).expect("a short number"),
                label: if number.is_multiple_of(500) { Outcome::Fraud } else { Outcome::Legit },
                source: LabelSource::Chargeback,
                category: None,
                observed_at: at,
                amount_minor: None,
            };
            let payload = encode_label(&label, at);
            records.push(self.record(Topic::Label, payload));
        }
        records
    }

    fn decision(number: u64, event_position: Position, at: Timestamp, amount_minor: i64, probability: f64) -> Decision {
        let score = scoring::model::score(probability);
        Decision {
            event_id: event_id(number).expect("a short number"),
            event_position,
            occurred_at: at,
            received_at: at,
            decided_at: at,
            amount_minor: Some(amount_minor),
            decision: match score {
                900.. => Verdict::Decline,
                800.. => Verdict::Review,
                _ => Verdict::Approve,
            },
            score: Some(score),
            champion: Some(ModelScore {
                name: "card_fraud".to_owned(),
                version: 7,
                role: Role::Champion,
                raw_probability: probability,
                probability,
            }),
            thresholds: Thresholds { review: 800, decline: 900 },
            // As features are: an amount, flags and small counts, means, and what is missing now and then.
            vector: (0..15)
                .map(|feature| match feature {
                    0 => amount_minor as f64 / 100.0,
                    1..=3 => draw(number, feature, 2) as f64,
                    4..=8 => draw(number, feature, 30) as f64,
                    9 if draw(number, 100, 10) == 0 => f64::NAN,
                    _ => draw(number, feature, 50_000) as f64 / (1 + draw(number, 100 + feature, 30)) as f64,
                })
                .collect(),
            features_version: "0123456789abcdef".to_owned(),
            reasons: Vec::new(),
            reasons_wanted: Reasons::Needed,
            engine_mode: EngineMode::Normal,
            timings_us: TimingsUs { queue: 5 + draw(number, 3, 60) as u32, features: 2, model: 3, policy: 1 },
            feature_state: FeatureState::default(),
            ground: Ground::Score,
            degradation: None,
            lists: Vec::new(),
            rules: Vec::new(),
            control_version: Position(0),
            supersedes: None,
        }
    }
}

fn event_id(number: u64) -> anyhow::Result<EventId> {
    EventId::new(&format!("txn_{number:010}")).context("an id of a number")
}

/// A number below `below`, the same for the same event and purpose.
fn draw(number: u64, purpose: u64, below: u64) -> u64 {
    xxh3_64_with_seed(&number.to_le_bytes(), purpose) % below
}
