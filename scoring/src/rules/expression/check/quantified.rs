//! `exists` and `all` over a list of literals are written out: the body once for each element.

use std::ops::Range;

use super::Checker;
use crate::rules::expression::error::ExpressionError;
use crate::rules::expression::tree::{Kind, Node, Quantifier};
use crate::rules::expression::typed::{Flag, Typed};

impl<'a> Checker<'a> {
    pub(super) fn quantified(
        &mut self,
        quantifier: Quantifier,
        list: &'a Node,
        variable: &'a str,
        body: &'a Node,
    ) -> Result<Typed, ExpressionError> {
        let mut parts = Vec::new();
        for (element, _) in self.elements(list)? {
            self.bound.push((variable, element));
            let part = self.node(body);
            self.bound.pop();
            match part? {
                Typed::Flag(flag) => parts.push(flag),
                other => {
                    return Err(self.refuse(&body.span, format!("`exists` and `all` ask for a bool, this is a {}", other.name())));
                }
            }
        }
        Ok(Typed::Flag(match quantifier {
            Quantifier::Exists => Flag::Any(parts.into()),
            Quantifier::All => Flag::All(parts.into()),
        }))
    }

    /// The elements of a list that is written out: at least one, and all constants.
    pub(super) fn elements(&mut self, list: &'a Node) -> Result<Vec<(Typed, &'a Range<usize>)>, ExpressionError> {
        let Kind::List(nodes) = &list.kind else {
            return Err(self.refuse(&list.span, "`exists` and `all` run over a list that is written out: `[\"a\", \"b\"]`"));
        };
        if nodes.is_empty() {
            return Err(self.refuse(&list.span, "this list is empty"));
        }
        let mut elements = Vec::with_capacity(nodes.len());
        for node in nodes {
            let element = self.node(node)?;
            if !element.is_constant() {
                return Err(self.refuse(&node.span, "a list that is written out has literals only"));
            }
            elements.push((element, &node.span));
        }
        Ok(elements)
    }
}
