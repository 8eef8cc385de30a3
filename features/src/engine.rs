//! The engine: the one function that turns an event into its vector.
//!
//! It applies events and labels in the order in which it is given them, which is the order of the log. It reads no clock, does
//! no I/O of its own and, over memory, cannot fail: equal calls give equal bits.

use std::convert::Infallible;
use std::sync::Arc;

use ingest::log::Position;
use ingest::{Event, Label, Timestamp, Value};
use serde::{Deserialize, Serialize};

use crate::memory::Memory;
use crate::plan::{PlainKind, Plan};
use crate::snapshot;
use crate::store::{Applied, Partial, Store, Touch, Usage};
use crate::zones::{self, UtcDay, Zones};

/// What became of an event's place in history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// At the end: nothing newer was known for its keys.
    #[default]
    InOrder,
    /// Behind newer events of its keys, within the allowed lateness: put where it belongs.
    Late,
    /// Further behind than the allowed lateness: it does not enter the history, and its windowed features are missing, since
    /// what they would count may be forgotten already.
    TooLate,
}

impl Placement {
    /// Its word in the API, in files and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InOrder => "in_order",
            Self::Late => "late",
            Self::TooLate => "too_late",
        }
    }
}

/// How an event's vector came about. The bits stand for the entities of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Its place in history.
    pub placement: Placement,
    /// Entities whose windows are coarse: kept as tiles, forgotten in part, or estimated.
    pub coarse: u64,
    /// Entities whose key was not taken, since memory is full; their features are missing.
    pub refused: u64,
}

/// All feature state of a pipeline.
#[derive(Debug)]
pub struct Engine<S = Memory> {
    plan: Arc<Plan>,
    store: S,
    watermark: Timestamp,
    /// The earliest event time that entered the history.
    since: Option<Timestamp>,
    zones: Zones,
    partials: Vec<Partial>,
    pairs: Vec<String>,
}

impl Engine {
    /// An engine that keeps its state in memory and has seen nothing.
    pub fn new(plan: Arc<Plan>) -> Self {
        let store = Memory::new(Arc::clone(&plan));
        Self::over(plan, store, Timestamp::MIN)
    }

    /// Applies an event that has been given `position` in the log, and writes its vector into `vector`: one number a feature,
    /// NaN where one is missing.
    pub fn apply(&mut self, event: &Event, position: Position, vector: &mut Vec<f64>) -> Outcome {
        never(self.try_apply(event, position, vector))
    }

    /// Writes all state into a snapshot.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn save(&self, out: &mut snapshot::Writer) -> std::io::Result<()> {
        out.i64(self.watermark.micros())?;
        out.i64(self.since.map_or(i64::MIN, Timestamp::micros))?;
        self.store.save(out)
    }

    /// Reads what [`Engine::save`] wrote, under the same plan.
    ///
    /// # Errors
    /// [`snapshot::Error::Io`] where the file cannot be read, [`snapshot::Error::Damaged`] where it is not what was written.
    pub fn load(plan: Arc<Plan>, input: &mut snapshot::Reader) -> Result<Self, snapshot::Error> {
        let watermark = Timestamp::from_micros(input.i64()?);
        let since = input.i64()?;
        let store = Memory::load(Arc::clone(&plan), input)?;
        let since = (since != i64::MIN).then_some(Timestamp::from_micros(since));
        Ok(Self { since, ..Self::over(plan, store, watermark) })
    }

    /// Applies events in their order, as [`Engine::apply`] does one by one, and hands over each vector. While one is applied, what the
    /// next ones need is brought near.
    pub fn apply_all<'a>(
        &mut self,
        events: impl Iterator<Item = (&'a Event, Position)> + Clone,
        mut hand_over: impl FnMut(&'a Event, Outcome, &[f64]),
    ) {
        /// How far ahead events are foreseen.
        const AHEAD: usize = 16;
        let mut ahead = events.clone().map(|(event, _)| event).fuse();
        for _ in 0..AHEAD {
            self.store.foresee(ahead.next());
        }
        let mut vector = Vec::with_capacity(self.plan.width());
        for (event, position) in events {
            self.store.foresee(ahead.next());
            let outcome = self.apply(event, position, &mut vector);
            if outcome.placement == Placement::TooLate {
                self.store.pass_over();
            }
            hand_over(event, outcome, &vector);
        }
        self.store.forget_foreseen();
    }

    /// Applies a label to an event that was applied before. `false` when the event is not known, or no window can reach it any more:
    /// then nothing changes.
    pub fn learn(&mut self, label: &Label) -> bool {
        never(self.store.learn(label.event_id.fingerprint(), label.label.is_bad()))
    }

    /// Keeps a label whose event has not come yet, until it comes.
    pub fn learn_early(&mut self, label: &Label) {
        never(self.store.learn_early(label.event_id.fingerprint(), label.label.is_bad()));
    }
}

fn never<T>(result: Result<T, Infallible>) -> T {
    let Ok(value) = result;
    value
}

