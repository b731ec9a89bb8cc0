//! Reading a table whose blocks are at hand, as in a folder.
//!
//! Grade: over a door, the function that reads a block.

use super::error::ReadError;
use super::locate::{Locator, Plan};
use super::query::Query;
use super::rows::{Rows, RowsEvent};

/// Why a scan ends.
#[derive(Debug, thiserror::Error)]
pub enum ScanError<E: std::error::Error + 'static> {
    /// The table is not what it should be.
    #[error(transparent)]
    Table(#[from] ReadError),
    /// The blocks cannot be read.
    #[error(transparent)]
    Read(E),
}

/// Finds the blocks of a question in a feed of `length` blocks. `read` gives a block, or nothing if it is not here.
///
/// # Errors
/// What is wrong with the table, or what `read` said.
pub fn locate<B: AsRef<[u8]>, E: std::error::Error + 'static>(
    length: u64,
    query: Query,
    mut read: impl FnMut(u64) -> Result<Option<B>, E>,
) -> Result<Plan, ScanError<E>> {
    let mut locator = Locator::new(length, query);
    loop {
        let wanted = locator.wanted();
        if wanted.is_empty() {
            return Ok(locator.into_plan().expect("nothing more is wanted"));
        }
        for number in wanted {
            let block = read(number).map_err(ScanError::Read)?;
            locator.handle_block(number, block.as_ref().map(AsRef::as_ref))?;
        }
    }
}

impl Rows {
    /// What the next block brings; `None` at the end. `read` gives a block, or nothing if it is not here.
    ///
    /// # Errors
    /// What is wrong with the block, or what `read` said.
    pub fn read_next<B: AsRef<[u8]>, E: std::error::Error + 'static>(
        &mut self,
        mut read: impl FnMut(u64) -> Result<Option<B>, E>,
    ) -> Result<Option<RowsEvent>, ScanError<E>> {
        let Some(number) = self.wanted() else { return Ok(None) };
        let block = read(number).map_err(ScanError::Read)?;
        Ok(Some(self.handle_block(block.as_ref().map(AsRef::as_ref))?))
    }
}
