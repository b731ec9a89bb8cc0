//! The interfaces of LND, Core Lightning and phoenixd, as they are published, in front of a real node: invoices, preimages and
//! payments are real, and only the outer shape is ours.

mod cln;
mod lnd;

mod phoenixd;

use axum::Router;
use dazaar::payment::{Payee as _, Payer as _, PaymentError};
use dazaar_ldk::LdkWallet;
use dazaar_pay::Secret;
use dazaar_pay::lightning::{
    Endpoint, LightningSettings, LightningWallet as _, Network, Outgoing, Purpose, Spend, WalletSettings,
    read_invoice,
};

use super::chain::Chain;
use super::nodes::pair;
use super::trade::{bill, trade};

/// The key of whoever may do everything, and that of sellers. Of other keys nobody knows.
const KEYS: [&str; 2] = ["0a11", "0b22"];

/// Which key somebody came with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Full,
    Invoices,
    None,
}

impl Access {
    fn of(key: Option<&str>) -> Self {
        match KEYS.map(|known| Some(known) == key) {
            [true, _] => Self::Full,
            [_, true] => Self::Invoices,
            _ => Self::None,
        }
    }
}

/// Pays an invoice as the services are told to, and says what came of it.
async fn pay(wallet: &LdkWallet, invoice: &str, fee_max_msat: u64) -> Option<Outgoing> {
    let request = read_invoice(invoice).ok()?;
    let spend = Spend { invoice: request.invoice, hash: request.hash, msat: request.msat, fee_max_msat };
    // The nodes that we stand for pay no invoice twice.
    let known = wallet.outgoing(&spend.hash).await.unwrap();
    Some(if known == Outgoing::Unknown { wallet.pay(&spend).await.unwrap() } else { known })
}

/// A service on a port of its own, until the test ends.
async fn serve(router: Router) -> Endpoint {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    Endpoint { url, certificate: None, plain_http: false }
}

/// Sells with the key for invoices and buys with the other, and tries what the first may not.
async fn round(service: fn(LdkWallet) -> Router, settings: fn(Endpoint, Secret) -> WalletSettings) {
    let chain = Chain::start().await;
    let (seller, buyer) = pair(&chain).await;
    let (sells, buys) =
        (serve(service(seller.wallet.clone())).await, serve(service(buyer.wallet.clone())).await);
    let open = |endpoint: &Endpoint, key: &str| {
        let wallet = settings(endpoint.clone(), Secret::new(key));
        LightningSettings { wallet, network: Network::Regtest, fee: Default::default() }.open().unwrap()
    };
    let [full, invoices] = KEYS;
    let (shop, customer) = (open(&sells, invoices), open(&buys, full));
    assert!(!shop.check(Purpose::Receive).await.unwrap().can_pay);
    assert!(customer.check(Purpose::Pay).await.unwrap().can_pay);
    trade(&shop, &customer, &bill(1, 10_000)).await;
    trade(&shop, &customer, &bill(2, 12_345)).await;

    let third = bill(3, 1000);
    let demand = shop.demand(&third).await.unwrap();
    for key in [invoices, "0c33"] {
        let stranger = open(&buys, key);
        assert!(stranger.check(Purpose::Pay).await.is_err());
        assert!(stranger.pay(&third, &demand.request).await.is_err());
    }
    let stranger = open(&sells, "0c33");
    assert!(matches!(stranger.check(Purpose::Receive).await, Err(PaymentError::Refused { .. })));
    assert!(matches!(stranger.look_up(&third, &demand).await, Err(PaymentError::Unavailable { .. })));
    assert_eq!(shop.look_up(&third, &demand).await, Ok(Vec::new()));
    seller.stop().await;
    buyer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lnd_sells_and_buys() {
    round(lnd::service, |endpoint, macaroon| WalletSettings::Lnd { endpoint, macaroon }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn core_lightning_sells_and_buys() {
    round(cln::service, |endpoint, rune| WalletSettings::Cln { endpoint, rune }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn phoenixd_sells_and_buys() {
    round(phoenixd::service, |endpoint, password| WalletSettings::Phoenixd { endpoint, password }).await;
}
