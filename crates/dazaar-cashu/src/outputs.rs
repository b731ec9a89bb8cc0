//! Coins to be: what a mint is asked to sign, and what becomes of its signatures.
//!
//! Grade: plain. Secrets and blinding factors are NUT-13's, from a counter, so the mint can tell again what it signed (NUT-09). In the
//! secret of a locked coin (NUT-11) the nonce is what NUT-13 would have made the secret; that of another coin for somebody else is a hash
//! of it. So who restores the wallet does not find what was given away.

use cashu::dhke::{blind_message, unblind_message};
use cashu::secret::Secret;
use cashu::{Amount, BlindSignature, BlindedMessage, Id, KeySet, Proof, ProofDleq, PublicKey, SecretKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::error::EcashError;
use crate::seed::Seed;

/// A coin to be, with what turns the mint's signature into the coin.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Output {
    /// Zero if the mint decides (NUT-08).
    pub(crate) sat: u64,
    pub(crate) keyset: Id,
    pub(crate) secret: Secret,
    pub(crate) r: SecretKey,
    /// Whether it is for somebody else.
    pub(crate) is_given: bool,
}

/// To whom coins are locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lock {
    /// Who can spend them.
    pub(crate) to: PublicKey,
    /// Who else can, and from when: seconds since 1970 UTC.
    pub(crate) back: Option<(PublicKey, u64)>,
}

/// The coins for these amounts, from the counter `first` on.
pub(crate) fn plain(seed: &Seed, keyset: Id, first: u32, amounts: &[u64]) -> Result<Vec<Output>, EcashError> {
    outputs(seed, keyset, first, amounts, Secret::clone)
}

/// The coins for these amounts that go to somebody else, locked or not.
pub(crate) fn given(
    seed: &Seed,
    keyset: Id,
    first: u32,
    amounts: &[u64],
    lock: Option<&Lock>,
) -> Result<Vec<Output>, EcashError> {
    let secret =
        |nonce: &Secret| lock.map_or_else(|| unlocked_secret(nonce), |lock| locked_secret(nonce, lock));
    let mut outputs = outputs(seed, keyset, first, amounts, secret)?;
    for output in &mut outputs {
        output.is_given = true;
    }
    Ok(outputs)
}

fn outputs(
    seed: &Seed,
    keyset: Id,
    first: u32,
    amounts: &[u64],
    secret_of: impl Fn(&Secret) -> Secret,
) -> Result<Vec<Output>, EcashError> {
    let output = |(counter, &sat): (u64, &u64)| {
        let (nonce, r) = derive(seed, keyset, counter)?;
        Ok(Output { sat, keyset, secret: secret_of(&nonce), r, is_given: false })
    };
    (u64::from(first)..).zip(amounts).map(output).collect()
}

/// What a coin's secret is made of, and its blinding factor.
fn derive(seed: &Seed, keyset: Id, counter: u64) -> Result<(Secret, SecretKey), EcashError> {
    let counter = u32::try_from(counter).map_err(|_| worn_out())?;
    let nonce = Secret::from_seed(seed.bytes(), keyset, counter).map_err(|_| worn_out())?;
    Ok((nonce, SecretKey::from_seed(seed.bytes(), keyset, counter).map_err(|_| worn_out())?))
}

/// The same coins for the same owners, from the counter `first` on.
pub(crate) fn renewed(seed: &Seed, old: &[Output], first: u32) -> Result<Vec<Output>, EcashError> {
    let renewed = |(counter, output): (u64, &Output)| {
        let (nonce, r) = derive(seed, output.keyset, counter)?;
        let secret = match serde_json::from_str::<Value>(&output.secret.to_string()) {
            Ok(mut lock @ Value::Array(_)) => {
                let place = lock.pointer_mut("/1/nonce");
                *place.ok_or(EcashError::Damaged { what: "the lock of a coin" })? = nonce.to_string().into();
                Secret::new(lock.to_string())
            }
            _ if output.is_given => unlocked_secret(&nonce),
            _ => nonce,
        };
        Ok(Output { secret, r, ..output.clone() })
    };
    (u64::from(first)..).zip(old).map(renewed).collect()
}

