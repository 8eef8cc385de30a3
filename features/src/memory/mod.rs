//! The store in memory: every key in its slot, on one thread. It is a pure function of the events and labels that it was given, in
//! their order.

mod adding;
mod decay;
mod extreme;
mod foreseen;
mod index;
mod key;
mod keys;
mod labels;
mod order;
mod parts;
mod prefetch;
pub(crate) mod ring;
pub mod seen;
mod snapshot;
mod table;

use std::convert::Infallible;
use std::sync::Arc;

use self::foreseen::Foreseen;
use self::key::{Key, Step};
use self::keys::Keys;
use self::labels::{Labelled, Labels, Learned, NO_SLOT};
use compact_str::CompactString;
use ingest::Event;

use crate::plan::{EntityPlan, Plan};
use crate::store::{Applied, Moment, Partial, Store, Touch, Usage};

/// With every so many events one slot of each entity is looked at, so that idle keys go; more are with each new key.
const SWEEP: u64 = 16;

/// All state of a plan.
#[derive(Debug)]
pub struct Memory {
    plan: Arc<Plan>,
    keys: Vec<Keys>,
    /// Where any feature counts labels.
    labels: Option<Labels>,
    /// How many events were applied.
    events: u64,
    /// The row and the slots of the event that is applied.
    row: Vec<i64>,
    slots: Vec<u32>,
    foreseen: Foreseen,
}

impl Memory {
    /// A store that has seen nothing.
    pub fn new(plan: Arc<Plan>) -> Self {
        let keys = plan.entities.iter().map(|_| Keys::new()).collect();
        let entities = plan.entities.len();
        let labels = plan.is_labelled().then(|| Labels::new(entities));
        let (slots, foreseen) = (vec![NO_SLOT; entities], Foreseen::new(entities));
        Self { plan, keys, labels, events: 0, row: Vec::new(), slots, foreseen }
    }

    /// Asks for the state of an event that will come after those that were foreseen before, or says that none does: first for where its
    /// keys are found, some events later for the keys, then for their cursors, and at last for their rows. It changes nothing but how
    /// long all that takes.
    pub(crate) fn foresee(&mut self, event: Option<&Event>) {
        const KEYS_AFTER: usize = 3;
        const CURSORS_AFTER: usize = 6;
        const ROWS_AFTER: usize = 9;
        let Self { plan, keys, foreseen, .. } = self;
        let at = [0, KEYS_AFTER, CURSORS_AFTER, ROWS_AFTER].map(|events| foreseen.before(events));
        for (number, (entity, keys)) in plan.entities.iter().zip(keys).enumerate() {
            let name = match (event, entity.key.as_slice()) {
                (Some(event), [slot]) => event.entities[*slot].as_deref(),
                _ => None,
            };
            let [new, known, near, nearer] = at.map(|first| first + number);
            foreseen.hashes[new] = name.map(|name| keys.foresee(name));
            foreseen.slots[new] = NO_SLOT;
            if let Some(hash) = foreseen.hashes[known] {
                foreseen.slots[known] = keys.guess(hash).unwrap_or(NO_SLOT);
            }
            if let Some(key) = keys.get(foreseen.slots[near]) {
                key.ring.prefetch_cursors(entity.shape);
            }
            if let Some(key) = keys.get(foreseen.slots[nearer]) {
                key.ring.prefetch_rows(entity.shape);
            }
        }
        foreseen.go_on();
    }

    /// The same at once, for an event that was not foreseen: what its keys wait for passes together, at least.
    fn foresee_now(&mut self, touch: &Touch<'_>) {
        let Self { plan, keys, foreseen, .. } = self;
        let first = foreseen.before(0);
        for (number, keys) in keys.iter().enumerate() {
            foreseen.hashes[first + number] = touch.key_of(&plan.entities[number], number).map(|name| keys.foresee(name));
        }
        for (number, keys) in keys.iter().enumerate() {
            let guessed = foreseen.hashes[first + number].and_then(|hash| keys.guess(hash));
            foreseen.slots[first + number] = guessed.unwrap_or(NO_SLOT);
        }
        let slots = &foreseen.slots[first..];
        for ((entity, keys), slot) in plan.entities.iter().zip(keys.iter()).zip(slots) {
            if let Some(key) = keys.get(*slot) {
                key.ring.prefetch_cursors(entity.shape);
            }
        }
        for ((entity, keys), slot) in plan.entities.iter().zip(keys.iter()).zip(slots) {
            if let Some(key) = keys.get(*slot) {
                key.ring.prefetch_rows(entity.shape);
            }
        }
        foreseen.go_on();
    }

