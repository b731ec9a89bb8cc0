//! Taking over a market of npm dazaar: keys, listings, buyers, purchases and settings.
//!
//! The JavaScript market is only read. It must not be running, because two programs with one identity would contradict
//! each other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dazaar_log::{FeedKey, FileName, Log, LogError, Storage as _};
use dazaar_market::Card;
use dazaar_market::legacy::{ImportedMarket, ImportedSale, LegacyError};
use dazaar_trie::hypertrie::{IterOptions, Trie, TrieError};

use crate::clock::now_ms;
use crate::database::{Admission, Listing, Purchase, Retention, Sale};
use crate::folder::Folder;
use crate::market::{Market, MarketError};

/// How many folders deep feeds are looked for.
const SEARCH_DEPTH: usize = 3;

/// What was taken over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// Listings, by name.
    pub listings: Vec<String>,
    /// Buyers of those listings.
    pub buyers: usize,
    /// Feeds that were bought.
    pub purchases: usize,
    /// Settings.
    pub settings: usize,
    /// Feeds that are sold but were not found. Import again with their folders.
    pub missing: Vec<FeedKey>,
}

/// Reads the JavaScript market in `folder`.
pub fn read_legacy(folder: &Path) -> Result<ImportedMarket, ImportError> {
    let path = folder.join("db");
    let io_error = |source| ImportError::Folder { folder: path.clone(), source };
    if !Folder::is_feed(&path) {
        return Err(ImportError::NotAMarket { folder: folder.to_owned() });
    }
    // Held while reading: npm dazaar has this lock for as long as it runs.
    let _lock = Folder::open(&path).map_err(io_error)?;
    let log = Log::open(Folder::snapshot(&path).map_err(io_error)?)?;
    Ok(ImportedMarket::read(&entries(&Trie::new(log))?)?)
}

/// Every entry of a market's database.
fn entries(database: &Trie<Log<Folder>>) -> Result<BTreeMap<String, Option<Vec<u8>>>, ImportError> {
    let failed = |error| match error {
        TrieError::Missing { seq } => ImportError::Incomplete { block: seq },
        error => ImportError::Trie(error),
    };
    database.header().map_err(failed)?;
    let mut entries = BTreeMap::new();
    for node in database.snapshot().iter(&IterOptions::default()) {
        let node = node.map_err(failed)?;
        entries.insert(node.key().to_owned(), node.value().map(<[u8]>::to_vec));
    }
    Ok(entries)
}

impl Market {
    /// Takes over a JavaScript market that lies in `folder`. The feeds that it sells are looked for there and in the
    /// folders `feeds`. Importing again adds what is new and changes nothing else.
    ///
    /// # Errors
    /// [`ImportError::OtherMasterKey`] if this market has another master key.
    pub fn import(
        &self,
        legacy: &ImportedMarket,
        folder: &Path,
        feeds: &[PathBuf],
    ) -> Result<Imported, ImportError> {
        if legacy.master_key.as_bytes() != self.master().as_bytes() {
            return Err(ImportError::OtherMasterKey);
        }
        let folders = find_feeds(&[&[folder.to_owned()], feeds].concat())?;
        let mut imported = Imported::default();
        for (feed, sale) in &legacy.sales {
            match folders.get(feed) {
                Some(folder) => self.import_sale(feed, sale, folder, &mut imported)?,
                None if self.database().listing(feed).map_err(MarketError::from)?.is_some() => {}
                None => imported.missing.push(*feed),
            }
        }
        for (seller, feed) in &legacy.buys {
            copy_feed(&folder.join("buys").join(feed.to_string()), &self.purchase_folder(feed))?;
            let purchase = Purchase {
                seller: *seller,
                feed: Some(*feed),
                name: None,
                card: None,
                addresses: Vec::new(),
                terms_hash: None,
                since_ms: now_ms(),
            };
            self.database().put_purchase(&purchase).map_err(MarketError::from)?;
            self.purchased_feed(feed)?;
            imported.purchases += 1;
        }
        for (name, value) in &legacy.config {
            self.database().set_setting(name, value).map_err(MarketError::from)?;
            imported.settings += 1;
        }
        Ok(imported)
    }

