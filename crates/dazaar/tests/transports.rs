//! Sellers dialled in other ways than by TCP: through a SOCKS5 proxy, and over streams that are no sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../../dazaar-cli/tests/interop/support/socks.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod socks;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use dazaar::cards::{Address, Link};
use dazaar::database::Admission;
use dazaar::transport::{Connecting, Dialer, Listener, Proxy};
use dazaar::{Buyer, BuyerNotice, BuyerOptions, Market, Offer, Seller, SellerOptions, now_ms};
use socks::{Manner, Socks};
use tempfile::TempDir;
use tokio::io::{DuplexStream, duplex};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};

/// How long anything may take before the test fails.
const DEADLINE: Duration = Duration::from_secs(60);

/// A name that no resolver knows.
const NAME: &str = "seller.invalid:1";

/// A seller with three blocks, who admits everybody.
struct Sale {
    folder: TempDir,
    seller: Seller,
    address: String,
}

impl Sale {
    async fn new(others: Vec<Box<dyn Listener>>) -> Self {
        let folder = TempDir::new().unwrap();
        let market = Arc::new(Market::create(&folder.path().join("seller"), None, None).unwrap());
        let log = market.own_feed("ticks").unwrap();
        log.append(&["one", "two", "three"]).unwrap();
        let offer = Offer::new(log.key(), "ticks", market.feed_folder(&log.key()), Admission::Everybody);
        let listing = market.list(offer, now_ms()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seller = Seller::new(market, listing, SellerOptions::default()).unwrap();
        let server = seller.clone();
        tokio::spawn(async move { server.serve_also(listener, others).await });
        Self { folder, seller, address }
    }

    /// A buyer who knows this one address.
    fn buyer(&self, address: &str, dialer: Arc<dyn Dialer>) -> Buyer {
        let folder = TempDir::new_in(self.folder.path()).unwrap().keep();
        let market = Market::create(&folder, None, None).unwrap();
        market.dial_by(vec![dialer]);
        let addresses: Vec<Address> = vec![address.parse().unwrap()];
        let link = Link { addresses, ..Link::new(self.seller.key()) };
        Buyer::new(Arc::new(market), link.into(), BuyerOptions::default()).unwrap()
    }
}

fn proxy(socks: &Socks, login: &str) -> Arc<Proxy> {
    Arc::new(format!("socks5://{login}{}", socks.address).parse().unwrap())
}

/// Waits until the buyer holds all that is sold.
async fn bought(buyer: &Buyer) {
    let buying = async {
        let mut notices = buyer.notices();
        let changed = Arc::new(Notify::new());
        while buyer.feed().is_none() {
            notices.recv().await.unwrap();
        }
        let log = Arc::clone(buyer.feed().unwrap().log());
        log.listen(&changed);
        while log.lock().downloaded() < 3 {
            changed.notified().await;
        }
    };
    tokio::select! {
        () = buying => {}
        end = buyer.run() => panic!("{end}"),
        () = tokio::time::sleep(DEADLINE) => panic!("not in time"),
    }
}

/// Why the first attempt failed.
async fn failure(buyer: &Buyer) -> String {
    let mut notices = buyer.notices();
    let failed = async {
        loop {
            match notices.recv().await.unwrap() {
                BuyerNotice::Disconnected { reason, .. } => return reason,
                BuyerNotice::Connected { address, .. } => panic!("reached the seller at {address}"),
                _ => {}
            }
        }
    };
    tokio::select! {
        reason = failed => reason,
        end = buyer.run() => panic!("{end}"),
        () = tokio::time::sleep(DEADLINE) => panic!("not in time"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_resolves_the_name_of_a_seller() {
    let sale = Sale::new(Vec::new()).await;
    let socks = Socks::start(Manner::Open, &[(NAME, &sale.address)]);
    bought(&sale.buyer(NAME, proxy(&socks, ""))).await;
    assert_eq!(socks.asked(), [NAME]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_told_a_name_and_a_password() {
    let sale = Sale::new(Vec::new()).await;
    let socks = Socks::start(Manner::Login("me", "p@ss"), &[(NAME, &sale.address)]);
    bought(&sale.buyer(NAME, proxy(&socks, "me:p%40ss@"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_does_not_connect_is_not_gone_around() {
    let sale = Sale::new(Vec::new()).await;
    let there = sale.address.as_str();
    for (manner, login, reason) in [
        (Manner::Login("me", "right"), "me:wrong@", "Password auth failure"),
        (Manner::Login("me", "right"), "", "No acceptable auth methods"),
        (Manner::Refusing(2), "", "not allowed by ruleset"),
        (Manner::Open, "", "Host unreachable"),
    ] {
        let socks = Socks::start(manner, &[]);
        let told = failure(&sale.buyer(there, proxy(&socks, login))).await;
        assert!(told.contains(reason) && told.contains(&socks.address), "{told}");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let proxy: Proxy = format!("socks5://{nobody}").parse().unwrap();
    let told = failure(&sale.buyer(there, Arc::new(proxy))).await;
    assert!(told.contains(&format!("the proxy {nobody} cannot be reached")), "{told}");
}

/// Streams within this process.
#[derive(Debug)]
struct Pipes(mpsc::Sender<DuplexStream>);

#[derive(Debug)]
struct PipeEnds(mpsc::Receiver<DuplexStream>);

impl Dialer for Pipes {
    fn dials(&self, _: &Address) -> bool {
        true
    }

    fn dial<'a>(&'a self, _: &'a Address) -> Connecting<'a> {
        Box::pin(async {
            let (near, far) = duplex(4096);
            self.0.send(far).await.map_err(io::Error::other)?;
            Ok(Box::new(near) as _)
        })
    }
}

impl Listener for PipeEnds {
    fn accept(&mut self) -> Connecting<'_> {
        Box::pin(async {
            match self.0.recv().await {
                Some(stream) => Ok(Box::new(stream) as _),
                None => std::future::pending().await,
            }
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_needs_no_socket() {
    let (dialler, listener) = mpsc::channel(1);
    let sale = Sale::new(vec![Box::new(PipeEnds(listener))]).await;
    bought(&sale.buyer("pipe:1", Arc::new(Pipes(dialler)))).await;
}
