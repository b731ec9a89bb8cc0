//! Reading a table: a question, the blocks that answer it, the rows in them.
//!
//! [`Locator`] goes down the index and finds the blocks; [`Rows`] takes them one after the other and gives the rows. Neither knows where
//! blocks come from: they say which ones they need.
//!
//! Grade: machine. What the index says is the seller's word: a segment that is not as it said ends the reading with
//! [`ReadError::Contradiction`], and the rows before it were true.

mod condition;
mod error;
mod locate;
mod query;
mod quote;
mod rows;
mod scan;

pub use condition::{Condition, ConditionError};
pub use error::ReadError;
pub use locate::{Coverage, Locator, Plan};
pub use query::{Query, QueryError, Selection};
pub use quote::{Quote, quote};
pub use rows::{Rows, RowsEvent};
pub use scan::{ScanError, locate};
