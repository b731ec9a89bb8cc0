//! The rows of a question out of a feed on this disk.

use dazaar::folder::Folder;
use dazaar::log::{Log, LogError};
use dazaar_table::read::{Plan, Query, Rows, RowsEvent, locate};

use super::Answer;
use super::delivery::tell_gone;
use crate::failure::Failure;
use crate::output::Output;

/// Answers from the disk alone. Blocks that are not here are gone.
pub(crate) fn answer_from_disk(
    log: &Log<Folder>,
    query: Query,
    mut answer: Answer,
    output: &Output,
) -> Result<(), Failure> {
    let plan = find(log, query)?;
    answer.begin(&plan.schema, &plan.selection.columns)?;
    plan.gone.iter().try_for_each(|rows| tell_gone(rows, output))?;
    let mut rows = Rows::new(plan);
    while let Some(event) = rows.read_next(|block| log.block(block))? {
        match event {
            RowsEvent::Rows(rows) => answer.rows(&rows)?,
            RowsEvent::Gone(rows) => tell_gone(&rows, output)?,
            RowsEvent::Nothing => {}
        }
    }
    answer.flush(rows.next_row())?;
    answer.finish()?;
    Ok(())
}

/// Whether every block that a question needs is here.
pub(crate) fn holds_all(log: &Log<Folder>, query: &Query) -> Result<bool, Failure> {
    let mut is_missing = log.length() == 0;
    let plan = locate(log.length(), query.clone(), |block| {
        let found = log.block(block)?;
        is_missing |= found.is_none();
        Ok::<_, LogError>(found)
    });
    match plan {
        _ if is_missing => Ok(false),
        Ok(plan) => Ok(Rows::new(plan).blocks().all(|block| log.has(block))),
        Err(error) => Err(error.into()),
    }
}

fn find(log: &Log<Folder>, query: Query) -> Result<Plan, Failure> {
    Ok(locate(log.length(), query, |block| log.block(block))?)
}
