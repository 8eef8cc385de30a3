//! Four eyes: which changes need a second person. A change does that can alter a decision, unless it only goes back to what decided before;
//! what looks on or is being written needs nobody else.

use serde::{Deserialize, Serialize};

use super::experiment::Guardrails;
use super::{Challenger, Control, State};
use ingest::Duration;

/// What a change is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(as = ChangeOf))]
pub enum Kind {
    /// Which model decides, for whom.
    Models,
    /// Rules that count.
    Rules,
    /// Who is blocked, allowed or watched.
    Lists,
    /// Thresholds, and what holds on failure.
    Thresholds,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Models, Self::Rules, Self::Lists, Self::Thresholds];
}

/// The `[governance]` table of a pipeline file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Governance {
    /// For what a second person is asked; where it is not said, for everything, as far as people can be told apart.
    pub four_eyes: Option<Vec<Kind>>,
    /// How a new champion is watched.
    pub probation: Option<Probation>,
}

/// How a new champion is watched: when a guardrail breaks, the one before it decides again.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probation {
    /// For how long after its promotion.
    pub length: Duration,
    /// What must hold.
    pub guardrails: Guardrails,
}

impl Governance {
    /// For what a second person is asked.
    pub fn four_eyes(&self) -> &[Kind] {
        self.four_eyes.as_deref().unwrap_or(&Kind::ALL)
    }

    /// What is wrong with it, if anything.
    pub fn check(&self) -> Result<(), String> {
        if let Some(probation) = &self.probation {
            if probation.length <= Duration::ZERO {
                return Err("a probation takes some time".to_owned());
            }
            probation.guardrails.check().map_err(|flaw| flaw.what)?;
        }
        Ok(())
    }
}

/// Whether changes need a second person. The first champion of all does not, since nothing decides before it.
pub fn needs_two(controls: &[Control], state: &State) -> bool {
    let is_first = |control: &Control| matches!(control, Control::Promoted { .. }) && state.champion.is_none();
    let kinds = controls.iter().filter(|control| !is_first(control)).filter_map(|control| alters(control, state));
    kinds.into_iter().any(|kind| state.four_eyes().contains(&kind))
}

/// What of decisions a change can alter; `None` where it alters none, or only goes back to what decided before.
pub fn alters(control: &Control, state: &State) -> Option<Kind> {
    let decides = |state: &crate::rules::State| matches!(state, crate::rules::State::Active | crate::rules::State::Rollout(_));
    match control {
        Control::Promoted { .. } => Some(Kind::Models),
        Control::Challenged { name, version, share_percent, .. } => {
            let present = state.challenger(name, *version).map_or(0, Challenger::share_percent);
            (*share_percent > present).then_some(Kind::Models)
        }
        Control::Experimented { experiments, .. } => {
            experiments.iter().any(|experiment| experiment.share_percent > 0).then_some(Kind::Models)
        }
        Control::Ruled { rules, .. } => {
            let known = |rule: &crate::rules::Rule| state.rules.iter().find(|known| known.id == rule.id);
            let counts = |rule: &crate::rules::Rule| decides(&rule.state) || known(rule).is_some_and(|rule| decides(&rule.state));
            rules.iter().any(counts).then_some(Kind::Rules)
        }
        Control::Listed { entries, .. } => (!entries.is_empty()).then_some(Kind::Lists),
        Control::Unlisted { values, .. } => (!values.is_empty()).then_some(Kind::Lists),
        Control::Governed { .. } => Some(Kind::Thresholds),
        Control::Approved { changes, .. } | Control::Part { changes, .. } | Control::Explained { changes, .. } => {
            changes.iter().find_map(|change| alters(change, state))
        }
        Control::Serving { .. }
        | Control::RetrainWanted { .. }
        | Control::Withdrawn { .. }
        | Control::RolledBack { .. }
        | Control::Concluded { .. }
        | Control::Guarded { .. }
        | Control::Declared { .. }
        | Control::Proposed { .. }
        | Control::Rejected { .. }
        | Control::Recalled { .. }
        | Control::Alerts { .. } => None,
    }
}
