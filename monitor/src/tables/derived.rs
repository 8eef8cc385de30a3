use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringViewArray, TimestampMicrosecondArray, UInt32Array};
use arrow::datatypes::{DataType, Field, Float64Type, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType};
use ingest::Timestamp;

/// A table of what monitoring computes. It is written a [`Slot`] at a time, so that computing something again changes nothing but what
/// came out differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Derived {
    /// One row for each statistic of each thing whose drift was looked at.
    DriftPoints,
    /// One row for each figure of how well a model did.
    MetricPoints,
    /// One row for each figure of a champion beside a challenger.
    ExperimentPoints,
    /// One row for each feature, score and decision mix of an hour: how it was distributed.
    Profiles,
}

impl Derived {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::DriftPoints, Self::MetricPoints, Self::ExperimentPoints, Self::Profiles];

    /// Its name in SQL and on disk.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DriftPoints => "drift_points",
            Self::MetricPoints => "metric_points",
            Self::ExperimentPoints => "experiment_points",
            Self::Profiles => "profiles",
        }
    }

    /// The columns that whoever writes it gives: texts, numbers and times. Those that come later may be absent, since rows of before lack
    /// them.
    pub fn own_schema(self) -> SchemaRef {
        let text = |name| Field::new(name, DataType::Utf8View, false);
        let maybe_text = |name| Field::new(name, DataType::Utf8View, true);
        let number = |name| Field::new(name, DataType::Float64, true);
        let count = |name| Field::new(name, DataType::UInt64, false);
        let version = |name| Field::new(name, DataType::UInt32, true);
        let fields = match self {
            Self::DriftPoints => vec![
                text("reference"),
                text("kind"),
                text("name"),
                text("segment"),
                maybe_text("model"),
                version("model_version"),
                text("statistic"),
                number("value"),
                number("threshold"),
                count("n_reference"),
                count("n_current"),
                text("severity"),
                text("detail"),
            ],
            Self::MetricPoints => vec![
                text("model"),
                version("model_version"),
                text("segment"),
                text("metric"),
                number("value"),
                number("low"),
                number("high"),
                count("n"),
                count("bad"),
                number("maturity"),
                Field::new("estimated", DataType::Boolean, false),
                text("detail"),
            ],
            Self::ExperimentPoints => vec![
                text("experiment"),
                text("champion"),
                version("champion_version"),
                text("challenger"),
                version("challenger_version"),
                text("metric"),
                number("champion_value"),
                number("challenger_value"),
                number("difference"),
                number("low"),
                number("high"),
                number("p_value"),
                count("n"),
                count("bad"),
                text("verdict"),
                text("detail"),
            ],
            Self::Profiles => vec![
                maybe_text("model"),
                version("model_version"),
                text("segment"),
                text("kind"),
                text("name"),
                count("rows"),
                count("missing"),
                count("below"),
                count("above"),
                number("sum"),
                number("sum_squares"),
                number("lowest"),
                number("highest"),
                text("distinct"),
                text("training_range"),
                text("edges"),
                text("counts"),
                count("complete_until"),
            ],
        };
        Arc::new(Schema::new(fields))
    }

    /// All its columns, without the `day`: which slot a row is of and its place there, then its own.
    pub(super) fn schema(self) -> SchemaRef {
        let text = |name| Field::new(name, DataType::Utf8View, false);
        let slot =
            [text("series"), text("window"), time("window_start"), Field::new("place", DataType::UInt32, false)].map(Arc::new);
        Arc::new(Schema::new(slot.into_iter().chain(self.own_schema().fields().iter().cloned()).collect::<Vec<_>>()))
    }
}

fn time(name: &str) -> Field {
    Field::new(name, DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false)
}

impl fmt::Display for Derived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How long a window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// 60 minutes.
    Hour,
    /// 24 hours.
    Day,
    /// Seven days.
    Week,
}

impl Window {
    /// Its word in the warehouse.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
        }
    }
}

/// What is computed, and written, as one: all points of one series for one window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The table.
    pub table: Derived,
    /// What is computed over and over, as `training` or the name of an experiment.
    pub series: String,
    /// How long the window is.
    pub window: Window,
    /// When it begins; the rows are filed under its day (UTC).
    pub start: Timestamp,
}

impl Slot {
    /// The rows with the columns that say which slot they are of and their place in it.
    ///
    /// # Errors
    /// What does not fit, when the rows have other columns than the table.
    pub(crate) fn file(&self, rows: &RecordBatch) -> Result<RecordBatch, String> {
        let own = self.table.own_schema();
        if rows.schema() != own {
            return Err(format!("rows with the columns {}, not {}", names(&rows.schema()), names(&own)));
        }
        for (field, column) in own.fields().iter().zip(rows.columns()) {
            let numbers = column.as_primitive_opt::<Float64Type>().into_iter().flat_map(|numbers| numbers.iter().enumerate());
            if let Some((row, Some(number))) =
                numbers.into_iter().find(|(_, number)| number.is_some_and(|number| !number.is_finite()))
            {
                return Err(format!("`{}` of row {row} is {number}; what is not known is left out", field.name()));
            }
        }
        let count = rows.num_rows();
        let places = u32::try_from(count).map_err(|_| format!("{count} rows of one window"))?;
        let text = |value: &str| -> ArrayRef { Arc::new(StringViewArray::from_iter_values(std::iter::repeat_n(value, count))) };
        let start = TimestampMicrosecondArray::from_value(self.start.micros(), count).with_timezone("UTC");
        let place = UInt32Array::from_iter_values(0..places);
        let slot: [ArrayRef; 4] = [text(&self.series), text(self.window.name()), Arc::new(start), Arc::new(place)];
        let columns = slot.into_iter().chain(rows.columns().iter().cloned()).collect();
        RecordBatch::try_new(self.table.schema(), columns).map_err(|error| error.to_string())
    }

    /// Whether each of the rows is of this slot.
    pub(crate) fn holds(&self, rows: &RecordBatch) -> Vec<bool> {
        let column = |name: &str| rows.column_by_name(name).expect("every derived table has it");
        let (series, windows) = (column("series").as_string_view(), column("window").as_string_view());
        let starts = column("window_start").as_primitive::<TimestampMicrosecondType>().values();
        let is_here = |row: usize| {
            starts[row] == self.start.micros() && series.value(row) == self.series && windows.value(row) == self.window.name()
        };
        (0..rows.num_rows()).map(is_here).collect()
    }
}

fn names(schema: &Schema) -> String {
    schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>().join(", ")
}
