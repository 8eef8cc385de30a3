//! A second meaning of the language: an interpreter that walks the tree as it was written, with values that know their types, no
//! folding, no shortcuts, and no place for speed. What is compiled must agree with it.

use std::cmp::Ordering;

use ingest::Value as Attribute;
use jiff::tz::TimeZone;

use super::super::tree::{Arithmetic, Binary, Comparison, Kind, Node, Quantifier};
use crate::rules::tests::{SCHEMA, lists, plan};
use crate::rules::{Facts, Fault, ListId};

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Missing,
    Flag(bool),
    Whole(i64),
    Number(f64),
    Text(String),
    Time(i64),
    Span(i64),
}
use Value::{Flag, Missing, Number, Span, Text, Time, Whole};

type Bound = Vec<(String, Value)>;

/// Whether a condition holds.
pub(super) fn holds(node: &Node, facts: &Facts) -> Result<bool, Fault> {
    Ok(value(node, facts, &mut Vec::new())? == Flag(true))
}

fn value(node: &Node, facts: &Facts, bound: &mut Bound) -> Result<Value, Fault> {
    Ok(match &node.kind {
        Kind::Bool(flag) => Flag(*flag),
        Kind::Int(whole) => Whole(*whole),
        Kind::Double(number) => Number(*number),
        Kind::Text(text) => Text(text.clone()),
        Kind::Name(name) => match bound.iter().rev().find(|(variable, _)| variable == name) {
            Some((_, value)) => value.clone(),
            None => named(if name == "score" || name == "probability" { "model" } else { "feature" }, name, facts),
        },
        Kind::Select(group, name) => named(group_of(group), name, facts),
        Kind::Has(group, name) => Flag(named(group_of(group), name, facts) != Missing),
        Kind::Not(operand) => Flag(value(operand, facts, bound)? != Flag(true)),
        Kind::Negate(operand) => match value(operand, facts, bound)? {
            Whole(whole) => Whole(fits(-i128::from(whole))?),
            Number(number) => Number(-number),
            other => other,
        },
        Kind::Binary(Binary::And, sides) => {
            logic([&sides.0, &sides.1].map(|side| Ok(value(side, facts, bound)? == Flag(true))), false)?
        }
        Kind::Binary(Binary::Or, sides) => {
            logic([&sides.0, &sides.1].map(|side| Ok(value(side, facts, bound)? == Flag(true))), true)?
        }
        Kind::Binary(Binary::In, sides) => {
            let element = value(&sides.0, facts, bound)?;
            match &sides.1.kind {
                Kind::List(elements) => {
                    let mut found = false;
                    for one in elements {
                        found |= compare(Comparison::Equal, &element, &value(one, facts, bound)?);
                    }
                    Flag(found)
                }
                Kind::Select(_, list) => {
                    let id = ListId(lists().iter().position(|name| name == list).unwrap());
                    Flag(matches!(element, Text(text) if facts.lists.contains(id, &text)))
                }
                other => panic!("{other:?}"),
            }
        }
        Kind::Binary(Binary::Compare(comparison), sides) => {
            Flag(compare(*comparison, &value(&sides.0, facts, bound)?, &value(&sides.1, facts, bound)?))
        }
        Kind::Binary(Binary::Arithmetic(arithmetic), sides) => {
            compute(*arithmetic, value(&sides.0, facts, bound)?, value(&sides.1, facts, bound)?)?
        }
        Kind::Choose(parts) => {
            let chosen = if value(&parts.0, facts, bound)? == Flag(true) { &parts.1 } else { &parts.2 };
            value(chosen, facts, bound)?
        }
        Kind::Quantified { quantifier, list, variable, body } => {
            let Kind::List(elements) = &list.kind else { panic!("no list") };
            let mut outcomes = Vec::new();
            for element in elements {
                let element = value(element, facts, bound)?;
                bound.push((variable.clone(), element));
                outcomes.push(value(body, facts, bound).map(|value| value == Flag(true)));
                bound.pop();
            }
            logic(outcomes, *quantifier == Quantifier::Exists)?
        }
        Kind::Call { function, target, arguments } => {
            let is_math = target.as_ref().is_some_and(|target| target.kind == Kind::Name("math".to_owned()));
            let mut values = Vec::new();
            for each in target.iter().filter(|_| !is_math).map(AsRef::as_ref).chain(arguments) {
                values.push(value(each, facts, bound)?);
            }
            call(function, &values)?
        }
        Kind::List(_) => panic!("a list has no value"),
    })
}

