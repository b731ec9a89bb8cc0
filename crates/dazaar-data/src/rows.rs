//! The rows of a question, in order, each once.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use dazaar_table::Schema;
use dazaar_table::read::{Locator, Plan, Query, Rows, RowsEvent};

use crate::error::TableError;
use crate::source::Source;

/// Rows on their way.
#[derive(Debug)]
pub struct RowStream {
    source: Arc<Source>,
    rows: Rows,
    columns: Vec<usize>,
    /// Whether rows are waited for that are yet to come.
    is_live: bool,
    /// Rows that nobody has any more, to be told before others.
    gone: Vec<Range<u64>>,
    /// Blocks that are asked for before they are needed, next time.
    window: usize,
    /// Blocks that were asked for last time.
    asked: usize,
    /// Of those, how many are still to be used.
    ahead: usize,
}

/// The first window. It doubles: whoever reads on wants more, and whoever stops has not asked for all.
const WINDOW_FIRST: usize = 16;

/// The largest window.
const WINDOW_MAX: usize = 128;

impl RowStream {
    pub(crate) fn new(source: Arc<Source>, mut plan: Plan, is_live: bool) -> Self {
        let mut gone = std::mem::take(&mut plan.gone);
        gone.reverse();
        let columns = plan.selection.columns.clone();
        Self {
            source,
            rows: Rows::new(plan),
            columns,
            is_live,
            gone,
            window: WINDOW_FIRST,
            asked: 0,
            ahead: 0,
        }
    }

    /// What the batches look like.
    pub fn schema(&self) -> SchemaRef {
        let schema: &Schema = self.rows.schema();
        Arc::new(schema.to_arrow().project(&self.columns).expect("the columns are those of the table"))
    }

    /// The row that comes next: whoever asks for rows from there on goes on where this ends.
    pub const fn next_row(&self) -> u64 {
        self.rows.next_row()
    }

    /// The next rows; none at the end. Nothing is lost if somebody stops waiting for them.
    ///
    /// # Errors
    /// They cannot be had. [`TableError::Gone`] says that some are missing; those after them come next.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>, TableError> {
        if let Some(rows) = self.gone.pop() {
            return Err(TableError::Gone { start: rows.start, end: rows.end - 1 });
        }
        loop {
            let Some(number) = self.rows.wanted() else {
                if !self.is_live || self.rows.is_full() {
                    return Ok(None);
                }
                self.rows.extend(self.source.grown(self.rows.end()).await?);
                continue;
            };
            self.ask_ahead()?;
            let block = self.source.block(number).await?;
            self.ahead = self.ahead.saturating_sub(1);
            match self.rows.handle_block(block.as_deref())? {
                RowsEvent::Rows(rows) if rows.num_rows() > 0 => return Ok(Some(rows)),
                RowsEvent::Rows(_) | RowsEvent::Nothing => {}
                RowsEvent::Gone(rows) => {
                    return Err(TableError::Gone { start: rows.start, end: rows.end - 1 });
                }
            }
        }
    }

    fn ask_ahead(&mut self) -> Result<(), TableError> {
        if self.ahead > self.asked / 2 {
            return Ok(());
        }
        let blocks: Vec<u64> = self.rows.ahead(self.window).collect();
        self.source.want(blocks.iter().copied())?;
        (self.asked, self.ahead) = (blocks.len(), blocks.len());
        self.window = (self.window * 2).min(WINDOW_MAX);
        Ok(())
    }
}

/// Goes down the index.
pub(crate) async fn locate(source: &Source, query: Query) -> Result<Plan, TableError> {
    let mut locator = Locator::new(source.length().await?, query);
    loop {
        let wanted = locator.wanted();
        if wanted.is_empty() {
            return Ok(locator.into_plan().expect("nothing more is wanted"));
        }
        source.want(wanted.iter().copied())?;
        for number in wanted {
            let block = source.block(number).await?;
            locator.handle_block(number, block.as_deref())?;
        }
    }
}
