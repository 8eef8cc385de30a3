//! The store in memory as a snapshot has it: every slot with its key, so that after a restart every event does what it would have
//! done.

use std::io;
use std::sync::Arc;

use compact_str::CompactString;

use super::Memory;
use super::decay::Decayed;
use super::key::Key;
use super::keys::Keys;
use super::labels::{Generation, LEAST, Labelled};
use super::order::Order;
use super::parts::Parts;
use super::ring::{HEADER, most_capacity};
use super::seen::Seen;
use super::table::Table;
use crate::plan::{EntityPlan, Plan};
use crate::snapshot::{Error, Reader, Writer};

/// So many words of a ring's header are written.
const HEADER_SAVED: usize = 3;

impl Memory {
    /// Writes everything.
    pub(crate) fn save(&self, out: &mut Writer) -> io::Result<()> {
        out.u64(self.events)?;
        for (entity, keys) in self.plan.entities.iter().zip(&self.keys) {
            save_keys(entity, keys, out)?;
        }
        let Some(labels) = &self.labels else { return Ok(()) };
        out.u32(labels.generations().len() as u32)?;
        for generation in labels.generations() {
            out.u32(generation.capacity)?;
            out.u32(generation.events.len() as u32)?;
            for (event, slots) in generation.events.iter().zip(generation.slots.chunks_exact(self.plan.entities.len())) {
                out.u128(event.fingerprint)?;
                out.i64(event.occurred_at)?;
                out.u64(event.tagged)?;
                slots.iter().try_for_each(|slot| out.u32(*slot))?;
            }
        }
        out.u64(labels.early.iter().count() as u64)?;
        labels.early.iter().try_for_each(|(fingerprint, is_bad)| {
            out.u128(fingerprint)?;
            out.u32(u32::from(*is_bad))
        })
    }

    /// Reads what [`Memory::save`] wrote.
    pub(crate) fn load(plan: Arc<Plan>, input: &mut Reader) -> Result<Self, Error> {
        let mut memory = Self::new(plan);
        let Self { plan, keys, labels, events, .. } = &mut memory;
        *events = input.u64()?;
        for (entity, keys) in plan.entities.iter().zip(keys) {
            load_keys(entity, keys, input)?;
        }
        let Some(labels) = labels else { return Ok(memory) };
        let mut slots = vec![0; plan.entities.len()];
        // Room is made before anything is put there: more than there can be is damage, and must not be asked of the machine.
        let most = LEAST.max(input.header().position.0);
        for _ in 0..input.u32()? {
            let (capacity, events) = (input.u32()?, input.u32()?);
            if events > capacity || u64::from(capacity) > most {
                return Err(input.damaged("a generation has more events than fit"));
            }
            let mut generation = Generation::new(capacity, slots.len());
            for _ in 0..events {
                let (fingerprint, occurred_at, tagged) = (input.u128()?, input.i64()?, input.u64()?);
                for slot in &mut slots {
                    *slot = input.u32()?;
                }
                generation.push(Labelled { fingerprint, occurred_at, tagged }, &slots);
            }
            labels.push(generation);
        }
        for _ in 0..input.u64()? {
            let (fingerprint, is_bad) = (input.u128()?, input.u32()? == 1);
            labels.early.put(fingerprint, is_bad);
        }
        Ok(memory)
    }
}

fn save_keys(plan: &EntityPlan, keys: &Keys, out: &mut Writer) -> io::Result<()> {
    out.u32(keys.slots())?;
    out.u32(keys.swept)?;
    out.u64(keys.refused)?;
    for key in keys.iter() {
        match key {
            None => out.u32(u32::MAX)?,
            Some(key) => save_key(plan, key, out)?,
        }
    }
    out.u32(keys.free.len() as u32)?;
    keys.free.iter().try_for_each(|slot| out.u32(*slot))
}

fn load_keys(plan: &EntityPlan, keys: &mut Keys, input: &mut Reader) -> Result<(), Error> {
    let slots = input.u32()?;
    keys.swept = input.u32()?;
    keys.refused = input.u64()?;
    for slot in 0..slots {
        let key = load_key(plan, input)?;
        keys.put(slot, key);
    }
    for _ in 0..input.u32()? {
        keys.free.push(input.u32()?);
    }
    Ok(())
}

