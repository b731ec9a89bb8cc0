use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::card::Card;
use crate::money::{Decimal, DecimalError};

const SELLER: &str = "557e23d7346f213ec5a23713b2a2497eef35354d5b52088ac6a5993a5fdb091e";
const CONTRACT: &str = "0xdac17f958d2ee523a2206206994597c13d831ec7";

fn offers(field: &str, entries: Value) -> Vec<Offer> {
    Card::from_json(json!({ "id": SELLER, field: entries })).unwrap().offers()
}

#[track_caller]
fn payment(entry: Value) -> Result<Terms, OfferError> {
    offers("payment", json!([entry])).remove(0).terms
}

#[track_caller]
fn entry(entry: Value) -> Result<Terms, OfferError> {
    offers("prices", json!([entry])).remove(0).terms
}

/// Units of the asset for each hour of a time price.
#[track_caller]
fn hour(terms: &Terms) -> u64 {
    assert!(matches!(terms.price.kind, Kind::Time { .. }), "{terms:?}");
    terms.price.quote(3_600_000)
}

fn eth(changes: Value) -> Value {
    let mut entry = json!({ "method": "ETH", "currency": "USDT", "pubKey": "02".repeat(33), "erc20Contract": CONTRACT,
        "erc20ContractDecimals": 6, "amount": 0.02, "unit": "hours", "interval": 1 });
    for (name, value) in changes.as_object().unwrap() {
        entry[name] = value.clone();
    }
    entry
}

#[test]
fn the_cards_of_the_terminal_are_read() {
    let sats = payment(json!({ "method": "Lightning", "currency": "SATS", "amount": 100, "unit": "hours",
        "interval": 1, "minSeconds": 1 }))
    .unwrap();
    assert_eq!((sats.method, &sats.price.asset, hour(&sats)), (Method::Bolt11, &Asset::Bitcoin, 100_000));
    assert_eq!(sats.price.minimum, 28, "a second, rounded up");
    let usdt = payment(eth(json!({}))).unwrap();
    assert_eq!((usdt.method, hour(&usdt)), (Method::Erc20, 20_000));
    assert_eq!(usdt.price.asset.to_string(), format!("eip155:1/erc20:{CONTRACT}"));
    assert_eq!(usdt.to_string(), "0.02 USDT per hour by erc20");
    let leo =
        payment(eth(json!({ "currency": "LEO", "amount": "0.015", "erc20ContractDecimals": "18" }))).unwrap();
    assert_eq!(hour(&leo), 15_000_000, "billionths, of a token with 18 digits");
}

#[test]
fn every_synonym_of_cards_in_the_wild_is_read() {
    for (changes, per_hour) in [
        (json!({ "method": "ln", "currency": "BTC", "amount": "0.000001" }), 100_000),
        (json!({ "method": "LIGHTNING", "currency": "sat", "amount": "100" }), 100_000),
        (json!({ "currency": "LightningSats", "amount": 100 }), 100_000),
        (json!({ "currency": "LightningBTC", "amount": 1e-6 }), 100_000),
        (json!({ "label": "lnd", "currency": "SATS", "amount": 100 }), 100_000),
        (json!({ "label": "clightning", "currency": "SATS", "amount": 100, "interval": "1" }), 100_000),
        (json!({ "method": "Lightning", "currency": "SATS", "amount": 1, "unit": "minutes" }), 60_000),
        (
            json!({ "method": "Lightning", "currency": "SATS", "amount": 1, "unit": "seconds", "interval": "0.5" }),
            7_200_000,
        ),
        (
            json!({ "method": "Lightning", "currency": "SATS", "amount": 100, "paymentDelay": "5000", "colour": "red" }),
            100_000,
        ),
    ] {
        let mut whole = json!({ "unit": "hours", "interval": 1 });
        for (name, value) in changes.as_object().unwrap() {
            whole[name] = value.clone();
        }
        let terms = payment(whole).unwrap_or_else(|error| panic!("{changes}: {error}"));
        assert_eq!((terms.method, hour(&terms)), (Method::Bolt11, per_hour), "{changes}");
    }
    let keys = ["pubKey", "payToPubKey", "payToPublicKey"];
    for (name, key) in
        keys.into_iter().zip(["02".repeat(33), "ab".repeat(64), format!("0x{}", "04".repeat(65))])
    {
        let mut entry = eth(json!({}));
        entry.as_object_mut().unwrap().remove("pubKey");
        entry[name] = key.as_str().into();
        assert_eq!(payment(entry).unwrap().pay_to.as_deref(), Some(key.trim_start_matches("0x")));
    }
    for (chain, number) in
        [(json!("mainnet"), 1), (json!("kovan"), 42), (json!("classic"), 61), (json!(8453), 8453)]
    {
        let terms = payment(eth(json!({ "chain": chain }))).unwrap();
        assert_eq!(terms.price.asset.to_string(), format!("eip155:{number}/erc20:{CONTRACT}"));
    }
    let single = Card::from_json(json!({ "id": SELLER, "payment": eth(json!({})) })).unwrap();
    assert!(single.offers()[0].terms.is_ok());
    assert_eq!(Card::from_json(json!({ "id": SELLER, "payment": null })).unwrap().offers(), []);
}

