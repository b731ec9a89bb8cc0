//! The slow and obvious log is the judge: a [`Writer`] knows every block, and a [`Reader`] may only hold what the writer has.

use std::collections::BTreeMap;
use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::digest::{Digest, RemoteTree};
use crate::hash::signable;
use crate::key::FeedKeyPair;
use crate::tree_set::TreeSet;

struct Writer {
    pair: FeedKeyPair,
    blocks: Vec<Vec<u8>>,
}

impl Writer {
    /// Blocks of 0 to 6 bytes that differ from version to version.
    fn new(length: u64, version: u8) -> Self {
        let blocks = (0..length).map(|block| vec![version ^ block as u8; (block * 5 % 7) as usize]);
        Self { pair: FeedKeyPair::from_seed(&[1; 32]), blocks: blocks.collect() }
    }

    fn length(&self) -> u64 {
        self.blocks.len() as u64
    }

    fn node(&self, index: NodeIndex) -> Node {
        match index.children() {
            None => Node::leaf(index.0 / 2, &self.blocks[index.0 as usize / 2]),
            Some((left, right)) => Node::parent(&self.node(left), &self.node(right)),
        }
    }

    fn sign(&self, length: u64, short: bool) -> Signature {
        let hash = tree_hash(&full_roots(length).map(|root| self.node(root)).collect::<Vec<_>>());
        if short { self.pair.sign(&hash.0) } else { self.pair.sign(&signable(&hash, length)) }
    }

    /// What a peer that holds `tree` of this log sends.
    fn answer(
        &self,
        tree: &TreeSet,
        request: (u64, Digest, bool),
        remote: &mut RemoteTree,
    ) -> UnverifiedBlock {
        let (index, digest, hash_only) = request;
        let plan = tree.plan_proof(index, digest, hash_only, remote).expect("the leaf is held");
        UnverifiedBlock {
            index,
            value: (!hash_only).then(|| self.blocks[index as usize].clone().into()),
            nodes: plan.nodes.into_iter().map(|node| self.node(node)).collect(),
            signature: plan.signature_length.map(|length| self.sign(length, index % 2 == 0)),
        }
    }

    fn full_proof(&self, index: u64, hash_only: bool) -> UnverifiedBlock {
        self.answer(&complete(self.length()), (index, Digest::NONE, hash_only), &mut RemoteTree::new())
    }

    /// A reader that fetched `blocks` of this log.
    fn reader(&self, blocks: &[u64]) -> Reader {
        let mut reader = Reader::default();
        for &block in blocks {
            reader.accept(self.full_proof(block, false)).expect("an honest block");
        }
        reader
    }
}

fn complete(length: u64) -> TreeSet {
    let mut tree = TreeSet::new();
    for block in 0..length {
        tree.insert(NodeIndex::leaf(block));
    }
    tree
}

#[derive(Default, Clone)]
struct Reader {
    tree: TreeSet,
    nodes: BTreeMap<NodeIndex, Node>,
}

impl Reader {
    fn verify(&self, block: UnverifiedBlock) -> Result<VerifiedBlock, VerifyError<Infallible>> {
        let key = FeedKeyPair::from_seed(&[1; 32]).public();
        verify(block, &key, |index| Ok(self.nodes.get(&index).copied()))
    }

    fn accept(&mut self, block: UnverifiedBlock) -> Result<VerifiedBlock, VerifyError<Infallible>> {
        let verified = self.verify(block)?;
        for &node in verified.nodes() {
            assert_eq!(self.nodes.insert(node.index, node), None, "a held node is not new");
            self.tree.insert(node.index);
        }
        let bits = self.tree.bits();
        assert!(bits.runs(0..bits.len()).flatten().map(NodeIndex).eq(self.nodes.keys().copied()));
        Ok(verified)
    }

    fn refuses(&self, block: UnverifiedBlock) -> ProofError {
        match self.verify(block) {
            Err(VerifyError::Proof(error)) => error,
            other => panic!("not refused: {other:?}"),
        }
    }
}

fn indexes(verified: &VerifiedBlock) -> Vec<u64> {
    verified.nodes().iter().map(|node| node.index.0).collect()
}

