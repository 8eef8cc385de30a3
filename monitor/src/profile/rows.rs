//! Hours as rows of the warehouse and back.

use std::collections::BTreeMap;

use ::drift::Bins;
use ingest::log::Position;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::distinct::Distinct;
use super::{Histogram, Hour, Key, Profile};
use crate::drift::Told;
use crate::points::Point;
use crate::tables::Derived;

/// A row of the table of profiles: one feature, the score or the decisions of one model and segment within an hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProfilePoint {
    /// The model that decided; `None` where none did.
    pub model: Option<String>,
    /// Its version.
    pub model_version: Option<u32>,
    /// `channel=ecom`; empty for all.
    pub segment: String,
    /// `feature`, `score` or `decision`.
    pub kind: String,
    /// The feature's name; `probability`; `decision`.
    pub name: String,
    /// All rows.
    pub rows: u64,
    /// Rows without a value.
    pub missing: u64,
    /// Rows below the lowest value of training.
    pub below: u64,
    /// Rows above the highest.
    pub above: u64,
    /// The sum of the finite values; `None` where it is too large for a number.
    pub sum: Option<f64>,
    /// The sum of their squares.
    pub sum_squares: Option<f64>,
    /// The lowest finite value; `None` where there is none.
    pub lowest: Option<f64>,
    /// The highest.
    pub highest: Option<f64>,
    /// About how many different values: bits of their hashes, in hexadecimal digits.
    pub distinct: String,
    /// The lowest and the highest value of training, as JSON.
    pub training_range: String,
    /// The inner edges of the bins, as JSON.
    pub edges: String,
    /// Rows by bin and the missing ones, as JSON; of decisions, by approve, challenge, review and decline.
    pub counts: String,
    /// One after the last position of the log whose decision is in it.
    pub complete_until: u64,
}

impl ProfilePoint {
    /// A row of no profile, which says up to where profiles are complete.
    pub(crate) fn position(until: Position) -> Self {
        let key = Key { model: None, segment: String::new() };
        point(&key, until, "position", "position", &Histogram::new(Bins::default(), None))
    }

    /// A row of no profile, which says what people know of drift.
    pub(crate) fn told(told: &Told) -> Self {
        Self { counts: json(told), ..Self::position(Position(0)) }
    }

    /// What such a row says; nothing where it is not as this program writes it.
    pub(crate) fn as_told(&self) -> Option<Told> {
        serde_json::from_str(&self.counts).ok()
    }
}

impl Point for ProfilePoint {
    const TABLE: Derived = Derived::Profiles;
}

const FEATURE: &str = "feature";
const SCORE: &str = "score";
const DECISION: &str = "decision";

/// A row that is not as this program writes it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the profile of {name} cannot be read: its {what}")]
pub struct BadRow {
    name: String,
    what: &'static str,
}

/// The features, the score and the decisions of a profile, as its rows are found.
type Parts = (Vec<(String, Histogram)>, Option<Histogram>, [u64; 4]);

impl Hour {
    /// Its rows.
    pub(crate) fn points(&self) -> Vec<ProfilePoint> {
        let mut points = Vec::new();
        for (key, profile) in &self.profiles {
            let row = |kind: &str, name: &str, histogram: &Histogram| point(key, self.until, kind, name, histogram);
            points.extend(profile.features.iter().map(|(name, histogram)| row(FEATURE, name, histogram)));
            points.push(row(SCORE, "probability", &profile.score));
            let decisions = row(DECISION, DECISION, &Histogram::new(Bins::default(), None));
            points.push(ProfilePoint { rows: profile.decisions.iter().sum(), counts: json(&profile.decisions), ..decisions });
        }
        points
    }

    /// The hour that rows are of.
    ///
    /// # Errors
    /// When one is not as [`Self::points`] gives it.
    pub(crate) fn of_points(points: &[ProfilePoint]) -> Result<Self, BadRow> {
        let mut hour = Self::default();
        let mut found: BTreeMap<Key, Parts> = BTreeMap::new();
        for point in points {
            let model = point.model.clone().zip(point.model_version);
            let parts = found.entry(Key { model, segment: point.segment.clone() }).or_default();
            hour.until = hour.until.max(Position(point.complete_until));
            match point.kind.as_str() {
                FEATURE => parts.0.push((point.name.clone(), histogram(point)?)),
                SCORE => parts.1 = Some(histogram(point)?),
                DECISION => parts.2 = parsed(point, &point.counts, "counts")?,
                _ => return Err(BadRow { name: point.name.clone(), what: "kind" }),
            }
        }
        for (key, (features, score, decisions)) in found {
            let score = score.ok_or_else(|| BadRow { name: key.segment.clone(), what: "score is missing" })?;
            hour.profiles.insert(key, Profile { features, score, decisions });
        }
        Ok(hour)
    }
}

fn point(key: &Key, until: Position, kind: &str, name: &str, histogram: &Histogram) -> ProfilePoint {
    let finite = |value: f64| value.is_finite().then_some(value);
    ProfilePoint {
        model: key.model.as_ref().map(|(name, _)| name.clone()),
        model_version: key.model.as_ref().map(|(_, version)| *version),
        segment: key.segment.clone(),
        kind: kind.to_owned(),
        name: name.to_owned(),
        rows: histogram.rows(),
        missing: histogram.missing(),
        below: histogram.outside.0,
        above: histogram.outside.1,
        sum: finite(histogram.sum),
        sum_squares: finite(histogram.sum_squares),
        lowest: histogram.extremes.map(|(lowest, _)| lowest),
        highest: histogram.extremes.map(|(_, highest)| highest),
        distinct: histogram.distinct.to_text(),
        training_range: json(&histogram.range),
        edges: json(&histogram.edges()),
        counts: json(&histogram.counts),
        complete_until: until.0,
    }
}

fn histogram(point: &ProfilePoint) -> Result<Histogram, BadRow> {
    let bad = |what| BadRow { name: point.name.clone(), what };
    let bins = Bins::new(parsed(point, &point.edges, "edges")?).ok_or_else(|| bad("edges"))?;
    let counts: Vec<u64> = parsed(point, &point.counts, "counts")?;
    if counts.len() != bins.edges().len() + 2 {
        return Err(bad("counts"));
    }
    Ok(Histogram {
        bins,
        range: parsed(point, &point.training_range, "range")?,
        counts,
        outside: (point.below, point.above),
        sum: point.sum.unwrap_or(f64::INFINITY),
        sum_squares: point.sum_squares.unwrap_or(f64::INFINITY),
        extremes: point.lowest.zip(point.highest),
        distinct: Distinct::from_text(&point.distinct).ok_or_else(|| bad("distinct values"))?,
    })
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("numbers always have a JSON form")
}

fn parsed<T: DeserializeOwned>(point: &ProfilePoint, text: &str, what: &'static str) -> Result<T, BadRow> {
    serde_json::from_str(text).map_err(|_| BadRow { name: point.name.clone(), what })
}
