//! The champion against a challenger on the same events: figures of both, what differs with an interval that holds at every look,
//! whose decisions would change, guardrails, and a verdict with its reasons. Both are judged by their scores alone, at the thresholds
//! of the policy, whatever rules and lists made of them. It advises, and never changes who decides.

mod declared;
mod flips;
mod guardrails;
mod inputs;
mod points;
mod rows;
#[cfg(test)]
mod tests;
mod verdict;

use std::collections::BTreeMap;

use evaluation::{Contest, Figure, Judged, Maturity, Missing, Sequential, Settings, contest};
use ingest::{Currency, Timestamp};
use scoring::Thresholds;
use serde::{Deserialize, Serialize};

pub use self::flips::Flip;
pub use self::guardrails::{Guardrail, Name as GuardrailName, State as GuardrailState};
pub use self::inputs::Inputs;
pub use self::points::{last_verdict, write_points};
use self::rows::Rows;
pub use self::verdict::measure::Measure;
pub use self::verdict::{Finding, Verdict};
use crate::error::Error;
use crate::outcome::{Judging, Outcomes};
use crate::performance::rows::age;
use crate::performance::{self, State, affordable};
use crate::period::Period;
use crate::warehouse::Warehouse;

/// How a challenger is judged: the `[monitoring.experiment]` table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// The figure that decides.
    pub measure: Measure,
    /// From which lead on a change is worth it: of a ranking figure, or as a share of the money that the champion stops.
    pub least_gain: f64,
    /// The probability of ever promoting one that is not better, and, for each guardrail, of ever saying that one breaks it that does not.
    pub alpha: f64,
    /// The number of bad events at which intervals are to be tightest; of entities with any, where entities are known.
    pub planned_bad: u64,
    /// With fewer bad events nothing is said; of entities with any, where entities are known.
    pub least_bad: u64,
    /// The share of good money that is lost where it is stopped, 0 to 1.
    pub wrong_stop_costs: f64,
    /// By how much the share of approvals may change, 0 to 1.
    pub max_approval_change: f64,
    /// How many times as long as the champion it may run, at the 99th percentile.
    pub max_latency_ratio: f64,
    /// The share of events that it may leave without a score, 0 to 1.
    pub max_unscored: f64,
    /// With fewer events guardrails say nothing.
    pub least_events: u64,
    /// How many resamples intervals are taken over.
    pub rounds: usize,
    /// The entity whose events are alike: it is drawn whole. The one that people review where none is named; without any, each event is
    /// taken as independent of all others.
    pub entity: Option<String>,
}

impl Default for Policy {
    fn default() -> Self {
        let Sequential { alpha, planned, least } = Sequential::default();
        Self {
            measure: Measure::default(),
            least_gain: 0.01,
            alpha,
            planned_bad: planned,
            least_bad: least,
            wrong_stop_costs: 0.05,
            max_approval_change: 0.02,
            max_latency_ratio: 2.0,
            max_unscored: 0.01,
            least_events: 1_000,
            rounds: 200,
            entity: None,
        }
    }
}

impl Policy {
    /// What is wrong with it, if anything.
    ///
    /// # Errors
    /// Where alpha or what a wrong stop costs is out of its range.
    pub fn check(&self) -> Result<(), evaluation::Error> {
        self.sequential().check()?;
        evaluation::check_cost(self.wrong_stop_costs)
    }

    /// How it is looked at again and again.
    pub fn sequential(&self) -> Sequential {
        Sequential { alpha: self.alpha, planned: self.planned_bad, least: self.least_bad }
    }

    /// How guardrails are, which count events and not bad ones alone: tightest where they begin to say something.
    fn guarding(&self) -> Sequential {
        Sequential { alpha: self.alpha, planned: self.least_events, ..Sequential::default() }
    }
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// The model.
    pub model: String,
    /// The version that decides.
    pub champion: u32,
    /// The version that wants to.
    pub challenger: u32,
    /// When the events happened.
    pub period: Period,
    /// What was observed later is not known; the newest moment that the warehouse knows of where it is not given.
    pub as_of: Option<Timestamp>,
    /// What money is told in: the currency of the pipeline.
    pub currency: Currency,
}

