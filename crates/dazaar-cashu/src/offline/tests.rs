use cashu::{Amount, Proof, PublicKey, SecretKey};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::testing::Signer;

/// The time until which coins must be safe.
const SAFE_UNTIL_S: u64 = 1_000_000;

fn key(byte: u8) -> PublicKey {
    SecretKey::from_slice(&[byte; 32]).unwrap().public_key()
}

fn locked(kind: &str, to: PublicKey, tags: &Value) -> Proof {
    let data = json!({ "nonce": "00", "data": to.to_hex(), "tags": tags });
    Signer::new(1, 0).coin(8, &json!([kind, data]).to_string())
}

fn standing(coin: &Proof) -> Result<Standing, CoinFault> {
    examine(coin, &Signer::new(1, 0).keyset(), &key(7), SAFE_UNTIL_S)
}

/// The standing of a coin with these tags that is locked to us.
fn of_tags(tags: Value) -> Result<Standing, CoinFault> {
    standing(&locked("P2PK", key(7), &tags))
}

#[test]
fn a_coin_that_only_we_can_spend_is_ours() {
    let at = |time_s: u64| json!(["locktime", time_s.to_string()]);
    let refund = json!(["refund", key(8).to_hex()]);
    let plain = json!(["sigflag", "SIG_INPUTS"]);
    for tags in [
        json!([]),
        json!([plain]),
        json!([refund]),
        json!([["n_sigs", "1"]]),
        json!([at(SAFE_UNTIL_S), refund]),
        json!([at(u64::MAX), refund, plain]),
    ] {
        assert_eq!(of_tags(tags.clone()), Ok(Standing::Ours), "{tags}");
    }
}

/// The hole of other software: after its lock time a coin without a key for refunds is anybody's.
#[test]
fn a_lock_time_without_a_key_for_refunds_is_not_safe() {
    let at = |time_s: u64| json!(["locktime", time_s.to_string()]);
    for tags in [json!([at(2)]), json!([at(SAFE_UNTIL_S + 1)]), json!([at(u64::MAX)])] {
        assert_eq!(of_tags(tags.clone()), Ok(Standing::RedeemFirst), "{tags}");
    }
}

#[test]
fn a_short_lock_is_redeemed_first() {
    let refund = json!(["refund", key(8).to_hex()]);
    for time_s in [0, 1, SAFE_UNTIL_S - 1] {
        let tags = json!([["locktime", time_s.to_string()], refund]);
        assert_eq!(of_tags(tags), Ok(Standing::RedeemFirst), "{time_s}");
    }
}

#[test]
fn a_condition_that_we_do_not_know_is_redeemed_first() {
    assert_eq!(of_tags(json!([["moon", "full"]])), Ok(Standing::RedeemFirst));
}

#[test]
fn a_coin_that_others_must_or_may_sign_for_is_refused() {
    let (one, other) = (key(8).to_hex(), key(9).to_hex());
    for tags in [
        json!([["pubkeys", one]]),
        json!([["n_sigs", "2"], ["pubkeys", one]]),
        json!([["n_sigs", "0"]]),
        json!([["sigflag", "SIG_ALL"]]),
        json!([["sigflag", "SIG_NONE"]]),
        json!([["locktime", "9000000"], ["refund", one], ["n_sigs_refund", "2"]]),
        json!([["locktime", "-1"]]),
        json!([["locktime"]]),
        json!([["locktime", "9000000"], ["locktime", "1"], ["refund", other]]),
        json!([["refund", "02"]]),
        json!([[]]),
    ] {
        assert_eq!(of_tags(tags.clone()), Err(CoinFault::Lock), "{tags}");
    }
    assert_eq!(standing(&locked("P2PK", key(8), &json!([]))), Err(CoinFault::OtherKey));
}

#[test]
fn a_coin_that_is_locked_to_a_hash_is_refused() {
    let data = json!({ "nonce": "00", "data": "00".repeat(32), "tags": [["pubkeys", key(7).to_hex()]] });
    let coin = Signer::new(1, 0).coin(8, &json!(["HTLC", data]).to_string());
    assert_eq!(standing(&coin), Err(CoinFault::Lock));
}

