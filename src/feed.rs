//! Feeds what became known, in its order, to the engine: history in bulk, live events one by one as the API does, with a bound on
//! how many are under way. What the engine knows already, from before a crash, is passed over.

use std::sync::Arc;
use std::time::Instant;

use anyhow::bail;
use hdrhistogram::Histogram;
use ingest::decode::{Rejected, Row};
use ingest::timeline::Known;
use ingest::{ManualClock, Timestamp};
use scoring::{Engine, Pipeline, Scored, Status, Terms};
use tokio::task::JoinSet;

/// How many decisions may be under way at once.
pub(crate) const UNDER_WAY: usize = 2_048;

/// How many past events are handed over at once.
const BATCH: usize = 1_000;

/// A longer latency is recorded as this: a minute.
const LONGEST_US: u64 = 60_000_000;

/// Checks the rows of a file before they are fed.
pub(crate) struct Gate<'a> {
    pipeline: &'a Pipeline,
    now: Timestamp,
    newest: Timestamp,
}

impl<'a> Gate<'a> {
    /// Nothing may lie ahead of `now`.
    pub(crate) const fn new(pipeline: &'a Pipeline, now: Timestamp) -> Self {
        Self { pipeline, now, newest: Timestamp::MIN }
    }

    /// Sets aside an event of the future; a file that is not in the order of time is an error, for its windows would be wrong.
    pub(crate) fn check(&mut self, row: Row, number: u64) -> anyhow::Result<Row> {
        let Ok(historical) = row else { return Ok(row) };
        let event = &historical.event;
        if self.pipeline.skew(event, self.now).is_some() {
            let field = Some(self.pipeline.schema.event_time.column.clone());
            return Ok(Err(Rejected { line: number, field, reason: "lies in the future".to_owned() }));
        }
        if event.occurred_at < self.newest - self.pipeline.plan.allowed_lateness() {
            let (id, time, newest) = (&event.event_id, event.occurred_at, self.newest);
            bail!("the file is not in the order of time: event {id} of {time} comes after one of {newest}; sort it first");
        }
        self.newest = self.newest.max(event.occurred_at);
        Ok(Ok(historical))
    }
}

/// Feeds one engine.
pub(crate) struct Feed {
    engine: Arc<Engine>,
    clock: Arc<ManualClock>,
    /// The engine was started on a log, and may know what comes: everything up to this time, and maybe a little beyond.
    resuming: Option<Timestamp>,
    /// Of the past, not yet handed over.
    past: Vec<Known>,
    /// Of the present, not yet known to be new.
    unasked: Vec<Known>,
    under_way: JoinSet<Result<Option<Answered>, scoring::Error>>,
    /// What was answered since the start.
    pub(crate) answered: Answers,
}

struct Answered {
    scored: Scored,
    took_us: u64,
}

/// What was answered since the start.
pub(crate) struct Answers {
    /// New decisions.
    pub(crate) decisions: u64,
    /// From the door to the durable decision, in microseconds.
    pub(crate) latency_us: Histogram<u64>,
}

impl Feed {
    /// Resumes when the engine has seen events before.
    pub(crate) async fn new(engine: Arc<Engine>, clock: Arc<ManualClock>) -> anyhow::Result<Self> {
        let standing = engine.standing().await?;
        Ok(Self {
            engine,
            clock,
            resuming: (standing.events + standing.history > 0).then_some(standing.watermark),
            past: Vec::with_capacity(BATCH),
            unasked: Vec::new(),
            under_way: JoinSet::new(),
            answered: Answers { decisions: 0, latency_us: Histogram::new_with_bounds(1, LONGEST_US, 3).expect("the bounds fit") },
        })
    }

    /// The engine that is fed.
    pub(crate) const fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Takes what happened before riskflow watched.
    pub(crate) async fn past(&mut self, known: Known) -> anyhow::Result<()> {
        self.past.push(known);
        if self.past.len() == BATCH { self.flush_past().await } else { Ok(()) }
    }

    /// Hands over what was gathered of the past.
    pub(crate) async fn flush_past(&mut self) -> anyhow::Result<()> {
        let batch = std::mem::replace(&mut self.past, Vec::with_capacity(BATCH));
        let unknown = self.without_known(batch).await?;
        let now = unknown.iter().map(time).max().unwrap_or(Timestamp::MIN);
        Ok(self.engine.backfill(unknown, now).await?)
    }

    /// Takes what happens now; the clock shows its time.
    pub(crate) async fn live(&mut self, known: Known) -> anyhow::Result<()> {
        let Some(watermark) = self.resuming else { return self.submit(known).await };
        // A label of after the watermark may be known; an event of after it is not, nor is anything that follows.
        let beyond = matches!(&known, Known::Event { event, .. } if event.occurred_at > watermark);
        self.unasked.push(known);
        if beyond || self.unasked.len() == BATCH {
            self.flush_live().await?;
        }
        if beyond {
            self.resuming = None;
        }
        Ok(())
    }

    /// Up to when the engine may know what comes, while it does.
    pub(crate) const fn resuming(&self) -> Option<Timestamp> {
        self.resuming
    }

    async fn flush_live(&mut self) -> anyhow::Result<()> {
        let batch = std::mem::take(&mut self.unasked);
        for known in self.without_known(batch).await? {
            self.submit(known).await?;
        }
        Ok(())
    }

    async fn submit(&mut self, known: Known) -> anyhow::Result<()> {
        let now = time(&known);
        self.clock.set(now);
        match known {
            Known::Label(label) => {
                let ticket = self.engine.submit_label(label, now, Terms::replay()).await?;
                self.under_way.spawn(async move { ticket.taken().await.map(|_| None) });
            }
            Known::Event { event, .. } => {
                let started = Instant::now();
                let ticket = self.engine.submit(event, now, Terms::replay()).await?;
                self.under_way.spawn(async move {
                    let scored = ticket.decided().await?;
                    Ok(Some(Answered { scored, took_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX) }))
                });
            }
        }
        while self.under_way.len() >= UNDER_WAY {
            self.take_answer().await?;
        }
        Ok(())
    }

    /// Hands over what was gathered, and waits until everything is answered.
    pub(crate) async fn settle(&mut self) -> anyhow::Result<()> {
        self.flush_past().await?;
        self.flush_live().await?;
        while !self.under_way.is_empty() {
            self.take_answer().await?;
        }
        Ok(())
    }

    async fn take_answer(&mut self) -> anyhow::Result<()> {
        let Some(ended) = self.under_way.join_next().await else { return Ok(()) };
        if let Some(Answered { scored: Scored { status: Status::New, .. }, took_us }) = ended?? {
            self.answered.decisions += 1;
            self.answered.latency_us.saturating_record(took_us);
        }
        Ok(())
    }

    /// Leaves out what the engine knows.
    async fn without_known(&self, batch: Vec<Known>) -> anyhow::Result<Vec<Known>> {
        if self.resuming.is_none() {
            return Ok(batch);
        }
        let ids = batch.iter().map(|known| match known {
            Known::Event { event, .. } => event.event_id.clone(),
            Known::Label(label) => label.event_id.clone(),
        });
        let entries = self.engine.find(ids.collect()).await?;
        Ok((batch.into_iter().zip(entries))
            .filter(|(known, entry)| match known {
                Known::Event { .. } => entry.is_none(),
                Known::Label(_) => entry.is_none_or(|entry| entry.label().is_none()),
            })
            .map(|(known, _)| known)
            .collect())
    }
}

fn time(known: &Known) -> Timestamp {
    match known {
        Known::Event { event, .. } => event.occurred_at,
        Known::Label(label) => label.observed_at,
    }
}
