//! Rules: conditions that analysts write over the event, its features, the champion's score and lists, and what follows when they
//! hold. Saving a rule checks its names and types; asking one is a plain function that does no I/O and takes no decision down: what
//! goes wrong in a rule is the outcome `error` of that rule.

mod evidence;
pub mod expression;
mod facts;
mod hit;
mod names;
mod rule;
mod set;
mod state;
#[cfg(test)]
mod tests;

pub use evidence::{Evidence, Seen};
pub use expression::{Expression, ExpressionError, Fault};
pub use facts::{Facts, ListId, Lists};
pub use hit::{Effect, Outcome, RuleHit, effect};
pub use names::Names;
pub(crate) use names::nearest;
pub use rule::{Points, Rule, RuleId, RuleReason};
pub use set::{RuleError, RuleSet};
pub use state::{Forbidden, Percent, Rollout, State};
