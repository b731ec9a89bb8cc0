//! Rows that a source gives again and that the table has already: compared, and left out.
//!
//! Grade: over a door, the function that reads a block.

use arrow::array::RecordBatch;

use crate::read::{Query, Rows, RowsEvent, ScanError, locate};

/// The rows that a table has, against those that a source gives.
#[derive(Debug)]
pub struct KnownRows {
    rows: Rows,
    /// Rows of the table that the source has not come to.
    ahead: Option<RecordBatch>,
    /// Rows that the source gave.
    given: u64,
    /// Rows of the table.
    known: u64,
    /// Up to this row they were cleared, and cannot be compared.
    cleared: u64,
}

/// Why a source does not continue the table.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KnownError<E: std::error::Error + 'static> {
    /// A row is another one.
    #[error("row {} differs from what was published: a feed cannot be changed, only continued", .row + 1)]
    Differs {
        /// Its number, from 0.
        row: u64,
    },
    /// The table cannot be read.
    #[error(transparent)]
    Scan(#[from] ScanError<E>),
}

impl KnownRows {
    /// The rows of a table of `known` rows in a feed of `length` blocks.
    ///
    /// # Errors
    /// What is wrong with the table, or what `read` said.
    pub fn new<B: AsRef<[u8]>, E: std::error::Error + 'static>(
        length: u64,
        known: u64,
        read: impl FnMut(u64) -> Result<Option<B>, E>,
    ) -> Result<Self, ScanError<E>> {
        let plan = locate(length, Query::default(), read)?;
        let cleared = plan.gone.last().map_or(0, |rows| rows.end);
        Ok(Self { rows: Rows::new(plan), ahead: None, given: 0, known, cleared })
    }

    /// Takes the next rows of the source. Returns those that the table does not have.
    ///
    /// # Errors
    /// [`KnownError::Differs`] names the first row that is another one; otherwise as in [`new`](Self::new).
    pub fn leave_out<B: AsRef<[u8]>, E: std::error::Error + 'static>(
        &mut self,
        rows: &RecordBatch,
        mut read: impl FnMut(u64) -> Result<Option<B>, E>,
    ) -> Result<RecordBatch, KnownError<E>> {
        let mut at = 0;
        while at < rows.num_rows() && self.given < self.known {
            let left = rows.num_rows() - at;
            if self.given < self.cleared {
                let skipped = left.min((self.cleared - self.given) as usize);
                at += skipped;
                self.given += skipped as u64;
                continue;
            }
            let Some(ahead) = self.ahead.take() else {
                match self.rows.read_next(&mut read)? {
                    Some(RowsEvent::Rows(more)) => self.ahead = Some(more),
                    Some(RowsEvent::Gone(gone)) => self.cleared = gone.end,
                    Some(RowsEvent::Nothing) => {}
                    None => self.known = self.given,
                }
                continue;
            };
            let count = left.min(ahead.num_rows());
            let (given, known) = (rows.slice(at, count), ahead.slice(0, count));
            if given != known {
                let differs = |nth: &usize| given.slice(*nth, 1) != known.slice(*nth, 1);
                let nth = (0..count).find(differs).unwrap_or_default();
                return Err(KnownError::Differs { row: self.given + nth as u64 });
            }
            at += count;
            self.given += count as u64;
            if count < ahead.num_rows() {
                self.ahead = Some(ahead.slice(count, ahead.num_rows() - count));
            }
        }
        Ok(rows.slice(at, rows.num_rows() - at))
    }
}