fn group_of(node: &Node) -> &str {
    match &node.kind {
        Kind::Name(name) => name,
        other => panic!("{other:?}"),
    }
}

fn named(group: &str, name: &str, facts: &Facts) -> Value {
    let schema: ingest::Schema = toml::from_str(SCHEMA).unwrap();
    let number = |number: f64| if number.is_nan() { Missing } else { Number(number) };
    match (group, name) {
        ("event", "amount_minor") => facts.event.amount.map_or(Missing, |amount| Whole(amount.minor())),
        ("event", "currency") => facts.event.amount.map_or(Missing, |amount| Text(amount.currency().to_string())),
        ("event", "time") => Time(facts.event.occurred_at.micros()),
        ("event", "id") => Text(facts.event.event_id.to_string()),
        ("event", _) => match &facts.event.attributes[schema.attribute(name).unwrap()] {
            None => Missing,
            Some(Attribute::Text(text)) => Text(text.to_string()),
            Some(Attribute::Integer(whole)) => Whole(*whole),
            Some(Attribute::Number(value)) => number(*value),
            Some(Attribute::Flag(flag)) => Flag(*flag),
        },
        ("entity", _) => facts.event.entities[schema.entity(name).unwrap()].as_ref().map_or(Missing, |key| Text(key.to_string())),
        ("feature", _) => number(facts.vector[plan().feature(name).unwrap()]),
        ("model", "score") => facts.score.map_or(Missing, |score| Whole(i64::from(score))),
        _ => facts.probability.map_or(Missing, number),
    }
}

/// `decides` is what settles it, whatever the others are.
fn logic(outcomes: impl IntoIterator<Item = Result<bool, Fault>>, decides: bool) -> Result<Value, Fault> {
    let outcomes: Vec<_> = outcomes.into_iter().collect();
    if outcomes.contains(&Ok(decides)) {
        return Ok(Flag(decides));
    }
    outcomes.into_iter().find(Result::is_err).map_or(Ok(Flag(!decides)), |error| error.map(Flag))
}

fn compare(comparison: Comparison, left: &Value, right: &Value) -> bool {
    let ordering = match (left, right) {
        (Missing, _) | (_, Missing) => None,
        (Flag(left), Flag(right)) => Some(left.cmp(right)),
        (Text(left), Text(right)) => Some(left.cmp(right)),
        (Whole(left), Whole(right)) | (Time(left), Time(right)) | (Span(left), Span(right)) => Some(left.cmp(right)),
        (Number(left), Number(right)) => left.partial_cmp(right),
        (Whole(left), Number(right)) => against(*left, *right),
        (Number(left), Whole(right)) => against(*right, *left).map(Ordering::reverse),
        _ => panic!("{left:?} {right:?}"),
    };
    match comparison {
        Comparison::Equal => ordering == Some(Ordering::Equal),
        Comparison::NotEqual => ordering != Some(Ordering::Equal),
        Comparison::Less => ordering == Some(Ordering::Less),
        Comparison::AtMost => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
        Comparison::Greater => ordering == Some(Ordering::Greater),
        Comparison::AtLeast => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
    }
}

fn against(whole: i64, number: f64) -> Option<Ordering> {
    if number.is_nan() {
        return None;
    }
    let below = number.floor();
    Some(match i128::from(whole).cmp(&(below as i128)) {
        Ordering::Equal if number > below => Ordering::Less,
        other => other,
    })
}

fn fits(whole: i128) -> Result<i64, Fault> {
    i64::try_from(whole).map_err(|_| Fault::Overflow)
}

