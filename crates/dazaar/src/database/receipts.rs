//! Receipts that sellers signed for what I paid.

use dazaar_market::SignedReceipt;
use rusqlite::params;
use serde_json::Value;

use super::spending::add_counted;
use super::{Database, DatabaseError, OrderId};

impl Database {
    /// Keeps a receipt that was verified. The first one for a payment stays, and says what came of the order of mine that it is for, if it is
    /// known.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`].
    pub fn put_receipt(
        &self,
        receipt: &SignedReceipt,
        signed: &Value,
        order: Option<&OrderId>,
        now_ms: i64,
    ) -> Result<(), DatabaseError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let sql =
            "INSERT INTO receipt (seller, method, reference, receipt, stored_ms) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT DO NOTHING";
        let seller = receipt.seller.as_bytes();
        let row = params![seller, receipt.method, receipt.reference, signed.to_string(), now_ms];
        let is_new = transaction.execute(sql, row)? == 1;
        if let (true, Some(order), Some(money)) = (is_new, order, &receipt.money) {
            add_counted(&transaction, order, money.units)?;
        }
        Ok(transaction.commit()?)
    }

    /// All receipts, first come first, as their sellers signed them.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`], [`DatabaseError::Damaged`].
    pub fn receipts(&self) -> Result<Vec<Value>, DatabaseError> {
        let connection = self.connection();
        let mut statement =
            connection.prepare_cached("SELECT receipt FROM receipt ORDER BY stored_ms, seller, reference")?;
        let texts = statement.query_map([], |row| row.get::<_, String>(0))?;
        texts
            .map(|text| {
                let damaged = |_| DatabaseError::Damaged { column: "receipt.receipt" };
                serde_json::from_str(&text?).map_err(damaged)
            })
            .collect()
    }
}
