//! A table as it comes from files: numbers and categories by column, and a label a row. What learners need is made of it by a
//! [preparation](crate::preparation), since a category is no number and a gap no value.

use std::collections::BTreeSet;
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use datafusion::prelude::{CsvReadOptions, ParquetReadOptions, SessionConfig, SessionContext};

/// Columns and labels, row by row in the order of the query.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    columns: Vec<Column>,
    labels: Vec<bool>,
}

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What stands in it.
    pub values: Values,
}

/// What stands in a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Finite numbers; NaN where one is missing.
    Numbers(Vec<f64>),
    /// Categories.
    Categories {
        /// The number of each row's level; [`MISSING`] where there is none.
        codes: Vec<u32>,
        /// The levels, sorted.
        levels: Vec<String>,
    },
}

/// In place of a category that is missing.
pub const MISSING: u32 = u32::MAX;

impl Values {
    /// The category of a row, `None` where it is missing, or where the column has numbers.
    pub fn category(&self, row: usize) -> Option<&str> {
        match self {
            Self::Numbers(_) => None,
            Self::Categories { codes, levels } => levels.get(codes[row] as usize).map(String::as_str),
        }
    }

    fn select(&self, rows: &[usize]) -> Self {
        match self {
            Self::Numbers(numbers) => Self::Numbers(rows.iter().map(|row| numbers[*row]).collect()),
            Self::Categories { codes, levels } => {
                Self::Categories { codes: rows.iter().map(|row| codes[*row]).collect(), levels: levels.clone() }
            }
        }
    }
}

impl Table {
    /// From columns of one length, and a label for each row: true where it is bad.
    pub fn new(columns: Vec<Column>, labels: Vec<bool>) -> Result<Self, Error> {
        if columns.is_empty() {
            return Err(Error::NoColumns);
        }
        for column in &columns {
            let rows = match &column.values {
                Values::Numbers(numbers) => numbers.len(),
                Values::Categories { codes, .. } => codes.len(),
            };
            if rows != labels.len() {
                return Err(Error::Length { column: column.name.clone(), rows, labels: labels.len() });
            }
        }
        Ok(Self { columns, labels })
    }

    /// The columns, without the label.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// For each row, whether it is bad.
    pub fn labels(&self) -> &[bool] {
        &self.labels
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.labels.len()
    }

    /// Some of its rows, in the order that is given.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn select(&self, rows: &[usize]) -> Self {
        let columns = self.columns.iter().map(|column| Column { name: column.name.clone(), values: column.values.select(rows) });
        Self { columns: columns.collect(), labels: rows.iter().map(|row| self.labels[*row]).collect() }
    }

    /// Takes a column of numbers out of it; `None` when there is no such column.
    pub fn take_numbers(&mut self, name: &str) -> Option<Vec<f64>> {
        let is_it = |column: &Column| column.name == name && matches!(column.values, Values::Numbers(_));
        let place = self.columns.iter().position(is_it)?;
        match self.columns.remove(place).values {
            Values::Numbers(numbers) => Some(numbers),
            Values::Categories { .. } => None,
        }
    }

    /// What a query over files gives, whose column `label` says with 1, 0, true or false what is bad. Each file is a table under the
    /// name that stands before it; rows keep the order of the file unless the query changes it.
    pub async fn query(files: &[(&str, &Path)], sql: &str, label: &str) -> Result<Self, Error> {
        let mut config = SessionConfig::new().with_target_partitions(1);
        // A column is called what the file calls it.
        config.options_mut().sql_parser.enable_ident_normalization = false;
        let context = SessionContext::new_with_config(config);
        for (name, path) in files {
            let text =
                path.to_str().filter(|_| path.exists()).ok_or_else(|| Error::NoFile { path: path.display().to_string() })?;
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("parquet") => context.register_parquet(*name, text, ParquetReadOptions::default()).await?,
                Some("csv") => {
                    // The kind of a column is known when all of it was seen.
                    let options = CsvReadOptions::new().schema_infer_max_records(usize::MAX);
                    context.register_csv(*name, text, options).await?;
                }
                _ => return Err(Error::Format { path: text.to_owned() }),
            }
        }
        let frame = context.sql(sql).await?;
        Self::from_batches(&frame.collect().await?, label)
    }

    fn from_batches(batches: &[RecordBatch], label: &str) -> Result<Self, Error> {
        let schema = batches.first().ok_or(Error::NoRows)?.schema();
        let whole = arrow::compute::concat_batches(&schema, batches)?;
        if whole.num_rows() == 0 {
            return Err(Error::NoRows);
        }
        let labels = whole.column_by_name(label).ok_or_else(|| Error::NoLabel { label: label.to_owned() })?;
        let labels = read_labels(labels.as_ref(), label)?;
        let fields = schema.fields().iter().zip(whole.columns()).filter(|(field, _)| field.name() != label);
        let columns = fields
            .map(|(field, array)| Ok(Column { name: field.name().clone(), values: read_values(array.as_ref(), field.name())? }))
            .collect::<Result<Vec<_>, Error>>()?;
        Self::new(columns, labels)
    }
}

