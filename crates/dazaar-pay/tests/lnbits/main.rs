//! A real LNbits, whose money is its own invention: two wallets in it buy and sell. `cargo xtask lightning` installs and runs it.

#![allow(clippy::unwrap_used)]

mod program;
mod server;

use dazaar::log::IdentityKeyPair;
use dazaar::payment::{Bill, Payee as _, Payer as _, PaymentError};
use dazaar_market::price::Kind;
use dazaar_market::{Asset, Method, Price};
use dazaar_pay::lightning::Purpose;

use server::Server;

fn bill(order: u8, sat: u64) -> Bill {
    let [seller, buyer] = [1, 2].map(|seed| IdentityKeyPair::from_seed(&[seed; 32]).public());
    Bill {
        order: [order; 16],
        seller,
        buyer,
        method: Method::Bolt11,
        price: Price::new(Asset::Bitcoin, Kind::Free),
        units: sat * 1000,
        pay_to: None,
        memo: format!("dazaar: {seller} {buyer}"),
        expires_ms: dazaar::now_ms() + 600_000,
    }
}

#[tokio::test]
#[ignore = "needs LNbits: run by `cargo xtask lightning`"]
async fn two_wallets_trade_and_each_bill_is_paid_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let token = server.install();
    let [shop, customer] = ["shop", "customer"].map(|name| server.account(name));
    server.give(&token, &customer, 5000);
    let (seller, buyer) = (server.wallet(&shop, "inkey"), server.wallet(&customer, "adminkey"));

    let about = seller.check(Purpose::Receive).await.unwrap();
    assert_eq!((&*about.name, about.can_pay), ("LNbits wallet `shop`", false));
    assert!(matches!(seller.check(Purpose::Pay).await, Err(PaymentError::Refused { .. })));
    assert!(buyer.check(Purpose::Pay).await.unwrap().can_pay);
    assert!(matches!(
        server.wallet(&shop, "wrong").check(Purpose::Receive).await,
        Err(PaymentError::Refused { .. })
    ));
    assert_eq!(buyer.balance().await, Ok(5_000_000));

    let first = bill(1, 1200);
    let demand = seller.demand(&first).await.unwrap();
    assert_eq!(seller.look_up(&first, &demand).await, Ok(Vec::new()));
    let paid = buyer.pay(&first, &demand.request).await.unwrap();
    assert_eq!((&paid.reference, paid.fee), (&demand.handle, 0));
    let receipts = seller.look_up(&first, &demand).await.unwrap();
    assert_eq!(receipts.len(), 1);
    assert_eq!(
        (hex::encode(&receipts[0].reference), receipts[0].units),
        (paid.reference.clone(), first.units)
    );
    assert_eq!(receipts[0].order, Some(first.order));
    assert_eq!(receipts[0].evidence.len(), 32);

    // After a crash of the server everybody knows the same, and nothing is paid again.
    let server = server.kill_and_start().await;
    let (seller, buyer) = (server.wallet(&shop, "inkey"), server.wallet(&customer, "adminkey"));
    assert_eq!(buyer.pay(&first, &demand.request).await, Ok(paid));
    assert_eq!(seller.look_up(&first, &demand).await, Ok(receipts));
    assert_eq!((buyer.balance().await, seller.balance().await), (Ok(3_800_000), Ok(1_200_000)));

    // More than there is, and with a key that may not: refused, and nothing is spent.
    let second = bill(2, 4000);
    let unpaid = seller.demand(&second).await.unwrap();
    for wallet in [&buyer, &seller] {
        let refused = wallet.pay(&second, &unpaid.request).await;
        assert!(matches!(refused, Err(PaymentError::Refused { .. })), "{refused:?}");
    }
    assert_eq!(seller.look_up(&second, &unpaid).await, Ok(Vec::new()));
    assert_eq!(buyer.balance().await, Ok(3_800_000));

    // Whoever does not know a key is told about everybody's payments, which must not be taken for one's own.
    let stranger = server.wallet(&customer, "wrong");
    assert!(matches!(stranger.pay(&first, &demand.request).await, Err(PaymentError::Unavailable { .. })));
    assert!(matches!(stranger.look_up(&first, &demand).await, Err(PaymentError::Unavailable { .. })));
    let fraction = Bill { units: 1_200_500, ..second };
    assert!(matches!(seller.demand(&fraction).await, Err(PaymentError::Refused { .. })));
}
