//! Events that are made up for a schema: parts that repeat as those of real events do, the same for the same number.

use ingest::schema::{Schema, ValueType};
use ingest::{Amount, Event, EventId, Timestamp, Value};

/// An event. `keys` says how many keys each entity has, in the order of the schema; each comes up as often as the others. Times are
/// `apart_micros` apart.
pub(crate) fn event(number: u64, schema: &Schema, keys: &[u64], apart_micros: i64) -> Event {
    let value = |slot: usize, of: u64| spread(number + slot as u64 * 7_919) % of;
    Event {
        event_id: EventId::new(&number.to_string()).expect("short"),
        occurred_at: Timestamp::from_micros(1_500_000_000_000_000 + number as i64 * apart_micros),
        amount: schema.amount_minor.as_ref().and_then(|_| Amount::new(value(0, 1_000) as i64 * 10, schema.default_currency)),
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

/// 32 bits that look drawn (multiplicative hashing by the golden ratio).
pub(crate) fn spread(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}
