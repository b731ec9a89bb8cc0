//! Transactions: on record before they are sent.

use alloy_primitives::B256;
use rusqlite::params;

use super::{Store, StoreError, bytes, signed, unsigned};

/// A transaction that was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Submission {
    /// How many the account had made before.
    pub(crate) nonce: u64,
    /// Its name.
    pub(crate) hash: B256,
    /// What nodes take.
    pub(crate) raw: Vec<u8>,
    /// Wei for the block's maker, for a unit of gas.
    pub(crate) tip: u64,
    /// Wei in all, for a unit of gas.
    pub(crate) max_fee: u64,
    /// When it was signed.
    pub(crate) signed_ms: i64,
}

impl Store {
    /// Records a transaction, if there were so many for its purpose before. False if another process was quicker: then this one must
    /// not be sent.
    pub(crate) fn put_submission(
        &self,
        purpose: &[u8],
        submission: &Submission,
        before: usize,
    ) -> Result<bool, StoreError> {
        let sql = "INSERT INTO submission (purpose, nonce, hash, raw, tip, max_fee, signed_ms)
            SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE (SELECT count(*) FROM submission WHERE purpose = ?1) = ?8";
        let row = params![
            purpose,
            signed(submission.nonce),
            submission.hash.as_slice(),
            submission.raw,
            signed(submission.tip),
            signed(submission.max_fee),
            submission.signed_ms,
            before,
        ];
        Ok(self.connection().execute(sql, row)? == 1)
    }

    /// The transactions for a purpose, the first one first.
    pub(crate) fn submissions(&self, purpose: &[u8]) -> Result<Vec<Submission>, StoreError> {
        let connection = self.connection();
        let sql = "SELECT nonce, hash, raw, tip, max_fee, signed_ms FROM submission WHERE purpose = ?1 ORDER BY seq";
        let mut statement = connection.prepare_cached(sql)?;
        let rows = statement.query_map([purpose], |row| {
            Ok(Submission {
                nonce: unsigned(row, 0)?,
                hash: bytes(row, 1)?.into(),
                raw: row.get(2)?,
                tip: unsigned(row, 3)?,
                max_fee: unsigned(row, 4)?,
                signed_ms: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
