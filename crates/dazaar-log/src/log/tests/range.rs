//! Ranges: proved by one log, verified and stored by another.

use proptest::prelude::*;

use super::*;
use crate::blocks::Blocks;
use crate::verify::{ProofError, VerifyError};

fn fetch(
    writer: &Log<MemoryStorage>,
    reader: &mut Log<MemoryStorage>,
    blocks: Range<u64>,
    remote: &mut RemoteTree,
) -> StoredRange {
    let sent = send_range(writer, blocks, remote);
    let verified = reader.verify_range(sent).unwrap();
    reader.store_range(verified).unwrap()
}

#[test]
fn a_full_download_is_the_writers_folder() {
    for step in [1, 7, 64, 1000] {
        let (writer, mut reader, mut remote) = (writer(1000), reader(), RemoteTree::new());
        for start in (0..1000).step_by(step) {
            let end = 1000.min(start + step as u64);
            let stored = fetch(&writer, &mut reader, start..end, &mut remote);
            assert_eq!(stored, StoredRange { fresh: end - start, length: 1000 });
        }
        for file in [FileName::Data, FileName::Tree, FileName::Signatures, FileName::Bitfield] {
            assert_eq!(reader.storage.bytes(file), writer.storage.bytes(file), "{file} in steps of {step}");
        }
    }
}

#[test]
fn a_node_is_sent_once() {
    let (writer, mut reader, mut remote) = (writer(1024), reader(), RemoteTree::new());
    let mut sent = 0;
    for start in (0..1024).step_by(16) {
        let range = send_range(&writer, start..start + 16, &mut remote);
        sent += range.nodes.len();
        assert_eq!(range.signature.is_some(), start == 0);
        let verified = reader.verify_range(range).unwrap();
        reader.store_range(verified).unwrap();
    }
    // Six siblings along the edge of the first range, then only those of the lower half of what was sent as one node.
    assert_eq!(sent, 63);
}

#[test]
fn new_blocks_at_the_end_need_no_nodes() {
    let (mut writer, mut reader, mut remote) = (writer(37), reader(), RemoteTree::new());
    fetch(&writer, &mut reader, 0..37, &mut remote);
    for more in [1, 1, 5, 100] {
        let blocks = writer.append(&rows(writer.length()..writer.length() + more)).unwrap();
        let range = send_range(&writer, blocks.clone(), &mut remote);
        assert_eq!((range.nodes.len(), range.signature.map(|(length, _)| length)), (0, Some(blocks.end)));
        let verified = reader.verify_range(range).unwrap();
        assert_eq!(reader.store_range(verified).unwrap(), StoredRange { fresh: more, length: blocks.end });
    }
}

#[test]
fn a_late_answer_of_a_shorter_log_keeps_what_is_held() {
    let (mut writer, mut reader) = (writer(5), reader());
    let early = send_range(&writer, 0..5, &mut RemoteTree::new());
    writer.append(&rows(5..16)).unwrap();
    fetch(&writer, &mut reader, 8..16, &mut RemoteTree::new());
    let verified = reader.verify_range(early).unwrap();
    assert_eq!(reader.store_range(verified).unwrap(), StoredRange { fresh: 5, length: 16 });
    fetch(&writer, &mut reader, 5..8, &mut RemoteTree::new());
    assert_eq!(reader.audit().unwrap(), Audit { valid: 16, invalid: 0 });
    assert_eq!(reader.storage.bytes(FileName::Tree), writer.storage.bytes(FileName::Tree));
}