/// Two thousand million coins of one keyset.
fn worn_out() -> EcashError {
    EcashError::Amount { reason: "the mint's keys were used too often; it must issue new ones".to_owned() }
}

/// Of a coin that is for somebody else, and locked to nobody.
fn unlocked_secret(nonce: &Secret) -> Secret {
    Secret::new(hex::encode(Sha256::digest(nonce.as_bytes())))
}

fn locked_secret(nonce: &Secret, lock: &Lock) -> Secret {
    let mut tags = vec![json!(["sigflag", "SIG_INPUTS"])];
    if let Some((key, at_s)) = lock.back {
        tags.push(json!(["locktime", at_s.to_string()]));
        tags.push(json!(["refund", key.to_hex()]));
    }
    let data = json!({ "nonce": nonce.to_string(), "data": lock.to.to_hex(), "tags": tags });
    Secret::new(json!(["P2PK", data]).to_string())
}

impl Output {
    /// What the mint is asked to sign.
    pub(crate) fn blinded(&self) -> Result<BlindedMessage, EcashError> {
        let (blinded, _) =
            blind_message(self.secret.as_bytes(), Some(self.r.clone())).map_err(|_| unusable())?;
        Ok(BlindedMessage::new(Amount::from(self.sat), self.keyset, blinded))
    }

    /// The coin, if the mint really signed it.
    fn coin(&self, signature: &BlindSignature, keyset: &KeySet) -> Option<Proof> {
        let is_asked = signature.keyset_id == self.keyset
            && keyset.id == self.keyset
            && (self.sat == 0 || u64::from(signature.amount) == self.sat);
        let key = keyset.keys.amount_key(signature.amount).filter(|_| is_asked)?;
        signature.verify_dleq(key, self.blinded().ok()?.blinded_secret).ok()?;
        let mut coin = Proof::new(
            signature.amount,
            self.keyset,
            self.secret.clone(),
            unblind_message(&signature.c, &self.r, &key).ok()?,
        );
        let dleq = signature.dleq.clone()?;
        coin.dleq = Some(ProofDleq::new(dleq.e, dleq.s, self.r.clone()));
        Some(coin)
    }
}

fn unusable() -> EcashError {
    EcashError::Damaged { what: "a secret that no coin can have" }
}

/// The coins of a mint's answer, each with its output; none if the mint did not sign what it was asked to. If it decides amounts
/// itself, it may sign fewer.
pub(crate) fn coins<'a>(
    outputs: &'a [Output],
    signatures: &[BlindSignature],
    keyset_of: impl Fn(&Id) -> Option<KeySet>,
) -> Option<Vec<(&'a Output, Proof)>> {
    let is_complete = outputs.len() == signatures.len() || outputs.iter().all(|output| output.sat == 0);
    if !is_complete || signatures.len() > outputs.len() {
        return None;
    }
    let coin = |(output, signature): (&'a Output, _)| {
        Some((output, output.coin(signature, &keyset_of(&output.keyset)?)?))
    };
    outputs.iter().zip(signatures).map(coin).collect()
}

#[cfg(test)]
mod tests {
    use dazaar_market::MasterKey;

    use super::*;
    use crate::offline::{Standing, examine};
    use crate::testing::Signer;

    fn seed() -> Seed {
        Seed::new(&MasterKey::new(&[7; 32]))
    }

    fn keys() -> (SecretKey, SecretKey) {
        (SecretKey::from_slice(&[1; 32]).unwrap(), SecretKey::from_slice(&[2; 32]).unwrap())
    }

