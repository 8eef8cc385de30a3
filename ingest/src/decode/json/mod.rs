//! Events and labels as JSON objects: requests, and lines or elements of a file. Members that the pipeline does not declare are
//! left alone in an event, since payment systems send more than one pipeline uses, and refused in a label, whose members are ours.

mod cells;

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::StrDeserializer;
use serde_json::error::Category;

use self::cells::{Found, Members, cells};
use super::check::{self, Cell, Reason};
use super::row::{self, Parts};
use super::{Historical, Rejection};
use crate::event::{Currency, Event, EventId, Value};
use crate::label::{Label, LabelSource, Outcome};
use crate::schema::paths::{EVENT_TYPE, Paths, SUPERSEDES};
use crate::schema::{Place, Schema, ValueType};
use crate::time::Timestamp;

/// An event out of the body of a request.
pub fn event(body: &[u8], schema: &Schema) -> Result<Event, Rejection> {
    let mut envelope = Envelope::open(body, schema)?;
    let event = row::event(&mut envelope, schema)?;
    let supersedes = envelope.at(schema.json.supersedes, |found| check::event_id(&id(found)?));
    let supersedes = supersedes.map_err(|reason| Rejection::of(SUPERSEDES, reason))?;
    if supersedes.as_ref() == Some(&event.event_id) {
        return Err(Rejection::of(SUPERSEDES, "must name another event"));
    }
    Ok(Event { supersedes, ..event })
}

/// An event and, in the member that the schema names, its label.
pub fn historical(body: &[u8], schema: &Schema) -> Result<Historical, Rejection> {
    row::historical(&mut Envelope::open(body, schema)?, schema)
}

/// A label out of the body of a request.
pub fn label(body: &[u8]) -> Result<Label, Rejection> {
    const MEMBERS: [&str; 6] = ["event_id", "label", "source", "category", "observed_at", "amount_minor"];
    let Members(members) = serde_json::from_str(text(body)?).map_err(|error| unreadable(&error))?;
    if let Some((unknown, _)) = members.iter().find(|(name, _)| !MEMBERS.contains(&name.as_str())) {
        let name = unknown.chars().take(100).collect::<String>();
        return Err(Rejection::of(name, "is not a member of a label"));
    }
    Ok(Label {
        event_id: required(&members, "event_id", |found| check::event_id(&id(found)?))?,
        label: required(&members, "label", outcome)?,
        source: required(&members, "source", source)?,
        category: optional(&members, "category", |found| check::key(string(found)?).map(String::from))?,
        observed_at: required(&members, "observed_at", time)?,
        amount_minor: optional(&members, "amount_minor", minor)?,
    })
}

/// JSON is UTF-8. It is looked through at once, which is sooner done than string by string.
fn text(body: &[u8]) -> Result<&str, Rejection> {
    std::str::from_utf8(body).map_err(|error| {
        let before = &body[..error.valid_up_to()];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let column = 1 + before.iter().rev().take_while(|byte| **byte != b'\n').count();
        not_json(line, column)
    })
}

fn unreadable(error: &serde_json::Error) -> Rejection {
    if error.classify() == Category::Data { no_object() } else { not_json(error.line(), error.column()) }
}

fn not_json(line: usize, column: usize) -> Rejection {
    Rejection::whole(format!("is not valid JSON at its line {line}, column {column}"))
}

fn no_object() -> Rejection {
    Rejection::whole("must be a JSON object")
}

/// A JSON object as the parts of an event.
struct Envelope<'a> {
    cells: Vec<Found<'a>>,
    schema: &'a Schema,
}

impl<'a> Envelope<'a> {
    fn open(body: &'a [u8], schema: &'a Schema) -> Result<Self, Rejection> {
        let cells = cells(text(body)?, &schema.json.paths).map_err(|error| unreadable(&error))?;
        if cells[Paths::WHOLE] != Found::Object {
            return Err(no_object());
        }
        match &cells[schema.json.event_type] {
            Found::Nothing => {}
            Found::Text(found) if *found == schema.event_type => {}
            _ => return Err(Rejection::of(EVENT_TYPE, format!("must be `{}`", schema.event_type))),
        }
        Ok(Self { cells, schema })
    }