/// A root of a shorter log is held and so is a node above it, but not what lies between: what is sent of that is kept.
#[test]
fn nodes_above_one_that_is_held_are_kept_too() {
    let (mut writer, mut reader) = (writer(4), reader());
    fetch(&writer, &mut reader, 0..1, &mut RemoteTree::new());
    writer.append(&rows(4..16)).unwrap();
    let mut remote = RemoteTree::new();
    fetch(&writer, &mut reader, 15..16, &mut remote);
    assert!(reader.tree().contains(NodeIndex(3)) && reader.tree().contains(NodeIndex(7)));
    assert!(!reader.tree().contains(NodeIndex(11)));
    for block in [1, 6, 4, 2] {
        fetch(&writer, &mut reader, block..block + 1, &mut remote);
    }
    assert_eq!(reader.audit().unwrap(), Audit { valid: 6, invalid: 0 });
}

/// The last block of a short log, held together with the roots of a longer one, is proved by what it came with.
#[test]
fn blocks_of_a_shorter_log_are_passed_on() {
    for short in [5, 6, 7, 13] {
        let (mut writer, mut reader) = (writer(short), reader());
        fetch(&writer, &mut reader, short - 1..short, &mut RemoteTree::new());
        writer.append(&rows(short..64)).unwrap();
        fetch(&writer, &mut reader, 0..1, &mut RemoteTree::new());
        fetch(&writer, &mut reader, 40..41, &mut RemoteTree::new());
        let (mut third, mut remote) = (self::reader(), RemoteTree::new());
        for block in [40, short - 1, 0] {
            fetch(&reader, &mut third, block..block + 1, &mut remote);
        }
        assert_eq!((third.length(), third.downloaded()), (64, 3));
        assert_eq!(third.audit().unwrap(), Audit { valid: 3, invalid: 0 });
        fetch(&reader, &mut self::reader(), short - 1..short, &mut RemoteTree::new());
    }
}

#[test]
fn a_fork_is_refused_and_named() {
    let (one, mut reader) = (writer(6), reader());
    fetch(&one, &mut reader, 0..6, &mut RemoteTree::new());
    let before = reader.storage.clone();
    let mut other = log();
    other.append(&rows(100..108)).unwrap();
    for blocks in [0..8, 2..3, 6..8, 1..7] {
        let sent = send_range(&other, blocks.clone(), &mut RemoteTree::new());
        match reader.verify_range(sent) {
            Err(VerifyError::Proof(ProofError::Fork { length: 8, .. })) => {}
            Ok(verified) => {
                assert!(matches!(reader.store_range(verified), Err(LogError::Fork { .. })), "{blocks:?}")
            }
            other => panic!("{blocks:?}: {other:?}"),
        }
    }
    assert_eq!(reader.storage, before);
}