/// The name's length, or `u32::MAX` for a free slot, comes first.
fn save_key(plan: &EntityPlan, key: &Key, out: &mut Writer) -> io::Result<()> {
    let shape = plan.shape;
    out.bytes(key.name.as_bytes())?;
    out.u32(key.ring.capacity)?;
    out.u32(key.ring.len)?;
    let (header, cursors) = key.ring.before_rows(shape).split_at(HEADER);
    out.words(&header[..HEADER_SAVED])?;
    out.words(cursors)?;
    (key.ring.first()..key.ring.tail()).try_for_each(|number| out.words(key.ring.row(shape, number)))?;
    let Some(parts) = &key.parts else { return Ok(()) };
    out.words(&parts.lasts)?;
    out.words(&parts.forgotten)?;
    for extreme in &parts.extremes {
        out.words(&[extreme.all, extreme.forgotten])?;
        out.u32(extreme.queue.len() as u32)?;
        extreme.queue.iter().try_for_each(|(time, value)| out.words(&[*time, *value]))?;
    }
    for seen in &parts.seen {
        out.u32(seen.level)?;
        out.u32(seen.taken)?;
        out.i64(seen.taken_since)?;
        out.u32(seen.known.len() as u32)?;
        seen.known.iter().try_for_each(|seen| out.words(&[seen.word, seen.first, seen.last]))?;
    }
    for table in &parts.tables {
        out.u32(table.counts.len() as u32)?;
        table.counts.iter().try_for_each(|(category, count)| {
            out.i64(*category)?;
            out.u32(*count)
        })?;
    }
    for order in &parts.orders {
        out.u32(order.sorted.len() as u32)?;
        out.words(&order.sorted)?;
    }
    for decay in parts.decays.iter().flatten() {
        out.u64(decay.sum.to_bits())?;
        out.i64(decay.at)?;
    }
    Ok(())
}

fn load_key(plan: &EntityPlan, input: &mut Reader) -> Result<Option<Key>, Error> {
    let length = input.u32()?;
    if length == u32::MAX {
        return Ok(None);
    }
    let name = String::from_utf8(input.bytes_of(length)?).map_err(|_| input.damaged("a key is no text"))?;
    let mut key = Key::new(CompactString::from(name), plan);
    let shape = plan.shape;
    let (capacity, len) = (input.u32()?, input.u32()?);
    let most = most_capacity(plan.max_events);
    let fits = len <= capacity && capacity <= most && capacity as u64 * shape.row as u64 <= u64::from(u32::MAX);
    if !fits {
        return Err(input.damaged("a key has more rows than fit"));
    }
    key.ring.set_capacity(shape, capacity);
    let (header, cursors) = key.ring.before_rows_mut(shape).split_at_mut(HEADER);
    input.words(&mut header[..HEADER_SAVED])?;
    input.words(cursors)?;
    key.ring.len = len;
    if key.ring.tail().checked_sub(i64::from(len)).is_none() {
        return Err(input.damaged("the rows of a key have no numbers"));
    }
    for number in key.ring.first()..key.ring.tail() {
        input.words(key.ring.row_mut(shape, number))?;
    }
    if let Some(parts) = &mut key.parts {
        load_parts(parts, input)?;
    }
    Ok(Some(key))
}

fn load_parts(parts: &mut Parts, input: &mut Reader) -> Result<(), Error> {
    input.words(&mut parts.lasts)?;
    input.words(&mut parts.forgotten)?;
    for extreme in &mut parts.extremes {
        (extreme.all, extreme.forgotten) = (input.i64()?, input.i64()?);
        for _ in 0..input.u32()? {
            extreme.queue.push_back((input.i64()?, input.i64()?));
        }
    }
    for seen in &mut parts.seen {
        (seen.level, seen.taken, seen.taken_since) = (input.u32()?, input.u32()?, input.i64()?);
        for _ in 0..input.u32()? {
            seen.known.push(Seen { word: input.i64()?, first: input.i64()?, last: input.i64()? });
        }
    }
    for table in &mut parts.tables {
        let mut counts = Vec::new();
        for _ in 0..input.u32()? {
            counts.push((input.i64()?, input.u32()?));
        }
        *table = Table::with_counts(counts);
    }
    for order in &mut parts.orders {
        let mut sorted = Vec::new();
        for _ in 0..input.u32()? {
            sorted.push(input.i64()?);
        }
        *order = Order { sorted };
    }
    for decay in parts.decays.iter_mut().flatten() {
        *decay = Decayed { sum: f64::from_bits(input.u64()?), at: input.i64()? };
    }
    Ok(())
}
