//! Events and labels as JSON objects: requests, and lines or elements of a file. Members that the pipeline does not declare are
//! left alone in an event, since payment systems send more than one pipeline uses, and refused in a label, whose members are ours.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::StrDeserializer;
use serde_json_borrow::ObjectAsVec as Members;
pub use serde_json_borrow::Value as Json;

use super::check::{self, Cell, Reason};
use super::row::{self, Parts};
use super::{Historical, Rejection};
use crate::event::{Currency, Event, EventId, Value};
use crate::label::{Label, LabelSource, Outcome};
use crate::schema::{Place, Schema, ValueType};
use crate::time::Timestamp;

/// An event out of the body of a request.
pub fn event(body: &[u8], schema: &Schema) -> Result<Event, Rejection> {
    event_of(&parse(body)?, schema)
}

/// An event out of JSON that is parsed already, such as an element of a batch.
pub fn event_of(json: &Json<'_>, schema: &Schema) -> Result<Event, Rejection> {
    let event = row::event(&mut envelope(json, schema)?, schema)?;
    let supersedes = optional(object(json)?, SUPERSEDES, |json| check::event_id(&id(json)?))?;
    if supersedes.as_ref() == Some(&event.event_id) {
        return Err(Rejection::of(SUPERSEDES, "must name another event"));
    }
    Ok(Event { supersedes, ..event })
}

/// The member by which an event names the one that it corrects, whatever a pipeline declares.
const SUPERSEDES: &str = "supersedes";

/// An event and, in the member that the schema names, its label.
pub fn historical(body: &[u8], schema: &Schema) -> Result<Historical, Rejection> {
    row::historical(&mut envelope(&parse(body)?, schema)?, schema)
}

/// A label out of the body of a request.
pub fn label(body: &[u8]) -> Result<Label, Rejection> {
    const MEMBERS: [&str; 6] = ["event_id", "label", "source", "category", "observed_at", "amount_minor"];
    let json = parse(body)?;
    let members = object(&json)?;
    if let Some((unknown, _)) = members.iter().find(|(name, _)| !MEMBERS.contains(name)) {
        let name = unknown.chars().take(100).collect::<String>();
        return Err(Rejection::of(name, "is not a member of a label"));
    }
    Ok(Label {
        event_id: required(members, "event_id", |json| check::event_id(&id(json)?))?,
        label: required(members, "label", outcome)?,
        source: required(members, "source", source)?,
        category: optional(members, "category", |json| check::key(text(json)?).map(String::from))?,
        observed_at: required(members, "observed_at", time)?,
        amount_minor: optional(members, "amount_minor", minor)?,
    })
}

fn parse(body: &[u8]) -> Result<Json<'_>, Rejection> {
    // Text is looked through at once; as bytes each of its strings would be by itself.
    let parsed = match std::str::from_utf8(body) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(body),
    };
    parsed.map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Rejection::whole(format!("is not valid JSON at its line {line}, column {column}"))
    })
}

fn object<'a, 'b>(json: &'a Json<'b>) -> Result<&'a Members<'b>, Rejection> {
    json.as_object().ok_or_else(|| Rejection::whole("must be a JSON object"))
}

fn envelope<'a>(json: &'a Json<'a>, schema: &'a Schema) -> Result<Envelope<'a>, Rejection> {
    match member(object(json)?, "event_type") {
        None | Some(Json::Null) => {}
        Some(Json::Str(found)) if *found == schema.event_type => {}
        Some(_) => return Err(Rejection::of("event_type", format!("must be `{}`", schema.event_type))),
    }
    Ok(Envelope { json, schema })
}

/// The value of a member; of several with one name the last one counts.
fn member<'a, 'b>(members: &'a Members<'b>, name: &str) -> Option<&'a Json<'b>> {
    members.as_vec().iter().rev().find(|(found, _)| *found == name).map(|(_, json)| json)
}

/// A JSON object as the parts of an event.
struct Envelope<'a> {
    json: &'a Json<'a>,
    schema: &'a Schema,
}

