//! What all control records of a log come to: who decides as of now. It is a plain fold; what does not fit any more (a list that the
//! pipeline no longer declares, a model that is gone) is kept, since a later start may want it.

use std::collections::BTreeMap;

use ingest::Timestamp;
use ingest::log::Position;
use serde::{Deserialize, Serialize};

use super::proposal::{Settled, lines};
use super::{Control, Course, Ended, Experiment, Kind, Outcome, PIPELINE_FILE, Proposal, Stage, Tables};
use crate::lists::{Entries, Entry};
use crate::policy::Policy;
use crate::rules::{Rule, RuleId};
use crate::shares::PLACES;

/// A model that is run beside the champion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenger {
    /// Its name in the registry.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// The entities that it decides for, each place a hundredth of them; none for one that only looks on. They are its own while other
    /// challengers come, go, and get another share.
    pub places: Vec<u8>,
}

impl Challenger {
    /// The share of entities that it decides for, in percent; 0 for one that only looks on.
    pub fn share_percent(&self) -> u8 {
        self.places.len() as u8
    }
}

/// What decides as of a position of the log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The champion: its name and version.
    pub champion: Option<(String, u32)>,
    /// The models beside it.
    pub challengers: Vec<Challenger>,
    /// The place where a challenger's next entities are looked for, 0 to 99. It goes round, so that the next challenger seldom gets those of
    /// the one before.
    pub next_place: u8,
    /// The features that ever served: their names, and the hashes of their definitions.
    pub serving: Vec<(String, String)>,
    /// All rules in the order in which they first came, archived ones too.
    #[serde(with = "super::json_texts")]
    pub rules: Vec<Rule>,
    /// The ids of the rules that came from the pipeline file.
    pub filed: Vec<RuleId>,
    /// What is on each list, by its name.
    pub lists: BTreeMap<String, Entries>,
    /// Thresholds and what holds on failure; none before they were first recorded.
    pub policy: Option<Policy>,
    /// What the pipeline file said last of them.
    pub filed_policy: Option<Policy>,
    /// The lists and the reasons of the pipeline file; none before they were first recorded.
    pub tables: Option<Tables>,
    /// What was said so far of a change that comes in parts.
    #[serde(with = "super::json_texts")]
    pub parts: Vec<Control>,
    /// For what a second person is asked; for everything before it was first said.
    pub four_eyes: Option<Vec<Kind>>,
    /// The champions before the present one that it can give its place back to, the last one last.
    pub former: Vec<(String, u32)>,
    /// When the present champion was promoted; `None` when it has its place back.
    pub promoted_at: Option<Timestamp>,
    /// All proposals, in their order.
    pub proposals: Vec<Proposal>,
    /// All experiments, in their order.
    #[serde(with = "super::json_texts")]
    pub experiments: Vec<Course>,
    /// One after the last record that changed what decides; decisions name it.
    pub version: Position,
}

impl State {
    /// For what a second person is asked.
    pub fn four_eyes(&self) -> &[Kind] {
        self.four_eyes.as_deref().unwrap_or(&Kind::ALL)
    }

    /// A model beside the champion.
    pub fn challenger(&self, name: &str, version: u32) -> Option<&Challenger> {
        self.challengers.iter().find(|challenger| challenger.name == name && challenger.version == version)
    }

    /// An experiment that runs, by its challenger.
    pub fn running(&self, model: &str, challenger: u32) -> Option<&Course> {
        let mut running = self.experiments.iter().filter(|course| course.ended.is_none());
        running.find(|course| course.experiment.model == model && course.experiment.challenger == challenger)
    }

    /// A proposal.
    pub fn proposal(&self, id: u32) -> Option<&Proposal> {
        self.proposals.iter().find(|proposal| proposal.id == id)
    }

    /// Takes the record at a position.
    pub fn apply(&mut self, control: Control, position: Position) {
        let decides = decides(&control);
        self.take(control, position);
        if decides {
            self.version = position.next();
        }
    }

