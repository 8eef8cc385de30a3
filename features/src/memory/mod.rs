//! The store in memory: every key in its slot, on one thread. It is a pure function of the events and labels that it was given, in
//! their order.

mod decay;
mod extreme;
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

use self::key::Key;
use self::keys::Keys;
use self::labels::{Labelled, Labels, Learned, NO_SLOT};
use compact_str::CompactString;
use ingest::Event;

use crate::plan::{EntityPlan, Plan};
use crate::store::{Applied, Moment, Partial, Store, Touch, Usage};

/// With every so many events one slot of each entity is looked at, so that idle keys go.
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

/// The slots that the next events probably have.
#[derive(Debug, Default)]
struct Foreseen {
    slots: Vec<u32>,
    /// The first of the next event.
    next: usize,
}

impl Foreseen {
    fn take(&mut self) -> Option<u32> {
        let slot = self.slots.get(self.next).copied();
        self.next += usize::from(slot.is_some());
        slot
    }
}

impl Memory {
    /// A store that has seen nothing.
    pub fn new(plan: Arc<Plan>) -> Self {
        let keys = plan.entities.iter().map(|_| Keys::new()).collect();
        let labels = plan.is_labelled().then(|| Labels::new(plan.entities.len()));
        Self { plan, keys, labels, events: 0, row: Vec::new(), slots: Vec::new(), foreseen: Foreseen::default() }
    }

    /// Asks for the state of an event that will come after those that were foreseen before: first for its keys, some events later
    /// for their cursors, and at last for their rows. It changes nothing but how long all that takes.
    pub(crate) fn foresee(&mut self, event: &Event) {
        const CURSORS_AFTER: usize = 5;
        const ROWS_AFTER: usize = 10;
        let Self { plan, keys, foreseen, .. } = self;
        if foreseen.next == foreseen.slots.len() {
            foreseen.slots.clear();
            foreseen.next = 0;
        }
        let entities = plan.entities.len();
        for (number, (entity, keys)) in plan.entities.iter().zip(keys.iter()).enumerate() {
            let name = if let [slot] = entity.key.as_slice() { event.entities[*slot].as_deref() } else { None };
            let known = foreseen.slots.len();
            foreseen.slots.push(name.and_then(|name| keys.guess(name)).unwrap_or(NO_SLOT));
            let before = |events: usize| {
                let slot = known.checked_sub(events * entities).map(|place| foreseen.slots[place]);
                slot.and_then(|slot| keys.get(slot))
            };
            debug_assert_eq!(known % entities, number, "every event has a slot for each entity");
            if let Some(key) = before(CURSORS_AFTER) {
                key.ring.prefetch_cursors(entity.shape);
            }
            if let Some(key) = before(ROWS_AFTER) {
                key.ring.prefetch_rows(entity.shape);
            }
        }
    }

    fn bytes(&self) -> usize {
        self.keys.iter().map(|keys| keys.bytes).sum()
    }
}

/// Bytes of a key that has seen nothing.
pub(crate) fn key_bytes(plan: &EntityPlan) -> usize {
    Key::new(CompactString::default(), plan).bytes() + keys::ENTRY
}

impl Store for Memory {
    type Error = Infallible;

    fn apply(&mut self, touch: &Touch<'_>, partials: &mut [Partial]) -> Result<Applied, Infallible> {
        let bytes = self.bytes();
        let Self { plan, keys, labels, events, row, slots, foreseen } = self;
        let moment = Moment { now: touch.event.occurred_at.micros(), midnights: touch.midnights };
        let fingerprint = if labels.is_some() { touch.event.event_id.fingerprint() } else { 0 };
        let is_bad = labels.as_mut().is_some_and(|labels| labels.early.take(fingerprint).unwrap_or(false));
        let applied_before = *events;
        *events += 1;
        let mut applied = Applied::default();
        let is_full = bytes >= plan.memory_limit_bytes;
        slots.clear();
        // First where everything lies, so that the waits for it pass at once; what was foreseen is near by now.
        let is_near = foreseen.next < foreseen.slots.len();
        for (number, (entity, keys)) in plan.entities.iter().zip(keys.iter_mut()).enumerate() {
            if applied_before.is_multiple_of(SWEEP) {
                keys.sweep(entity, touch.horizon);
            }
            let guessed = foreseen.take().unwrap_or(NO_SLOT);
            let slot = touch.key(plan, number).map(|name| keys.slot(name, guessed, entity, is_full));
            applied.refused |= u64::from(slot == Some(None)) << number.min(63);
            slots.push(slot.flatten().unwrap_or(NO_SLOT));
            if !is_near && let Some(key) = slot.flatten().and_then(|slot| keys.get(slot)) {
                key.ring.prefetch_cursors(entity.shape);
            }
        }
        if let Some(labels) = labels {
            let event = Labelled::new(fingerprint, moment.now, touch.position.0, is_bad);
            labels.remember(event, slots, touch.horizon.saturating_sub(plan.label_reach()));
        }
        for ((entity, keys), slot) in plan.entities.iter().zip(keys.iter()).zip(slots.iter()) {
            if !is_near && let Some(key) = keys.get(*slot) {
                key.ring.prefetch_rows(entity.shape);
            }
        }
        for (number, ((entity, keys), slot)) in plan.entities.iter().zip(keys).zip(slots).enumerate() {
            let Some(key) = keys.get_mut(*slot) else {
                let is_refused = applied.refused >> number.min(63) & 1 == 1;
                let nothing = if is_refused { Partial::REFUSED } else { Partial::ABSENT };
                partials[entity.before.start..entity.after.end].fill(nothing);
                continue;
            };
            row.clear();
            entity.write_row(touch.event, touch.position.0, is_bad, row);
            let had = key.history_bytes();
            applied.is_late |= key.apply(entity, &plan.reads, &moment, row, !is_full, partials);
            applied.coarse |= u64::from(key.is_coarse(entity, moment.now)) << number.min(63);
            let has = key.history_bytes();
            keys.bytes = keys.bytes + has - had;
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
            bytes: labels.bytes(),
            refused: 0,
        });
        entities.chain(labels).collect()
    }
}
