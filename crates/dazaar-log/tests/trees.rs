//! Length, digests and proofs of 13,236 blocks in random trees, and the answers to peers that ask again and again, as npm
//! hypercore sees them (`vectors/trees.js` and `vectors/sessions.js` made them).

use dazaar_log::digest::{Digest, RemoteTree};
use dazaar_log::flat_tree::NodeIndex;
use dazaar_log::proof::ProofPlan;
use dazaar_log::tree_set::TreeSet;
use serde::Deserialize;

#[derive(Deserialize)]
struct Tree {
    blocks: u64,
    held: Vec<u64>,
    length: u64,
    digests: Vec<u64>,
    answers: Vec<(Vec<u64>, u64)>,
    own: Vec<Option<(Vec<u64>, u64)>>,
}

#[derive(Deserialize)]
struct Session {
    blocks: u64,
    requests: Vec<(u64, u64, bool, Vec<u64>, u64)>,
}

fn set(nodes: impl IntoIterator<Item = u64>) -> TreeSet {
    let mut tree = TreeSet::new();
    for node in nodes {
        tree.insert(NodeIndex(node));
    }
    tree
}

fn plan((nodes, signed): (Vec<u64>, u64)) -> ProofPlan {
    let signature_length = (signed > 0).then_some(signed / 2);
    ProofPlan { nodes: nodes.into_iter().map(NodeIndex).collect(), signature_length }
}

fn prove(tree: &TreeSet, block: u64, digest: Digest) -> Option<ProofPlan> {
    tree.plan_proof(block, digest, false, &mut RemoteTree::new())
}

#[test]
fn agree_with_npm() {
    let trees: Vec<Tree> =
        serde_json::from_str(include_str!("vectors/trees.json")).expect("the vectors are JSON");
    let mut cases = 0;
    for tree in trees {
        let full = set((0..tree.blocks).map(|block| 2 * block));
        let held = set(tree.held);
        assert_eq!(held.length(), tree.length);
        let proofs = tree.digests.into_iter().zip(tree.answers).zip(tree.own);
        for (block, ((digest, answer), own)) in (0..).zip(proofs) {
            assert_eq!(held.digest(block), Digest(digest));
            assert_eq!(prove(&full, block, Digest(digest)), Some(plan(answer)));
            assert_eq!(prove(&held, block, Digest::NONE), own.map(plan));
            cases += 1;
        }
    }
    assert_eq!(cases, 13_236);
}

#[test]
fn peers_are_remembered_as_by_npm() {
    let sessions: Vec<Session> =
        serde_json::from_str(include_str!("vectors/sessions.json")).expect("the vectors are JSON");
    for session in sessions {
        let ours = set((0..session.blocks).map(|block| 2 * block));
        let mut remote = RemoteTree::new();
        for (block, digest, hash_only, nodes, signed) in session.requests {
            let answer = ours.plan_proof(block, Digest(digest), hash_only, &mut remote);
            assert_eq!(answer, Some(plan((nodes, signed))));
        }
    }
}
