//! The weeks of a version, each beside those before it.

use std::collections::VecDeque;

use evaluation::{Change, Error, Figure, Judged, Missing, concept_change};
use ingest::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Name, Rules, Thresholds, Written};
use crate::drift::{Severity, length, window_start};
use crate::performance::cohort::{Columns, How};
use crate::performance::groups;
use crate::performance::rows::{Rows, age};
use crate::tables::Window;

/// A week is held against so many weeks before it, the last ones in which nothing had moved: what has drifted must not become what is usual.
const WEEKS: usize = 8;

/// A week of a version's decisions beside the weeks before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Week {
    /// When it begins: on Monday, UTC.
    pub week: Timestamp,
    /// The version of the model that decided.
    pub version: u32,
    /// Decisions with a probability whose outcome is known.
    pub judged: u64,
    /// The bad ones of them.
    pub bad: u64,
    /// The share, 0 to 1, of the week's bad events that are known by now.
    pub maturity: Figure,
    /// Judged decisions of the weeks that it is held against.
    pub judged_before: u64,
    /// What has changed: how well it ranks, then what probabilities mean.
    pub figures: [Moved; 2],
}

/// How far a figure has moved.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// Which.
    pub name: Name,
    /// Then and now.
    #[serde(flatten)]
    pub change: Change,
    /// What is held against the thresholds; `None` where nothing can be said.
    pub value: Option<f64>,
    /// What this week says by itself.
    pub seen: Severity,
    /// What holds after it, as enough of the last weeks agree.
    pub severity: Severity,
}

/// Every week of every version, the oldest first. What was found of one in its time holds.
pub(in crate::performance) fn concept(rows: &Rows, how: &How<'_>, rules: &Rules, written: &Written) -> Result<Vec<Week>, Error> {
    let all: Vec<usize> = (0..rows.len()).collect();
    let versions = groups(&all, |row| rows.version[row].map(|version| (i64::from(version), String::new())));
    let of_version = |(_, some): &(String, Vec<usize>)| weeks(rows, some, how, rules, written);
    Ok(versions.iter().map(of_version).collect::<Result<Vec<_>, _>>()?.concat())
}

/// The weeks of one version, whose decisions are `some` of the rows.
fn weeks(rows: &Rows, some: &[usize], how: &How<'_>, rules: &Rules, written: &Written) -> Result<Vec<Week>, Error> {
    let start = |row: usize| window_start(Window::Week, rows.occurred_at[row]);
    let mut before: VecDeque<Vec<usize>> = VecDeque::new();
    let mut has_moved = false;
    let mut weeks = Vec::new();
    for (_, of_week) in groups(some, |row| Some((start(row).micros(), String::new()))) {
        let maturity = match how.maturity {
            Ok(maturity) => maturity.of(of_week.iter().map(|&row| age(rows.occurred_at[row], how.as_of))),
            Err(missing) => (*missing).into(),
        };
        let (week, version) = (start(of_week[0]), rows.version[of_week[0]].unwrap_or_default());
        let is_judged = |row: &usize| rows.outcome[*row].is_bad().is_some() && rows.probability[*row].is_some();
        let judged: Vec<usize> = of_week.into_iter().filter(is_judged).collect();
        let is_over = week + length(Window::Week) <= how.as_of;
        let is_mature = is_over && maturity.point().is_some_and(|share| share >= how.mature_at);
        let reference: Vec<usize> = before.iter().flatten().copied().collect();
        let mut figures = match is_mature {
            true => moved([&reference, &judged].map(|some| Columns::of(rows, some)), how.settings.level, rules)?,
            false => Name::ALL.map(Moved::unknown),
        };
        for moved in &mut figures {
            moved.seen = written.of(version, week, moved.name).map_or(moved.seen, |found| found.seen);
        }
        let bad = judged.iter().filter(|&&row| rows.outcome[row].is_bad() == Some(true)).count() as u64;
        let (rows_judged, judged_before) = (judged.len() as u64, reference.len() as u64);
        weeks.push(Week { week, version, judged: rows_judged, bad, maturity, judged_before, figures });
        has_moved |= figures.iter().any(|moved| moved.seen >= Severity::Watch);
        // A week of which nothing can be said is usual at the beginning of a version, and not once something has moved.
        let says_all = figures.iter().all(|moved| moved.seen == Severity::Stable);
        let is_usual = says_all || !has_moved && !written.has_moved_before(version, week);
        if is_mature && is_usual && !judged.is_empty() {
            before.push_back(judged);
            if before.len() > WEEKS {
                before.pop_front();
            }
        }
    }
    for (place, name) in Name::ALL.into_iter().enumerate() {
        let held = rules.hysteresis.smoothed(weeks.iter().map(|week| week.figures[place].seen));
        for (week, held) in weeks.iter_mut().zip(held) {
            let found = written.of(week.version, week.week, name);
            let moved = &mut week.figures[place];
            moved.severity = match (found, moved.seen) {
                (Some(found), _) => found.severity,
                (None, Severity::InsufficientData) => Severity::InsufficientData,
                (None, _) => held,
            };
        }
    }
    Ok(weeks)
}

/// What has moved from some judged rows to others.
fn moved([before, now]: [Columns; 2], level: f64, rules: &Rules) -> Result<[Moved; 2], Error> {
    let changed = concept_change(&Judged::new(&before.scores, &before.labels)?, &Judged::new(&now.scores, &now.labels)?, level);
    let has_enough = [&before, &now].into_iter().all(|side| {
        let bad = side.labels.iter().filter(|bad| **bad).count() as u64;
        bad.min(side.labels.len() as u64 - bad) >= rules.minimum_bad
    });
    let mut figures = [(Name::Auc, changed.auc), (Name::Calibration, changed.calibration)].map(|(name, change)| {
        let value = change.change.point().filter(|_| has_enough).map(|change| name.of(change));
        Moved { name, change, value, seen: Severity::InsufficientData, severity: Severity::InsufficientData }
    });
    // They are judged together, since among many one looks moved by chance. Without a spread nothing has moved.
    let p: Vec<f64> = figures.iter().map(|moved| moved.change.p.filter(|_| moved.value.is_some()).unwrap_or(1.0)).collect();
    for (moved, q) in figures.iter_mut().zip(::drift::adjusted(&p)) {
        let Thresholds { watch, drift } = rules.of(moved.name);
        moved.seen = match moved.value {
            None => Severity::InsufficientData,
            Some(_) if q > rules.false_discovery_rate => Severity::Stable,
            Some(value) if value >= drift => Severity::Drift,
            Some(value) if value >= watch => Severity::Watch,
            Some(_) => Severity::Stable,
        };
    }
    Ok(figures)
}

impl Moved {
    /// Of a week of which not enough labels are in.
    fn unknown(name: Name) -> Self {
        let missing = Figure::from(Missing::InsufficientData);
        let change = Change { before: missing, now: missing, change: missing, p: None };
        Self { name, change, value: None, seen: Severity::InsufficientData, severity: Severity::InsufficientData }
    }
}
