//! What all control records of a log come to: who decides as of now. It is a plain fold; what does not fit any more (a list that the
//! pipeline no longer declares, a model that is gone) is kept, since a later start may want it.

use std::collections::BTreeMap;

use ingest::log::Position;
use serde::{Deserialize, Serialize};

use super::{Control, PIPELINE_FILE};
use crate::lists::{Entries, Entry};
use crate::policy::Policy;
use crate::rules::{Rule, RuleId};

/// A model that is run beside the champion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenger {
    /// Its name in the registry.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// The share of entities that it decides for, in percent; 0 for one that only looks on.
    pub share_percent: u8,
}

/// What decides as of a position of the log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The champion: its name and version.
    pub champion: Option<(String, u32)>,
    /// The models beside it.
    pub challengers: Vec<Challenger>,
    /// The features that ever served: their names, and the hashes of their definitions.
    pub serving: Vec<(String, String)>,
    /// All rules in the order in which they first came, archived ones too.
    #[serde(with = "super::rule_texts")]
    pub rules: Vec<Rule>,
    /// The ids of the rules that came from the pipeline file.
    pub filed: Vec<RuleId>,
    /// What is on each list, by its name.
    pub lists: BTreeMap<String, Entries>,
    /// Thresholds and what holds on failure; none before they were first recorded.
    pub policy: Option<Policy>,
    /// One after the last record that changed what decides; decisions name it.
    pub version: Position,
}

impl State {
    /// Takes the record at a position.
    pub fn apply(&mut self, control: Control, position: Position) {
        let decides = !matches!(control, Control::Serving { .. } | Control::RetrainWanted { .. });
        match control {
            Control::Promoted { name, version, .. } => {
                self.challengers.retain(|challenger| (&challenger.name, challenger.version) != (&name, version));
                self.champion = Some((name, version));
            }
            Control::Serving { features, .. } => {
                let known: Vec<_> = features.into_iter().filter(|feature| !self.serving.contains(feature)).collect();
                self.serving.extend(known);
            }
            Control::Challenged { name, version, share_percent, .. } => {
                self.challengers.retain(|challenger| (&challenger.name, challenger.version) != (&name, version));
                self.challengers.push(Challenger { name, version, share_percent });
            }
            Control::Withdrawn { name, version, .. } => {
                self.challengers.retain(|challenger| (&challenger.name, challenger.version) != (&name, version));
            }
            Control::Ruled { rules, by, .. } => {
                for rule in rules {
                    if by == PIPELINE_FILE && !self.filed.contains(&rule.id) {
                        self.filed.push(rule.id.clone());
                    }
                    match self.rules.iter_mut().find(|known| known.id == rule.id) {
                        Some(known) => *known = rule,
                        None => self.rules.push(rule),
                    }
                }
            }
            Control::Listed { list, entries, .. } => {
                let kept = self.lists.entry(list).or_default();
                entries.into_iter().for_each(|entry: Entry| kept.put(entry));
            }
            Control::Unlisted { list, values, .. } => {
                if let Some(kept) = self.lists.get_mut(&list) {
                    values.iter().for_each(|value| {
                        kept.remove(value);
                    });
                }
            }
            Control::Governed { policy, .. } => self.policy = Some(policy),
            Control::RetrainWanted { .. } => {}
        }
        if decides {
            self.version = position.next();
        }
    }
}
