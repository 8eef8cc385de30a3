//! The engine: all feature state, and the one function that turns an event into its vector.
//!
//! It applies events and labels in the order in which it is given them, which is the order of the log. It reads no clock, does
//! no I/O and cannot fail: equal calls give equal bits.

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashMap;
use ingest::log::Position;
use ingest::waiting::Waiting;
use ingest::{Event, Label, Timestamp};

use crate::definition::Kind;
use crate::plan::{EntityPlan, Measure, Output, Plan};
use crate::ring::{Ring, Shape, Totals};

/// What became of an event's place in history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// At the end: nothing newer was known for its keys.
    InOrder,
    /// Behind newer events of its keys, within the allowed lateness: put where it belongs.
    Late,
    /// Further behind than the allowed lateness: it does not enter the history, and its windowed features are missing, since
    /// what they would count may be forgotten already.
    TooLate,
}

/// How much one entity keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The entity, by its number in the schema.
    pub entity: usize,
    /// Keys seen.
    pub keys: usize,
    /// Events kept over all keys.
    pub rows: usize,
    /// Bytes of keys, rings and cursors, without the slack of the map.
    pub bytes: usize,
}

/// All feature state of a pipeline.
#[derive(Debug)]
pub struct Engine {
    plan: Arc<Plan>,
    states: Vec<State>,
    labels: Labels,
    watermark: Timestamp,
}

/// The keys of one entity.
#[derive(Debug)]
struct State {
    numbers: HashMap<Box<str>, u32>,
    rings: Vec<Ring>,
}

/// Finds the rows of an event when its label comes, for as long as the label can matter to a feature.
#[derive(Debug, Default)]
struct Labels {
    events: HashMap<u128, Labelled>,
    order: VecDeque<(Timestamp, u128)>,
    /// Labels that came before their event.
    early: Waiting<bool>,
}

#[derive(Debug)]
struct Labelled {
    occurred_at: Timestamp,
    position: Position,
    /// The ring of each entity of the plan; `u32::MAX` where the event has none.
    rings: Box<[u32]>,
}

const NO_RING: u32 = u32::MAX;

impl Engine {
    /// An engine that has seen nothing.
    pub fn new(plan: Arc<Plan>) -> Self {
        let states = plan.entities.iter().map(|_| State { numbers: HashMap::new(), rings: Vec::new() }).collect();
        Self { plan, states, labels: Labels::default(), watermark: Timestamp::MIN }
    }

    /// The plan that it runs.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The latest event time that was applied.
    pub fn watermark(&self) -> Timestamp {
        self.watermark
    }

    /// Applies an event that has been given `position` in the log, and writes its vector into `vector`: one number a feature,
    /// NaN where one is missing.
    pub fn apply(&mut self, event: &Event, position: Position, vector: &mut Vec<f64>) -> Placement {
        let Self { plan, states, labels, watermark } = self;
        let now = event.occurred_at.micros();
        let too_late = event.occurred_at < *watermark - plan.allowed_lateness;
        *watermark = (*watermark).max(event.occurred_at);

        event_features(plan, event, vector);
        if too_late {
            set_windows_missing(plan, vector);
            ratios(plan, vector);
            return Placement::TooLate;
        }
        let labelled = plan.entities.iter().any(|entity| entity.labelled);
        let fingerprint = if labelled { event.event_id.fingerprint() } else { 0 };
        let bad = labelled && labels.early.take(fingerprint).unwrap_or(false);
        let mut placement = Placement::InOrder;
        let mut rings = if labelled { vec![NO_RING; states.len()].into_boxed_slice() } else { Box::default() };
        for (index, (entity, state)) in plan.entities.iter().zip(states).enumerate() {
            let shape = entity.shape();
            let Some(key) = event.entities[entity.entity].as_deref() else { continue };
            let number = state.number(key, entity);
            let ring = &mut state.rings[number as usize];
            let late = now < ring.latest();
            let tag = ((position.0 as i64) << 1) | i64::from(bad);
            ring.insert(shape, &entity.edges, now, entity.sources.iter().map(|source| source.whole(event)), tag);
            if late {
                placement = Placement::Late;
                read_by_scan(entity, ring, now, event, vector);
            } else {
                ring.advance(shape, &entity.edges, now, entity.reach() + plan.allowed_lateness.micros());
                for output in &entity.outputs {
                    let totals = ring.between(shape, output.far, output.near, output.source());
                    vector[output.feature] = output.value(totals, entity, event);
                }
            }
            if labelled {
                rings[index] = number;
            }
        }
        ratios(plan, vector);
        if labelled {
            labels.remember(fingerprint, Labelled { occurred_at: event.occurred_at, position, rings });
            labels.forget(*watermark - plan.longest_reach());
        }
        placement
    }

    /// Applies a label to an event that was applied before. One that no window can reach any more changes nothing.
    pub fn learn(&mut self, label: &Label) {
        let (fingerprint, bad) = (label.event_id.fingerprint(), label.label.is_bad());
        let Some(event) = self.labels.events.get(&fingerprint) else { return };
        for ((entity, state), ring) in self.plan.entities.iter().zip(&mut self.states).zip(&event.rings) {
            if entity.labelled && *ring != NO_RING {
                state.rings[*ring as usize].mark(entity.shape(), event.occurred_at.micros(), event.position.0, bad);
            }
        }
    }

