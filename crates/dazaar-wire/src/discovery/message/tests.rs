use proptest::prelude::*;

use super::*;

const TARGET: [u8; 32] = [0xab; 32];

fn query(number: u64, to: &str, command: &str) -> Message {
    let (to, command) = (Some(to.parse().unwrap()), Some(command.to_owned()));
    Message { to, command, ..Message::new(Kind::Query, number) }
}

/// Datagrams of dht-rpc 4.9.6.
#[test]
fn known_datagrams() {
    let ping = query(24, "127.0.0.1:10001", command::PING);
    let find = Message { target: Some(TARGET), ..query(77, "127.0.0.1:10002", command::FIND_NODE) };
    let value = Some(vec![8, 0]);
    let topic = Some([0x11; 32]);
    let announce = Message { target: topic, value, ..query(60860, "127.0.0.1:10001", command::PEERS) };
    let update = Message { kind: Kind::Update, token: Some(Token([5; 32])), ..announce.clone() };
    for (message, bytes) in [
        (ping, "5801080110185206 7f0000012711 3a055f70696e67".to_owned()),
        (find, format!("58010801104d5206 7f0000012712 2220{} 3a0a5f66696e645f6e6f6465", hex::encode(TARGET))),
        (
            announce,
            format!(
                "5801080110bcdb035206 7f0000012711 2220{} 3a057065657273 4a020800",
                hex::encode([0x11; 32])
            ),
        ),
        (
            update,
            format!(
                "5801080210bcdb035206 7f0000012711 2220{} 3220{} 3a057065657273 4a020800",
                hex::encode([0x11; 32]),
                hex::encode([5; 32])
            ),
        ),
    ] {
        let bytes = hex::decode(bytes.replace(' ', "")).unwrap();
        assert_eq!(hex::encode(message.encode()), hex::encode(&bytes));
        assert_eq!(Message::decode(&bytes), Ok(message));
    }
}

#[test]
fn an_old_node_has_no_id() {
    let mut old = Vec::new();
    encode_varint(field::KIND, 1, &mut old);
    encode_varint(field::NUMBER, 7, &mut old);
    encode_bytes(field::ID, &[1; 32], &mut old);
    assert_eq!(Message::decode(&old).unwrap().id, None);
    encode_varint(field::VERSION, 1, &mut old);
    assert_eq!(Message::decode(&old).unwrap().id, Some(NodeId([1; 32])));
}

#[test]
fn broken_fields_are_named() {
    for (bytes, error) in [
        ("0801", MessageError::Missing { field: field::NUMBER }),
        ("1001", MessageError::Missing { field: field::KIND }),
        ("08041001", MessageError::Invalid { field: field::KIND }),
        ("080110011a0101", MessageError::Invalid { field: field::ID }),
        ("0801100152057f00000127", MessageError::Invalid { field: field::TO }),
        ("080110013a01ff", MessageError::Invalid { field: field::COMMAND }),
        ("080110014801", MessageError::Invalid { field: field::VALUE }),
        ("080110", MessageError::Protobuf(ProtobufError::Truncated { missing: 1 })),
    ] {
        assert_eq!(Message::decode(&hex::decode(bytes).unwrap()), Err(error), "{bytes}");
    }
    let long = vec![0; DATAGRAM_BYTES_MAX + 1];
    assert_eq!(Message::decode(&long), Err(MessageError::TooLong { bytes: long.len() }));
}

fn any_message() -> impl Strategy<Value = Message> {
    let address = any::<[u8; 6]>().prop_map(id::decode_address);
    let contact = (any::<[u8; 32]>(), any::<[u8; 6]>())
        .prop_map(|(id, address)| Contact { id: NodeId(id), address: id::decode_address(address) });
    let head = (
        prop_oneof![Just(Kind::Query), Just(Kind::Update), Just(Kind::Response)],
        any::<u64>(),
        proptest::option::of(address),
        proptest::option::of(any::<[u8; 32]>()),
        proptest::option::of(any::<[u8; 32]>()),
    );
    let rest = (
        proptest::collection::vec(contact, 0..20),
        proptest::option::of(any::<[u8; 32]>()),
        proptest::option::of("[a-z_]{0,20}"),
        proptest::option::of("[a-z ]{0,20}"),
        proptest::option::of(proptest::collection::vec(any::<u8>(), 0..100)),
    );
    (head, rest).prop_map(|((kind, number, to, id, target), (closer, token, command, error, value))| {
        Message {
            kind,
            number,
            to,
            id: id.map(NodeId),
            target,
            closer,
            token: token.map(Token),
            command,
            error,
            value,
        }
    })
}

proptest! {
    #[test]
    fn messages_come_back(message in any_message()) {
        prop_assert_eq!(Message::decode(&message.encode()), Ok(message));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(message) = Message::decode(&bytes) {
            prop_assert_eq!(Message::decode(&message.encode()), Ok(message));
        }
    }
}
