//! Running a compiled condition. What is missing is `None`, or NaN among numbers: it equals nothing, has no order and is not true.
//! `&&` and `||` pass over an error on one side where the other side alone decides, as CEL says.

use ingest::Value;
use serde::{Deserialize, Serialize};

use super::compare::{compare_texts, mixed};
use super::text::Str;
use super::tree::{Arithmetic, Comparison};
use super::typed::{Bounds, Extreme, Find, Flag, Number, Text, Whole};
use crate::rules::facts::Facts;
use crate::rules::names::Source;

/// Why a condition has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Whole numbers beyond 64 bits.
    #[error("a whole number does not fit into 64 bits")]
    Overflow,
    /// A whole number by zero.
    #[error("a whole number is divided by zero")]
    DivisionByZero,
    /// Beyond the years 1 to 9999, or a length of time beyond 10,000 years.
    #[error("a time is out of range")]
    TimeOutOfRange,
    /// Text that was to become a number and is none.
    #[error("a text is not a number")]
    NotANumber,
}

impl Flag {
    /// Whether it is true; what is missing is not.
    pub(super) fn holds(&self, facts: &Facts) -> Result<bool, Fault> {
        match self {
            Self::Feature(comparison, feature, constant) => Ok(comparison.numbers(facts.feature(*feature), *constant)),
            Self::Value(comparison, source, constant) => {
                Ok(source.whole(facts).is_some_and(|value| comparison.holds(value.cmp(constant)))
                    || value_is_missing(*comparison, *source, facts))
            }
            Self::TextIs(equal, source, constant) => Ok(source.text(facts).is_some_and(|text| *text == **constant) == *equal),
            Self::All(parts) => all(parts, facts),
            Self::Any(parts) => any(parts, facts),
            Self::Not(operand) => Ok(!operand.holds(facts)?),
            Self::Has(source) => Ok(source.is_there(facts)),
            Self::CompareWhole(comparison, sides) => {
                let (left, right) = (sides.0.value(facts)?, sides.1.value(facts)?);
                Ok(comparison.ordered(left.zip(right).map(|(left, right)| left.cmp(&right))))
            }
            Self::CompareNumber(comparison, sides) => Ok(comparison.numbers(sides.0.value(facts)?, sides.1.value(facts)?)),
            Self::CompareMixed(comparison, sides) => {
                let (left, right) = (sides.0.value(facts)?, sides.1.value(facts)?);
                Ok(comparison.ordered(left.and_then(|left| mixed(left, right))))
            }
            Self::CompareText(comparison, sides) => Ok(compare_texts(*comparison, sides.0.value(facts)?, sides.1.value(facts)?)),
            Self::OneOf(text, among) => Ok(text.value(facts)?.is_some_and(|text| {
                let text = text.read();
                among.binary_search_by(|one| (**one).cmp(text.as_ref())).is_ok()
            })),
            Self::Listed(text, list) => Ok(text.value(facts)?.is_some_and(|text| facts.lists.contains(*list, &text.read()))),
            Self::Find(find, texts) => {
                let (text, part) = (texts.0.value(facts)?, texts.1.value(facts)?);
                Ok(text.zip(part).is_some_and(|(text, part)| find.holds(text, part)))
            }
            Self::Matches(text, pattern) => Ok(text.value(facts)?.is_some_and(|text| pattern.is_match(&text.read()))),
            Self::Constant(_) | Self::Attribute(_) | Self::Choose(_) | Self::Same(..) => Ok(self.value(facts)?.unwrap_or(false)),
        }
    }

    /// `None` where it is missing.
    fn value(&self, facts: &Facts) -> Result<Option<bool>, Fault> {
        match self {
            Self::Constant(flag) => Ok(Some(*flag)),
            Self::Attribute(slot) => Ok(match facts.attribute(*slot) {
                Some(Value::Flag(flag)) => Some(*flag),
                _ => None,
            }),
            Self::Choose(parts) => {
                if parts.0.holds(facts)? {
                    parts.1.value(facts)
                } else {
                    parts.2.value(facts)
                }
            }
            Self::Same(equal, sides) => {
                let (left, right) = (sides.0.value(facts)?, sides.1.value(facts)?);
                Ok(Some(left.zip(right).is_some_and(|(left, right)| left == right) == *equal))
            }
            _ => self.holds(facts).map(Some),
        }
    }
}

