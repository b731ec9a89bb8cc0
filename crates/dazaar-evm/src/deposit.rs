//! The addresses of npm dazaar: each buyer pays to an own one, which the card's public key and both identities lead to.
//!
//! Grade: plain. Source: formats, "Deposit addresses". Only the seller can tell that they belong together, and only the secret key of
//! the card's can spend from them.

use alloy_primitives::{Address, B256, keccak256};
use dazaar_log::IdentityKey;
use k256::elliptic_curve::PrimeField as _;
use k256::elliptic_curve::sec1::ToEncodedPoint as _;
use k256::{ProjectivePoint, PublicKey, Scalar};

/// Reads the public key of a card: 33, 64 or 65 bytes in hex, with `0x` or without.
///
/// # Errors
/// [`PublicKeyError`].
pub fn public_key(text: &str) -> Result<PublicKey, PublicKeyError> {
    let bytes = hex::decode(text.strip_prefix("0x").unwrap_or(text)).map_err(|_| PublicKeyError::Form)?;
    let sec1 = match bytes.len() {
        64 => [&[4], &bytes[..]].concat(),
        33 | 65 => bytes,
        _ => return Err(PublicKeyError::Form),
    };
    PublicKey::from_sec1_bytes(&sec1).map_err(|_| PublicKeyError::Curve)
}

/// Where a buyer pays a seller.
pub fn address(key: &PublicKey, seller: &IdentityKey, buyer: &IdentityKey) -> Address {
    let (seller, buyer) = (hex::encode(seller.as_bytes()), hex::encode(buyer.as_bytes()));
    let factor = factor(keccak256(format!("dazaar {seller} {buyer}")));
    account(ProjectivePoint::from(*key.as_affine()) * factor)
}

/// The account of the key itself, where nobody is asked to pay.
pub fn own_address(key: &PublicKey) -> Address {
    account(ProjectivePoint::from(*key.as_affine()))
}

fn account(point: ProjectivePoint) -> Address {
    let point = point.to_affine().to_encoded_point(false);
    // Without the first byte, which says that both coordinates follow.
    Address::from_raw_public_key(&point.as_bytes()[1..])
}

/// A hash as a number that keys can be multiplied with. Hardly any hash is none; if so, its own hash is taken.
fn factor(mut hash: B256) -> Scalar {
    loop {
        let scalar: Option<Scalar> = Scalar::from_repr(hash.0.into()).into();
        if let Some(scalar) = scalar.filter(|scalar| !bool::from(scalar.is_zero())) {
            return scalar;
        }
        hash = keccak256(hash);
    }
}

/// Why text is no public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublicKeyError {
    /// Other characters, or another length.
    #[error("a public key has 33, 64 or 65 bytes in hex")]
    Form,
    /// No point of the curve.
    #[error("these bytes are no key of the curve")]
    Curve,
}
