//! A secret key and the address that belongs to it.
//!
//! Grade: plain.

use std::fmt;

use alloy_primitives::{Address, B256, Signature};
use k256::ecdsa::SigningKey;
use zeroize::Zeroizing;

use crate::Secret;

/// The key of an account.
#[derive(Clone)]
pub struct Key {
    signing: SigningKey,
    address: Address,
}

impl Key {
    /// Reads 64 hex digits, with `0x` or without.
    ///
    /// # Errors
    /// [`KeyError`] if they are no key of the curve; it does not repeat them.
    pub fn parse(secret: &Secret) -> Result<Self, KeyError> {
        let text = secret.reveal().trim();
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), bytes.as_mut_slice())
            .map_err(|_| KeyError::Form)?;
        let signing = SigningKey::from_slice(bytes.as_slice()).map_err(|_| KeyError::Range)?;
        let address = Address::from_private_key(&signing);
        Ok(Self { signing, address })
    }

    /// Its account.
    pub const fn address(&self) -> Address {
        self.address
    }

    /// Signs a hash: always the same signature for the same hash.
    ///
    /// # Errors
    /// [`KeyError::Unsignable`], which no known hash causes.
    pub fn sign(&self, hash: &B256) -> Result<Signature, KeyError> {
        let signed = self.signing.sign_prehash_recoverable(hash.as_slice());
        signed.map(Signature::from).map_err(|_| KeyError::Unsignable)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.address)
    }
}

/// Why something is no key, or signs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Other characters, or too many.
    #[error("a key has 64 hex digits")]
    Form,
    /// Zero, or beyond the curve's order.
    #[error("these digits are no key of the curve")]
    Range,
    /// The signature would be one that reveals the key.
    #[error("this cannot be signed")]
    Unsignable,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_other_programs() {
        // The first account of the phrase "test test ... junk", which every development chain has.
        let secret = Secret::new("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
        let key = Key::parse(&secret).unwrap();
        assert_eq!(key.address().to_string(), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
        assert_eq!(format!("{key:?}{secret:?}"), format!("Key({})Secret", key.address()));
    }

    #[test]
    fn names_what_is_no_key() {
        for (text, error) in [
            ("", KeyError::Form),
            ("0x12", KeyError::Form),
            (&"z".repeat(64), KeyError::Form),
            (&"0".repeat(64), KeyError::Range),
            (&"f".repeat(64), KeyError::Range),
        ] {
            assert_eq!(Key::parse(&Secret::new(text)).err(), Some(error), "{text}");
        }
    }

    #[test]
    fn signatures_are_low_and_lead_back_to_the_address() {
        let key = Key::parse(&Secret::new("11".repeat(32))).unwrap();
        for byte in 0..=255 {
            let hash = B256::repeat_byte(byte);
            let signature = key.sign(&hash).unwrap();
            assert_eq!(signature.normalize_s(), None, "tokens refuse the higher of two signatures");
            assert_eq!(signature.recover_address_from_prehash(&hash).unwrap(), key.address());
        }
    }
}
