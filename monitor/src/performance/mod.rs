//! How good decisions and scores were, as far as that is known as of a moment: by day, version, segment and rule, each figure with its
//! interval and the share of bad events that are known by then, and beside it what calibrated probabilities let expect before any label
//! has come. Nothing here changes anything; the figures are plain functions of columns that a warehouse hands over.

mod begun;
mod cohort;
pub mod concept;
mod floors;
mod points;
pub(crate) mod rows;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use evaluation::{Figure, Maturity, Missing, Settings, Threshold};
use ingest::{Currency, Duration, Timestamp};
use scoring::Thresholds;
use scoring::model::probability_at;
use serde::{Deserialize, Serialize};

pub use self::cohort::{Cohort, RuleCohort, State};
use self::cohort::{How, cohort, rule};
pub use self::floors::Floors;
pub use self::points::{SERIES, write_points};
use self::rows::Rows;
use crate::error::Error;
use crate::outcome::Judging;
use crate::questions::{Days, moment};
use crate::warehouse::Warehouse;

/// So many values of an attribute have a cohort of their own, the most frequent ones; all others are one.
const MOST_VALUES: usize = 20;
/// The name of those others.
const OTHERS: &str = "(others)";

/// How performance is measured: the `[monitoring.performance]` table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// The age from which on events are judged, and those without a label count as good; without it only those with a label are judged.
    pub maturity: Option<Duration>,
    /// From which share of known bad events on a cohort is mature, above 0 and up to 1.
    pub mature_at: f64,
    /// How many events people can look at in a day.
    pub capacity_a_day: usize,
    /// How many resamples intervals are taken over.
    pub rounds: usize,
    /// Below which figures a training is asked for.
    pub retrain_below: Floors,
    /// From where on concept drift is told.
    pub concept: concept::Rules,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            maturity: None,
            mature_at: 0.9,
            capacity_a_day: 100,
            rounds: 100,
            retrain_below: Floors::default(),
            concept: concept::Rules::default(),
        }
    }
}

impl Policy {
    /// What is wrong with it, if anything.
    ///
    /// # Errors
    /// Where a share is none, or people could look at nothing.
    pub fn check(&self) -> Result<(), evaluation::Error> {
        evaluation::check_share(self.mature_at)?;
        self.retrain_below.check()?;
        self.settings(None).check()
    }

    /// With these thresholds, where any are known.
    pub(crate) fn settings(&self, thresholds: Option<Thresholds>) -> Settings {
        let threshold = |name: &str, score: u16| Threshold { name: name.to_owned(), at: probability_at(score) };
        let both = |of: Thresholds| vec![threshold("review", of.review), threshold("decline", of.decline)];
        Settings {
            thresholds: thresholds.map(both).unwrap_or_default(),
            capacity_a_day: self.capacity_a_day,
            rounds: self.rounds,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            ..Settings::default()
        }
    }
}

/// So many rows are weighed for one cohort, over all resamples together: with millions of rows fewer rounds tell as much.
const MOST_WEIGHED: usize = 50_000_000;
/// Fewer rounds tell no spread.
const FEWEST_ROUNDS: usize = 20;

/// The settings with as many rounds as so many rows can afford.
pub(crate) fn affordable(settings: &Settings, rows: usize) -> Settings {
    let rounds = settings.rounds.min((MOST_WEIGHED / rows.max(1)).max(FEWEST_ROUNDS));
    Settings { rounds, ..settings.clone() }
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// The days of the events.
    pub days: Days,
    /// What was observed later is not known; the newest moment that the warehouse knows of where it is not given.
    pub as_of: Option<Timestamp>,
    /// What money is told in: the currency of the pipeline.
    pub currency: Currency,
    /// The attributes whose values are looked at one by one.
    pub segments: Vec<String>,
    /// What was found of weeks in their time.
    pub written: concept::Written,
}

/// How good decisions and scores were.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Performance {
    /// As of when.
    pub as_of: Timestamp,
    /// What money is in.
    pub currency: Currency,
    /// How many of the decisions are about events in other currencies: they count, and their money does not.
    pub other_currency: u64,
    /// How the share of bad events that are known grows with their age.
    pub curve: Curve,
    /// The thresholds that scores are judged at: those of the newest decision.
    pub thresholds: Option<Thresholds>,
    /// All of it.
    pub whole: Cohort,
    /// By day, the oldest first; days without decisions left out.
    pub days: Vec<Cohort>,
    /// By version of the model that decided.
    pub versions: Vec<Cohort>,
    /// By declared attribute.
    pub segments: Vec<SegmentCohorts>,
    /// By rule that had a say, each from its first version on.
    pub rules: Vec<RuleCohort>,
    /// By rule that hit something while it was in shadow, where it changed nothing: what it would have come to.
    pub rules_in_shadow: Vec<RuleCohort>,
    /// What probabilities came to, by version and week.
    pub concept: Vec<concept::Week>,
}

/// How the share of bad events that are known grows with their age.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Curve {
    /// The share at whole days of age, of those that become known within the horizon.
    Known {
        /// The bad events that it was estimated from.
        bad: u64,
        /// What becomes known later than this, in days, is in no share.
        horizon_days: f64,
        /// By age in days, from 0 on.
        shares: Vec<Figure>,
    },
    /// There is none.
    Missing {
        /// Why not.
        missing: Missing,
    },
}

/// The values of an attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SegmentCohorts {
    /// The attribute.
    pub name: String,
    /// Its values, the most frequent first.
    pub values: Vec<Cohort>,
}

