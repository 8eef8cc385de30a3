//! A rule as it is written: in a `[[rules]]` table of a pipeline file, or in the body of a request.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::state::State;
use crate::decision::Verdict;

/// What an analyst writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Rule {
    /// Names it for good, through all its versions.
    #[cfg_attr(feature = "http", schema(value_type = String))]
    pub id: RuleId,
    /// Counts its changes, from 1.
    #[serde(default = "first")]
    pub version: u32,
    /// A few words for a list of rules.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The condition, in CEL.
    pub when: String,
    /// What to do with an event for which it holds; without one the rule only adds points, or only watches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Verdict>,
    /// What it adds to the score of an event for which it holds.
    #[serde(default, skip_serializing_if = "Points::is_none")]
    #[cfg_attr(feature = "http", schema(value_type = i16))]
    pub score_modifier: Points,
    /// Rules with lower numbers are asked, and reported, first; equal ones in the order of their ids.
    #[serde(default)]
    pub priority: i32,
    /// Whether it is asked, and whether it counts.
    pub state: State,
    /// Who wrote this version.
    pub author: String,
    /// What is said to a person when it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<RuleReason>,
}

impl Rule {
    /// What is wrong with a rule that [`lacks_reason`](Self::lacks_reason).
    pub const NEEDS_REASON: &str = "an application that it declines needs a `reason` that the applicant can be told, and so does one that loses points by it";

    /// What people have written in it, by field.
    pub fn texts(&self) -> [(&'static str, &str); 6] {
        let (code, text) = self.reason.as_ref().map_or(("", ""), |reason| (reason.code.as_str(), reason.text.as_str()));
        [
            ("id", self.id.as_str()),
            ("name", &self.name),
            ("description", &self.description),
            ("when", &self.when),
            ("reason.code", code),
            ("reason.text", text),
        ]
    }

    /// Whether it declines, or helps to, without saying why.
    pub fn lacks_reason(&self) -> bool {
        (self.action == Some(Verdict::Decline) || self.score_modifier.get() > 0) && self.reason.is_none()
    }
}

/// What is said to a person when a rule holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct RuleReason {
    /// A code for machines: `VELOCITY_CARD`.
    pub code: String,
    /// A sentence.
    pub text: String,
}

/// The name of a rule: 1 to 64 letters, digits, underscores and hyphens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RuleId(String);

impl RuleId {
    /// The longest, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// `None` when it is empty, too long, or has other characters.
    pub fn new(id: &str) -> Option<Self> {
        let letters = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        (letters && (1..=Self::MAX_BYTES).contains(&id.len())).then(|| Self(id.to_owned()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for RuleId {
    type Error = String;
    fn try_from(id: String) -> Result<Self, String> {
        let most = Self::MAX_BYTES;
        Self::new(&id).ok_or_else(|| format!("rule id `{id}` is not of 1 to {most} letters, digits, underscores and hyphens"))
    }
}

impl From<RuleId> for String {
    fn from(id: RuleId) -> Self {
        id.0
    }
}

/// Points of the score, -1000 to 1000; 0 leaves it as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i16", into = "i16")]
pub struct Points(i16);

impl Points {
    /// `None` beyond 1000 either way.
    pub fn new(points: i16) -> Option<Self> {
        (-1000..=1000).contains(&points).then_some(Self(points))
    }

    /// The number.
    pub const fn get(self) -> i16 {
        self.0
    }

    /// Whether it changes nothing.
    pub const fn is_none(&self) -> bool {
        self.0 == 0
    }
}

impl TryFrom<i16> for Points {
    type Error = String;
    fn try_from(points: i16) -> Result<Self, String> {
        Self::new(points).ok_or_else(|| format!("score_modifier {points} is not from -1000 to 1000"))
    }
}

impl From<Points> for i16 {
    fn from(points: Points) -> Self {
        points.0
    }
}

const fn first() -> u32 {
    1
}
