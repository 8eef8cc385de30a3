//! Concept drift, week by week: whether the probabilities of a version still rank, and still mean, what they did in the weeks before. Features
//! may lie where they lay while what follows from them is another thing. Only labels tell, so a week counts when enough of them are in.

use std::collections::{BTreeMap, VecDeque};

use evaluation::{Change, Error, Figure, Interval, Judged, Missing, concept_change};
use ingest::Timestamp;
use serde::{Deserialize, Serialize};

use super::cohort::Columns;
use super::cohort::How;
use super::groups;
use super::rows::{Rows, age};
use crate::drift::{Hysteresis, Severity, length, window_start};
use crate::points::{Filed, MetricPoint, read, write};
use crate::questions::Days;
use crate::tables::Window;
use crate::warehouse::Warehouse;

/// A week is held against so many weeks before it, the last ones in which nothing had moved: what has drifted must not become what is usual.
const WEEKS: usize = 8;

/// From where on concept drift is told: the table `[monitoring.performance.concept]`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// From which fall of the area under the curve on it is watched, and has drifted; 0 to 1.
    pub auc_fall: Thresholds,
    /// From which factor on, up or down, between bad events and those that probabilities let expect it is watched, and has drifted; above 1.
    pub calibration_factor: Thresholds,
    /// The share of chance that is borne among what is told, 0 to 1.
    pub false_discovery_rate: f64,
    /// Fewer bad events on a side say nothing.
    pub minimum_bad: u64,
    /// How many weeks have to agree.
    pub hysteresis: Hysteresis,
}

/// Two values of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// From here on it is watched.
    pub watch: f64,
    /// From here on it has drifted.
    pub drift: f64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            auc_fall: Thresholds { watch: 0.02, drift: 0.05 },
            calibration_factor: Thresholds { watch: 1.25, drift: 1.5 },
            false_discovery_rate: 0.01,
            minimum_bad: 30,
            hysteresis: Hysteresis::default(),
        }
    }
}

/// Rules that contradict themselves.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BadRules {
    /// The thresholds are no rising numbers above what no change is.
    #[error("`watch` is {watch} and `drift` is {drift} of `{figure}`: they must be above {none}, and `drift` not below `watch`")]
    Thresholds {
        /// Of which figure.
        figure: &'static str,
        /// From where on it is watched.
        watch: f64,
        /// From where on it has drifted.
        drift: f64,
        /// What it is where nothing has changed.
        none: f64,
    },
    /// A rate that is none.
    #[error("`false_discovery_rate` is {0}: it must be above 0 and below 1")]
    Rate(f64),
    /// Nothing can be said without bad events.
    #[error("`minimum_bad` is 0: it must be at least 1")]
    Minimum,
}

impl Rules {
    /// What is wrong with them, if anything.
    pub fn check(&self) -> Result<(), BadRules> {
        for (name, thresholds) in [(Name::Auc, self.auc_fall), (Name::Calibration, self.calibration_factor)] {
            let (Thresholds { watch, drift }, none) = (thresholds, name.without_change());
            if !(watch > none && drift >= watch && drift.is_finite()) {
                return Err(BadRules::Thresholds { figure: name.statistic(), watch, drift, none });
            }
        }
        if !(self.false_discovery_rate > 0.0 && self.false_discovery_rate < 1.0) {
            return Err(BadRules::Rate(self.false_discovery_rate));
        }
        if self.minimum_bad == 0 { Err(BadRules::Minimum) } else { Ok(()) }
    }

    const fn of(&self, name: Name) -> Thresholds {
        match name {
            Name::Auc => self.auc_fall,
            Name::Calibration => self.calibration_factor,
        }
    }
}

/// What can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Name {
    /// How well probabilities rank: the area under the curve.
    Auc,
    /// What they mean: bad events over those that they let expect.
    Calibration,
}

