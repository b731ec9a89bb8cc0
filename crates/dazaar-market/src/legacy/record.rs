//! One record of the reference's database: its key, and the JSON below it.

use std::str::FromStr;

use dazaar_log::key::KEY_BYTES;
use dazaar_log::{FeedKey, FeedKeyPair, IdentityKey, IdentityKeyPair, KeyError};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use zeroize::{Zeroize as _, Zeroizing};

use super::LegacyError;
use crate::card::Card;
use crate::master::MasterKey;

pub(super) struct Record<'a> {
    key: &'a str,
    value: &'a [u8],
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Purchase {
    seller: String,
    unique_feed: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SoldTo {
    buyer: String,
    unique_feed: KeyPair,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyPair {
    public_key: String,
    secret_key: String,
}

impl Drop for KeyPair {
    fn drop(&mut self) {
        self.secret_key.zeroize();
    }
}

impl<'a> Record<'a> {
    /// The reference omits a value that is `null`.
    pub(super) fn new(key: &'a str, value: Option<&'a [u8]>) -> Self {
        Self { key, value: value.unwrap_or(b"null") }
    }

    pub(super) const fn key(&self) -> &'a str {
        self.key
    }

    pub(super) fn master_key(&self) -> Result<MasterKey, LegacyError> {
        let hex: Zeroizing<String> = Zeroizing::new(self.read()?);
        Ok(MasterKey::new(&*self.secret::<KEY_BYTES>(&hex)?))
    }

    pub(super) fn purchase(&self, seller: &IdentityKey) -> Result<FeedKey, LegacyError> {
        let purchase: Purchase = self.read()?;
        self.agree(self.parse_key::<IdentityKey>(&purchase.seller)? == *seller)?;
        self.parse_key(&purchase.unique_feed)
    }

    pub(super) fn identity(&self) -> Result<IdentityKeyPair, LegacyError> {
        let pair: KeyPair = self.read()?;
        let identity = IdentityKeyPair::from_secret(&*self.secret::<KEY_BYTES>(&pair.secret_key)?);
        self.agree(self.parse_key::<IdentityKey>(&pair.public_key)? == identity.public())?;
        Ok(identity)
    }

    pub(super) fn unique_feed(&self, buyer: &IdentityKey) -> Result<FeedKeyPair, LegacyError> {
        let sold: SoldTo = self.read()?;
        self.agree(self.parse_key::<IdentityKey>(&sold.buyer)? == *buyer)?;
        let secret = self.secret::<{ FeedKeyPair::SECRET_BYTES }>(&sold.unique_feed.secret_key)?;
        let pair = FeedKeyPair::from_secret_bytes(&secret).map_err(|error| self.error(error))?;
        self.agree(self.parse_key::<FeedKey>(&sold.unique_feed.public_key)? == pair.public())?;
        Ok(pair)
    }

    /// A seller who gave no card left a `null`.
    pub(super) fn card(&self) -> Result<Option<Card>, LegacyError> {
        match self.json()? {
            Value::Null => Ok(None),
            value => match Card::from_json(value) {
                Ok(card) => Ok(Some(card)),
                Err(error) => Err(LegacyError::Card { key: self.key.to_owned(), error }),
            },
        }
    }

    pub(super) fn json(&self) -> Result<Value, LegacyError> {
        self.read()
    }

    /// A key from the path or from the value.
    pub(super) fn parse_key<K: FromStr<Err = KeyError>>(&self, hex: &str) -> Result<K, LegacyError> {
        hex.parse().map_err(|error| self.error(error))
    }

    fn secret<const N: usize>(&self, hex: &str) -> Result<Zeroizing<[u8; N]>, LegacyError> {
        let mut bytes = Zeroizing::new([0; N]);
        match hex::decode_to_slice(hex, &mut *bytes) {
            Ok(()) => Ok(bytes),
            Err(_) => Err(self.error(KeyError::Length { expected: N, got: hex.len() / 2 })),
        }
    }

    fn read<T: DeserializeOwned>(&self) -> Result<T, LegacyError> {
        serde_json::from_slice(self.value).map_err(|_| LegacyError::Value { key: self.key.to_owned() })
    }

    fn agree(&self, is_same: bool) -> Result<(), LegacyError> {
        if is_same { Ok(()) } else { Err(LegacyError::Contradiction { key: self.key.to_owned() }) }
    }

    fn error(&self, error: KeyError) -> LegacyError {
        LegacyError::Key { key: self.key.to_owned(), error }
    }
}
