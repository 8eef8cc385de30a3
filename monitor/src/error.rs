use std::path::{Path, PathBuf};

use datafusion::error::DataFusionError;
use ingest::Timestamp;
use ingest::log::Position;
use ingest::log::record::RecordError;
use parquet::errors::ParquetError;

use crate::tables::{Derived, Table};

/// What can go wrong between the log and an answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder of the warehouse could not be used.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried: `open`, `rename`, `sync`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Another process has the warehouse open.
    #[error("warehouse {} is in use by another riskflow process", path.display())]
    InUse {
        /// Its folder.
        path: PathBuf,
    },
    /// There is no warehouse, or there is none any more.
    #[error("there is no warehouse in {}", path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// There are tables, but nothing that says how far they are complete.
    #[error("{} has tables but no checkpoint.json: move it away, and the warehouse is made again from the log", path.display())]
    NoCheckpoint {
        /// The folder.
        path: PathBuf,
    },
    /// The checkpoint is not what was written.
    #[error("the checkpoint {} cannot be read", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The checkpoint was written by a newer program.
    #[error("the checkpoint {} has version {version}, this program reads up to {newest}", path.display())]
    CheckpointVersion {
        /// The file.
        path: PathBuf,
        /// The version found.
        version: u64,
        /// The newest version that is known.
        newest: u64,
    },
    /// Rows that were there once are gone, or came twice.
    #[error("table {table} of warehouse {} has {found} rows, its checkpoint counts {expected}: move it away, and it is made again from the log", path.display())]
    Incomplete {
        /// The warehouse's folder.
        path: PathBuf,
        /// The table.
        table: Table,
        /// The rows in its files.
        found: u64,
        /// The rows that were written.
        expected: u64,
    },
    /// A Parquet file could not be written or read.
    #[error("cannot {action} {}", path.display())]
    Part {
        /// `write`, `read`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: ParquetError,
    },
    /// Rows that do not follow on what the warehouse has.
    #[error("the warehouse has reached position {reached} of the log and was given rows from {from} on")]
    NotNext {
        /// The position that it waits for.
        reached: Position,
        /// The position that came.
        from: Position,
    },
    /// Rows that a derived table cannot take.
    #[error("cannot write table {table}: {reason}")]
    Rows {
        /// The table.
        table: Derived,
        /// What does not fit.
        reason: String,
    },
    /// A record of the log cannot be read.
    #[error("cannot read record {position} of the log")]
    Record {
        /// Its position.
        position: Position,
        /// Why not.
        source: RecordError,
    },
    /// The log lacks the event of a decision.
    #[error("record {decision} of the log decides about record {event}, which the log does not have")]
    NoEvent {
        /// The position of the decision.
        decision: Position,
        /// The position of the event.
        event: Position,
    },
    /// The alert desk took nothing.
    #[error("the alert desk took nothing")]
    Desk {
        /// Why not.
        source: scoring::Error,
    },
    /// A record of the log has a time that is no calendar day.
    #[error("record {position} of the log is of {time}, outside the years 1 to 9999")]
    Time {
        /// Its position.
        position: Position,
        /// The time.
        time: Timestamp,
    },
    /// The log could not be read.
    #[error("cannot read the log")]
    Log(#[from] ingest::log::Error),
    /// What answers questions could not be started.
    #[error("cannot start the query engine on {}", path.display())]
    Engine {
        /// The warehouse's folder.
        path: PathBuf,
        /// Why not.
        source: Box<DataFusionError>,
    },
    /// Figures of rows that cannot be measured, or with settings that make no sense.
    #[error("cannot measure what the warehouse answered")]
    Evaluation(#[from] evaluation::Error),
    /// The registry could not give a model, or what it has learned from.
    #[error("cannot read a model from the registry")]
    Registry(#[from] scoring::registry::Error),
    /// A version against itself.
    #[error("{model} {version} cannot be compared with itself")]
    SameVersion {
        /// The model.
        model: String,
        /// The version.
        version: u32,
    },
    /// Two models of which no pipeline computes the inputs of both.
    #[error("the two cannot be compared on the same events: {} is defined otherwise for each", features.join(", "))]
    Inputs {
        /// The features that they read under one name with two meanings.
        features: Vec<String>,
    },
    /// The warehouse did not answer.
    #[error("cannot answer the question `{question}`")]
    Question {
        /// Its name.
        question: &'static str,
        /// Why not.
        source: Box<DataFusionError>,
    },
    /// A ClickHouse server could not be reached, or refused.
    #[error("cannot {action} in {address}")]
    Server {
        /// What was tried: `write table labels`.
        action: String,
        /// The server and database, without the password.
        address: String,
        /// Why not.
        source: Box<clickhouse::error::Error>,
    },
    /// A ClickHouse server is to be spoken to over TLS, and there is no certificate to trust.
    #[error("cannot speak to {address} over TLS: this machine trusts no certificates, or SSL_CERT_FILE names a file without any")]
    Trust {
        /// The server and database, without the password.
        address: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The tables in a ClickHouse server were made by a newer program.
    #[error("the tables in {address} have version {version}, this program reads up to {newest}")]
    ServerVersion {
        /// The server and database, without the password.
        address: String,
        /// The version found.
        version: u64,
        /// The newest version that is known.
        newest: u64,
    },
    /// A setting that does not fit.
    #[error("{reason}")]
    Setting {
        /// Which and why.
        reason: String,
    },
    /// There are no threads for requests to a server.
    #[error("cannot start the threads that ask the warehouse")]
    Runtime {
        /// Why not.
        source: std::io::Error,
    },
    /// The warehouse was closed, or panicked, while it was asked.
    #[error("the warehouse was closed while it was asked")]
    Gone,
    /// An answer does not have the columns that were asked for.
    #[error("the answer to the question `{question}` has an unexpected form")]
    Answer {
        /// Its name.
        question: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A profile in the warehouse is not as this program writes it.
    #[error("cannot use the table of profiles")]
    Profile(#[from] crate::profile::BadRow),
    /// The projection has failed or ended, so that what was waited for has not come.
    #[error("the projection into the warehouse stopped at position {reached}: {reason}")]
    Stopped {
        /// The position that it reached.
        reached: Position,
        /// Why.
        reason: String,
    },
}

impl Error {
    /// Whether it comes from what the log holds, so that trying again changes nothing.
    pub(crate) const fn is_of_the_log(&self) -> bool {
        matches!(self, Self::Record { .. } | Self::Time { .. } | Self::Log(_))
    }

    /// For `map_err` after an operation on a file or folder.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }

    /// For `map_err` after an operation on a Parquet file.
    pub(crate) fn part(action: &'static str, path: &Path) -> impl FnOnce(ParquetError) -> Self {
        move |source| Self::Part { action, path: path.to_owned(), source }
    }
}
