//! The warehouse: the log's rows in columns, where questions over many of them are answered. It is a copy and never the truth:
//! it can always be made again from the log.

mod clickhouse;
mod parquet;
#[cfg(test)]
mod tests;

use std::pin::Pin;

use ingest::log::Position;

use crate::error::Error;
use crate::questions::Question;
use crate::tables::{Projected, Slot};

pub use arrow::array::RecordBatch;
pub use clickhouse::{Address, ClickHouseWarehouse, KeepDays, ddl};
pub use parquet::ParquetWarehouse;

#[cfg(test)]
pub(crate) use clickhouse::bridge;

/// An answer on its way.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Vec<RecordBatch>, Error>> + Send + 'a>>;

/// Where rows are kept and asked for. One process writes; any number of tasks ask.
pub trait Warehouse: Send + Sync {
    /// The position of the log from which on nothing is kept yet.
    fn reached(&self) -> Position;

    /// Keeps the rows for good, all of them or none, and moves on to `rows.until`. Blocks on the disk or the network, so it
    /// belongs on a thread of its own.
    ///
    /// # Errors
    /// [`Error::NotNext`] unless `rows.from` is the position reached, so that no row is kept twice.
    fn append(&self, rows: &Projected) -> Result<(), Error>;

    /// Keeps these rows, which have the derived table's own columns, in place of those that the slot had; all of them or none. Blocks as
    /// [`Self::append`] does. A question sees the rows of before or these, never both.
    ///
    /// # Errors
    /// [`Error::Rows`] when they have other columns than the table.
    fn replace(&self, slot: &Slot, rows: &RecordBatch) -> Result<(), Error>;

    /// Answers from what is kept at this moment, all tables as of the same position.
    fn answer(&self, question: Question) -> Answer<'_>;
}
