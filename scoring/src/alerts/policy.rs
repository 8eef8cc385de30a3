//! Which decisions raise an alert: the `[[alerts]]` tables of a pipeline file.

use std::fmt;
use std::ops::Range;

use ingest::{Duration, Schema};
use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::decision::{Decision, Verdict};
use crate::rules::{Rule, RuleId, nearest};

/// When an alert is raised, how much it matters, and what joins it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Names it for good: 1 to 64 letters, digits and underscores. Its alerts begin with it.
    pub name: String,
    /// What it is for, for the person at the desk.
    #[serde(default)]
    pub description: String,
    /// Which decisions are worth an alert.
    pub when: When,
    /// How much it matters, at least.
    pub severity: Severity,
    /// What makes it matter more.
    #[serde(default)]
    pub rises: Vec<Rise>,
    /// What it is about; without it each decision is an alert of its own.
    #[serde(default)]
    pub about: Option<About>,
    /// Whose it is: a team's name, to filter by.
    #[serde(default)]
    pub group: Option<String>,
}

/// How much an alert matters, or anything else that people are told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(as = AlertSeverity))]
pub enum Severity {
    /// To be looked at when there is time.
    Low,
    /// To be looked at today.
    Medium,
    /// To be looked at now.
    High,
    /// Before everything else.
    Critical,
}

impl Severity {
    /// All of them, the highest first.
    pub const ALL: [Self; 4] = [Self::Critical, Self::High, Self::Medium, Self::Low];

    /// Its word in the API, in metrics and in the warehouse.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which decisions are worth an alert: those of which all that is said here holds. Something is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WhenFile")]
pub struct When {
    /// Decided so; empty for any decision.
    decisions: Vec<Verdict>,
    /// The rule hit, and counted.
    rule: Option<RuleId>,
    /// The score is at least that.
    score: Option<u16>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WhenFile {
    #[serde(default)]
    decisions: Vec<Verdict>,
    rule: Option<RuleId>,
    score: Option<u16>,
}

impl TryFrom<WhenFile> for When {
    type Error = String;
    fn try_from(WhenFile { decisions, rule, score }: WhenFile) -> Result<Self, String> {
        if decisions.is_empty() && rule.is_none() && score.is_none() {
            return Err("`when` says nothing, and would raise an alert for every event: give decisions, rule or score".to_owned());
        }
        check_score(score)?;
        Ok(Self { decisions, rule, score })
    }
}

impl When {
    /// Whether a decision is worth an alert.
    pub fn holds(&self, decision: &Decision) -> bool {
        let Self { decisions, rule, score } = self;
        let by_rule = |id: &RuleId| decision.rules.iter().any(|hit| hit.rule_id == *id && hit.is_effective());
        (decisions.is_empty() || decisions.contains(&decision.decision))
            && rule.as_ref().is_none_or(by_rule)
            && score.is_none_or(|least| decision.score.is_some_and(|score| score >= least))
    }
}

/// From where on an alert matters more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rise {
    /// How much it matters then.
    pub to: Severity,
    /// From where on.
    pub from: Level,
}

/// One measure of an alert, and how much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The money of its events together, in minor units.
    MoneyMinor(i64),
    /// The highest score among its events.
    Score(u16),
    /// How many events it has.
    Events(u32),
}

/// What alerts of a policy are about: one entity each. While its alert is not closed, what comes of the same entity joins it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The entity, as the pipeline file declares it.
    pub entity: String,
    /// What comes within this of the alert's last event, by the times of the events, joins it.
    pub join_within: Duration,
    /// How many events it takes; one where it is not said.
    #[serde(default)]
    pub after: Option<After>,
}

