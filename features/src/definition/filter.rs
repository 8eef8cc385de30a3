//! Filters: which events of a key a window counts. Plain conditions on fields of the event, all of which must hold.

use std::collections::BTreeMap;

use ingest::schema::{Schema, ValueType};
use ingest::{Event, Value};
use toml::Spanned;

use super::DefinitionError;

/// Conditions that must all hold. A field that the event lacks fulfils none.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// In the order of their fields' names.
    pub conditions: Vec<Condition>,
}

/// One condition on one field.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The field.
    pub field: Field,
    /// What must be true of it.
    pub test: Test,
}

/// A part of an event that a condition can look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The amount in minor units.
    Amount,
    /// An attribute, by its number in the schema.
    Attribute(usize),
    /// An entity's key, by its number in the schema.
    Entity(usize),
}

/// What must be true of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// It is one of these.
    OneOf(Vec<Value>),
    /// It is there and none of these.
    NoneOf(Vec<Value>),
    /// It lies from the first number on and below the second.
    Range {
        /// The least that fulfils it, minus infinity where it is open.
        at_least: f64,
        /// The first that no longer does, infinity where it is open.
        below: f64,
    },
}

impl Filter {
    /// Whether an event counts.
    pub fn holds(&self, event: &Event) -> bool {
        self.conditions.iter().all(|condition| condition.holds(event))
    }
}

impl Condition {
    fn holds(&self, event: &Event) -> bool {
        match self.field {
            Field::Amount => event.amount.is_some_and(|amount| self.test.holds_whole(amount.minor())),
            Field::Attribute(slot) => event.attributes[slot].as_ref().is_some_and(|value| self.test.holds(value)),
            Field::Entity(slot) => event.entities[slot].as_deref().is_some_and(|key| self.test.holds_text(key)),
        }
    }
}

impl Test {
    fn holds(&self, value: &Value) -> bool {
        match self {
            Self::OneOf(values) => values.contains(value),
            Self::NoneOf(values) => !values.contains(value),
            Self::Range { at_least, below } => value.as_f64().is_some_and(|number| (*at_least..*below).contains(&number)),
        }
    }

    fn holds_whole(&self, whole: i64) -> bool {
        self.holds(&Value::Integer(whole))
    }

    fn holds_text(&self, text: &str) -> bool {
        let is = |value: &Value| matches!(value, Value::Text(wanted) if **wanted == *text);
        match self {
            Self::OneOf(values) => values.iter().any(is),
            Self::NoneOf(values) => !values.iter().any(is),
            Self::Range { .. } => false,
        }
    }
}

/// A `where` table as it is written: `{ channel = "ecom", amount_minor = { at_least = 10000 } }`.
pub(super) type FilterFile = BTreeMap<Spanned<String>, toml::Value>;

/// Checks a `where` table against the schema.
pub(super) fn check(file: &Spanned<FilterFile>, feature: &str, schema: &Schema) -> Result<Filter, DefinitionError> {
    if file.as_ref().is_empty() {
        let message = format!("feature `{feature}`: `where` has no condition; leave it out to count every event");
        return Err(DefinitionError { message, span: file.span() });
    }
    let one = |(name, value): (&Spanned<String>, &toml::Value)| {
        let fail = |message: String| DefinitionError { message: format!("feature `{feature}`: {message}"), span: name.span() };
        let (field, value_type) = field(name.as_ref(), schema)
            .ok_or_else(|| fail(format!("`where` names the field `{}`, which is not declared", name.as_ref())))?;
        let test = test(value, value_type).map_err(|reason| fail(format!("`where` on `{}` {reason}", name.as_ref())))?;
        Ok(Condition { field, test })
    };
    Ok(Filter { conditions: file.as_ref().iter().map(one).collect::<Result<_, _>>()? })
}

fn field(name: &str, schema: &Schema) -> Option<(Field, ValueType)> {
    if name == "amount_minor" {
        return schema.amount_minor.as_ref().map(|_| (Field::Amount, ValueType::Integer));
    }
    let attribute = |slot: usize| (Field::Attribute(slot), schema.attributes[slot].value_type);
    let entity = |slot: usize| (Field::Entity(slot), ValueType::Text);
    schema.attribute(name).map(attribute).or_else(|| schema.entity(name).map(entity))
}

fn test(written: &toml::Value, value_type: ValueType) -> Result<Test, String> {
    let values = |written: &toml::Value| match written {
        toml::Value::Array(values) if values.is_empty() => Err("lists no value".to_owned()),
        toml::Value::Array(values) => values.iter().map(|value| self::value(value, value_type)).collect(),
        single => Ok(vec![value(single, value_type)?]),
    };
    let toml::Value::Table(table) = written else { return Ok(Test::OneOf(values(written)?)) };
    if let Some(unknown) = table.keys().find(|key| !["not", "at_least", "below"].contains(&key.as_str())) {
        return Err(format!("has the unknown key `{unknown}` (there are: not, at_least, below)"));
    }
    match (table.get("not"), table.get("at_least"), table.get("below")) {
        (Some(not), None, None) => Ok(Test::NoneOf(values(not)?)),
        (None, None, None) => Err("says nothing".to_owned()),
        (None, at_least, below) => {
            if !matches!(value_type, ValueType::Integer | ValueType::Number) {
                return Err(format!("asks for a range, but the field is {}", value_type.name()));
            }
            let bound = |written: Option<&toml::Value>, open: f64| written.map_or(Ok(open), number);
            let (at_least, below) = (bound(at_least, f64::NEG_INFINITY)?, bound(below, f64::INFINITY)?);
            if at_least >= below {
                return Err("asks for a range that holds nothing".to_owned());
            }
            Ok(Test::Range { at_least, below })
        }
        (Some(_), ..) => Err("asks for `not` and for a range: write two features".to_owned()),
    }
}

fn number(written: &toml::Value) -> Result<f64, String> {
    match written {
        toml::Value::Integer(whole) => Ok(*whole as f64),
        toml::Value::Float(number) if number.is_finite() => Ok(*number),
        other => Err(format!("has {} where a number belongs", other.type_str())),
    }
}

fn value(written: &toml::Value, value_type: ValueType) -> Result<Value, String> {
    match (value_type, written) {
        (ValueType::Text, toml::Value::String(text)) => Ok(Value::Text(text.as_str().into())),
        (ValueType::Integer, toml::Value::Integer(whole)) => Ok(Value::Integer(*whole)),
        (ValueType::Number, toml::Value::Integer(_) | toml::Value::Float(_)) => Ok(Value::Number(number(written)?)),
        (ValueType::Flag, toml::Value::Boolean(flag)) => Ok(Value::Flag(*flag)),
        (_, other) => Err(format!("has {} where the field is {}", other.type_str(), value_type.name())),
    }
}
