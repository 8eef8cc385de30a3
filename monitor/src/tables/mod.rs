//! The tables of the warehouse: their columns, and how a record becomes a row of one. A row that is projected from the log carries the
//! position that it came from, one that was computed the window that it is about; and every table is partitioned by the day of one of its
//! times.

mod alert_events;
mod changes;
mod decisions;
mod derived;
mod events;
mod labels;
mod rows;
mod scores;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, RecordBatch, TimestampMicrosecondBuilder};
use arrow::datatypes::SchemaRef;
use ingest::log::Position;

pub use derived::{Derived, Slot, Window};
pub(crate) use rows::Rows;

/// The version of all projected tables together: raised with every change of their columns. A warehouse of before is made again from the log.
/// Version 2 added scores, changes, and what a decision rests on beside its score; version 3 what happens with alerts.
pub(crate) const VERSION: u64 = 3;

/// A table of the warehouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// One row a decision, by the day of its event.
    Decisions,
    /// One row a label, by the day on which it was observed.
    Labels,
    /// One row an event, by its day.
    Events,
    /// One row for each model that scored an event, by the event's day.
    Scores,
    /// One row for each change of what decides, by its day.
    Changes,
    /// One row for whatever happened with an alert, by its day.
    AlertEvents,
    /// What was computed of the others, by the day on which its window begins.
    Derived(Derived),
}

impl Table {
    /// Those that the log is projected into.
    pub const PROJECTED: [Self; 6] =
        [Self::Decisions, Self::Labels, Self::Events, Self::Scores, Self::Changes, Self::AlertEvents];

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::PROJECTED.into_iter().chain(Derived::ALL.map(Self::Derived))
    }

    /// Its name in SQL and on disk.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decisions => "decisions",
            Self::Labels => "labels",
            Self::Events => "events",
            Self::Scores => "scores",
            Self::Changes => "changes",
            Self::AlertEvents => "alert_events",
            Self::Derived(derived) => derived.name(),
        }
    }

    /// The column whose day (UTC) a row is filed under.
    pub const fn time_column(self) -> &'static str {
        match self {
            Self::Decisions | Self::Events | Self::Scores => "occurred_at",
            Self::Labels => "observed_at",
            Self::Changes | Self::AlertEvents => "at",
            Self::Derived(_) => "window_start",
        }
    }

    /// Its columns, without the `day`.
    pub fn schema(self) -> SchemaRef {
        static SCHEMAS: LazyLock<BTreeMap<Table, SchemaRef>> = LazyLock::new(|| {
            let projected = Rows::default().finish().into_iter().map(|(table, rows)| (table, rows.schema()));
            projected.chain(Derived::ALL.map(|derived| (Table::Derived(derived), derived.schema()))).collect()
        });
        Arc::clone(&SCHEMAS[&self])
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What became of a stretch of the log: rows for every table.
#[derive(Clone, Debug, PartialEq)]
pub struct Projected {
    /// The first position of the stretch.
    pub from: Position,
    /// One after its last.
    pub until: Position,
    /// The rows of each table, in the order of the log.
    pub rows: Vec<(Table, RecordBatch)>,
}

impl Projected {
    /// How many rows there are in all tables together.
    pub fn row_count(&self) -> usize {
        self.rows.iter().map(|(_, rows)| rows.num_rows()).sum()
    }
}

/// A builder for a column of times: microseconds, UTC.
fn times() -> TimestampMicrosecondBuilder {
    TimestampMicrosecondBuilder::new().with_timezone("UTC")
}

/// Puts columns together; the flag says whether a value may be absent.
fn batch<const N: usize>(columns: [(&str, ArrayRef, bool); N]) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns).expect("every row gives one value to every column")
}

#[cfg(test)]
mod tests;
