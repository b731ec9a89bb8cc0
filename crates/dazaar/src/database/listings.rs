//! What I sell.

use std::path::PathBuf;

use dazaar_log::FeedKey;
use rusqlite::{Connection, Row, named_params};
use serde::{Deserialize, Serialize};

use super::{Database, DatabaseError, key};

/// One thing that I sell: a feed of mine, and on which conditions others get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Key of the feed itself. Buyers of a unique feed never see it.
    pub feed: FeedKey,
    /// What I call it; unique in this market.
    pub name: String,
    /// Folder of the feed.
    pub folder: PathBuf,
    /// The seller's secret, if it is another one than the master key gives (an imported market).
    pub seller_secret: Option<[u8; 32]>,
    /// The card, as JSON.
    pub card: String,
    /// Terms of use that a buyer accepts first.
    pub terms: Option<String>,
    /// Whether peers that cannot sign the terms (npm dazaar) are served.
    pub unsigned_terms: bool,
    /// What admits a buyer.
    pub admission: Admission,
    /// Address to listen on; none picks a free port.
    pub listen: Option<String>,
    /// When it was first listed.
    pub created_ms: i64,
    /// How much of the past is kept.
    pub keep: Retention,
}

/// How much of the past a listing keeps; everything, unless it says less.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Milliseconds for which a block is kept.
    pub age_ms: Option<i64>,
    /// Bytes that the blocks may have together; the oldest go first.
    pub bytes: Option<i64>,
}

/// What admits a buyer to a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Admission {
    /// Everybody, to the feed itself: buyers may pass it on to each other.
    Free,
    /// Everybody, each to a feed of their own, which can be revoked.
    Everybody,
    /// Those whom I granted time, or admitted for good.
    Granted,
    /// An external command answers: exit code 0 admits.
    Command {
        /// Program and arguments.
        command: Vec<String>,
    },
    /// A web service of mine answers.
    Http {
        /// Where to post the question.
        url: String,
    },
}

impl Database {
    /// Stores a new listing or replaces the one of the same feed.
    ///
    /// # Errors
    /// [`DatabaseError::NameTaken`] if another feed is listed under this name.
    pub fn put_listing(&self, listing: &Listing) -> Result<(), DatabaseError> {
        put_listing(&self.connection(), listing)
    }

    /// Everything that I sell, oldest first.
    pub fn listings(&self) -> Result<Vec<Listing>, DatabaseError> {
        select(&self.connection(), "ORDER BY created_ms, name", [])
    }

    /// The listing of a feed.
    pub fn listing(&self, feed: &FeedKey) -> Result<Option<Listing>, DatabaseError> {
        Ok(select(&self.connection(), "WHERE feed = ?1", [feed.as_bytes()])?.pop())
    }

    /// The listing with this name.
    pub fn listing_named(&self, name: &str) -> Result<Option<Listing>, DatabaseError> {
        Ok(select(&self.connection(), "WHERE name = ?1", [name])?.pop())
    }
}

pub(super) fn put_listing(connection: &Connection, listing: &Listing) -> Result<(), DatabaseError> {
    let sql = "INSERT INTO listing (feed, name, folder, seller_secret, card, terms, unsigned_terms, admission,
                listen, created_ms, keep_ms, keep_bytes)
            VALUES (:feed, :name, :folder, :seller_secret, :card, :terms, :unsigned_terms, :admission, :listen, :created,
                :keep_ms, :keep_bytes)
            ON CONFLICT (feed) DO UPDATE SET name = :name, folder = :folder, seller_secret = :seller_secret,
                card = :card, terms = :terms, unsigned_terms = :unsigned_terms, admission = :admission,
                listen = :listen, keep_ms = :keep_ms, keep_bytes = :keep_bytes";
    let admission = serde_json::to_string(&listing.admission)
        .map_err(|_| DatabaseError::Damaged { column: "listing.admission" })?;
    let result = connection.execute(
        sql,
        named_params! {
            ":feed": listing.feed.as_bytes(),
            ":name": listing.name,
            ":folder": listing.folder.to_string_lossy(),
            ":seller_secret": listing.seller_secret,
            ":card": listing.card,
            ":terms": listing.terms,
            ":unsigned_terms": listing.unsigned_terms,
            ":admission": admission,
            ":listen": listing.listen,
            ":created": listing.created_ms,
            ":keep_ms": listing.keep.age_ms,
            ":keep_bytes": listing.keep.bytes,
        },
    );
    match result {
        Err(rusqlite::Error::SqliteFailure(error, _))
            if error.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE =>
        {
            Err(DatabaseError::NameTaken { name: listing.name.clone() })
        }
        result => Ok(result.map(drop)?),
    }
}

fn select(
    connection: &Connection,
    filter: &str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<Listing>, DatabaseError> {
    let sql = format!(
        "SELECT feed, name, folder, seller_secret, card, terms, unsigned_terms, admission, listen, created_ms,
            keep_ms, keep_bytes
         FROM listing {filter}"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(parameters, listing)?;
    rows.map(|row| {
        let (mut listing, admission) = row?;
        listing.admission = serde_json::from_str(&admission)
            .map_err(|_| DatabaseError::Damaged { column: "listing.admission" })?;
        Ok(listing)
    })
    .collect()
}

/// The row, and its admission still as text.
fn listing(row: &Row<'_>) -> rusqlite::Result<(Listing, String)> {
    let listing = Listing {
        feed: key(row, 0)?,
        name: row.get(1)?,
        folder: PathBuf::from(row.get::<_, String>(2)?),
        seller_secret: row.get(3)?,
        card: row.get(4)?,
        terms: row.get(5)?,
        unsigned_terms: row.get(6)?,
        admission: Admission::Granted,
        listen: row.get(8)?,
        created_ms: row.get(9)?,
        keep: Retention { age_ms: row.get(10)?, bytes: row.get(11)? },
    };
    Ok((listing, row.get(7)?))
}
