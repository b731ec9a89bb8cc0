//! Signatures by identities: XEdDSA lets an X25519 key sign.
//!
//! Grade: plain. Verification converts the identity to its Ed25519 form and then applies the strict rules, so an
//! identity of small order can sign nothing. Randomness is handed in.
//! Source: the XEdDSA specification (Signal); not part of the classic protocol.

use std::convert::Infallible;

use dazaar_log::{FeedKey, IdentityKey, IdentityKeyPair, Signature};
use rand_core::{TryCryptoRng, TryRng};
use xeddsa::xed25519::{PrivateKey, PublicKey};
use xeddsa::{ConvertMont as _, Sign as _};

/// Random bytes that one signature consumes.
pub const NONCE_BYTES: usize = 64;

/// Signs `message` as `identity`. `nonce` must be random; repeating one reveals only that a message was repeated.
pub(crate) fn sign(identity: &IdentityKeyPair, message: &[u8], nonce: &[u8; NONCE_BYTES]) -> Signature {
    Signature(PrivateKey::from(identity.secret()).sign(message, Nonce(nonce)))
}

/// Whether `signature` is that of `identity` over `message`.
pub(crate) fn verify(identity: &IdentityKey, message: &[u8], signature: &Signature) -> bool {
    PublicKey(identity.0).convert_mont(0).is_ok_and(|key| FeedKey(key).verify(message, signature))
}

/// A generator that has exactly one thing to say: the caller's nonce.
struct Nonce<'a>(&'a [u8; NONCE_BYTES]);

impl TryRng for Nonce<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes).map(|()| u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes).map(|()| u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Infallible> {
        for (byte, random) in target.iter_mut().zip(self.0) {
            *byte = *random;
        }
        Ok(())
    }
}

impl TryCryptoRng for Nonce<'_> {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_identity_signs_and_nobody_else(
            seed: [u8; 32], other: [u8; 32], message: Vec<u8>, nonce in any::<[[u8; 32]; 2]>(), bit in 0..512_usize,
        ) {
            prop_assume!(seed != other);
            let pair = IdentityKeyPair::from_seed(&seed);
            let nonce: [u8; NONCE_BYTES] = nonce.concat().try_into().expect("two halves");
            let mut signature = sign(&pair, &message, &nonce);
            prop_assert!(verify(&pair.public(), &message, &signature));
            prop_assert!(!verify(&IdentityKeyPair::from_seed(&other).public(), &message, &signature));
            prop_assert!(!verify(&pair.public(), &[&message[..], b"."].concat(), &signature));
            signature.0[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!verify(&pair.public(), &message, &signature));
        }

        #[test]
        fn no_bytes_make_verification_panic(key: [u8; 32], halves: [[u8; 32]; 2], message: Vec<u8>) {
            let signature = Signature(halves.concat().try_into().expect("two halves"));
            prop_assert!(!verify(&IdentityKey(key), &message, &signature));
        }
    }

    #[test]
    fn an_identity_of_small_order_signs_nothing() {
        for key in [[0; 32], std::array::from_fn(|byte| u8::from(byte == 0))] {
            let mut signature = Signature([0; 64]);
            signature.0[0] = 1;
            assert!(!verify(&IdentityKey(key), b"anything", &signature));
        }
    }
}
