//! Historical files, read in chunks so that memory stays bounded however large they are. A row that cannot be read is rejected
//! and the next one is tried; only a file that is wholly unusable is an error.

mod elements;
mod lines;
#[cfg(test)]
mod tests;
mod text;

#[cfg(feature = "parquet")]
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use self::text::Text;
use super::{ColumnError, Constant, Row};
use crate::schema::Schema;

/// Rows in a chunk, at most.
const CHUNK_ROWS: usize = 8_192;

/// Why a file cannot be used at all, or no further.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be opened or read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Its name does not end in a known extension.
    #[error("cannot tell what {} is: its name must end in .json, .jsonl, .ndjson, .csv or .parquet", path.display())]
    UnknownExtension {
        /// The file.
        path: PathBuf,
    },
    /// It has no rows.
    #[error("{} has no rows", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A required column is not there.
    #[error("column {column} ({part}) is missing from {}; it has: {present}", path.display())]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column, as the pipeline names it.
        column: String,
        /// The part of the event that lies in it.
        part: String,
        /// The columns that are there, separated by commas.
        present: String,
    },
    /// A column is there but cannot hold the part.
    #[error("column {column} ({part}) of {} has the type {found}, it must be {expected}", path.display())]
    ColumnType {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// The part of the event that lies in it.
        part: String,
        /// The type found.
        found: String,
        /// What would do.
        expected: &'static str,
    },
    /// The header of a CSV file is not a line of CSV.
    #[error("the header of {} is not a line of CSV: {reason}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: &'static str,
    },
    /// It is not Parquet, or is damaged.
    #[cfg(feature = "parquet")]
    #[error("cannot read {} as Parquet", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: parquet::errors::ParquetError,
    },
    /// This build leaves Parquet out.
    #[cfg(not(feature = "parquet"))]
    #[error("cannot read {}: this build of riskflow is without Parquet", path.display())]
    WithoutParquet {
        /// The file.
        path: PathBuf,
    },
}

/// Opens a file by its extension: `.json` (an array, or JSON lines), `.jsonl` or `.ndjson`, `.csv`, `.parquet`.
pub fn open(path: &Path, schema: &Schema) -> Result<Rows, Error> {
    open_part(path, &[], schema)
}

/// Opens a file of a partitioned table: in CSV and Parquet the partition's columns are read like those of the file, which come first
/// where both have one.
pub fn open_part(path: &Path, partition: &[Constant], schema: &Schema) -> Result<Rows, Error> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "json" | "jsonl" | "ndjson" => Rows::of_text(Text::open_json(path, schema)?),
        "csv" => Rows::of_text(Text::open_csv(path, partition, schema)?),
        "parquet" => open_parquet(path, partition, schema),
        _ => Err(Error::UnknownExtension { path: path.to_owned() }),
    }
}

/// The rows of a file, chunk by chunk, in its order. After an error there are no more.
pub struct Rows {
    chunks: Box<dyn Iterator<Item = Result<Vec<Row>, Error>> + Send>,
    total: Option<u64>,
    has_label: bool,
}

impl Rows {
    /// Reads the first chunk at once, to know whether there is any.
    fn of_text(mut text: Text) -> Result<Self, Error> {
        let Some(first) = text.chunk()? else { return Err(Error::Empty { path: text.path }) };
        let has_label = text.has_label();
        let rest = std::iter::from_fn(move || text.chunk().transpose());
        Ok(Self { chunks: Box::new(std::iter::once(Ok(first)).chain(rest)), total: None, has_label })
    }

    /// Whether the file has a place for labels where the schema names one. In JSON any row may have one.
    pub const fn has_label(&self) -> bool {
        self.has_label
    }

    /// How many rows there are in the file, where it says so: Parquet does, text does not.
    pub const fn total(&self) -> Option<u64> {
        self.total
    }
}

impl Iterator for Rows {
    type Item = Result<Vec<Row>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let chunk = self.chunks.next();
        if matches!(chunk, Some(Err(_))) {
            self.chunks = Box::new(std::iter::empty());
        }
        chunk
    }
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("total", &self.total).finish_non_exhaustive()
    }
}

fn in_file(error: ColumnError, path: &Path) -> Error {
    let path = path.to_owned();
    match error {
        ColumnError::Missing { column, part, present } => Error::MissingColumn { path, column, part, present },
        ColumnError::Type { column, part, found, expected } => Error::ColumnType { path, column, part, found, expected },
    }
}

#[cfg(feature = "parquet")]
fn open_parquet(path: &Path, partition: &[Constant], schema: &Schema) -> Result<Rows, Error> {
    use super::arrow::{Decoder, Partition};
    use parquet::arrow::ProjectionMask;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    let path = path.to_owned();
    let file = File::open(&path).map_err(|source| Error::Io { path: path.clone(), source })?;
    let broken = |source| Error::Parquet { path: path.clone(), source };
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(broken)?;
    let total = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or_default();
    let partition = Partition::new(partition, builder.schema());
    let columns = partition.columns(builder.schema());
    let mut decoder = Decoder::new(&columns, schema).map_err(|error| in_file(error, &path))?;
    if total == 0 {
        return Err(Error::Empty { path });
    }
    let has_label = schema.label.as_ref().is_some_and(|label| columns.column_with_name(&label.column).is_some());
    let own = builder.schema().fields().len();
    let wanted = decoder.columns().iter().copied().filter(|column| *column < own);
    let wanted = ProjectionMask::roots(builder.parquet_schema(), wanted);
    let batches = builder.with_projection(wanted).with_batch_size(CHUNK_ROWS).build().map_err(broken)?;
    let chunks = batches.map(move |batch| match batch {
        Ok(batch) => Ok(decoder.decode(&partition.with(batch))),
        Err(error) => Err(Error::Parquet { path: path.clone(), source: error.into() }),
    });
    Ok(Rows { chunks: Box::new(chunks), total: Some(total), has_label })
}

#[cfg(not(feature = "parquet"))]
fn open_parquet(path: &Path, _: &[Constant], _: &Schema) -> Result<Rows, Error> {
    Err(Error::WithoutParquet { path: path.to_owned() })
}
