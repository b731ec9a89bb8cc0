//! The wallet's secrets: everything grows from the market's master key.
//!
//! Grade: plain. Of the master key 24 words (BIP 39) are made, and of these the secrets of coins (NUT-13). So any wallet that follows NUT-13
//! can restore the money from the words alone. Keys that coins are locked to are derived by name.

use std::fmt;

use cashu::SecretKey;
use dazaar_log::key::derive_seed;
use dazaar_market::MasterKey;
use zeroize::Zeroizing;

const NAMESPACE: &str = "dazaar";

/// The secrets of a wallet.
pub(crate) struct Seed {
    entropy: Zeroizing<[u8; 32]>,
    bytes: Zeroizing<[u8; 64]>,
}

impl Seed {
    pub(crate) fn new(master: &MasterKey) -> Self {
        let entropy = derive_seed(NAMESPACE, master.as_bytes(), "wallets/cashu");
        let bytes = Zeroizing::new(mnemonic(&entropy).to_seed_normalized(""));
        Self { entropy, bytes }
    }

    /// The words from which other wallets restore the money.
    pub(crate) fn words(&self) -> Zeroizing<String> {
        Zeroizing::new(mnemonic(&self.entropy).to_string())
    }

    /// What NUT-13 derives coins from.
    pub(crate) fn bytes(&self) -> &[u8; 64] {
        &self.bytes
    }

    /// The key of this name.
    pub(crate) fn key(&self, name: &str) -> SecretKey {
        let secret = derive_seed(NAMESPACE, &self.entropy, name);
        SecretKey::from_slice(&*secret).expect("of 2^128 hashes one is no key")
    }
}

fn mnemonic(entropy: &[u8; 32]) -> bip39::Mnemonic {
    bip39::Mnemonic::from_entropy(entropy).expect("32 bytes are 24 words")
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_master_key_is_the_same_wallet() {
        let [one, two, other] = [7, 7, 8].map(|byte| Seed::new(&MasterKey::new(&[byte; 32])));
        assert_eq!(one.words(), two.words());
        assert_ne!(one.words(), other.words());
        assert_eq!(one.key("a").public_key(), two.key("a").public_key());
        assert_ne!(one.key("a").public_key(), one.key("b").public_key());
        assert_eq!(one.words().split(' ').count(), 24);
        let again = bip39::Mnemonic::parse_normalized(&one.words()).unwrap();
        assert_eq!(&again.to_seed_normalized(""), one.bytes());
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Seed::new(&MasterKey::new(&[7; 32]))), "Seed(..)");
    }
}