fn read_labels(array: &dyn Array, label: &str) -> Result<Vec<bool>, Error> {
    let numbers = cast(array, &DataType::Float64)?;
    let read = |(row, number): (usize, Option<f64>)| match number {
        Some(1.0) => Ok(true),
        Some(0.0) => Ok(false),
        _ => Err(Error::Label { label: label.to_owned(), row: row + 1 }),
    };
    numbers.as_primitive::<Float64Type>().iter().enumerate().map(read).collect()
}

fn read_values(array: &dyn Array, column: &str) -> Result<Values, Error> {
    let is_number = |kind: &DataType| kind.is_numeric() || matches!(kind, DataType::Boolean | DataType::Null);
    match array.data_type() {
        kind if is_number(kind) => numbers(array, column),
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
            let kind = DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, None);
            numbers(cast(&cast(array, &kind)?, &DataType::Int64)?.as_ref(), column)
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => {
            let texts = cast(array, &DataType::Utf8)?;
            let texts = || texts.as_string::<i32>().iter().map(|text| text.map(str::trim).filter(|text| !text.is_empty()));
            let levels: Vec<String> = texts().flatten().collect::<BTreeSet<_>>().into_iter().map(str::to_owned).collect();
            let code = |text: &str| levels.binary_search_by(|level| level.as_str().cmp(text)).map_or(MISSING, |code| code as u32);
            Ok(Values::Categories { codes: texts().map(|text| text.map_or(MISSING, code)).collect(), levels })
        }
        kind => Err(Error::Kind { column: column.to_owned(), kind: kind.to_string() }),
    }
}

fn numbers(array: &dyn Array, column: &str) -> Result<Values, Error> {
    let numbers = cast(array, &DataType::Float64)?;
    let numbers: Vec<f64> = numbers.as_primitive::<Float64Type>().iter().map(|number| number.unwrap_or(f64::NAN)).collect();
    match numbers.iter().position(|number| number.is_infinite()) {
        Some(row) => Err(Error::Infinite { column: column.to_owned(), row: row + 1 }),
        None => Ok(Values::Numbers(numbers)),
    }
}