#[test]
fn b03_a_unit_for_which_npm_eats_the_money_is_refused() {
    for unit in ["days", "months", "Hours", "hour", "", "fortnights"] {
        let terms = payment(eth(json!({ "unit": unit })));
        assert_eq!(terms, Err(OfferError::UnitEatsMoney { unit: unit.to_owned() }));
    }
    assert_eq!(payment(eth(json!({ "unit": null }))), Err(OfferError::Missing { field: "unit" }));
    assert_eq!(payment(eth(json!({ "interval": null }))), Err(OfferError::Missing { field: "interval" }));
    assert_eq!(payment(eth(json!({ "interval": 0 }))), Err(OfferError::Rate(crate::money::RateError::Zero)));
}

#[test]
fn b04_fractions_of_an_ether_are_read() {
    let coin = |currency: &str, amount: Value| {
        payment(json!({ "method": "ETH", "currency": currency, "pubKey": "02".repeat(33), "amount": amount,
            "unit": "seconds", "interval": 1 }))
    };
    assert_eq!(hour(&coin("ETH", json!("0.0002")).unwrap()), 720_000_000, "gwei");
    assert_eq!(hour(&coin("microether", json!(200)).unwrap()), 720_000_000);
    assert_eq!(hour(&coin("wei", json!(1)).unwrap()), 1, "3,600 wei, rounded up to a gwei");
    assert_eq!(
        coin("dogecoin", json!(1)),
        Err(OfferError::UnknownCurrency { currency: "dogecoin".to_owned() })
    );
    let address = payment(eth(json!({ "pubKey": "ab".repeat(20) })));
    assert!(matches!(address, Err(OfferError::Form { field: "pubKey", .. })), "an address is no key");
}

#[test]
fn b09_an_entry_without_a_method_is_an_offer_that_cannot_be_used() {
    let read = offers("payment", json!([{ "currency": "USDT", "amount": 1 }, {}, eth(json!({}))]));
    assert_eq!(read[0].terms, Err(OfferError::Missing { field: "method" }));
    assert_eq!(read[1].terms, Err(OfferError::Missing { field: "method" }));
    assert!(read[2].terms.is_ok(), "and the others can");
    assert_eq!(read[0].to_string(), "entry 0 of `payment` cannot be used: `method` is missing");
}

#[test]
fn what_is_not_known_is_refused_with_the_reason() {
    let lightning = |changes: Value| {
        let mut entry =
            json!({ "method": "Lightning", "currency": "SATS", "amount": 1, "unit": "hours", "interval": 1 });
        for (name, value) in changes.as_object().unwrap() {
            entry[name] = value.clone();
        }
        payment(entry)
    };
    assert_eq!(
        lightning(json!({ "method": "paypal" })),
        Err(OfferError::UnknownMethod { method: "paypal".to_owned() })
    );
    assert_eq!(
        lightning(json!({ "currency": "USDT" })),
        Err(OfferError::UnknownCurrency { currency: "USDT".to_owned() })
    );
    assert_eq!(lightning(json!({ "amount": null })), Err(OfferError::Missing { field: "amount" }));
    let amount = |error| Err(OfferError::Amount { field: "amount", error });
    assert_eq!(lightning(json!({ "amount": -1 })), amount(DecimalError::Negative));
    assert_eq!(lightning(json!({ "amount": "1,5" })), amount(DecimalError::NotANumber));
    assert_eq!(
        lightning(json!({ "amount": [1] })),
        Err(OfferError::Form { field: "amount", expected: "a number" })
    );
    assert_eq!(
        lightning(json!({ "minSeconds": "soon" })),
        Err(OfferError::Amount { field: "minSeconds", error: DecimalError::NotANumber })
    );
    for entry in [
        json!({ "currency": "EOS", "amount": 1, "payTo": "x" }),
        json!({ "currency": "EOS Testnet" }),
        json!({ "label": "eos" }),
    ] {
        assert_eq!(payment(entry), Err(OfferError::Gone { method: "EOS" }));
    }
    assert_eq!(lightning(json!({ "amount": 0 })).unwrap().price.kind, Kind::Free);
}

