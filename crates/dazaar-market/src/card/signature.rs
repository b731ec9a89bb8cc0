//! The seller's signature in a card.
//!
//! Grade: plain. XEdDSA by the key in `id`, as 128 hex digits in the field `signature`, over a domain line and the
//! canonical JSON (RFC 8785) of the card without that field. Source: ours; the reference ignores the field.

use dazaar_log::{IdentityKeyPair, Signature};
use serde_json::Value;

use super::{Card, CardError};
use crate::identity_signature::{self, NONCE_BYTES};

const FIELD: &str = "signature";
const DOMAIN: &[u8] = b"dazaar card\n";

/// Whether a card is its seller's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardSignature {
    /// There is no signature. So were all cards before us.
    Unsigned,
    /// The seller wrote exactly this.
    Valid,
    /// There is a signature, but not the seller's over this.
    Invalid,
}

impl Card {
    /// Signs the card as its seller. `nonce` must be random.
    ///
    /// # Errors
    /// [`CardError::NotTheSeller`] and [`CardError::NumberTooLarge`].
    pub fn sign(&mut self, seller: &IdentityKeyPair, nonce: &[u8; NONCE_BYTES]) -> Result<(), CardError> {
        if seller.public() != self.id {
            return Err(CardError::NotTheSeller { id: self.id });
        }
        let signature = identity_signature::sign(seller, &self.signable()?, nonce);
        self.fields.insert(FIELD.to_owned(), hex::encode(signature.0).into());
        Ok(())
    }

    /// Whether the seller signed this card.
    pub fn verify(&self) -> CardSignature {
        let Some(field) = self.fields.get(FIELD) else { return CardSignature::Unsigned };
        let mut signature = Signature([0; Signature::BYTES]);
        let is_hex = field.as_str().is_some_and(|text| hex::decode_to_slice(text, &mut signature.0).is_ok());
        let is_valid = |message: Vec<u8>| identity_signature::verify(&self.id, &message, &signature);
        if is_hex && self.signable().is_ok_and(is_valid) {
            CardSignature::Valid
        } else {
            CardSignature::Invalid
        }
    }

    /// The card's canonical text: the same bytes for everybody who reads the same card.
    ///
    /// # Errors
    /// [`CardError::NumberTooLarge`] if a field was given a number that not everybody reads the same.
    pub fn to_canonical_json(&self) -> Result<Vec<u8>, CardError> {
        canonical(&self.to_json())
    }

    pub(super) fn unsigned_json(&self) -> Value {
        let mut json = self.to_json();
        if let Some(object) = json.as_object_mut() {
            object.remove(FIELD);
        }
        json
    }

    fn signable(&self) -> Result<Vec<u8>, CardError> {
        Ok([DOMAIN, &canonical(&self.unsigned_json())?].concat())
    }
}

fn canonical(json: &Value) -> Result<Vec<u8>, CardError> {
    super::check_numbers("card", json)?;
    // The canonicaliser fails only on numbers that are not finite, which JSON cannot hold.
    serde_json_canonicalizer::to_vec(json).map_err(|_| CardError::NumberTooLarge { field: "card".to_owned() })
}
