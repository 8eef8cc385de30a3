//! The columns of a file, one after the other: of a Parquet file only the one that is looked at is in memory.

use std::path::{Path, PathBuf};

use arrow::datatypes::DataType;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::ident;
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};

use crate::table::{Error, Values, read_values, register};

/// A file of numbers, categories and whatever else.
pub struct Columns {
    path: PathBuf,
    frame: DataFrame,
    names: Vec<String>,
    passed_over: Vec<(String, String)>,
}

impl Columns {
    /// Opens a Parquet or CSV file. Of CSV everything is read at once, since the kind of a column is known when all of it was seen.
    ///
    /// # Errors
    /// When it cannot be read or has no rows.
    pub async fn open(path: &Path) -> Result<Self, Error> {
        let unreadable = |source| Error::Read { path: path.display().to_string(), source };
        let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
        register(&context, NAME, path).await?;
        let mut frame = context.table(NAME).await.map_err(unreadable)?;
        if path.extension().is_none_or(|extension| extension != "parquet") {
            frame = frame.cache().await.map_err(unreadable)?;
        }
        let (mut names, mut passed_over) = (Vec::new(), Vec::new());
        for field in frame.schema().fields() {
            match field.data_type() {
                kind if is_comparable(kind) => names.push(field.name().clone()),
                kind => passed_over.push((field.name().clone(), kind.to_string())),
            }
        }
        if frame.clone().count().await.map_err(unreadable)? == 0 {
            return Err(Error::Empty { path: path.display().to_string() });
        }
        Ok(Self { path: path.to_owned(), frame, names, passed_over })
    }

    /// The names of columns of numbers and of categories, in the order of the file.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Columns that are neither, as times, with their kind.
    pub fn passed_over(&self) -> &[(String, String)] {
        &self.passed_over
    }

    /// Everything in a column of [`Self::names`].
    ///
    /// # Errors
    /// When it cannot be read, or holds an infinite number.
    pub async fn read(&self, name: &str) -> Result<Values, Error> {
        let unreadable = |source: DataFusionError| Error::Read { path: self.path.display().to_string(), source };
        let frame = self.frame.clone().select(vec![ident(name)]).map_err(unreadable)?;
        let batches = frame.collect().await.map_err(unreadable)?;
        let schema = batches.first().ok_or_else(|| Error::Empty { path: self.path.display().to_string() })?.schema();
        let whole = arrow::compute::concat_batches(&schema, &batches)?;
        drop(batches);
        let values = read_values(whole.column(0).as_ref(), name)?;
        values.check_finite(name)?;
        Ok(values)
    }
}

/// What the file is called in queries.
const NAME: &str = "file";

fn is_comparable(kind: &DataType) -> bool {
    let is_text = matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..));
    kind.is_numeric() || is_text || matches!(kind, DataType::Boolean | DataType::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn columns_are_read_one_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        std::fs::write(&path, "Amount,channel,at\n5,ecom,2020-01-01T00:00:00\n,,2020-01-02T00:00:00\n").unwrap();
        let columns = Columns::open(&path).await.unwrap();
        assert_eq!(columns.names(), ["Amount", "channel"]);
        assert_eq!(columns.passed_over()[0].0, "at");
        let Values::Numbers(amounts) = columns.read("Amount").await.unwrap() else { panic!("numbers") };
        assert!(amounts[0] == 5.0 && amounts[1].is_nan());
        assert!(matches!(columns.read("channel").await.unwrap(), Values::Categories(_)));
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let check = async |name: &str, text: &str, expect: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            let error = Columns::open(&path).await.err().map(|error| error.to_string());
            assert_eq!(error, Some(expect.replace("FILE", &path.display().to_string())));
        };
        check("empty.csv", "", "FILE has no rows").await;
        check("header.csv", "a,b\n", "FILE has no rows").await;
        check("broken.parquet", "PAR1 is not all", "cannot read FILE").await;
        check("rows.txt", "a\n1\n", "FILE is neither .parquet nor .csv").await;
        let missing = Columns::open(Path::new("no.csv")).await.err().map(|error| error.to_string());
        assert_eq!(missing.as_deref(), Some("there is no file no.csv"));
    }
}
