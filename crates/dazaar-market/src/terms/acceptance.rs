//! A buyer's signed acceptance of terms.
//!
//! Grade: plain. Complete in itself: whoever keeps it can show later who accepted what from whom, and when the buyer
//! says that was. Source: ours.
//!
//! ```text
//! 0   version    1 byte: 1
//! 1   seller    32 bytes
//! 33  buyer     32 bytes
//! 65  terms     32 bytes: hash
//! 97  time       8 bytes: milliseconds since 1970, big endian
//! 105 signature 64 bytes: the buyer's, over `DOMAIN` and all before
//! ```

use dazaar_log::{IdentityKey, IdentityKeyPair, Signature};

use super::{TermsAccepted, TermsHash};
use crate::identity_signature::{self, NONCE_BYTES};

const VERSION: u8 = 1;
const DOMAIN: &[u8] = b"dazaar terms acceptance\n";
const SELLER: usize = size_of::<u8>();
const BUYER: usize = SELLER + size_of::<IdentityKey>();
const TERMS: usize = BUYER + size_of::<IdentityKey>();
const TIME: usize = TERMS + size_of::<TermsHash>();
const SIGNATURE: usize = TIME + size_of::<u64>();

/// What a buyer signs to accept a seller's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acceptance {
    seller: IdentityKey,
    buyer: IdentityKey,
    terms: TermsHash,
    accepted_at_ms: u64,
    signature: Signature,
}

impl Acceptance {
    /// Bytes of the encoded form.
    pub const BYTES: usize = SIGNATURE + Signature::BYTES;

    /// Accepts `terms` of `seller` as `buyer`, at `accepted_at_ms` milliseconds since 1970. `nonce` must be random.
    pub fn sign(
        buyer: &IdentityKeyPair,
        seller: IdentityKey,
        terms: TermsHash,
        accepted_at_ms: u64,
        nonce: &[u8; NONCE_BYTES],
    ) -> Self {
        let unsigned =
            Self { seller, buyer: buyer.public(), terms, accepted_at_ms, signature: Signature([0; 64]) };
        Self { signature: identity_signature::sign(buyer, &unsigned.signable(), nonce), ..unsigned }
    }

    /// Whose terms.
    pub const fn seller(&self) -> IdentityKey {
        self.seller
    }

    /// Who accepts.
    pub const fn buyer(&self) -> IdentityKey {
        self.buyer
    }

    /// Which terms.
    pub const fn terms(&self) -> TermsHash {
        self.terms
    }

    /// When, by the buyer's clock: milliseconds since 1970.
    pub const fn accepted_at_ms(&self) -> u64 {
        self.accepted_at_ms
    }

    /// The form that travels and that is stored.
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[0] = VERSION;
        bytes[SELLER..BUYER].copy_from_slice(&self.seller.0);
        bytes[BUYER..TERMS].copy_from_slice(&self.buyer.0);
        bytes[TERMS..TIME].copy_from_slice(&self.terms.0);
        bytes[TIME..SIGNATURE].copy_from_slice(&self.accepted_at_ms.to_be_bytes());
        bytes[SIGNATURE..].copy_from_slice(&self.signature.0);
        bytes
    }

    /// Reads the form that [`encode`](Self::encode) writes. Verifies nothing.
    ///
    /// # Errors
    /// [`AcceptanceError::Length`] and [`AcceptanceError::Version`].
    pub fn decode(bytes: &[u8]) -> Result<Self, AcceptanceError> {
        let fields: &[u8; Self::BYTES] =
            bytes.try_into().map_err(|_| AcceptanceError::Length { bytes: bytes.len() })?;
        if fields[0] != VERSION {
            return Err(AcceptanceError::Version { version: fields[0] });
        }
        Ok(Self {
            seller: IdentityKey(array(fields, SELLER)),
            buyer: IdentityKey(array(fields, BUYER)),
            terms: TermsHash(array(fields, TERMS)),
            accepted_at_ms: u64::from_be_bytes(array(fields, TIME)),
            signature: Signature(array(fields, SIGNATURE)),
        })
    }

    /// Whether `buyer` signed this, to accept exactly `terms` of `seller`.
    ///
    /// # Errors
    /// The rule that is broken.
    pub fn verify(
        self,
        seller: &IdentityKey,
        buyer: &IdentityKey,
        terms: &TermsHash,
    ) -> Result<VerifiedAcceptance, AcceptanceError> {
        if self.seller != *seller {
            return Err(AcceptanceError::OtherSeller);
        }
        if self.buyer != *buyer {
            return Err(AcceptanceError::OtherBuyer);
        }
        if self.terms != *terms {
            return Err(AcceptanceError::OtherTerms);
        }
        if !identity_signature::verify(buyer, &self.signable(), &self.signature) {
            return Err(AcceptanceError::Signature);
        }
        Ok(VerifiedAcceptance(self))
    }

    fn signable(&self) -> Vec<u8> {
        [DOMAIN, &self.encode()[..SIGNATURE]].concat()
    }
}

/// The `N` bytes at `offset`, both fixed by the layout.
fn array<const N: usize>(bytes: &[u8; Acceptance::BYTES], offset: usize) -> [u8; N] {
    std::array::from_fn(|index| bytes[offset + index])
}

/// An acceptance that [`Acceptance::verify`] found good; there is no other way to have one.
#[derive(Debug)]
pub struct VerifiedAcceptance(Acceptance);

impl VerifiedAcceptance {
    /// What was verified.
    pub const fn acceptance(&self) -> &Acceptance {
        &self.0
    }

    /// The seller has it on disk.
    pub(crate) fn stored(self) -> TermsAccepted {
        TermsAccepted::signed(&self)
    }
}

/// Why bytes are not this buyer's acceptance of these terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptanceError {
    /// The wrong number of bytes.
    #[error("{bytes} bytes instead of {}", Acceptance::BYTES)]
    Length {
        /// Bytes received.
        bytes: usize,
    },
    /// A layout that we don't know.
    #[error("version {version} instead of {VERSION}")]
    Version {
        /// The version received.
        version: u8,
    },
    /// It names another seller.
    #[error("it names another seller")]
    OtherSeller,
    /// It names another buyer than the one who is connected.
    #[error("it names another buyer")]
    OtherBuyer,
    /// It names other terms, perhaps those of last year.
    #[error("it names other terms")]
    OtherTerms,
    /// The buyer did not sign it.
    #[error("its signature is not the buyer's")]
    Signature,
}