#[test]
fn lies_are_refused() {
    let (writer, reader) = (writer(40), reader());
    let honest = send_range(&writer, 5..12, &mut RemoteTree::new());
    let refused = |range: UnverifiedRange| match reader.verify_range(range) {
        Err(VerifyError::Proof(error)) => error,
        other => panic!("{other:?}"),
    };
    reader.verify_range(honest.clone()).unwrap();
    assert_eq!(
        refused(UnverifiedRange { signature: None, ..honest.clone() }),
        ProofError::Unsigned { length: 32 }
    );
    let (length, signature) = honest.signature.unwrap();
    assert_eq!(
        refused(UnverifiedRange { signature: Some((11, signature)), ..honest.clone() }),
        ProofError::LengthOutOfRange { length: 11, end: 12 }
    );
    assert!(matches!(
        refused(UnverifiedRange { signature: Some((length + 1, signature)), ..honest.clone() }),
        ProofError::MissingNode { .. }
    ));
    assert!(matches!(
        refused(UnverifiedRange { start: 6, ..honest.clone() }),
        ProofError::MissingNode { .. }
    ));
    assert_eq!(
        refused(UnverifiedRange { blocks: Blocks::default(), ..honest.clone() }),
        ProofError::BlockOutOfRange { block: 5 }
    );
    for nth in 0..honest.nodes.len() {
        let mut missing = honest.clone();
        let node = missing.nodes.remove(nth);
        assert!(matches!(refused(missing), ProofError::MissingNode { index } if index == node.index));
        let mut longer = honest.clone();
        longer.nodes[nth].size += 1;
        assert_eq!(refused(longer), ProofError::Signature { length: 40 });
        let mut twice = honest.clone();
        twice.nodes.insert(nth, node);
        assert_eq!(refused(twice), ProofError::NodesOutOfOrder { index: node.index });
    }
    let mut shifted = honest.clone();
    shifted.blocks = Blocks::cut(
        shifted.blocks.data().clone(),
        shifted.blocks.sizes().collect::<Vec<_>>().into_iter().rev(),
    )
    .unwrap();
    assert_eq!(refused(shifted), ProofError::Signature { length: 40 });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Ranges in any order, of a log that grows, mixed with single blocks of the classic protocol, with clears and reopening.
    #[test]
    fn ranges_in_any_order_make_the_writers_log(
        steps in prop::collection::vec((0_u64..300, 1_u64..80, 0_u8..6), 1..30),
    ) {
        let (mut writer, mut reader, mut remote) = (log(), reader(), RemoteTree::new());
        let mut held = std::collections::BTreeSet::new();
        for (start, count, kind) in steps {
            if writer.length() == 0 || kind == 0 {
                writer.append(&rows(writer.length()..writer.length() + count)).unwrap();
            }
            let start = start % writer.length();
            let blocks = start..writer.length().min(start + count);
            match kind {
                0..4 => {
                    let fresh = blocks.clone().filter(|block| held.insert(*block)).count() as u64;
                    let stored = fetch(&writer, &mut reader, blocks, &mut remote);
                    prop_assert_eq!(stored.fresh, fresh);
                }
                4 => {
                    let sent = send(&writer, &reader, start);
                    let verified = reader.verify(sent).unwrap();
                    reader.store(verified).unwrap();
                    held.insert(start);
                }
                _ => {
                    blocks.clone().for_each(|block| _ = held.remove(&block));
                    reader.clear(blocks).unwrap();
                    reader = Log::open(reader.into_storage()).unwrap();
                }
            }
        }
        prop_assert_eq!(reader.audit().unwrap(), Audit { valid: held.len() as u64, invalid: 0 });
        for block in 0..writer.length() {
            let expected = held.contains(&block).then(|| row(block).into());
            prop_assert_eq!(reader.block(block).unwrap(), expected, "block {}", block);
        }
        for node in (0..2 * writer.length()).map(NodeIndex).filter(|&node| reader.tree().contains(node)) {
            prop_assert_eq!(reader.node(node).unwrap(), writer.node(node).unwrap());
        }
    }

    /// Whatever bit is flipped, nothing of it is stored.
    #[test]
    fn a_flipped_bit_is_refused(length in 1_u64..60, start in 0_u64..60, count in 1_u64..20, flip in any::<prop::sample::Index>()) {
        let (writer, reader) = (writer(length), reader());
        let start = start % length;
        let mut sent = send_range(&writer, start..length.min(start + count), &mut RemoteTree::new());
        let mut data = sent.blocks.data().to_vec();
        let (bytes, sizes) = (data.len(), sent.blocks.sizes().collect::<Vec<_>>());
        let bit = flip.index(8 * (bytes + 40 * sent.nodes.len()));
        match sent.nodes.get_mut((bit / 8).wrapping_sub(bytes) / 40) {
            Some(node) if bit / 8 >= bytes => match (bit / 8 - bytes) % 40 {
                byte @ 0..32 => node.hash.0[byte] ^= 1 << (bit % 8),
                byte => node.size ^= 1 << (8 * (byte - 32) + bit % 8),
            },
            _ => data[bit / 8] ^= 1 << (bit % 8),
        }
        sent.blocks = Blocks::cut(data.into(), sizes).unwrap();
        prop_assert!(matches!(reader.verify_range(sent), Err(VerifyError::Proof(_))));
    }
}
