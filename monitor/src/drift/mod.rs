//! Drift over time: each window of decisions against what the model has learned from, against the week before, or against the same hours a
//! week before. It is a plain function of profiles; reading them is the [watch](crate::watch)'s.

mod against;
#[cfg(test)]
mod tests;
mod turns;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use ::drift::{ChiSquare, Figures, Hysteresis, Ks, Rules, Severity};
use ::drift::{binned_ks, chi_square, severities};
use ingest::{Duration, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::against::Against;
pub use self::turns::{Told, Turn};
use crate::profile::{Histogram, Hour, Key, Profile, Reference, counts};
use crate::tables::Window;

/// What is asked of profiles.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// How long the windows are.
    pub window: Window,
    /// What each is held against.
    pub against: Against,
    /// `channel=ecom`; empty for all decisions.
    pub segment: String,
    /// From where on drift is told.
    pub rules: Rules,
    /// How many windows have to agree.
    pub hysteresis: Hysteresis,
}

/// How far one thing has moved in one window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// When the window begins.
    pub window_start: Timestamp,
    /// The model that decided; `None` where none did.
    pub model: Option<String>,
    /// Its version.
    pub model_version: Option<u32>,
    /// What moved.
    pub kind: Kind,
    /// The feature's name; `probability`; `decision`.
    pub name: String,
    /// The figures of its bins. Without rows on a side they are `None`.
    pub figures: Figures,
    /// Of the bins of numbers, so that it is never above that of the values.
    pub ks: Option<Ks>,
    /// Of the mix of decisions.
    pub chi_square: Option<ChiSquare>,
    /// The share of values outside the range of training.
    pub outside_rate: Option<f64>,
    /// The mean of the values.
    pub mean: Option<f64>,
    /// About how many different values; `None` beyond 5,000.
    pub distinct: Option<u64>,
    /// The inner edges of the bins; none for decisions.
    pub edges: Vec<f64>,
    /// Rows of the reference by bin, the missing ones last; of decisions: approve, challenge, review, decline.
    pub reference: Vec<u64>,
    /// Rows of the window in the same bins.
    pub current: Vec<u64>,
    /// What this window says by itself.
    pub seen: Severity,
    /// What holds after it, as enough of the last windows agree.
    pub severity: Severity,
}

/// What can move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A feature.
    Feature,
    /// The calibrated probability.
    Score,
    /// How events are decided.
    Decision,
}

impl Kind {
    /// Its word in the warehouse.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Feature => "feature",
            Self::Score => "score",
            Self::Decision => "decision",
        }
    }
}

/// When the window of a time begins: hours and days in UTC, weeks on Monday.
pub fn window_start(window: Window, time: Timestamp) -> Timestamp {
    match window {
        Window::Hour => Hour::of(time),
        Window::Day => Timestamp::start_of_day(time.day()),
        Window::Week => Timestamp::start_of_day(time.day() - i64::from(time.weekday())),
    }
}

/// How long a window is.
pub const fn length(window: Window) -> Duration {
    match window {
        Window::Hour => Duration::seconds(3_600),
        Window::Day => Duration::days(1),
        Window::Week => WEEK,
    }
}

const WEEK: Duration = Duration::days(7);

/// Every window that holds a decision, by model, oldest first: features in their order, then the score, then the decisions. The first
/// windows have no windows before them that could agree, and with too few hours before them nothing to be held against: give more hours
/// than are asked for. `reference` says what a model has learned from.
pub fn moved(
    hours: &BTreeMap<Timestamp, Hour>,
    reference: impl Fn(Option<&(String, u32)>) -> Arc<Reference>,
    asked: &Asked,
) -> Vec<Moved> {
    let mut by_model: BTreeMap<&Option<(String, u32)>, Hours> = BTreeMap::new();
    for (start, hour) in hours {
        for (Key { model, .. }, profile) in hour.profiles.iter().filter(|(key, _)| key.segment == asked.segment) {
            by_model.entry(model).or_default().push((*start, profile));
        }
    }
    by_model.into_iter().flat_map(|(model, hours)| of_model(model.as_ref(), &hours, &reference(model.as_ref()), asked)).collect()
}

/// Hours with what was counted in them, in order.
type Hours<'a> = Vec<(Timestamp, &'a Profile)>;

