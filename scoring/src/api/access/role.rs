//! What people are, and what that opens to them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Scope;
use crate::control::May;

/// What somebody is. Each may what the one before may, and more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = UserRole)]
pub enum Role {
    /// Sees everything but the audit.
    Viewer,
    /// Works on alerts that nobody has escalated, and says what events turned out to be.
    Analyst,
    /// Works on escalated alerts, proposes changes, starts what only looks on, and sees the audit.
    Reviewer,
    /// Approves changes of others.
    Approver,
    /// May everything, users among it.
    Admin,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Viewer, Self::Analyst, Self::Reviewer, Self::Approver, Self::Admin];

    /// Its word on the command line, in files and in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Analyst => "analyst",
            Self::Reviewer => "reviewer",
            Self::Approver => "approver",
            Self::Admin => "admin",
        }
    }

    /// What it opens.
    pub const fn scopes(self) -> &'static [Scope] {
        use Scope::{Admin, Alerts, Approve, Label, Read, Review};
        match self {
            Self::Viewer => &[Read],
            Self::Analyst => &[Read, Label, Alerts],
            Self::Reviewer => &[Read, Label, Alerts, Review],
            Self::Approver => &[Read, Label, Alerts, Review, Approve],
            Self::Admin => &[Admin],
        }
    }

    /// What somebody may do by themselves.
    pub const fn may(self) -> May {
        match self {
            Self::Viewer | Self::Analyst => May::Work,
            Self::Reviewer | Self::Approver => May::Propose,
            Self::Admin => May::Change,
        }
    }
}