#[test]
fn a_coin_that_is_not_locked_is_redeemed_first() {
    for secret in ["a secret", "[]", r#"["P2PK",{}]"#, r#"["P3PK",{"nonce":"","data":"","tags":[]}]"#] {
        assert_eq!(standing(&Signer::new(1, 0).coin(8, secret)), Ok(Standing::RedeemFirst), "{secret}");
    }
}

#[test]
fn a_coin_that_its_mint_did_not_sign_is_refused() {
    let good = locked("P2PK", key(7), &json!([]));
    assert_eq!(standing(&good), Ok(Standing::Ours));
    let forged = [
        Proof { c: Signer::new(2, 0).coin(8, "other").c, ..good.clone() },
        Proof { c: key(1), ..good.clone() },
        Proof { amount: Amount::from(16), ..good.clone() },
        Proof { dleq: Signer::new(1, 0).coin(8, "other").dleq, ..good.clone() },
    ];
    for coin in forged {
        assert_eq!(standing(&coin), Err(CoinFault::Forged));
    }
    assert_eq!(standing(&Proof { dleq: None, ..good.clone() }), Ok(Standing::RedeemFirst));
    assert_eq!(standing(&Proof { amount: Amount::from(3), ..good.clone() }), Err(CoinFault::Amount));
    assert_eq!(standing(&Proof { amount: Amount::from(0), ..good }), Err(CoinFault::Amount));
}

#[test]
fn a_coin_whose_keys_end_soon_is_redeemed_first() {
    let coin = locked("P2PK", key(7), &json!([]));
    let ends = |final_expiry| {
        let keyset = KeySet { final_expiry, ..Signer::new(1, 0).keyset() };
        examine(&coin, &keyset, &key(7), SAFE_UNTIL_S)
    };
    assert_eq!(ends(Some(SAFE_UNTIL_S - 1)), Ok(Standing::RedeemFirst));
    assert_eq!(ends(Some(SAFE_UNTIL_S)), Ok(Standing::Ours));
}

#[test]
fn a_secret_longer_than_any_lock_is_refused() {
    let long = "x".repeat(SECRET_BYTES_MAX + 1);
    let fault = CoinFault::LongSecret { bytes: SECRET_BYTES_MAX + 1, max: SECRET_BYTES_MAX };
    assert_eq!(standing(&Signer::new(1, 0).coin(8, &long)), Err(fault));
}

/// Tags of a lock, good ones and bad ones.
fn any_tag() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0..2 * SAFE_UNTIL_S).prop_map(|time_s| json!(["locktime", time_s.to_string()])),
        prop::sample::select(vec![8_u8, 9]).prop_map(|byte| json!(["refund", key(byte).to_hex()])),
        Just(json!(["pubkeys", key(8).to_hex()])),
        (0..3_u8).prop_map(|count| json!(["n_sigs", count.to_string()])),
        (0..3_u8).prop_map(|count| json!(["n_sigs_refund", count.to_string()])),
        prop::sample::select(vec!["SIG_INPUTS", "SIG_ALL"]).prop_map(|flag| json!(["sigflag", flag])),
        "[a-z]{1,6}".prop_map(|name| json!([name, "x"])),
    ]
}

/// Whether somebody else can spend the coin at a time, by the words of NUT-11, for the last of doubled tags as for the first.
fn others_can_spend(tags: &[Value], at_s: u64) -> bool {
    let values = |name: &str| -> Vec<&str> {
        tags.iter().filter(|tag| tag[0] == name).filter_map(|tag| tag[1].as_str()).collect()
    };
    let is_over = values("locktime").iter().any(|time_s| time_s.parse::<u64>().unwrap() < at_s);
    !values("pubkeys").is_empty() || is_over
}

proptest! {
    #[test]
    fn nobody_else_can_spend_what_is_ours(tags in prop::collection::vec(any_tag(), 0..5), at_s in 0..=SAFE_UNTIL_S) {
        if of_tags(json!(tags)) == Ok(Standing::Ours) {
            prop_assert!(!others_can_spend(&tags, at_s), "{:?} at {}", tags, at_s);
            let needs_more = tags.iter().any(|tag| *tag == json!(["n_sigs", "2"]) || tag[1] == "SIG_ALL");
            prop_assert!(!needs_more, "{:?}", tags);
        }
    }
}
