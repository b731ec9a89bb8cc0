//! A feed as a table of DataFusion's.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::DataFusionError;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use dazaar_data::Table;
use dazaar_table::read::Query;

use crate::pushdown;
use crate::scan::FeedScan;

/// A table, under the name by which it was opened.
#[derive(Debug)]
pub(crate) struct FeedTable {
    name: String,
    table: Table,
    schema: SchemaRef,
    gone: Gone,
}

/// Rows that were asked for and that nobody has any more.
pub(crate) type Gone = Arc<Mutex<Vec<Range<u64>>>>;

impl FeedTable {
    pub(crate) fn new(name: String, table: Table) -> Self {
        let schema = table.schema().to_arrow();
        Self { name, table, schema, gone: Gone::default() }
    }

    /// Rows that were asked for and that nobody has any more, with the name of the table.
    pub(crate) fn gone(&self) -> Vec<(String, Range<u64>)> {
        let gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        gone.iter().map(|rows| (self.name.clone(), rows.clone())).collect()
    }

    pub(crate) const fn table(&self) -> &Table {
        &self.table
    }
}

#[async_trait]
impl TableProvider for FeedTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>, DataFusionError> {
        Ok(filters.iter().map(|filter| pushdown::support(filter, self.table.schema())).collect())
    }

    /// Reads the index already now, so that the plan can tell what it will cost.
    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let schema = self.table.schema();
        let query = Query { limit: limit.map(|limit| limit as u64), ..pushdown::query(filters, schema) };
        let external = |error: dazaar_data::TableError| DataFusionError::External(Box::new(error));
        let mut plan = self.table.plan(query).await.map_err(external)?;
        let columns = projection.cloned().unwrap_or_else(|| (0..schema.columns().len()).collect());
        let output = Arc::new(self.schema.project(&columns)?);
        plan.selection.columns = columns;
        Ok(Arc::new(FeedScan::new(
            self.name.clone(),
            self.table.clone(),
            plan,
            output,
            Arc::clone(&self.gone),
        )))
    }
}
