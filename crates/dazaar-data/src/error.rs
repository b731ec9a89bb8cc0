//! Why a table or map cannot be opened or read.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use dazaar::buyer::BuyerEnd;
use dazaar::hyperdb::HyperDbError;
use dazaar::log::LogError;
use dazaar::maps::db::DbError;
use dazaar::maps::hypertrie::TrieError;
use dazaar::{MarketError, explain};
use dazaar_table::read::ReadError;

use crate::find::FindError;

/// Why a table cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Nobody knows what is meant.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The market folder cannot be used.
    #[error(transparent)]
    Market(#[from] MarketError),
    /// The feed on the disk cannot be used.
    #[error("the feed in {}: {source}", folder.display())]
    Log {
        /// Its folder.
        folder: PathBuf,
        /// What is wrong with it.
        source: LogError,
    },
    /// The folder of the feed cannot be read.
    #[error("{}: {source}", folder.display())]
    Folder {
        /// Which one.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It cannot be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// It cannot be read as a map.
    #[error(transparent)]
    Map(#[from] MapError),
}

/// Why entries of a map cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MapError {
    /// The map is not what it should be.
    #[error(transparent)]
    Trie(#[from] TrieError),
    /// A map of several writers is not what it should be.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The folder of a map of several writers cannot be used.
    #[error(transparent)]
    Folder(#[from] HyperDbError),
    /// Its blocks cannot be had.
    #[error(transparent)]
    Blocks(#[from] TableError),
    /// An entry cannot be written.
    #[error("the entry {key:?}: {source}")]
    Entry {
        /// Its key.
        key: String,
        /// Why not.
        source: TrieError,
    },
    /// A block is needed that nobody has any more.
    #[error("block {block} of the map is gone: nobody has it any more")]
    Gone {
        /// Its index.
        block: u64,
    },
}

/// Why rows cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The table is not what it should be, or the question does not fit it.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The seller gives nothing.
    #[error(transparent)]
    Seller(#[from] SellerError),
    /// The market folder cannot be used.
    #[error(transparent)]
    Market(Arc<MarketError>),
    /// The blocks on the disk cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Rows that nobody has any more were asked for.
    #[error("rows {start} to {end} are gone: nobody has them any more")]
    Gone {
        /// The first.
        start: u64,
        /// The last.
        end: u64,
    },
}

/// Why a seller gives nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SellerError {
    /// There was no connection for too long.
    #[error("the seller cannot be reached: {reason}")]
    Unreachable {
        /// What went wrong last.
        reason: String,
    },
    /// The seller does not admit us.
    #[error("the seller refuses: {reason}")]
    Refused {
        /// What the seller said.
        reason: String,
    },
    /// The seller has terms of use that were not accepted.
    #[error("{reason}")]
    Terms {
        /// Which ones.
        reason: String,
    },
    /// Trying again is pointless.
    #[error("{reason}")]
    Ended {
        /// Why.
        reason: String,
    },
}

impl SellerError {
    /// Why a purchase cannot go on.
    pub(crate) fn of(end: &BuyerEnd) -> Self {
        let reason = explain(end);
        if end.is_about_terms() {
            return Self::Terms { reason };
        }
        if end.is_about_security() {
            return Self::Refused { reason };
        }
        if end.is_about_identity() || matches!(end, BuyerEnd::NoAddress) {
            return Self::Unreachable { reason };
        }
        Self::Ended { reason }
    }
}
