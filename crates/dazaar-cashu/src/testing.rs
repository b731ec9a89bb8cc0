//! A mint's keys and signatures for tests and benches, without a mint.
//!
//! Grade: plain.

use std::collections::BTreeMap;

use cashu::dhke::{sign_message, unblind_message};
use cashu::secret::Secret;
use cashu::{
    Amount, BlindSignature, BlindedMessage, CurrencyUnit, Id, KeySet, Keys, Proof, ProofDleq, SecretKey,
};

/// Keys like a mint's.
pub(crate) struct Signer {
    keys: BTreeMap<u64, SecretKey>,
    fee_ppk: u64,
}

impl Signer {
    pub(crate) fn new(seed: u8, fee_ppk: u64) -> Self {
        let key = |exponent: u8| {
            let bytes: Vec<u8> = [seed, exponent + 1].into_iter().chain([1; 30]).collect();
            (1 << exponent, SecretKey::from_slice(&bytes).unwrap())
        };
        Self { keys: (0..52).map(key).collect(), fee_ppk }
    }

    pub(crate) fn keyset(&self) -> KeySet {
        let keys = self.keys.iter().map(|(amount, key)| (Amount::from(*amount), key.public_key())).collect();
        let keys = Keys::new(keys);
        KeySet {
            id: Id::v1_from_keys(&keys),
            unit: CurrencyUnit::Sat,
            active: Some(true),
            keys,
            input_fee_ppk: self.fee_ppk,
            final_expiry: None,
        }
    }

    pub(crate) fn sign(&self, message: &BlindedMessage) -> BlindSignature {
        let key = &self.keys[&u64::from(message.amount)];
        let signature = sign_message(key, &message.blinded_secret).unwrap();
        BlindSignature::new(message.amount, signature, message.keyset_id, &message.blinded_secret, key)
            .unwrap()
    }

    /// A coin with this secret.
    pub(crate) fn coin(&self, sat: u64, secret: &str) -> Proof {
        let (secret, r) = (Secret::new(secret), SecretKey::from_slice(&[3; 32]).unwrap());
        let (blinded, _) = cashu::dhke::blind_message(secret.as_bytes(), Some(r.clone())).unwrap();
        let signature = self.sign(&BlindedMessage::new(Amount::from(sat), self.keyset().id, blinded));
        let key = self.keys[&sat].public_key();
        let c = unblind_message(&signature.c, &r, &key).unwrap();
        let dleq = signature.dleq.unwrap();
        let mut coin = Proof::new(Amount::from(sat), self.keyset().id, secret, c);
        coin.dleq = Some(ProofDleq::new(dleq.e, dleq.s, r));
        coin
    }
}
