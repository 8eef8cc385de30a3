//! From a tree to the compiled form: names are looked up, types are made to fit or refused, constants folded. What passes here
//! cannot go wrong at run time but for arithmetic.

mod calls;
mod operators;
mod quantified;

use std::ops::Range;

use super::error::ExpressionError;
use super::tree::{Binary, Kind, Node};
use super::typed::{Flag, Number, Text, Typed, Whole};
use super::{Expression, MAX_PARTS, Membership, Mention};
use crate::rules::names::{GROUPS, Holds, Names, Source, nearest};

/// Checks a tree that was read from `text`.
pub(super) fn check(text: &str, tree: &Node, names: &Names) -> Result<Expression, ExpressionError> {
    let mut checker = Checker { text, names, bound: Vec::new(), mentions: Vec::new(), memberships: Vec::new(), parts: 0 };
    match checker.node(tree)? {
        Typed::Flag(condition) => Ok(Expression { condition, mentions: checker.mentions, memberships: checker.memberships }),
        other => Err(checker.refuse(&tree.span, format!("a condition is a bool, this is a {}", other.name()))),
    }
}

struct Checker<'a> {
    text: &'a str,
    names: &'a Names<'a>,
    /// The variables of `exists` and `all` around, with the element that each stands for.
    bound: Vec<(&'a str, Typed)>,
    mentions: Vec<Mention>,
    memberships: Vec<Membership>,
    parts: usize,
}

impl<'a> Checker<'a> {
    fn node(&mut self, node: &'a Node) -> Result<Typed, ExpressionError> {
        self.parts += 1;
        if self.parts > MAX_PARTS {
            let message =
                format!("an expression may have {MAX_PARTS} parts with its `exists` and `all` written out, this one has more");
            return Err(self.refuse(&node.span, message));
        }
        match &node.kind {
            Kind::Bool(flag) => Ok(Typed::Flag(Flag::Constant(*flag))),
            Kind::Int(whole) => Ok(Typed::Whole(Whole::Constant(*whole))),
            Kind::Double(number) => Ok(Typed::Number(Number::Constant(*number))),
            Kind::Text(text) => Ok(Typed::Text(Text::Constant(text.as_str().into()))),
            Kind::Name(name) => self.name(name, &node.span),
            Kind::Select(operand, field) => {
                let (source, holds) = self.member(operand, field, &node.span)?;
                Ok(self.mention(source, holds, &node.span))
            }
            Kind::Has(operand, field) => {
                let (source, _) = self.member(operand, field, &node.span)?;
                let name = format!("{}.{field}", self.group(operand).unwrap_or_default());
                self.add_mention(name, source);
                Ok(Typed::Flag(Flag::Has(source)))
            }
            Kind::Not(operand) => match self.node(operand)? {
                Typed::Flag(Flag::Constant(flag)) => Ok(Typed::Flag(Flag::Constant(!flag))),
                Typed::Flag(flag) => Ok(Typed::Flag(Flag::Not(Box::new(flag)))),
                other => Err(self.refuse(&operand.span, format!("`!` takes a bool, this is a {}", other.name()))),
            },
            Kind::Negate(operand) => self.negated(operand),
            Kind::Binary(Binary::And, sides) => self.logic(Binary::And, &sides.0, &sides.1),
            Kind::Binary(Binary::Or, sides) => self.logic(Binary::Or, &sides.0, &sides.1),
            Kind::Binary(Binary::In, sides) => self.within(&sides.0, &sides.1),
            Kind::Binary(Binary::Compare(comparison), sides) => self.compared(*comparison, &sides.0, &sides.1, &node.span),
            Kind::Binary(Binary::Arithmetic(arithmetic), sides) => self.computed(*arithmetic, &sides.0, &sides.1, &node.span),
            Kind::Choose(parts) => self.chosen(&parts.0, &parts.1, &parts.2),
            Kind::Call { function, target, arguments } => self.called(function, target.as_deref(), arguments, &node.span),
            Kind::List(_) => Err(self.refuse(&node.span, "a list may stand after `in`, and before `.exists(…)` and `.all(…)`")),
            Kind::Quantified { quantifier, list, variable, body } => self.quantified(*quantifier, list, variable, body),
        }
    }