/// The two on the same events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The model.
    pub model: String,
    /// The version that decides.
    pub champion: u32,
    /// The version that wants to.
    pub challenger: u32,
    /// As of when.
    pub as_of: Timestamp,
    /// What money is in.
    pub currency: Currency,
    /// How many of the events that both scored are in other currencies: they count, and their money does not.
    pub other_currency: u64,
    /// What can be said.
    pub state: State,
    /// What is advised.
    #[serde(flatten)]
    pub finding: Finding,
    /// The first event that the challenger scored.
    pub from: Option<Timestamp>,
    /// The last.
    pub to: Option<Timestamp>,
    /// Events that both scored.
    pub events: u64,
    /// What they count as.
    pub outcomes: Outcomes,
    /// The share, 0 to 1, of their bad ones that are known by now.
    pub maturity: Figure,
    /// From which share of known bad ones on a cohort counts as mature.
    pub mature_at: f64,
    /// The thresholds that both are judged at: those of the newest decision.
    pub thresholds: Option<Thresholds>,
    /// The figures of both, and what differs.
    pub contest: Contest,
    /// Whose decisions would change.
    pub flips: Vec<Flip>,
    /// What it may not break.
    pub guardrails: Vec<Guardrail>,
    /// Day by day, the oldest first.
    pub days: Vec<DayOfTwo>,
    /// What only one of the two reads.
    pub inputs: Inputs,
}

/// One day of both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DayOfTwo {
    /// As `2018-08-01`.
    pub day: String,
    /// Events that both scored.
    pub events: u64,
    /// What they count as.
    pub outcomes: Outcomes,
    /// The share of their bad ones that are known by now.
    pub maturity: Figure,
    /// The champion's area under the curve.
    pub champion_auc: Figure,
    /// The challenger's.
    pub challenger_auc: Figure,
    /// The champion's average precision.
    pub champion_average_precision: Figure,
    /// The challenger's.
    pub challenger_average_precision: Figure,
}

/// Is the challenger better than the champion, as far as it is known? Where an experiment between them was declared with guardrails, those hold
/// instead of the policy's.
pub async fn compare(
    warehouse: &dyn Warehouse,
    request: &Request,
    inputs: Inputs,
    policy: &Policy,
    judged_by: &performance::Policy,
) -> Result<Comparison, Error> {
    if request.champion == request.challenger {
        return Err(Error::SameVersion { model: request.model.clone(), version: request.champion });
    }
    judged_by.check()?;
    policy.check()?;
    let policy = &declared::policy(warehouse, request, policy).await?;
    let as_of = performance::as_of(warehouse, request.as_of).await?;
    let maturity = performance::maturity(warehouse, as_of).await?;
    let mut rows = Rows::ask(warehouse, request, Judging { as_of, maturity: judged_by.maturity }).await?;
    if let Some(entity) = &policy.entity {
        rows.ask_whose(warehouse, entity, request.period.days()).await?;
    }
    let measured = Measured { rows: &rows, as_of, maturity: &maturity };
    let both = rows.both();
    let settings = Settings { rounds: policy.rounds, ..judged_by.settings(rows.thresholds) };
    let contest = measured.contest(&both, &settings, policy)?;
    let whole = measured.part(&both);
    let guardrails = guardrails::guardrails(&rows, &both, [request.champion, request.challenger], policy);
    let finding = verdict::finding(&contest, &guardrails, &inputs, (whole.maturity, judged_by.mature_at), policy);
    Ok(Comparison {
        model: request.model.clone(),
        champion: request.champion,
        challenger: request.challenger,
        as_of,
        currency: request.currency,
        other_currency: both.iter().filter(|row| rows.other_currency[**row]).count() as u64,
        state: match whole.outcomes.judged() {
            _ if both.is_empty() => State::NoData,
            0 => State::Unjudged,
            _ if whole.maturity.point().is_some_and(|share| share >= judged_by.mature_at) => State::Mature,
            _ => State::Immature,
        },
        finding: with_no_data(finding, request, &rows),
        from: rows.occurred_at.iter().min().copied(),
        to: rows.occurred_at.iter().max().copied(),
        events: both.len() as u64,
        outcomes: whole.outcomes,
        maturity: whole.maturity,
        mature_at: judged_by.mature_at,
        thresholds: rows.thresholds,
        flips: flips::flips(&rows, &both),
        guardrails,
        days: measured.days(&both, &Settings { rounds: 0, ..settings }, policy)?,
        contest,
        inputs,
    })
}

