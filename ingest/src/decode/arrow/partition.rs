//! Columns that hold one value in a whole file, put beside those of its batches.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, new_null_array};
use arrow::datatypes::{DataType, Field, Schema as Columns};

use crate::decode::Constant;

/// The columns of a partition that its files do not have themselves.
#[derive(Clone, Debug)]
pub(in crate::decode) struct Partition(Vec<(Field, Constant)>);

impl Partition {
    /// For files of these columns. A value that is written as a whole number is one.
    pub(in crate::decode) fn new(constants: &[Constant], columns: &Columns) -> Self {
        let more = constants.iter().filter(|constant| columns.column_with_name(&constant.column).is_none());
        let field = |constant: &Constant| Field::new(&constant.column, kind(constant), true);
        Self(more.map(|constant| (field(constant), constant.clone())).collect())
    }

    /// The columns of a file with these after them.
    pub(in crate::decode) fn columns(&self, columns: &Columns) -> Columns {
        let fields = columns.fields().iter().map(|field| field.as_ref().clone());
        Columns::new(fields.chain(self.0.iter().map(|(field, _)| field.clone())).collect::<Vec<_>>())
    }

    /// A batch of the file with these after its columns.
    pub(in crate::decode) fn with(&self, batch: RecordBatch) -> RecordBatch {
        if self.0.is_empty() {
            return batch;
        }
        let columns = Arc::new(self.columns(&batch.schema()));
        let rows = batch.num_rows();
        let arrays = batch.columns().iter().cloned().chain(self.0.iter().map(|(_, constant)| array(constant, rows)));
        RecordBatch::try_new(columns, arrays.collect()).expect("every column has the rows of the batch")
    }
}

fn whole(constant: &Constant) -> Option<i64> {
    let text = constant.value.as_ref()?;
    // `007` is a text: as a number it would be another one.
    text.parse::<i64>().ok().filter(|number| number.to_string() == *text)
}

fn kind(constant: &Constant) -> DataType {
    match (&constant.value, whole(constant)) {
        (None, _) => DataType::Null,
        (_, Some(_)) => DataType::Int64,
        _ => DataType::Utf8,
    }
}

fn array(constant: &Constant, rows: usize) -> ArrayRef {
    match (&constant.value, whole(constant)) {
        (None, _) => new_null_array(&DataType::Null, rows),
        (_, Some(number)) => Arc::new(Int64Array::from_value(number, rows)),
        (Some(text), None) => Arc::new(StringArray::from(vec![text.as_str(); rows])),
    }
}
