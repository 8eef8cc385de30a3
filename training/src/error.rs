//! What can go wrong in training.

use datafusion::error::DataFusionError;
use ingest::decode::ColumnError;

/// What can go wrong in training.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such file.
    #[error("there is no file {path}")]
    NoFile {
        /// The path.
        path: String,
    },
    /// A file of another kind.
    #[error("{path} is neither Parquet (.parquet, or a folder of them) nor text (.csv, .json, .jsonl, .ndjson)")]
    Format {
        /// The path.
        path: String,
    },
    /// A folder without files.
    #[error("there are no files of events in {path}")]
    NoFiles {
        /// The folder.
        path: String,
    },
    /// A label cannot be read.
    #[error("label {number} of {path} cannot be read: {reason}")]
    Label {
        /// The file.
        path: String,
        /// Its number in the order of observation, from 1.
        number: u64,
        /// What is wrong.
        reason: String,
    },
    /// A label in the warehouse that says nothing that is known.
    #[error("the warehouse has a label `{word}`, which this program does not know")]
    UnknownLabel {
        /// What it says.
        word: String,
    },
    /// The columns of a file do not fit the pipeline.
    #[error("{path} does not fit the pipeline")]
    Columns {
        /// The file.
        path: String,
        /// What does not fit.
        source: ColumnError,
    },
    /// A text file cannot be used.
    #[error(transparent)]
    Text(#[from] ingest::decode::file::Error),
    /// The pipeline does not say where labels are.
    #[error("pipeline {pipeline} names no label column: set `label` in [event]")]
    NoLabels {
        /// The pipeline.
        pipeline: String,
    },
    /// A file lacks the label column.
    #[error("{path} lacks the label column {column}")]
    NoLabelColumn {
        /// The file.
        path: String,
        /// The column.
        column: String,
    },
    /// A period without rows.
    #[error("no rows to {purpose} from {from} to {until}; the data has {present}")]
    NoRows {
        /// `train on`, `test on`.
        purpose: &'static str,
        /// The start of the period.
        from: String,
        /// Its end.
        until: String,
        /// The period of the data.
        present: String,
    },
    /// An event does not come back from the disk as it went there.
    #[error(transparent)]
    Record(#[from] ingest::log::record::RecordError),
    /// The log cannot be read, or scoring cannot read what is in it.
    #[error(transparent)]
    Scoring(#[from] scoring::Error),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] ingest::log::Error),
    /// There is no warehouse that can be read.
    #[error("cannot read the warehouse in {path}: {reason}")]
    Warehouse {
        /// Its folder.
        path: String,
        /// Why not.
        reason: String,
    },
    /// A table of the pipeline file cannot be read.
    #[error("{place}: table {name} of [training] cannot be read")]
    Table {
        /// Where it is declared.
        place: String,
        /// The table.
        name: String,
        /// Why not.
        source: Box<Self>,
    },
    /// The condition on rows, or what a segment is made of, is no SQL or names what there is not.
    #[error("{place}: {what} in [training] cannot be used: {text}")]
    Sql {
        /// Where it stands.
        place: String,
        /// `where`, or which segment.
        what: String,
        /// The SQL.
        text: String,
        /// What is wrong with it.
        source: DataFusionError,
    },
    /// DataFusion failed.
    #[error("a query over the data failed")]
    Query(#[from] DataFusionError),
    /// Arrow failed.
    #[error("a batch of the data could not be used")]
    Arrow(#[from] arrow::error::ArrowError),
    /// The rows make no matrix.
    #[error(transparent)]
    Matrix(#[from] crate::matrix::Error),
    /// A file of the data cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A search names a setting that the learner does not have, or a value that it cannot have.
    #[error("{learner} cannot be tuned by {name}: {reason}")]
    TunedSetting {
        /// The learner.
        learner: &'static str,
        /// The setting.
        name: String,
        /// Why not.
        reason: String,
    },
    /// A search space is not as it has to be.
    #[error("{file}: {reason}")]
    Space {
        /// The file.
        file: String,
        /// Why not.
        reason: String,
    },
    /// Too few bad rows to learn from.
    #[error("there are {bad} bad rows to learn from, and {wanted} are wanted")]
    FewBadRows {
        /// How many there are.
        bad: u64,
        /// How many are wanted.
        wanted: u64,
    },
    /// Features that seem to know the label.
    #[error("{leaks} under [training]")]
    Leaks {
        /// Which, and what was seen.
        leaks: String,
    },
    /// A learner could not learn.
    #[error("{learner} cannot learn from these rows")]
    Learner {
        /// `logistic`, `forest`, `boosting`.
        learner: &'static str,
        /// Why not.
        source: crate::learners::Error,
    },
}