    /// A name that stands alone.
    fn name(&mut self, name: &str, span: &Range<usize>) -> Result<Typed, ExpressionError> {
        if let Some((_, element)) = self.bound.iter().rev().find(|(variable, _)| *variable == name) {
            return Ok(element.clone());
        }
        if let Some((source, holds)) = self.names.bare(name) {
            return Ok(self.mention(source, holds, span));
        }
        if Names::is_group(name) {
            return Err(self.refuse(span, format!("`{name}` stands before a dot and a name: `{name}.…`")));
        }
        Err(self.unknown(name, span, "there is no feature"))
    }

    /// A name that stands after a group and a dot.
    fn member(&mut self, operand: &Node, field: &str, span: &Range<usize>) -> Result<(Source, Holds), ExpressionError> {
        let Some(group) = self.group(operand) else {
            let message =
                format!("`.{field}` stands after something that has no fields; those that have are {}", quoted(&GROUPS));
            return Err(self.refuse(span, message));
        };
        if !Names::is_group(group) {
            let near = nearest(group, GROUPS.into_iter()).map(|near| format!("{near}.{field}"));
            let near = near.or_else(|| self.names.near(&format!("{group}.{field}")));
            let near = near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
            return Err(self.refuse(span, format!("there is no `{group}.{field}`{near}")));
        }
        if group == "lists" {
            return Err(self.refuse(span, format!("a list stands after `in`: `entity.card in lists.{field}`")));
        }
        if let Some(found) = self.names.of(group, field) {
            return Ok(found);
        }
        Err(self.unknown(&format!("{group}.{field}"), span, "there is no"))
    }

    /// The group that a name before a dot is, unless a variable hides it.
    fn group<'n>(&self, operand: &'n Node) -> Option<&'n str> {
        match &operand.kind {
            Kind::Name(name) if !self.bound.iter().any(|(variable, _)| variable == name) => Some(name),
            _ => None,
        }
    }

    fn mention(&mut self, source: Source, holds: Holds, span: &Range<usize>) -> Typed {
        self.add_mention(self.text.get(span.clone()).unwrap_or_default().split_whitespace().collect(), source);
        match (holds, source) {
            (Holds::Flag, Source::Attribute(slot)) => Typed::Flag(Flag::Attribute(slot)),
            (Holds::Flag, other) => Typed::Flag(Flag::Has(other)),
            (Holds::Time, _) => Typed::Time(Whole::Time),
            (Holds::Whole, Source::Attribute(slot)) => Typed::Whole(Whole::Attribute(slot)),
            (Holds::Whole, Source::Score) => Typed::Whole(Whole::Score),
            (Holds::Whole, _) => Typed::Whole(Whole::AmountMinor),
            (Holds::Number, Source::Attribute(slot)) => Typed::Number(Number::Attribute(slot)),
            (Holds::Number, Source::Feature(feature)) => Typed::Number(Number::Feature(feature)),
            (Holds::Number, _) => Typed::Number(Number::Probability),
            (Holds::Text, Source::Attribute(slot)) => Typed::Text(Text::Attribute(slot)),
            (Holds::Text, Source::Entity(slot)) => Typed::Text(Text::Entity(slot)),
            (Holds::Text, Source::Currency) => Typed::Text(Text::Currency),
            (Holds::Text, _) => Typed::Text(Text::Id),
        }
    }

    /// Each source is mentioned once, as it is written first.
    fn add_mention(&mut self, name: String, source: Source) {
        if !self.mentions.iter().any(|mention| mention.source == source) {
            self.mentions.push(Mention { name, source });
        }
    }

    fn unknown(&self, name: &str, span: &Range<usize>, what: &str) -> ExpressionError {
        let near = self.names.near(name).map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
        self.refuse(span, format!("{what} `{name}`{near}"))
    }

    fn refuse(&self, span: &Range<usize>, message: impl Into<String>) -> ExpressionError {
        ExpressionError::at(self.text, span.clone(), message)
    }
}

/// Names in backticks, with commas.
fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
