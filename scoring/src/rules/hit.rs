//! What came of a rule for one event, and what all of them together do to the decision.

use serde::{Deserialize, Serialize};

use super::evidence::Evidence;
use super::expression::Fault;
use super::rule::{Points, RuleId, RuleReason};
use crate::decision::Verdict;

/// A rule that has something to report of an event. One that does not hold has not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleHit {
    /// The rule.
    pub rule_id: RuleId,
    /// Its version.
    pub version: u32,
    /// What came of it.
    pub outcome: Outcome,
    /// Whether it was asked for the record alone.
    pub shadow: bool,
    /// What the rule wants done.
    pub action: Option<Verdict>,
    /// What it adds to the score.
    pub score_modifier: Points,
    /// What is said to a person.
    pub reason: Option<RuleReason>,
    /// The value of each name that its condition mentions.
    pub evidence: Vec<Evidence>,
}

/// What came of a rule. `no_hit` is not reported; it is what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Its condition holds.
    Hit,
    /// Its condition holds, for an entity outside the share of its rollout.
    Snoozed,
    /// Its condition has no answer.
    Error(Fault),
}

impl Outcome {
    /// Its word in the API and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Snoozed => "snoozed",
            Self::Error(_) => "error",
        }
    }
}

impl RuleHit {
    /// Whether it counts for the decision.
    pub fn is_effective(&self) -> bool {
        self.outcome == Outcome::Hit && !self.shadow
    }
}

/// What rules do to a decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// What they add to the score together; the sum is not cut to the score's range.
    pub modifier: i32,
    /// The highest action among them, `None` where none has one.
    pub verdict: Option<Verdict>,
}

/// The sum of the points and the highest of the actions of the hits that count. Precedence rises from approve to decline: a rule that
/// approves never lowers what another one wants.
pub fn effect(hits: &[RuleHit]) -> Effect {
    let effective = hits.iter().filter(|hit| hit.is_effective());
    effective.fold(Effect::default(), |so_far, hit| Effect {
        modifier: so_far.modifier.saturating_add(i32::from(hit.score_modifier.get())),
        verdict: so_far.verdict.max(hit.action),
    })
}