#[test]
fn a_first_block_brings_its_path_and_the_roots() {
    let writer = Writer::new(10, 0);
    let verified = Reader::default().accept(writer.full_proof(3, false)).unwrap();
    assert_eq!(indexes(&verified), [6, 4, 5, 1, 3, 11, 7, 17]);
    let head = verified.head().unwrap();
    assert_eq!(
        (head.length, head.byte_length),
        (10, writer.blocks.iter().map(Vec::len).sum::<usize>() as u64)
    );
    assert_eq!(head.signature, writer.sign(10, false));
    assert_eq!(verified.value().unwrap(), &writer.blocks[3]);
    assert_eq!((verified.index(), verified.key()), (3, writer.pair.public()));
}

#[test]
fn a_held_ancestor_needs_no_signature() {
    let writer = Writer::new(10, 0);
    let mut reader = writer.reader(&[3]);
    let request = (2, reader.tree.digest(2), false);
    let block = writer.answer(&complete(10), request, &mut RemoteTree::new());
    assert_eq!((block.nodes.len(), block.signature), (0, None));
    let verified = reader.accept(block).unwrap();
    assert_eq!((indexes(&verified), verified.head()), (vec![], None));
}

#[test]
fn superfluous_nodes_are_ignored() {
    let writer = Writer::new(10, 0);
    let mut reader = writer.reader(&[3]);
    assert_eq!(indexes(&reader.accept(writer.full_proof(0, false)).unwrap()), [0, 2]);
}

#[test]
fn sizes_of_a_reply_without_data_are_not_believed() {
    let writer = Writer::new(10, 0);
    let mut block = writer.full_proof(2, true);
    assert_eq!((block.nodes[0].index, block.nodes[1].index), (NodeIndex(4), NodeIndex(6)));
    block.nodes[0].size += 1;
    block.nodes[1].size -= 1;
    let verified = Reader::default().accept(block.clone()).unwrap();
    assert_eq!(indexes(&verified), [5, 1, 3, 11, 7, 17]);
    assert_eq!(verified.head().unwrap().length, 10);
    assert_eq!(writer.reader(&[3]).refuses(block.clone()), ProofError::Mismatch { index: NodeIndex(4) });
    block.nodes[0].size -= 1;
    assert_eq!(writer.reader(&[3]).refuses(block), ProofError::Mismatch { index: NodeIndex(6) });
}

#[test]
fn a_leaf_that_is_a_root_is_believed() {
    let verified = Reader::default().accept(Writer::new(3, 0).full_proof(2, true)).unwrap();
    assert_eq!(indexes(&verified), [4, 1]);
}

#[test]
fn forks_are_told_from_mistakes() {
    let reader = Writer::new(10, 0).reader(&[3]);
    let forked = Writer::new(12, 1).full_proof(3, false);
    assert_eq!(reader.refuses(forked.clone()), ProofError::Fork { index: NodeIndex(6), length: 12 });
    let unsigned = UnverifiedBlock { signature: None, ..forked };
    assert_eq!(reader.refuses(unsigned), ProofError::Mismatch { index: NodeIndex(6) });
    let forged =
        UnverifiedBlock { value: Some(Bytes::from_static(b"?")), ..Writer::new(10, 0).full_proof(3, false) };
    assert_eq!(reader.refuses(forged), ProofError::Mismatch { index: NodeIndex(6) });
    let forked_root = Writer::new(8, 1).full_proof(6, false);
    assert_eq!(reader.refuses(forked_root), ProofError::Fork { index: NodeIndex(11), length: 8 });
}

#[test]
fn roots_that_are_held_vouch_for_nothing_else() {
    let writer = Writer::new(11, 0);
    let mut reader = writer.reader(&[0]);
    for index in [8, 9] {
        reader.accept(writer.full_proof(index, false)).unwrap();
    }
    reader.nodes.retain(|index, _| full_roots(11).any(|root| root == *index));
    let block = UnverifiedBlock {
        index: 3,
        value: Some(Bytes::from_static(b"evil")),
        nodes: vec![writer.node(NodeIndex(20))],
        signature: Some(writer.sign(11, false)),
    };
    assert_eq!(reader.refuses(block), ProofError::NotARoot { index: NodeIndex(6), length: 11 });
}

#[test]
fn damage_on_this_side_is_not_the_senders_fault() {
    let writer = Writer::new(10, 0);
    let mut reader = writer.reader(&[3]);
    reader.nodes.get_mut(&NodeIndex(4)).unwrap().hash.0[0] ^= 1;
    let verified = reader.verify(writer.full_proof(3, false));
    assert!(verified.is_ok(), "the leaf itself is held: {verified:?}");
    let verified = reader.verify(writer.full_proof(2, false));
    assert_eq!(verified, Err(VerifyError::Corrupt { index: NodeIndex(4) }));
}