/// `!=` holds where a value is missing.
#[inline]
fn value_is_missing(comparison: Comparison, source: Source, facts: &Facts) -> bool {
    comparison == Comparison::NotEqual && source.whole(facts).is_none()
}

fn all(parts: &[Flag], facts: &Facts) -> Result<bool, Fault> {
    let mut fault = None;
    for part in parts {
        match part.holds(facts) {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(first) => fault = fault.or(Some(first)),
        }
    }
    fault.map_or(Ok(true), Err)
}

fn any(parts: &[Flag], facts: &Facts) -> Result<bool, Fault> {
    let mut fault = None;
    for part in parts {
        match part.holds(facts) {
            Ok(false) => {}
            Ok(true) => return Ok(true),
            Err(first) => fault = fault.or(Some(first)),
        }
    }
    fault.map_or(Ok(false), Err)
}

impl Find {
    fn holds(self, text: Str<'_>, part: Str<'_>) -> bool {
        match self {
            Self::Start => text.starts_with(part),
            Self::End => text.ends_with(part),
            Self::Anywhere => text.contains(part),
        }
    }
}

impl Source {
    #[inline]
    fn whole(self, facts: &Facts) -> Option<i64> {
        match self {
            Self::AmountMinor => facts.amount_minor(),
            Self::Score => facts.score(),
            Self::Attribute(slot) => match facts.attribute(slot)? {
                Value::Integer(whole) => Some(*whole),
                _ => None,
            },
            _ => None,
        }
    }

    #[inline]
    fn text<'a>(self, facts: &'a Facts) -> Option<&'a str> {
        match self {
            Self::Attribute(slot) => match facts.attribute(slot)? {
                Value::Text(text) => Some(text),
                _ => None,
            },
            Self::Entity(slot) => facts.entity(slot),
            Self::Currency => facts.currency(),
            Self::Id => Some(facts.event.event_id.as_str()),
            _ => None,
        }
    }
}

impl Whole {
    /// `None` where it is missing.
    pub(super) fn value(&self, facts: &Facts) -> Result<Option<i64>, Fault> {
        Ok(match self {
            Self::Constant(whole) => Some(*whole),
            Self::Attribute(slot) => Source::Attribute(*slot).whole(facts),
            Self::AmountMinor => facts.amount_minor(),
            Self::Score => facts.score(),
            Self::Time => Some(facts.event.occurred_at.micros()),
            Self::Negate(operand) => each(operand.value(facts)?, |whole| whole.checked_neg().ok_or(Fault::Overflow))?,
            Self::Absolute(operand) => each(operand.value(facts)?, |whole| whole.checked_abs().ok_or(Fault::Overflow))?,
            Self::Compute(arithmetic, sides) => {
                let (left, right) = (sides.0.value(facts)?, sides.1.value(facts)?);
                each(left.zip(right), |(left, right)| whole_of(*arithmetic, left, right))?
            }
            Self::Within(bounds, operand) => each(operand.value(facts)?, |micros| bounds.checked(micros))?,
            Self::Extreme(extreme, operands) => {
                let mut best: Option<Option<i64>> = None;
                for operand in operands {
                    let value = operand.value(facts)?;
                    best = Some(match best {
                        None => value,
                        Some(so_far) => so_far.zip(value).map(|(one, other)| match extreme {
                            Extreme::Greatest => one.max(other),
                            Extreme::Least => one.min(other),
                        }),
                    });
                }
                best.flatten()
            }
            Self::Choose(parts) => return if parts.0.holds(facts)? { parts.1.value(facts) } else { parts.2.value(facts) },
            Self::Size(text) => text.value(facts)?.map(Str::size),
            Self::FromNumber(number) => {
                let number = number.value(facts)?;
                each((!number.is_nan()).then_some(number), truncated)?
            }
            Self::FromText(text) => each(text.value(facts)?, |text| text.text.parse().map_err(|_| Fault::NotANumber))?,
            Self::Calendar(part, zone, operand) => {
                each(operand.value(facts)?, |micros| part.read(micros, zone.as_ref()).ok_or(Fault::TimeOutOfRange))?
            }
            Self::InUnits(unit, operand) => operand.value(facts)?.map(|micros| micros / unit),
        })
    }
}