fn of_model(model: Option<&(String, u32)>, hours: &[(Timestamp, &Profile)], learned: &Reference, asked: &Asked) -> Vec<Moved> {
    let mut moved = Vec::new();
    for of_window in hours.chunk_by(|(a, _), (b, _)| window_start(asked.window, *a) == window_start(asked.window, *b)) {
        let start = window_start(asked.window, of_window[0].0);
        let Some(current) = sum(of_window) else { continue };
        let before = match asked.against {
            Against::Training => None,
            Against::WeekBefore => sum(between(hours, start - WEEK, start)),
            Against::SameHours => sum(between(hours, start - WEEK, start - WEEK + length(asked.window))),
        };
        let is_comparable = |thing: &Thing<'_>| match thing.kind {
            Kind::Feature => !learned.is_of_the_calendar(thing.name) || sees_whole_weeks(asked),
            Kind::Score => true,
            Kind::Decision => asked.against != Against::Training,
        };
        let mut things: Vec<Moved> = things(&current)
            .filter(is_comparable)
            .map(|thing| {
                let reference = match asked.against {
                    Against::Training => learned_counts(learned, &thing),
                    _ => {
                        before.as_ref().and_then(|before| things(before).find(|known| known.is(&thing))).map(|thing| thing.counts)
                    }
                };
                thing.moved(model, start, reference)
            })
            .collect();
        let seen = severities(things.iter().map(|thing| &thing.figures), &asked.rules);
        things.iter_mut().zip(seen).for_each(|(thing, seen)| thing.seen = seen);
        moved.extend(things);
    }
    let mut smoothed: BTreeMap<(Kind, String), Vec<usize>> = BTreeMap::new();
    for (place, thing) in moved.iter().enumerate() {
        smoothed.entry((thing.kind, thing.name.clone())).or_default().push(place);
    }
    for places in smoothed.values() {
        let held = asked.hysteresis.smoothed(places.iter().map(|place| moved[*place].seen));
        for (place, held) in places.iter().zip(held) {
            // Where nothing can be said of the window, nothing is claimed of it either.
            let seen = moved[*place].seen;
            moved[*place].severity = if seen == Severity::InsufficientData { seen } else { held };
        }
    }
    moved
}

/// Whether a window and what it is held against have the same hours of the week.
fn sees_whole_weeks(asked: &Asked) -> bool {
    asked.window == Window::Week || asked.against == Against::SameHours
}

/// The hours from one time until before another, of some in order.
fn between<'a, 'b>(hours: &'a [(Timestamp, &'b Profile)], from: Timestamp, until: Timestamp) -> &'a [(Timestamp, &'b Profile)] {
    let place = |time: Timestamp| hours.partition_point(|(start, _)| *start < time);
    &hours[place(from)..place(until)]
}

fn sum(hours: &[(Timestamp, &Profile)]) -> Option<Profile> {
    let ((_, first), rest) = hours.split_first()?;
    let mut sum = Profile::clone(first);
    rest.iter().for_each(|(_, profile)| sum.merge(profile));
    Some(sum)
}

/// One thing of a profile.
struct Thing<'a> {
    kind: Kind,
    name: &'a str,
    histogram: Option<&'a Histogram>,
    counts: Vec<u64>,
}

fn things(profile: &Profile) -> impl Iterator<Item = Thing<'_>> {
    let number = |kind, name, histogram: &'_ Histogram| (kind, name, histogram.counts().to_vec());
    let features = profile.features.iter().map(move |(name, histogram)| {
        let (kind, name, counts) = number(Kind::Feature, name.as_str(), histogram);
        Thing { kind, name, histogram: Some(histogram), counts }
    });
    let score = Thing {
        kind: Kind::Score,
        name: "probability",
        histogram: Some(&profile.score),
        counts: profile.score.counts().to_vec(),
    };
    let decisions = Thing { kind: Kind::Decision, name: "decision", histogram: None, counts: profile.decisions.to_vec() };
    features.chain([score, decisions])
}

impl Thing<'_> {
    fn is(&self, other: &Thing<'_>) -> bool {
        self.kind == other.kind && self.name == other.name && self.edges() == other.edges()
    }

    fn edges(&self) -> &[f64] {
        self.histogram.map_or(&[], Histogram::edges)
    }

    fn moved(self, model: Option<&(String, u32)>, window_start: Timestamp, reference: Option<Vec<u64>>) -> Moved {
        let current = self.counts.clone();
        let reference = reference.filter(|reference| reference.len() == current.len()).unwrap_or_else(|| vec![0; current.len()]);
        // Decisions are never missing; what the others have as their last bin, they have empty.
        let whole = |counts: &[u64]| if self.histogram.is_some() { counts.to_vec() } else { [counts, &[0]].concat() };
        let present = |counts: &[u64]| counts[..counts.len() - 1].to_vec();
        Moved {
            window_start,
            model: model.map(|(name, _)| name.clone()),
            model_version: model.map(|(_, version)| *version),
            kind: self.kind,
            name: self.name.to_owned(),
            figures: Figures::new(&whole(&reference), &whole(&current)),
            ks: self.histogram.and_then(|_| binned_ks(&present(&reference), &present(&current))),
            chi_square: if self.histogram.is_none() { chi_square(&reference, &current) } else { None },
            outside_rate: self.histogram.and_then(Histogram::outside_rate),
            mean: self.histogram.and_then(Histogram::mean).filter(|mean| mean.is_finite()),
            distinct: self.histogram.and_then(Histogram::distinct),
            edges: self.edges().to_vec(),
            reference,
            current,
            seen: Severity::InsufficientData,
            severity: Severity::InsufficientData,
        }
    }
}

fn learned_counts(learned: &Reference, thing: &Thing<'_>) -> Option<Vec<u64>> {
    match thing.kind {
        Kind::Feature => learned.counts(thing.name),
        Kind::Score => learned.score.as_ref().map(counts),
        Kind::Decision => None,
    }
}
