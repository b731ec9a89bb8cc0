//! A seller and a buyer trade, each with a node of their own.

use dazaar::database::{Finality, Receipt};
use dazaar::log::IdentityKeyPair;
use dazaar::payment::{Bill, Payee as _, Payer as _, PaymentError};
use dazaar_ldk::ldk_node::bitcoin::hashes::{Hash as _, sha256};
use dazaar_ldk::ldk_node::lightning_invoice::{Bolt11InvoiceDescription, Description};
use dazaar_ldk::ldk_node::lightning_types::payment::{PaymentHash, PaymentPreimage};
use dazaar_market::price::Kind;
use dazaar_market::{Asset, Method, Price};
use dazaar_pay::lightning::{Bolt11, LightningWallet as _, NewInvoice, Outgoing, Purpose, read_invoice};

use super::chain::{Chain, until};
use super::nodes::{Side, pair, reconnect};

/// A bill that is good for ten minutes.
pub(crate) fn bill(order: u8, sat: u64) -> Bill {
    let [seller, buyer] = [1, 2].map(|seed| IdentityKeyPair::from_seed(&[seed; 32]).public());
    Bill {
        order: [order; 16],
        seller,
        buyer,
        method: Method::Bolt11,
        price: Price::new(Asset::Bitcoin, Kind::Free),
        units: sat * 1000,
        pay_to: None,
        memo: format!("dazaar {}", hex::encode([order; 4])),
        expires_ms: dazaar::now_ms() + 600_000,
    }
}

fn sha256_of(bytes: &[u8]) -> Vec<u8> {
    sha256::Hash::hash(bytes).to_byte_array().to_vec()
}