    fn import_sale(
        &self,
        feed: &FeedKey,
        sale: &ImportedSale,
        folder: &Path,
        imported: &mut Imported,
    ) -> Result<(), ImportError> {
        let derived = self.master().seller(feed).public() == sale.seller.public();
        let card = sale.card.clone().unwrap_or_else(|| Card::new(sale.seller.public()));
        let name = card.name.clone().unwrap_or_else(|| feed.to_string().chars().take(8).collect());
        if self.database().listing(feed).map_err(MarketError::from)?.is_none() {
            let listing = Listing {
                feed: *feed,
                name: name.clone(),
                folder: folder.to_owned(),
                seller_secret: (!derived).then(|| *sale.seller.secret()),
                card: Self::signed(card, &sale.seller)?,
                terms: None,
                unsigned_terms: false,
                admission: Admission::Granted,
                listen: None,
                created_ms: now_ms(),
                keep: Retention::default(),
            };
            self.database().put_listing(&listing).map_err(MarketError::from)?;
        }
        for (buyer, pair) in &sale.buyers {
            let derived = self.master().unique_feed(feed, buyer).public() == pair.public();
            let record = Sale {
                feed: *feed,
                buyer: *buyer,
                unique_feed: pair.public(),
                secret: (!derived).then(|| *pair.to_secret_bytes()),
                since_ms: now_ms(),
                seen_ms: now_ms(),
                blocks: 0,
                bytes: 0,
            };
            self.database().put_sale(&record).map_err(MarketError::from)?;
            imported.buyers += 1;
        }
        imported.listings.push(name);
        Ok(())
    }
}

/// The feeds that lie in these folders, or in folders within them.
fn find_feeds(folders: &[PathBuf]) -> Result<BTreeMap<FeedKey, PathBuf>, ImportError> {
    let mut found = BTreeMap::new();
    let mut to_visit: Vec<_> = folders.iter().map(|folder| (folder.clone(), 0)).collect();
    while let Some((folder, depth)) = to_visit.pop() {
        let io_error = |source| ImportError::Folder { folder: folder.clone(), source };
        if Folder::is_feed(&folder) {
            let mut key = [0; 32];
            Folder::snapshot(&folder)
                .and_then(|folder| folder.read(FileName::Key, 0, &mut key))
                .map_err(io_error)?;
            found.insert(FeedKey(key), folder.canonicalize().map_err(io_error)?);
        } else if depth < SEARCH_DEPTH {
            for entry in std::fs::read_dir(&folder).map_err(io_error)? {
                let entry = entry.map_err(io_error)?;
                // Links are not followed: they may lead in circles.
                if entry.file_type().map_err(io_error)?.is_dir() {
                    to_visit.push((entry.path(), depth + 1));
                }
            }
        }
    }
    Ok(found)
}

/// Copies the files of a feed, unless it is here already. The key comes last, so that a copy that was interrupted is
/// no feed and is made again.
fn copy_feed(from: &Path, to: &Path) -> Result<(), ImportError> {
    let io_error = |source| ImportError::Folder { folder: from.to_owned(), source };
    if Folder::is_feed(to) || !Folder::is_feed(from) {
        return Ok(());
    }
    std::fs::create_dir_all(to).map_err(io_error)?;
    let names = [FileName::Data, FileName::Tree, FileName::Signatures, FileName::Bitfield, FileName::Key];
    for name in names.map(FileName::as_str) {
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.join(name)).map_err(io_error)?;
        }
    }
    Ok(())
}

/// Why a JavaScript market was not taken over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// There is no `db` in the folder.
    #[error("{} is not the folder of an npm dazaar market: it has no `db`", folder.display())]
    NotAMarket {
        /// The folder.
        folder: PathBuf,
    },
    /// A folder cannot be used; if it is locked, npm dazaar is running.
    #[error("{}: {source}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A block of the market's database is missing.
    #[error("block {block} of the market's database is missing")]
    Incomplete {
        /// The first missing block.
        block: u64,
    },
    /// This market has a master key of its own, and keys cannot be merged.
    #[error("this market has another master key")]
    OtherMasterKey,
    /// The database is no hypertrie.
    #[error("the market's database: {0}")]
    Trie(#[from] TrieError),
    /// A record of the database is wrong.
    #[error(transparent)]
    Legacy(#[from] LegacyError),
    /// A feed cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Our own market.
    #[error(transparent)]
    Market(#[from] MarketError),
}
