//! The master key, and every key that grows from it.
//!
//! Grade: plain. One master key is a whole market: two hosts that share it are the same sellers and the same buyer.
//! A key that is already stored wins over its derivation; asking that first is the caller's duty.
//! Source: classic protocol, section 7.1.

use std::fmt;

use dazaar_log::key::{KEY_BYTES, derive_seed};
use dazaar_log::{FeedKey, FeedKeyPair, IdentityKey, IdentityKeyPair};
use zeroize::Zeroizing;

/// The namespace of every derivation.
const NAMESPACE: &str = "dazaar";

/// 32 secret bytes from which a market's keys are derived. Wiped when dropped; prints nothing.
pub struct MasterKey(Zeroizing<[u8; KEY_BYTES]>);

impl MasterKey {
    /// The key of these bytes, which must be random.
    pub fn new(bytes: &[u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(*bytes))
    }

    /// The secret bytes, for storing them.
    pub fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// Who this market is when it buys: one identity for all purchases.
    pub fn buyer(&self) -> IdentityKeyPair {
        IdentityKeyPair::from_seed(&self.seed("buys/key-pair"))
    }

    /// Who this market is when it sells `feed`: one identity for each sold feed.
    pub fn seller(&self, feed: &FeedKey) -> IdentityKeyPair {
        IdentityKeyPair::from_seed(&self.seed(&format!("sales/{feed}/key-pair")))
    }

    /// The pair that signs `feed` once more, for `buyer` alone.
    pub fn unique_feed(&self, feed: &FeedKey, buyer: &IdentityKey) -> FeedKeyPair {
        FeedKeyPair::from_seed(&self.seed(&format!("sales/{feed}/feeds/{buyer}")))
    }

    /// The pair of the own feed called `name` (`deriveHypercoreKeyPair` of the reference).
    pub fn feed(&self, name: &str) -> FeedKeyPair {
        FeedKeyPair::from_seed(&self.seed(&format!("hypercore-seed/{name}")))
    }

    /// The master key of the own drive called `name`.
    pub fn drive(&self, name: &str) -> Zeroizing<[u8; KEY_BYTES]> {
        self.seed(&format!("drives/{name}"))
    }

    /// The secret of the endpoint of iroh (Ed25519) at which `feed` is sold.
    pub fn endpoint(&self, feed: &FeedKey) -> Zeroizing<[u8; KEY_BYTES]> {
        self.seed(&format!("sales/{feed}/iroh"))
    }

    /// The secret with which a market's wallets are encrypted.
    pub fn wallets(&self) -> Zeroizing<[u8; KEY_BYTES]> {
        self.seed("wallets")
    }

    /// The seed of the Lightning node that is the wallet called `name`.
    pub fn lightning(&self, name: &str) -> Zeroizing<[u8; 2 * KEY_BYTES]> {
        let mut seed = Zeroizing::new([0; 2 * KEY_BYTES]);
        for (part, half) in seed.chunks_exact_mut(KEY_BYTES).enumerate() {
            half.copy_from_slice(&*self.seed(&format!("wallets/{name}/lightning/{part}")));
        }
        seed
    }

    fn seed(&self, name: &str) -> Zeroizing<[u8; KEY_BYTES]> {
        derive_seed(NAMESPACE, &self.0, name)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sevens() -> MasterKey {
        MasterKey::new(&[7; KEY_BYTES])
    }

    fn sold() -> FeedKey {
        FeedKeyPair::from_seed(&[1; KEY_BYTES]).public()
    }

    #[test]
    fn derives_the_keys_of_the_reference() {
        let master = sevens();
        let buyer: IdentityKey =
            "fc3b339367a5225d53a92d380323afd035d7817b6d1be47d946f6b09a9cbdc06".parse().unwrap();
        let keys = [
            (
                master.buyer().public().to_string(),
                "6078252b3c85837e055f1daa415ff2afe87724b651fa4ae12e6f53876144833a",
            ),
            (
                master.seller(&sold()).public().to_string(),
                "fc4f685c171cc7fde967e1e833e9b1a7f2dba728439e16a6d2f670fcce5fad41",
            ),
            (
                master.unique_feed(&sold(), &buyer).public().to_string(),
                "b1b11a7eac6094c4d89169b7528fc2b57c70783a298ac8df30be6308dbdbb120",
            ),
            (
                master.feed("foo").public().to_string(),
                "a7be5d339e95a53e70026efd18182487e7afa1fe66db1787c8fe824af9310820",
            ),
        ];
        for (derived, expected) in keys {
            assert_eq!(derived, expected);
        }
    }

    #[test]
    fn every_listing_has_an_endpoint_of_its_own() {
        let endpoint = hex::encode(*sevens().endpoint(&sold()));
        assert_eq!(endpoint, "37e12757ca412d41216c3e74a6939467da76c84ad9f74a9d71730e0d926d146e");
        assert_ne!(*sevens().endpoint(&sold()), *sevens().endpoint(&FeedKey([1; KEY_BYTES])));
    }

    #[test]
    fn every_lightning_node_has_a_seed_of_its_own() {
        let seed = sevens().lightning("mine");
        let expected = "aef0f157559271824f2f754d41f8b5779c413d996ea10fa4b433a3901edc4b6eea17767f55610dd63ade308eb9f7cce5093fa5cb90d8c306d4b979f38c565af4";
        assert_eq!(hex::encode(*seed), expected);
        assert_ne!(seed[..KEY_BYTES], seed[KEY_BYTES..]);
        assert_ne!(*seed, *sevens().lightning("yours"));
    }

    #[test]
    fn derives_the_per_buyer_feed_of_the_reference_buyer() {
        let buyer = MasterKey::new(&[8; KEY_BYTES]).buyer().public();
        assert_eq!(buyer.to_string(), "7f6f6572d580f2bd6846554e27ba3fee1c7b6d40223956ab8a58069634517c61");
        let feed = sevens().unique_feed(&sold(), &buyer);
        assert_eq!(
            feed.public().to_string(),
            "59de81e93f3436451f6b8ac6d17a2036acbf85de44ad7db644caf306ce04c0a9"
        );
        assert_eq!(
            feed.public().discovery_key().to_string(),
            "a8eeebde06877b0aa3a4eb8af9746aa129f35ded47dc8e5b5ace9d8cce5e6cb5"
        );
    }

    #[test]
    fn derives_a_published_card_of_the_original_terminal() {
        let bytes = hex::decode("0eafdb010975518a5b5bb12daeb8ac78d08646fa77023b5673d895c36c27d24c").unwrap();
        let master = MasterKey::new(&bytes.try_into().unwrap());
        let feed = master.feed("trades-BTCUSD").public();
        assert_eq!(feed.to_string(), "6555cac038cd759a9370eb845f056b87811fd41815651dbea56bc14ca582427b");
        assert_eq!(
            master.seller(&feed).public().to_string(),
            "8fa60e1175030033b6259a0850e8553248ec4302cab36d022cdf2f997d87e04f"
        );
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", sevens()), "MasterKey(..)");
    }
}
