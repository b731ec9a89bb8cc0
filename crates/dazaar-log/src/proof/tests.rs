use proptest::prelude::*;

use super::*;

fn complete(length: u64) -> TreeSet {
    let mut tree = TreeSet::new();
    for block in 0..length {
        tree.insert(NodeIndex::leaf(block));
    }
    tree
}

fn plan(nodes: &[u64], signature_length: Option<u64>) -> ProofPlan {
    ProofPlan { nodes: nodes.iter().copied().map(NodeIndex).collect(), signature_length }
}

#[test]
fn proofs_of_ten_blocks() {
    let tree = complete(10);
    let signed = Some(10);
    for (block, digest, hash_only, nodes, signature) in [
        (0, 0, false, &[2, 5, 11, 17][..], signed),
        (9, 0, false, &[16, 7], signed),
        (3, 0, false, &[4, 1, 11, 17], signed),
        (3, 0, true, &[6, 4, 1, 11, 17], signed),
        (5, 10, false, &[13, 17], signed),
        (8, 74, false, &[7], signed),
        (5, 1, false, &[], None),
        (5, 1, true, &[10], None),
        (2, 5, false, &[6], None),
    ] {
        let proof = tree.plan_proof(block, Digest(digest), hash_only, &mut RemoteTree::new());
        assert_eq!(proof, Some(plan(nodes, signature)), "block {block} digest {digest}");
    }
}

#[test]
fn what_a_peer_once_said_is_remembered() {
    let tree = complete(10);
    let mut remote = RemoteTree::new();
    assert_eq!(tree.plan_proof(2, Digest(5), false, &mut remote), Some(plan(&[6], None)));
    assert_eq!(tree.plan_proof(3, Digest::NONE, false, &mut remote), Some(plan(&[4], None)));
}

#[test]
fn what_is_not_held_cannot_be_proved() {
    assert_eq!(complete(10).plan_proof(10, Digest::NONE, false, &mut RemoteTree::new()), None);
    assert_eq!(complete(10).plan_proof(u64::MAX, Digest(u64::MAX), true, &mut RemoteTree::new()), None);
}

proptest! {
    #[test]
    fn any_requests_are_answered(requests in prop::collection::vec((0u64..40, any::<u64>(), any::<bool>()), 1..20)) {
        let tree = complete(40);
        let mut remote = RemoteTree::new();
        for (block, digest, hash_only) in requests {
            let proof = tree.plan_proof(block, Digest(digest), hash_only, &mut remote).unwrap();
            prop_assert!(proof.nodes.iter().all(|&node| tree.contains(node)));
            prop_assert!(proof.nodes.len() <= 8);
        }
    }
}
