//! What SQL in a pipeline file does to rows: it chooses which are learned from and tested on, and names the segments that they are judged
//! by. It never makes a feature: when an event is scored there is no table to join.

use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::prelude::{CsvReadOptions, ParquetReadOptions, SessionContext};

use super::Examples;
use super::build::SEGMENT;
use crate::error::Error;
use crate::file::{Sql, Table, Training};
use crate::history::is_parquet;

impl Examples {
    /// From here on only the rows that `[training]` wants are learned from and tested on, each with its segments. SQL sees `occurred_at`,
    /// `amount_minor`, `other_currency`, `entity`, `"attribute channel"`, `"feature customer_tx_count_1d"`, and the tables. Who is known
    /// to be compromised is found in all rows.
    pub(super) async fn select(&self, training: &Training) -> Result<(), Error> {
        for table in &training.tables {
            let wrong = |source| {
                let (place, name) = (table.place.clone(), table.name.clone());
                Error::Table { place, name, source: Box::new(source) }
            };
            register(&self.context, table).await.map_err(wrong)?;
        }
        let mut columns = "rows.*".to_owned();
        for (name, sql) in &training.segment_sql {
            let expression = format!("CAST((\n{}\n) AS VARCHAR)", sql.text);
            self.check(&format!("SELECT {expression} FROM rows"), sql, &format!("segment `{name}`")).await?;
            columns += &format!(", {expression} AS \"{SEGMENT}{}\"", name.replace('"', "\"\""));
        }
        let mut query = format!("SELECT {columns} FROM rows");
        if let Some(sql) = &training.condition {
            let condition = format!(" WHERE (\n{}\n)", sql.text);
            self.check(&format!("SELECT * FROM rows{condition}"), sql, "`where`").await?;
            query += &condition;
        }
        let view = self.query(&query).await?.into_view();
        self.context.deregister_table("wanted")?;
        self.context.register_table("wanted", view)?;
        Ok(())
    }

    /// Whether a query can be answered, so that what is wrong is said of the SQL that it was made of.
    async fn check(&self, query: &str, sql: &Sql, what: &str) -> Result<(), Error> {
        let plan = match self.query(query).await {
            Ok(frame) => frame.create_physical_plan().await.map(drop),
            Err(error) => Err(error),
        };
        let Sql { text, place } = sql.clone();
        plan.map_err(|source| Error::Sql { place, what: what.to_owned(), text, source })
    }

    /// A query that changes nothing.
    async fn query(&self, query: &str) -> Result<DataFrame, DataFusionError> {
        let options = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        self.context.sql_with_options(query, options).await
    }
}

async fn register(context: &SessionContext, Table { name, path, .. }: &Table) -> Result<(), Error> {
    let format = || Error::Format { path: path.display().to_string() };
    let (parquet, at) = (is_parquet(path)?, path.to_str().ok_or_else(format)?);
    match path.extension().and_then(|extension| extension.to_str()) {
        _ if parquet => context.register_parquet(name, at, ParquetReadOptions::default()).await?,
        Some("csv") => context.register_csv(name, at, CsvReadOptions::new()).await?,
        _ => return Err(format()),
    }
    Ok(())
}
