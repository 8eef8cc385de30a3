//! What the replay came to, read back from the log: it holds whether or not the process was killed in between.

use std::collections::HashMap;

use ingest::log::record;
use ingest::log::{Position, Topic};
use scoring::{Decision, Verdict};
use serde::Serialize;
use training::Metrics;

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
    average_precision: Option<f64>,
    card_precision_100: Option<f64>,
    /// Of this run's decisions; `None` when all were made before it.
    p50_us: Option<u64>,
    p99_us: Option<u64>,
    p999_us: Option<u64>,
}

/// Decided events whose label has arrived, as columns.
#[derive(Default)]
struct Judged {
    days: Vec<i32>,
    entities: Vec<u32>,
    scores: Vec<f64>,
    bad: Vec<bool>,
}

/// Reads the log; it must have come to rest.
pub(super) async fn of(riskflow: &Riskflow, replay: &Replay) -> anyhow::Result<Report> {
    let standing = riskflow.engine.standing().await?;
    let end = riskflow.log.flush()?;
    riskflow.projector.catch_up(end).await?;
    let (judged, decisions) = tokio::task::block_in_place(|| judge(riskflow))?;
    let metrics = Metrics::new(&judged.days, &judged.entities, &judged.scores, &judged.bad);
    let decided = |verdict: Verdict| decisions.get(&verdict).copied().unwrap_or(0);
    let latency = &replay.answers().latency_us;
    let quantile = |share: f64| (!latency.is_empty()).then(|| latency.value_at_quantile(share));
    Ok(Report {
        events: standing.events,
        history_events: standing.history,
        rejected: replay.rejected,
        seconds: replay.seconds,
        events_per_second: if replay.seconds > 0.0 { replay.answers().decisions as f64 / replay.seconds } else { 0.0 },
        approve: decided(Verdict::Approve),
        challenge: decided(Verdict::Challenge),
        review: decided(Verdict::Review),
        decline: decided(Verdict::Decline),
        labels: standing.labels,
        auc: metrics.auc,
        average_precision: metrics.average_precision,
        card_precision_100: metrics.card_precision_100,
        p50_us: quantile(0.5),
        p99_us: quantile(0.99),
        p999_us: quantile(0.999),
    })
}

/// Joins the decisions with the labels that have arrived; of several labels the last one holds.
fn judge(riskflow: &Riskflow) -> anyhow::Result<(Judged, HashMap<Verdict, u64>)> {
    let pipeline = riskflow.engine.pipeline();
    let entity = pipeline.schema.entity(&pipeline.model.review_entity).expect("checked when the pipeline was read");
    let mut labels: HashMap<u128, bool> = HashMap::new();
    let mut keys: HashMap<Box<str>, u32> = HashMap::new();
    let mut entities: HashMap<Position, u32> = HashMap::new();
    let mut decisions: HashMap<Verdict, u64> = HashMap::new();
    let mut scored: Vec<(u128, i32, u32, f64)> = Vec::new();
    for record in riskflow.log.read(Position(0))? {
        let record = record?;
        match record.topic {
            Topic::Event => {
                let (mut event, _) = record::decode_event(&record.payload, &pipeline.schema)?;
                let next = u32::try_from(keys.len())?;
                let key = event.entities[entity].take().unwrap_or_default();
                entities.insert(record.position, *keys.entry(key).or_insert(next));
            }
            Topic::Decision => {
                let decision = Decision::decode(&record.payload)?;
                *decisions.entry(decision.decision).or_default() += 1;
                if let (Some(champion), Some(entity)) = (&decision.champion, entities.remove(&decision.event_position)) {
                    let day = i32::try_from(decision.occurred_at.day())?;
                    scored.push((decision.event_id.fingerprint(), day, entity, champion.probability));
                }
            }
            Topic::Label => {
                let (label, _) = record::decode_label(&record.payload)?;
                labels.insert(label.event_id.fingerprint(), label.label.is_bad());
            }
            Topic::Control | Topic::History => {}
        }
    }
    let mut judged = Judged::default();
    for (event, day, entity, score) in scored {
        if let Some(bad) = labels.get(&event) {
            judged.days.push(day);
            judged.entities.push(entity);
            judged.scores.push(score);
            judged.bad.push(*bad);
        }
    }
    Ok((judged, decisions))
}

impl Report {
    /// The table, or one JSON object.
    pub(super) fn print(&self, json: bool, url: &str) -> anyhow::Result<()> {
        if json {
            return output::json_line(self);
        }
        let share = |part: u64| format!("{} ({:.2} %)", output::thousands(part), 100.0 * part as f64 / self.events.max(1) as f64);
        let figure = |value: Option<f64>| value.map_or_else(|| "no labels yet".to_owned(), |value| format!("{value:.3}"));
        let latency =
            |value: Option<u64>| value.map_or_else(|| "nothing new".to_owned(), |us| format!("{} us", output::thousands(us)));
        let row = |name: &str, value: String| vec![name.to_owned(), value];
        output::table(
            &["replay", ""],
            &[
                row("events", output::thousands(self.events)),
                row("history before them", output::thousands(self.history_events)),
                row("events/s", output::thousands(self.events_per_second as u64)),
                row("approved", share(self.approve)),
                row("challenged", share(self.challenge)),
                row("reviewed", share(self.review)),
                row("declined", share(self.decline)),
                row("labels that arrived", output::thousands(self.labels)),
                row("AUC", figure(self.auc)),
                row("average precision", figure(self.average_precision)),
                row("card precision@100", figure(self.card_precision_100)),
                row("latency p50", latency(self.p50_us)),
                row("latency p99", latency(self.p99_us)),
                row("latency p99.9", latency(self.p999_us)),
            ],
        )?;
        output::text_line(&format!(
            "latency is from the door to the durable decision, with up to {} events under way at once",
            output::thousands(UNDER_WAY as u64)
        ))?;
        output::text_line(&format!("next: open {url}, or copy pipelines/card_fraud_handbook.toml and make it yours"))
    }
}
