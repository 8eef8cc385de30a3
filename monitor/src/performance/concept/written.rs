//! What was found of weeks, in the warehouse: it holds, and what has turned is told once.

use std::collections::BTreeMap;

use evaluation::Change;
use ingest::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Moved, Name, Rules, Thresholds, Week};
use crate::drift::{Severity, length};
use crate::points::{Filed, MetricPoint, read, write};
use crate::questions::Days;
use crate::tables::Window;
use crate::warehouse::Warehouse;

/// A figure that came to drift in a week, or came back.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// The version.
    pub version: u32,
    /// When the week began.
    pub week: Timestamp,
    /// Which figure.
    pub name: Name,
    /// Its statistic in the week.
    pub value: f64,
    /// From where on it has drifted.
    pub threshold: f64,
    /// Whether it has drifted now; otherwise it is back.
    pub has_drifted: bool,
}

impl Turn {
    /// When the week ended.
    pub fn week_end(&self) -> Timestamp {
        self.week + length(Window::Week)
    }
}

/// What was found of weeks when their labels were in. It holds from then on: later their weeks before are no longer looked at.
#[derive(Clone, Debug, Default)]
pub struct Written {
    pub(super) found: BTreeMap<(u32, Timestamp, &'static str), Found>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) severity: Severity,
    pub(super) seen: Severity,
}

impl Written {
    /// What a warehouse has of a model.
    ///
    /// # Errors
    /// When the warehouse does not answer.
    pub async fn read(warehouse: &dyn Warehouse, model: &str) -> Result<Self, crate::error::Error> {
        let mut found = BTreeMap::new();
        for Filed { series, window_start, point, .. } in read::<MetricPoint>(warehouse, Days::ALL).await? {
            let Some(version) = point.model_version.filter(|version| series == self::series(model, *version)) else { continue };
            let name = Name::ALL.into_iter().find(|name| name.statistic() == point.metric);
            let detail = serde_json::from_str::<Detail>(&point.detail).ok();
            if let (Some(name), Some(Detail { severity, seen, .. })) = (name, detail)
                && severity != Severity::InsufficientData
            {
                found.insert((version, window_start, name.statistic()), Found { severity, seen });
            }
        }
        Ok(Self { found })
    }

    pub(super) fn of(&self, version: u32, week: Timestamp, name: Name) -> Option<Found> {
        self.found.get(&(version, week, name.statistic())).copied()
    }

    /// Whether anything of a version had moved in a week before another.
    pub(super) fn has_moved_before(&self, version: u32, week: Timestamp) -> bool {
        self.found.iter().any(|(key, found)| key.0 == version && key.1 < week && found.seen >= Severity::Watch)
    }

    /// What has turned in weeks of which nothing was written yet. What was before the first week is taken for stable.
    pub fn turns(&self, weeks: &[Week], rules: &Rules) -> Vec<Turn> {
        let mut turns = Vec::new();
        for of_version in weeks.chunk_by(|a, b| a.version == b.version) {
            let mut drifted = [false; Name::ALL.len()];
            for &Week { week, version, figures, .. } in of_version {
                for (moved, drifted) in figures.iter().zip(&mut drifted) {
                    if moved.severity == Severity::InsufficientData {
                        continue;
                    }
                    let (name, has_drifted) = (moved.name, moved.severity == Severity::Drift);
                    let has_turned = std::mem::replace(drifted, has_drifted) != has_drifted;
                    if let Some(value) = moved.value.filter(|_| has_turned && self.of(version, week, name).is_none()) {
                        turns.push(Turn { version, week, name, value, threshold: rules.of(name).drift, has_drifted });
                    }
                }
            }
        }
        turns
    }

    /// Writes the weeks of which something is new. Blocks on the disk or the network.
    ///
    /// # Errors
    /// When the warehouse does not take them.
    pub fn write(
        &self,
        warehouse: &dyn Warehouse,
        model: &str,
        weeks: &[Week],
        rules: &Rules,
    ) -> Result<(), crate::error::Error> {
        let is_new = |week: &&Week| Name::ALL.into_iter().any(|name| self.of(week.version, week.week, name).is_none());
        weeks.iter().filter(is_new).try_for_each(|week| {
            let points: Vec<MetricPoint> = week.figures.iter().map(|moved| point(model, week, moved, rules)).collect();
            write(warehouse, &series(model, week.version), Window::Week, week.week, &points)
        })
    }
}

fn series(model: &str, version: u32) -> String {
    format!("concept {model} {version}")
}

/// What stands beside a point.
#[derive(Serialize, Deserialize)]
struct Detail {
    severity: Severity,
    seen: Severity,
    before: Option<f64>,
    now: Option<f64>,
    p: Option<f64>,
    judged_before: u64,
    watch: f64,
    drift: f64,
}

fn point(model: &str, week: &Week, moved: &Moved, rules: &Rules) -> MetricPoint {
    let Thresholds { watch, drift } = rules.of(moved.name);
    let Change { before, now, change, p } = moved.change;
    let detail = Detail {
        severity: moved.severity,
        seen: moved.seen,
        before: before.point(),
        now: now.point(),
        p,
        judged_before: week.judged_before,
        watch,
        drift,
    };
    let ends = change.interval().filter(|_| moved.value.is_some()).map(|interval| moved.name.between(interval));
    MetricPoint {
        model: model.to_owned(),
        model_version: Some(week.version),
        segment: String::new(),
        metric: moved.name.statistic().to_owned(),
        value: moved.value,
        low: ends.map(|ends| ends.0),
        high: ends.map(|ends| ends.1),
        n: week.judged,
        bad: week.bad,
        maturity: week.maturity.point(),
        estimated: false,
        detail: serde_json::to_string(&detail).expect("plain data always has a JSON form"),
    }
}
