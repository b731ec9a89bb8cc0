use super::*;
use crate::digest::{Digest, RemoteTree};
use crate::key::FeedKeyPair;
use crate::{Feed, Log, MemoryStorage};

fn log(length: u64) -> Log<MemoryStorage> {
    let mut log = Log::create(MemoryStorage::new(), FeedKeyPair::from_seed(&[1; 32])).unwrap();
    let rows: Vec<String> = (0..length).map(|block| format!("row {block}")).collect();
    log.append(&rows).unwrap();
    log
}

/// What a peer that holds `log` under the key of `feed` answers to a request of the proof of its last block.
fn proof(log: &Log<MemoryStorage>, feed: &mut Feed) -> UnverifiedBlock {
    let index = log.length() - 1;
    let proof = log.proof(index, Digest::NONE, true, &mut RemoteTree::new()).unwrap().unwrap();
    let signature = feed.signature(log, proof.signature_length.unwrap()).unwrap();
    UnverifiedBlock { index, value: None, nodes: proof.nodes, signature }
}

fn feeds(log: &Log<MemoryStorage>) -> [Feed; 2] {
    [Feed::own(log.key()), Feed::rekeyed(FeedKeyPair::from_seed(&[3; 32]))]
}

#[test]
fn a_proof_of_the_last_block_is_a_head() {
    for length in 1..=40 {
        let log = log(length);
        for mut feed in feeds(&log) {
            let head = SignedHead::of_proof(proof(&log, &mut feed), &feed.key()).unwrap();
            assert_eq!((head.key(), head.length()), (feed.key(), length));
            assert_eq!(Some(head.tree_hash()), log.tree_hash(length).unwrap());
            assert_eq!(SignedHead::decode(&head.encode()), Some(head));
        }
    }
}

#[test]
fn a_proof_is_one_under_the_key_that_signed_it_alone() {
    let log = log(13);
    let [mut own, mut rekeyed] = feeds(&log);
    let wrong = Err(ProofError::Signature { length: 13 });
    assert_eq!(SignedHead::of_proof(proof(&log, &mut rekeyed), &own.key()), wrong);
    assert_eq!(SignedHead::of_proof(proof(&log, &mut own), &rekeyed.key()), wrong);
    let unsigned = UnverifiedBlock { signature: None, ..proof(&log, &mut own) };
    assert_eq!(SignedHead::of_proof(unsigned, &own.key()), Err(ProofError::Unsigned { length: 13 }));
}

#[test]
fn any_flipped_bit_and_any_other_length_is_no_head() {
    let log = log(13);
    for mut feed in feeds(&log) {
        let bytes = SignedHead::of_proof(proof(&log, &mut feed), &feed.key()).unwrap().encode();
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(SignedHead::decode(&flipped), None, "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert_eq!(SignedHead::decode(&bytes[..length]), None, "{length} bytes");
        }
        assert_eq!(SignedHead::decode(&[&bytes[..], &[0; 40]].concat()), None);
    }
}

#[test]
fn roots_must_be_those_of_the_length() {
    // A re-keyed feed signs no length: the same roots under another one must not count.
    let log = log(13);
    let mut feed = Feed::rekeyed(FeedKeyPair::from_seed(&[3; 32]));
    let head = SignedHead::of_proof(proof(&log, &mut feed), &feed.key()).unwrap();
    for length in (0..70).chain([1 << 40, u64::MAX]).filter(|length| *length != 13) {
        let made = SignedHead::new(head.key(), length, head.roots().to_vec(), head.signature());
        assert!(made.is_err(), "{length} blocks");
    }
}