    /// Passes over an event that was foreseen and is not applied.
    pub(crate) fn pass_over(&mut self) {
        self.foreseen.take();
    }

    /// Foresees nothing any more.
    pub(crate) fn forget_foreseen(&mut self) {
        self.foreseen.clear();
    }

    fn bytes(&self) -> usize {
        self.keys.iter().map(|keys| keys.bytes).sum::<usize>() + self.labels.as_ref().map_or(0, Labels::bytes)
    }
}

/// Bytes of a key that has seen nothing.
pub(crate) fn key_bytes(plan: &EntityPlan) -> usize {
    Key::new(CompactString::default(), plan).bytes() + index::ENTRY
}

impl Store for Memory {
    type Error = Infallible;

    #[inline(always)]
    fn apply(&mut self, touch: &Touch<'_>, partials: &mut [Partial]) -> Result<Applied, Infallible> {
        if self.foreseen.is_empty() {
            self.foresee_now(touch);
        }
        let may_grow = self.bytes() < self.plan.memory_limit_bytes;
        let Self { plan, keys, labels, events, row, slots, foreseen } = self;
        let (plan, slots): (&Plan, _) = (plan, slots.as_mut_slice());
        let fingerprint = if labels.is_some() { touch.event.event_id.fingerprint() } else { 0 };
        let step = Step {
            event: touch.event,
            position: touch.position.0,
            is_bad: labels.as_mut().is_some_and(|labels| labels.early.take(fingerprint).unwrap_or(false)),
            moment: Moment { now: touch.event.occurred_at.micros(), midnights: touch.midnights },
            horizon: touch.horizon,
            reads: &plan.reads,
            may_grow,
        };
        let is_sweep = events.is_multiple_of(SWEEP);
        *events += 1;
        let guessed = foreseen.take();
        let mut applied = Applied::default();
        for (number, (entity, keys)) in plan.entities.iter().zip(keys).enumerate() {
            if is_sweep {
                keys.sweep(entity, touch.horizon);
            }
            slots[number] = NO_SLOT;
            let Some(name) = touch.key_of(entity, number) else {
                partials[entity.reads()].fill(Partial::ABSENT);
                continue;
            };
            match keys.apply(entity, &step, (name, guessed[number]), row, partials) {
                Some(placed) => {
                    slots[number] = placed.slot;
                    applied.is_late |= placed.is_late;
                    applied.coarse |= u64::from(placed.is_coarse) << number.min(63);
                }
                None => {
                    applied.refused |= 1 << number.min(63);
                    partials[entity.reads()].fill(Partial::REFUSED);
                }
            }
        }
        if let Some(labels) = labels {
            let event = Labelled::new(fingerprint, step.moment.now, step.position, step.is_bad);
            labels.remember(event, slots, touch.horizon.saturating_sub(plan.label_reach));
        }
        Ok(applied)
    }

    fn learn(&mut self, fingerprint: u128, is_bad: bool) -> Result<bool, Infallible> {
        let Self { plan, keys, labels, .. } = self;
        let Some(labels) = labels else { return Ok(true) };
        let (event, slots) = match labels.learn(fingerprint, is_bad) {
            Learned::Unknown => return Ok(false),
            Learned::Nothing => return Ok(true),
            Learned::Changed(event, slots) => (event, slots),
        };
        for ((entity, keys), slot) in plan.entities.iter().zip(keys).zip(slots) {
            if entity.labelled
                && let Some(key) = keys.get_mut(*slot)
            {
                key.mark(entity, &event, is_bad);
            }
        }
        Ok(true)
    }

    fn learn_early(&mut self, fingerprint: u128, is_bad: bool) -> Result<(), Infallible> {
        if let Some(labels) = &mut self.labels {
            labels.early.put(fingerprint, is_bad);
        }
        Ok(())
    }

    fn usage(&self) -> Vec<Usage> {
        let entities = self.plan.entities.iter().zip(&self.keys).map(|(entity, keys)| Usage {
            what: entity.name.clone(),
            keys: keys.len() as u64,
            bytes: keys.bytes as u64,
            refused: keys.refused,
        });
        let labels = self.labels.as_ref().map(|labels| Usage {
            what: "labels".to_owned(),
            keys: labels.len(),
            bytes: labels.bytes() as u64,
            refused: 0,
        });
        entities.chain(labels).collect()
    }
}
