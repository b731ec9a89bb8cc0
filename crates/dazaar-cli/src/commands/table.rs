//! Questions to tables, as several commands ask them: what is asked, where the rows go, and where they come from.

mod answer;
mod cursor;
mod delivery;
mod local;
mod question;
mod summary;

pub(super) use answer::Answer;
pub(super) use cursor::Cursor;
pub(super) use delivery::TableDelivery;
pub(super) use local::{answer_from_disk, holds_all};
pub(super) use question::{
    Question, RowsFormat, Times, create, file_of, format_of, output_format, reserve_for_rows, span,
};
pub(super) use summary::{SummaryDelivery, summary};
