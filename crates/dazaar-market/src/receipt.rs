//! Receipts: the seller's signed word that a payment counts. They verify without anybody else.
//!
//! Grade: plain. A JSON object with XEdDSA by the seller as 128 hex digits in `signature`, over a domain line and the canonical JSON
//! (RFC 8785) of the rest. A seller's key is that of one listing, so it says what was paid for. Source: formats, "Receipt".

use dazaar_log::{IdentityKey, IdentityKeyPair, Signature};
use serde_json::{Map, Value, json};

use crate::identity_signature::{self, NONCE_BYTES};
use crate::limits::RECEIPT_BYTES_MAX;
use crate::money::{Asset, Money};

const DOMAIN: &[u8] = b"dazaar receipt\n";
const VERSION: u64 = 1;

/// What a receipt says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedReceipt {
    /// Who was paid, and for which listing.
    pub seller: IdentityKey,
    /// For whom.
    pub buyer: IdentityKey,
    /// How.
    pub method: String,
    /// The payment's own name, in hex: of a voucher, the hash of its code.
    pub reference: String,
    /// What it gave; none admits until revoked.
    pub money: Option<Money>,
    /// When it was counted, by the seller's clock: milliseconds since 1970 UTC.
    pub time_ms: u64,
}

impl SignedReceipt {
    /// The receipt with its seller's signature. `nonce` must be random.
    ///
    /// # Errors
    /// [`ReceiptError::NotTheSeller`].
    pub fn sign(&self, seller: &IdentityKeyPair, nonce: &[u8; NONCE_BYTES]) -> Result<Value, ReceiptError> {
        if seller.public() != self.seller {
            return Err(ReceiptError::NotTheSeller);
        }
        let mut json = json!({
            "receipt": VERSION,
            "seller": self.seller.to_string(),
            "buyer": self.buyer.to_string(),
            "method": self.method,
            "reference": self.reference,
            "asset": self.money.as_ref().map(|money| money.asset.to_string()),
            "units": self.money.as_ref().map(|money| money.units.to_string()),
            "time_ms": self.time_ms,
        });
        let signature = identity_signature::sign(seller, &signable(&json)?, nonce);
        json["signature"] = hex::encode(signature.0).into();
        Ok(json)
    }

    /// Reads a receipt, and checks that its seller signed exactly this.
    ///
    /// # Errors
    /// What is wrong with it; see [`ReceiptError`].
    pub fn verify(receipt: &Value) -> Result<Self, ReceiptError> {
        let object = receipt.as_object().ok_or(ReceiptError::Form)?;
        let text = receipt.to_string();
        if text.len() > RECEIPT_BYTES_MAX {
            return Err(ReceiptError::TooLong { max: RECEIPT_BYTES_MAX });
        }
        if object.get("receipt").and_then(Value::as_u64) != Some(VERSION) {
            return Err(ReceiptError::Form);
        }
        let mut signature = Signature([0; Signature::BYTES]);
        hex::decode_to_slice(field(object, "signature")?, &mut signature.0)
            .map_err(|_| ReceiptError::Form)?;
        let seller: IdentityKey = field(object, "seller")?.parse().map_err(|_| ReceiptError::Form)?;
        let mut rest = object.clone();
        rest.remove("signature");
        if !identity_signature::verify(&seller, &signable(&Value::Object(rest))?, &signature) {
            return Err(ReceiptError::Signature);
        }
        Ok(Self {
            seller,
            buyer: field(object, "buyer")?.parse().map_err(|_| ReceiptError::Form)?,
            method: field(object, "method")?.to_owned(),
            reference: field(object, "reference")?.to_owned(),
            money: money(object)?,
            time_ms: object.get("time_ms").and_then(Value::as_u64).ok_or(ReceiptError::Form)?,
        })
    }
}

fn field<'a>(object: &'a Map<String, Value>, name: &str) -> Result<&'a str, ReceiptError> {
    object.get(name).and_then(Value::as_str).ok_or(ReceiptError::Form)
}

fn money(object: &Map<String, Value>) -> Result<Option<Money>, ReceiptError> {
    if object.get("units").is_none_or(Value::is_null) {
        return Ok(None);
    }
    let asset: Asset = field(object, "asset")?.parse().map_err(|_| ReceiptError::Form)?;
    let units = field(object, "units")?.parse().map_err(|_| ReceiptError::Form)?;
    Ok(Some(Money { asset, units }))
}

fn signable(json: &Value) -> Result<Vec<u8>, ReceiptError> {
    let canonical = serde_json_canonicalizer::to_vec(json).map_err(|_| ReceiptError::Form)?;
    Ok([DOMAIN, &canonical].concat())
}

/// Why something is no receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// A field is missing, or not of its form.
    #[error("this is not a receipt, or of a newer version")]
    Form,
    /// More bytes than a receipt has.
    #[error("a receipt has at most {max} bytes")]
    TooLong {
        /// Bytes allowed.
        max: usize,
    },
    /// Somebody changed it, or the seller never signed it.
    #[error("the seller did not sign this receipt")]
    Signature,
    /// A signature by somebody else than the seller of the receipt.
    #[error("only the seller can sign this receipt")]
    NotTheSeller,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(seed: u8) -> IdentityKeyPair {
        IdentityKeyPair::from_seed(&[seed; 32])
    }

    fn receipt() -> SignedReceipt {
        SignedReceipt {
            seller: pair(1).public(),
            buyer: pair(2).public(),
            method: "credit".to_owned(),
            reference: "ab".repeat(32),
            money: Some(Money { asset: Asset::Time, units: u64::MAX }),
            time_ms: 5,
        }
    }

    #[test]
    fn a_receipt_is_its_sellers_word() {
        for money in [receipt().money, None] {
            let receipt = SignedReceipt { money, ..receipt() };
            let signed = receipt.sign(&pair(1), &[7; NONCE_BYTES]).unwrap();
            assert_eq!(SignedReceipt::verify(&signed), Ok(receipt.clone()));
            assert_eq!(receipt.sign(&pair(3), &[7; NONCE_BYTES]), Err(ReceiptError::NotTheSeller));
        }
    }

    #[test]
    fn whatever_is_changed_is_noticed() {
        let signed = receipt().sign(&pair(1), &[7; NONCE_BYTES]).unwrap();
        for (field, value) in [
            ("seller", json!(pair(3).public().to_string())),
            ("buyer", json!(pair(3).public().to_string())),
            ("units", json!("1")),
            ("units", Value::Null),
            ("asset", json!("btc")),
            ("reference", json!("cd")),
            ("time_ms", json!(6)),
            ("more", json!(1)),
        ] {
            let mut changed = signed.clone();
            changed[field] = value;
            assert_eq!(SignedReceipt::verify(&changed), Err(ReceiptError::Signature), "{field}");
        }
        for wrong in
            [json!(null), json!({}), json!({ "receipt": 2 }), json!({ "receipt": 1, "signature": "00" })]
        {
            assert_eq!(SignedReceipt::verify(&wrong), Err(ReceiptError::Form));
        }
        let mut long = signed;
        long["more"] = "x".repeat(RECEIPT_BYTES_MAX).into();
        assert_eq!(SignedReceipt::verify(&long), Err(ReceiptError::TooLong { max: RECEIPT_BYTES_MAX }));
    }
}