/// So many events of one entity, all within a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "AfterFile")]
pub struct After {
    /// How many, at least 2.
    pub events: u32,
    /// Within which time, by the times of the events.
    pub within: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AfterFile {
    events: u32,
    within: Duration,
}

impl TryFrom<AfterFile> for After {
    type Error = String;
    fn try_from(AfterFile { events, within }: AfterFile) -> Result<Self, String> {
        if !(2..=MOST_EVENTS).contains(&events) {
            return Err(format!("`after` is {events} events: give 2 to {MOST_EVENTS}, or leave it out"));
        }
        if within <= Duration::ZERO {
            return Err("`after` takes some time: `within` is 0s".to_owned());
        }
        Ok(Self { events, within })
    }
}

/// More events than these are no pattern but a volume.
const MOST_EVENTS: u32 = 100;

impl Policy {
    /// The policies of a file, checked against what its events and rules are. Wrong ones come with their place.
    pub fn check(files: Vec<Spanned<Self>>, schema: &Schema, rules: &[Rule]) -> Result<Vec<Self>, (String, Range<usize>)> {
        let mut policies: Vec<Self> = Vec::new();
        for file in files {
            let (span, policy) = (file.span(), file.into_inner());
            let taken = policies.iter().any(|known| known.name == policy.name);
            let checked = if taken { Err("there are two of this name".to_owned()) } else { policy.check_one(schema, rules) };
            checked.map_err(|what| (format!("alert policy `{}`: {what}", policy.name), span))?;
            policies.push(policy);
        }
        Ok(policies)
    }

    fn check_one(&self, schema: &Schema, rules: &[Rule]) -> Result<(), String> {
        let is_word = self.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_word || !(1..=64).contains(&self.name.len()) {
            return Err("its name must be of 1 to 64 letters, digits and underscores".to_owned());
        }
        if let Some(rule) = &self.when.rule
            && rules.iter().all(|known| known.id != *rule)
        {
            let near = nearest(rule.as_str(), rules.iter().map(|known| known.id.as_str()));
            return Err(format!("there is no rule `{rule}` in this file{}", meant(near)));
        }
        if let Some(about) = &self.about {
            if schema.entity(&about.entity).is_none() {
                let near = nearest(&about.entity, schema.entities.iter().map(|entity| entity.name.as_str()));
                return Err(format!("there is no entity `{}` in [event.entities]{}", about.entity, meant(near)));
            }
            if about.join_within <= Duration::ZERO {
                return Err("`join_within` takes some time; without `about` each decision is an alert of its own".to_owned());
            }
        }
        for Rise { to, from } in &self.rises {
            if *to <= self.severity {
                return Err(format!("it is {} from the start, so that it cannot rise to {to}", self.severity));
            }
            match from {
                Level::MoneyMinor(_) if schema.amount_minor.is_none() => {
                    return Err("events have no amount, so that no money makes it rise".to_owned());
                }
                Level::MoneyMinor(minor) if *minor <= 0 => return Err(format!("money_minor is {minor}: give more than 0")),
                Level::Score(score) => check_score(Some(*score))?,
                Level::Events(events) if *events < 2 => return Err(format!("events is {events}: every alert has that many")),
                Level::MoneyMinor(_) | Level::Events(_) => {}
            }
        }
        Ok(())
    }

    /// How many events it takes.
    pub fn events(&self) -> u32 {
        self.about.as_ref().and_then(|about| about.after).map_or(1, |after| after.events)
    }

    /// How much an alert with so many events, so much money and that highest score matters.
    pub fn severity(&self, events: u32, money_minor: i64, score: Option<u16>) -> Severity {
        let holds = |rise: &&Rise| match rise.from {
            Level::MoneyMinor(least) => money_minor >= least,
            Level::Score(least) => score.is_some_and(|score| score >= least),
            Level::Events(least) => events >= least,
        };
        self.rises.iter().filter(holds).map(|rise| rise.to).fold(self.severity, Severity::max)
    }
}

fn check_score(score: Option<u16>) -> Result<(), String> {
    match score.filter(|score| !(1..=1_000).contains(score)) {
        Some(score) => Err(format!("score is {score}: give 1 to 1000")),
        None => Ok(()),
    }
}

fn meant(near: Option<String>) -> String {
    near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default()
}
