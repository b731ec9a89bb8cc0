use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
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
fn b08_a_rate_may_have_any_number_of_digits_and_a_plural() {
    let lightning = |currency: &str, amount: Value| {
        payment(
            json!({ "method": "lightning", "currency": currency, "amount": amount, "unit": "seconds", "interval": 1 }),
        )
    };
    for currency in ["SATS", "Sats", "sat"] {
        assert_eq!(hour(&lightning(currency, json!(200)).unwrap()), 200_000 * 3600, "{currency}");
    }
    let spoken = "1000.5 sats/s".parse::<SpokenPrice>().unwrap();
    let terms = Terms::parse_entry(spoken.entry()).unwrap();
    assert_eq!(hour(&terms), 1_000_500 * 3600);
}

#[test]
fn b11_lightning_needs_no_implementation_on_the_card() {
    let entry =
        json!({ "method": "Lightning", "currency": "SATS", "amount": 1, "unit": "hours", "interval": 1 });
    let mut named = entry.clone();
    named["implementation"] = "c-lightning".into();
    assert_eq!(payment(entry), payment(named));
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
fn a_range_is_read_and_shown() {
    let mut range = json!({ "method": "lightning", "currency": "SATS", "amount": "20000", "per": "range", "from": "2024-01-01", "to": "2025-01-01" });
    let terms = offers("prices", json!([range])).remove(0).terms.unwrap();
    assert_eq!(terms.to_string(), "20000 sat for 2024-01-01 to 2025-01-01 by bolt11");
    assert_eq!(Price::from_json(&terms.price.to_json()), Ok(terms.price.clone()));
    range["from"] = "2024".into();
    range["to"] = "2025-01-01T01:00:00+01:00".into();
    let same = offers("prices", json!([range])).remove(0).terms.unwrap();
    assert_eq!(same.price.to_json(), terms.price.to_json(), "equal prices give equal texts");
    for (field, value) in [("from", "2025-01-01"), ("to", "soon"), ("to", "")] {
        let mut wrong = range.clone();
        wrong[field] = value.into();
        assert!(offers("prices", json!([wrong])).remove(0).terms.is_err(), "{field} {value}");
    }
}

#[test]
fn a_field_that_means_nothing_in_a_price_makes_it_unusable() {
    let base = json!({ "method": "credit", "currency": "EUR", "amount": "1", "per": "hour" });
    let token = json!({ "method": "erc20", "currency": "USDC", "contract": CONTRACT, "chain": 8453, "decimals": 6,
        "amount": "1", "per": "hour" });
    let asset = format!("eip155:8453/erc20:{CONTRACT}");
    for (base, changes, field) in [
        (&base, json!({ "from": "2024" }), "from"),
        (&base, json!({ "to": "2024" }), "to"),
        (&base, json!({ "per": "MB", "to": "2024" }), "to"),
        (&base, json!({ "per": "once", "from": "2024", "to": "2025" }), "from"),
        (&base, json!({ "per": "once", "interval": 2 }), "interval"),
        (&base, json!({ "per": "range", "from": "2024", "to": "2025", "interval": 2 }), "interval"),
        (&base, json!({ "per": "free" }), "amount"),
        (&base, json!({ "per": "free", "amount": null, "min": "1" }), "min"),
        (&base, json!({ "amount": 0, "min": "1" }), "min"),
        (&base, json!({ "contract": CONTRACT }), "contract"),
        (&base, json!({ "chain": 1 }), "chain"),
        (&base, json!({ "method": "lightning", "currency": "SATS", "decimals": 3 }), "decimals"),
        (&base, json!({ "method": "eth", "currency": "ETH", "contract": CONTRACT }), "contract"),
        (&base, json!({ "method": "eth", "currency": "ETH", "decimals": 18 }), "decimals"),
        (&base, json!({ "currency": null, "asset": "btc", "decimals": 3 }), "decimals"),
        (&token, json!({ "contract": null, "asset": asset }), "chain"),
    ] {
        let mut value = base.clone();
        for (name, change) in changes.as_object().unwrap() {
            value[name] = change.clone();
        }
        assert_eq!(entry(value), Err(OfferError::Unused { field }), "{changes}");
    }
    assert!(entry(token.clone()).is_ok());
    let mut ether = token;
    ether["currency"] = "ETH".into();
    assert_eq!(entry(ether), Err(OfferError::Contradiction), "a token that is called ether");
    let nothing = |per: &str| entry(json!({ "method": "free", "currency": "EUR", "amount": 0, "per": per }));
    assert_eq!(nothing("fortnight"), Err(OfferError::UnknownUnit { unit: "fortnight".to_owned() }));
    assert_eq!(nothing("hour").unwrap().price.kind, Kind::Free);
}

#[test]
fn what_could_not_be_read_again_is_refused() {
    let sats = |changes: Value| {
        let mut value = json!({ "method": "Lightning", "currency": "BTC", "amount": 1, "unit": "seconds", "interval": 1 });
        for (name, change) in changes.as_object().unwrap() {
            value[name] = change.clone();
        }
        payment(value)
    };
    let most = i64::MAX / 100_000_000_000;
    assert!(sats(json!({ "minSeconds": most })).is_ok());
    assert_eq!(sats(json!({ "minSeconds": most + 1 })), Err(OfferError::NotWhole { field: "minSeconds" }));
    assert_eq!(payment(eth(json!({ "chain": 0 }))), Err(OfferError::Asset(crate::money::AssetError::Chain)));
}

#[test]
fn a_number_with_more_digits_than_json_carries_is_refused() {
    let amount = |amount: Value| {
        entry(json!({ "method": "lightning", "currency": "SATS", "amount": amount, "per": "kilobyte" }))
    };
    for text in ["0.1234567890123456", "1.2345678901234567", "1234567890123456"] {
        let number: Value = serde_json::from_str(text).unwrap();
        assert_eq!(amount(number), Err(OfferError::Inexact { field: "amount", max: 15 }), "{text}");
    }
    for number in [json!(0.07), json!(123_456.789), json!(1e-8), json!(1_000_000_000_000_000_u64)] {
        assert_ne!(amount(number.clone()), Err(OfferError::Inexact { field: "amount", max: 15 }), "{number}");
    }
    assert!(amount(json!("0.1234567890123456")).is_ok(), "as text it is exact");
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
        Err(OfferError::Range(TimeRangeError::NotATime { text: "a b".to_owned() }))
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

/// Reads a random entry in both ways; how many of them can be used.
fn read_both(
    (method, currency, per): (&str, &str, &str),
    amount: &str,
    (interval, trial): (u32, u32),
) -> Result<u32, TestCaseError> {
    let mut ours = json!({ "method": method, "currency": currency, "per": per, "amount": amount });
    if interval > 0 {
        ours["interval"] = interval.to_string().into();
    }
    if trial > 0 {
        ours["trial"] = json!({ "time": trial.to_string() });
    }
    let npms = json!({ "method": method, "currency": currency, "unit": per, "amount": amount,
        "interval": interval.to_string(), "minSeconds": trial, "pubKey": "02".repeat(33) });
    let mut usable = 0;
    for terms in [entry(ours), payment(npms)].into_iter().flatten() {
        prop_assert_eq!(Price::from_json(&terms.price.to_json()), Ok(terms.price.clone()));
        prop_assert!(!terms.to_string().is_empty());
        usable += 1;
    }
    Ok(usable)
}

#[test]
fn no_entry_panics() {
    let texts = (
        "(lightning|credit|eth|free|.{0,6})",
        "(SATS|EUR|ETH|wei|.{0,6})",
        "(hour|hours|seconds|once|MB|row|.{0,6})",
        "([1-9][0-9]{0,3}|[0-9.e-]{0,12})",
    );
    let (read, usable) = (Cell::new(0), Cell::new(0));
    let config = ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() };
    let run = TestRunner::new(config).run(
        &(texts, (0..3_u32, prop_oneof![3 => Just(0), 1 => any::<u32>()])),
        |((method, currency, per, amount), numbers)| {
            read.set(read.get() + 1);
            usable.set(usable.get() + read_both((&method, &currency, &per), &amount, numbers)?);
            Ok(())
        },
    );
    run.unwrap();
    assert!(usable.get() > read.get() / 50, "{usable:?} of twice {read:?} could be used: too few are tested");
}
