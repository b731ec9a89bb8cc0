//! Signed acceptances of my terms of use.

use dazaar_log::{FeedKey, IdentityKey};

use super::{Database, DatabaseError, OptionalExtension};

impl Database {
    /// Stores a buyer's signed acceptance; it is on disk when this returns. The first record of the same terms stays.
    pub fn put_acceptance(
        &self,
        feed: &FeedKey,
        buyer: &IdentityKey,
        terms_hash: &[u8; 32],
        record: &[u8],
        now_ms: i64,
    ) -> Result<(), DatabaseError> {
        let sql =
            "INSERT INTO acceptance (feed, buyer, terms_hash, record, stored_ms) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT DO NOTHING";
        self.connection().execute(sql, (feed.as_bytes(), buyer.as_bytes(), terms_hash, record, now_ms))?;
        Ok(())
    }

    /// The record by which a buyer accepted these terms.
    pub fn acceptance(
        &self,
        feed: &FeedKey,
        buyer: &IdentityKey,
        terms_hash: &[u8; 32],
    ) -> Result<Option<Vec<u8>>, DatabaseError> {
        let sql = "SELECT record FROM acceptance WHERE feed = ?1 AND buyer = ?2 AND terms_hash = ?3";
        let parameters = (feed.as_bytes(), buyer.as_bytes(), terms_hash);
        Ok(self.connection().query_row(sql, parameters, |row| row.get(0)).optional()?)
    }
}
