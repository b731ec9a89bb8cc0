//! Vouchers: codes that give a buyer credit, once. Burning one and crediting the buyer is one transaction.

use dazaar_log::{FeedKey, IdentityKey};
use dazaar_market::voucher::VoucherHash;
use rusqlite::{Row, TransactionBehavior, params};

use super::super::{Database, DatabaseError, OptionalExtension, key, optional_key};
use super::Credit;
use super::accounts::TIME_MAX_MS;
use crate::database::grants::{Grant, grant};

/// The method under which entries of vouchers stand.
const METHOD: &str = "credit";

/// A voucher on record. Its code is nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voucher {
    /// The hash of its code.
    pub hash: VoucherHash,
    /// The listing for which it is.
    pub feed: FeedKey,
    /// Milliseconds of delivery; none admits until revoked.
    pub amount_ms: Option<i64>,
    /// When it was made.
    pub made_ms: i64,
    /// Until when it can be redeemed.
    pub expires_ms: Option<i64>,
    /// When the seller took it back.
    pub revoked_ms: Option<i64>,
    /// Who redeemed it.
    pub buyer: Option<IdentityKey>,
    /// When.
    pub used_ms: Option<i64>,
}

/// What became of a voucher that is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redeemed {
    /// Milliseconds that it gave; none admits until revoked.
    pub amount_ms: Option<i64>,
    /// Whether this buyer had redeemed it before.
    pub again: bool,
    /// When it was redeemed first.
    pub time_ms: i64,
    /// What the buyer has now.
    pub credit: Credit,
}

/// Why a voucher gives nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VoucherError {
    /// No such voucher was made for this listing.
    #[error("this voucher is not known here")]
    Unknown,
    /// Somebody else was faster.
    #[error("this voucher was used by somebody else")]
    Used,
    /// Its time is over.
    #[error("this voucher has expired")]
    Expired,
    /// The seller took it back.
    #[error("this voucher was revoked")]
    Revoked,
}

impl VoucherError {
    /// A word for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Used => "used",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

const SELECT: &str =
    "SELECT hash, feed, amount_ms, made_ms, expires_ms, revoked_ms, buyer, used_ms FROM voucher";

impl Database {
    /// Records new vouchers, all or none.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`], also if one of them is on record; [`DatabaseError::TooMuch`] for more than a thousand years.
    pub fn put_vouchers(&self, vouchers: &[Voucher]) -> Result<(), DatabaseError> {
        let amounts = vouchers.iter().filter_map(|voucher| u64::try_from(voucher.amount_ms?).ok());
        if let Some(units) = amounts.max().filter(|amount_ms| *amount_ms > TIME_MAX_MS) {
            return Err(DatabaseError::TooMuch { units });
        }
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let sql =
            "INSERT INTO voucher (hash, feed, amount_ms, made_ms, expires_ms) VALUES (?1, ?2, ?3, ?4, ?5)";
        for voucher in vouchers {
            let (hash, feed) = (voucher.hash.0, voucher.feed.as_bytes());
            let row = params![hash, feed, voucher.amount_ms, voucher.made_ms, voucher.expires_ms];
            transaction.prepare_cached(sql)?.execute(row)?;
        }
        Ok(transaction.commit()?)
    }

    /// The vouchers of a listing, in the order in which they were made.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`].
    pub fn vouchers(&self, feed: &FeedKey) -> Result<Vec<Voucher>, DatabaseError> {
        let connection = self.connection();
        let mut statement =
            connection.prepare_cached(&format!("{SELECT} WHERE feed = ?1 ORDER BY made_ms, hash"))?;
        let vouchers = statement.query_map([feed.as_bytes()], voucher)?;
        Ok(vouchers.collect::<Result<_, _>>()?)
    }

    /// Takes a voucher back, if nobody has redeemed it. Returns it as it is now; none if there is no such voucher.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`].
    pub fn revoke_voucher(&self, hash: &VoucherHash, now_ms: i64) -> Result<Option<Voucher>, DatabaseError> {
        let connection = self.connection();
        let sql =
            "UPDATE voucher SET revoked_ms = ?2 WHERE hash = ?1 AND revoked_ms IS NULL AND used_ms IS NULL";
        connection.execute(sql, params![hash.0, now_ms])?;
        let sql = format!("{SELECT} WHERE hash = ?1");
        Ok(connection.query_row(&sql, [hash.0], voucher).optional()?)
    }

    /// Burns a voucher and credits the buyer, both or neither. The buyer who has redeemed it may ask again, as if the answer was lost:
    /// it counts once.
    ///
    /// # Errors
    /// [`DatabaseError::Voucher`] if it gives nothing, [`DatabaseError::Sqlite`].
    pub fn redeem(
        &self,
        feed: &FeedKey,
        buyer: &IdentityKey,
        hash: &VoucherHash,
        now_ms: i64,
    ) -> Result<Redeemed, DatabaseError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let sql = format!("{SELECT} WHERE hash = ?1 AND feed = ?2");
        let found = transaction.query_row(&sql, params![hash.0, feed.as_bytes()], voucher).optional()?;
        let found = found.ok_or(VoucherError::Unknown)?;
        let again = match found.buyer {
            Some(by) if by == *buyer => true,
            Some(_) => return Err(VoucherError::Used.into()),
            None if found.revoked_ms.is_some() => return Err(VoucherError::Revoked.into()),
            None if found.expires_ms.is_some_and(|expires_ms| expires_ms <= now_ms) => {
                return Err(VoucherError::Expired.into());
            }
            None => false,
        };
        if !again {
            let sql = "UPDATE voucher SET buyer = ?2, used_ms = ?3 WHERE hash = ?1";
            transaction.execute(sql, params![hash.0, buyer.as_bytes(), now_ms])?;
        }
        let amount_ms = found.amount_ms;
        let (method, reference) = (METHOD, &hash.0[..]);
        let credit = grant(&transaction, &Grant { method, reference, feed, buyer, amount_ms, now_ms })?;
        transaction.commit()?;
        Ok(Redeemed { amount_ms, again, time_ms: found.used_ms.unwrap_or(now_ms), credit })
    }
}

fn voucher(row: &Row<'_>) -> rusqlite::Result<Voucher> {
    Ok(Voucher {
        hash: key(row, 0)?,
        feed: key(row, 1)?,
        amount_ms: row.get(2)?,
        made_ms: row.get(3)?,
        expires_ms: row.get(4)?,
        revoked_ms: row.get(5)?,
        buyer: optional_key(row, 6)?,
        used_ms: row.get(7)?,
    })
}
