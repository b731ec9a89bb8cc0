use dazaar_log::{IdentityKeyPair, KeyError};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::address::AddressError;
use crate::identity_signature::NONCE_BYTES;

const NONCE: [u8; NONCE_BYTES] = [3; NONCE_BYTES];
/// The seller key of identity seed 00*32.
const ID: &str = "557e23d7346f213ec5a23713b2a2497eef35354d5b52088ac6a5993a5fdb091e";

fn seller() -> IdentityKeyPair {
    IdentityKeyPair::from_seed(&[0; 32])
}

fn card(json: Value) -> Card {
    Card::from_json(json).unwrap()
}

fn error(json: Value) -> CardError {
    Card::from_json(json).unwrap_err()
}

/// A paid card as it was published for the original terminal, with our fields added.
fn paid() -> Value {
    json!({
        "id": ID, "name": "Order Book", "description": "five rows", "version": 3,
        "payment": [
            { "method": "ETH", "currency": "USDT", "amount": 0.02, "unit": "hours", "interval": 1 },
            { "method": "Lightning", "currency": "SATS", "amount": 100, "unit": "hours", "interval": 1, "minSeconds": 1 },
        ],
        "addresses": ["a.example:49737", "[::1]:80"], "iroh": [format!("{ID},203.0.113.7:49737,https://relay.example/")],
        "data": { "rows": 812_345_678, "bytes": 9_123_456_789_u64, "format": "csv", "coverage": { "to": null } },
        "keywords": ["btc", "\u{20ac}"], "homepage": "https://a.example",
    })
}

#[test]
fn a_card_loses_nothing() {
    let card = card(paid());
    assert_eq!(card.id.to_string(), ID);
    assert_eq!(card.payment.len(), 2);
    assert_eq!(card.addresses[1].tcp().unwrap().host(), "::1");
    assert_eq!(card.fields.keys().collect::<Vec<_>>(), ["data", "homepage", "keywords"]);
    assert_eq!(card.to_json(), paid());
    assert_eq!(Card::parse(paid().to_string().as_bytes()), Ok(card));
}

#[test]
fn only_the_seller_is_required() {
    let bare = card(json!({ "id": ID }));
    assert_eq!(bare, Card::new(ID.parse().unwrap()));
    assert_eq!(bare.to_json(), json!({ "id": ID, "payment": [] }));
    let nulls = json!({ "id": ID, "name": null, "description": null, "version": null, "addresses": null });
    assert_eq!(card(nulls), bare);
}

#[test]
fn a_seller_lists_under_their_own_key() {
    for written in
        [json!({ "name": "a" }), json!({ "name": "a", "id": null }), json!({ "name": "a", "id": "x" })]
    {
        let listed = Card::of_seller(ID.parse().unwrap(), written.as_object().unwrap().clone());
        assert_eq!(listed, Ok(card(json!({ "id": ID, "name": "a" }))));
    }
}

#[test]
fn payment_comes_in_four_shapes() {
    let entry = json!({ "currency": "EOS" });
    for (shape, count) in [(Value::Null, 0), (json!([]), 0), (entry.clone(), 1), (json!([entry]), 1)] {
        assert_eq!(card(json!({ "id": ID, "payment": shape })).payment.len(), count);
    }
    assert_eq!(error(json!({ "id": ID, "payment": [{}, 7] })), CardError::PaymentEntry { index: 1 });
    assert!(matches!(
        error(json!({ "id": ID, "payment": "free" })),
        CardError::FieldType { field: "payment", .. }
    ));
}

#[test]
fn old_names_of_the_seller_are_read_and_new_ones_written() {
    let expected = Card::new(ID.parse().unwrap());
    assert_eq!(card(json!({ "sellerKey": ID })), expected);
    assert_eq!(card(json!({ "key": ID })), expected);
    assert_eq!(card(json!({ "id": 12, "key": ID })), expected);
    assert_eq!(card(json!({ "id": null, "sellerKey": ID })), expected);
    let both = card(json!({ "id": ID, "key": "mine" }));
    assert_eq!(both.fields["key"], "mine");
}

#[test]
fn errors_name_the_field() {
    assert_eq!(error(json!([])), CardError::NotAnObject);
    assert_eq!(error(json!(null)), CardError::NotAnObject);
    assert_eq!(error(json!({})), CardError::NoId);
    assert_eq!(error(json!({ "id": 1 })), CardError::NoId);
    let not_hex = KeyError::NotHex { digits: 3 };
    assert_eq!(error(json!({ "id": "abc" })), CardError::Id { field: "id", error: not_hex.clone() });
    assert_eq!(error(json!({ "sellerKey": "abc" })), CardError::Id { field: "sellerKey", error: not_hex });
    for field in ["name", "description", "version", "addresses", "iroh"] {
        let wrong = error(json!({ "id": ID, field: {} }));
        assert!(matches!(wrong, CardError::FieldType { field: named, .. } if named == field));
    }
    let address = error(json!({ "id": ID, "addresses": ["h:1", "h:0"] }));
    assert_eq!(address, CardError::Address { field: "addresses", index: 1, error: AddressError::Port });
    assert!(matches!(
        error(json!({ "id": ID, "addresses": [80] })),
        CardError::FieldType { field: "addresses", .. }
    ));
    assert_eq!(
        error(json!({ "id": ID, "addresses": vec!["h:1"; ADDRESSES_MAX + 1] })),
        CardError::TooManyAddresses { count: ADDRESSES_MAX + 1, max: ADDRESSES_MAX }
    );
    assert_eq!(
        Card::parse(&[b' '; CARD_BYTES_MAX + 1]),
        Err(CardError::TooLong { bytes: CARD_BYTES_MAX + 1, max: CARD_BYTES_MAX })
    );
    assert_eq!(Card::parse(b"{\n \"id\": x}"), Err(CardError::Json { line: 2, column: 8 }));
}

