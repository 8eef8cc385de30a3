//! Which model was what, and when: read from the control records of a log.

use ingest::Timestamp;
use ingest::log::{Position, Readable, Topic};
use serde::{Deserialize, Serialize};

use super::{Control, Experiment, Outcome};

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub enum Role {
    /// It waits.
    Candidate,
    /// It runs beside the champion.
    Challenger,
    /// It decides.
    Champion,
    /// It has decided.
    Retired,
}

impl Role {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Candidate => "candidate",
            Self::Challenger => "challenger",
            Self::Champion => "champion",
            Self::Retired => "retired",
        }
    }
}

/// A model that took a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct RoleChange {
    /// The model's name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// What it is from then on; a challenger that is withdrawn is a candidate again.
    pub role: Role,
    /// The share of entities that a challenger decides for, in percent.
    pub share_percent: u8,
    /// Who did it.
    pub by: String,
    /// Who agreed, where a second person was asked.
    pub approved_by: Option<String>,
    /// Why.
    pub reason: String,
    /// When.
    #[cfg_attr(feature = "http", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
}

impl RoleChange {
    /// What a control record says of roles.
    pub fn of(control: Control) -> Vec<Self> {
        let change = |name: String, version: u32, role: Role, share_percent: u8, by: String, reason: String, at: Timestamp| {
            vec![Self { name, version, role, share_percent, by, approved_by: None, reason, at }]
        };
        match control {
            Control::Promoted { name, version, by, reason, at } => change(name, version, Role::Champion, 100, by, reason, at),
            Control::RolledBack { name, to, by, reason, at, .. } => change(name, to, Role::Champion, 100, by, reason, at),
            Control::Challenged { name, version, share_percent, by, reason, at } => {
                change(name, version, Role::Challenger, share_percent, by, reason, at)
            }
            Control::Withdrawn { name, version, by, reason, at } => change(name, version, Role::Candidate, 0, by, reason, at),
            Control::Experimented { experiments, by, reason, at } => {
                let challenger = |each: Experiment| {
                    change(each.model, each.challenger, Role::Challenger, each.share_percent, by.clone(), reason.clone(), at)
                };
                experiments.into_iter().flat_map(challenger).collect()
            }
            Control::Concluded { model, version, outcome, by, reason, at, .. } => {
                let role = if outcome == Outcome::Stopped { Role::Challenger } else { Role::Candidate };
                change(model, version, role, 0, by, reason, at)
            }
            Control::Part { changes, .. } | Control::Explained { changes, .. } => {
                changes.into_iter().flat_map(Self::of).collect()
            }
            Control::Approved { changes, by, .. } => {
                let changes = changes.into_iter().flat_map(Self::of);
                changes.map(|change| Self { approved_by: Some(by.clone()), ..change }).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// All changes of roles in a log, in its order.
pub fn role_changes(log: &dyn Readable) -> Result<Vec<RoleChange>, crate::Error> {
    let mut changes = Vec::new();
    each_control(log, |control| changes.extend(RoleChange::of(control)))?;
    Ok(changes)
}

/// Whether somebody has asked for a training of a model since its champion came to decide: since it was promoted or got its place back, as the
/// last whom another one decided before.
pub fn is_training_asked(log: &dyn Readable, model: &str, by: &str) -> Result<bool, crate::Error> {
    let (mut champion, mut is_asked) = (None, false);
    each_control(log, |control| match control {
        Control::RetrainWanted { by: who, .. } => is_asked |= who == by,
        control => {
            let taken = |change: &RoleChange| change.name == model && change.role == Role::Champion;
            for RoleChange { version, .. } in RoleChange::of(control).into_iter().filter(taken) {
                is_asked &= champion == Some(version);
                champion = Some(version);
            }
        }
    })?;
    Ok(is_asked)
}

fn each_control(log: &dyn Readable, mut each: impl FnMut(Control)) -> Result<(), crate::Error> {
    for record in log.read(Position(0))? {
        let record = record?;
        if record.topic == Topic::Control {
            let unreadable = |source| crate::Error::Unreadable { position: record.position, source };
            each(Control::decode(&record.payload).map_err(unreadable)?);
        }
    }
    Ok(())
}

/// The role of a version after some changes: a champion retires when another of its name takes its place, and one that has decided is
/// never a candidate again.
pub fn role(changes: &[RoleChange], name: &str, version: u32) -> Role {
    let of_name = || changes.iter().filter(|change| change.name == name);
    let champion = of_name().rfind(|change| change.role == Role::Champion);
    if champion.is_some_and(|champion| champion.version == version) {
        return Role::Champion;
    }
    let last = of_name().rfind(|change| change.version == version).map(|change| change.role);
    let was_champion = || of_name().any(|change| change.version == version && change.role == Role::Champion);
    match last {
        Some(Role::Challenger) => Role::Challenger,
        _ if was_champion() => Role::Retired,
        _ => Role::Candidate,
    }
}
