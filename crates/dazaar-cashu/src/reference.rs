//! The name of coins that were handed over together.
//!
//! Grade: plain. SHA-256 over the coins' names at their mint (`Y` of NUT-00, 33 bytes each) in rising order. So seller and buyer call a
//! payment the same, each from what they have.

use cashu::{Proof, PublicKey};
use sha2::{Digest as _, Sha256};

use crate::error::EcashError;

/// The common name of these coins.
pub(crate) fn reference(coins: &[Proof]) -> Result<Vec<u8>, EcashError> {
    let name = |coin: &Proof| coin.y().map_err(|_| EcashError::Damaged { what: "a coin without a name" });
    let ys: Vec<PublicKey> = coins.iter().map(name).collect::<Result<_, _>>()?;
    Ok(reference_of(&ys))
}

/// The common name of the coins of these names.
pub(crate) fn reference_of(ys: &[PublicKey]) -> Vec<u8> {
    let mut names: Vec<[u8; 33]> = ys.iter().map(|y| y.to_bytes()).collect();
    names.sort_unstable();
    Sha256::digest(names.concat()).to_vec()
}
