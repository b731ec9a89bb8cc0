//! How long a feed was when: what gives its blocks an age.

use dazaar_log::FeedKey;

use super::{Database, DatabaseError};

impl Database {
    /// Records how long a feed is now. A length that is on record keeps its first time.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`].
    pub fn put_mark(&self, feed: &FeedKey, length: u64, now_ms: i64) -> Result<(), DatabaseError> {
        let sql = "INSERT INTO mark (feed, length, time_ms) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        self.connection().prepare_cached(sql)?.execute((feed.as_bytes(), signed(length), now_ms))?;
        Ok(())
    }

    /// How long a feed is known to have been at a time: blocks before are as old as that, or older. Earlier marks are of
    /// no more use, and dropped.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`], [`DatabaseError::Damaged`].
    pub fn length_at(&self, feed: &FeedKey, time_ms: i64) -> Result<u64, DatabaseError> {
        let connection = self.connection();
        let sql = "SELECT coalesce(max(length), 0) FROM mark WHERE feed = ?1 AND time_ms <= ?2";
        let length: i64 =
            connection.prepare_cached(sql)?.query_row((feed.as_bytes(), time_ms), |row| row.get(0))?;
        let sql = "DELETE FROM mark WHERE feed = ?1 AND length < ?2";
        connection.prepare_cached(sql)?.execute((feed.as_bytes(), length))?;
        u64::try_from(length).map_err(|_| DatabaseError::Damaged { column: "mark.length" })
    }
}

/// No log is as long as would not fit.
fn signed(length: u64) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