impl Name {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Auc, Self::Calibration];

    /// Its word in the warehouse.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auc => "auc",
            Self::Calibration => "calibration",
        }
    }

    /// What is held against thresholds.
    pub const fn statistic(self) -> &'static str {
        match self {
            Self::Auc => "auc_fall",
            Self::Calibration => "calibration_factor",
        }
    }

    const fn without_change(self) -> f64 {
        match self {
            Self::Auc => 0.0,
            Self::Calibration => 1.0,
        }
    }

    /// The statistic of a change: it grows with the harm. A curve that rises harms nobody.
    const fn of(self, change: f64) -> f64 {
        match self {
            Self::Auc => -change,
            Self::Calibration => change.max(1.0 / change),
        }
    }

    /// The lowest and the highest that the statistic is within an interval of the change.
    fn between(self, Interval { lower, upper, .. }: Interval) -> (f64, f64) {
        let [one, other] = [lower, upper].map(|end| self.of(end));
        // A factor counts both ways, and is 1 in between.
        let least = if self == Self::Calibration && (lower..=upper).contains(&1.0) { 1.0 } else { one.min(other) };
        (least, one.max(other))
    }
}

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
pub(super) fn concept(rows: &Rows, how: &How<'_>, rules: &Rules, written: &Written) -> Result<Vec<Week>, Error> {
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
    found: BTreeMap<(u32, Timestamp, &'static str), Found>,
}

#[derive(Clone, Copy, Debug)]
struct Found {
    severity: Severity,
    seen: Severity,
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

    fn of(&self, version: u32, week: Timestamp, name: Name) -> Option<Found> {
        self.found.get(&(version, week, name.statistic())).copied()
    }

    /// Whether anything of a version had moved in a week before another.
    fn has_moved_before(&self, version: u32, week: Timestamp) -> bool {
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

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use evaluation::{Known, Maturity, Settings};

    use super::*;
    use crate::fixture::time;
    use crate::outcome::Outcome;
    use crate::warehouse::ParquetWarehouse;

    /// Every fifth of 300 events a week is bad. `means` says how often bad ones come in a week, over how often probabilities say; `ranks` whether
    /// probabilities know them at all.
    fn rows(weeks: Range<u32>, means: impl Fn(u32) -> u32, ranks: impl Fn(u32) -> bool) -> Rows {
        let mut rows = Rows::default();
        for number in weeks.start * 300..weeks.end * 300 {
            let (week, of_week) = (number / 300, number % 300);
            let bad = of_week % 5 < means(week);
            let noise = f64::from(number.wrapping_mul(2_654_435_761) >> 8 & 0xffff) / 65_536.0;
            // A mean of 0.2, higher for the bad ones where it knows them.
            let probability = match (ranks(week), bad) {
                (true, true) => 0.3 + 0.4 * noise,
                (true, false) => 0.15 * noise,
                (false, _) => 0.4 * noise,
            };
            rows.occurred_at.push(time("2018-08-06") + ingest::Duration::seconds(i64::from(week * 300 + of_week) * 2_016));
            rows.position.push(i64::from(number));
            rows.version.push(Some(7));
            rows.probability.push(Some(probability));
            rows.minor.push(0);
            rows.outcome.push(if bad { Outcome::Bad } else { Outcome::Good });
        }
        rows
    }

    /// From the fifth week on two fifths are bad.
    fn changed(week: u32) -> u32 {
        if week < 4 { 1 } else { 2 }
    }

    fn found(rows: &Rows, as_of: &str, written: &Written) -> Vec<Week> {
        let day = 86_400_000_000;
        let maturity = Maturity::new(&vec![Known { after: 5 * day, watched: 60 * day }; 50], 0.95);
        let settings = Settings::default();
        let how = How { settings: &settings, as_of: time(as_of), maturity: &maturity, mature_at: 0.9 };
        concept(rows, &how, &Rules::default(), written).unwrap()
    }

    fn severities(weeks: &[Week], name: Name) -> Vec<&'static str> {
        let of = |week: &Week| week.figures.iter().find(|moved| moved.name == name).unwrap().severity.name();
        weeks.iter().map(of).collect()
    }

    #[test]
    fn what_changes_for_good_drifts_after_two_weeks_and_stays() {
        let moved = found(&rows(0..8, changed, |_| false), "2018-12-01", &Written::default());
        let [quiet, drift] = ["stable", "drift"];
        assert_eq!(severities(&moved, Name::Calibration), ["insufficient_data", quiet, quiet, quiet, quiet, drift, drift, drift]);
        assert_eq!(severities(&moved, Name::Auc)[1..], [quiet; 7], "they rank as they did");
        let last = &moved[7];
        assert_eq!((last.judged, last.bad, last.judged_before, last.week), (300, 120, 1_200, time("2018-09-24")));
        let Change { before, now, .. } = last.figures[1].change;
        assert!((now.point().unwrap() / before.point().unwrap() - 2.0).abs() < 0.2, "{before:?} {now:?}");
        // Probabilities that know nothing any more: a loss of rank, and here of nothing else.
        let lost = found(&rows(0..8, |_| 1, |week| week < 5), "2018-12-01", &Written::default());
        assert_eq!(severities(&lost, Name::Auc)[4..], [quiet, quiet, drift, drift]);
    }

    #[test]
    fn weeks_without_labels_say_nothing() {
        let as_of = "2018-09-29";
        let young = found(&rows(0..8, changed, |_| false), as_of, &Written::default());
        assert_eq!(severities(&young, Name::Calibration)[6..], ["drift", "insufficient_data"], "{:?}", young[7].maturity);
        assert_eq!(young[7].figures[0].change.change, Missing::InsufficientData.into());
        let few = Rules { minimum_bad: 61, ..Rules::default() };
        let rows = rows(0..4, |_| 1, |_| true);
        let maturity = Err(Missing::NoBad);
        let settings = Settings::default();
        let how = How { settings: &settings, as_of: time("2018-12-01"), maturity: &maturity, mature_at: 0.9 };
        let none = concept(&rows, &how, &few, &Written::default()).unwrap();
        assert!(severities(&none, Name::Auc).iter().all(|severity| *severity == "insufficient_data"));
    }

    /// As an hour of a server does: what has turned, once the weeks are written.
    async fn hour(warehouse: &ParquetWarehouse, rows: &Rows, as_of: &str) -> (Vec<Week>, Vec<Turn>) {
        let written = Written::read(warehouse, "m").await.unwrap();
        let weeks = found(rows, as_of, &written);
        let turns = written.turns(&weeks, &Rules::default());
        written.write(warehouse, "m", &weeks, &Rules::default()).unwrap();
        (weeks, turns)
    }

    #[tokio::test]
    async fn each_turn_is_told_once_and_what_was_found_in_its_time_holds() {
        let folder = tempfile::tempdir().unwrap();
        let warehouse = ParquetWarehouse::open(folder.path()).unwrap();
        // For five weeks it is otherwise, and then as before. Each week is there before its labels are.
        let back = |week: u32| if (4..9).contains(&week) { 2 } else { 1 };
        let all = rows(0..14, back, |_| false);
        let mut told = Vec::new();
        for day in ["2018-09-10", "2018-09-16", "2018-09-22", "2018-09-29", "2018-10-06", "2018-10-20", "2018-11-01"] {
            told.extend(hour(&warehouse, &all, day).await.1);
        }
        assert!(told.iter().all(|turn| turn.name == Name::Calibration && turn.version == 7));
        let ends: Vec<_> = told.iter().map(|turn| (turn.week_end(), turn.has_drifted)).collect();
        assert_eq!(ends, [(time("2018-09-17"), true), (time("2018-10-22"), false)]);
        assert_eq!(hour(&warehouse, &all, "2018-11-01").await.1, [], "it was told");
        // The first weeks are no longer looked at.
        let (slid, turns) = hour(&warehouse, &rows(5..14, back, |_| false), "2018-11-20").await;
        assert_eq!((severities(&slid, Name::Calibration)[0], turns), ("drift", Vec::new()));
        assert!(Written::read(&warehouse, "n").await.unwrap().found.is_empty());
    }

    #[tokio::test]
    async fn what_has_drifted_never_becomes_usual() {
        let folder = tempfile::tempdir().unwrap();
        let warehouse = ParquetWarehouse::open(folder.path()).unwrap();
        assert_eq!(hour(&warehouse, &rows(0..10, changed, |_| false), "2018-12-01").await.1.len(), 1);
        // Of the weeks that were usual none is looked at any more.
        let (later, turns) = hour(&warehouse, &rows(6..14, changed, |_| false), "2019-02-01").await;
        assert_eq!(turns, []);
        let [drift, nothing] = ["drift", "insufficient_data"];
        let expect = [drift, drift, drift, drift, nothing, nothing, nothing, nothing];
        assert_eq!(severities(&later, Name::Calibration), expect);
    }

    #[test]
    fn a_factor_counts_both_ways() {
        let of = |lower: f64, upper: f64| Interval { lower, upper, method: evaluation::Method::Katz };
        let check = |name: Name, interval: Interval, expect: (f64, f64)| {
            let (low, high) = name.between(interval);
            assert!((low - expect.0).abs() < 1e-12 && (high - expect.1).abs() < 1e-12, "{low} to {high}, not {expect:?}");
        };
        check(Name::Calibration, of(0.8, 1.5), (1.0, 1.5));
        check(Name::Calibration, of(0.5, 0.8), (1.25, 2.0));
        check(Name::Calibration, of(1.25, 2.0), (1.25, 2.0));
        check(Name::Auc, of(-0.08, -0.02), (0.02, 0.08));
    }

    #[test]
    fn rules_that_contradict_themselves_are_refused() {
        let check = |rules: Rules, expect: &str| assert_eq!(rules.check().unwrap_err().to_string(), expect);
        assert_eq!(Rules::default().check(), Ok(()));
        let thresholds = Thresholds { watch: 1.0, drift: 1.5 };
        check(
            Rules { calibration_factor: thresholds, ..Rules::default() },
            "`watch` is 1 and `drift` is 1.5 of `calibration_factor`: they must be above 1, and `drift` not below `watch`",
        );
        check(
            Rules { false_discovery_rate: 1.0, ..Rules::default() },
            "`false_discovery_rate` is 1: it must be above 0 and below 1",
        );
        check(Rules { minimum_bad: 0, ..Rules::default() }, "`minimum_bad` is 0: it must be at least 1");
    }
}
