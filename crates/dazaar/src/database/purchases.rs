//! What I buy.

use dazaar_log::{FeedKey, IdentityKey};
use rusqlite::Row;

use super::{Database, DatabaseError, OptionalExtension, key, optional_key};

/// One seller from whom I buy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// The seller.
    pub seller: IdentityKey,
    /// The feed that the seller gave me, once known. It never changes.
    pub feed: Option<FeedKey>,
    /// Name on the card or link.
    pub name: Option<String>,
    /// The card, as JSON.
    pub card: Option<String>,
    /// Where the seller can be reached: `host:port`.
    pub addresses: Vec<String>,
    /// Hash of the terms that I accepted.
    pub terms_hash: Option<[u8; 32]>,
    /// When I first bought.
    pub since_ms: i64,
}

impl Database {
    /// Stores a purchase. What is known of an earlier one of the same seller stays where the new one says nothing; a
    /// feed that is known stays in any case.
    pub fn put_purchase(&self, purchase: &Purchase) -> Result<(), DatabaseError> {
        let sql = "INSERT INTO purchase (seller, feed, name, card, addresses, terms_hash, since_ms)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
            ON CONFLICT (seller) DO UPDATE SET feed = coalesce(feed, ?2), name = coalesce(?3, name),
                card = coalesce(?4, card), addresses = CASE ?5 WHEN '[]' THEN addresses ELSE ?5 END,
                terms_hash = coalesce(?6, terms_hash)";
        self.connection().execute(
            sql,
            (
                purchase.seller.as_bytes(),
                purchase.feed.as_ref().map(FeedKey::as_bytes),
                &purchase.name,
                &purchase.card,
                serde_json::Value::from(purchase.addresses.clone()).to_string(),
                purchase.terms_hash,
                purchase.since_ms,
            ),
        )?;
        Ok(())
    }

    /// Records the feed that a seller gave me. The first one stays for ever.
    pub fn set_purchase_feed(&self, seller: &IdentityKey, feed: &FeedKey) -> Result<(), DatabaseError> {
        let sql = "UPDATE purchase SET feed = ?2 WHERE seller = ?1 AND feed IS NULL";
        self.connection().execute(sql, (seller.as_bytes(), feed.as_bytes()))?;
        Ok(())
    }

    /// Records whether a seller gives everybody the feed that I have.
    pub fn set_purchase_free(&self, seller: &IdentityKey, is_free: bool) -> Result<(), DatabaseError> {
        let sql = "UPDATE purchase SET free = ?2 WHERE seller = ?1";
        self.connection().execute(sql, (seller.as_bytes(), is_free))?;
        Ok(())
    }

    /// Whether a seller said so.
    pub fn is_purchase_free(&self, seller: &IdentityKey) -> Result<bool, DatabaseError> {
        let sql = "SELECT free FROM purchase WHERE seller = ?1";
        let free = self.connection().query_row(sql, [seller.as_bytes()], |row| row.get(0)).optional()?;
        Ok(free.unwrap_or(false))
    }

    /// Everything that I buy, oldest first.
    pub fn purchases(&self) -> Result<Vec<Purchase>, DatabaseError> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(&format!("{SELECT} ORDER BY since_ms, seller"))?;
        let purchases = statement.query_map([], purchase)?;
        Ok(purchases.collect::<Result<_, _>>()?)
    }

    /// What I buy from a seller.
    pub fn purchase(&self, seller: &IdentityKey) -> Result<Option<Purchase>, DatabaseError> {
        let sql = format!("{SELECT} WHERE seller = ?1");
        Ok(self.connection().query_row(&sql, [seller.as_bytes()], purchase).optional()?)
    }
}

const SELECT: &str = "SELECT seller, feed, name, card, addresses, terms_hash, since_ms FROM purchase";

fn purchase(row: &Row<'_>) -> rusqlite::Result<Purchase> {
    let addresses: String = row.get(4)?;
    Ok(Purchase {
        seller: key(row, 0)?,
        feed: optional_key(row, 1)?,
        name: row.get(2)?,
        card: row.get(3)?,
        addresses: serde_json::from_str(&addresses).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(4, rusqlite::types::Type::Text, Box::new(error))
        })?,
        terms_hash: row.get(5)?,
        since_ms: row.get(6)?,
    })
}
