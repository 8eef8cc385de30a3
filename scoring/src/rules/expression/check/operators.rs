//! Operators: which types they take, and what they become.

use std::ops::Range;

use super::Checker;
use crate::rules::expression::Membership;
use crate::rules::expression::error::ExpressionError;
use crate::rules::expression::run::{number_of, whole_of};
use crate::rules::expression::tree::{Arithmetic, Binary, Comparison, Kind, Node};
use crate::rules::expression::typed::{Bounds, Flag, Number, Text, Typed, Whole};
use crate::rules::names::{Source, nearest};

/// Whole numbers up to here are the same as a double.
const EXACT: u64 = 1 << 53;

impl<'a> Checker<'a> {
    /// `&&` and `||`: a chain of one kind becomes one node.
    pub(super) fn logic(&mut self, binary: Binary, left: &'a Node, right: &'a Node) -> Result<Typed, ExpressionError> {
        let mut parts = Vec::new();
        for side in [left, right] {
            match (self.node(side)?, binary) {
                (Typed::Flag(Flag::All(inner)), Binary::And) | (Typed::Flag(Flag::Any(inner)), Binary::Or) => parts.extend(inner),
                (Typed::Flag(flag), _) => parts.push(flag),
                (other, _) => {
                    let message = format!("`{}` takes two bools, this is a {}", binary.symbol(), other.name());
                    return Err(self.refuse(&side.span, message));
                }
            }
        }
        Ok(Typed::Flag(if binary == Binary::And { Flag::All(parts.into()) } else { Flag::Any(parts.into()) }))
    }

    pub(super) fn compared(
        &mut self,
        comparison: Comparison,
        left: &'a Node,
        right: &'a Node,
        span: &Range<usize>,
    ) -> Result<Typed, ExpressionError> {
        let (left, right) = (self.node(left)?, self.node(right)?);
        let names = (left.name(), right.name());
        let flag = compare(comparison, left, right).ok_or_else(|| {
            let symbol = Binary::Compare(comparison).symbol();
            let message = if names.0 == names.1 {
                format!("`{symbol}` has no meaning between two {}s", names.0)
            } else {
                format!("`{symbol}` takes two of one type, here are {} and {}", names.0, names.1)
            };
            self.refuse(span, message)
        })?;
        Ok(Typed::Flag(flag))
    }

    pub(super) fn computed(
        &mut self,
        arithmetic: Arithmetic,
        left: &'a Node,
        right: &'a Node,
        span: &Range<usize>,
    ) -> Result<Typed, ExpressionError> {
        use Arithmetic::{Add, Remainder, Subtract};
        let (of_left, of_right) = (self.node(left)?, self.node(right)?);
        let names = (of_left.name(), of_right.name());
        let moment = |whole| Typed::Time(Whole::Within(Bounds::Time, Box::new(whole)));
        let length = |whole| Typed::Span(Whole::Within(Bounds::Span, Box::new(whole)));
        Ok(match (of_left, of_right, arithmetic) {
            (Typed::Whole(left), Typed::Whole(right), _) => Typed::Whole(compute(arithmetic, left, right)),
            (Typed::Number(left), Typed::Number(right), Add | Subtract | Arithmetic::Multiply | Arithmetic::Divide) => {
                Typed::Number(match (left, right) {
                    (Number::Constant(left), Number::Constant(right)) => Number::Constant(number_of(arithmetic, left, right)),
                    (left, right) => Number::Compute(arithmetic, Box::new((left, right))),
                })
            }
            (Typed::Time(left), Typed::Span(right), Add | Subtract) | (Typed::Span(left), Typed::Time(right), Add) => {
                moment(compute(arithmetic, left, right))
            }
            (Typed::Time(left), Typed::Time(right), Subtract) | (Typed::Span(left), Typed::Span(right), Add | Subtract) => {
                length(compute(arithmetic, left, right))
            }
            _ => {
                let symbol = Binary::Arithmetic(arithmetic).symbol();
                let message = match names {
                    ("int", "double") => self.mixed(symbol, left),
                    ("double", "int") => self.mixed(symbol, right),
                    ("double", "double") if arithmetic == Remainder => "`%` takes two ints".to_owned(),
                    ("string", "string") if arithmetic == Add => "joining text is not supported in rules".to_owned(),
                    (left, right) => format!("`{symbol}` has no meaning between {left} and {right}"),
                };
                return Err(self.refuse(span, message));
            }
        })
    }

