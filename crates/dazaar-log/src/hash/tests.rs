use super::*;
use crate::flat_tree::full_roots;
use crate::key::FeedKeyPair;

const BLOCKS: [&str; 5] = ["a", "bb", "ccc", "dddd", "eeeee"];

/// The node at `index` over [`BLOCKS`], the slow and obvious way.
fn node(index: NodeIndex) -> Node {
    match index.children() {
        None => Node::leaf(index.0 / 2, BLOCKS[index.0 as usize / 2].as_bytes()),
        Some((left, right)) => Node::parent(&node(right), &node(left)),
    }
}

fn tree(length: u64) -> Hash {
    tree_hash(&full_roots(length).map(node).collect::<Vec<_>>())
}

#[test]
fn leaves() {
    for (data, hash) in [
        ("", "5187b7a8021bf4f2c004ea3a54cfece1754f11c7624d2363c7f4cf4fddd1441e"),
        ("hello world", "ccfa4259ee7c41e411e5770973a49c5ceffb5272d6a37f2c6f2dac2190f7e2b7"),
    ] {
        assert_eq!(leaf_hash(data.as_bytes()).to_string(), hash);
    }
}

#[test]
fn nodes_of_five_blocks() {
    for (index, size, hash) in [
        (0, 1, "ab27d45f509274ce0d08f4f09ba2d0e0d8df61a0c2a78932e81b5ef26ef398df"),
        (2, 2, "9d4144396fb9c2ad8e8cef2da1758f8ad4dc02dc9bbaf6d71683136d5b6e7607"),
        (4, 3, "ba5525f204b6a2f44f9fbd90d330b8258162e8841afcbd269c4754f17cada203"),
        (6, 4, "12281a7b91c2f5f78c34432bd8686d989355be9661ab8cdb11a108b98815d34e"),
        (8, 5, "4e39104089535fddfc752e3c7bc4d0b1361271e1d471af431f541e34801c1c2b"),
        (1, 3, "69e71cdc0047d42bf0ebefa27ac283cf1e54caa41546b9b14b7d5a2046ea3f2f"),
        (5, 7, "6ee5266aea25cedbbb559a0b8fc506810810723ca70e98488ead4f738c2d9aa2"),
        (3, 10, "2a65518c8e8c238df1bb7e3c46d1d675b9a63c2111177ce290f0d690d6db1a26"),
    ] {
        let node = node(NodeIndex(index));
        assert_eq!((node.size, node.hash.to_string().as_str()), (size, hash), "node {index}");
    }
}

#[test]
fn tree_hashes() {
    for (length, hash) in [
        (0, "bb30a42c1e62f0afda5f0a4e8a562f7a13a24cea00ee81917b86b89e801314aa"),
        (1, "fd09e68350db613d3afc9390abf12a7c2693d602b69012ff068251568d05887b"),
        (3, "ddd485e01d929c30a2657092a85c17d48d5b11f331b4a5cf3fd2551ec0f0b842"),
        (5, "51b2e9e22dfc8972cd11a0b8d511a9194d26e3df6fc25f7aa14cb4d2d3f1e9e7"),
    ] {
        assert_eq!(tree(length).to_string(), hash);
    }
}

#[test]
fn signatures_of_both_forms() {
    let pair = FeedKeyPair::from_seed(&[1; 32]);
    let key = pair.public();
    let hash = tree(5);
    let long = pair.sign(&signable(&hash, 5));
    let short = pair.sign(&hash.0);
    assert_eq!(
        hex::encode(long.0),
        "952452c00db536ca64c24e8db00e18e924280549b516ef0f6a9fc76c2d83592b\
         12c4e687d361a1c96ecbee975ed93e64e644c8b990f79ddd01ae6375f7e8ba09"
    );
    assert_eq!(
        hex::encode(short.0),
        "18b741e139b8e172e4c28bda53df5b4ee97e211e274d925ca2ab47a6665b75eb\
         8c2150ea9e681abf57bfecb73cddb5d47c321ca397e026aca2a3b037e930fd08"
    );
    assert!(verify_tree(&key, &hash, 5, &long) && verify_tree(&key, &hash, 5, &short));
    assert!(!verify_tree(&key, &hash, 4, &long));
    assert!(!verify_tree(&key, &tree(3), 5, &short));
    assert!(!verify_tree(&FeedKeyPair::from_seed(&[2; 32]).public(), &hash, 5, &long));
}
