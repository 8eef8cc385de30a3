//! A table as DataFusion sees it: exactly the parts that counted when the question came. It lists no folder, so that neither a
//! file that is being written nor one that is about to go can be seen.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use arrow::array::{AsArray, Date32Array, RecordBatch};
use arrow::datatypes::{DataType, Field, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, DFSchema, ScalarValue, Statistics, project_schema};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;

use super::parts::Part;
use crate::tables::Table;

const DAY: &str = "day";

/// The folder of the warehouse, as a store of objects.
pub(super) static STORE: LazyLock<ObjectStoreUrl> =
    LazyLock::new(|| ObjectStoreUrl::parse("parquet://warehouse").expect("a scheme and a host"));

/// A table with the parts that count.
#[derive(Debug)]
pub(super) struct Scan {
    parts: Vec<Arc<Part>>,
    schema: TableSchema,
}

impl Scan {
    pub(super) fn new(table: Table, parts: Vec<Arc<Part>>) -> Self {
        let day = Arc::new(Field::new(DAY, DataType::Date32, false));
        Self { parts, schema: TableSchema::builder(table.schema()).with_table_partition_cols(vec![day]).build() }
    }

    /// The parts whose day fulfils all those of the filters that look at nothing else.
    fn parts_of(&self, filters: &[Expr], state: &dyn Session) -> Result<Vec<&Part>> {
        let on_day = filters.iter().filter(|filter| looks_at_day_only(filter)).cloned();
        let Some(filter) = conjunction(on_day) else {
            return Ok(self.parts.iter().map(AsRef::as_ref).collect());
        };
        let days: BTreeSet<i32> = self.parts.iter().map(|part| part.day).collect();
        let column = Arc::new(Date32Array::from_iter_values(days.iter().copied()));
        let candidates = RecordBatch::try_from_iter([(DAY, column as _)])?;
        let filter = state.create_physical_expr(filter, &DFSchema::try_from(candidates.schema())?)?;
        let kept = filter.evaluate(&candidates)?.into_array(days.len())?;
        let kept: BTreeSet<i32> =
            days.iter().zip(kept.as_boolean()).filter_map(|(day, kept)| (kept == Some(true)).then_some(*day)).collect();
        Ok(self.parts.iter().map(AsRef::as_ref).filter(|part| kept.contains(&part.day)).collect())
    }

    fn file(&self, part: &Part) -> PartitionedFile {
        let mut columns = vec![ColumnStatistics::new_unknown(); self.schema.file_schema().fields().len()];
        // Known from the part's name: the newest rows are found without opening the other files. Derived tables have no positions.
        if let Ok(position) = self.schema.file_schema().index_of("log_position") {
            columns[position].min_value = Precision::Exact(ScalarValue::UInt64(Some(part.first)));
            columns[position].max_value = Precision::Exact(ScalarValue::UInt64(Some(part.last)));
            columns[position].null_count = Precision::Exact(0);
        }
        let rows = Precision::Exact(usize::try_from(part.rows).expect("a file's rows fit into memory"));
        let statistics = Statistics { num_rows: rows, total_byte_size: Precision::Absent, column_statistics: columns };
        PartitionedFile::new(part.location.clone(), part.bytes)
            .with_partition_values(vec![ScalarValue::Date32(Some(part.day))])
            .with_statistics(Arc::new(statistics))
    }
}

#[async_trait]
impl TableProvider for Scan {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.schema.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = |filter: &&Expr| match looks_at_day_only(filter) {
            true => TableProviderFilterPushDown::Exact,
            false => TableProviderFilterPushDown::Inexact,
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut parts = self.parts_of(filters, state)?;
        if parts.is_empty() {
            return Ok(Arc::new(EmptyExec::new(project_schema(&self.schema(), projection)?)));
        }
        // The newest rows are asked for most, and with them at hand the other files need not be opened.
        parts.sort_by_key(|part| std::cmp::Reverse(part.last));
        let rows = parts.iter().map(|part| usize::try_from(part.rows).expect("a file's rows fit into memory")).sum();
        let mut statistics = Statistics::new_unknown(&self.schema());
        statistics.num_rows = Precision::Exact(rows);

        let environment = state.runtime_env();
        let cache = environment.cache_manager.get_file_metadata_cache();
        let reader = CachedParquetFileReaderFactory::new(environment.object_store(&*STORE)?, cache);
        let source = ParquetSource::new(self.schema.clone())
            .with_table_parquet_options(state.default_table_options().parquet)
            .with_parquet_file_reader_factory(Arc::new(reader));
        let files = FileGroup::new(parts.into_iter().map(|part| self.file(part)).collect());
        let config = FileScanConfigBuilder::new(STORE.clone(), Arc::new(source))
            .with_file_groups(files.split_files(state.config().target_partitions()))
            .with_statistics(statistics)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

fn looks_at_day_only(filter: &Expr) -> bool {
    !filter.is_volatile() && filter.column_refs().iter().all(|column| column.name == DAY)
}
