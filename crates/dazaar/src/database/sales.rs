//! Who bought what from me.

use dazaar_log::{FeedKey, IdentityKey};
use dazaar_market::meter::Moment;
use rusqlite::Row;

use super::{Database, DatabaseError, OptionalExtension, key};

/// One buyer of one listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sale {
    /// The feed that is sold.
    pub feed: FeedKey,
    /// Who buys.
    pub buyer: IdentityKey,
    /// The feed that this buyer got.
    pub unique_feed: FeedKey,
    /// The secret of that feed (64 bytes), if it is another one than the master key gives (an imported market).
    pub secret: Option<[u8; 64]>,
    /// First admitted.
    pub since_ms: i64,
    /// Last admitted.
    pub seen_ms: i64,
    /// Blocks delivered.
    pub blocks: i64,
    /// Bytes delivered, of blocks only.
    pub bytes: i64,
}

impl Database {
    /// Records the first admission of a buyer. The record that is there wins.
    pub fn put_sale(&self, sale: &Sale) -> Result<(), DatabaseError> {
        let sql = "INSERT INTO sale (feed, buyer, unique_feed, secret, since_ms, seen_ms, blocks, bytes)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING";
        self.connection().execute(
            sql,
            (
                sale.feed.as_bytes(),
                sale.buyer.as_bytes(),
                sale.unique_feed.as_bytes(),
                sale.secret,
                sale.since_ms,
                sale.seen_ms,
                sale.blocks,
                sale.bytes,
            ),
        )?;
        Ok(())
    }

    /// Adds to what was delivered, at the time `now`. Like charges, a power cut loses what was added in the last second.
    pub fn add_delivery(
        &self,
        feed: &FeedKey,
        buyer: &IdentityKey,
        blocks: u64,
        bytes: u64,
        now: &Moment,
    ) -> Result<(), DatabaseError> {
        let sql = "UPDATE sale SET blocks = blocks + ?3, bytes = bytes + ?4, seen_ms = ?5 WHERE feed = ?1 AND buyer = ?2";
        let (blocks, bytes) =
            (i64::try_from(blocks).unwrap_or(i64::MAX), i64::try_from(bytes).unwrap_or(i64::MAX));
        // In this order, as charges do.
        let mut charges = self.charges();
        let _writer = self.connection();
        charges.write(now.running_ms, |connection| {
            let row = (feed.as_bytes(), buyer.as_bytes(), blocks, bytes, now.wall_ms);
            connection.prepare_cached(sql)?.execute(row)?;
            Ok(())
        })
    }

    /// One buyer's record.
    pub fn sale(&self, feed: &FeedKey, buyer: &IdentityKey) -> Result<Option<Sale>, DatabaseError> {
        let sql = format!("{SELECT} WHERE feed = ?1 AND buyer = ?2");
        Ok(self.connection().query_row(&sql, (feed.as_bytes(), buyer.as_bytes()), sale).optional()?)
    }

    /// All buyers of a feed, first come first.
    pub fn sales(&self, feed: &FeedKey) -> Result<Vec<Sale>, DatabaseError> {
        let connection = self.connection();
        let mut statement =
            connection.prepare_cached(&format!("{SELECT} WHERE feed = ?1 ORDER BY since_ms, buyer"))?;
        let sales = statement.query_map([feed.as_bytes()], sale)?;
        Ok(sales.collect::<Result<_, _>>()?)
    }
}

const SELECT: &str = "SELECT feed, buyer, unique_feed, secret, since_ms, seen_ms, blocks, bytes FROM sale";

fn sale(row: &Row<'_>) -> rusqlite::Result<Sale> {
    Ok(Sale {
        feed: key(row, 0)?,
        buyer: key(row, 1)?,
        unique_feed: key(row, 2)?,
        secret: row.get(3)?,
        since_ms: row.get(4)?,
        seen_ms: row.get(5)?,
        blocks: row.get(6)?,
        bytes: row.get(7)?,
    })
}
