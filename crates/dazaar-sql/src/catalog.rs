//! The tables of a session, each opened when it is first named.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::DataFusionError;
use dazaar_data::{FindError, OpenError, Table, Tables};

use crate::candles;
use crate::provider::FeedTable;

/// Opened tables, and who opens more.
#[derive(Debug)]
pub(crate) struct Catalog {
    tables: Tables,
    /// Names of functions that give tables.
    functions: Vec<String>,
    opened: Mutex<BTreeMap<String, Arc<FeedTable>>>,
    /// A table that a function needs.
    missing: Mutex<Option<String>>,
}

impl Catalog {
    pub(crate) fn new(tables: Tables, mut functions: Vec<String>) -> Self {
        functions.push(candles::NAME.to_owned());
        Self { tables, functions, opened: Mutex::default(), missing: Mutex::default() }
    }

    /// Opens a table, once.
    pub(crate) async fn open(&self, name: &str) -> Result<Arc<FeedTable>, DataFusionError> {
        if let Some(table) = lock(&self.opened).get(name) {
            return Ok(Arc::clone(table));
        }
        let external = |error: OpenError| DataFusionError::External(Box::new(error));
        let table = self.tables.open(name).await.map_err(external)?;
        let table = Arc::new(FeedTable::new(name.to_owned(), table));
        Ok(Arc::clone(lock(&self.opened).entry(name.to_owned()).or_insert(table)))
    }

    /// A table for somebody who cannot wait: if it is not open, it will be next time.
    pub(crate) fn opened(&self, name: &str) -> Option<Arc<FeedTable>> {
        let found = lock(&self.opened).get(name).cloned();
        if found.is_none() {
            *lock(&self.missing) = Some(name.to_owned());
        }
        found
    }

    /// A table that was needed and not open.
    pub(crate) fn take_missing(&self) -> Option<String> {
        lock(&self.missing).take()
    }

    /// Rows of all that are open that nobody has any more.
    pub(crate) fn gone(&self) -> Vec<(String, Range<u64>)> {
        lock(&self.opened).values().flat_map(|table| table.gone()).collect()
    }

    /// All that are open.
    pub(crate) fn tables(&self) -> impl Iterator<Item = Table> {
        lock(&self.opened).values().map(|table| table.table().clone()).collect::<Vec<_>>().into_iter()
    }
}

#[async_trait]
impl SchemaProvider for Catalog {
    fn table_names(&self) -> Vec<String> {
        lock(&self.opened).keys().cloned().collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        match self.open(name).await {
            // The engine looks for functions among the tables first.
            Err(error) if self.functions.iter().any(|function| function == name) && is_unknown(&error) => {
                Ok(None)
            }
            opened => opened.map(|table| Some(table as _)),
        }
    }

    fn table_exist(&self, _: &str) -> bool {
        true
    }
}

fn is_unknown(error: &DataFusionError) -> bool {
    matches!(crate::cause(error), Some(OpenError::Find(FindError::Unknown { .. })))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
