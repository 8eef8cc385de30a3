//! The life of a rule, from its draft to the archive.

use serde::{Deserialize, Serialize};

/// Whether a rule is asked, and whether it counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(as = RuleState))]
pub enum State {
    /// It is being written: checked, never asked.
    Draft,
    /// It is asked and reported, and changes nothing.
    Shadow,
    /// It counts for a share of the entities, and is reported as snoozed for the others.
    Rollout(Rollout),
    /// It counts.
    Active,
    /// It counted, and is not asked for now.
    Paused,
    /// It is kept for the record. Nothing leads out of here.
    Archived,
}

/// For whom a rule counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Rollout {
    /// How large the share is.
    #[cfg_attr(feature = "http", schema(value_type = u8))]
    pub percent: Percent,
    /// The entity whose keys are divided: the same key is always on the same side, and stays when the share grows.
    pub by: String,
}

/// A share in percent, 1 to 99.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Percent(u8);

impl Percent {
    /// `None` for 0, which is `shadow`, and from 100 on, which is `active`.
    pub fn new(percent: u8) -> Option<Self> {
        (1..=99).contains(&percent).then_some(Self(percent))
    }

    /// The number.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Percent {
    type Error = String;
    fn try_from(percent: u8) -> Result<Self, String> {
        Self::new(percent)
            .ok_or_else(|| format!("percent {percent} is not from 1 to 99: use `shadow` for none and `active` for all"))
    }
}

impl From<Percent> for u8 {
    fn from(percent: Percent) -> Self {
        percent.0
    }
}

/// A change of state that there is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a rule that is {from} cannot become {to}")]
pub struct Forbidden {
    /// The state it has.
    pub from: &'static str,
    /// The state it was to have.
    pub to: &'static str,
}

impl State {
    /// Its word in the API, in files and in metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Shadow => "shadow",
            Self::Rollout(_) => "rollout",
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Archived => "archived",
        }
    }

    /// Whether the rule is asked at all.
    pub const fn is_asked(&self) -> bool {
        matches!(self, Self::Shadow | Self::Rollout(_) | Self::Active)
    }

    /// The state `next`, where a rule may go there from here. A draft that was left is history, as is the archive; a rule that never
    /// ran is not paused; and nothing becomes what it is, except that a rollout may change its share.
    pub fn to(self, next: Self) -> Result<Self, Forbidden> {
        let allowed = match (&self, &next) {
            (Self::Archived, _) | (_, Self::Draft) | (Self::Draft, Self::Paused) => false,
            (from, to) => from != to,
        };
        if allowed { Ok(next) } else { Err(Forbidden { from: self.name(), to: next.name() }) }
    }
}
