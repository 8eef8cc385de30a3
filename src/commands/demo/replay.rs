//! The replay: a file's events in their order, the first part as history, the rest as live traffic, at a pace if one is asked for.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use ingest::dead_letter::DeadLetters;
use ingest::decode::{Historical, Row, arrow::Decoder};
use ingest::timeline::{Known, Timeline};
use ingest::{Clock, ManualClock, SystemClock, Timestamp};
use tokio::sync::watch;

use super::periods::Periods;
use crate::feed::{Answers, Feed, Gate};
use crate::server::Live;
use crate::{Riskflow, output};

/// Seconds of event time in a second after the replay, when no speed is given.
const SPEED_AFTER: u32 = 600;

/// An event that is due within this is not waited for.
const PACE_STEP: Duration = Duration::from_millis(2);

pub(super) struct Replay {
    feed: Feed,
    timeline: Timeline,
    stopped: watch::Receiver<bool>,
    live: Live,
    speed: Option<u32>,
    pace: Option<Pace>,
    began: Option<Instant>,
    /// How long the live part took.
    pub(super) seconds: f64,
    /// Rows that are no events.
    pub(super) rejected: u64,
}

/// When an event is due.
#[derive(Clone, Copy)]
struct Pace {
    started: Instant,
    from: Timestamp,
    speed: u32,
}

impl Pace {
    fn due(self, now: Timestamp) -> Instant {
        let micros = u64::try_from(now.since(self.from).micros()).unwrap_or(0) / u64::from(self.speed);
        self.started + Duration::from_micros(micros)
    }
}

impl Replay {
    pub(super) async fn new(
        riskflow: &Riskflow,
        clock: Arc<ManualClock>,
        stopped: watch::Receiver<bool>,
        live: Live,
        speed: Option<u32>,
    ) -> anyhow::Result<Self> {
        let delay = riskflow.engine.pipeline().schema.label.as_ref().map_or(ingest::Duration::ZERO, |label| label.delay);
        let feed = Feed::new(Arc::clone(&riskflow.engine), clock).await?;
        let timeline = Timeline::new(delay);
        Ok(Self { feed, timeline, stopped, live, speed, pace: None, began: None, seconds: 0.0, rejected: 0 })
    }

    /// What was answered since the start.
    pub(super) const fn answers(&self) -> &Answers {
        &self.feed.answered
    }

    /// Replays a file; `false` when it was stopped within. What was handed over is answered in either case.
    pub(super) async fn file(&mut self, data: &Path, periods: Periods, letters: &Path) -> anyhow::Result<bool> {
        let engine = Arc::clone(self.feed.engine());
        let rows = ingest::decode::file::open(data, &engine.pipeline().schema)?;
        let (total, source) = (rows.total().unwrap_or(0), data.display().to_string());
        let bar = output::bar("history", total);
        let mut dead = DeadLetters::new(letters);
        let mut gate = Gate::new(engine.pipeline(), SystemClock.now());
        let (mut number, mut in_the_past) = (0, true);
        for chunk in rows {
            let chunk = chunk?;
            bar.inc(chunk.len() as u64);
            self.live.set_replayed(Some(bar.position() as f64 / total.max(1) as f64));
            for row in chunk {
                if *self.stopped.borrow() {
                    bar.finish_and_clear();
                    self.feed.settle().await?;
                    return Ok(false);
                }
                number += 1;
                let historical = match gate.check(row, number)? {
                    Ok(historical) => historical,
                    Err(rejected) => {
                        dead.write(&source, &rejected, SystemClock.now())?;
                        continue;
                    }
                };
                if in_the_past && historical.event.occurred_at < periods.live_from {
                    self.past(historical).await?;
                    continue;
                }
                if in_the_past {
                    in_the_past = false;
                    self.feed.flush_past().await?;
                    bar.set_message("replaying");
                }
                self.begin(historical.event.occurred_at, self.speed);
                self.live_event(historical).await?;
            }
        }
        self.feed.settle().await?;
        self.seconds = self.began.map_or(0.0, |began| began.elapsed().as_secs_f64());
        self.rejected = dead.count();
        bar.finish_and_clear();
        self.live.set_replayed(None);
        if dead.count() > 0 {
            output::message(&format!("{} rows of {source} are no events: see {}", dead.count(), letters.display()));
        }
        Ok(true)
    }

    /// Goes on with simulated traffic until it is stopped.
    pub(super) async fn simulated(&mut self, days: impl Iterator<Item = RecordBatch>) -> anyhow::Result<()> {
        let engine = Arc::clone(self.feed.engine());
        (self.pace, self.began) = (None, None);
        for batch in days {
            let rows: Vec<Row> = Decoder::new(&batch.schema(), &engine.pipeline().schema)?.decode(&batch);
            for historical in rows.into_iter().flatten() {
                self.begin(historical.event.occurred_at, Some(self.speed.unwrap_or(SPEED_AFTER)));
                self.live_event(historical).await?;
                if *self.stopped.borrow() {
                    return self.feed.settle().await;
                }
            }
        }
        Ok(())
    }

    /// Time and pace begin with the first event that is new; what is known from before a restart is passed over at once.
    fn begin(&mut self, from: Timestamp, speed: Option<u32>) {
        if self.feed.resuming().is_none_or(|watermark| from > watermark) {
            let began = *self.began.get_or_insert_with(Instant::now);
            if let (None, Some(speed)) = (self.pace, speed) {
                self.pace = Some(Pace { started: began, from, speed });
            }
        }
    }

    async fn past(&mut self, historical: Historical) -> anyhow::Result<()> {
        for known in self.known(historical) {
            self.feed.past(known).await?;
        }
        Ok(())
    }

    async fn live_event(&mut self, historical: Historical) -> anyhow::Result<()> {
        if let Some(pace) = self.pace {
            let due = pace.due(historical.event.occurred_at);
            if due > Instant::now() + PACE_STEP {
                tokio::select! {
                    () = tokio::time::sleep_until(due.into()) => {}
                    _ = self.stopped.wait_for(|stop| *stop) => return Ok(()),
                }
            }
        }
        for known in self.known(historical) {
            self.feed.live(known).await?;
        }
        Ok(())
    }

    fn known(&mut self, historical: Historical) -> Vec<Known> {
        let mut known = Vec::new();
        self.timeline.next(historical, |each| known.push(each));
        known
    }
}
