use proptest::prelude::*;

use super::*;

fn read(message: &[u8]) -> Result<Vec<(u64, Value<'_>)>, ProtobufError> {
    Reader::new(message).collect()
}

#[test]
fn known_bytes() {
    let mut out = Vec::new();
    encode_varint(1, 150, &mut out);
    encode_bytes(2, b"testing", &mut out);
    assert_eq!(hex::encode(&out), "089601120774657374696e67");
    let fields = read(&out).unwrap();
    assert_eq!(fields, [(1, Value::Varint(150)), (2, Value::Bytes(b"testing"))]);
    assert_eq!((fields[0].1.varint(), fields[0].1.bytes()), (Some(150), None));
    assert_eq!((fields[1].1.varint(), fields[1].1.bytes()), (None, Some(&b"testing"[..])));
}

#[test]
fn fixed_numbers_are_passed_over() {
    let message = b"\x09\0\0\0\0\0\0\0\0\x0d\0\0\0\0\x10\x05";
    assert_eq!(read(message), Ok(vec![(2, Value::Varint(5))]));
}

#[test]
fn broken_messages_are_refused() {
    for (message, error) in [
        (&b"\x08"[..], ProtobufError::Truncated { missing: 1 }),
        (b"\x0a", ProtobufError::Truncated { missing: 1 }),
        (b"\x0a\x05abc", ProtobufError::Truncated { missing: 2 }),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", ProtobufError::Truncated { missing: u64::MAX }),
        (b"\x09\0\0\0\0\0\0\0", ProtobufError::Truncated { missing: 1 }),
        (b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", ProtobufError::Varint),
        (b"\x00\x00", ProtobufError::FieldZero),
        (b"\x0b\x0c", ProtobufError::WireType { field: 1, wire_type: 3 }),
        (b"\x0f", ProtobufError::WireType { field: 1, wire_type: 7 }),
    ] {
        assert_eq!(read(message), Err(error), "{message:x?}");
    }
}

#[test]
fn nothing_follows_an_error() {
    let mut reader = Reader::new(b"\x00\x08\x01");
    assert_eq!(reader.next(), Some(Err(ProtobufError::FieldZero)));
    assert_eq!(reader.next(), None);
}

proptest! {
    #[test]
    fn any_bytes_end(message: Vec<u8>) {
        prop_assert!(Reader::new(&message).count() <= message.len());
    }

    #[test]
    fn comes_back(fields in prop::collection::vec((1u64..1 << 29, any::<Result<u64, Vec<u8>>>()), 0..8)) {
        let mut out = Vec::new();
        for (field, value) in &fields {
            match value {
                Ok(value) => encode_varint(*field, *value, &mut out),
                Err(bytes) => encode_bytes(*field, bytes, &mut out),
            }
        }
        let expected = fields.iter().map(|(field, value)| match value {
            Ok(value) => (*field, Value::Varint(*value)),
            Err(bytes) => (*field, Value::Bytes(bytes)),
        });
        prop_assert_eq!(read(&out), Ok(expected.collect()));
    }
}
