//! The door: what others send, as JSON, CSV, Parquet or Arrow, becomes an [`Event`] that fits the pipeline's
//! [`Schema`](crate::schema::Schema), or a rejection that says which field is wrong and why. A rejection never repeats a value:
//! values may be personal data.

#[cfg(feature = "parquet")]
pub mod arrow;
mod card_number;
mod check;
mod csv;
pub mod file;
pub mod json;
mod row;
#[cfg(test)]
mod tests;

use std::fmt;

pub use self::card_number::{has_card_number, is_card_number, without_card_numbers};
use crate::event::Event;
use crate::label::Outcome;

/// An event out of a file, with what it turned out to be where the file says so.
#[derive(Clone, Debug, PartialEq)]
pub struct Historical {
    /// The event.
    pub event: Event,
    /// Bad or good, in the words of the pipeline's [`Harm`](crate::label::Harm); `None` where the file has no label for it.
    pub label: Option<Outcome>,
}

/// One row of a file: read, or rejected.
pub type Row = Result<Historical, Rejected>;

/// A column that holds one value in a whole file and lies outside it, such as `dt=2018-07-25` in the name of a file's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constant {
    /// The column.
    pub column: String,
    /// What every row has in it; `None` where the value is absent.
    pub value: Option<String>,
}

/// Why a request or a row is not an event. It names the field and never repeats its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Rejection {
    /// The field as the sender calls it: a dotted path in JSON, a column in a file. `None` when it is about the whole.
    pub field: Option<String>,
    /// What is wrong with it: `must not be negative`.
    pub reason: String,
}

impl Rejection {
    pub(crate) fn whole(reason: impl Into<String>) -> Self {
        Self { field: None, reason: reason.into() }
    }

    pub(crate) fn of(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: Some(field.into()), reason: reason.into() }
    }

    /// The same, at a place in a file.
    pub fn at(self, line: u64) -> Rejected {
        Rejected { line, field: self.field, reason: self.reason }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        field_and_reason(f, self.field.as_deref(), &self.reason)
    }
}

/// A row of a file that is not an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Rejected {
    /// Where it begins: the line of a text file, the row of a Parquet file, counted from 1.
    pub line: u64,
    /// The field; `None` when it is about the whole row.
    pub field: Option<String>,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        field_and_reason(f, self.field.as_deref(), &self.reason)
    }
}

fn field_and_reason(f: &mut fmt::Formatter<'_>, field: Option<&str>, reason: &str) -> fmt::Result {
    match field {
        Some(field) => write!(f, "{field}: {reason}"),
        None => f.write_str(reason),
    }
}

/// Why a table does not fit a pipeline at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColumnError {
    /// A required column is not there.
    #[error("column {column} ({part}) is missing; there are: {present}")]
    Missing {
        /// The column, as the pipeline names it.
        column: String,
        /// The part of the event that lies in it.
        part: String,
        /// The columns that are there, separated by commas.
        present: String,
    },
    /// A column is there but cannot hold the part.
    #[error("column {column} ({part}) has the type {found}, it must be {expected}")]
    Type {
        /// The column.
        column: String,
        /// The part of the event that lies in it.
        part: String,
        /// The type found.
        found: String,
        /// What would do.
        expected: &'static str,
    },
}
