//! Events and labels as the log keeps them. The first byte of a payload is the version of its encoding; every version that was
//! ever written stays readable. Names lie beside the values, so that a record outlives a change of the schema.

use serde::{Deserialize, Serialize};

use crate::event::{Amount, Event, EventId, Value};
use crate::label::Label;
use crate::schema::Schema;
use crate::time::Timestamp;

/// Version 2 has the event that it corrects behind it; without one, version 1 is written, so that what an event says stays the same bytes.
const EVENT_VERSION: u8 = 2;
const LABEL_VERSION: u8 = 1;

/// Version and `received_at`.
const EVENT_HEADER: usize = 9;

/// A payload that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// No bytes, or bytes that do not fit the version.
    #[error("a record of kind {kind} is malformed: {reason}")]
    Malformed {
        /// `event`, `label`.
        kind: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Written by a newer program.
    #[error("a record of kind {kind} has version {version}, this program reads up to {newest}")]
    Version {
        /// `event`, `label`.
        kind: &'static str,
        /// The version found.
        version: u8,
        /// The newest version that is known.
        newest: u8,
    },
}

/// The bytes after the version, when the version is known.
pub fn check_version<'a>(kind: &'static str, payload: &'a [u8], newest: u8) -> Result<&'a [u8], RecordError> {
    match payload.split_first() {
        None => Err(RecordError::Malformed { kind, reason: "it is empty".to_owned() }),
        Some((&version, body)) if (1..=newest).contains(&version) => Ok(body),
        Some((&version, _)) => Err(RecordError::Version { kind, version, newest }),
    }
}

/// Appends `version` and the encoding of `body` to `buffer`.
pub fn encode(version: u8, body: &impl Serialize, mut buffer: Vec<u8>) -> Vec<u8> {
    buffer.push(version);
    postcard::to_extend(body, buffer).expect("a record of plain data always encodes")
}

/// Reads the encoding of a body, all of it.
pub fn decode<'a, T: Deserialize<'a>>(kind: &'static str, body: &'a [u8]) -> Result<T, RecordError> {
    match postcard::take_from_bytes(body) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(RecordError::Malformed { kind, reason: format!("{} bytes too many", rest.len()) }),
        Err(error) => Err(RecordError::Malformed { kind, reason: error.to_string() }),
    }
}

/// Reads the first fields of a body, and nothing of what comes after them.
pub fn decode_first<'a, T: Deserialize<'a>>(kind: &'static str, body: &'a [u8]) -> Result<T, RecordError> {
    let malformed = |error: postcard::Error| RecordError::Malformed { kind, reason: error.to_string() };
    postcard::take_from_bytes(body).map(|(value, _)| value).map_err(malformed)
}

#[derive(Serialize)]
struct EventOut<'a> {
    event_id: &'a EventId,
    occurred_at: Timestamp,
    amount: Option<Amount>,
    entities: Vec<(&'a str, &'a str)>,
    attributes: Vec<(&'a str, &'a Value)>,
}

#[derive(Deserialize)]
struct EventIn<'a> {
    event_id: EventId,
    occurred_at: Timestamp,
    amount: Option<Amount>,
    #[serde(borrow)]
    entities: Vec<(&'a str, &'a str)>,
    #[serde(borrow)]
    attributes: Vec<(&'a str, Value)>,
}

/// An event and when it came through the door: version, eight bytes of `received_at`, content.
pub fn encode_event(event: &Event, received_at: Timestamp, schema: &Schema) -> Vec<u8> {
    let entities = schema.entities.iter().zip(&event.entities);
    let attributes = schema.attributes.iter().zip(&event.attributes);
    let out = EventOut {
        event_id: &event.event_id,
        occurred_at: event.occurred_at,
        amount: event.amount,
        entities: entities.filter_map(|(entity, key)| Some((entity.name.as_str(), key.as_deref()?))).collect(),
        attributes: attributes.filter_map(|(attribute, value)| Some((attribute.name.as_str(), value.as_ref()?))).collect(),
    };
    let mut payload = Vec::with_capacity(96);
    payload.push(if event.supersedes.is_some() { EVENT_VERSION } else { 1 });
    payload.extend_from_slice(&received_at.micros().to_le_bytes());
    let payload = postcard::to_extend(&out, payload).expect("a record of plain data always encodes");
    match &event.supersedes {
        Some(corrected) => postcard::to_extend(corrected, payload).expect("a record of plain data always encodes"),
        None => payload,
    }
}