    /// What to write where an int meets a double.
    fn mixed(&self, symbol: &str, int: &Node) -> String {
        let written = self.text.get(int.span.clone()).unwrap_or("…");
        let fix = match &int.kind {
            Kind::Int(whole) => format!("{whole}.0"),
            _ => format!("double({written})"),
        };
        format!("`{symbol}` takes two ints or two doubles: write `{fix}` for `{written}`")
    }

    pub(super) fn negated(&mut self, operand: &'a Node) -> Result<Typed, ExpressionError> {
        Ok(match self.node(operand)? {
            Typed::Whole(Whole::Constant(whole)) if whole != i64::MIN => Typed::Whole(Whole::Constant(-whole)),
            Typed::Number(Number::Constant(number)) => Typed::Number(Number::Constant(-number)),
            Typed::Whole(whole) => Typed::Whole(Whole::Negate(Box::new(whole))),
            Typed::Number(number) => Typed::Number(Number::Negate(Box::new(number))),
            other => return Err(self.refuse(&operand.span, format!("`-` takes a number, this is a {}", other.name()))),
        })
    }

    pub(super) fn chosen(&mut self, condition: &'a Node, then: &'a Node, otherwise: &'a Node) -> Result<Typed, ExpressionError> {
        let test = match self.node(condition)? {
            Typed::Flag(test) => test,
            other => return Err(self.refuse(&condition.span, format!("`?` asks for a bool, this is a {}", other.name()))),
        };
        let names = |one: &Typed, other: &Typed| {
            format!("both sides of `:` are of one type, here are {} and {}", one.name(), other.name())
        };
        Ok(match (self.node(then)?, self.node(otherwise)?) {
            (Typed::Flag(then), Typed::Flag(otherwise)) => Typed::Flag(Flag::Choose(Box::new((test, then, otherwise)))),
            (Typed::Whole(then), Typed::Whole(otherwise)) => Typed::Whole(Whole::Choose(Box::new((test, then, otherwise)))),
            (Typed::Time(then), Typed::Time(otherwise)) => Typed::Time(Whole::Choose(Box::new((test, then, otherwise)))),
            (Typed::Span(then), Typed::Span(otherwise)) => Typed::Span(Whole::Choose(Box::new((test, then, otherwise)))),
            (Typed::Number(then), Typed::Number(otherwise)) => Typed::Number(Number::Choose(Box::new((test, then, otherwise)))),
            (Typed::Text(then), Typed::Text(otherwise)) => Typed::Text(Text::Choose(Box::new((test, then, otherwise)))),
            (one, other) => return Err(self.refuse(&otherwise.span, names(&one, &other))),
        })
    }

    /// `value in list`.
    pub(super) fn within(&mut self, value: &'a Node, list: &'a Node) -> Result<Typed, ExpressionError> {
        let of = self.node(value)?;
        match &list.kind {
            Kind::List(_) => self.one_of(of, list),
            Kind::Select(group, name) if self.group(group) == Some("lists") => {
                let Typed::Text(text) = of else {
                    return Err(self.refuse(&value.span, format!("lists hold strings, this is a {}", of.name())));
                };
                let Some(id) = self.names.list(name) else {
                    return Err(self.unknown(&format!("lists.{name}"), &list.span, "there is no"));
                };
                self.memberships.push(Membership { name: format!("lists.{name}"), list: id, value: text.clone() });
                Ok(Typed::Flag(Flag::Listed(text, id)))
            }
            Kind::Name(name) if self.names.list(name).is_some() => {
                Err(self.refuse(&list.span, format!("write `lists.{name}` for the list `{name}`")))
            }
            Kind::Select(group, name) if matches!(&group.kind, Kind::Name(group) if nearest(group, ["lists"].into_iter()).is_some()) => {
                Err(self.refuse(&list.span, format!("did you mean `lists.{name}`?")))
            }
            _ => Err(self.refuse(&list.span, "after `in` stands a list of literals, or `lists.` with the name of a list")),
        }
    }

