//! From the parts of a row to an event: the one place that says what is required and in which order it is checked.

use super::card_number::is_card_number;
use super::check::{CARD_NUMBER, Cell, MISSING};
use super::{Historical, Rejection};
use crate::event::{Amount, Currency, Event, EventId, Value};
use crate::schema::{Allowed, Place, Schema, ValueType};
use crate::time::Timestamp;

/// Where the parts of one event are taken from. Each is asked for at most once.
pub(super) trait Parts {
    /// What the sender calls a place.
    fn name(place: &Place) -> String;
    fn event_id(&mut self) -> Cell<EventId>;
    fn event_time(&mut self) -> Cell<Timestamp>;
    /// Minor units within the bounds of [`Amount`].
    fn amount_minor(&mut self) -> Cell<i64>;
    fn currency(&mut self) -> Cell<Currency>;
    /// The key of the entity of this number.
    fn entity(&mut self, number: usize) -> Cell<Box<str>>;
    /// The value of the attribute of this number.
    fn attribute(&mut self, number: usize, value_type: ValueType) -> Cell<Value>;
    /// Whether it was bad.
    fn label(&mut self) -> Cell<bool>;
}

/// The event and its label.
pub(super) fn historical<P: Parts>(parts: &mut P, schema: &Schema) -> Result<Historical, Rejection> {
    let event = event(parts, schema)?;
    let label = match &schema.label {
        Some(label) => parts.label().map_err(|reason| Rejection::of(&label.column, reason))?,
        None => None,
    };
    Ok(Historical { event, label: label.map(|is_bad| schema.harm().outcome(is_bad)) })
}

/// The event, if every required part is there and every part is what it must be.
pub(super) fn event<P: Parts>(parts: &mut P, schema: &Schema) -> Result<Event, Rejection> {
    Ok(Event {
        event_id: required::<P, _>(parts.event_id(), &schema.event_id)?,
        occurred_at: required::<P, _>(parts.event_time(), &schema.event_time)?,
        amount: amount(parts, schema)?,
        entities: schema
            .entities
            .iter()
            .enumerate()
            .map(|(number, entity)| {
                let key = parts.entity(number).and_then(|key| if entity.token { token(key) } else { Ok(key) });
                declared::<P, _>(key, &entity.place, entity.required)
            })
            .collect::<Result<_, _>>()?,
        attributes: schema
            .attributes
            .iter()
            .enumerate()
            .map(|(number, attribute)| {
                let value = parts.attribute(number, attribute.value_type);
                let value = declared::<P, _>(value, &attribute.place, attribute.required)?;
                within::<P>(value.as_ref(), &attribute.allowed, &attribute.place)?;
                Ok(value)
            })
            .collect::<Result<_, Rejection>>()?,
        supersedes: None,
    })
}

/// A key that stands for a card number, and is none.
fn token(key: Option<Box<str>>) -> Cell<Box<str>> {
    match key {
        Some(key) if is_card_number(&key) => Err(CARD_NUMBER),
        key => Ok(key),
    }
}

fn amount<P: Parts>(parts: &mut P, schema: &Schema) -> Result<Option<Amount>, Rejection> {
    let Some(place) = &schema.amount_minor else { return Ok(None) };
    let minor = required::<P, _>(parts.amount_minor(), place)?;
    within::<P>(Some(&Value::Integer(minor)), &schema.amount_allowed, place)?;
    let currency = match &schema.currency {
        Some(place) => declared::<P, _>(parts.currency(), place, false)?,
        None => None,
    };
    Ok(Amount::new(minor, currency.unwrap_or(schema.default_currency)))
}

/// Refuses a value that the schema does not allow.
fn within<P: Parts>(value: Option<&Value>, allowed: &Allowed, place: &Place) -> Result<(), Rejection> {
    match value {
        Some(value) if !allowed.holds(value) => Err(Rejection::of(P::name(place), allowed.to_string())),
        _ => Ok(()),
    }
}

fn required<P: Parts, T>(cell: Cell<T>, place: &Place) -> Result<T, Rejection> {
    cell.and_then(|value| value.ok_or(MISSING)).map_err(|reason| Rejection::of(P::name(place), reason))
}

fn declared<P: Parts, T>(cell: Cell<T>, place: &Place, is_required: bool) -> Result<Option<T>, Rejection> {
    match cell {
        Ok(None) if is_required => Err(Rejection::of(P::name(place), MISSING)),
        Ok(value) => Ok(value),
        Err(reason) => Err(Rejection::of(P::name(place), reason)),
    }
}
