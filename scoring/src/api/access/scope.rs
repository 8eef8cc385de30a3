//! What keys and roles open to whoever has them. Plain data, without anybody who has it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a key, or a user's role, opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Have events decided.
    Score,
    /// Say what events turned out to be.
    Label,
    /// See decisions, rules, lists, models, figures and the page.
    Read,
    /// Work on alerts that nobody has escalated.
    Alerts,
    /// Work on all alerts, propose changes, start what only looks on, and see the audit.
    Review,
    /// Approve changes of others, and go back to the champion before.
    Approve,
    /// Change rules, lists, models, users and keys, and all of the others.
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 7] = [Self::Score, Self::Label, Self::Read, Self::Alerts, Self::Review, Self::Approve, Self::Admin];

    /// Its word on the command line, in files and in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Score => "score",
            Self::Label => "label",
            Self::Read => "read",
            Self::Alerts => "alerts",
            Self::Review => "review",
            Self::Approve => "approve",
            Self::Admin => "admin",
        }
    }

    /// Whether it opens what needs `wanted`.
    pub const fn opens(self, wanted: Self) -> bool {
        match self {
            Self::Admin => true,
            Self::Review => matches!(wanted, Self::Review | Self::Alerts),
            _ => self as u8 == wanted as u8,
        }
    }
}
