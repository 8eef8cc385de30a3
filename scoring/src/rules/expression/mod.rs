//! A condition in the Common Expression Language: text, then a tree, then a checked and compiled form that answers yes or no.
//!
//! It never does I/O, keeps no state, and what goes wrong while it runs is a [`Fault`], never a panic.

mod calendar;
mod check;
mod compare;
mod error;
mod message;
mod parse;
mod run;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod typed;

pub use error::ExpressionError;
pub use run::Fault;

use self::typed::Flag;
use super::evidence::Evidence;
use super::facts::{Facts, ListId};
use super::names::{Names, Source};

/// The longest expression, in bytes.
pub const MAX_BYTES: usize = 4096;

/// How deep an expression may be nested.
pub const MAX_NESTING: usize = 64;

/// The most parts that an expression may have once `exists` and `all` are written out.
const MAX_PARTS: usize = 10_000;

/// A condition that was read, checked against the names that there are, and compiled.
#[derive(Clone, Debug)]
pub struct Expression {
    condition: Flag,
    mentions: Vec<Mention>,
    memberships: Vec<Membership>,
}

/// A name that an expression mentions.
#[derive(Clone, Debug)]
struct Mention {
    name: String,
    source: Source,
}

/// A question to a list.
#[derive(Clone, Debug)]
struct Membership {
    name: String,
    list: ListId,
    value: typed::Text,
}

impl Expression {
    /// Reads and checks `text`. Fails where it is not CEL, where it uses what rules do not have, where a name is unknown or types do
    /// not fit, and where it is no condition.
    pub fn new(text: &str, names: &Names) -> Result<Self, ExpressionError> {
        check::check(text, &parse::parse(text)?, names)
    }

    /// Whether it holds. What is missing equals nothing and has no order.
    pub fn holds(&self, facts: &Facts) -> Result<bool, Fault> {
        self.condition.holds(facts)
    }

    /// The names that it mentions, in the order of the text.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let mentioned = self.mentions.iter().map(|mention| mention.name.as_str());
        mentioned.chain(self.memberships.iter().map(|membership| membership.name.as_str()))
    }

    /// The value of every name that it mentions; of a list, whether what was asked for is on it.
    pub fn evidence(&self, facts: &Facts) -> Vec<Evidence> {
        let mut evidence: Vec<Evidence> = self
            .mentions
            .iter()
            .map(|mention| Evidence { name: mention.name.clone(), value: mention.source.seen(facts) })
            .collect();
        for membership in &self.memberships {
            let on_it = typed::Flag::Listed(membership.value.clone(), membership.list).holds(facts).unwrap_or(false);
            // A list that is asked twice is one name.
            match evidence.iter_mut().find(|known| known.name == membership.name) {
                Some(known) if on_it => *known = Evidence::flag(&membership.name, true),
                Some(_) => {}
                None => evidence.push(Evidence::flag(&membership.name, on_it)),
            }
        }
        evidence
    }
}