/// What is missing stays so.
fn each<T, U>(value: Option<T>, f: impl FnOnce(T) -> Result<U, Fault>) -> Result<Option<U>, Fault> {
    value.map(f).transpose()
}

pub(super) fn whole_of(arithmetic: Arithmetic, left: i64, right: i64) -> Result<i64, Fault> {
    match arithmetic {
        Arithmetic::Add => left.checked_add(right),
        Arithmetic::Subtract => left.checked_sub(right),
        Arithmetic::Multiply => left.checked_mul(right),
        Arithmetic::Divide | Arithmetic::Remainder if right == 0 => return Err(Fault::DivisionByZero),
        Arithmetic::Divide => left.checked_div(right),
        Arithmetic::Remainder => left.checked_rem(right),
    }
    .ok_or(Fault::Overflow)
}

/// Towards zero.
pub(super) fn truncated(number: f64) -> Result<i64, Fault> {
    let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number);
    if fits { Ok(number as i64) } else { Err(Fault::Overflow) }
}

impl Bounds {
    pub(super) const fn checked(self, micros: i64) -> Result<i64, Fault> {
        if self.hold(micros) { Ok(micros) } else { Err(Fault::TimeOutOfRange) }
    }
}

impl Number {
    /// NaN where it is missing.
    pub(super) fn value(&self, facts: &Facts) -> Result<f64, Fault> {
        Ok(match self {
            Self::Constant(number) => *number,
            Self::Feature(feature) => facts.feature(*feature),
            Self::Attribute(slot) => match facts.attribute(*slot) {
                Some(Value::Number(number)) => *number,
                _ => f64::NAN,
            },
            Self::Probability => facts.probability(),
            Self::Negate(operand) => -operand.value(facts)?,
            Self::Absolute(operand) => operand.value(facts)?.abs(),
            Self::Compute(arithmetic, sides) => number_of(*arithmetic, sides.0.value(facts)?, sides.1.value(facts)?),
            Self::Extreme(extreme, operands) => {
                let mut best: Option<f64> = None;
                for operand in operands {
                    let value = operand.value(facts)?;
                    best = Some(best.map_or(value, |so_far| extreme.of(so_far, value)));
                }
                best.unwrap_or(f64::NAN)
            }
            Self::Choose(parts) => return if parts.0.holds(facts)? { parts.1.value(facts) } else { parts.2.value(facts) },
            Self::FromWhole(whole) => whole.value(facts)?.map_or(f64::NAN, |whole| whole as f64),
            Self::FromText(text) => {
                let read = |text: Str<'_>| text.text.parse::<f64>().map_err(|_| Fault::NotANumber);
                each(text.value(facts)?, read)?.unwrap_or(f64::NAN)
            }
        })
    }
}

/// A remainder of these is refused when a condition is checked.
pub(super) fn number_of(arithmetic: Arithmetic, left: f64, right: f64) -> f64 {
    match arithmetic {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide => left / right,
        Arithmetic::Remainder => left % right,
    }
}

impl Extreme {
    /// NaN where one of them is.
    pub(super) fn of(self, one: f64, other: f64) -> f64 {
        if one.is_nan() || other.is_nan() {
            return f64::NAN;
        }
        match self {
            Self::Greatest => one.max(other),
            Self::Least => one.min(other),
        }
    }
}

impl Text {
    /// `None` where it is missing.
    pub(super) fn value<'a>(&'a self, facts: &'a Facts) -> Result<Option<Str<'a>>, Fault> {
        Ok(match self {
            Self::Constant(text) => Some(Str::plain(text)),
            Self::Attribute(slot) => Source::Attribute(*slot).text(facts).map(Str::plain),
            Self::Entity(slot) => facts.entity(*slot).map(Str::plain),
            Self::Currency => facts.currency().map(Str::plain),
            Self::Id => Some(Str::plain(facts.event.event_id.as_str())),
            Self::Lower(text) => text.value(facts)?.map(|text| Str { lower: true, ..text }),
            Self::Choose(parts) => return if parts.0.holds(facts)? { parts.1.value(facts) } else { parts.2.value(facts) },
        })
    }
}