    fn take(&mut self, control: Control, position: Position) {
        match control {
            Control::Promoted { name, version, by, reason, at } => {
                self.let_go(&name, version);
                let before = self.champion.replace((name, version));
                if before != self.champion {
                    self.former.extend(before);
                }
                self.promoted_at = Some(at);
                self.end_overtaken(&Ended { outcome: Outcome::Promoted, by, reason, at });
            }
            Control::RolledBack { name, to, by, reason, at, .. } => {
                self.let_go(&name, to);
                self.former.pop();
                self.champion = Some((name, to));
                self.promoted_at = None;
                self.end_overtaken(&Ended { outcome: Outcome::Promoted, by, reason, at });
            }
            Control::Serving { features, .. } => {
                let known: Vec<_> = features.into_iter().filter(|feature| !self.serving.contains(feature)).collect();
                self.serving.extend(known);
            }
            Control::Challenged { name, version, share_percent, .. } => {
                self.challenge(&name, version, share_percent);
            }
            Control::Withdrawn { name, version, .. } => self.let_go(&name, version),
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
            Control::Governed { policy, by, .. } => {
                if by == PIPELINE_FILE {
                    self.filed_policy = Some(policy.clone());
                }
                self.policy = Some(policy);
            }
            Control::Declared { tables, .. } => self.tables = Some(tables),
            Control::Part { left, is_first, changes, .. } => {
                if is_first {
                    self.parts.clear();
                }
                self.parts.extend(changes);
                if left == 0 {
                    std::mem::take(&mut self.parts).into_iter().for_each(|change| self.take(change, position));
                }
            }
            Control::Explained { changes, .. } => changes.into_iter().for_each(|change| self.take(change, position)),
            // Alerts are the desk's.
            Control::RetrainWanted { .. } | Control::Alerts { .. } => {}
            Control::Guarded { four_eyes, .. } => self.four_eyes = Some(four_eyes),
            Control::Proposed { id, changes, by, reason, at, .. } => {
                let what = lines(&changes);
                self.proposals.push(Proposal { id, position, what, by, reason, at, stage: Stage::Pending });
            }
            Control::Approved { id, changes, by, reason, at } => {
                self.settle(id, Stage::Approved(Settled { by, reason, at }));
                changes.into_iter().for_each(|change| self.take(change, position));
            }
            Control::Rejected { id, by, reason, at } => self.settle(id, Stage::Rejected(Settled { by, reason, at })),
            Control::Recalled { id, by, reason, at } => self.settle(id, Stage::Recalled(Settled { by, reason, at })),
            Control::Experimented { experiments, by, reason, at } => {
                for experiment in experiments {
                    self.challenge(&experiment.model, experiment.challenger, experiment.share_percent);
                    let (by, reason) = (by.clone(), reason.clone());
                    self.experiments.push(Course { experiment, by, reason, started_at: at, ended: None });
                }
            }
            Control::Concluded { name, model, version, outcome, by, reason, at } => {
                let course = self.experiments.iter_mut().find(|course| course.experiment.name == name && course.ended.is_none());
                if let Some(course) = course {
                    course.ended = Some(Ended { outcome, by, reason, at });
                }
                match outcome {
                    Outcome::Stopped => self.look_on(&model, version),
                    _ => self.let_go(&model, version),
                }
            }
        }
    }

    /// A model runs beside the champion, with this share. What it decides for stays its own as far as the share reaches.
    fn challenge(&mut self, name: &str, version: u32, share_percent: u8) {
        let mut places = self.challenger(name, version).map(|challenger| challenger.places.clone()).unwrap_or_default();
        places.truncate(usize::from(share_percent));
        while places.len() < usize::from(share_percent) {
            let is_taken =
                |place: &u8| places.contains(place) || self.challengers.iter().any(|other| other.places.contains(place));
            let Some(free) = (self.next_place..PLACES).chain(0..self.next_place).find(|place| !is_taken(place)) else { break };
            places.push(free);
            self.next_place = (free + 1) % PLACES;
        }
        match self.challengers.iter_mut().find(|known| known.name == name && known.version == version) {
            Some(known) => known.places = places,
            None => self.challengers.push(Challenger { name: name.to_owned(), version, places }),
        }
    }

    /// A model runs beside the champion no longer.
    fn let_go(&mut self, name: &str, version: u32) {
        self.challengers.retain(|challenger| challenger.name != name || challenger.version != version);
    }

    /// A challenger decides for nobody.
    fn look_on(&mut self, name: &str, version: u32) {
        let of_it = |challenger: &&mut Challenger| challenger.name == name && challenger.version == version;
        if let Some(challenger) = self.challengers.iter_mut().find(of_it) {
            challenger.places.clear();
        }
    }

    /// Another champion decides: what was compared with the one before is no longer so. Its challenger may be the new one.
    fn end_overtaken(&mut self, ended: &Ended) {
        let champion = self.champion.clone();
        let is_champion = |name: &str, version: u32| champion.as_ref().is_some_and(|(known, at)| known == name && *at == version);
        let mut others = Vec::new();
        for course in self.experiments.iter_mut().filter(|course| course.ended.is_none()) {
            let Experiment { model, champion, challenger, .. } = &course.experiment;
            if is_champion(model, *challenger) {
                course.ended = Some(ended.clone());
            } else if !is_champion(model, *champion) {
                course.ended = Some(Ended { outcome: Outcome::Aborted, ..ended.clone() });
                others.push((model.clone(), *challenger));
            }
        }
        others.iter().for_each(|(model, challenger)| self.look_on(model, *challenger));
    }

    fn settle(&mut self, id: u32, stage: Stage) {
        if let Some(proposal) = self.proposals.iter_mut().find(|proposal| proposal.id == id) {
            proposal.stage = stage;
        }
    }
}

/// Whether a record changes what decides.
fn decides(control: &Control) -> bool {
    match control {
        Control::Serving { .. }
        | Control::RetrainWanted { .. }
        | Control::Guarded { .. }
        | Control::Proposed { .. }
        | Control::Rejected { .. }
        | Control::Recalled { .. }
        | Control::Alerts { .. } => false,
        Control::Part { left, .. } => *left == 0,
        Control::Explained { changes, .. } => changes.iter().any(decides),
        Control::Promoted { .. }
        | Control::Challenged { .. }
        | Control::Withdrawn { .. }
        | Control::Ruled { .. }
        | Control::Listed { .. }
        | Control::Unlisted { .. }
        | Control::Governed { .. }
        | Control::RolledBack { .. }
        | Control::Approved { .. }
        | Control::Experimented { .. }
        | Control::Concluded { .. }
        | Control::Declared { .. } => true,
    }
}
