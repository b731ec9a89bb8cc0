use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn announces_sorted_names() {
    let names = names();
    assert!(names.is_sorted());
    assert_eq!(names.len(), 8);
    for extension in Extension::ALL {
        assert_eq!(Extension::from_name(extension.name()), Some(extension));
    }
    assert_eq!(Extension::from_name("dazaar/other"), None);
    assert_eq!(Extension::from_name("valid"), None);
}

#[test]
fn payloads_are_those_of_the_reference() {
    assert_eq!(encode_reason("no pay"), hex::decode("7b226572726f72223a226e6f20706179227d").unwrap());
    let ping = encode_user_message("ping", &json!({ "n": 1 }));
    assert_eq!(
        ping,
        hex::decode("7b226e616d65223a2270696e67222c226d657373616765223a7b226e223a317d7d").unwrap()
    );
    assert_eq!(decode_user_message(&ping).unwrap(), Some(("ping".to_owned(), json!({ "n": 1 }))));
    let valid = hex::decode("7b2274797065223a2274696d65222c2272656d61696e696e67223a357d").unwrap();
    let info = Extension::Valid.decode_object(&valid).unwrap().unwrap();
    assert_eq!(Value::Object(info), json!({ "type": "time", "remaining": 5 }));
}

#[test]
fn json_of_the_wrong_shape_is_skipped() {
    let deep = "[".repeat(20_000);
    let nested = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
    for text in ["", "null", "[]", "[{}]", "1", "\"x\"", "true", "{", "{\"a\":1}x", &deep, &nested] {
        assert_eq!(Extension::Valid.decode_object(text.as_bytes()), Ok(None), "{text:.20}");
        assert_eq!(decode_reason(text.as_bytes()), Ok(None), "{text:.20}");
        assert_eq!(decode_user_message(text.as_bytes()), Ok(None), "{text:.20}");
    }
    assert_eq!(decode_reason(b"{\"error\":\"\xff\"}"), Ok(None));
}

#[test]
fn reasons_without_text_are_empty() {
    for text in ["{}", "{\"error\":null}", "{\"error\":7}", "{\"error\":{}}"] {
        assert_eq!(decode_reason(text.as_bytes()), Ok(Some(String::new())));
    }
}

#[test]
fn user_messages_need_a_name_and_nothing_else() {
    assert_eq!(decode_user_message(b"{\"name\":\"a\"}"), Ok(Some(("a".to_owned(), Value::Null))));
    for text in ["{}", "{\"name\":1,\"message\":2}", "{\"message\":2}", "{\"name\":null}"] {
        assert_eq!(decode_user_message(text.as_bytes()), Ok(None));
    }
}

#[test]
fn what_humans_see_is_short_and_printable() {
    assert_eq!(display_text("no\x1b[2Jpay\n"), "no\u{fffd}[2Jpay\u{fffd}");
    let long = display_text(&"\u{e9}".repeat(10_000));
    assert_eq!(long.chars().count(), REASON_CHARS_MAX + 1);
}

#[test]
fn payloads_over_the_limit_are_faults() {
    let long = vec![b' '; JSON_BYTES_MAX + 1];
    let fault =
        |extension| PeerFault::PayloadTooLong { extension, bytes: JSON_BYTES_MAX + 1, max: JSON_BYTES_MAX };
    assert_eq!(Extension::Valid.decode_object(&long), Err(fault(Extension::Valid)));
    assert_eq!(decode_reason(&long), Err(fault(Extension::Invalid)));
    assert_eq!(decode_user_message(&long), Err(fault(Extension::UserMessage)));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = Extension::Valid.decode_object(&bytes);
        let _ = decode_reason(&bytes);
        let _ = decode_user_message(&bytes);
    }

    #[test]
    fn user_messages_come_back(name in ".{0,30}", text in ".{0,30}", number: i64) {
        let message = json!({ "text": text, "number": number });
        let decoded = decode_user_message(&encode_user_message(&name, &message)).unwrap();
        prop_assert_eq!(decoded, Some((name, message)));
    }
}