/// 64 bits that stand for what an encoded event says, whenever it came: two sendings of one event have the same.
pub fn event_content(payload: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(payload.get(EVENT_HEADER..).unwrap_or(&[]))
}

/// When an encoded event happened, without reading the rest of it.
pub fn event_time(payload: &[u8]) -> Result<Timestamp, RecordError> {
    check_version("event", payload, EVENT_VERSION)?;
    let (_, occurred_at): (&str, Timestamp) = decode_first("event", payload.get(EVENT_HEADER..).unwrap_or(&[]))?;
    Ok(occurred_at)
}

/// Whom an encoded event is about, without reading the rest of it: the key of its first entity, in the order of the schema that it was
/// written under, or its own id where it has none.
pub fn event_subject(payload: &[u8]) -> Result<&str, RecordError> {
    type First<'a> = (&'a str, Timestamp, Option<Amount>, Vec<(&'a str, &'a str)>);
    check_version("event", payload, EVENT_VERSION)?;
    let (event_id, _, _, entities): First<'_> = decode_first("event", payload.get(EVENT_HEADER..).unwrap_or(&[]))?;
    Ok(entities.first().map_or(event_id, |(_, key)| key))
}

/// An event by the schema of today: what that does not declare is left out, what the record lacks is absent.
pub fn decode_event(payload: &[u8], schema: &Schema) -> Result<(Event, Timestamp), RecordError> {
    let body = check_version("event", payload, EVENT_VERSION)?;
    let (received_at, body) = body
        .split_first_chunk()
        .ok_or_else(|| RecordError::Malformed { kind: "event", reason: "it ends within its header".to_owned() })?;
    let (record, supersedes): (EventIn<'_>, Option<EventId>) = match payload[0] {
        1 => (decode("event", body)?, None),
        _ => decode("event", body).map(|(record, corrected)| (record, Some(corrected)))?,
    };
    let mut event = Event {
        event_id: record.event_id,
        occurred_at: record.occurred_at,
        amount: record.amount,
        entities: vec![None; schema.entities.len()],
        attributes: vec![None; schema.attributes.len()],
        supersedes,
    };
    for (name, key) in record.entities {
        if let Some(slot) = schema.entity(name) {
            event.entities[slot] = Some(key.into());
        }
    }
    for (name, value) in record.attributes {
        if let Some(slot) = schema.attribute(name) {
            event.attributes[slot] = Some(value);
        }
    }
    Ok((event, Timestamp::from_micros(i64::from_le_bytes(*received_at))))
}

/// A label and when it came through the door.
pub fn encode_label(label: &Label, received_at: Timestamp) -> Vec<u8> {
    encode(LABEL_VERSION, &(label, received_at), Vec::with_capacity(48))
}

