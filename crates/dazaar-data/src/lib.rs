//! Tables and maps by name, link or card: rows and entries from the disk, and from their seller where the disk has none.
//!
//! [`Tables`] opens a [`Table`]; [`Table::rows`] answers a question, [`Table::follow`] goes on with what is new. Only the blocks
//! that a question needs are downloaded, and those stay on the disk. [`TablePublisher`] is the other side: rows become a feed.
//! [`Map`] is a hypertrie, opened by [`Tables::open_map`] and written by [`MapPublisher`]; [`DbMap`] is a hyperdb, and
//! [`Tables::open_any_map`] opens either.

mod answer;
mod ask;
mod contents;
mod describe;
mod error;
mod find;
mod free;
mod gaps;
mod map;
mod preview;
mod publish;
mod quote;
mod remote;
mod rows;
mod several;
mod source;
mod table;

pub use answer::{answer_all, is_question};
pub use ask::{Question, ask};
pub use contents::contents_of;
pub use describe::{covered, described, described_map, nothing};
pub use error::{MapError, OpenError, SellerError, TableError};
pub use find::{FindError, find_folder, find_seller, is_seller};
pub use free::{Free, FreeError, Period};
pub use gaps::gaps;
pub use map::{Map, MapChange, MapPublisher, RowsTaken};
pub use preview::{CARD_FIELD, PREVIEW_ROWS_MAX, PreviewAnswer, PreviewQuestion};
pub use publish::{PublishError, TablePublisher};
pub use quote::{QuoteAnswer, QuoteCost, QuoteQuestion};
pub use rows::RowStream;
pub use several::{AnyMap, DbMap, publish_to_db};
pub use table::{Settings, Table, Tables};
