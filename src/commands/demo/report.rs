//! What the replay came to, read back from the log: it holds whether or not the process was killed in between.

use std::collections::HashMap;
use std::sync::Arc;

use evaluation::Metrics;
use ingest::Timestamp;
use ingest::log::record;
use ingest::log::{Log, Position, Topic};
use scoring::{Decision, Pipeline, Verdict};
use serde::Serialize;

use super::replay::Replay;
use crate::feed::UNDER_WAY;
use crate::{Riskflow, output};

/// The figures of a replay.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    events: u64,
    history_events: u64,
    rejected: u64,
    seconds: f64,
    events_per_second: f64,
    approve: u64,
    challenge: u64,
    review: u64,
    decline: u64,
    labels: u64,
    auc: Option<f64>,
    gini: Option<f64>,
    average_precision: Option<f64>,
    card_precision_100: Option<f64>,
    /// Whether it scored applications for credit.
    #[serde(skip)]
    is_credit: bool,
    /// Of this run's decisions; `None` when all were made before it.
    p50_us: Option<u64>,
    p99_us: Option<u64>,
    p999_us: Option<u64>,
}

/// What the log says about the events up to a time.
#[derive(Default)]
struct Told {
    events: u64,
    history: u64,
    labels: u64,
    decisions: HashMap<Verdict, u64>,
    judged: Judged,
}

/// Decided events whose label has arrived, as columns.
#[derive(Default)]
struct Judged {
    days: Vec<i32>,
    entities: Vec<u32>,
    scores: Vec<f64>,
    bad: Vec<bool>,
}

/// Reads the log, up to the replay's last event; it must have come to rest.
pub(super) async fn of(riskflow: &Riskflow, replay: &Replay, last: Timestamp) -> anyhow::Result<Report> {
    let (log, pipeline) = (Arc::clone(&riskflow.log), riskflow.engine.pipeline().clone());
    let told = tokio::task::spawn_blocking(move || {
        log.flush()?;
        tell(&*log, &pipeline, last)
    });
    let Told { events, history, labels, decisions, judged } = told.await??;
    let metrics = Metrics::new(&judged.days, &judged.entities, &judged.scores, &judged.bad);
    let decided = |verdict: Verdict| decisions.get(&verdict).copied().unwrap_or(0);
    let latency = &replay.answers().latency_us;
    let quantile = |share: f64| (!latency.is_empty()).then(|| latency.value_at_quantile(share));
    let per_second = if replay.seconds > 0.0 { replay.answers().decisions as f64 / replay.seconds } else { 0.0 };
    Ok(Report {
        events,
        history_events: history,
        rejected: replay.rejected,
        seconds: replay.seconds,
        events_per_second: per_second,
        approve: decided(Verdict::Approve),
        challenge: decided(Verdict::Challenge),
        review: decided(Verdict::Review),
        decline: decided(Verdict::Decline),
        labels,
        auc: metrics.auc,
        gini: metrics.auc.map(|auc| 2.0 * auc - 1.0),
        average_precision: metrics.average_precision,
        card_precision_100: metrics.card_precision_100,
        is_credit: riskflow.engine.pipeline().credit.is_some(),
        p50_us: quantile(0.5),
        p99_us: quantile(0.99),
        p999_us: quantile(0.999),
    })
}

/// Joins the decisions with the labels that had arrived by `last`; of several labels the last one holds.
fn tell(log: &dyn Log, pipeline: &Pipeline, last: Timestamp) -> anyhow::Result<Told> {
    let entity = pipeline.schema.entity(&pipeline.model.review_entity).expect("checked when the pipeline was read");
    let mut told = Told::default();
    let mut labels: HashMap<u128, bool> = HashMap::new();
    let mut keys: HashMap<Box<str>, u32> = HashMap::new();
    let mut entities: HashMap<Position, u32> = HashMap::new();
    let mut scored: Vec<(u128, i32, u32, f64)> = Vec::new();
    for record in log.read(Position(0))? {
        let record = record?;
        match record.topic {
            Topic::History => told.history += 1,
            Topic::Event => {
                let (mut event, _) = record::decode_event(&record.payload, &pipeline.schema)?;
                if event.occurred_at <= last {
                    told.events += 1;
                    let next = u32::try_from(keys.len())?;
                    let key = event.entities[entity].take().unwrap_or_default();
                    entities.insert(record.position, *keys.entry(key).or_insert(next));
                }
            }
            Topic::Decision => {
                let decision = Decision::decode(&record.payload)?;
                let Some(entity) = entities.remove(&decision.event_position) else { continue };
                *told.decisions.entry(decision.decision).or_default() += 1;
                if let Some(champion) = &decision.champion {
                    let day = i32::try_from(decision.occurred_at.day())?;
                    scored.push((decision.event_id.fingerprint(), day, entity, champion.probability));
                }
            }
            Topic::Label => {
                let (label, _) = record::decode_label(&record.payload)?;
                if label.observed_at <= last {
                    told.labels += 1;
                    labels.insert(label.event_id.fingerprint(), label.label.is_bad());
                }
            }
            Topic::Control | Topic::Shadow => {}
        }
    }
    for (event, day, entity, score) in scored {
        if let Some(bad) = labels.get(&event) {
            told.judged.days.push(day);
            told.judged.entities.push(entity);
            told.judged.scores.push(score);
            told.judged.bad.push(*bad);
        }
    }
    Ok(told)
}

impl Report {
    /// The table, or one JSON object.
    pub(super) fn print(&self, json: bool, url: &str, pipeline: &str) -> anyhow::Result<()> {
        if json {
            return output::json_line(self);
        }
        let share = |part: u64| format!("{} ({:.2} %)", output::thousands(part), 100.0 * part as f64 / self.events.max(1) as f64);
        let figure = |value: Option<f64>| value.map_or_else(|| "no labels yet".to_owned(), |value| format!("{value:.3}"));
        let latency =
            |value: Option<u64>| value.map_or_else(|| "nothing new".to_owned(), |us| format!("{} us", output::thousands(us)));
        let row = |name: &str, value: String| vec![name.to_owned(), value];
        let for_cards = |name: &str, value: String| (!self.is_credit).then(|| row(name, value));
        let rows = [
            Some(row("events", output::thousands(self.events))),
            Some(row("history before them", output::thousands(self.history_events))),
            Some(row("events/s", output::thousands(self.events_per_second as u64))),
            Some(row("approved", share(self.approve))),
            for_cards("challenged", share(self.challenge)),
            Some(row(if self.is_credit { "referred" } else { "reviewed" }, share(self.review))),
            Some(row("declined", share(self.decline))),
            Some(row("labels that arrived", output::thousands(self.labels))),
            Some(row("AUC", figure(self.auc))),
            self.is_credit.then(|| row("Gini", figure(self.gini))),
            Some(row("average precision", figure(self.average_precision))),
            for_cards("card precision@100", figure(self.card_precision_100)),
            Some(row("latency p50", latency(self.p50_us))),
            Some(row("latency p99", latency(self.p99_us))),
            Some(row("latency p99.9", latency(self.p999_us))),
        ];
        output::table(&["replay", ""], &rows.into_iter().flatten().collect::<Vec<_>>())?;
        output::text_line(&format!(
            "latency is from the door to the durable decision, with up to {} events under way at once",
            output::thousands(UNDER_WAY as u64)
        ))?;
        output::text_line(&format!("next: open {url}, or copy {pipeline} and make it yours"))
    }
}