    /// Keeps a label whose event has not come yet, until it comes.
    pub fn learn_early(&mut self, label: &Label) {
        if self.plan.entities.iter().any(|entity| entity.labelled) {
            self.labels.early.put(label.event_id.fingerprint(), label.label.is_bad());
        }
    }

    /// How much each entity keeps.
    pub fn usage(&self) -> Vec<Usage> {
        let entity = |(entity, state): (&EntityPlan, &State)| Usage {
            entity: entity.entity,
            keys: state.rings.len(),
            rows: state.rings.iter().map(Ring::len).sum(),
            bytes: state.numbers.keys().map(|key| key.len() + size_of::<(Box<str>, u32)>()).sum::<usize>()
                + state.rings.iter().map(|ring| ring.bytes() + size_of::<Ring>()).sum::<usize>(),
        };
        self.plan.entities.iter().zip(&self.states).map(entity).collect()
    }
}

impl State {
    fn number(&mut self, key: &str, entity: &EntityPlan) -> u32 {
        if let Some(number) = self.numbers.get(key) {
            return *number;
        }
        let number = u32::try_from(self.rings.len()).expect("memory ends long before four billion keys");
        self.rings.push(Ring::new(entity.shape(), entity.edges.len()));
        self.numbers.insert(key.into(), number);
        number
    }
}

impl Labels {
    fn remember(&mut self, fingerprint: u128, event: Labelled) {
        self.order.push_back((event.occurred_at, fingerprint));
        self.events.insert(fingerprint, event);
    }

    /// Lets go of the events that no window reaches any more.
    fn forget(&mut self, before: Timestamp) {
        while let Some((occurred_at, fingerprint)) = self.order.front().copied().filter(|(occurred_at, _)| *occurred_at <= before)
        {
            self.order.pop_front();
            if self.events.get(&fingerprint).is_some_and(|event| event.occurred_at == occurred_at) {
                self.events.remove(&fingerprint);
            }
        }
    }
}

/// The features of the event itself; every other starts at its default.
fn event_features(plan: &Plan, event: &Event, vector: &mut Vec<f64>) {
    vector.clear();
    vector.extend(plan.definitions.iter().map(|definition| match definition.kind {
        Kind::Value(source) => or_default(source.number(event), definition.default),
        Kind::Weekend => f64::from(u8::from(event.occurred_at.weekday() >= 5)),
        Kind::Night => f64::from(u8::from(event.occurred_at.hour() <= 6)),
        Kind::Windowed(_) | Kind::Ratio { .. } => definition.default,
    }));
}

/// Ratios come after what they divide, so one pass in order is enough.
fn ratios(plan: &Plan, vector: &mut [f64]) {
    for (feature, definition) in plan.definitions.iter().enumerate() {
        if let Kind::Ratio { numerator, denominator } = definition.kind {
            let quotient = vector[numerator] / vector[denominator];
            vector[feature] = or_default(if quotient.is_finite() { quotient } else { f64::NAN }, definition.default);
        }
    }
}

fn or_default(value: f64, default: f64) -> f64 {
    if value.is_nan() { default } else { value }
}

/// For an event that newer ones overtook: the cursors stand too far on, so every row is looked at.
fn read_by_scan(entity: &EntityPlan, ring: &Ring, now: i64, event: &Event, vector: &mut [f64]) {
    for output in &entity.outputs {
        let (after, until) = (now.saturating_sub(entity.edges[output.far]), now.saturating_sub(entity.edges[output.near]));
        vector[output.feature] = output.value(ring.scan(entity.shape(), after, until, output.source()), entity, event);
    }
}

fn set_windows_missing(plan: &Plan, vector: &mut [f64]) {
    for output in plan.entities.iter().flat_map(|entity| &entity.outputs) {
        vector[output.feature] = f64::NAN;
    }
}

impl EntityPlan {
    fn shape(&self) -> Shape {
        Shape { sources: self.sources.len(), labelled: self.labelled }
    }
}

impl Plan {
    fn longest_reach(&self) -> ingest::Duration {
        let reach = self.entities.iter().filter(|entity| entity.labelled).map(EntityPlan::reach).max().unwrap_or(0);
        ingest::Duration::from_micros(reach) + self.allowed_lateness
    }
}

impl Output {
    const fn source(&self) -> Option<usize> {
        match self.measure {
            Measure::Sum(source) | Measure::Mean(source) => Some(source),
            Measure::Count | Measure::LabelRate => None,
        }
    }

    /// The feature's value from the window's totals, which hold the event itself when the window reaches up to now.
    fn value(&self, mut totals: Totals, entity: &EntityPlan, event: &Event) -> f64 {
        if self.exclude_current {
            totals.count -= 1;
            totals.sum = totals.sum.wrapping_sub(self.source().map_or(0, |source| entity.sources[source].whole(event)));
        }
        match self.measure {
            Measure::Count => totals.count as f64,
            Measure::Sum(_) => totals.sum as f64,
            Measure::Mean(_) if totals.count > 0 => totals.sum as f64 / totals.count as f64,
            Measure::LabelRate if totals.count > 0 => totals.bad as f64 / totals.count as f64,
            Measure::Mean(_) | Measure::LabelRate => self.default,
        }
    }
}
