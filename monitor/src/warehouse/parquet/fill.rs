//! The bytes of a part. They are encoded in small pieces, a column after the other, with a rest between two of them where nobody waits for
//! the part.

use std::fs::File;
use std::iter::zip;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use ingest::{SteadyFile, background};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;

use super::parts::Part;

/// A file is written and read in groups of so many rows, which bounds the memory for either.
const ROW_GROUP_ROWS: usize = 128 * 1024;

/// So many rows of a column are encoded in one go, and make a page.
const PAGE_ROWS: usize = 2 * 1024;

/// Fills a file with the rows of `before`, then `rows`, and gives it back, not yet synced.
pub(super) fn fill(file: File, before: &[Arc<Part>], rows: &RecordBatch) -> Result<File, ParquetError> {
    let schema = rows.schema();
    let file = SteadyFile::new(file);
    let (file, groups) = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties(&schema)))?.into_serialized_writer()?;
    let mut filling = Filling { file, groups, columns: Vec::new(), rows: 0 };
    for part in before {
        for rows in ParquetRecordBatchReaderBuilder::try_new(File::open(&part.path)?)?.build()? {
            filling.take(&rows?)?;
        }
    }
    filling.take(rows)?;
    filling.end_group()?;
    Ok(filling.file.into_inner()?.into_inner())
}

/// A file with some groups of rows, and one that is being encoded.
struct Filling {
    file: SerializedFileWriter<SteadyFile>,
    groups: ArrowRowGroupWriterFactory,
    /// Of the group; none before its first row.
    columns: Vec<ArrowColumnWriter>,
    /// How many rows the group has.
    rows: usize,
}

impl Filling {
    fn take(&mut self, rows: &RecordBatch) -> Result<(), ParquetError> {
        let mut from = 0;
        while from < rows.num_rows() {
            if self.rows == ROW_GROUP_ROWS {
                self.end_group()?;
            }
            let piece = rows.slice(from, PAGE_ROWS.min(rows.num_rows() - from).min(ROW_GROUP_ROWS - self.rows));
            self.encode(&piece)?;
            from += piece.num_rows();
        }
        Ok(())
    }

    fn encode(&mut self, piece: &RecordBatch) -> Result<(), ParquetError> {
        if self.columns.is_empty() {
            self.columns = self.groups.create_column_writers(self.file.flushed_row_groups().len())?;
        }
        let mut columns = self.columns.iter_mut();
        for (field, values) in zip(piece.schema_ref().fields(), piece.columns()) {
            for (leaf, column) in zip(compute_leaves(field, values)?, &mut columns) {
                column.write(&leaf)?;
                background::rest();
            }
        }
        self.rows += piece.num_rows();
        Ok(())
    }

    fn end_group(&mut self) -> Result<(), ParquetError> {
        if self.rows > 0 {
            let mut group = self.file.next_row_group()?;
            for column in self.columns.drain(..) {
                column.close()?.append_to_row_group(&mut group)?;
                background::rest();
            }
            group.close()?;
            self.rows = 0;
        }
        Ok(())
    }
}

/// Zstandard, and no dictionaries for what hardly repeats: half the size and twice as fast to write.
fn properties(schema: &Schema) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).expect("a level there is")))
        .set_data_page_row_count_limit(PAGE_ROWS);
    for field in schema.fields() {
        let column = ColumnPath::from(field.name().as_str());
        properties = match field.data_type() {
            DataType::UInt64 | DataType::Timestamp(..) => properties
                .set_column_dictionary_enabled(column.clone(), false)
                .set_column_encoding(column, Encoding::DELTA_BINARY_PACKED),
            DataType::Float64 | DataType::Decimal128(..) => properties.set_column_dictionary_enabled(column, false),
            DataType::List(item) => {
                let items = [field.name(), "list", item.name()].map(str::to_owned).to_vec();
                properties.set_column_dictionary_enabled(ColumnPath::new(items), false)
            }
            // One event is looked for among all: the filter says which groups of rows need not be read.
            _ if field.name() == "event_id" => properties
                .set_column_dictionary_enabled(column.clone(), false)
                .set_column_bloom_filter_fpp(column.clone(), 0.01)
                .set_column_bloom_filter_max_ndv(column, ROW_GROUP_ROWS as u64),
            _ => properties,
        };
    }
    properties.build()
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, StringArray, UInt64Array};
    use arrow::compute::concat_batches;

    use super::*;

    fn rows(from: usize, count: usize) -> RecordBatch {
        let numbers = || (from..from + count).map(|number| number as u64);
        let positions: ArrayRef = Arc::new(UInt64Array::from_iter_values(numbers()));
        let ids: ArrayRef =
            Arc::new(StringArray::from_iter(numbers().map(|number| (number % 7 > 0).then(|| format!("e{number}")))));
        RecordBatch::try_from_iter_with_nullable([("log_position", positions, false), ("event_id", ids, true)])
            .expect("two columns")
    }

    /// Fills a file; all its rows, and how many each of its groups has.
    fn filled(path: &std::path::Path, before: &[Arc<Part>], rows: &RecordBatch) -> (RecordBatch, Vec<usize>) {
        fill(File::create(path).expect("a file"), before, rows).expect("it is filled");
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).expect("the file")).expect("it is Parquet");
        let groups = reader.metadata().row_groups().iter().map(|group| group.num_rows() as usize).collect();
        let batches: Vec<_> = reader.build().expect("a reader").collect::<Result<_, _>>().expect("it can be read");
        (concat_batches(&rows.schema(), &batches).expect("of one kind"), groups)
    }

    #[test]
    fn pieces_and_groups_hold_every_row_in_its_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("earlier");
        for count in [0, 1, PAGE_ROWS, PAGE_ROWS + 1] {
            let groups = if count == 0 { Vec::new() } else { vec![count] };
            assert_eq!(filled(&path, &[], &rows(0, count)), (rows(0, count), groups), "{count}");
        }
        let location = super::super::parts::location(crate::tables::Table::PROJECTED[0], 0, 0, 1);
        let count = PAGE_ROWS as u64 + 1;
        let bytes = path.metadata().expect("it is there").len();
        let earlier = Arc::new(Part { path, location, day: 0, first: 0, last: count - 1, rows: count, bytes });
        let more = 2 * ROW_GROUP_ROWS;
        let merged = filled(&folder.path().join("merged"), &[earlier], &rows(PAGE_ROWS + 1, more));
        assert_eq!(merged.1, [ROW_GROUP_ROWS, ROW_GROUP_ROWS, PAGE_ROWS + 1]);
        assert!(merged.0 == rows(0, PAGE_ROWS + 1 + more), "rows are lost or not in their order");
    }
}
