use proptest::prelude::*;
use serde_json::json;

use super::*;

const DEMO: &str = "4b942f52aa2ec6d1f43dfcf5425e4fa8b8ca283028f4a2d626dd55787967402f";
const BARE: &str = "05f8f448773a109ba08a3e914047b35f5e80b443f6da1bb411100bc491c5b00a";
const BUYER: &str = "7f6f6572d580f2bd6846554e27ba3fee1c7b6d40223956ab8a58069634517c61";
const FOREIGN: &str = "791bfa9a5173425a483c888f115436ee2221908c39700eb9ab5ce218a023aa34";

/// The database that the reference made; see `tests/vectors/market.js`.
fn reference() -> BTreeMap<String, Value> {
    serde_json::from_str(include_str!("../../tests/vectors/market.json")).unwrap()
}

/// As a trie holds it: no value where there is `null`.
fn read(entries: &BTreeMap<String, Value>) -> Result<ImportedMarket, LegacyError> {
    let stored = |(key, value): (&String, &Value)| {
        (key.clone(), (!value.is_null()).then(|| value.to_string().into_bytes()))
    };
    ImportedMarket::read(&entries.iter().map(stored).collect())
}

/// The reference's database with the value under `key` replaced.
fn with(key: &str, value: Value) -> Result<ImportedMarket, LegacyError> {
    let mut entries = reference();
    entries.insert(key.to_owned(), value);
    read(&entries)
}

fn key_pair_of(feed: &str) -> String {
    format!("sales/{feed}/key-pair")
}

#[test]
fn a_market_of_the_reference_is_read_whole() {
    let market = read(&reference()).unwrap();
    assert_eq!(market.master_key.as_bytes(), &[7; 32]);
    assert_eq!(
        market.buys[&FOREIGN.parse().unwrap()].to_string(),
        "327d1ef41a1ed12ac97d3f1633187f0e75617e03698c422ea756244c2bee2292"
    );
    assert_eq!(market.config["a/b"], json!([1, null]));
    assert_eq!(market.config["wallet"], json!({ "url": "http://[::1]:80" }));
    assert_eq!((market.sales.len(), market.unknown.len()), (2, 0));

    let demo = &market.sales[&DEMO.parse().unwrap()];
    assert_eq!(demo.seller.public(), market.master_key.seller(&DEMO.parse().unwrap()).public());
    assert_eq!(demo.card.as_ref().unwrap().name.as_deref(), Some("demo"));
    let unique = &demo.buyers[&BUYER.parse().unwrap()];
    let derived = market.master_key.unique_feed(&DEMO.parse().unwrap(), &BUYER.parse().unwrap());
    assert_eq!(unique.public(), derived.public());

    let bare = &market.sales[&BARE.parse().unwrap()];
    assert!(bare.card.is_none() && bare.buyers.is_empty());
}

#[test]
fn stored_pairs_win_and_missing_ones_are_derived() {
    let other = IdentityKeyPair::from_seed(&[3; 32]);
    let pair = json!({ "publicKey": other.public().to_string(), "secretKey": hex::encode(other.secret()) });
    let market = with(&key_pair_of(BARE), pair).unwrap();
    assert_eq!(market.sales[&BARE.parse().unwrap()].seller.public(), other.public());

    let mut entries = reference();
    entries.remove(&key_pair_of(DEMO));
    let market = read(&entries).unwrap();
    let demo: FeedKey = DEMO.parse().unwrap();
    assert_eq!(market.sales[&demo].seller.public(), market.master_key.seller(&demo).public());
}

#[test]
fn what_the_reference_does_not_write_is_named() {
    let market = with("sales", json!(1)).unwrap();
    assert_eq!(market.unknown, ["sales"]);
    assert_eq!(with("config", json!(1)).unwrap().unknown, ["config"]);
}

#[test]
fn a_database_without_master_key_is_no_market() {
    let mut entries = reference();
    entries.remove("master-key");
    assert_eq!(read(&entries).err(), Some(LegacyError::NoMasterKey));
    assert_eq!(read(&BTreeMap::new()).err(), Some(LegacyError::NoMasterKey));
}

#[test]
fn values_of_the_wrong_shape_are_errors() {
    let keys = [
        "master-key".to_owned(),
        format!("buys/feeds/{FOREIGN}"),
        key_pair_of(DEMO),
        format!("sales/{DEMO}/feeds/{BUYER}"),
    ];
    for key in &keys {
        for value in [Value::Null, json!({}), json!([]), json!(7), json!({ "publicKey": null })] {
            assert_eq!(with(key, value).err(), Some(LegacyError::Value { key: key.clone() }));
        }
    }
    let error = LegacyError::Card { key: format!("sales/{DEMO}/card"), error: CardError::NotAnObject };
    assert_eq!(with(&format!("sales/{DEMO}/card"), json!("card")).err(), Some(error));
}

#[test]
fn keys_that_are_none_are_errors() {
    for (key, value) in [
        ("master-key".to_owned(), json!("07")),
        ("buys/feeds/abc".to_owned(), json!({ "seller": FOREIGN, "uniqueFeed": FOREIGN })),
        (format!("buys/feeds/{FOREIGN}"), json!({ "seller": FOREIGN, "uniqueFeed": "" })),
        ("sales/abc/card".to_owned(), Value::Null),
        (key_pair_of(DEMO), json!({ "publicKey": DEMO, "secretKey": "zz" })),
    ] {
        assert!(matches!(with(&key, value), Err(LegacyError::Key { key: named, .. }) if named == key));
    }
}

#[test]
fn records_that_contradict_themselves_are_errors() {
    let secret = reference()[&key_pair_of(DEMO)]["secretKey"].clone();
    let sold = format!("sales/{DEMO}/feeds/{BUYER}");
    let mut sold_to_another = reference()[&sold].clone();
    sold_to_another["buyer"] = FOREIGN.into();
    let mut foreign_public = reference()[&sold].clone();
    foreign_public["uniqueFeed"]["publicKey"] = DEMO.into();
    for (key, value) in [
        (format!("buys/feeds/{FOREIGN}"), json!({ "seller": BUYER, "uniqueFeed": DEMO })),
        (key_pair_of(DEMO), json!({ "publicKey": BUYER, "secretKey": secret })),
        (sold.clone(), sold_to_another),
        (sold.clone(), foreign_public),
    ] {
        assert_eq!(with(&key, value).err(), Some(LegacyError::Contradiction { key }));
    }
    let mut half = reference()[&sold].clone();
    half["uniqueFeed"]["secretKey"] = "00".repeat(64).into();
    assert_eq!(with(&sold, half).err(), Some(LegacyError::Key { key: sold, error: KeyError::Mismatch }));
    let card = format!("sales/{DEMO}/card");
    let error = LegacyError::CardOfAnother { feed: DEMO.parse().unwrap() };
    assert_eq!(with(&card, json!({ "id": FOREIGN })).err(), Some(error));
}

proptest! {
    #[test]
    fn no_database_panics(entries: BTreeMap<String, Option<Vec<u8>>>, place in 0..12_usize, junk: Vec<u8>) {
        let _ = ImportedMarket::read(&entries);
        let mut near: BTreeMap<_, _> =
            reference().into_iter().map(|(key, value)| (key, Some(value.to_string().into_bytes()))).collect();
        if let Some(value) = near.values_mut().nth(place) {
            *value = Some(junk);
        }
        let _ = ImportedMarket::read(&near);
    }
}
