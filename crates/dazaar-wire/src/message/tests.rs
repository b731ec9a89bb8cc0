use bytes::Bytes;
use dazaar_log::Blocks;
use dazaar_log::flat_tree::NodeIndex;
use dazaar_log::hash::Hash;
use proptest::prelude::*;

use super::*;
use crate::fault::PeerFault;
use crate::frame::{self, kind};
use crate::limits::NODES_MAX;

/// The frame of a message on channel 1.
fn frame(message: &Message) -> String {
    let (kind, body) = encode(message, &[]);
    let mut out = Vec::new();
    frame::encode(1, kind, &body, &mut out);
    hex::encode(out)
}

fn body(message: &Message) -> (u8, Bytes) {
    let (kind, body) = encode(message, &[]);
    let (front, back) = body.fields.split_at(body.at);
    (kind, [front, body.payload, back].concat().into())
}

fn bytes(hex: &str) -> Bytes {
    hex::decode(hex).unwrap().into()
}

fn request(index: u64, seek: u64, hash: bool, nodes: u64) -> Message {
    Message::Request(Request { index, bytes: seek, hash, nodes })
}

fn have(start: u64, length: u64, bitfield: Option<&'static [u8]>) -> Message {
    let bitfield = bitfield.map(Bytes::from_static);
    Message::Have(Have { start, length, bitfield, ack: false })
}

fn node(index: u64, hash: &str, size: u64) -> Node {
    let mut node = Node { index: NodeIndex(index), hash: Hash([0; 32]), size };
    hex::decode_to_slice(hash, &mut node.hash.0).unwrap();
    node
}

#[test]
fn frames_agree_with_the_vectors() {
    let vectors = [
        (Message::Want { start: 0, length: 1 << 20 }, "0715080010808040"),
        (have(4, 1, None), "03130804"),
        (have(0, 1 << 20, Some(&[0x02, 0xf8])), "0b130800108080401a0202f8"),
        (have(0, 1 << 20, Some(&[])), "09130800108080401a00"),
        (request(4, 0, false, 0), "09170804100018002000"),
        (request(5, 0, false, 10), "0917080510001800200a"),
        (request(6, 0, true, 0), "09170806100018012000"),
        (request(1, 7, true, 9), "09170801100718012009"),
        (Message::Status { uploading: true, downloading: false }, "051208011000"),
        (Message::Unhave { start: 1, length: 2 }, "051408011002"),
        (Message::Have(Have { ack: true, ..Have::range(6, 1) }), "0713080610012001"),
    ];
    for (message, expected) in vectors {
        assert_eq!(frame(&message), expected, "{message:?}");
        let (kind, body) = body(&message);
        assert_eq!(decode(kind, &body), Ok(Some(message)));
    }
}

#[test]
fn data_frames_agree_with_the_vectors() {
    let hash = "2a65518c8e8c238df1bb7e3c46d1d675b9a63c2111177ce290f0d690d6db1a26";
    let signature = "638a590f4a008c3fbc8e142cbb8923e8395e856425428aaa27bfaee9221e16537b1\
                     340dae579b4070f88b7e38268fded670cdb6b8654fec0a716dd29d13cc001";
    let full = format!("74190804120565656565651a2608031220{hash}180a2240{signature}");
    let mut raw = [0; 64];
    hex::decode_to_slice(signature, &mut raw).unwrap();
    let data = Data {
        index: 4,
        value: Some(Bytes::from_static(b"eeeee")),
        nodes: vec![node(3, hash, 10)],
        signature: Some(Signature(raw)),
    };
    assert_eq!(frame(&Message::Data(data)), full);

    let hash = "4e39104089535fddfc752e3c7bc4d0b1361271e1d471af431f541e34801c1c2b";
    let empty = Data { index: 5, value: Some(Bytes::new()), nodes: vec![node(8, hash, 5)], signature: None };
    assert_eq!(frame(&Message::Data(empty)), format!("2d19080512001a2608081220{hash}1805"));
}

#[test]
fn a_value_shares_memory_with_its_frame() {
    let body = bytes("0804120565656565 65".replace(' ', "").as_str());
    let Ok(Some(Message::Data(data))) = decode(kind::DATA, &body) else { panic!("a block") };
    assert_eq!(data.value.unwrap().as_ptr(), body[4..].as_ptr());
}

#[test]
fn an_absent_flag_is_false() {
    let status = Message::Status { uploading: false, downloading: true };
    assert_eq!(decode(kind::STATUS, &bytes("1001")), Ok(Some(status)));
    let status = Message::Status { uploading: false, downloading: false };
    assert_eq!(decode(kind::STATUS, &Bytes::new()), Ok(Some(status)));
}

