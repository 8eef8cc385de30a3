use std::collections::BTreeMap;

use ingest::Timestamp;

use super::bounds::level;
use super::judge::{Breach, breaches};
use crate::control::{Experiment, Guardrails, Probation};
use crate::decide::Figures;

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// The challenger of an experiment is to decide for nobody any more.
    Stop {
        /// The experiment.
        experiment: String,
        /// Which limits were broken.
        breaches: Vec<Breach>,
    },
    /// The champion is to give its place back.
    Demote {
        /// Its version.
        version: u32,
        /// Which limits were broken.
        breaches: Vec<Breach>,
    },
    /// An experiment is to end as planned.
    End {
        /// The experiment.
        experiment: String,
    },
}

impl Act {
    /// Which limits were broken, where that is why.
    pub fn breaches(&self) -> &[Breach] {
        match self {
            Self::Stop { breaches, .. } | Self::Demote { breaches, .. } => breaches,
            Self::End { .. } => &[],
        }
    }

    /// Why, for a person; [`Breach::all_of`] finds in it what was broken.
    pub fn reason(&self) -> String {
        match self {
            Self::End { .. } => "it was planned to end now".to_owned(),
            _ => Breach::reason(self.breaches()),
        }
    }
}

/// What there is to see at a moment.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The champion's version, and all that it has done in this process.
    pub champion: Option<(u32, Figures)>,
    /// The same of challengers.
    pub challengers: Vec<(u32, Figures)>,
    /// The experiments that run.
    pub running: Vec<Experiment>,
    /// When the champion was promoted, where one was before it that it can give its place back to.
    pub promoted_at: Option<Timestamp>,
    /// How a new champion is watched.
    pub probation: Option<Probation>,
}

/// What is known from the moments before.
#[derive(Debug, Default)]
pub struct Keeper {
    experiments: BTreeMap<String, Watch>,
    /// The champion that was seen last, with its figures.
    champion: Option<(u32, Figures)>,
    probation: Option<(u32, Watch)>,
    /// What the champion before did in this process.
    before: Option<Figures>,
}

impl Keeper {
    /// Looks at a moment; what is to be done.
    pub fn look(&mut self, now: Timestamp, seen: &Seen) -> Vec<Act> {
        let mut acts = Vec::new();
        self.experiments.retain(|name, _| seen.running.iter().any(|experiment| experiment.name == *name));
        for experiment in &seen.running {
            let name = experiment.name.clone();
            if experiment.planned_end.is_some_and(|end| end <= now) {
                acts.push(Act::End { experiment: name });
                continue;
            }
            let of = seen.challengers.iter().find(|(version, _)| *version == experiment.challenger).map(|(_, figures)| figures);
            let (Some(guardrails), Some(of)) = (&experiment.guardrails, of) else { continue };
            let against = seen.champion.as_ref().map(|(_, figures)| figures);
            let beside = || Some(against.cloned().unwrap_or_default());
            let watch = self.experiments.entry(name.clone()).or_insert_with(|| Watch::new(now, of, beside()));
            if let Some(breaches) = watch.judge(guardrails, now, of, against) {
                acts.push(Act::Stop { experiment: name, breaches });
            }
        }
        acts.extend(self.demotion(now, seen));
        acts
    }

    /// Whether a new champion is to give its place back. Its approvals are compared with those of the one before while that decided in this
    /// process.
    fn demotion(&mut self, now: Timestamp, seen: &Seen) -> Option<Act> {
        let Some((version, figures)) = &seen.champion else {
            self.champion = None;
            return None;
        };
        if let Some((known, last)) = &self.champion
            && known != version
        {
            self.before = Some(last.clone());
        }
        self.champion = Some((*version, figures.clone()));
        let (Some(probation), Some(promoted_at)) = (&seen.probation, seen.promoted_at) else {
            self.probation = None;
            return None;
        };
        if now >= promoted_at + probation.length {
            self.probation = None;
            return None;
        }
        if self.probation.as_ref().is_none_or(|(watched, _)| watched != version) {
            self.probation = Some((*version, Watch::new(now, figures, None)));
        }
        let (_, watch) = self.probation.as_mut()?;
        let breaches = watch.judge(&probation.guardrails, now, figures, self.before.as_ref())?;
        Some(Act::Demote { version: *version, breaches })
    }
}

/// A window that is open, and how the one before it was.
#[derive(Debug)]
struct Watch {
    since: Timestamp,
    of: Figures,
    /// What of the model beside it was before what is compared with next; `None` where that is all that it did.
    against: Option<Figures>,
    /// How many windows were judged.
    judged: u64,
    was_broken: bool,
}

impl Watch {
    /// Begins at what was counted so far.
    fn new(now: Timestamp, of: &Figures, against: Option<Figures>) -> Self {
        Self { since: now, of: of.clone(), against, judged: 0, was_broken: false }
    }

    /// Judges the window when it is full, and begins another; which limits were broken, in it and the one before.
    fn judge(&mut self, guardrails: &Guardrails, now: Timestamp, of: &Figures, against: Option<&Figures>) -> Option<Vec<Breach>> {
        let window = of.since(&self.of);
        if now.since(self.since) < guardrails.window || window.events < guardrails.minimum_events {
            return None;
        }
        let beside = against.map(|against| self.against.as_ref().map_or_else(|| against.clone(), |before| against.since(before)));
        self.judged += 1;
        let breaches = breaches(guardrails, &window, beside.as_ref(), level(self.judged));
        // The time of day moves both: what was beside this window is beside no other. Too few are kept until they are enough.
        if let (Some(before), Some(against), Some(beside)) = (&mut self.against, against, &beside)
            && beside.events >= guardrails.minimum_events
        {
            *before = against.clone();
        }
        let is_second = self.was_broken && !breaches.is_empty();
        (self.since, self.of, self.was_broken) = (now, of.clone(), !breaches.is_empty());
        is_second.then_some(breaches)
    }
}
