//! The figures of some decisions, as a plain function of their columns.

use evaluation::{
    Error, Expected, Figure, Flagging, Judged, Maturity, Missing, Scored, Settings, decided, expected, proportion, scored,
};
use ingest::Timestamp;
use serde::{Deserialize, Serialize};

use super::affordable;
use super::rows::{Rows, age};
use crate::outcome::Outcomes;

/// What can be said of a cohort's figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// There were no decisions.
    NoData,
    /// There were, and none is judged yet: only what is expected can be said.
    Unjudged,
    /// Too few of its bad ones are known, or how many that is cannot be said: figures will change.
    Immature,
    /// So many of its bad ones are known as was asked for.
    Mature,
}

/// The figures of some decisions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cohort {
    /// Which: a day as `2018-08-01`, a version, the value of an attribute, the id of a rule.
    pub name: String,
    /// What can be said of it.
    pub state: State,
    /// Decisions.
    pub decisions: u64,
    /// What they count as.
    pub outcomes: Outcomes,
    /// The share, 0 to 1, of its bad ones that are known by now.
    pub maturity: Figure,
    /// How many bad ones there will be when all are known: those that are, over the share that they are.
    pub bad_in_the_end: Figure,
    /// The share of decisions that were approvals, judged or not.
    pub approval_rate: Figure,
    /// What reviewing and declining came to, of those that are judged.
    pub flagging: Flagging,
    /// Reviewed and declined events for each bad one among them.
    pub alerts_per_bad: Figure,
    /// How good the probabilities were, of those that are judged and were scored.
    pub scores: Scored,
    /// What the probabilities alone let expect, of all that were scored; an estimate.
    pub expected: Expected,
}

/// What a rule came to, among the events since its first version came into the log, whatever its state was: what was bad before it could
/// not catch. Where the warehouse does not know when that was, among all events that were asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleCohort {
    /// Its id.
    pub name: String,
    /// How many decisions it had a say in.
    pub hits: u64,
    /// Of its hits and of all else that is judged since then. Its recall is the share of bad events that were hits, of those that it did
    /// not hit in its other state: in shadow, or out of it.
    pub flagging: Flagging,
    /// Hits for each bad one among them.
    pub alerts_per_bad: Figure,
}

/// What figures are measured with.
pub(super) struct How<'a> {
    pub settings: &'a Settings,
    pub as_of: Timestamp,
    pub maturity: &'a Result<Maturity, Missing>,
    /// From which share of known bad ones on a cohort is mature.
    pub mature_at: f64,
}

pub(super) fn cohort(name: String, rows: &Rows, some: &[usize], how: &How<'_>) -> Result<Cohort, Error> {
    let mut outcomes = Outcomes::default();
    some.iter().for_each(|&row| outcomes.add(rows.outcome[row], rows.label[row]));
    let maturity = match how.maturity {
        Ok(maturity) => maturity.of(some.iter().map(|&row| age(rows.occurred_at[row], how.as_of))),
        Err(missing) => Figure::from(if some.is_empty() { Missing::NoRows } else { *missing }),
    };
    let settings = &affordable(how.settings, some.len());
    let judged: Vec<usize> = some.iter().copied().filter(|&row| rows.outcome[row].is_bad().is_some()).collect();
    let with_score: Vec<usize> = judged.iter().copied().filter(|&row| rows.probability[row].is_some()).collect();
    let flagging = flagging(rows, &judged, |row| rows.flagged[row], settings)?;
    let columns = Columns::of(rows, &with_score);
    let probabilities: Vec<f64> = some.iter().filter_map(|&row| rows.probability[row]).collect();
    let approved = some.iter().filter(|&&row| rows.approved[row]).count() as u64;
    let is_mature = maturity.point().is_some_and(|share| share >= how.mature_at);
    Ok(Cohort {
        name,
        state: match outcomes.judged() {
            _ if some.is_empty() => State::NoData,
            0 => State::Unjudged,
            _ if is_mature => State::Mature,
            _ => State::Immature,
        },
        decisions: some.len() as u64,
        outcomes,
        bad_in_the_end: in_the_end(outcomes.bad + outcomes.open_bad, maturity),
        maturity,
        approval_rate: proportion(approved, some.len() as u64, settings.level, Missing::NoRows),
        alerts_per_bad: flagging.alerts_per_bad(),
        flagging,
        scores: scored(&columns.judged(rows.has_money)?, settings)?,
        expected: expected(&probabilities, settings)?,
    })
}

/// `hits` are its hits of one kind, `others` those of the other: in shadow and not. What is among the others is no miss. `begun` is where in
/// the log its first version lies, where that is known.
pub(super) fn rule(
    name: &str,
    rows: &Rows,
    [hits, others]: [&[usize]; 2],
    begun: Option<i64>,
    how: &How<'_>,
) -> Result<RuleCohort, Error> {
    // An event that came just before the rule may have been decided just after it, and with it.
    let first_hit = hits.first().map(|&row| rows.position[row]);
    let from = begun.map_or(i64::MIN, |begun| first_hit.map_or(begun, |hit| hit.min(begun)));
    let is_judged =
        |row: &usize| rows.position[*row] >= from && rows.outcome[*row].is_bad().is_some() && others.binary_search(row).is_err();
    let judged: Vec<usize> = (0..rows.len()).filter(is_judged).collect();
    let flagging = flagging(rows, &judged, |row| hits.binary_search(&row).is_ok(), &affordable(how.settings, rows.len()))?;
    let (hits, alerts_per_bad) = (hits.len() as u64, flagging.alerts_per_bad());
    Ok(RuleCohort { name: name.to_owned(), hits, alerts_per_bad, flagging })
}

fn flagging(rows: &Rows, judged: &[usize], flags: impl Fn(usize) -> bool, settings: &Settings) -> Result<Flagging, Error> {
    let columns = Columns { scores: vec![0.0; judged.len()], ..Columns::of(rows, judged) };
    let flagged: Vec<bool> = judged.iter().map(|&row| flags(row)).collect();
    decided(&columns.judged(rows.has_money)?, &flagged, settings)
}

/// How many there will be, of so many that are known and the share that they are.
fn in_the_end(bad: u64, maturity: Figure) -> Figure {
    let share = maturity.point().unwrap_or_default();
    match maturity {
        Figure::Known(_) if share > 0.0 => (bad as f64 / share).into(),
        Figure::Known(_) => Missing::NoneExpected.into(),
        missing => missing,
    }
}

/// Some judged rows, laid out to be measured.
pub(super) struct Columns {
    pub(super) scores: Vec<f64>,
    pub(super) labels: Vec<bool>,
    minor: Vec<i64>,
    days: Vec<i32>,
}

impl Columns {
    pub(super) fn of(rows: &Rows, some: &[usize]) -> Self {
        Self {
            scores: some.iter().map(|&row| rows.probability[row].unwrap_or_default()).collect(),
            labels: some.iter().map(|&row| rows.outcome[row].is_bad().unwrap_or_default()).collect(),
            minor: some.iter().map(|&row| rows.minor[row]).collect(),
            days: some.iter().map(|&row| i32::try_from(rows.occurred_at[row].day()).unwrap_or_default()).collect(),
        }
    }

    fn judged(&self, with_money: bool) -> Result<Judged<'_>, Error> {
        let judged = Judged::new(&self.scores, &self.labels)?.with_days(&self.days)?;
        if with_money { judged.with_amounts(&self.minor) } else { Ok(judged) }
    }
}
