//! What the benches of scoring send: made-up events of a pipeline, or those of a file, as events and as the JSON that the API takes.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, bail};
use ingest::decode::file;
use ingest::schema::{Place, Schema};
use ingest::{Event, Value};
use serde_json::{Map, Value as Json, json};

use crate::commands::made_up;

/// How many keys an entity of made-up events has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Keys {
    /// The entity.
    pub(super) entity: String,
    /// How many different keys it has; 1 or more.
    pub(super) count: u64,
}

/// Where it is not said, an entity has so many keys.
const USUAL_KEYS: u64 = 5_000;
/// Made-up events are so far apart, by their own time: with 200,000 before, windows of thirty days are full and lose as much as they take.
const APART_MICROS: i64 = 20_000_000;

impl FromStr for Keys {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parsed =
            text.split_once('=').and_then(|(entity, count)| Some((entity, count.parse().ok().filter(|count| *count > 0)?)));
        let (entity, count) = parsed.ok_or_else(|| "write it as merchant=50".to_owned())?;
        Ok(Self { entity: entity.to_owned(), count })
    }
}

impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.entity, self.count)
    }
}

/// Made-up events of a schema, by their numbers.
#[derive(Clone, Debug)]
pub(super) struct Events<'a> {
    schema: &'a Schema,
    keys: Vec<u64>,
}

impl<'a> Events<'a> {
    /// Entities that `keys` does not name have 5,000.
    pub(super) fn new(schema: &'a Schema, keys: &[Keys]) -> anyhow::Result<Self> {
        let mut counts = vec![USUAL_KEYS; schema.entities.len()];
        for Keys { entity, count } in keys {
            let slot = schema.entity(entity).with_context(|| format!("`{entity}` is not an entity of the pipeline"))?;
            counts[slot] = *count;
        }
        Ok(Self { schema, keys: counts })
    }

    /// The event of a number, always the same.
    pub(super) fn event(&self, number: u64) -> Event {
        made_up::event(number, self.schema, &self.keys, APART_MICROS)
    }
}

/// The first `most` events of a file.
pub(super) fn of_file(path: &Path, schema: &Schema, most: usize) -> anyhow::Result<Vec<Event>> {
    let mut events = Vec::new();
    for rows in file::open(path, schema)? {
        events.extend(rows?.into_iter().flatten().map(|row| row.event).take(most - events.len()));
        if events.len() == most {
            break;
        }
    }
    if events.is_empty() {
        bail!("{} has no events", path.display());
    }
    Ok(events)
}

/// An event as the API takes it, under another id and at another time.
pub(super) fn body(event: &Event, schema: &Schema, event_id: &str, event_time: &str) -> Json {
    let mut body = json!({"event_type": schema.event_type});
    let mut set = |place: &Place, value: Json| put(&mut body, &place.json, value);
    set(&schema.event_id, event_id.into());
    set(&schema.event_time, event_time.into());
    if let (Some(place), Some(amount)) = (&schema.amount_minor, event.amount) {
        set(place, amount.minor().into());
        if let Some(place) = &schema.currency {
            set(place, amount.currency().as_str().into());
        }
    }
    for (entity, key) in schema.entities.iter().zip(&event.entities) {
        if let Some(key) = key {
            set(&entity.place, Json::from(&**key));
        }
    }
    for (attribute, value) in schema.attributes.iter().zip(&event.attributes) {
        match value {
            Some(Value::Text(text)) => set(&attribute.place, Json::from(&**text)),
            Some(Value::Integer(whole)) => set(&attribute.place, (*whole).into()),
            Some(Value::Number(number)) => set(&attribute.place, (*number).into()),
            Some(Value::Flag(flag)) => set(&attribute.place, (*flag).into()),
            None => {}
        }
    }
    body
}

/// Puts a value at the end of a path. Where another part already has a value on the way, the place is not there to be had.
fn put(within: &mut Json, path: &[String], value: Json) {
    let Some((name, rest)) = path.split_first() else {
        *within = value;
        return;
    };
    if let Json::Object(members) = within {
        put(members.entry(name).or_insert_with(|| Json::Object(Map::new())), rest, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ingest::decode;

    #[test]
    fn what_is_sent_is_the_event() {
        let check = |text: &str| {
            let pipeline = scoring::Pipeline::parse(text, "p.toml").expect("it fits");
            let events = Events::new(&pipeline.schema, &[]).expect("no keys are named");
            for number in 0..50 {
                let event = events.event(number);
                let time = "2026-04-23T12:00:00.000001Z";
                let sent = body(&event, &pipeline.schema, "x", time).to_string();
                let read = decode::json::event(sent.as_bytes(), &pipeline.schema).expect("it fits the schema");
                let expect = Event {
                    event_id: ingest::EventId::new("x").expect("short"),
                    occurred_at: time.parse().expect("a time"),
                    ..event
                };
                assert_eq!(read, expect);
            }
        };
        check(include_str!("../../../pipelines/card_fraud_handbook.toml"));
        check(&super::super::setup::text());
    }

    #[test]
    fn keys_are_as_many_as_wanted() {
        let check = |text: &str, expect: Result<(&str, u64), &str>| {
            let parsed = text.parse::<Keys>();
            assert_eq!(parsed.as_ref().map(|keys| (keys.entity.as_str(), keys.count)).map_err(String::as_str), expect, "{text}");
        };
        check("merchant=50", Ok(("merchant", 50)));
        check("merchant", Err("write it as merchant=50"));
        check("merchant=0", Err("write it as merchant=50"));
        let pipeline = scoring::Pipeline::parse(&super::super::setup::text(), "p.toml").expect("it fits");
        let events = Events::new(&pipeline.schema, &["merchant=3".parse().expect("keys")]).expect("it is an entity");
        let slot = pipeline.schema.entity("merchant").expect("it is an entity");
        let seen: std::collections::BTreeSet<_> = (0..500).map(|number| events.event(number).entities[slot].clone()).collect();
        assert_eq!(seen.len(), 3);
        assert!(Events::new(&pipeline.schema, &["shop=3".parse().expect("keys")]).is_err());
    }
}
