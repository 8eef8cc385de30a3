//! Events that are made up for a schema: parts that repeat as those of real events do, the same for the same number.

use ingest::schema::{Schema, ValueType};
use ingest::{Amount, Event, EventId, Timestamp, Value};

/// An event. `keys` says how many keys each entity has, in the order of the schema; each comes up as often as the others. Times are
/// `apart_micros` apart.
pub(crate) fn event(number: u64, schema: &Schema, keys: &[u64], apart_micros: i64) -> Event {
    let value = |slot: usize, of: u64| spread(number, slot as u64) % of;
    Event {
        event_id: EventId::new(&number.to_string()).expect("short"),
        occurred_at: Timestamp::from_micros(1_500_000_000_000_000 + number as i64 * apart_micros),
        amount: schema.amount_minor.as_ref().and_then(|_| Amount::new(value(99, 1_000) as i64 * 10, schema.default_currency)),
        entities: keys.iter().enumerate().map(|(slot, keys)| Some(format!("{slot}_{}", value(slot, *keys)).into())).collect(),
        supersedes: None,
        attributes: (schema.attributes.iter().enumerate())
            .map(|(slot, attribute)| {
                let value = value(slot + 100, 20);
                Some(match attribute.value_type {
                    ValueType::Text => Value::Text(format!("v{value}").into()),
                    ValueType::Integer => Value::Integer(value as i64),
                    ValueType::Number => Value::Number(value as f64),
                    ValueType::Flag => Value::Flag(value.is_multiple_of(2)),
                })
            })
            .collect(),
    }
}

/// 32 bits that look drawn, for each purpose others: what is made up for one slot says nothing of another.
pub(crate) fn spread(number: u64, purpose: u64) -> u64 {
    xxhash_rust::xxh3::xxh3_64_with_seed(&number.to_le_bytes(), purpose) >> 32
}