/// Why files make no table.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such file.
    #[error("there is no file {path}")]
    NoFile {
        /// The path.
        path: String,
    },
    /// A file of another kind.
    #[error("{path} is neither .parquet nor .csv")]
    Format {
        /// The path.
        path: String,
    },
    /// Nothing to learn from.
    #[error("the query gives no rows")]
    NoRows,
    /// Nothing but labels.
    #[error("there is no column but the label")]
    NoColumns,
    /// The label's column is missing.
    #[error("the query gives no column {label}, which is the label")]
    NoLabel {
        /// The column.
        label: String,
    },
    /// A label that is none.
    #[error("the label {label} is neither 0 nor 1 in row {row}")]
    Label {
        /// The column.
        label: String,
        /// The row, from 1.
        row: usize,
    },
    /// A number that is infinite.
    #[error("column {column} is infinite in row {row}")]
    Infinite {
        /// The column.
        column: String,
        /// The row, from 1.
        row: usize,
    },
    /// A column of a kind that nobody learns from.
    #[error("column {column} is of kind {kind}, which is neither a number, a time nor a text")]
    Kind {
        /// The column.
        column: String,
        /// Its kind.
        kind: String,
    },
    /// A column with another number of rows than there are labels.
    #[error("column {column} has {rows} rows, where there are {labels} labels")]
    Length {
        /// The column.
        column: String,
        /// Its rows.
        rows: usize,
        /// How many labels there are.
        labels: usize,
    },
    /// DataFusion failed.
    #[error("the query failed")]
    Query(#[from] datafusion::error::DataFusionError),
    /// Arrow failed.
    #[error("a batch could not be used")]
    Arrow(#[from] arrow::error::ArrowError),
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(csv: &str, sql: &str) -> Result<Table, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loans.csv");
        std::fs::write(&path, csv).unwrap();
        Table::query(&[("loans", &path)], sql, "bad").await
    }

    #[tokio::test]
    async fn a_file_becomes_numbers_and_categories_in_its_order() {
        let csv = "Amount,purpose,since,bad\n5,car,2020-01-01,0\n,,2020-01-02,1\n2.5,boat,,0\n7,car,2020-01-01,1\n";
        let table = read(csv, "SELECT * FROM loans").await.unwrap();
        assert_eq!(table.labels(), [false, true, false, true]);
        let [amount, purpose, since] = table.columns() else { panic!("{table:?}") };
        let Values::Numbers(amounts) = &amount.values else { panic!("{amount:?}") };
        assert!(amounts[1].is_nan());
        assert_eq!((amount.name.as_str(), amounts[0], amounts[2]), ("Amount", 5.0, 2.5));
        let categories: Vec<_> = (0..4).map(|row| purpose.values.category(row)).collect();
        assert_eq!(categories, [Some("car"), None, Some("boat"), Some("car")]);
        let Values::Numbers(times) = &since.values else { panic!("{since:?}") };
        assert_eq!((times[0], times[1] - times[0]), (1_577_836_800e6, 86_400e6));
        assert_eq!(table.select(&[3, 0]).labels(), [true, false]);
    }

    #[tokio::test]
    async fn what_is_no_table_is_named() {
        let check = async |csv: &str, sql: &str, expect: &str| {
            assert_eq!(read(csv, sql).await.unwrap_err().to_string(), expect);
        };
        check("a,bad\n1,2\n", "SELECT * FROM loans", "the label bad is neither 0 nor 1 in row 1").await;
        check("a,bad\n1,0\n2,\n", "SELECT * FROM loans", "the label bad is neither 0 nor 1 in row 2").await;
        check("a,b\n1,0\n", "SELECT * FROM loans", "the query gives no column bad, which is the label").await;
        check("a,bad\n1,0\n", "SELECT bad FROM loans", "there is no column but the label").await;
        check("a,bad\n1,0\n", "SELECT * FROM loans WHERE a > 1", "the query gives no rows").await;
        check(
            "a,bad\n1,0\n",
            "SELECT INTERVAL '1 day' AS a, bad FROM loans",
            "column a is of kind Interval(MonthDayNano), which is neither a number, a time nor a text",
        )
        .await;
        check("a,bad\n1,0\n", "SELECT 1e300 * 1e300 * a AS a, bad FROM loans", "column a is infinite in row 1").await;
        let missing = Table::query(&[("loans", Path::new("no.csv"))], "SELECT 1", "bad").await.unwrap_err();
        assert_eq!(missing.to_string(), "there is no file no.csv");
    }
}
