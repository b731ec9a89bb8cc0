//! SQL over tables in feeds: those that are here, and those that sellers have.
//!
//! A [`Sql`] is a session. The name of a table is whatever [`Tables::open`] opens. What a query needs of a table goes down to its
//! index: a range of time, values of the first key column, columns, and a limit ([`pushdown`]); the rest is DataFusion's.
//!
//! Besides DataFusion's functions there are `bucket('1h', time)`, the beginning of the span that a time lies in, and
//! `candles('trades', '1m')`, a table with the first, highest, lowest and last price and the volume of each span; and
//! `first(price, time)` and `last(price, time)`.

mod bucket;
mod candles;
mod catalog;
mod edges;
mod provider;
mod pushdown;
mod scan;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

pub use datafusion::common::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::{LogicalPlan, ScalarUDF};
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use dazaar_data::Tables;

use bucket::Bucket;
use candles::Candles;
use catalog::Catalog;
use edges::Edge;

/// Names of a query that are looked up before it is given up; each takes a plan of its own.
const TABLES_MAX: usize = 64;

/// A session.
pub struct Sql {
    context: SessionContext,
    catalog: Arc<Catalog>,
    planning: tokio::sync::Mutex<()>,
}

impl Sql {
    /// A session over these tables, whose sorts and joins take at most `memory` bytes; what can be is put on the disk beyond that.
    ///
    /// # Errors
    /// The engine cannot be set up.
    pub fn new(tables: Tables, memory: usize) -> Result<Self, DataFusionError> {
        // Rows come in the order of the table as far as nothing else is asked for.
        let config = SessionConfig::new()
            .with_round_robin_repartition(false)
            .set_bool("datafusion.sql_parser.map_string_types_to_utf8view", false);
        let runtime =
            RuntimeEnvBuilder::new().with_memory_pool(Arc::new(FairSpillPool::new(memory))).build_arc()?;
        let context = SessionContext::new_with_config_rt(config, runtime);
        let functions = context.state().table_functions().keys().cloned().collect();
        let catalog = Arc::new(Catalog::new(tables, functions));
        let defaults = context.catalog("datafusion").expect("every session has it");
        defaults.register_schema("public", Arc::clone(&catalog) as _)?;
        context.register_udf(ScalarUDF::from(Bucket::default()));
        context.register_udaf(Edge::First.function());
        context.register_udaf(Edge::Last.function());
        context.register_udtf(candles::NAME, Arc::new(Candles::new(Arc::clone(&catalog))));
        Ok(Self { context, catalog, planning: tokio::sync::Mutex::default() })
    }

    /// Begins a query: the rows are read as they are taken. It can read and nothing else.
    ///
    /// # Errors
    /// What is wrong with the query, or why a table cannot be had; see [`cause`].
    pub async fn query(&self, text: &str) -> Result<SendableRecordBatchStream, DataFusionError> {
        let plan = self.plan(text).await?;
        let options =
            SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        options.verify_plan(&plan)?;
        let plan = self.context.state().create_physical_plan(&plan).await?;
        execute_stream(plan, self.context.task_ctx())
    }

    /// Functions cannot wait for a table that is to be opened: they note that they need it, and come again.
    async fn plan(&self, text: &str) -> Result<LogicalPlan, DataFusionError> {
        // What another question misses is not taken for what this one does.
        let _planning = self.planning.lock().await;
        let state = self.context.state();
        for _ in 0..TABLES_MAX {
            let plan = state.create_logical_plan(text).await;
            match self.catalog.take_missing() {
                Some(name) => self.catalog.open(&name).await?,
                None => return plan,
            };
        }
        Err(DataFusionError::Plan(format!("the query needs more than {TABLES_MAX} tables")))
    }

    /// Bytes of blocks that came from sellers.
    pub fn downloaded(&self) -> u64 {
        self.catalog.tables().map(|table| table.downloaded()).sum()
    }

    /// Rows, by their numbers, that were left out since nobody has them any more: the table, the first and the one after the last.
    pub fn gone(&self) -> Vec<(String, Range<u64>)> {
        self.catalog.gone()
    }

    /// Makes what was downloaded survive a power cut.
    ///
    /// # Errors
    /// The disk fails.
    pub async fn flush(&self) -> Result<(), dazaar_data::TableError> {
        for table in self.catalog.tables() {
            table.flush().await?;
        }
        Ok(())
    }
}

impl fmt::Debug for Sql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sql").field("catalog", &self.catalog).finish_non_exhaustive()
    }
}

/// What made a query fail, if it was a table and not the query.
pub fn cause<E: std::error::Error + 'static>(error: &DataFusionError) -> Option<&E> {
    match error.find_root() {
        DataFusionError::External(source) => source.downcast_ref(),
        _ => None,
    }
}