fn compute(arithmetic: Arithmetic, left: Value, right: Value) -> Result<Value, Fault> {
    let within = |micros: Result<i64, Fault>, least: i128, most: i128| match micros {
        Ok(micros) if (least..=most).contains(&i128::from(micros)) => Ok(micros),
        Ok(_) => Err(Fault::TimeOutOfRange),
        Err(fault) => Err(fault),
    };
    let sum = |left: i64, right: i64| {
        let (left, right) = (i128::from(left), i128::from(right));
        fits(if arithmetic == Arithmetic::Add { left + right } else { left - right })
    };
    let span = |micros| within(micros, -315_576_000_000_000_000, 315_576_000_000_000_000).map(Span);
    Ok(match (left, right) {
        (Missing, _) | (_, Missing) => Missing,
        (Whole(left), Whole(right)) => {
            let (left, right) = (i128::from(left), i128::from(right));
            let divides = matches!(arithmetic, Arithmetic::Divide | Arithmetic::Remainder);
            if divides && right == 0 {
                return Err(Fault::DivisionByZero);
            }
            Whole(match arithmetic {
                Arithmetic::Add => fits(left + right)?,
                Arithmetic::Subtract => fits(left - right)?,
                Arithmetic::Multiply => fits(left * right)?,
                Arithmetic::Divide => fits(left / right)?,
                Arithmetic::Remainder => fits(left / right).and(fits(left % right))?,
            })
        }
        (Number(left), Number(right)) => {
            let number = match arithmetic {
                Arithmetic::Add => left + right,
                Arithmetic::Subtract => left - right,
                Arithmetic::Multiply => left * right,
                _ => left / right,
            };
            if number.is_nan() { Missing } else { Number(number) }
        }
        (Time(left), Span(right)) | (Span(left), Time(right)) => {
            Time(within(sum(left, right), -62_135_596_800_000_000, 253_402_207_200_000_000)?)
        }
        (Time(left), Time(right)) | (Span(left), Span(right)) => span(sum(left, right))?,
        (left, right) => panic!("{left:?} {right:?}"),
    })
}

fn call(function: &str, values: &[Value]) -> Result<Value, Fault> {
    let cut = |number: f64| {
        let whole = number.trunc();
        if whole.is_finite() { fits(whole as i128) } else { Err(Fault::Overflow) }
    };
    if values.contains(&Missing) {
        let asks = ["startsWith", "endsWith", "contains", "matches"].contains(&function);
        return Ok(if asks { Flag(false) } else { Missing });
    }
    Ok(match (function, values) {
        ("startsWith", [Text(text), Text(part)]) => Flag(text.starts_with(part.as_str())),
        ("endsWith", [Text(text), Text(part)]) => Flag(text.ends_with(part.as_str())),
        ("contains", [Text(text), Text(part)]) => Flag(text.contains(part.as_str())),
        ("matches", [Text(text), Text(pattern)]) => Flag(regex::Regex::new(pattern).unwrap().is_match(text)),
        ("lowerAscii", [Text(text)]) => Text(text.to_ascii_lowercase()),
        ("size", [Text(text)]) => Whole(text.chars().count() as i64),
        ("int", [Whole(whole)]) => Whole(*whole),
        ("int", [Number(number)]) => Whole(cut(*number)?),
        ("int", [Text(text)]) => Whole(text.parse().map_err(|_| Fault::NotANumber)?),
        ("double", [Number(number)]) => Number(*number),
        ("double", [Whole(whole)]) => Number(*whole as f64),
        ("double", [Text(text)]) => Number(text.parse().map_err(|_| Fault::NotANumber)?),
        ("abs", [Whole(whole)]) => Whole(fits(i128::from(*whole).abs())?),
        ("abs", [Number(number)]) => Number(number.abs()),
        ("greatest" | "least", [first, others @ ..]) => others.iter().fold(first.clone(), |best, other| {
            let better = if function == "greatest" { Comparison::Greater } else { Comparison::Less };
            if compare(better, other, &best) { other.clone() } else { best }
        }),
        ("duration", [Text(text)]) => Span(super::super::calendar::span_micros(text).unwrap()),
        ("timestamp", [Text(text)]) => Time(text.parse::<ingest::Timestamp>().unwrap().micros()),
        (_, [Span(micros)]) => Whole(match function {
            "getHours" => micros / 3_600_000_000,
            "getMinutes" => micros / 60_000_000,
            "getSeconds" => micros / 1_000_000,
            _ => micros % 1_000_000 / 1_000,
        }),
        (_, [Time(micros)]) => part(function, *micros, &TimeZone::UTC),
        (_, [Time(micros), Text(zone)]) => part(function, *micros, &TimeZone::get(zone).unwrap()),
        other => panic!("{other:?}"),
    })
}

fn part(function: &str, micros: i64, zone: &TimeZone) -> Value {
    let local = zone.to_datetime(jiff::Timestamp::from_microsecond(micros).unwrap());
    Whole(match function {
        "getFullYear" => i64::from(local.year()),
        "getMonth" => i64::from(local.month()) - 1,
        "getDate" => i64::from(local.day()),
        "getDayOfMonth" => i64::from(local.day()) - 1,
        "getDayOfWeek" => i64::from(local.weekday().to_sunday_zero_offset()),
        "getDayOfYear" => i64::from(local.day_of_year()) - 1,
        "getHours" => i64::from(local.hour()),
        "getMinutes" => i64::from(local.minute()),
        "getSeconds" => i64::from(local.second()),
        _ => i64::from(local.millisecond()),
    })
}