#[test]
fn lookups_may_fail() {
    let writer = Writer::new(3, 0);
    let verified = verify(writer.full_proof(0, false), &writer.pair.public(), |_| Err("disk"));
    assert_eq!(verified, Err(VerifyError::Lookup("disk")));
}

#[test]
fn numbers_beyond_the_limits_are_refused() {
    let reader = Reader::default();
    let good = Writer::new(3, 0).full_proof(0, false);
    let node = |index, size| Node { index: NodeIndex(index), size, ..good.nodes[0] };
    let with = |nodes| UnverifiedBlock { nodes, ..good.clone() };
    for block in [MAX_LENGTH, u64::MAX / 2, u64::MAX] {
        let block = UnverifiedBlock { index: block, ..good.clone() };
        assert_eq!(reader.refuses(block.clone()), ProofError::BlockOutOfRange { block: block.index });
    }
    for index in [2 * MAX_LENGTH, 2 * MAX_LENGTH - 1, u64::MAX - 1, u64::MAX, u64::MAX / 2] {
        let index = NodeIndex(index);
        assert_eq!(reader.refuses(with(vec![node(index.0, 1)])), ProofError::NodeOutOfRange { index });
    }
    for size in [MAX_BYTE_LENGTH + 1, u64::MAX] {
        let refused = reader.refuses(with(vec![node(2, size)]));
        assert_eq!(refused, ProofError::SizeOutOfRange { index: NodeIndex(2), size });
    }
    let sum = reader.refuses(with(vec![node(2, MAX_BYTE_LENGTH), node(5, 1), node(11, MAX_BYTE_LENGTH)]));
    assert!(matches!(sum, ProofError::SizeOutOfRange { .. }), "{sum:?}");
    let roots = reader.refuses(with(vec![node(2, 1), node(4, MAX_BYTE_LENGTH)]));
    assert!(matches!(roots, ProofError::SizeOutOfRange { .. }), "{roots:?}");
    let many = vec![node(2, 1); MAX_PROOF_NODES + 1];
    assert_eq!(reader.refuses(with(many)), ProofError::TooManyNodes { nodes: MAX_PROOF_NODES + 1 });
    let value = Some(Bytes::from(vec![0; MAX_BLOCK_BYTES + 1]));
    let large = UnverifiedBlock { value, ..good.clone() };
    assert_eq!(reader.refuses(large), ProofError::BlockTooLarge { block: 0, bytes: MAX_BLOCK_BYTES + 1 });
}

#[test]
fn incomplete_proofs_are_refused() {
    let reader = Reader::default();
    let good = Writer::new(5, 0).full_proof(0, false);
    let refused = |change: fn(&mut UnverifiedBlock)| {
        let mut block = good.clone();
        change(&mut block);
        reader.refuses(block)
    };
    assert_eq!(refused(|block| block.value = None), ProofError::NoLeaf { block: 0 });
    assert_eq!(refused(|block| block.signature = None), ProofError::Unsigned { length: 5 });
    assert_eq!(refused(|block| _ = block.nodes.pop()), ProofError::Signature { length: 4 });
    assert_eq!(
        refused(|block| _ = block.nodes.remove(1)),
        ProofError::MissingRoot { index: NodeIndex(3), length: 5 }
    );
}

/// Turns over one bit of what was sent.
fn flip(block: &mut UnverifiedBlock, place: usize, bit: usize) {
    let value = block.value.as_ref().map_or(0, Bytes::len);
    let mut parts = 0..value + block.nodes.len() * 40 + block.signature.map_or(0, |_| 64);
    let place = parts.nth(place % parts.len().max(1)).unwrap_or(0);
    let mask = 1 << (bit % 8);
    match place.checked_sub(value) {
        None => {
            let mut bytes = block.value.take().unwrap().to_vec();
            bytes[place] ^= mask;
            block.value = Some(bytes.into());
        }
        Some(rest) if rest < block.nodes.len() * 40 => match (&mut block.nodes[rest / 40], rest % 40) {
            (node, byte @ 0..32) => node.hash.0[byte] ^= mask,
            (node, byte) => node.size ^= u64::from(mask) << (8 * (byte - 32)),
        },
        Some(rest) => block.signature.as_mut().unwrap().0[rest - block.nodes.len() * 40] ^= mask,
    }
}

