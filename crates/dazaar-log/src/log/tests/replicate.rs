//! Storing what others send.

use super::*;
use crate::digest::Digest;
use crate::verify::{ProofError, VerifyError};

#[test]
fn the_length_is_learned_from_hashes_alone() {
    let (writer, mut reader) = (writer(10), reader());
    let proof = writer.proof(9, Digest::NONE, true, &mut RemoteTree::new()).unwrap().unwrap();
    let signature = writer.signature(proof.signature_length.unwrap()).unwrap();
    let block = UnverifiedBlock { index: 9, value: None, nodes: proof.nodes, signature };
    let verified = reader.verify(block).unwrap();
    assert_eq!(reader.store(verified).unwrap(), Stored { block: None, length: 10 });
    assert!(reader.have().is_empty());
    assert_eq!(reader.byte_length(), writer.byte_length());
    let reader = Log::open(reader.into_storage()).unwrap();
    assert_eq!((reader.length(), reader.signature(10).unwrap()), (10, signature));
}

#[test]
fn a_block_is_stored_once() {
    let (writer, mut reader) = (writer(10), reader());
    let sent = send(&writer, &reader, 4);
    let first = reader.verify(sent.clone()).unwrap();
    let second = reader.verify(sent).unwrap();
    assert_eq!(reader.store(first).unwrap(), Stored { block: Some(4), length: 10 });
    let before = reader.storage.clone();
    assert_eq!(reader.store(second).unwrap(), Stored { block: None, length: 10 });
    assert_eq!(reader.storage, before);
}

#[test]
fn a_full_download_is_the_writers_folder() {
    let (writer, mut reader) = (writer(37), reader());
    for block in (0..37).map(|nth| nth * 11 % 37) {
        let verified = reader.verify(send(&writer, &reader, block)).unwrap();
        reader.store(verified).unwrap();
    }
    for file in [FileName::Data, FileName::Tree, FileName::Signatures, FileName::Bitfield] {
        assert_eq!(reader.storage.bytes(file), writer.storage.bytes(file), "{file}");
    }
}

#[test]
fn a_fork_that_came_between_verification_and_storing_is_refused() {
    let (one, mut reader) = (writer(4), reader());
    let mut other = log();
    other.append(&["other", "blocks", "of", "the same key"]).unwrap();
    let theirs = reader.verify(send(&other, &reader, 0)).unwrap();
    let ours = reader.verify(send(&one, &reader, 0)).unwrap();
    reader.store(ours).unwrap();
    let before = reader.storage.clone();
    assert!(matches!(reader.store(theirs), Err(LogError::Fork { .. })));
    assert_eq!(reader.storage, before);
    let mut forked = send(&other, &self::reader(), 1);
    forked.signature = other.signature(4).unwrap();
    assert!(matches!(reader.verify(forked), Err(VerifyError::Proof(ProofError::Fork { .. }))));
}

#[test]
fn a_block_of_another_log_is_refused() {
    let (writer, mut other) =
        (writer(4), Log::create(MemoryStorage::new(), FeedKeyPair::from_seed(&[2; 32])).unwrap());
    let verified = reader().verify(send(&writer, &reader(), 0)).unwrap();
    assert!(matches!(other.store(verified), Err(LogError::OtherLog { .. })));
}

#[test]
fn what_a_rekeyed_feeds_key_signed_cannot_be_stored() {
    let buyer = FeedKeyPair::from_seed(&[3; 32]);
    let mut master = writer(5);
    let mut evil = Log::create(MemoryStorage::new(), FeedKeyPair::from_seed(&[3; 32])).unwrap();
    evil.append(&[&rows(0..5)[..], &["EVIL".into()]].concat()).unwrap();
    let feed = crate::Feed::rekeyed(buyer);
    assert_eq!(feed.key(), evil.key());
    let sent = send(&evil, &master, 5);
    assert!(matches!(master.verify(sent.clone()), Err(VerifyError::Proof(_))));
    let verified = Log::create_reader(MemoryStorage::new(), evil.key())
        .unwrap()
        .verify(send(&evil, &reader(), 5))
        .unwrap();
    assert!(matches!(master.store(verified), Err(LogError::OtherLog { .. })));
    assert_eq!(master.length(), 5);
}

#[test]
fn a_rekeyed_feed_verifies_under_its_key_and_grows_with_the_log() {
    let mut log = writer(5);
    let mut feed = crate::Feed::rekeyed(FeedKeyPair::from_seed(&[3; 32]));
    let mut reader = Log::create_reader(MemoryStorage::new(), feed.key()).unwrap();
    for length in [5, 9] {
        log.append(&rows(log.length()..length)).unwrap();
        for block in 0..length {
            let mut sent = send(&log, &reader, block);
            let proof =
                log.proof(block, reader.digest(block), false, &mut RemoteTree::new()).unwrap().unwrap();
            sent.signature = proof.signature_length.and_then(|length| feed.signature(&log, length).unwrap());
            let verified = reader.verify(sent).unwrap();
            reader.store(verified).unwrap();
        }
        assert_eq!((reader.length(), reader.downloaded()), (length, length));
    }
    assert_eq!(feed.signature(&log, 10).unwrap(), None);
}