/// Where nothing can be compared, it is said which of the two is missing.
fn with_no_data(mut finding: Finding, request: &Request, rows: &Rows) -> Finding {
    let Request { model, champion, challenger, .. } = request;
    if rows.len() == 0 {
        finding
            .reasons
            .insert(0, format!("{model} {challenger} scored no event in this time: it must run as a challenger first"));
    } else if rows.champion.iter().all(Option::is_none) {
        finding.reasons.insert(0, format!("{model} {champion} scored none of the events that {model} {challenger} did"));
    }
    finding
}

/// What some events are measured with.
struct Measured<'a> {
    rows: &'a Rows,
    as_of: Timestamp,
    maturity: &'a Result<Maturity, Missing>,
}

/// How some events stand.
struct Part {
    outcomes: Outcomes,
    maturity: Figure,
}

impl Measured<'_> {
    fn part(&self, some: &[usize]) -> Part {
        let mut outcomes = Outcomes::default();
        some.iter().for_each(|&row| outcomes.add(self.rows.outcome[row], self.rows.label[row]));
        let ages = some.iter().map(|&row| age(self.rows.occurred_at[row], self.as_of));
        let maturity = match self.maturity {
            Ok(maturity) => maturity.of(ages),
            Err(missing) => Figure::from(if some.is_empty() { Missing::NoRows } else { *missing }),
        };
        Part { outcomes, maturity }
    }

    fn contest(&self, some: &[usize], settings: &Settings, policy: &Policy) -> Result<Contest, Error> {
        let rows = self.rows;
        let judged: Vec<usize> = some.iter().copied().filter(|&row| rows.outcome[row].is_bad().is_some()).collect();
        let scores = |said: &[Option<f64>]| judged.iter().map(|&row| said[row].unwrap_or_default()).collect::<Vec<f64>>();
        let (challenger, champion) = (scores(&rows.challenger), scores(&rows.champion));
        let labels: Vec<bool> = judged.iter().map(|&row| rows.outcome[row].is_bad().unwrap_or_default()).collect();
        let minor: Vec<i64> = judged.iter().map(|&row| rows.minor[row]).collect();
        let columns = Judged::new(&challenger, &labels)?.with_champion(&champion)?;
        let columns = if rows.has_money { columns.with_amounts(&minor)? } else { columns };
        let columns = match rows.owners(&judged) {
            Some(owners) => columns.with_entities(&owners)?,
            None => columns,
        };
        Ok(contest(&columns, &affordable(settings, judged.len()), &policy.sequential(), policy.wrong_stop_costs)?)
    }

    fn days(&self, both: &[usize], settings: &Settings, policy: &Policy) -> Result<Vec<DayOfTwo>, Error> {
        let mut days = BTreeMap::<i64, Vec<usize>>::new();
        for &row in both {
            days.entry(self.rows.occurred_at[row].day()).or_default().push(row);
        }
        let day = |some: Vec<usize>| {
            let contest = self.contest(&some, settings, policy)?;
            let Part { outcomes, maturity } = self.part(&some);
            Ok(DayOfTwo {
                day: self.rows.occurred_at[some[0]].date(),
                events: some.len() as u64,
                outcomes,
                maturity,
                champion_auc: contest.champion.figures.auc,
                challenger_auc: contest.challenger.figures.auc,
                champion_average_precision: contest.champion.figures.average_precision,
                challenger_average_precision: contest.challenger.figures.average_precision,
            })
        };
        days.into_values().map(day).collect()
    }
}