#[test]
fn a_request_may_be_an_index_alone() {
    assert_eq!(decode(kind::REQUEST, &bytes("0804")), Ok(Some(request(4, 0, false, 0))));
}

#[test]
fn unknown_fields_are_skipped_and_the_last_of_a_repeated_one_counts() {
    let body =
        bytes("7a03616263 0801 0807 8d0100000000 1002 810100000000 00000000 1005".replace(' ', "").as_str());
    assert_eq!(decode(kind::WANT, &body), Ok(Some(Message::Want { start: 7, length: 5 })));
}

#[test]
fn ranges_have_these_bytes() {
    let range = UnverifiedRange {
        start: 5,
        blocks: ["a", "bb"].into_iter().collect(),
        nodes: vec![node(3, &"11".repeat(32), 10), node(17, &"22".repeat(32), 300)],
        signature: Some((9, Signature([0x33; 64]))),
    };
    let nodes = ["03", &"11".repeat(32), "0a", "0e", &"22".repeat(32), "ac02"].concat();
    let expected = [
        "9901",
        "1c",
        "0805",
        "1002",
        "1a020102",
        "2203616262",
        "2a45",
        &nodes,
        "3009",
        "3a40",
        &"33".repeat(64),
    ]
    .concat();
    assert_eq!(frame(&Message::Blocks(range)), expected);
    assert_eq!(frame(&Message::Fetch { start: 5, length: Some(4096) }), "061b0805108020");
    assert_eq!(frame(&Message::Fetch { start: 5, length: None }), "031b0805");
    let equal: Blocks = ["ab"; 300].into_iter().collect();
    let (_, body) =
        body(&Message::Blocks(UnverifiedRange { start: 0, blocks: equal, nodes: vec![], signature: None }));
    assert_eq!(hex::encode(&body[..11]), "080010ac021a010222d804");
}

#[test]
fn ranges_that_contradict_themselves_are_refused() {
    for wrong in [
        "08001081201a00 2200",
        "0800 1002 1a03010101 2203616262",
        "0800 1002 1a020102 22026162",
        "0800 1001 1a0101 220161 3009",
        "0800 1001 1a0101 220161 2a0100",
        "0800 1001 1a0180 220161",
        "1001 1a0101 220161",
    ] {
        assert!(decode(kind::BLOCKS, &bytes(&wrong.replace(' ', ""))).is_err(), "{wrong}");
    }
}

#[test]
fn unknown_types_are_no_messages() {
    for kind in 13..15 {
        assert_eq!(decode(kind, &bytes("ffff")), Ok(None));
    }
}

#[test]
fn a_missing_field_is_a_fault() {
    let missing = |message, field| Err(PeerFault::FieldMissing { message, field });
    assert_eq!(decode(kind::HAVE, &bytes("1005")), missing("Have", "start"));
    assert_eq!(decode(kind::UNHAVE, &bytes("")), missing("Unhave", "start"));
    assert_eq!(decode(kind::WANT, &bytes("1005")), missing("Want", "start"));
    assert_eq!(decode(kind::UNWANT, &bytes("")), missing("Unwant", "start"));
    assert_eq!(decode(kind::REQUEST, &bytes("1005")), missing("Request", "index"));
    assert_eq!(decode(kind::CANCEL, &bytes("")), missing("Cancel", "index"));
    assert_eq!(decode(kind::DATA, &bytes("1200")), missing("Data", "index"));
    assert_eq!(decode(kind::DATA, &bytes("08001a0408011800")), missing("Node", "hash"));
}

#[test]
fn a_field_of_the_wrong_type_or_length_is_a_fault() {
    let invalid = |message, field| Err(PeerFault::FieldInvalid { message, field });
    assert_eq!(decode(kind::HAVE, &bytes("0a00")), invalid("Have", "start"));
    assert_eq!(decode(kind::HAVE, &bytes("08001801")), invalid("Have", "bitfield"));
    assert_eq!(decode(kind::STATUS, &bytes("0a0101")), invalid("Status", "uploading"));
    assert_eq!(decode(kind::DATA, &bytes("0800220101")), invalid("Data", "signature"));
    assert_eq!(decode(kind::DATA, &bytes("08001a021200")), invalid("Node", "hash"));
}

#[test]
fn what_is_not_protobuf_is_a_fault() {
    for body in ["08", "0a05", "0b", "0affffffffff0f", "00", "08ffffffffffffffffffff01"] {
        assert_eq!(decode(kind::HAVE, &bytes(body)), Err(PeerFault::Malformed { message: "Have" }), "{body}");
    }
}