impl<S: Store> Engine<S> {
    /// An engine over a store whose newest event is of `watermark`.
    pub fn over(plan: Arc<Plan>, store: S, watermark: Timestamp) -> Self {
        let partials = vec![Partial::EMPTY; plan.reads.len()];
        let pairs = vec![String::new(); plan.entities.len()];
        let zones = Zones::new(&plan);
        Self { plan, store, watermark, since: None, zones, partials, pairs }
    }

    /// The plan that it runs.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The store.
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// The latest event time that was applied.
    pub const fn watermark(&self) -> Timestamp {
        self.watermark
    }

    /// The features whose longest window reaches further back than what was watched, each with the event time from which on it is
    /// covered. Until then they count what there was; a lifetime is counted from the first event on and needs no warming.
    pub fn warming(&self) -> Vec<(usize, Timestamp)> {
        let Some(since) = self.since else { return Vec::new() };
        let covered = |feature: usize| Some((feature, since + self.plan.reach(feature)?));
        (0..self.plan.width()).filter_map(covered).filter(|(_, covered_at)| *covered_at > self.watermark).collect()
    }

    /// How much each entity keeps.
    pub fn usage(&self) -> Vec<Usage> {
        self.store.usage()
    }

    /// As [`Engine::apply`], over a store that may fail; nothing is applied then.
    ///
    /// # Errors
    /// What the store says of [`Store::apply`].
    pub fn try_apply(&mut self, event: &Event, position: Position, vector: &mut Vec<f64>) -> Result<Outcome, S::Error> {
        let Self { plan, store, watermark, since, zones, partials, pairs } = self;
        let watermark_now = (*watermark).max(event.occurred_at);
        let horizon = watermark_now - plan.allowed_lateness;
        let today = zones.utc(event.occurred_at);
        if event.occurred_at < horizon {
            vector.clear();
            vector.resize(plan.width(), f64::NAN);
            plain_features(plan, event, &today, vector);
            return Ok(Outcome { placement: Placement::TooLate, coarse: 0, refused: 0 });
        }
        if plan.has_pairs {
            join_pairs(plan, event, pairs);
        }
        let midnights = zones.midnights(plan, event.occurred_at);
        let touch = Touch { event, position, horizon: horizon.micros(), midnights, pairs };
        let Applied { is_late, coarse, refused } = store.apply(&touch, partials)?;
        *watermark = watermark_now;
        *since = Some(since.map_or(event.occurred_at, |since| since.min(event.occurred_at)));
        // Every feature is written below, so what the vector holds does not matter.
        vector.resize(plan.width(), f64::NAN);
        windowed_features(plan, event, partials, vector);
        plain_features(plan, event, &today, vector);
        let placement = if is_late { Placement::Late } else { Placement::InOrder };
        Ok(Outcome { placement, coarse, refused })
    }
}

/// Joins the keys of pairs; the lengths before them keep `a|bc` and `ab|c` apart.
fn join_pairs(plan: &Plan, event: &Event, pairs: &mut [String]) {
    use std::fmt::Write;
    for (entity, pair) in plan.entities.iter().zip(pairs).filter(|(entity, _)| entity.key.len() > 1) {
        pair.clear();
        for slot in &entity.key {
            let Some(key) = &event.entities[*slot] else {
                pair.clear();
                break;
            };
            write!(pair, "{}:{key}", key.len()).expect("a String takes any text");
        }
    }
}

/// The features that are made of what was read.
fn windowed_features(plan: &Plan, event: &Event, partials: &[Partial], vector: &mut [f64]) {
    for output in &plan.outputs.counts {
        vector[output.feature] = partials[output.read].count(output);
    }
    for output in &plan.outputs.quotients {
        vector[output.feature] = partials[output.read].quotient(output);
    }
    for output in &plan.outputs.others {
        vector[output.feature] = partials[output.read].finish(output, event);
    }
}

/// The features of the event itself, and ratios. Those come after what they divide, so one pass in order is enough.
fn plain_features(plan: &Plan, event: &Event, today: &UtcDay, vector: &mut [f64]) {
    let now = event.occurred_at;
    for plain in &plan.plain {
        vector[plain.feature] = match &plain.what {
            PlainKind::Value(source) => or_default(source.number(event), plain.default),
            PlainKind::Category(slot, words) => or_default(place(event.attributes[*slot].as_ref(), words), plain.default),
            PlainKind::Weekend(zone) => f64::from(u8::from(zones::is_weekend(zone.as_ref(), today, now))),
            PlainKind::Night(zone) => f64::from(u8::from(zones::is_night(zone.as_ref(), today, now))),
            PlainKind::Ratio(numerator, denominator) => {
                let quotient = vector[*numerator] / vector[*denominator];
                or_default(if quotient.is_finite() { quotient } else { f64::NAN }, plain.default)
            }
        };
    }
}

/// Which of some words a text is, from 0; NaN where it is none of them.
fn place(value: Option<&Value>, words: &[String]) -> f64 {
    let Some(Value::Text(text)) = value else { return f64::NAN };
    words.iter().position(|word| **word == **text).map_or(f64::NAN, |place| place as f64)
}

fn or_default(value: f64, default: f64) -> f64 {
    if value.is_nan() { default } else { value }
}
