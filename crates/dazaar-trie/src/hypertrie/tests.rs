use dazaar_log::codec::protobuf::{encode_bytes, encode_varint};
use proptest::prelude::*;

use super::*;

const HEADER: &str = "0a09687970657274726965";

#[derive(serde::Deserialize)]
struct Vectors {
    blocks: Vec<String>,
    entries: BTreeMap<String, serde_json::Value>,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../../tests/vectors/tries.json")).unwrap()
}

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

fn node(key: &[u8], value: Option<&[u8]>, seq: u64, flags: u64) -> Vec<u8> {
    let mut block = Vec::new();
    encode_bytes(1, key, &mut block);
    if let Some(value) = value {
        encode_bytes(2, value, &mut block);
    }
    encode_bytes(3, &[0], &mut block);
    encode_varint(4, seq, &mut block);
    encode_varint(5, flags, &mut block);
    block
}

#[test]
fn finds_what_hypertrie_finds() {
    let Vectors { blocks, entries } = vectors();
    let found = latest_entries(blocks.iter().map(|block| bytes(block))).unwrap();
    assert!(entries.len() > 70);
    assert_eq!(found.keys().collect::<Vec<_>>(), entries.keys().collect::<Vec<_>>());
    for (key, value) in &found {
        let json =
            value.as_ref().map_or(serde_json::Value::Null, |json| serde_json::from_slice(json).unwrap());
        assert_eq!(json, entries[key], "{key}");
    }
}

#[test]
fn reads_the_first_block_of_a_market() {
    let value = format!("\"{}\"", "07".repeat(32));
    let block = format!("0a0a6d61737465722d6b65791242{}1a010020012800", hex::encode(&value));
    let expected = Node { key: "master-key", value: Some(value.as_bytes()), seq: Some(1), is_hidden: false };
    assert_eq!(decode_node(1, &bytes(&block)), Ok(expected));
}

#[test]
fn no_blocks_are_an_empty_trie() {
    assert_eq!(latest_entries::<Vec<u8>>([]), Ok(BTreeMap::new()));
    assert_eq!(latest_entries([bytes(HEADER)]), Ok(BTreeMap::new()));
}

#[test]
fn another_log_is_no_trie() {
    let mut other = Vec::new();
    encode_bytes(1, b"hyperdrive", &mut other);
    for header in [other, Vec::new(), bytes("0809"), bytes("12021234")] {
        assert_eq!(decode_header(&header), Err(HypertrieError::NotATrie));
    }
    assert!(matches!(decode_header(b"a row of data"), Err(HypertrieError::Protobuf { block: 0, .. })));
}

#[test]
fn every_broken_rule_has_its_name() {
    let cases = [
        (node(b"a", None, 2, 0), HypertrieError::Sequence { block: 1, seq: 2 }),
        (node(b"\xff", None, 1, 0), HypertrieError::KeyNotUtf8 { block: 1 }),
        (bytes("2001"), HypertrieError::NoKey { block: 1 }),
        (bytes("0801"), HypertrieError::FieldType { block: 1, field: 1 }),
        (bytes("0a0161100c"), HypertrieError::FieldType { block: 1, field: 2 }),
        (bytes("0a01612200"), HypertrieError::FieldType { block: 1, field: 4 }),
        (bytes("0a01612a00"), HypertrieError::FieldType { block: 1, field: 5 }),
        (
            bytes("0a0561"),
            HypertrieError::Protobuf { block: 1, error: ProtobufError::Truncated { missing: 4 } },
        ),
    ];
    for (block, error) in cases {
        assert_eq!(latest_entries([bytes(HEADER), block]), Err(error));
    }
}

#[test]
fn a_hidden_entry_does_not_replace_a_visible_one() {
    let blocks = [bytes(HEADER), node(b"a", Some(b"1"), 1, 0), node(b"a", Some(b"2"), 2, 1)];
    assert_eq!(latest_entries(blocks).unwrap()["a"], Some(b"1".to_vec()));
}

proptest! {
    #[test]
    fn the_last_value_wins(puts in proptest::collection::vec(("[a-d]", any::<Option<Vec<u8>>>()), 0..40)) {
        let nodes = (1..).zip(&puts).map(|(seq, (key, value))| node(key.as_bytes(), value.as_deref(), seq, 0));
        let found = latest_entries(std::iter::once(bytes(HEADER)).chain(nodes));
        prop_assert_eq!(found, Ok(puts.into_iter().collect()));
    }

    #[test]
    fn no_bytes_panic(block: Vec<u8>, flip in 0..1_000_usize) {
        let _ = decode_header(&block);
        let _ = decode_node(1, &block);
        let mut near = node(b"sales/x/card", Some(b"{}"), 1, 0);
        let place = flip % near.len();
        near[place] ^= 1 << (flip % 8);
        let _ = decode_node(1, &near);
    }
}