#[test]
fn every_kind_of_price_is_read() {
    let read = |value: Value| entry(value).unwrap();
    for (value, shown) in [
        (json!({ "method": "free", "currency": "EUR", "per": "free" }), "free by free"),
        (
            json!({ "method": "credit", "currency": "EUR", "amount": "4.50", "per": "once" }),
            "4.5 EUR once by credit",
        ),
        (
            json!({ "method": "credit", "currency": "EUR", "amount": "0.10", "per": "hour" }),
            "0.1 EUR per hour by credit",
        ),
        (
            json!({ "method": "lightning", "currency": "SATS", "amount": 5, "per": "megabyte", "min": 100, "trial": { "bytes": 1_000_000 } }),
            "5 sat per MB, at least 100 sat, 1 MB before paying by bolt11",
        ),
        (
            json!({ "method": "cashu", "currency": "SATS", "amount": "2", "per": "row", "free": { "records": 100, "every": "1d" } }),
            "2 sat per row, 100 rows free every 24 hours by cashu",
        ),
        (
            json!({ "method": "lightning", "currency": "SATS", "amount": "20000", "per": "range", "from": "2024-01-01", "to": "2025-01-01" }),
            "20000 sat for 2024-01-01 to 2025-01-01 by bolt11",
        ),
        (
            json!({ "method": "bolt12", "currency": "BTC", "amount": "0.001", "per": "day", "interval": 30, "clock": "wall", "cap": "0.01" }),
            "10000 sat per 3 days by the clock, at most 1000000 sat in all by bolt12",
        ),
        (
            json!({ "method": "erc20", "currency": "USDC", "asset": format!("eip155:8453/erc20:{CONTRACT}"), "decimals": 6,
                "amount": "0.000001", "per": "kB", "x-note": "about a dollar for a gigabyte" }),
            "0.001 USDC per MB by erc20",
        ),
    ] {
        let terms = read(value);
        let again = Price::from_json(&terms.price.to_json());
        assert_eq!(again.as_ref(), Ok(&terms.price), "{shown}");
        assert_eq!(terms.to_string(), shown);
    }
}

#[test]
fn an_entry_of_prices_is_understood_to_the_last_field_or_not_used() {
    let good = json!({ "method": "credit", "currency": "EUR", "amount": "1", "per": "hour" });
    let changed = |changes: Value| {
        let mut value = good.clone();
        for (name, change) in changes.as_object().unwrap() {
            value[name] = change.clone();
        }
        entry(value)
    };
    assert!(changed(json!({})).is_ok());
    assert_eq!(
        changed(json!({ "surcharge": "10" })),
        Err(OfferError::UnknownField { field: "surcharge".to_owned() })
    );
    assert_eq!(
        changed(json!({ "per": "month" })),
        Err(OfferError::NoFixedLength { unit: "month".to_owned() })
    );
    assert_eq!(
        changed(json!({ "per": "parsec" })),
        Err(OfferError::UnknownUnit { unit: "parsec".to_owned() })
    );
    assert_eq!(changed(json!({ "trial": { "bytes": 5 } })), Err(OfferError::OtherBasis { field: "trial" }));
    assert_eq!(changed(json!({ "free": { "time": "5m" } })), Err(OfferError::Missing { field: "every" }));
    assert_eq!(
        changed(json!({ "per": "once", "clock": "wall" })),
        Err(OfferError::OtherBasis { field: "clock" })
    );
    assert_eq!(changed(json!({ "min": "0.001" })), Err(OfferError::NotWhole { field: "min" }));
    assert_eq!(changed(json!({ "asset": "btc" })), Err(OfferError::Contradiction));
    assert_eq!(
        changed(json!({ "per": "range", "from": "2024", "to": "a b" })),
        Err(OfferError::Form { field: "to", expected: "a time" })
    );
    assert_eq!(offers("prices", json!("none"))[0].terms, Err(OfferError::NotAList));
    assert_eq!(offers("prices", json!([7]))[0].terms, Err(OfferError::NotAnObject));
}

#[test]
fn a_card_is_not_read_without_end() {
    let many = offers("prices", Value::Array(vec![json!({}); 1000]));
    assert_eq!(many.len(), crate::limits::OFFERS_MAX);
    assert_eq!(many.last().unwrap().terms, Err(OfferError::TooMany { max: crate::limits::OFFERS_MAX - 1 }));
}

#[test]
fn quotes_are_rounded_up_and_kept_within_their_bounds() {
    let rate = Rate::new(Decimal::new(1, 0), 0, 1000).unwrap();
    let price = Price { minimum: 3, cap: Some(10), ..Price::new(Asset::Bitcoin, Kind::Bytes { rate }) };
    assert_eq!([1, 3001, 9999, 1 << 60].map(|bytes| price.quote(bytes)), [3, 4, 10, 10]);
}

proptest! {
    #[test]
    fn no_entry_panics(
        method in "(lightning|credit|eth|erc20|free|eos|.{0,6})", currency in "(SATS|EUR|ETH|wei|.{0,6})",
        per in "(hour|once|range|MB|row|.{0,6})", amount in "[0-9.e-]{0,12}", interval: u64, trial: u64
    ) {
        let value = json!({ "method": method, "currency": currency, "per": per, "unit": per, "amount": amount,
            "interval": interval.to_string(), "trial": { "time": trial.to_string() } });
        if let Ok(terms) = entry(value.clone()) {
            prop_assert_eq!(Price::from_json(&terms.price.to_json()), Ok(terms.price.clone()));
            let _ = terms.to_string();
        }
        let _ = payment(value);
    }
}