proptest! {
    /// A sparse reader of a growing log is given blocks and hashes, sometimes by another sparse reader.
    #[test]
    fn honest_blocks_are_accepted(
        requests in prop::collection::vec((0u64..60, 0u64..6, any::<bool>(), any::<bool>()), 1..30),
    ) {
        let (mut length, mut reader, mut remote) = (1, Reader::default(), RemoteTree::new());
        for (block, growth, hash_only, with_digest) in requests {
            length += growth;
            let writer = Writer::new(length, 0);
            let block = block % length;
            let digest = if with_digest { reader.tree.digest(block) } else { Digest::NONE };
            let sent = writer.answer(&complete(length), (block, digest, hash_only), &mut remote);
            let before = reader.tree.length();
            let verified = reader.accept(sent).unwrap();
            prop_assert!(verified.nodes().iter().all(|&node| node == writer.node(node.index)));
            prop_assert_eq!(verified.value().map(|value| value.to_vec()), (!hash_only).then(|| writer.blocks[block as usize].clone()));
            if let Some(head) = verified.head() {
                prop_assert_eq!(head.byte_length, writer.blocks.iter().map(|block| block.len() as u64).sum::<u64>());
                prop_assert_eq!((head.length, reader.tree.length()), (length, length));
            } else {
                prop_assert_eq!(reader.tree.length(), before);
            }
            prop_assert!(hash_only || reader.nodes.contains_key(&NodeIndex::leaf(block)));
        }
    }

    /// What a sparse reader holds, it can prove to anyone.
    #[test]
    fn readers_can_prove_what_they_hold(
        length in 1u64..60, first in prop::collection::vec(0u64..60, 1..8), second in prop::collection::vec(0u64..60, 0..5),
    ) {
        let writer = Writer::new(length, 0);
        let [first, second] = [first, second].map(|blocks| blocks.iter().map(|block| block % length).collect::<Vec<_>>());
        let (sender, mut reader, mut remote) = (writer.reader(&first), writer.reader(&second), RemoteTree::new());
        for block in first {
            let sent = writer.answer(&sender.tree, (block, reader.tree.digest(block), false), &mut remote);
            reader.accept(sent).unwrap();
            prop_assert_eq!(reader.tree.digest(block), Digest::ALL);
        }
    }

    /// One wrong bit anywhere, to a reader that holds nothing or a part: refused, and never called a fork.
    #[test]
    fn flipped_bits_are_refused(
        length in 1u64..40, block in 0u64..40, held in prop::option::of(0u64..40), hash_only: bool, place: usize, bit: usize,
    ) {
        let writer = Writer::new(length, 0);
        let block = block % length;
        let reader = writer.reader(&held.map(|held| held % length).into_iter().collect::<Vec<_>>());
        let request = (block, reader.tree.digest(block), hash_only);
        let good = writer.answer(&complete(length), request, &mut RemoteTree::new());
        let mut bad = good.clone();
        if good.nodes.is_empty() && good.signature.is_none() && good.value.as_ref().is_none_or(Bytes::is_empty) {
            return Ok(());
        }
        flip(&mut bad, place, bit);
        let error = reader.refuses(bad);
        prop_assert!(!matches!(error, ProofError::Fork { .. }), "{error:?}");
    }

    /// Whatever is sent, nothing panics, and what is accepted is true.
    #[test]
    fn lies_are_refused(
        length in 1u64..20, held in prop::collection::vec(0u64..20, 0..3), block: u64, shift in 0u32..64, other in 0u64..20,
        nodes in prop::collection::vec((0u64..44, 0u64..20, any::<bool>(), 0u64..3), 0..8), value: bool, signed in prop::option::of(1u64..20),
    ) {
        let writer = Writer::new(length, 0);
        let reader = writer.reader(&held.iter().map(|block| block % length).collect::<Vec<_>>());
        let nodes = nodes.into_iter().map(|(index, source, honest, more)| {
            let source = NodeIndex(if honest { index } else { source });
            let known = source.blocks().end <= length;
            let node = writer.node(if known { source } else { NodeIndex(0) });
            Node { index: NodeIndex(index), size: node.size + more, ..node }
        });
        let sent = UnverifiedBlock {
            index: block >> shift,
            value: value.then(|| writer.blocks[(other % length) as usize].clone().into()),
            nodes: nodes.collect(),
            signature: signed.map(|signed| writer.sign(signed.min(length), false)),
        };
        if let Ok(verified) = reader.verify(sent) {
            prop_assert!(verified.index() < length);
            prop_assert!(verified.nodes().iter().all(|&node| node == writer.node(node.index)));
            prop_assert!(verified.value().is_none_or(|value| *value == writer.blocks[verified.index() as usize]));
        }
    }
}
