use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::flat_tree::full_roots;

fn set(nodes: impl IntoIterator<Item = u64>) -> TreeSet {
    let mut tree = TreeSet::new();
    for node in nodes {
        tree.insert(NodeIndex(node));
    }
    tree
}

#[test]
fn parents_follow_their_children() {
    let mut tree = set([0, 4, 6]);
    assert_eq!((0..8).filter(|&node| tree.contains(NodeIndex(node))).collect::<Vec<_>>(), [0, 4, 5, 6]);
    assert_eq!(tree.insert(NodeIndex(2)), Some(NodeIndex(3)));
    assert_eq!(tree.insert(NodeIndex(2)), None);
    assert_eq!(tree.insert(NodeIndex(1)), None);
    assert_eq!(tree.length(), 4);
}

#[test]
fn a_held_parent_ends_the_way_up() {
    let mut tree = set([3, 4]);
    assert_eq!(tree.insert(NodeIndex(6)), Some(NodeIndex(5)));
    assert_eq!(tree.insert(NodeIndex(0)), Some(NodeIndex(0)));
}

#[test]
fn length_of_sparse_trees() {
    for (nodes, length) in
        [(&[][..], 0), (&[0], 1), (&[2], 0), (&[1], 2), (&[3, 8], 5), (&[3, 10], 4), (&[7, 17], 10)]
    {
        assert_eq!(set(nodes.iter().copied()).length(), length, "{nodes:?}");
    }
}

#[test]
fn ten_million_blocks() {
    let length = 10_000_000;
    let mut tree = set(full_roots(length).map(|root| root.0));
    assert_eq!(tree.length(), length);
    for block in length..length + 10_000 {
        tree.insert(NodeIndex::leaf(block));
        assert_eq!(tree.length(), block + 1);
    }
}

proptest! {
    #[test]
    fn inserting_is_closing_over_parents(leaves in prop::collection::btree_set(0u64..64, 0..40)) {
        let tree = set(leaves.iter().map(|leaf| leaf * 2));
        for node in (0..140).map(NodeIndex) {
            let mut blocks = node.blocks();
            prop_assert_eq!(tree.contains(node), blocks.all(|block| leaves.contains(&block)));
        }
        prop_assert_eq!(tree.length(), (0..).find(|block| !leaves.contains(block)).unwrap());
    }

    #[test]
    fn any_bits_have_a_length(nodes in prop::collection::btree_set(any::<u64>(), 0..8)) {
        let nodes: BTreeSet<u64> = nodes.into_iter().map(|node| node >> (node % 64)).collect();
        let tree = set(nodes);
        prop_assert!(tree.length() <= 2 * tree.bits().len());
    }
}
