//! Which feed a folder holds, and whose secret key it has.
//!
//! Grade: over a door. Every file that is whole confirms the key: commit records are sealed with it, and lengths signed.

use zeroize::Zeroizing;

use super::{Cure, Fault, Treatment};
use crate::hash::{tree_hash, verify_tree};
use crate::key::{FeedKey, FeedKeyPair, KEY_BYTES};
use crate::log::disk::{read, read_key, read_roots, read_signature};
use crate::log::error::{LogError, at};
use crate::log::open::read_records;
use crate::sleep::signature_offset;
use crate::storage::{FileName, Storage};

const SECRET_BYTES: u64 = 2 * KEY_BYTES as u64;

/// Lengths of which the signature is looked at to confirm a key.
const CONFIRMING_LENGTHS: usize = 64;

const NO_KEY: &str = "nothing says which feed this is: put a copy of `key` back";
const NO_SEED: &str = "the secret is lost: put a copy of `secret_key` back, or remove it to keep the feed as one that cannot grow";

impl<S: Storage> Treatment<S> {
    /// Finds the key, and mends `key` and `secret_key`.
    pub(super) fn mend_keys(&mut self) -> Result<Option<FeedKey>, LogError> {
        let stored = read_key(&self.storage)?;
        let secret = self.read_secret()?;
        let (seed, half) = secret.split_at(secret.len().min(KEY_BYTES));
        let pair = <&[u8; KEY_BYTES]>::try_from(seed).ok().map(FeedKeyPair::from_seed);
        let derived = pair.as_ref().map(FeedKeyPair::public);
        let candidates = [stored, derived, FeedKey::try_from(half).ok(), self.named];
        let confirmed = self.confirmed(candidates.iter().flatten())?;
        let Some(key) = confirmed.or_else(|| candidates.into_iter().flatten().next()) else {
            let fault = self.short(FileName::Key, KEY_BYTES as u64)?.unwrap_or(Fault::Missing);
            self.find(FileName::Key, fault, Cure::None { why: NO_KEY });
            return Ok(None);
        };
        if stored != Some(key) {
            let fault = self.short(FileName::Key, KEY_BYTES as u64)?.unwrap_or(Fault::Damaged { offset: 0 });
            let from_secret = derived == Some(key) || half == key.as_bytes();
            self.find(FileName::Key, fault, if from_secret { Cure::FromSecretKey } else { Cure::FromName });
            self.storage.write(FileName::Key, 0, key.as_bytes()).map_err(at(FileName::Key, 0))?;
            self.storage.sync(FileName::Key).map_err(at(FileName::Key, 0))?;
        }
        if !secret.is_empty() {
            self.mend_secret(key, pair, &secret)?;
        }
        Ok(Some(key))
    }

    fn mend_secret(&mut self, key: FeedKey, pair: Option<FeedKeyPair>, found: &[u8]) -> Result<(), LogError> {
        let file = FileName::SecretKey;
        let short = self.short(file, SECRET_BYTES)?;
        let Some(pair) = pair.filter(|pair| pair.public() == key) else {
            let is_whole = <&[u8; 2 * KEY_BYTES]>::try_from(found)
                .is_ok_and(|secret| FeedKeyPair::from_secret_bytes(secret).is_ok());
            let fault = if is_whole { Fault::Foreign } else { short.unwrap_or(Fault::Damaged { offset: 0 }) };
            self.find(file, fault, Cure::None { why: NO_SEED });
            return Ok(());
        };
        let whole = pair.to_secret_bytes();
        if found != whole.as_slice() {
            self.find(file, short.unwrap_or(Fault::Damaged { offset: KEY_BYTES as u64 }), Cure::FromSeed);
            self.storage.write(file, 0, whole.as_slice()).map_err(at(file, 0))?;
            self.storage.sync(file).map_err(at(file, 0))?;
        }
        self.pair = Some(pair);
        Ok(())
    }

    /// What there is of the secret key, up to its usual size.
    fn read_secret(&self) -> Result<Zeroizing<Vec<u8>>, LogError> {
        let file = FileName::SecretKey;
        let bytes = self.storage.len(file).map_err(at(file, 0))?.min(SECRET_BYTES);
        let mut secret = Zeroizing::new(vec![0; bytes as usize]);
        read(&self.storage, file, 0, &mut secret)?;
        Ok(secret)
    }

    /// The first key that something else in the folder speaks for.
    fn confirmed<'a>(&self, keys: impl Iterator<Item = &'a FeedKey>) -> Result<Option<FeedKey>, LogError> {
        for key in keys {
            if read_records(&self.storage, key)?.newest_sequence().is_some() || self.has_signed(key)? {
                return Ok(Some(*key));
            }
        }
        Ok(None)
    }

    /// Whether one of the last lengths is signed with the key.
    fn has_signed(&self, key: &FeedKey) -> Result<bool, LogError> {
        let file = FileName::Signatures;
        let end = self.storage.len(file).map_err(at(file, 0))?;
        let entries = end.saturating_sub(signature_offset(1)) / crate::key::Signature::BYTES as u64;
        for length in (1..=entries).rev().take(CONFIRMING_LENGTHS) {
            if let Some(signature) = read_signature(&self.storage, length)?
                && let Some(roots) = read_roots(&self.storage, length)?
                && verify_tree(key, &tree_hash(&roots), length, &signature)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