#[test]
fn a_proof_of_too_many_nodes_is_a_fault() {
    let nodes = vec![node(3, &"00".repeat(32), 10); NODES_MAX + 1];
    let data = |nodes| Message::Data(Data { index: 4, value: None, nodes, signature: None });
    let (kind, most) = body(&data(nodes[1..].to_vec()));
    assert!(decode(kind, &most).is_ok());
    let (kind, more) = body(&data(nodes));
    let fault = PeerFault::FieldRepeated { message: "Data", field: "nodes", max: NODES_MAX };
    assert_eq!(decode(kind, &more), Err(fault));
}

fn any_data() -> impl Strategy<Value = Message> {
    let node = (any::<u64>(), any::<[u8; 32]>(), any::<u64>());
    let node = node.prop_map(|(index, hash, size)| Node { index: NodeIndex(index), hash: Hash(hash), size });
    let value = prop::option::of(prop::collection::vec(any::<u8>(), 0..200).prop_map(Bytes::from));
    let signature = prop::option::of(any::<[u8; 32]>().prop_map(|half| {
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&half);
        Signature(signature)
    }));
    (any::<u64>(), value, prop::collection::vec(node, 0..9), signature)
        .prop_map(|(index, value, nodes, signature)| Message::Data(Data { index, value, nodes, signature }))
}

fn any_message() -> impl Strategy<Value = Message> {
    let bitfield = prop::option::of(prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from));
    prop_oneof![
        (any::<bool>(), any::<bool>())
            .prop_map(|(uploading, downloading)| Message::Status { uploading, downloading }),
        (any::<u64>(), any::<u64>(), bitfield, any::<bool>())
            .prop_map(|(start, length, bitfield, ack)| Message::Have(Have { start, length, bitfield, ack })),
        (any::<u64>(), 0..3u64).prop_map(|(start, length)| Message::Unhave { start, length }),
        (any::<u64>(), any::<u64>()).prop_map(|(start, length)| Message::Want { start, length }),
        (any::<u64>(), any::<u64>()).prop_map(|(start, length)| Message::Unwant { start, length }),
        (any::<u64>(), any::<u64>(), any::<bool>(), any::<u64>())
            .prop_map(|(index, bytes, hash, nodes)| request(index, bytes, hash, nodes)),
        (any::<u64>(), any::<u64>(), any::<bool>()).prop_map(|(index, bytes, hash)| Message::Cancel {
            index,
            bytes,
            hash
        }),
        any_data(),
        (any::<u64>(), any::<Option<u64>>()).prop_map(|(start, length)| Message::Fetch { start, length }),
        any_range(),
    ]
}

fn any_range() -> impl Strategy<Value = Message> {
    let blocks = prop_oneof![
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..6),
        (prop::collection::vec(any::<u8>(), 0..9), 0..9_usize).prop_map(|(block, count)| vec![block; count]),
    ];
    let node = (any::<u64>(), any::<[u8; 32]>(), any::<u64>());
    let signature = prop::option::of((any::<u64>(), prop::array::uniform32(any::<u16>())));
    (any::<u64>(), blocks, prop::collection::vec(node, 0..5), signature).prop_map(
        |(start, blocks, nodes, signature)| {
            let mut nodes: Vec<_> = nodes
                .into_iter()
                .map(|(index, hash, size)| Node { index: NodeIndex(index), hash: Hash(hash), size })
                .collect();
            nodes.sort_by_key(|node| node.index);
            let signature = signature.map(|(length, halves)| {
                let bytes: Vec<u8> = halves.into_iter().flat_map(u16::to_be_bytes).collect();
                (length, Signature(bytes.try_into().unwrap()))
            });
            let blocks = blocks.into_iter().collect();
            Message::Blocks(UnverifiedRange { start, blocks, nodes, signature })
        },
    )
}

proptest! {
    #[test]
    fn messages_come_back(message in any_message()) {
        let (kind, body) = body(&message);
        prop_assert_eq!(decode(kind, &body), Ok(Some(message)));
    }

    #[test]
    fn any_bytes_are_read_or_refused(kind in 0..16u8, body: Vec<u8>) {
        let _ = decode(kind, &body.into());
    }

    #[test]
    fn a_changed_message_is_read_or_refused(message in any_message(), at: prop::sample::Index, byte: u8) {
        let (kind, body) = body(&message);
        let mut body = body.to_vec();
        if !body.is_empty() {
            let at = at.index(body.len());
            body[at] = byte;
        }
        let _ = decode(kind, &body.into());
    }
}
