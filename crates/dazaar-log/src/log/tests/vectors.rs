//! The vectors of the classic protocol, section 3.

use super::*;

fn five_blocks() -> Log<MemoryStorage> {
    let mut log = log();
    assert_eq!(log.append(&["a", "bb", "ccc"]).unwrap(), 0..3);
    assert_eq!(log.append(&["dddd"]).unwrap(), 3..4);
    assert_eq!(log.append(&["eeeee"]).unwrap(), 4..5);
    log
}

#[test]
fn signatures_lie_at_the_last_block_of_each_batch() {
    let storage = five_blocks().into_storage();
    let signatures: Vec<String> =
        storage.bytes(FileName::Signatures)[32..].chunks(64).map(hex::encode).collect();
    let zeros = "00".repeat(64);
    let expected = [
        &zeros,
        &zeros,
        "8c288eb7f534c08b4492662c843000275eb57adc929b7c9ecb98171fa8b6c9069d1d3fd33cd6f98ee83c2ab75a7e90b8415c5fba6be45ccd07eab013aefe9000",
        "2a1105e10efe44da478b9c5d9e7b277fae0d01e88388d3bce871def8483b8b258d620c0e585dd80335bac578a9d1475f6d544e9443f843e48b9daba869e31f00",
        "952452c00db536ca64c24e8db00e18e924280549b516ef0f6a9fc76c2d83592b12c4e687d361a1c96ecbee975ed93e64e644c8b990f79ddd01ae6375f7e8ba09",
    ];
    assert_eq!(signatures, expected);
}

#[test]
fn bitfield_holds_blocks_nodes_and_index() {
    let storage = five_blocks().into_storage();
    let bitfield = storage.bytes(FileName::Bitfield);
    assert_eq!(bitfield.len(), 32 + 3584);
    assert_eq!(
        hex::encode(&bitfield[..32]),
        "05025700000e0000000000000000000000000000000000000000000000000000"
    );
    let page = &bitfield[32..];
    assert_eq!(page[..2], [0xf8, 0]);
    assert_eq!(page[1024..1027], [0xfe, 0x80, 0]);
    let index = &page[3072..];
    let marked = [0, 1, 3, 7, 15, 31, 63, 127, 255, 511];
    for (place, byte) in index.iter().enumerate() {
        assert_eq!(*byte, if marked.contains(&place) { 0x40 } else { 0 }, "index byte {place}");
    }
}

#[test]
fn data_lies_back_to_back_and_node_7_does_not_exist_yet() {
    let storage = five_blocks().into_storage();
    assert_eq!(storage.bytes(FileName::Data), b"abbcccddddeeeee");
    let tree = storage.bytes(FileName::Tree);
    assert_eq!(hex::encode(&tree[..32]), "0502570200002807424c414b4532620000000000000000000000000000000000");
    assert_eq!(
        hex::encode(&tree[32 + 3 * 40..][..32]),
        "2a65518c8e8c238df1bb7e3c46d1d675b9a63c2111177ce290f0d690d6db1a26"
    );
    assert_eq!(tree[32 + 7 * 40..][..40], [0; 40]);
    assert_eq!(storage.bytes(FileName::Key), pair().public().as_bytes());
    assert_eq!(storage.bytes(FileName::SecretKey), pair().to_secret_bytes().as_slice());
}

#[test]
fn a_rekeyed_feed_signs_the_tree_hash_alone() {
    let log = five_blocks();
    let mut feed = crate::Feed::rekeyed(pair());
    let signature = feed.signature(&log, 5).unwrap().unwrap();
    assert_eq!(
        hex::encode(signature.0),
        "18b741e139b8e172e4c28bda53df5b4ee97e211e274d925ca2ab47a6665b75eb8c2150ea9e681abf57bfecb73cddb5d47c321ca397e026aca2a3b037e930fd08"
    );
    assert!(feed.is_upload_only());
    let mut own = crate::Feed::own(log.key());
    assert_eq!(own.signature(&log, 5).unwrap(), log.signature(5).unwrap());
    assert_eq!(own.signature(&log, 2).unwrap(), None);
    assert!(!own.is_upload_only());
}

#[test]
fn the_feed_of_one_buyer_is_that_of_the_reference() {
    let log = five_blocks();
    let buyer = "7f6f6572d580f2bd6846554e27ba3fee1c7b6d40223956ab8a58069634517c61";
    let name = format!("sales/{}/feeds/{buyer}", log.key());
    let mut feed =
        crate::Feed::rekeyed(FeedKeyPair::from_seed(&crate::key::derive_seed("dazaar", &[7; 32], &name)));
    assert_eq!(feed.key().to_string(), "59de81e93f3436451f6b8ac6d17a2036acbf85de44ad7db644caf306ce04c0a9");
    assert_eq!(
        hex::encode(feed.signature(&log, 5).unwrap().unwrap().0),
        "638a590f4a008c3fbc8e142cbb8923e8395e856425428aaa27bfaee9221e16537b1340dae579b4070f88b7e38268fded670cdb6b8654fec0a716dd29d13cc001"
    );
}
