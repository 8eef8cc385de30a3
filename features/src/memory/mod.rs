//! The store in memory: every key in its slot, on one thread. It is a pure function of the events and labels that it was given, in
//! their order.

mod decay;
mod extreme;
mod key;
mod keys;
mod labels;
mod order;
mod parts;
mod ring;
pub mod seen;
mod snapshot;
mod table;

use std::convert::Infallible;
use std::sync::Arc;

use self::keys::Keys;
use self::labels::{Labelled, Labels, NO_SLOT};
use crate::plan::Plan;
use crate::store::{Applied, Moment, Partial, Store, Touch, Usage};

/// All state of a plan.
#[derive(Debug)]
pub struct Memory {
    plan: Arc<Plan>,
    keys: Vec<Keys>,
    /// Where any feature counts labels.
    labels: Option<Labels>,
    /// The row and the slots of the event that is applied.
    row: Vec<i64>,
    slots: Vec<u32>,
}

impl Memory {
    /// A store that has seen nothing.
    pub fn new(plan: Arc<Plan>) -> Self {
        let keys = plan.entities.iter().map(|_| Keys::new()).collect();
        let labels = plan.is_labelled().then(|| Labels::new(plan.entities.len()));
        Self { plan, keys, labels, row: Vec::new(), slots: Vec::new() }
    }

    fn bytes(&self) -> usize {
        self.keys.iter().map(|keys| keys.bytes).sum()
    }
}

impl Store for Memory {
    type Error = Infallible;

    fn apply(&mut self, touch: &Touch<'_>, partials: &mut [Partial]) -> Result<Applied, Infallible> {
        let mut bytes = self.bytes();
        let Self { plan, keys, labels, row, slots } = self;
        let moment = Moment { now: touch.event.occurred_at.micros(), midnights: touch.midnights };
        let fingerprint = if labels.is_some() { touch.event.event_id.fingerprint() } else { 0 };
        let is_bad = labels.as_mut().is_some_and(|labels| labels.early.take(fingerprint).unwrap_or(false));
        let mut applied = Applied::default();
        slots.clear();
        for (number, (entity, keys)) in plan.entities.iter().zip(keys.iter_mut()).enumerate() {
            keys.sweep(entity, touch.horizon);
            let is_full = bytes >= plan.memory_limit_bytes;
            let slot = touch.key(plan, number).map(|name| keys.slot(name, entity, is_full));
            let Some(Some(slot)) = slot else {
                let nothing = if slot.is_some() { Partial::REFUSED } else { Partial::ABSENT };
                partials[entity.before.start..entity.after.end].fill(nothing);
                applied.refused |= u64::from(slot.is_some()) << number.min(63);
                slots.push(NO_SLOT);
                continue;
            };
            slots.push(slot);
            row.clear();
            entity.write_row(touch.event, touch.position.0, is_bad, row);
            let before = keys.bytes;
            let key = keys.get_mut(slot).expect("the slot was just given");
            let (had, now) = {
                let had = key.bytes();
                applied.is_late |= key.apply(entity, &plan.outputs, &moment, row, !is_full, partials);
                applied.coarse |= u64::from(key.is_coarse(entity, moment.now)) << number.min(63);
                (had, key.bytes())
            };
            keys.bytes = keys.bytes + now - had;
            bytes = bytes + keys.bytes - before;
        }
        if let Some(labels) = labels {
            let event = Labelled { fingerprint, occurred_at: moment.now, position: touch.position.0, is_bad };
            labels.remember(event, slots.iter().copied(), touch.horizon.saturating_sub(plan.label_reach()));
        }
        Ok(applied)
    }

    fn learn(&mut self, fingerprint: u128, is_bad: bool) -> Result<(), Infallible> {
        let Self { plan, keys, labels, .. } = self;
        let Some((event, slots)) = labels.as_mut().and_then(|labels| labels.learn(fingerprint, is_bad)) else { return Ok(()) };
        for ((entity, keys), slot) in plan.entities.iter().zip(keys).zip(slots) {
            if entity.labelled
                && let Some(key) = keys.get_mut(slot)
            {
                key.mark(entity, &event, is_bad);
            }
        }
        Ok(())
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
            keys: labels.len() as u64,
            bytes: labels.bytes() as u64,
            refused: 0,
        });
        entities.chain(labels).collect()
    }
}
