//! History through the engine in the order in which it became known: what training, materialisation and benchmarks share. An
//! event that comes again changes nothing, as when it is live, and memory does not grow with the length of history.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use ingest::decode::Historical;
use ingest::log::Position;
use ingest::timeline::{Known, Timeline};
use ingest::{Duration, Event, Label, Outcome as Truth, Timestamp};

use crate::{Engine, Outcome, Plan};

/// What became of the rows of a history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events applied.
    pub events: u64,
    /// Rows of an event that was there before.
    pub duplicates: u64,
    /// Events that were put behind newer ones.
    pub late: u64,
    /// Events that came too late to enter the history.
    pub too_late: u64,
    /// Labels that the engine was told.
    pub labels: u64,
}

/// An event with its vector.
#[derive(Clone, Copy, Debug)]
pub struct Vector<'a> {
    /// The event.
    pub event: &'a Event,
    /// What it will turn out to be, if the history has it.
    pub truth: Option<Truth>,
    /// How the values came about.
    pub outcome: Outcome,
    /// One number a feature, NaN where one is missing.
    pub values: &'a [f64],
}

/// An engine that is fed with history.
#[derive(Debug)]
pub struct Replay {
    engine: Engine,
    timeline: Timeline,
    values: Vec<f64>,
    seen: Seen,
    counts: Counts,
}

/// The events of the last days, by fingerprint: what comes again is found there, and memory does not grow with history. What comes
/// again later is too late for any window.
#[derive(Debug)]
struct Seen {
    events: HashSet<u128>,
    order: VecDeque<(Timestamp, u128)>,
    reach: Duration,
    newest: Timestamp,
}

impl Seen {
    fn new(plan: &Plan) -> Self {
        let reach = plan.allowed_lateness().max(Duration::days(1));
        Self { events: HashSet::new(), order: VecDeque::new(), reach, newest: Timestamp::MIN }
    }

    /// Whether an event comes for the first time.
    fn is_new(&mut self, event: &Event) -> bool {
        self.newest = self.newest.max(event.occurred_at);
        let oldest = self.newest - self.reach;
        while let Some((_, fingerprint)) = self.order.pop_front_if(|(occurred_at, _)| *occurred_at < oldest) {
            self.events.remove(&fingerprint);
        }
        let fingerprint = event.event_id.fingerprint();
        let is_new = self.events.insert(fingerprint);
        if is_new {
            self.order.push_back((event.occurred_at, fingerprint));
        }
        is_new
    }
}

impl Replay {
    /// One whose labels become known `delay` after their event.
    pub fn new(plan: Arc<Plan>, delay: Duration) -> Self {
        let (values, seen) = (Vec::with_capacity(plan.width()), Seen::new(&plan));
        let (engine, timeline) = (Engine::new(plan), Timeline::new(delay));
        Self { engine, timeline, values, seen, counts: Counts::default() }
    }

    /// Takes the next row, with the labels that are due before it.
    pub fn next(&mut self, historical: Historical, mut hand_over: impl FnMut(Vector<'_>)) {
        let Self { engine, timeline, values, seen, counts } = self;
        if !seen.is_new(&historical.event) {
            counts.duplicates += 1;
            return;
        }
        timeline.next(historical, |known| match known {
            Known::Label(label) => {
                counts.labels += 1;
                engine.learn(&label);
            }
            Known::Event { event, outcome: truth } => {
                let outcome = engine.apply(&event, Position(counts.events), values);
                counts.events += 1;
                counts.late += u64::from(outcome.placement == crate::Placement::Late);
                counts.too_late += u64::from(outcome.placement == crate::Placement::TooLate);
                hand_over(Vector { event: &event, truth, outcome, values });
            }
        });
    }

    /// Takes a label that has become known by now, apart from those of the rows.
    pub fn label(&mut self, label: &Label) {
        self.counts.labels += 1;
        if !self.engine.learn(label) {
            // Its event may come yet.
            self.engine.learn_early(label);
        }
    }

    /// What became of the rows so far.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// The engine as it is now.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }
}