    #[test]
    fn what_is_signed_becomes_a_coin_that_is_the_sellers() {
        let signer = Signer::new(1, 0);
        let (keyset, (seller, buyer)) = (signer.keyset(), keys());
        let lock = Lock { to: seller.public_key(), back: Some((buyer.public_key(), 1000)) };
        let outputs = given(&seed(), keyset.id, 5, &[1, 4], Some(&lock)).unwrap();
        let signatures: Vec<_> =
            outputs.iter().map(|output| signer.sign(&output.blinded().unwrap())).collect();
        let coins = coins(&outputs, &signatures, |_| Some(keyset.clone())).unwrap();
        for (_, coin) in &coins {
            assert_eq!(examine(coin, &keyset, &lock.to, 1000), Ok(Standing::Ours));
            assert_eq!(examine(coin, &keyset, &lock.to, 1001), Ok(Standing::RedeemFirst));
        }
        // From a counter: the same again.
        let again = given(&seed(), keyset.id, 5, &[1, 4], Some(&lock)).unwrap();
        assert_eq!(again[1].blinded().unwrap(), outputs[1].blinded().unwrap());
        assert_ne!(again[0].blinded().unwrap(), outputs[1].blinded().unwrap());
    }

    #[test]
    fn renewed_coins_are_for_the_same_owners() {
        let keyset = Signer::new(1, 0).keyset();
        let (seller, buyer) = keys();
        let lock = Lock { to: seller.public_key(), back: Some((buyer.public_key(), 1000)) };
        let make = |first| {
            let mut all = given(&seed(), keyset.id, first, &[1, 4], Some(&lock)).unwrap();
            all.extend(given(&seed(), keyset.id, first + 2, &[2], None).unwrap());
            all.extend(plain(&seed(), keyset.id, first + 3, &[8, 0]).unwrap());
            all
        };
        let renewed = renewed(&seed(), &make(3), 20).unwrap();
        for (new, wanted) in renewed.iter().zip(make(20)) {
            assert_eq!(new.blinded().unwrap(), wanted.blinded().unwrap());
            assert_eq!((new.sat, new.is_given, &new.secret), (wanted.sat, wanted.is_given, &wanted.secret));
        }
    }

    #[test]
    fn plain_coins_are_those_of_nut_13() {
        let keyset = Signer::new(1, 0).keyset();
        let ours = plain(&seed(), keyset.id, 3, &[2]).unwrap().remove(0);
        let theirs = cashu::PreMintSecrets::restore_batch(keyset.id, seed().bytes(), 3, 4).unwrap();
        assert_eq!(ours.blinded().unwrap().blinded_secret, theirs.secrets[0].blinded_message.blinded_secret);
    }

    #[test]
    fn what_is_given_away_is_not_restored() {
        let keyset = Signer::new(1, 0).keyset();
        let own = plain(&seed(), keyset.id, 3, &[2]).unwrap().remove(0);
        let given = given(&seed(), keyset.id, 3, &[2], None).unwrap().remove(0);
        assert_ne!(own.blinded().unwrap(), given.blinded().unwrap());
    }

    #[test]
    fn a_mint_that_signs_something_else_is_not_believed() {
        let (signer, other) = (Signer::new(1, 0), Signer::new(2, 0));
        let keyset = signer.keyset();
        let outputs = plain(&seed(), keyset.id, 0, &[8, 4]).unwrap();
        let asked: Vec<_> = outputs.iter().map(|output| output.blinded().unwrap()).collect();
        let good: Vec<_> = asked.iter().map(|message| signer.sign(message)).collect();
        let is_taken = |signatures: &[BlindSignature]| {
            coins(&outputs, signatures, |id| (*id == keyset.id).then(|| keyset.clone())).is_some()
        };
        assert!(is_taken(&good));
        assert!(!is_taken(&good[..1]));
        assert!(!is_taken(&[good[1].clone(), good[0].clone()]));
        let mut other_amount = good.clone();
        other_amount[0].amount = Amount::from(4);
        assert!(!is_taken(&other_amount));
        let mut unproved = good.clone();
        unproved[0].dleq = None;
        assert!(!is_taken(&unproved));
        let mut other_mint = good;
        other_mint[0].c = other.sign(&asked[0]).c;
        assert!(!is_taken(&other_mint));
    }
}
