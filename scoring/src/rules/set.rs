//! All rules of a pipeline, checked and in the order in which they are asked.

use super::expression::{Expression, ExpressionError};
use super::facts::Facts;
use super::hit::{Outcome, RuleHit};
use super::names::{Names, nearest};
use super::rule::{Rule, RuleId};
use super::state::State;
use crate::shares::Shares;

/// Checked rules.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    /// All of them, as they were written.
    rules: Vec<Rule>,
    /// Those that are asked, in their order.
    asked: Vec<Asked>,
}

/// A rule that is asked.
#[derive(Clone, Debug)]
struct Asked {
    /// Its number among all rules.
    rule: usize,
    condition: Expression,
    share: Option<Share>,
}

/// The entities for which a rule in rollout counts.
#[derive(Clone, Copy, Debug)]
struct Share {
    entity: usize,
    percent: u8,
    shares: Shares,
}

/// Why a rule was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Its condition is wrong.
    #[error("rule `{rule}`: {source}")]
    Condition {
        /// The rule.
        rule: RuleId,
        /// What is wrong, and where in the condition.
        source: ExpressionError,
    },
    /// It divides an entity that there is not.
    #[error("rule `{rule}`: it is rolled out by `{entity}`, which is not a declared entity{near}")]
    NoEntity {
        /// The rule.
        rule: RuleId,
        /// What it names.
        entity: String,
        /// What may have been meant, as the end of a sentence.
        near: String,
    },
    /// Two rules have one id.
    #[error("two rules have the id `{rule}`")]
    Twice {
        /// The id.
        rule: RuleId,
    },
}

impl RuleError {
    /// The rule that was refused.
    pub const fn rule(&self) -> &RuleId {
        match self {
            Self::Condition { rule, .. } | Self::NoEntity { rule, .. } | Self::Twice { rule } => rule,
        }
    }

    /// What of the rule it is about.
    pub const fn member(&self) -> &'static str {
        match self {
            Self::Condition { .. } => "when",
            Self::NoEntity { .. } => "state",
            Self::Twice { .. } => "id",
        }
    }
}

impl RuleSet {
    /// Checks all rules but the archived ones, whose names may be gone, and compiles those that are asked. Fails with everything that
    /// is wrong, rule by rule.
    pub fn compile(rules: Vec<Rule>, names: &Names) -> Result<Self, Vec<RuleError>> {
        let mut errors = Vec::new();
        let mut asked = Vec::new();
        for (number, rule) in rules.iter().enumerate() {
            if rules[..number].iter().any(|before| before.id == rule.id) {
                errors.push(RuleError::Twice { rule: rule.id.clone() });
                continue;
            }
            if rule.state == State::Archived {
                continue;
            }
            match check(rule, names) {
                Ok((condition, share)) if rule.state.is_asked() => asked.push(Asked { rule: number, condition, share }),
                Ok(_) => {}
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        asked.sort_by_key(|each: &Asked| (rules[each.rule].priority, rules[each.rule].id.clone()));
        Ok(Self { rules, asked })
    }

    /// All rules, also those that are not asked, as they were given.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rules that are asked, in their order.
    pub fn asked(&self) -> impl ExactSizeIterator<Item = &Rule> {
        self.asked.iter().map(|asked| &self.rules[asked.rule])
    }

    /// Asks every rule, and returns what there is to report, in the order of the rules. Allocates nothing where there is nothing.
    pub fn evaluate(&self, facts: &Facts) -> Vec<RuleHit> {
        let mut hits = Vec::new();
        for asked in &self.asked {
            let outcome = match asked.condition.holds(facts) {
                Ok(false) => continue,
                Ok(true) if asked.share.is_some_and(|share| !share.holds(facts)) => Outcome::Snoozed,
                Ok(true) => Outcome::Hit,
                Err(fault) => Outcome::Error(fault),
            };
            hits.push(report(&self.rules[asked.rule], outcome, asked.condition.evidence(facts)));
        }
        hits
    }
}

fn check(rule: &Rule, names: &Names) -> Result<(Expression, Option<Share>), RuleError> {
    let condition =
        Expression::new(&rule.when, names).map_err(|source| RuleError::Condition { rule: rule.id.clone(), source })?;
    let State::Rollout(rollout) = &rule.state else { return Ok((condition, None)) };
    let entities = || names.entities();
    let Some(entity) = entities().position(|entity| entity == rollout.by) else {
        let near = nearest(&rollout.by, entities()).map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
        return Err(RuleError::NoEntity { rule: rule.id.clone(), entity: rollout.by.clone(), near });
    };
    Ok((condition, Some(Share { entity, percent: rollout.percent.get(), shares: Shares::of(rule.id.as_str()) })))
}

impl Share {
    /// By a hash of the rule's id and the entity's key, so that each rule divides them in its own way. An event without the entity is
    /// outside.
    fn holds(self, facts: &Facts) -> bool {
        facts.entity(self.entity).is_some_and(|key| self.shares.place(key) < self.percent)
    }
}

fn report(rule: &Rule, outcome: Outcome, evidence: Vec<super::evidence::Evidence>) -> RuleHit {
    RuleHit {
        rule_id: rule.id.clone(),
        version: rule.version,
        outcome,
        shadow: rule.state == State::Shadow,
        action: rule.action,
        score_modifier: rule.score_modifier,
        reason: rule.reason.clone(),
        evidence,
    }
}