#[test]
fn integers_that_javascript_rounds_are_refused() {
    let largest = (1_u64 << 53) - 1;
    assert_eq!(card(json!({ "id": ID, "data": { "rows": largest } })).fields["data"]["rows"], largest);
    for number in [json!(largest + 1), json!(-(1_i64 << 53)), json!(u64::MAX)] {
        let refused = error(json!({ "id": ID, "data": { "rows": [number] } }));
        assert_eq!(refused, CardError::NumberTooLarge { field: "data".to_owned() });
    }
}

#[test]
fn versions_decide_as_in_the_reference() {
    let versioned = |version: Value, name: &str| card(json!({ "id": ID, "version": version, "name": name }));
    for (own, stored, replaces) in [
        (json!(2), json!(1), true),
        (json!(1), json!(1), false),
        (json!(1), json!(2), false),
        (json!(1.5), json!(1), true),
        (json!(1.5), json!(2), false),
        (json!(null), json!(7), true),
        (json!(1), json!(null), true),
        (json!(null), json!(null), true),
    ] {
        assert_eq!(versioned(own.clone(), "b").replaces(&versioned(stored, "a")), replaces, "{own}");
    }
    assert!(!versioned(json!(null), "a").replaces(&versioned(json!(null), "a")));
}

#[test]
fn a_signature_is_not_news() {
    let unsigned = card(json!({ "id": ID, "name": "a" }));
    let mut signed = unsigned.clone();
    signed.sign(&seller(), &NONCE).unwrap();
    assert!(!signed.replaces(&unsigned) && !unsigned.replaces(&signed));
}

#[test]
fn canonical_json_is_sorted_and_compact() {
    let card = Card::parse(
        format!("{{\"b\":[1.0, 1e2],\"id\":\"{ID}\",\"\u{20ac}\":0,\"a\":\"\\u0041/\"}}").as_bytes(),
    );
    let canonical = format!("{{\"a\":\"A/\",\"b\":[1,100],\"id\":\"{ID}\",\"payment\":[],\"\u{20ac}\":0}}");
    assert_eq!(card.unwrap().to_canonical_json(), Ok(canonical.into_bytes()));
}

#[test]
fn a_signed_card_survives_being_written_differently() {
    let mut signed = card(paid());
    assert_eq!(signed.verify(), CardSignature::Unsigned);
    signed.sign(&seller(), &NONCE).unwrap();
    assert_eq!(signed.verify(), CardSignature::Valid);
    let pretty = serde_json::to_vec_pretty(&signed.to_json()).unwrap();
    assert_eq!(Card::parse(&pretty).unwrap().verify(), CardSignature::Valid);
    signed.sign(&seller(), &[4; NONCE_BYTES]).unwrap();
    assert_eq!(signed.verify(), CardSignature::Valid);
}

#[test]
fn any_change_breaks_the_signature() {
    let mut signed = card(paid());
    signed.sign(&seller(), &NONCE).unwrap();
    let json = signed.to_json();
    for (field, value) in [
        ("name", json!("Order Book 2")),
        ("description", json!(null)),
        ("version", json!(4)),
        ("payment", json!([])),
        ("addresses", json!(["evil.example:1"])),
        ("data", json!({})),
        ("extra", json!(false)),
        ("id", json!(IdentityKeyPair::from_seed(&[9; 32]).public().to_string())),
        ("signature", json!("00".repeat(64))),
        ("signature", json!("")),
        ("signature", json!(null)),
        ("signature", json!({ "key": 1 })),
    ] {
        let mut changed = json.clone();
        changed[field] = value;
        assert_eq!(card(changed).verify(), CardSignature::Invalid, "{field}");
    }
}

#[test]
fn only_the_seller_signs() {
    let other = IdentityKeyPair::from_seed(&[9; 32]);
    let refused = card(paid()).sign(&other, &NONCE);
    assert_eq!(refused, Err(CardError::NotTheSeller { id: ID.parse().unwrap() }));
    let mut unreadable = card(paid());
    unreadable.fields.insert("rows".to_owned(), json!(u64::MAX));
    assert!(matches!(unreadable.sign(&seller(), &NONCE), Err(CardError::NumberTooLarge { .. })));
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-1e15..1e15).prop_map(|number: f64| Value::from(number)),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(".{0,4}", inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn cards_come_back(fields in proptest::collection::btree_map("[a-c]{1,3}", json_value(), 0..4), name in ".{0,9}") {
        let mut written = card(json!({ "id": ID, "name": name }));
        written.fields = fields.into_iter().collect();
        written.sign(&seller(), &NONCE).unwrap();
        let read = Card::parse(written.to_json().to_string().as_bytes()).unwrap();
        prop_assert_eq!(read.verify(), CardSignature::Valid);
        prop_assert_eq!(read, written);
    }

    #[test]
    fn no_json_panics(text in ".{0,100}", value in json_value(), field in "id|key|name|version|payment|addresses|signature") {
        let _ = Card::parse(text.as_bytes());
        let mut json = paid();
        json[field] = value;
        if let Ok(card) = Card::from_json(json) {
            prop_assert_ne!(card.verify(), CardSignature::Valid);
            let _ = card.to_canonical_json();
        }
    }
}