impl Parts for Envelope<'_> {
    fn name(place: &Place) -> String {
        place.json.join(".")
    }

    fn event_id(&mut self) -> Cell<EventId> {
        at(self.json, &self.schema.event_id, |json| check::event_id(&id(json)?))
    }

    fn event_time(&mut self) -> Cell<Timestamp> {
        at(self.json, &self.schema.event_time, time)
    }

    fn amount_minor(&mut self) -> Cell<i64> {
        self.schema.amount_minor.as_ref().map_or(Ok(None), |place| at(self.json, place, minor))
    }

    fn currency(&mut self) -> Cell<Currency> {
        let code = |json: &Json<'_>| check::currency(text(json).map_err(|_| check::CURRENCY)?);
        self.schema.currency.as_ref().map_or(Ok(None), |place| at(self.json, place, code))
    }

    fn entity(&mut self, number: usize) -> Cell<Box<str>> {
        at(self.json, &self.schema.entities[number].place, |json| check::key(&id(json)?))
    }

    fn attribute(&mut self, number: usize, value_type: ValueType) -> Cell<Value> {
        at(self.json, &self.schema.attributes[number].place, |json| attribute(json, value_type))
    }

    fn label(&mut self) -> Cell<bool> {
        let Some(label) = &self.schema.label else { return Ok(None) };
        match self.json.as_object().and_then(|members| member(members, &label.column)) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::Bool(fraud)) => Ok(Some(*fraud)),
            Some(json) => json.as_i64().ok_or(check::FLAG).and_then(check::zero_or_one).map(Some),
        }
    }
}

/// The value at the end of a path; none where the path ends early or at `null`.
fn at<T>(json: &Json<'_>, place: &Place, read: impl Fn(&Json<'_>) -> Result<T, Reason>) -> Cell<T> {
    let mut here = json;
    for name in &place.json {
        match here {
            Json::Null => return Ok(None),
            Json::Object(members) => match member(members, name) {
                Some(next) => here = next,
                None => return Ok(None),
            },
            _ => return Err("is missing: its path leads through something that is not an object"),
        }
    }
    if here.is_null() { Ok(None) } else { read(here).map(Some) }
}

fn required<T>(members: &Members<'_>, name: &str, read: impl Fn(&Json<'_>) -> Result<T, Reason>) -> Result<T, Rejection> {
    optional(members, name, read)?.ok_or_else(|| Rejection::of(name, check::MISSING))
}

fn optional<T>(members: &Members<'_>, name: &str, read: impl Fn(&Json<'_>) -> Result<T, Reason>) -> Result<Option<T>, Rejection> {
    let value = member(members, name).filter(|json| !json.is_null());
    value.map(read).transpose().map_err(|reason| Rejection::of(name, reason))
}

fn text<'a>(json: &'a Json<'_>) -> Result<&'a str, Reason> {
    json.as_str().ok_or(check::TEXT)
}

/// An id may be sent as a number; a fraction is none.
fn id<'a>(json: &'a Json<'_>) -> Result<Cow<'a, str>, Reason> {
    match json {
        Json::Str(text) => Ok(Cow::Borrowed(text)),
        Json::Number(number) if !number.is_f64() => Ok(number.to_string().into()),
        _ => Err(check::ID),
    }
}

fn time(json: &Json<'_>) -> Result<Timestamp, Reason> {
    json.as_str().ok_or(check::TIME).and_then(check::time)
}

fn minor(json: &Json<'_>) -> Result<i64, Reason> {
    match json.as_i64() {
        Some(units) => check::minor(units),
        None if json.is_u64() => Err(check::TOO_LARGE),
        None => Err(check::MINOR),
    }
}

fn attribute(json: &Json<'_>, value_type: ValueType) -> Result<Value, Reason> {
    match value_type {
        ValueType::Text => text(json).map(|text| Value::Text(text.into())),
        ValueType::Integer if json.is_u64() || json.is_i64() => json.as_i64().map(Value::Integer).ok_or(check::WHOLE_RANGE),
        ValueType::Integer => Err(check::WHOLE),
        ValueType::Number => json.as_f64().ok_or(check::NUMBER).and_then(check::finite).map(Value::Number),
        ValueType::Flag => json.as_bool().map(Value::Flag).ok_or(check::FLAG),
    }
}

fn outcome(json: &Json<'_>) -> Result<Outcome, Reason> {
    word(json).ok_or("must be one of fraud, legit, default, repaid")
}

fn source(json: &Json<'_>) -> Result<LabelSource, Reason> {
    word(json).ok_or("must be one of chargeback, analyst, customer, issuer, servicing")
}

/// A value that is written as one of some words.
fn word<'a, T: Deserialize<'a>>(json: &'a Json<'_>) -> Option<T> {
    let text: StrDeserializer<'a, serde::de::value::Error> = json.as_str()?.into_deserializer();
    T::deserialize(text).ok()
}
