//! The ledger: what was paid, delivered, refunded and is left, to the last unit.
//!
//! An account is one buyer's under one price of one listing: *paid = delivered + left + refunded + revoked*, which the database
//! itself checks in every row. Methods may report a payment as often as they like; here it counts once, in the transaction that
//! also moves the method's cursor.
//!
//! It is SQLite. Statements keep to what PostgreSQL has too, and a test asks both the same and compares the answers; the dialects differ in
//! placeholders, types of columns and the tables' `STRICT`.

mod accounts;
mod charges;
mod clock;
mod orders;
mod receipts;
mod refunds;
mod report;
mod rows;
mod unordered;
mod vouchers;

pub use accounts::{Account, Credit};
pub(super) use accounts::{open as open_account, parse_price, pay as pay_account, signed, take_all};
pub(super) use charges::time_credit_of;
pub use charges::{Standing, Used};
pub use orders::{Order, OrderId, OrderLimits, OrderPayment, OrderRecord};
pub use receipts::{Applied, Finality, Receipt};
pub use refunds::{RefundName, RefundRecord, Refunded};
pub use report::{LedgerLine, LedgerTotal};
pub use unordered::Unordered;
pub use vouchers::{Redeemed, Voucher, VoucherError};

#[cfg(test)]
mod tests;