    fn at<T>(&self, cell: usize, read: impl Fn(&Found<'_>) -> Result<T, Reason>) -> Cell<T> {
        match &self.cells[cell] {
            Found::Nothing => Ok(None),
            Found::Astray => Err("is missing: its path leads through something that is not an object"),
            found => read(found).map(Some),
        }
    }

    fn maybe_at<T>(&self, cell: Option<usize>, read: impl Fn(&Found<'_>) -> Result<T, Reason>) -> Cell<T> {
        cell.map_or(Ok(None), |cell| self.at(cell, read))
    }
}

impl Parts for Envelope<'_> {
    fn name(place: &Place) -> String {
        place.json.join(".")
    }

    fn event_id(&mut self) -> Cell<EventId> {
        self.at(self.schema.json.event_id, |found| check::event_id(&id(found)?))
    }

    fn event_time(&mut self) -> Cell<Timestamp> {
        self.at(self.schema.json.event_time, time)
    }

    fn amount_minor(&mut self) -> Cell<i64> {
        self.maybe_at(self.schema.json.amount_minor, minor)
    }

    fn currency(&mut self) -> Cell<Currency> {
        self.maybe_at(self.schema.json.currency, |found| check::currency(string(found).map_err(|_| check::CURRENCY)?))
    }

    fn entity(&mut self, number: usize) -> Cell<Box<str>> {
        self.at(self.schema.json.entities[number], |found| check::key(&id(found)?))
    }

    fn attribute(&mut self, number: usize, value_type: ValueType) -> Cell<Value> {
        self.at(self.schema.json.attributes[number], |found| attribute(found, value_type))
    }

    fn label(&mut self) -> Cell<bool> {
        self.maybe_at(self.schema.json.label, |found| match found {
            Found::Flag(is_bad) => Ok(*is_bad),
            found => whole(found).ok_or(check::FLAG).and_then(check::zero_or_one),
        })
    }
}

fn required<T>(
    members: &[(String, Found<'_>)],
    name: &str,
    read: impl Fn(&Found<'_>) -> Result<T, Reason>,
) -> Result<T, Rejection> {
    optional(members, name, read)?.ok_or_else(|| Rejection::of(name, check::MISSING))
}

/// Of several members with one name the last one counts.
fn optional<T>(
    members: &[(String, Found<'_>)],
    name: &str,
    read: impl Fn(&Found<'_>) -> Result<T, Reason>,
) -> Result<Option<T>, Rejection> {
    match members.iter().rev().find(|(found, _)| found == name) {
        None | Some((_, Found::Nothing)) => Ok(None),
        Some((_, found)) => read(found).map(Some).map_err(|reason| Rejection::of(name, reason)),
    }
}

fn string<'a>(found: &'a Found<'_>) -> Result<&'a str, Reason> {
    if let Found::Text(text) = found { Ok(text) } else { Err(check::TEXT) }
}

/// A whole number of 64 bits.
fn whole(found: &Found<'_>) -> Option<i64> {
    match found {
        Found::Whole(whole) => i64::try_from(*whole).ok(),
        Found::Negative(whole) => Some(*whole),
        _ => None,
    }
}

/// An id may be sent as a number; a fraction is none.
fn id<'a>(found: &'a Found<'_>) -> Result<Cow<'a, str>, Reason> {
    match found {
        Found::Text(text) => Ok(Cow::Borrowed(text)),
        Found::Whole(number) => Ok(number.to_string().into()),
        Found::Negative(number) => Ok(number.to_string().into()),
        _ => Err(check::ID),
    }
}

fn time(found: &Found<'_>) -> Result<Timestamp, Reason> {
    string(found).map_err(|_| check::TIME).and_then(check::time)
}

fn minor(found: &Found<'_>) -> Result<i64, Reason> {
    match whole(found) {
        Some(units) => check::minor(units),
        None if matches!(found, Found::Whole(_)) => Err(check::TOO_LARGE),
        None => Err(check::MINOR),
    }
}

fn attribute(found: &Found<'_>, value_type: ValueType) -> Result<Value, Reason> {
    match value_type {
        ValueType::Text => string(found).and_then(check::words),
        ValueType::Integer if matches!(found, Found::Whole(_) | Found::Negative(_)) => {
            whole(found).map(Value::Integer).ok_or(check::WHOLE_RANGE)
        }
        ValueType::Integer => Err(check::WHOLE),
        ValueType::Number => number(found).ok_or(check::NUMBER).and_then(check::finite).map(Value::Number),
        ValueType::Flag => flag(found).map(Value::Flag).ok_or(check::FLAG),
    }
}

fn number(found: &Found<'_>) -> Option<f64> {
    match found {
        Found::Number(number) => Some(*number),
        Found::Whole(whole) => Some(*whole as f64),
        Found::Negative(whole) => Some(*whole as f64),
        _ => None,
    }
}

fn flag(found: &Found<'_>) -> Option<bool> {
    if let Found::Flag(flag) = found { Some(*flag) } else { None }
}

fn outcome(found: &Found<'_>) -> Result<Outcome, Reason> {
    word(found).ok_or("must be one of fraud, legit, default, repaid")
}

fn source(found: &Found<'_>) -> Result<LabelSource, Reason> {
    word(found).ok_or("must be one of chargeback, analyst, customer, issuer, servicing")
}

/// A value that is written as one of some words.
fn word<'a, T: Deserialize<'a>>(found: &'a Found<'_>) -> Option<T> {
    let text: StrDeserializer<'a, serde::de::value::Error> = string(found).ok()?.into_deserializer();
    T::deserialize(text).ok()
}