/// The label and when it came.
pub fn decode_label(payload: &[u8]) -> Result<(Label, Timestamp), RecordError> {
    decode("label", check_version("label", payload, LABEL_VERSION)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Currency;
    use crate::label::{LabelSource, Outcome};

    fn schema(parts: &str) -> Schema {
        toml::from_str(&format!("type = \"login\"\nevent_id = {{}}\nevent_time = {{}}\n{parts}")).expect("a schema")
    }

    fn event() -> (Event, Schema) {
        let schema = schema(
            "amount_minor = {}\n[entities]\ncard = {}\nip = {}\n[attributes]\nmcc = { type = \"text\" }\nrisk = { type = \"number\" }",
        );
        let event = Event {
            event_id: EventId::new("e1").expect("short"),
            occurred_at: Timestamp::from_micros(300),
            amount: Amount::new(1_234, Currency::new("EUR").expect("a code")),
            entities: vec![Some("k".into()), None],
            attributes: vec![Some(Value::Text("5732".into())), Some(Value::Number(0.5))],
            supersedes: None,
        };
        (event, schema)
    }

    #[test]
    fn the_format_of_an_event_is_pinned() {
        let (event, schema) = event();
        let payload = encode_event(&event, Timestamp::from_micros(2), &schema);
        let expect = concat!(
            "01",               // version
            "0200000000000000", // received_at
            "026531",           // event_id
            "d804",             // occurred_at, zigzag
            "01a413",
            "03455552", // amount: minor, zigzag; currency
            "01",
            "0463617264",
            "016b", // one entity: card = k
            "02",
            "036d6363",
            "000435373332", // two attributes: mcc = text 5732,
            "047269736b",
            "02000000000000e03f", // risk = number 0.5
        );
        assert_eq!(hex::encode(&payload), expect);
        assert_eq!(decode_event(&payload, &schema), Ok((event.clone(), Timestamp::from_micros(2))));
        assert_eq!(event_time(&payload), Ok(event.occurred_at));
        assert_eq!(event_subject(&payload), Ok("k"));
        let nobody = Event { entities: vec![None, None], ..event.clone() };
        assert_eq!(event_subject(&encode_event(&nobody, Timestamp::from_micros(2), &schema)), Ok("e1"));
        assert!((0..12).all(|length| event_time(&payload[..length]).is_err()));
        let correction = Event { supersedes: EventId::new("e0"), ..event };
        let payload = encode_event(&correction, Timestamp::from_micros(2), &schema);
        assert_eq!(hex::encode(&payload), format!("02{}026530", &expect[2..]));
        assert_eq!(event_time(&payload), Ok(correction.occurred_at));
        assert_eq!(decode_event(&payload, &schema), Ok((correction, Timestamp::from_micros(2))));
    }

    #[test]
    fn the_format_of_a_label_is_pinned() {
        let label = Label {
            event_id: EventId::new("e1").expect("short"),
            label: Outcome::Fraud,
            source: LabelSource::Analyst,
            category: Some("lost".to_owned()),
            observed_at: Timestamp::from_micros(1),
            amount_minor: Some(-1),
        };
        let payload = encode_label(&label, Timestamp::from_micros(2));
        assert_eq!(hex::encode(&payload), "01026531000101046c6f737402010104");
        assert_eq!(decode_label(&payload), Ok((label, Timestamp::from_micros(2))));
    }

    #[test]
    fn a_record_outlives_a_change_of_the_schema() {
        let (event, before) = event();
        let payload = encode_event(&event, Timestamp::from_micros(2), &before);
        let after = schema("[entities]\naccount = { required = false }\ncard = {}\n[attributes]\nrisk = { type = \"number\" }");
        let (read, _) = decode_event(&payload, &after).expect("it is readable");
        assert_eq!(read.entities, [None, Some("k".into())]);
        assert_eq!(read.attributes, [Some(Value::Number(0.5))]);
    }

    #[test]
    fn content_is_the_same_whenever_it_comes() {
        let (event, schema) = event();
        let content = |event: &Event, at: i64| event_content(&encode_event(event, Timestamp::from_micros(at), &schema));
        assert_eq!(content(&event, 1), content(&event, 2));
        let other = Event { occurred_at: Timestamp::from_micros(301), ..event.clone() };
        assert_ne!(content(&event, 1), content(&other, 1));
    }

    #[test]
    fn what_cannot_be_read_is_refused_at_every_byte() {
        let (event, schema) = event();
        let payload = encode_event(&event, Timestamp::from_micros(2), &schema);
        for length in 0..payload.len() {
            assert!(decode_event(&payload[..length], &schema).is_err(), "cut at {length}");
        }
        let newer = [&[9], &payload[1..]].concat();
        let error = decode_event(&newer, &schema).expect_err("it is newer");
        assert_eq!(error.to_string(), "a record of kind event has version 9, this program reads up to 2");
        let longer = [payload.as_slice(), &[0]].concat();
        assert!(decode_event(&longer, &schema).is_err(), "a byte too many");
    }
}
