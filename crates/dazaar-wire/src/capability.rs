//! Proof that whoever opens a feed knows its public key, bound to this session.
//!
//! Grade: plain. Source: classic protocol, section 1.5.

use std::fmt;

use dazaar_log::FeedKey;
use dazaar_log::key::keyed_hash;

/// The two keys that a handshake ends with, seen from one side.
pub(crate) struct SplitKeys {
    /// Encrypts what this side sends.
    pub(crate) tx: [u8; 32],
    /// Decrypts what this side receives.
    pub(crate) rx: [u8; 32],
}

/// What an `Open` carries besides the discovery key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capability(pub(crate) [u8; 32]);

const CONTEXT: &[u8] = b"hypercore capability";

impl SplitKeys {
    /// What this side sends when it opens `feed`.
    pub(crate) fn capability(&self, feed: &FeedKey) -> Capability {
        Capability(keyed_hash(&self.rx, &[CONTEXT, &self.tx, feed.as_bytes()]))
    }

    /// Whether `capability` is what the remote sends if it knows `feed`.
    pub(crate) fn verify_capability(&self, feed: &FeedKey, capability: &Capability) -> bool {
        let expected = keyed_hash(&self.tx, &[CONTEXT, &self.rx, feed.as_bytes()]);
        // Without an early exit, so that the time taken tells nothing about the expected bytes.
        expected.iter().zip(capability.0).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
    }
}

impl fmt::Debug for SplitKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SplitKeys(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEED: &str = "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c";
    const SENT: &str = "15636c0f0f9464c4eed82e6047d4e99655295fede65e05d8affc56e0f6e72eb0";
    const EXPECTED: &str = "521344a10af16a31754f30a07c0e28ca1d485d90d445b7eb4cfd2322fe46539f";

    #[test]
    fn agrees_with_the_vector() {
        let keys = SplitKeys { tx: [0xaa; 32], rx: [0xbb; 32] };
        let feed = FEED.parse().unwrap();
        assert_eq!(hex::encode(keys.capability(&feed).0), SENT);

        let mut capability = Capability([0; 32]);
        hex::decode_to_slice(EXPECTED, &mut capability.0).unwrap();
        assert!(keys.verify_capability(&feed, &capability));
        capability.0[31] ^= 1;
        assert!(!keys.verify_capability(&feed, &capability));
    }
}
