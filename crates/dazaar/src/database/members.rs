//! Feeds that come with another: those that I sell, and those that I buy.

use std::path::PathBuf;

use dazaar_log::{FeedKey, IdentityKey};
use dazaar_market::Member;
use dazaar_market::limits::MEMBERS_MAX;
use rusqlite::{Connection, TransactionBehavior};

use super::listings::put_listing;
use super::{Database, DatabaseError, Listing, key};

/// A feed that is sold together with another; or that other one itself, if buyers are told what the data calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedMember {
    /// Its key.
    pub feed: FeedKey,
    /// Its folder.
    pub folder: PathBuf,
}

impl Database {
    /// Records a listing, and which feeds come with it instead of those of before, all or nothing.
    ///
    /// # Errors
    /// As [`put_listing`](Self::put_listing); [`DatabaseError::TooManyMembers`].
    pub fn put_listing_with(&self, listing: &Listing, members: &[ListedMember]) -> Result<(), DatabaseError> {
        if members.iter().filter(|member| member.feed != listing.feed).count() > MEMBERS_MAX {
            return Err(DatabaseError::TooManyMembers { max: MEMBERS_MAX });
        }
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        put_listing(&transaction, listing)?;
        let listing = listing.feed;
        transaction.execute("DELETE FROM listing_member WHERE listing = ?1", [listing.as_bytes()])?;
        for member in members {
            insert(&transaction, &listing, member)?;
        }
        Ok(transaction.commit()?)
    }

    /// Records that one more feed comes with a listed one.
    ///
    /// # Errors
    /// [`DatabaseError::TooManyMembers`].
    pub fn add_listing_member(&self, listing: &FeedKey, member: &ListedMember) -> Result<(), DatabaseError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let sql = "SELECT count(*) FROM listing_member WHERE listing = ?1 AND feed NOT IN (?1, ?2)";
        let others: i64 =
            transaction.query_row(sql, [listing.as_bytes(), member.feed.as_bytes()], |row| row.get(0))?;
        if others >= MEMBERS_MAX as i64 {
            return Err(DatabaseError::TooManyMembers { max: MEMBERS_MAX });
        }
        insert(&transaction, listing, member)?;
        Ok(transaction.commit()?)
    }

    /// The feeds that come with a listed one.
    pub fn listing_members(&self, listing: &FeedKey) -> Result<Vec<ListedMember>, DatabaseError> {
        let connection = self.connection();
        let sql = "SELECT feed, folder FROM listing_member WHERE listing = ?1 ORDER BY feed";
        let mut statement = connection.prepare_cached(sql)?;
        let members = statement.query_map([listing.as_bytes()], |row| {
            Ok(ListedMember { feed: key(row, 0)?, folder: PathBuf::from(row.get::<_, String>(1)?) })
        })?;
        Ok(members.collect::<Result<_, _>>()?)
    }

    /// Records a feed that comes with the one that a seller gave me, or what the data calls that one. The first of a name stays for ever.
    pub fn put_purchase_member(&self, seller: &IdentityKey, member: &Member) -> Result<(), DatabaseError> {
        let sql =
            "INSERT INTO purchase_member (seller, feed, key) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        let Member { feed, key } = member;
        self.connection().execute(sql, (seller.as_bytes(), feed.as_bytes(), key.as_bytes()))?;
        Ok(())
    }

    /// The feeds that come with the one that a seller gave me, and that one, if the seller said what the data calls it.
    pub fn purchase_members(&self, seller: &IdentityKey) -> Result<Vec<Member>, DatabaseError> {
        let connection = self.connection();
        let sql = "SELECT feed, key FROM purchase_member WHERE seller = ?1 ORDER BY feed";
        let mut statement = connection.prepare_cached(sql)?;
        let members = statement
            .query_map([seller.as_bytes()], |row| Ok(Member { feed: key(row, 0)?, key: key(row, 1)? }))?;
        Ok(members.collect::<Result<_, _>>()?)
    }
}

fn insert(connection: &Connection, listing: &FeedKey, member: &ListedMember) -> Result<(), DatabaseError> {
    let sql = "INSERT OR REPLACE INTO listing_member (listing, feed, folder) VALUES (?1, ?2, ?3)";
    let ListedMember { feed, folder } = member;
    connection.execute(sql, (listing.as_bytes(), feed.as_bytes(), folder.to_string_lossy()))?;
    Ok(())
}
