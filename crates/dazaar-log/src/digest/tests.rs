use proptest::prelude::*;

use super::*;

fn set(nodes: impl IntoIterator<Item = u64>) -> TreeSet {
    let mut tree = TreeSet::new();
    for node in nodes {
        tree.insert(NodeIndex(node));
    }
    tree
}

fn complete(length: u64) -> TreeSet {
    set((0..length).map(|block| 2 * block))
}

#[test]
fn digests_of_a_complete_tree() {
    let tree = complete(5);
    for (block, digest) in [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1), (5, 10), (6, 8), (8, 0)] {
        assert_eq!(tree.digest(block), Digest(digest), "block {block}");
    }
}

#[test]
fn digests_of_a_sparse_tree() {
    let tree = set([1, 3, 4, 5, 6, 8]);
    for (block, digest) in [(0, 5), (1, 5), (2, 1), (5, 10)] {
        assert_eq!(tree.digest(block), Digest(digest), "block {block}");
    }
    assert_eq!(TreeSet::new().digest(0), Digest::NONE);
}

#[test]
fn a_peer_is_believed_only_about_nodes_we_hold() {
    let ours = complete(5);
    let mut remote = RemoteTree::new();
    remote.learn(&ours, 5, Digest(0b1010));
    assert!([8, 3].into_iter().all(|node| remote.contains(NodeIndex(node))));
    assert!(![10, 9, 0].into_iter().any(|node| remote.contains(NodeIndex(node))));
}

#[test]
fn too_much_knowledge_is_forgotten() {
    let blocks = 2 * (MAX_REMOTE_TREE_PAGES as u64 + 2) * crate::have::PAGE_BITS;
    let mut bits = crate::have::HaveMap::new();
    bits.set_range(0..2 * blocks);
    let ours = TreeSet::from_bits(bits);
    let mut remote = RemoteTree::new();
    for block in (0..blocks).step_by(1000) {
        remote.learn(&ours, block, Digest(2));
        assert!(remote.contains(NodeIndex::leaf(block).sibling()));
        assert!(remote.held.bits().mixed_pages() <= MAX_REMOTE_TREE_PAGES + 2);
    }
}

proptest! {
    #[test]
    fn any_digest_of_any_block_ends(block: u64, shift in 0u32..64, digest: u64, length in 0u64..40) {
        let ours = complete(length);
        let _ = ours.digest(block >> shift);
        let mut remote = RemoteTree::new();
        remote.learn(&ours, block >> shift, Digest(digest));
        for node in (0..100).map(NodeIndex) {
            prop_assert!(ours.contains(node) || !remote.contains(node));
        }
    }
}
