//! What monitoring computes, as rows of the derived tables: written a window at a time, read by days.

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow::json::ReaderBuilder;
use ingest::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::questions::{Days, Question, ask};
use crate::tables::{Derived, Slot, Window};
use crate::warehouse::Warehouse;

/// A row of a derived table. Its fields are the table's own columns; a number that is not known is `None`, never NaN.
pub trait Point: Serialize + DeserializeOwned + Send {
    /// The table.
    const TABLE: Derived;
}

/// A statistic of how something has moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DriftPoint {
    /// What it is held against: `training`, `week_before`, `same_hours`; see [`Against`](crate::drift::Against).
    pub reference: String,
    /// What moved: `feature`, `score`, `decision`; see [`Kind`](crate::drift::Kind).
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Among which events, as `channel=ecom`; empty for all.
    pub segment: String,
    /// The model whose training is the reference, or whose score it is.
    pub model: Option<String>,
    /// Its version.
    pub model_version: Option<u32>,
    /// Which statistic: `psi`; others stand in `detail`.
    pub statistic: String,
    /// What it is; `None` where there are too few rows to say.
    pub value: Option<f64>,
    /// From which value on it counts: the threshold of the rules, or what noise alone gives where that is more.
    pub threshold: Option<f64>,
    /// Rows in the reference.
    pub n_reference: u64,
    /// Rows in the window.
    pub n_current: u64,
    /// What it means: `insufficient_data`, `stable`, `watch`, `drift`; see [`Severity`](crate::drift::Severity).
    pub severity: String,
    /// All else, as JSON.
    pub detail: String,
}

/// A figure of how well a model did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricPoint {
    /// The model.
    pub model: String,
    /// Its version; `None` for all together.
    pub model_version: Option<u32>,
    /// Among which events, as `channel=ecom`; empty for all.
    pub segment: String,
    /// Which figure: `auc`, `precision`, …
    pub metric: String,
    /// What it is; `None` where nothing can be said.
    pub value: Option<f64>,
    /// The lower end of its interval.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
    /// Events that it is about.
    pub n: u64,
    /// Those of them that were bad.
    pub bad: u64,
    /// The share of labels that are expected to have come, 0 to 1.
    pub maturity: Option<f64>,
    /// Whether it was estimated without labels.
    pub estimated: bool,
    /// All else, as JSON.
    pub detail: String,
}

/// A figure of a champion beside a challenger, on the same events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExperimentPoint {
    /// The experiment.
    pub experiment: String,
    /// The champion.
    pub champion: String,
    /// Its version.
    pub champion_version: Option<u32>,
    /// The challenger.
    pub challenger: String,
    /// Its version.
    pub challenger_version: Option<u32>,
    /// Which figure.
    pub metric: String,
    /// The champion's.
    pub champion_value: Option<f64>,
    /// The challenger's.
    pub challenger_value: Option<f64>,
    /// Challenger less champion.
    pub difference: Option<f64>,
    /// The lower end of the difference's interval.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
    /// How likely a difference like this is where there is none.
    pub p_value: Option<f64>,
    /// Events that both scored.
    pub n: u64,
    /// Those of them that were bad.
    pub bad: u64,
    /// What follows from it: `promote`, `keep`, `need_more`; empty where it is no verdict.
    pub verdict: String,
    /// All else, as JSON.
    pub detail: String,
}

impl Point for DriftPoint {
    const TABLE: Derived = Derived::DriftPoints;
}
impl Point for MetricPoint {
    const TABLE: Derived = Derived::MetricPoints;
}
impl Point for ExperimentPoint {
    const TABLE: Derived = Derived::ExperimentPoints;
}

/// A point with the slot that it is of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Filed<P> {
    /// The series.
    pub series: String,
    /// How long the window is: `hour`, `day`, `week`.
    pub window: String,
    /// When the window begins.
    pub window_start: Timestamp,
    /// The point.
    #[serde(flatten)]
    pub point: P,
}

/// Writes the points of a series for one window in place of those that it had, so that writing them twice changes nothing. Blocks on
/// the disk or the network.
///
/// # Errors
/// When a point has a number that is none, or the warehouse does not take them.
pub fn write<P: Point>(
    warehouse: &dyn Warehouse,
    series: &str,
    window: Window,
    start: Timestamp,
    points: &[P],
) -> Result<(), Error> {
    let slot = Slot { table: P::TABLE, series: series.to_owned(), window, start };
    let unfit = |error: ArrowError| Error::Rows { table: P::TABLE, reason: error.to_string() };
    let mut decoder =
        ReaderBuilder::new(P::TABLE.own_schema()).with_batch_size(points.len().max(1)).build_decoder().map_err(unfit)?;
    decoder.serialize(points).map_err(unfit)?;
    let rows = decoder.flush().map_err(unfit)?;
    let rows = rows.unwrap_or_else(|| RecordBatch::new_empty(P::TABLE.own_schema()));
    warehouse.replace(&slot, &rows)
}

/// The points whose windows begin on some days: by the begin of the window, then the series, then as they were written.
pub async fn read<P: Point>(warehouse: &dyn Warehouse, days: Days) -> Result<Vec<Filed<P>>, Error> {
    ask(warehouse, Question::Points { table: P::TABLE, days }).await
}

#[cfg(test)]
mod tests;
