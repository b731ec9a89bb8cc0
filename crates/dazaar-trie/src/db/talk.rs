//! What two of our programs that write a map say to each other besides its feeds: who they are, and what they have.
//!
//! Grade: plain. Who writes a feed proves it by signing both ends of the session with the feed's key: an end is a key made for this
//! session, which the handshake has proved. What a feed signs otherwise has 32 or 40 bytes, so neither can pass for the other.
//! Source: docs/protocol.md, between writers of a map.

use std::collections::BTreeMap;

use dazaar_log::codec::protobuf::{Reader, encode_bytes, encode_varint};
use dazaar_log::{FeedKey, FeedKeyPair, IdentityKey, Signature};

use crate::fault::Fault;
use crate::fields;
use crate::limits::MAX_WRITERS;

/// The name of the messages.
pub const WRITERS_EXTENSION: &str = "dazaar/writers";

const CONTEXT: &[u8] = b"dazaar writer of a map\n";

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// I write this feed.
    Writer {
        /// Its key.
        feed: FeedKey,
        /// By its key, over the session.
        signature: Signature,
    },
    /// I do not know you for a writer.
    Unknown,
    /// So many blocks I have of each writer's feed.
    Has(BTreeMap<FeedKey, u64>),
}

impl Said {
    /// The proof of whoever writes a feed, for a session between these two.
    pub fn proof(pair: &FeedKeyPair, own: &IdentityKey, remote: &IdentityKey) -> Self {
        Self::Writer { feed: pair.public(), signature: pair.sign(&signed(own, remote)) }
    }

    /// The feed that the other side of a session proves with this that they write.
    pub fn proves(&self, own: &IdentityKey, remote: &IdentityKey) -> Option<FeedKey> {
        match self {
            Self::Writer { feed, signature } if feed.verify(&signed(remote, own), signature) => Some(*feed),
            _ => None,
        }
    }

    /// The payload.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Writer { feed, signature } => {
                let mut body = Vec::new();
                encode_bytes(1, &feed.0, &mut body);
                encode_bytes(2, &signature.0, &mut body);
                encode_bytes(1, &body, &mut out);
            }
            Self::Unknown => encode_varint(2, 1, &mut out),
            Self::Has(lengths) => {
                let mut body = Vec::new();
                for (feed, length) in lengths {
                    let mut entry = Vec::new();
                    encode_bytes(1, &feed.0, &mut entry);
                    encode_varint(2, *length, &mut entry);
                    encode_bytes(1, &entry, &mut body);
                }
                encode_bytes(3, &body, &mut out);
            }
        }
        out
    }

    /// Reads a payload; none if it holds nothing that is known.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn decode(payload: &[u8]) -> Result<Option<Self>, Fault> {
        let mut found = None;
        for field in Reader::new(payload) {
            match field? {
                (1, value) => found = Some(Self::decode_writer(fields::bytes(1, value)?)?),
                (2, value) if fields::integer(2, value)? != 0 => found = Some(Self::Unknown),
                (3, value) => found = Some(Self::decode_has(fields::bytes(3, value)?)?),
                _ => {}
            }
        }
        Ok(found)
    }

    fn decode_writer(body: &[u8]) -> Result<Self, Fault> {
        let (mut feed, mut signature) = (None, None);
        for field in Reader::new(body) {
            match field? {
                (1, value) => feed = fields::bytes(1, value)?.try_into().ok(),
                (2, value) => signature = fields::bytes(2, value)?.try_into().ok(),
                _ => {}
            }
        }
        let feed = FeedKey(feed.ok_or(Fault::NoField { field: 1 })?);
        Ok(Self::Writer { feed, signature: signature.ok_or(Fault::NoField { field: 2 })? })
    }

    fn decode_has(body: &[u8]) -> Result<Self, Fault> {
        let mut lengths = BTreeMap::new();
        for field in Reader::new(body) {
            let (1, value) = field? else { continue };
            let (mut feed, mut length) = (None, 0);
            for field in Reader::new(fields::bytes(1, value)?) {
                match field? {
                    (1, value) => feed = fields::bytes(1, value)?.try_into().ok(),
                    (2, value) => length = fields::integer(2, value)?,
                    _ => {}
                }
            }
            lengths.insert(FeedKey(feed.ok_or(Fault::List)?), length);
            if lengths.len() > MAX_WRITERS {
                return Err(Fault::List);
            }
        }
        Ok(Self::Has(lengths))
    }
}

/// What the writer of a feed signs: who signs, and for whom.
fn signed(signer: &IdentityKey, verifier: &IdentityKey) -> Vec<u8> {
    [CONTEXT, signer.as_bytes(), verifier.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pair() -> FeedKeyPair {
        FeedKeyPair::from_seed(&[1; 32])
    }

    fn known() -> Vec<Said> {
        let [one, other] = [1, 2].map(|seed| IdentityKey([seed; 32]));
        let has = Said::Has(BTreeMap::from([(FeedKey([3; 32]), 7), (FeedKey([4; 32]), 0)]));
        vec![Said::proof(&pair(), &one, &other), Said::Unknown, has, Said::Has(BTreeMap::new())]
    }

    #[test]
    fn what_is_said_is_read() {
        for said in known() {
            assert_eq!(Said::decode(&said.encode()), Ok(Some(said)));
        }
        assert_eq!(Said::decode(&[]), Ok(None));
        let key = |nth: usize| FeedKey(std::array::from_fn(|at| (nth >> (8 * at.min(3))) as u8));
        let has = |count| Said::Has((0..count).map(|nth| (key(nth), 1)).collect());
        assert!(Said::decode(&has(MAX_WRITERS).encode()).is_ok());
        assert_eq!(Said::decode(&has(MAX_WRITERS + 1).encode()), Err(Fault::List));
    }

    #[test]
    fn a_proof_is_for_one_session_and_in_one_direction() {
        let [writer, reader, third] = [1, 2, 3].map(|seed| IdentityKey([seed; 32]));
        let proof = Said::proof(&pair(), &writer, &reader);
        assert_eq!(proof.proves(&reader, &writer), Some(pair().public()));
        for (own, remote) in [(writer, reader), (third, writer), (reader, third)] {
            assert_eq!(proof.proves(&own, &remote), None, "handed on, or given back");
        }
        let Said::Writer { signature, .. } = proof else { panic!("it is a proof") };
        let other = Said::Writer { feed: FeedKeyPair::from_seed(&[2; 32]).public(), signature };
        assert_eq!(other.proves(&reader, &writer), None);
        assert_eq!(Said::Unknown.proves(&reader, &writer), None);
        assert!(![32, 40].contains(&signed(&writer, &reader).len()), "that is how long what a tree signs is");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, flip in 0..1_000_usize) {
            let _ = Said::decode(&bytes);
            for said in known() {
                let mut near = said.encode();
                let place = flip % near.len().max(1);
                near.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 1 << (flip % 8));
                let _ = Said::decode(&near);
            }
        }
    }
}
