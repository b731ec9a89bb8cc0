//! Reading a table as a step of a physical plan, and how that step is told in `explain`.

use std::fmt;
use std::sync::{Arc, PoisonError};

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet,
};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties, ReplaceChildrenOptions,
};
use dazaar_data::{Table, TableError};
use dazaar_table::read::Plan;
use dazaar_table::times::Rfc3339;
use futures_util::stream;

use crate::provider::Gone;

/// The segments of a table that a query needs.
#[derive(Debug)]
pub(crate) struct FeedScan {
    name: String,
    table: Table,
    plan: Plan,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
    gone: Gone,
}

impl FeedScan {
    pub(crate) fn new(name: String, table: Table, plan: Plan, schema: SchemaRef, gone: Gone) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            name,
            table,
            plan,
            schema,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
            gone,
        }
    }
}

impl DisplayAs for FeedScan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let selection = &self.plan.selection;
        let names: Vec<_> = self.schema.fields().iter().map(|field| field.name().as_str()).collect();
        let bytes = self.plan.bytes();
        write!(f, "FeedScan: table={}, columns=[{}]", self.name, names.join(", "))?;
        if selection.times.start != i64::MIN {
            write!(f, ", from={}", Rfc3339(selection.times.start))?;
        }
        if selection.times.end != i64::MAX {
            write!(f, ", to={}", Rfc3339(selection.times.end))?;
        }
        if !selection.conditions.is_empty() {
            f.write_str(", by key")?;
        }
        if let Some(limit) = selection.limit {
            write!(f, ", limit={limit}")?;
        }
        let newest = self.plan.tail.end - self.plan.tail.start;
        write!(f, ", segments={}, bytes={bytes}, newest={newest}", self.plan.segments.len())
    }
}

impl ExecutionPlan for FeedScan {
    fn name(&self) -> &'static str {
        "FeedScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion, DataFusionError>,
    ) -> Result<TreeNodeRecursion, DataFusionError> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        Ok(self)
    }

    fn execute(
        &self,
        partition: usize,
        _: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let downloaded = MetricBuilder::new(&self.metrics).counter("downloaded_bytes", partition);
        let gone = Arc::clone(&self.gone);
        let state = (self.table.read(self.plan.clone()), self.table.clone(), Arc::clone(&self.schema));
        let rows = stream::try_unfold(state, move |(mut rows, table, schema)| {
            let (metrics, downloaded, gone) = (metrics.clone(), downloaded.clone(), Arc::clone(&gone));
            async move {
                let before = table.downloaded();
                let batch = loop {
                    match rows.next().await {
                        // The rest is worth having; what is missing is told at the end.
                        Err(TableError::Gone { start, end }) => {
                            gone.lock().unwrap_or_else(PoisonError::into_inner).push(start..end + 1);
                        }
                        batch => break batch,
                    }
                };
                downloaded.add((table.downloaded() - before) as usize);
                let batch = batch.map_err(|error| DataFusionError::External(Box::new(error)))?;
                let Some(batch) = batch else { return Ok(None) };
                metrics.record_output(batch.num_rows());
                let batch = with_schema(&batch, &schema)?;
                Ok(Some((batch, (rows, table, schema))))
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    /// What the index says: enough to choose the order of joins, and not to answer for the rows.
    fn statistics_from_inputs(
        &self,
        _: &[Arc<Statistics>],
        _: &StatisticsArgs,
    ) -> Result<Arc<Statistics>, DataFusionError> {
        let rows: u64 = self.plan.segments.iter().map(|entry| entry.rows).sum();
        let statistics = Statistics::new_unknown(&self.schema);
        Ok(Arc::new(statistics.with_num_rows(Precision::Inexact(rows as usize))))
    }
}

/// The same rows: batches of a table have its schema, and those without any column still have a number of rows.
fn with_schema(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, DataFusionError> {
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), batch.columns().to_vec(), &options)?)
}
