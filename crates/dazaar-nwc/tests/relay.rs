//! Paying and being paid through a relay.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod service;

use std::time::Duration;

use dazaar::payment::{Bill, Payee as _, Payer as _, PaymentError};
use dazaar_log::IdentityKeyPair;
use dazaar_market::price::Kind;
use dazaar_market::{Asset, Method, Price};
use dazaar_nwc::{NwcSettings, NwcWallet};
use dazaar_pay::Secret;
use dazaar_pay::lightning::{Bolt11, LightningWallet as _, Network, NewInvoice, Outgoing, Purpose, Spend};

use service::Service;

/// A bill over 50,000 satoshis that is good for an hour.
fn bill() -> Bill {
    let [seller, buyer] = [1, 2].map(|seed| IdentityKeyPair::from_seed(&[seed; 32]).public());
    Bill {
        order: [7; 16],
        seller,
        buyer,
        method: Method::Bolt11,
        price: Price::new(Asset::Bitcoin, Kind::Free),
        units: 50_000_000,
        pay_to: None,
        memo: "dazaar 07070707".to_owned(),
        expires_ms: dazaar::now_ms() + 3_600_000,
    }
}

fn open(connection: &str) -> Bolt11 {
    NwcSettings { connection: Secret::new(connection), network: Network::Regtest }.open().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_pays_another_and_both_know() {
    let service = Service::start().await;
    let seller = open(&service.connection(0, false).await);
    let buyer = open(&service.connection(90_000_000, true).await);
    let name = seller.check(Purpose::Receive).await.unwrap().name;
    assert!(name.starts_with("Nostr wallet `a bank") && !name.contains('\u{1b}'), "{name:?}");
    assert!(buyer.check(Purpose::Pay).await.unwrap().can_pay);
    assert!(seller.check(Purpose::Pay).await.is_err(), "its key only receives");

    let bill = bill();
    let demand = seller.demand(&bill).await.unwrap();
    assert!(seller.look_up(&bill, &demand).await.unwrap().is_empty());
    let paid = buyer.pay(&bill, &demand.request).await.unwrap();
    let receipts = seller.look_up(&bill, &demand).await.unwrap();
    assert_eq!((receipts.len(), receipts[0].units), (1, 50_000_000));
    assert_eq!(hex::encode(&receipts[0].reference), paid.reference);
    assert_eq!((seller.balance().await.unwrap(), buyer.balance().await.unwrap()), (50_000_000, 40_000_000));
    // Paying again is asking what became of it.
    assert_eq!(buyer.pay(&bill, &demand.request).await.unwrap().reference, paid.reference);
    assert_eq!(service.bank.paid(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_that_cannot_pay_says_so_and_nothing_leaves() {
    let service = Service::start().await;
    let wallet = |connection: String| NwcWallet::new(&Secret::new(&connection)).unwrap();
    let seller = wallet(service.connection(0, false).await);
    let wanted =
        NewInvoice { order: [1; 16], msat: 5_000, memo: String::new(), expiry: Duration::from_secs(60) };
    let invoice = seller.invoice(&wanted).await.unwrap();
    let hash = invoice.parse::<lightning_invoice::Bolt11Invoice>().unwrap();
    let hash: [u8; 32] = *AsRef::<[u8; 32]>::as_ref(hash.payment_hash());
    let spend = Spend { invoice, hash, msat: 5_000, fee_max_msat: 0 };
    for (msat, can_pay) in [(4_999, true), (9_000, false)] {
        let buyer = wallet(service.connection(msat, can_pay).await);
        assert!(matches!(buyer.pay(&spend).await, Err(PaymentError::Refused { .. })), "{msat}");
        assert_eq!(buyer.outgoing(&hash).await.unwrap(), Outgoing::Unknown);
    }
    assert_eq!(service.bank.paid(), 0);
}

#[test]
fn what_is_no_connection_string_is_refused_and_one_is_never_shown() {
    let key = "b889ff5b1513b641e2a139f661a661364979c5beee91842f8f0ef42ab558e9d4";
    let secret = "71a8c14c1407c113601079c4302dab36460f0ccd0ad506f1f2dc73b5100e4f3c";
    let string = |relay: &str| format!("nostr+walletconnect://{key}?relay={relay}&secret={secret}");
    for good in ["wss://relay.example.org", "ws://127.0.0.1:7000", "ws://localhost:7000"] {
        let wallet = NwcWallet::new(&Secret::new(&string(good))).unwrap();
        assert!(!format!("{wallet:?}").contains("71a8c14c"));
    }
    for wrong in [
        "",
        "lnbc1",
        &string("ws://relay.example.org"),
        &string("https://relay.example.org"),
        &string("ws://10.0.0.1:7000"),
        &string("wss://relay.example.org").replace(secret, "00"),
    ] {
        assert!(NwcWallet::new(&Secret::new(wrong)).is_err(), "{wrong}");
    }
}
