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
    /// One of some levels, or none.
    Categories(Categories),
}

/// A column of categories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Categories {
    /// The number of each row's level.
    codes: Vec<Option<u32>>,
    levels: Vec<String>,
}

impl Categories {
    /// From each row's category, `None` where it is missing.
    pub fn new<'a>(rows: impl Iterator<Item = Option<&'a str>> + Clone) -> Self {
        let levels: BTreeSet<&str> = rows.clone().flatten().collect();
        let levels: Vec<&str> = levels.into_iter().collect();
        let code = |level: &str| levels.binary_search(&level).ok().map(|code| code as u32);
        let codes = rows.map(|row| row.and_then(code)).collect();
        Self { codes, levels: levels.into_iter().map(str::to_owned).collect() }
    }

    /// The number of each row's level.
    pub fn codes(&self) -> &[Option<u32>] {
        &self.codes
    }

    /// The levels, sorted; some may have no row.
    pub fn levels(&self) -> &[String] {
        &self.levels
    }

    /// The category of each row.
    pub fn rows(&self) -> impl Iterator<Item = Option<&str>> {
        self.codes.iter().map(|code| code.map(|code| self.levels[code as usize].as_str()))
    }
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Categories(categories) => categories.codes.len(),
        }
    }

    /// Refuses an infinite number.
    pub(crate) fn check_finite(&self, name: &str) -> Result<(), Error> {
        let Self::Numbers(numbers) = self else { return Ok(()) };
        match numbers.iter().position(|number| number.is_infinite()) {
            Some(row) => Err(Error::Infinite { column: name.to_owned(), row: row + 1 }),
            None => Ok(()),
        }
    }

    fn select(&self, rows: &[usize]) -> Self {
        match self {
            Self::Numbers(numbers) => Self::Numbers(rows.iter().map(|row| numbers[*row]).collect()),
            Self::Categories(Categories { codes, levels }) => {
                Self::Categories(Categories { codes: rows.iter().map(|row| codes[*row]).collect(), levels: levels.clone() })
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
        for Column { name, values } in &columns {
            if values.len() != labels.len() {
                return Err(Error::Length { column: name.clone(), rows: values.len(), labels: labels.len() });
            }
            values.check_finite(name)?;
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

    /// Takes a column out of it that says yes or no, as 1 or 0, of each row; `None` when there is no such column.
    pub fn take_flags(&mut self, name: &str) -> Result<Option<Vec<bool>>, Error> {
        let Some(place) = self.columns.iter().position(|column| column.name == name) else { return Ok(None) };
        if self.columns.len() == 1 {
            return Err(Error::NoColumns);
        }
        let Values::Numbers(numbers) = self.columns.remove(place).values else {
            return Err(Error::Flag { column: name.to_owned(), row: 1 });
        };
        flags(numbers.into_iter()).map(Some).map_err(|row| Error::Flag { column: name.to_owned(), row })
    }

    /// What a query over files gives, whose column `label` says with 1, 0, true or false what is bad. Each file is a table under the
    /// name that stands before it; rows keep the order of the file unless the query changes it.
    pub async fn query(files: &[(&str, &Path)], sql: &str, label: &str) -> Result<Self, Error> {
        let mut config = SessionConfig::new().with_target_partitions(1);
        // A column is called what the file calls it.
        config.options_mut().sql_parser.enable_ident_normalization = false;
        let context = SessionContext::new_with_config(config);
        for (name, path) in files {
            register(&context, name, path).await?;
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
        let wrong = |row| Error::Flag { column: label.to_owned(), row };
        let labels = flags(numbers(labels.as_ref())?.into_iter()).map_err(wrong)?;
        let fields = schema.fields().iter().zip(whole.columns()).filter(|(field, _)| field.name() != label);
        let columns = fields
            .map(|(field, array)| Ok(Column { name: field.name().clone(), values: read_values(array.as_ref(), field.name())? }))
            .collect::<Result<Vec<_>, Error>>()?;
        Self::new(columns, labels)
    }
}

/// Makes a file a table under a name.
pub(crate) async fn register(context: &SessionContext, name: &str, path: &Path) -> Result<(), Error> {
    let text = path.to_str().filter(|_| path.exists()).ok_or_else(|| Error::NoFile { path: path.display().to_string() })?;
    let unreadable = |source| Error::Read { path: text.to_owned(), source };
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("parquet") => context.register_parquet(name, text, ParquetReadOptions::default()).await.map_err(unreadable),
        Some("csv") => {
            // The kind of a column is known when all of it was seen.
            let options = CsvReadOptions::new().schema_infer_max_records(usize::MAX);
            context.register_csv(name, text, options).await.map_err(unreadable)
        }
        _ => Err(Error::Format { path: text.to_owned() }),
    }
}

/// 1 as true and 0 as false; the number of the first row, from 1, that is neither.
fn flags(numbers: impl Iterator<Item = f64>) -> Result<Vec<bool>, usize> {
    let flag = |(row, number): (usize, f64)| match number {
        1.0 => Ok(true),
        0.0 => Ok(false),
        _ => Err(row + 1),
    };
    numbers.enumerate().map(flag).collect()
}

/// NaN where a number is missing, or is none.
fn numbers(array: &dyn Array) -> Result<Vec<f64>, Error> {
    let numbers = cast(array, &DataType::Float64)?;
    Ok(numbers.as_primitive::<Float64Type>().iter().map(|number| number.unwrap_or(f64::NAN)).collect())
}

pub(crate) fn read_values(array: &dyn Array, column: &str) -> Result<Values, Error> {
    let is_number = |kind: &DataType| kind.is_numeric() || matches!(kind, DataType::Boolean | DataType::Null);
    match array.data_type() {
        kind if is_number(kind) => Ok(Values::Numbers(numbers(array)?)),
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
            let kind = DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, None);
            Ok(Values::Numbers(numbers(cast(&cast(array, &kind)?, &DataType::Int64)?.as_ref())?))
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => {
            let texts = cast(array, &DataType::Utf8)?;
            let texts = texts.as_string::<i32>().iter();
            let present = texts.map(|text| text.map(str::trim).filter(|text| !text.is_empty()));
            Ok(Values::Categories(Categories::new(present)))
        }
        kind => Err(Error::Kind { column: column.to_owned(), kind: kind.to_string() }),
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
    /// A file that cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The path.
        path: String,
        /// Why not.
        source: datafusion::error::DataFusionError,
    },
    /// A file without a row.
    #[error("{path} has no rows")]
    Empty {
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
    /// A column that has to say yes or no and does not.
    #[error("column {column} is neither 0 nor 1 in row {row}")]
    Flag {
        /// The column: the label, or what is tested on.
        column: String,
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
        let Values::Categories(purposes) = &purpose.values else { panic!("{purpose:?}") };
        assert_eq!(purposes.rows().collect::<Vec<_>>(), [Some("car"), None, Some("boat"), Some("car")]);
        assert_eq!(purposes.levels(), ["boat", "car"]);
        let Values::Numbers(times) = &since.values else { panic!("{since:?}") };
        assert_eq!((times[0], times[1] - times[0]), (1_577_836_800e6, 86_400e6));
        assert_eq!(table.select(&[3, 0]).labels(), [true, false]);
    }

    #[tokio::test]
    async fn a_column_of_flags_is_taken_out_or_named() {
        let csv = "a,test,half,text,bad\n1,0,0.5,x,0\n2,1,1,y,1\n";
        let mut table = read(csv, "SELECT * FROM loans").await.unwrap();
        assert_eq!(table.take_flags("test").unwrap(), Some(vec![false, true]));
        assert_eq!(table.take_flags("test").unwrap(), None);
        for name in ["half", "text"] {
            let error = table.clone().take_flags(name).unwrap_err();
            assert_eq!(error.to_string(), format!("column {name} is neither 0 nor 1 in row 1"));
        }
        let mut alone = read(csv, "SELECT test, bad FROM loans").await.unwrap();
        assert_eq!(alone.take_flags("test").unwrap_err().to_string(), "there is no column but the label");
    }

    #[tokio::test]
    async fn what_is_no_table_is_named() {
        let check = async |csv: &str, sql: &str, expect: &str| {
            assert_eq!(read(csv, sql).await.unwrap_err().to_string(), expect);
        };
        check("a,bad\n1,2\n", "SELECT * FROM loans", "column bad is neither 0 nor 1 in row 1").await;
        check("a,bad\n1,0\n2,\n", "SELECT * FROM loans", "column bad is neither 0 nor 1 in row 2").await;
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
