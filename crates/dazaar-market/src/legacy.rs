//! A market database of the reference, read into our words.
//!
//! Grade: plain. Eats the last value of every key, as a scan of the database's blocks gives them. Every record must
//! agree with its own key and with the keys inside it: a database that contradicts itself is refused, not repaired.
//! Stored key pairs win over derived ones, as they do in the reference.
//! Source: classic protocol, section 7.2.

mod record;

use std::collections::BTreeMap;

use dazaar_log::{FeedKey, FeedKeyPair, IdentityKey, IdentityKeyPair, KeyError};
use serde_json::Value;

use crate::card::{Card, CardError};
use crate::master::MasterKey;
use record::Record;

/// Everything that a market of the reference knows.
#[derive(Debug)]
pub struct ImportedMarket {
    /// The key from which the rest derives.
    pub master_key: MasterKey,
    /// The feeds that it buys: seller and feed.
    pub buys: BTreeMap<IdentityKey, FeedKey>,
    /// The feeds that it sells.
    pub sales: BTreeMap<FeedKey, ImportedSale>,
    /// The application's settings.
    pub config: BTreeMap<String, Value>,
    /// Keys that the reference does not write; nothing was imported from them.
    pub unknown: Vec<String>,
}

/// A feed that is sold.
#[derive(Debug)]
pub struct ImportedSale {
    /// Who sells it.
    pub seller: IdentityKeyPair,
    /// Its card, if one was given.
    pub card: Option<Card>,
    /// Who bought it, each with the feed that is theirs.
    pub buyers: BTreeMap<IdentityKey, FeedKeyPair>,
}

impl ImportedMarket {
    /// Reads the last value of every key; no value means `null`.
    ///
    /// # Errors
    /// The record that is wrong, and how.
    pub fn read(entries: &BTreeMap<String, Option<Vec<u8>>>) -> Result<Self, LegacyError> {
        let master_key = match entries.get_key_value("master-key") {
            Some((key, value)) => Record::new(key, value.as_deref()).master_key()?,
            None => return Err(LegacyError::NoMasterKey),
        };
        let mut market = Self {
            master_key,
            buys: BTreeMap::new(),
            sales: BTreeMap::new(),
            config: BTreeMap::new(),
            unknown: Vec::new(),
        };
        for (key, value) in entries {
            market.read_entry(&Record::new(key, value.as_deref()))?;
        }
        market.sales.iter().try_for_each(|(feed, sale)| sale.verify(feed))?;
        Ok(market)
    }

    fn read_entry(&mut self, record: &Record<'_>) -> Result<(), LegacyError> {
        let path: Vec<&str> = record.key().split('/').collect();
        match path[..] {
            ["master-key"] => {}
            ["buys", "feeds", seller] => {
                let seller = record.parse_key(seller)?;
                self.buys.insert(seller, record.purchase(&seller)?);
            }
            ["sales", feed, "key-pair"] => {
                self.sale(record.parse_key(feed)?).seller = record.identity()?;
            }
            ["sales", feed, "card"] => {
                self.sale(record.parse_key(feed)?).card = record.card()?;
            }
            ["sales", feed, "feeds", buyer] => {
                let buyer = record.parse_key(buyer)?;
                let unique = record.unique_feed(&buyer)?;
                self.sale(record.parse_key(feed)?).buyers.insert(buyer, unique);
            }
            ["config", _, ..] => {
                let name = record.key().strip_prefix("config/").unwrap_or_default();
                self.config.insert(name.to_owned(), record.json()?);
            }
            _ => self.unknown.push(record.key().to_owned()),
        }
        Ok(())
    }

    /// The sale of `feed`, with the derived identity until a stored one is read.
    fn sale(&mut self, feed: FeedKey) -> &mut ImportedSale {
        let seller = || self.master_key.seller(&feed);
        self.sales.entry(feed).or_insert_with(|| ImportedSale {
            seller: seller(),
            card: None,
            buyers: BTreeMap::new(),
        })
    }
}

impl ImportedSale {
    fn verify(&self, feed: &FeedKey) -> Result<(), LegacyError> {
        match &self.card {
            Some(card) if card.id != self.seller.public() => Err(LegacyError::CardOfAnother { feed: *feed }),
            _ => Ok(()),
        }
    }
}

/// Why a database of the reference cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LegacyError {
    /// The reference always writes it first.
    #[error("the database has no `master-key`: it is not a market, or is incomplete")]
    NoMasterKey,
    /// The value is no JSON, or not the object or text that belongs there.
    #[error("the value of `{key}` is not what belongs there")]
    Value {
        /// The database's key.
        key: String,
    },
    /// A key in the path or in the value is not a key.
    #[error("`{key}` of the database: {error}")]
    Key {
        /// The database's key.
        key: String,
        /// What is wrong.
        error: KeyError,
    },
    /// Path and value name different people.
    #[error("the value of `{key}` is about somebody else")]
    Contradiction {
        /// The database's key.
        key: String,
    },
    /// A card that is none.
    #[error("`{key}` of the database: {error}")]
    Card {
        /// The database's key.
        key: String,
        /// What is wrong.
        error: CardError,
    },
    /// A card with another `id` than the seller's.
    #[error("the card of the sold feed {feed} names another seller")]
    CardOfAnother {
        /// The sold feed.
        feed: FeedKey,
    },
}

#[cfg(test)]
mod tests;