/// How good were the decisions of some days, as far as it is known?
///
/// # Errors
/// Where the policy makes no sense, or the warehouse has no answer.
pub async fn performance(warehouse: &dyn Warehouse, request: &Request, policy: &Policy) -> Result<Performance, Error> {
    policy.check()?;
    let as_of = as_of(warehouse, request.as_of).await?;
    let maturity = maturity(warehouse, as_of).await?;
    let judging = Judging { as_of, maturity: policy.maturity };
    let rows = Rows::ask(warehouse, request.days, request.currency, judging).await?;
    let attributes = rows::attributes(warehouse, request.days, &request.segments, &rows.position).await?;
    let has_rules = !rows.rules.is_empty() || !rows.rules_in_shadow.is_empty();
    let begun = if has_rules { begun::begun(warehouse).await? } else { BTreeMap::new() };
    let settings = policy.settings(rows.thresholds);
    let how = How { settings: &settings, as_of, maturity: &maturity, mature_at: policy.mature_at };
    let all: Vec<usize> = (0..rows.len()).collect();
    let cohorts = |groups: Vec<(String, Vec<usize>)>| {
        groups.into_iter().map(|(name, some)| cohort(name, &rows, &some, &how)).collect::<Result<Vec<_>, _>>()
    };
    let mut segments = Vec::new();
    for (name, values) in request.segments.iter().zip(&attributes) {
        segments.push(SegmentCohorts { name: name.clone(), values: cohorts(by_value(values))? });
    }
    let by_rule = |hits: &BTreeMap<String, Vec<usize>>, others: &BTreeMap<String, Vec<usize>>| {
        let of = |(name, hits): (&String, &Vec<usize>)| {
            let others = others.get(name).map_or(&[] as &[usize], Vec::as_slice);
            rule(name, &rows, [hits, others], begun.get(name).copied(), &how)
        };
        hits.iter().map(of).collect::<Result<Vec<_>, _>>()
    };
    Ok(Performance {
        as_of,
        currency: request.currency,
        other_currency: rows.other_currency,
        curve: Curve::new(&maturity),
        thresholds: rows.thresholds,
        whole: cohort("all".to_owned(), &rows, &all, &how)?,
        days: cohorts(groups(&all, |row| Some((rows.occurred_at[row].day(), rows.occurred_at[row].date()))))?,
        versions: cohorts(groups(&all, |row| rows.version[row].map(|version| (i64::from(version), version.to_string()))))?,
        segments,
        rules: by_rule(&rows.rules, &rows.rules_in_shadow)?,
        rules_in_shadow: by_rule(&rows.rules_in_shadow, &rows.rules)?,
        concept: concept::concept(&rows, &how, &policy.concept, &request.written)?,
    })
}

/// The moment that is asked for, or the newest that the warehouse knows of; the beginning of time where it knows nothing.
pub(crate) async fn as_of(warehouse: &dyn Warehouse, asked: Option<Timestamp>) -> Result<Timestamp, Error> {
    match asked {
        Some(asked) => Ok(asked),
        None => Ok(moment(warehouse).await?.unwrap_or(Timestamp::from_micros(0))),
    }
}

/// How long bad events take to be known, of all that the warehouse has.
pub(crate) async fn maturity(warehouse: &dyn Warehouse, as_of: Timestamp) -> Result<Result<Maturity, Missing>, Error> {
    Ok(Maturity::new(&rows::delays(warehouse, as_of).await?, Settings::default().level))
}

/// Some rows by key, each group with a name, in the order of the keys.
fn groups(some: &[usize], key: impl Fn(usize) -> Option<(i64, String)>) -> Vec<(String, Vec<usize>)> {
    let mut groups = BTreeMap::<i64, (String, Vec<usize>)>::new();
    for &row in some {
        if let Some((key, name)) = key(row) {
            groups.entry(key).or_insert_with(|| (name, Vec::new())).1.push(row);
        }
    }
    groups.into_values().collect()
}

/// Rows by the value of an attribute, the most frequent first; those beyond the first are put together.
fn by_value(values: &[String]) -> Vec<(String, Vec<usize>)> {
    let mut groups = BTreeMap::<&str, Vec<usize>>::new();
    for (row, value) in values.iter().enumerate() {
        groups.entry(value).or_default().push(row);
    }
    let mut groups: Vec<(String, Vec<usize>)> = groups.into_iter().map(|(value, rows)| (value.to_owned(), rows)).collect();
    groups.sort_by_key(|(_, rows)| std::cmp::Reverse(rows.len()));
    let others: BTreeSet<usize> =
        groups.split_off(MOST_VALUES.min(groups.len())).into_iter().flat_map(|(_, rows)| rows).collect();
    if !others.is_empty() {
        groups.push((OTHERS.to_owned(), others.into_iter().collect()));
    }
    groups
}

/// Microseconds of a day.
const DAY: u64 = 86_400_000_000;
/// A curve is shown for at most so many days.
const MOST_DAYS: u64 = 366;

impl Curve {
    pub(crate) fn new(maturity: &Result<Maturity, Missing>) -> Self {
        match maturity {
            Err(missing) => Self::Missing { missing: *missing },
            Ok(maturity) => {
                let last = maturity.age_at(1.0).div_ceil(DAY).min(MOST_DAYS);
                Self::Known {
                    bad: maturity.bad,
                    horizon_days: maturity.horizon as f64 / DAY as f64,
                    shares: (0..=last).map(|day| maturity.known_by(day * DAY)).collect(),
                }
            }
        }
    }
}