    /// Texts become a sorted table; for other types each element is compared.
    fn one_of(&mut self, of: Typed, list: &'a Node) -> Result<Typed, ExpressionError> {
        let elements = self.elements(list)?;
        if let Typed::Text(text) = &of
            && elements.iter().all(|(element, _)| matches!(element, Typed::Text(_)))
        {
            let constant = |(element, _)| match element {
                Typed::Text(Text::Constant(constant)) => Some(constant),
                _ => None,
            };
            let mut table: Vec<Box<str>> = elements.into_iter().filter_map(constant).collect();
            table.sort_unstable();
            table.dedup();
            return Ok(Typed::Flag(Flag::OneOf(text.clone(), table.into())));
        }
        let mut parts = Vec::with_capacity(elements.len());
        for (element, span) in elements {
            let names = (of.name(), element.name());
            let part = compare(Comparison::Equal, of.clone(), element);
            parts.push(part.ok_or_else(|| self.refuse(span, format!("a {} is never equal to this {}", names.0, names.1)))?);
        }
        Ok(Typed::Flag(Flag::Any(parts.into())))
    }
}

/// `None` where the types do not fit.
fn compare(comparison: Comparison, left: Typed, right: Typed) -> Option<Flag> {
    Some(match (left, right) {
        (Typed::Whole(left), Typed::Whole(right)) => whole(comparison, left, right),
        (Typed::Time(left), Typed::Time(right)) | (Typed::Span(left), Typed::Span(right)) => {
            Flag::CompareWhole(comparison, Box::new((left, right)))
        }
        (Typed::Number(left), Typed::Number(right)) => number(comparison, left, right),
        (Typed::Whole(left), Typed::Number(right)) => mixed(comparison, left, right),
        (Typed::Number(left), Typed::Whole(right)) => mixed(comparison.mirrored(), right, left),
        (Typed::Text(left), Typed::Text(right)) => text(comparison, left, right),
        (Typed::Flag(left), Typed::Flag(right)) if !comparison.is_order() => {
            Flag::Same(comparison == Comparison::Equal, Box::new((left, right)))
        }
        _ => return None,
    })
}

fn whole(comparison: Comparison, left: Whole, right: Whole) -> Flag {
    match (source(&left), right) {
        (Some(source), Whole::Constant(constant)) => Flag::Value(comparison, source, constant),
        (_, right) => match (left, source(&right)) {
            (Whole::Constant(constant), Some(source)) => Flag::Value(comparison.mirrored(), source, constant),
            (left, _) => Flag::CompareWhole(comparison, Box::new((left, right))),
        },
    }
}

fn source(whole: &Whole) -> Option<Source> {
    match whole {
        Whole::Attribute(slot) => Some(Source::Attribute(*slot)),
        Whole::AmountMinor => Some(Source::AmountMinor),
        Whole::Score => Some(Source::Score),
        _ => None,
    }
}

fn number(comparison: Comparison, left: Number, right: Number) -> Flag {
    match (left, right) {
        (Number::Feature(feature), Number::Constant(constant)) => Flag::Feature(comparison, feature, constant),
        (Number::Constant(constant), Number::Feature(feature)) => Flag::Feature(comparison.mirrored(), feature, constant),
        (left, right) => Flag::CompareNumber(comparison, Box::new((left, right))),
    }
}

fn mixed(comparison: Comparison, left: Whole, right: Number) -> Flag {
    match left {
        Whole::Constant(constant) if constant.unsigned_abs() <= EXACT => {
            number(comparison, Number::Constant(constant as f64), right)
        }
        left => Flag::CompareMixed(comparison, Box::new((left, right))),
    }
}

fn text(comparison: Comparison, left: Text, right: Text) -> Flag {
    let source = |text: &Text| match text {
        Text::Attribute(slot) => Some(Source::Attribute(*slot)),
        Text::Entity(slot) => Some(Source::Entity(*slot)),
        Text::Currency => Some(Source::Currency),
        Text::Id => Some(Source::Id),
        _ => None,
    };
    let equal = comparison == Comparison::Equal;
    match (source(&left), source(&right), left, right) {
        (Some(source), _, _, Text::Constant(constant)) if !comparison.is_order() => Flag::TextIs(equal, source, constant),
        (_, Some(source), Text::Constant(constant), _) if !comparison.is_order() => Flag::TextIs(equal, source, constant),
        (_, _, left, right) => Flag::CompareText(comparison, Box::new((left, right))),
    }
}

/// Folded where both are constants and it does not fail.
fn compute(arithmetic: Arithmetic, left: Whole, right: Whole) -> Whole {
    if let (Whole::Constant(left), Whole::Constant(right)) = (&left, &right)
        && let Ok(folded) = whole_of(arithmetic, *left, *right)
    {
        return Whole::Constant(folded);
    }
    Whole::Compute(arithmetic, Box::new((left, right)))
}
