//! Keys: feeds are signed with Ed25519, people are known by X25519.
//!
//! Grade: plain. The two kinds are never converted into each other. Secrets print nothing and are wiped when dropped.
//! Source: classic protocol, sections 1.1, 1.2 and 1.6.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::Ed25519KeyPair;
use blake2::digest::{FixedOutput, KeyInit, Update, consts::U32};
use blake2::{Blake2bMac, Digest};
use zeroize::Zeroizing;

/// Bytes of a public key, a seed and a hash.
pub const KEY_BYTES: usize = 32;

/// Defines a public 32-byte value that reads and prints as 64 lower-case hex digits.
macro_rules! key_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; KEY_BYTES]);

        impl $name {
            /// The raw bytes.
            pub const fn as_bytes(&self) -> &[u8; KEY_BYTES] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({}..)", stringify!($name), hex::encode(&self.0[..3]))
            }
        }

        impl FromStr for $name {
            type Err = KeyError;

            fn from_str(text: &str) -> Result<Self, KeyError> {
                let mut bytes = [0; KEY_BYTES];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| KeyError::NotHex { digits: text.len() })?;
                Ok(Self(bytes))
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = KeyError;

            fn try_from(bytes: &[u8]) -> Result<Self, KeyError> {
                bytes.try_into().map(Self).map_err(|_| KeyError::Length { expected: KEY_BYTES, got: bytes.len() })
            }
        }
    };
}

key_type! {
    /// Public key of a feed (Ed25519): whoever holds it can verify every block of the feed.
    FeedKey
}
key_type! {
    /// Public key of a person (X25519): what a session proves about the other side.
    IdentityKey
}
key_type! {
    /// What peers call a feed or a seller in the open: a hash of the public key, from which the key cannot be found.
    DiscoveryKey
}

impl FeedKey {
    /// The name under which this feed is opened on a session.
    pub fn discovery_key(&self) -> DiscoveryKey {
        discovery_key(&self.0)
    }

    /// Whether `signature` is this key's over `message`, by the strict rules (no small-order points).
    pub fn verify(&self, message: &[u8], signature: &Signature) -> bool {
        let Ok(key) = ed25519_dalek::VerifyingKey::from_bytes(&self.0) else { return false };
        key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(&signature.0)).is_ok()
    }
}

impl IdentityKey {
    /// The topic under which this seller is announced.
    pub fn discovery_key(&self) -> DiscoveryKey {
        discovery_key(&self.0)
    }
}

/// A detached Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; Self::BYTES]);

impl Signature {
    /// Bytes of a signature.
    pub const BYTES: usize = 64;
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({}..)", hex::encode(&self.0[..3]))
    }
}

impl TryFrom<&[u8]> for Signature {
    type Error = KeyError;

    fn try_from(bytes: &[u8]) -> Result<Self, KeyError> {
        bytes.try_into().map(Self).map_err(|_| KeyError::Length { expected: Self::BYTES, got: bytes.len() })
    }
}

/// The pair that signs a feed.
pub struct FeedKeyPair {
    pair: ed25519_dalek::SigningKey,
    /// The same pair where signing takes half the time.
    signer: Ed25519KeyPair,
}

impl FeedKeyPair {
    /// Bytes of the secret key as Hypercore stores it: seed, then public key.
    pub const SECRET_BYTES: usize = 64;

    /// The pair of an RFC 8032 private seed.
    pub fn from_seed(seed: &[u8; KEY_BYTES]) -> Self {
        Self::new(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// Reads the form in which Hypercore stores it.
    ///
    /// # Errors
    /// [`KeyError::Mismatch`] if the public half does not belong to the seed.
    pub fn from_secret_bytes(bytes: &[u8; Self::SECRET_BYTES]) -> Result<Self, KeyError> {
        ed25519_dalek::SigningKey::from_keypair_bytes(bytes).map(Self::new).map_err(|_| KeyError::Mismatch)
    }

    fn new(pair: ed25519_dalek::SigningKey) -> Self {
        let signer = Ed25519KeyPair::from_seed_unchecked(pair.as_bytes()).expect("32 bytes are a seed");
        Self { pair, signer }
    }

    /// Seed, then public key.
    pub fn to_secret_bytes(&self) -> Zeroizing<[u8; Self::SECRET_BYTES]> {
        Zeroizing::new(self.pair.to_keypair_bytes())
    }

    /// The public key.
    pub fn public(&self) -> FeedKey {
        FeedKey(self.pair.verifying_key().to_bytes())
    }

    /// Signs `message`; the same message always gives the same signature.
    pub fn sign(&self, message: &[u8]) -> Signature {
        let signature = self.signer.sign(message);
        Signature(signature.as_ref().try_into().expect("a signature has 64 bytes"))
    }
}

impl fmt::Debug for FeedKeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FeedKeyPair").field(&self.public()).finish()
    }
}

/// The pair by which a person proves who they are in a handshake.
pub struct IdentityKeyPair {
    secret: Zeroizing<[u8; KEY_BYTES]>,
    public: IdentityKey,
}

impl IdentityKeyPair {
    /// The pair of a seed: the secret is the seed's BLAKE2b hash, clamped only where it is multiplied.
    pub fn from_seed(seed: &[u8; KEY_BYTES]) -> Self {
        let secret = blake2::Blake2b::<U32>::digest(seed);
        Self::from_secret(&secret.into())
    }

    /// The pair of a stored secret.
    pub fn from_secret(secret: &[u8; KEY_BYTES]) -> Self {
        let public = x25519_dalek::PublicKey::from(&x25519_dalek::StaticSecret::from(*secret));
        Self { secret: Zeroizing::new(*secret), public: IdentityKey(public.to_bytes()) }
    }

    /// The public key.
    pub const fn public(&self) -> IdentityKey {
        self.public
    }

    /// The secret, as it is stored.
    pub fn secret(&self) -> &[u8; KEY_BYTES] {
        &self.secret
    }
}

impl fmt::Debug for IdentityKeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IdentityKeyPair").field(&self.public).finish()
    }
}

/// Derives the seed named `name` from a master key, within the namespace `namespace`.
pub fn derive_seed(namespace: &str, master: &[u8; KEY_BYTES], name: &str) -> Zeroizing<[u8; KEY_BYTES]> {
    let prefix = format!("{}\n{namespace}", namespace.len());
    Zeroizing::new(keyed_hash(master, &[prefix.as_bytes(), name.as_bytes()]))
}

/// BLAKE2b with a 32-byte key and output over `parts`, one after the other.
pub fn keyed_hash(key: &[u8; KEY_BYTES], parts: &[&[u8]]) -> [u8; KEY_BYTES] {
    let mut mac = Blake2bMac::<U32>::new_from_slice(key).expect("BLAKE2b takes keys of up to 64 bytes");
    for part in parts {
        mac.update(part);
    }
    mac.finalize_fixed().into()
}

fn discovery_key(public: &[u8; KEY_BYTES]) -> DiscoveryKey {
    DiscoveryKey(keyed_hash(public, &[b"hypercore"]))
}

/// Why bytes or text are not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text is not 64 hex digits.
    #[error("a key is 64 hex digits, got {digits} characters")]
    NotHex {
        /// Characters of the text.
        digits: usize,
    },
    /// The wrong number of bytes.
    #[error("expected {expected} bytes, got {got}")]
    Length {
        /// Bytes needed.
        expected: usize,
        /// Bytes given.
        got: usize,
    },
    /// The public half of a secret key does not belong to its seed.
    #[error("the secret key does not match its public key")]
    Mismatch,
}

#[cfg(test)]
mod tests;