/// What a seller learns of a bill that was paid, however often it asks.
pub(crate) async fn receipt(seller: &Bolt11, bill: &Bill, request: &str) -> Receipt {
    let hash = hex::encode(read_invoice(request).unwrap().hash);
    let demand = dazaar::payment::Demand { request: request.to_owned(), handle: hash };
    // The buyer may know a moment before the seller.
    let mut receipts = Vec::new();
    while receipts.is_empty() {
        receipts = seller.look_up(bill, &demand).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(seller.look_up(bill, &demand).await.as_ref(), Ok(&receipts));
    assert_eq!(receipts.len(), 1);
    receipts.remove(0)
}

/// Sells and buys once: what is paid is seen once, however often everybody asks.
pub(crate) async fn trade(seller: &Bolt11, buyer: &Bolt11, bill: &Bill) {
    let demand = seller.demand(bill).await.unwrap();
    assert_eq!(seller.look_up(bill, &demand).await, Ok(Vec::new()));
    let before = buyer.balance().await.unwrap();
    let paid = buyer.pay(bill, &demand.request).await.unwrap();
    assert_eq!(buyer.pay(bill, &demand.request).await.as_ref(), Ok(&paid));
    let receipt = receipt(seller, bill, &demand.request).await;
    assert_eq!((receipt.units, receipt.finality), (bill.units, Finality::Final));
    assert_eq!((hex::encode(&receipt.reference), receipt.order), (paid.reference, Some(bill.order)));
    assert_eq!(sha256_of(&receipt.evidence), receipt.reference);
    let spent = before - buyer.balance().await.unwrap();
    // A channel keeps its fees for the chain, which change by the payment, too.
    assert!((bill.units..2 * bill.units).contains(&spent), "{spent} msat were spent for {}", bill.units);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seller_is_paid_once_also_across_a_restart() {
    let chain = Chain::start().await;
    let (seller, buyer) = pair(&chain).await;
    let about = seller.bolt11().check(Purpose::Receive).await.unwrap();
    assert!(about.name.contains(&seller.wallet.node().node_id().to_string()));
    buyer.bolt11().check(Purpose::Pay).await.unwrap();
    trade(&seller.bolt11(), &buyer.bolt11(), &bill(1, 10_000)).await;

    // An invoice that was made before the seller's node went is good when it is back.
    let second = bill(2, 20_000);
    let demand = seller.bolt11().demand(&second).await.unwrap();
    let seller = seller.restart().await;
    reconnect(&seller, &buyer).await;
    let paid = buyer.bolt11().pay(&second, &demand.request).await.unwrap();
    assert_eq!(receipt(&seller.bolt11(), &second, &demand.request).await.units, second.units);
    // And the buyer's node remembers what it paid.
    let buyer = buyer.restart().await;
    assert_eq!(buyer.bolt11().pay(&second, &demand.request).await, Ok(paid));
    let seller = seller.restart().await;
    assert_eq!(receipt(&seller.bolt11(), &second, &demand.request).await.units, second.units);
    reconnect(&seller, &buyer).await;

    // Money goes back, less what the way may cost, once for each invoice that the buyer makes.
    let wanted = NewInvoice {
        order: [9; 16],
        msat: 4_950_000,
        memo: "refund".to_owned(),
        expiry: std::time::Duration::from_secs(600),
    };
    let to = buyer.wallet.invoice(&wanted).await.unwrap();
    let proof = seller.bolt11().refund(b"refund 1", &Asset::Bitcoin, 5_000_000, &to).await.unwrap();
    assert_eq!(sha256_of(&hex::decode(&proof).unwrap()), read_invoice(&to).unwrap().hash.to_vec());
    assert_eq!(seller.bolt11().refund(b"refund 1", &Asset::Bitcoin, 5_000_000, &to).await, Ok(proof));
    seller.stop().await;
    buyer.stop().await;
}

/// What a buyer's node knows of a payment.
fn outgoing(buyer: &Side, hash: &PaymentHash) -> Outgoing {
    let wait = || tokio::runtime::Handle::current().block_on(buyer.wallet.outgoing(&hash.0));
    tokio::task::block_in_place(wait).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_the_seller_holds_is_not_sent_again() {
    let chain = Chain::start().await;
    let (seller, buyer) = pair(&chain).await;
    let (bill, preimage) = (bill(1, 10_000), [7; 32]);
    let hash = PaymentHash(sha256::Hash::hash(&preimage).to_byte_array());
    let memo = Bolt11InvoiceDescription::Direct(Description::new(bill.memo.clone()).unwrap());
    let hold = seller.wallet.node().bolt11_payment();
    let request = hold.receive_for_hash(bill.units, &memo, 600, hash).unwrap().to_string();

    let bolt11 = std::sync::Arc::new(buyer.bolt11());
    let first = {
        let (bolt11, bill, request) = (std::sync::Arc::clone(&bolt11), bill.clone(), request.clone());
        tokio::spawn(async move { bolt11.pay(&bill, &request).await })
    };
    until("the payment is on its way", || outgoing(&buyer, &hash) == Outgoing::Pending).await;
    let pending = bolt11.pay(&bill, &request).await;
    assert!(matches!(pending, Err(PaymentError::Unavailable { .. })), "{pending:?}");
    // The program ends while it waits, and asks again later.
    first.abort();
    let _ = first.await;
    let pending = bolt11.pay(&bill, &request).await;
    assert!(matches!(pending, Err(PaymentError::Unavailable { .. })), "{pending:?}");

    let is_paid = || {
        // It can be claimed as soon as it has come.
        let _ = hold.claim_for_hash(hash, bill.units, PaymentPreimage(preimage));
        matches!(outgoing(&buyer, &hash), Outgoing::Paid { .. })
    };
    until("the payment has arrived", is_paid).await;
    assert_eq!(bolt11.pay(&bill, &request).await.map(|paid| paid.reference), Ok(hex::encode(hash.0)));
    assert_eq!(receipt(&seller.bolt11(), &bill, &request).await.units, bill.units);
    seller.stop().await;
    buyer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_paid_is_refused_and_costs_nothing() {
    let chain = Chain::start().await;
    let (seller, buyer) = pair(&chain).await;
    let (sells, buys) = (seller.bolt11(), buyer.bolt11());
    let bill = bill(1, 5_000_000);
    let before = buys.balance().await.unwrap();
    let demand = sells.demand(&bill).await.unwrap();
    for _ in 0..2 {
        let refused = buys.pay(&bill, &demand.request).await;
        assert!(matches!(refused, Err(PaymentError::Refused { .. })), "{refused:?}");
    }
    assert_eq!(sells.look_up(&bill, &demand).await, Ok(Vec::new()));
    assert_eq!(buys.balance().await, Ok(before));
    seller.stop().await;
    buyer.stop().await;
}
