//! Proofs: an honest one with changes.

use bytes::Bytes;
use dazaar_log::digest::RemoteTree;
use dazaar_log::verify::UnverifiedBlock;
use dazaar_log::{FeedKeyPair, Log, MemoryStorage, Signature};

/// Blocks of the honest log.
pub(crate) const LENGTH: u64 = 13;

/// The key of the honest log.
pub(crate) fn pair() -> FeedKeyPair {
    FeedKeyPair::from_seed(&[7; 32])
}

/// The data of a block.
pub(crate) fn block(index: u64) -> Vec<u8> {
    format!("block {index} {}", "x".repeat(usize::try_from(index).unwrap_or_default())).into_bytes()
}

/// The log of somebody who tells the truth.
pub(crate) fn honest() -> Log<MemoryStorage> {
    let mut log = Log::create(MemoryStorage::new(), pair()).expect("memory takes a log");
    log.append(&(0..LENGTH).map(block).collect::<Vec<_>>()).expect("memory takes blocks");
    log
}

/// An empty log of somebody who has the key.
pub(crate) fn reader() -> Log<MemoryStorage> {
    Log::create_reader(MemoryStorage::new(), pair().public()).expect("memory takes a log")
}

/// Whatever `log` holds is what the honest log holds.
pub(crate) fn assert_honest(log: &Log<MemoryStorage>) {
    assert!(log.length() <= LENGTH);
    for index in 0..log.length() {
        if let Some(data) = log.block(index).expect("memory gives blocks back") {
            assert_eq!(data, block(index));
        }
    }
}

/// An honest block and its proof, as a reader with this log would ask for them.
pub(crate) fn answer(
    honest: &Log<MemoryStorage>,
    reader: &Log<MemoryStorage>,
    index: u64,
) -> UnverifiedBlock {
    let mut remote = RemoteTree::new();
    let proof = honest.proof(index, reader.digest(index), false, &mut remote);
    let proof = proof.expect("memory gives nodes back").expect("the honest log proves its blocks");
    let signature = proof
        .signature_length
        .and_then(|length| honest.signature(length).expect("memory gives signatures back"));
    UnverifiedBlock {
        index,
        value: honest.block(index).expect("memory gives blocks back"),
        nodes: proof.nodes,
        signature,
    }
}

/// A reader asks for one block after the other. Each input byte is a question, or a change to the next answer. Whatever is
/// changed, nothing false is stored; and an answer without a change is accepted.
pub fn proof(data: &[u8]) {
    let honest = honest();
    let mut reader = reader();
    let mut changes: Vec<[u8; 3]> = Vec::new();
    for step in data.chunks_exact(3).take(200) {
        let &[kind, place, value] = step else { continue };
        if kind & 1 == 1 {
            changes.push([kind, place, value]);
            continue;
        }
        let mut block = answer(&honest, &reader, u64::from(place) % LENGTH);
        let truth = block.clone();
        changes.drain(..).for_each(|change| alter(&mut block, change));
        let is_true = block == truth;
        match reader.verify(block) {
            Ok(verified) => drop(reader.store(verified).expect("memory takes blocks")),
            Err(error) => assert!(!is_true, "an honest proof is refused: {error}"),
        }
        assert_honest(&reader);
    }
}

fn alter(block: &mut UnverifiedBlock, [kind, place, value]: [u8; 3]) {
    let nodes = block.nodes.len().max(1);
    let place = usize::from(place);
    match kind >> 1 & 7 {
        0 => block.index ^= u64::from(value),
        1 => block.value = block.value.take().map(|data| flipped(&data, place, value)),
        2 => block.value = None,
        3 => block.signature = None,
        4 => {
            if let Some(Signature(bytes)) = &mut block.signature {
                bytes[place % Signature::BYTES] ^= value;
            }
        }
        5 => {
            if let Some(node) = block.nodes.get_mut(place % nodes) {
                node.hash.0[usize::from(value) % 32] ^= 1 + value / 32;
            }
        }
        6 => {
            if let Some(node) = block.nodes.get_mut(place % nodes) {
                node.size = node.size.wrapping_add(u64::from(value) << (value % 64));
                node.index.0 ^= u64::from(value >> 4);
            }
        }
        _ => match block.nodes.len() {
            0 => {}
            length if value & 1 == 0 => drop(block.nodes.remove(place % length)),
            length => block.nodes.swap(place % length, usize::from(value) % length),
        },
    }
}

fn flipped(data: &Bytes, place: usize, value: u8) -> Bytes {
    let mut data = data.to_vec();
    match data.len() {
        0 => data.push(value),
        length => data[place % length] ^= value,
    }
    data.into()
}
