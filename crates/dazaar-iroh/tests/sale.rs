//! Sales through iroh on loopback: by key and place, by a relay, to the right seller only, and on through restarts.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dazaar::buyer::BuyerEnd;
use dazaar::cards::{Address, IrohAddress, Link};
use dazaar::database::{Admission, Listing};
use dazaar::transport::Tcp;
use dazaar::{
    Buyer, BuyerNotice, BuyerOptions, Market, Offer, Seller, SellerNotice, SellerOptions, SharedLog, now_ms,
};
use dazaar_iroh::{
    ALPN, Authorities, IrohDialer, IrohListener, ListenSettings, Relay, RelayError, RelaySettings, RelayTls,
};
use iroh::endpoint::presets;
use iroh::{Endpoint, EndpointAddr, EndpointId, SecretKey};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{Notify, broadcast};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long anything may take before the test fails.
const DEADLINE: Duration = Duration::from_secs(60);

/// A seller with three blocks, who admits everybody.
struct Sale {
    folder: TempDir,
    market: Arc<Market>,
    listing: Listing,
    log: Arc<SharedLog>,
}

/// A seller who serves at an endpoint.
struct Serving {
    seller: Seller,
    endpoint: IrohAddress,
    task: JoinHandle<()>,
}

impl Sale {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let market = Arc::new(Market::create(&folder.path().join("seller"), None, None).unwrap());
        let log = market.own_feed("ticks").unwrap();
        log.append(&["one", "two", "three"]).unwrap();
        let offer = Offer::new(log.key(), "ticks", market.feed_folder(&log.key()), Admission::Everybody);
        let listing = market.list(offer, now_ms()).unwrap();
        Self { folder, market, listing, log }
    }

    /// Listens at this place, as soon as nobody else does.
    async fn listen(&self, place: &str, relays: &[String]) -> IrohListener {
        loop {
            let secret = self.market.master().endpoint(&self.listing.feed);
            let settings = ListenSettings {
                secret,
                address: place.parse().unwrap(),
                relays: relays.to_vec(),
                authorities: Authorities::default(),
            };
            match IrohListener::bind(settings).await {
                Ok(listener) => return listener,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    /// Serves it at this place, and through these relays.
    async fn serve(&self, place: &str, relays: &[String], is_direct: bool) -> Serving {
        let listener = timeout(DEADLINE, self.listen(place, relays)).await.expect("a socket in time");
        let places: Vec<_> =
            is_direct.then(|| listener.bound().to_string().parse().unwrap()).into_iter().collect();
        let endpoint = listener.address(&places).unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let seller =
            Seller::new(Arc::clone(&self.market), self.listing.clone(), SellerOptions::default()).unwrap();
        let server = seller.clone();
        let task = tokio::spawn(async move { server.serve_also(tcp, vec![Box::new(listener)]).await });
        Serving { seller, endpoint, task }
    }

    /// Somebody who buys there.
    fn buyer(&self, endpoint: &IrohAddress) -> Purchase {
        let folder = TempDir::new_in(self.folder.path()).unwrap().keep();
        let market = Market::create(&folder, None, None).unwrap();
        let dialer = Arc::new(IrohDialer::new(&[], Authorities::default()).unwrap());
        market.dial_by(vec![Arc::new(Tcp), Arc::clone(&dialer) as _]);
        let link = self.market.link(&self.listing, vec![Address::Iroh(endpoint.clone())]);
        let buyer = Buyer::new(Arc::new(market), link.into(), BuyerOptions::default()).unwrap();
        let notices = buyer.notices();
        let running = buyer.clone();
        let task = tokio::spawn(async move { running.run().await });
        Purchase { dialer, buyer, notices, task }
    }
}

/// A buyer who runs.
struct Purchase {
    dialer: Arc<IrohDialer>,
    buyer: Buyer,
    notices: broadcast::Receiver<BuyerNotice>,
    task: JoinHandle<BuyerEnd>,
}

impl Purchase {
    /// Waits until the buyer holds so many blocks.
    async fn holds(&mut self, blocks: u64) {
        let changed = Arc::new(Notify::new());
        let waiting = async {
            while self.buyer.feed().is_none() {
                self.notices.recv().await.unwrap();
            }
            let log = Arc::clone(self.buyer.feed().unwrap().log());
            log.listen(&changed);
            while log.lock().downloaded() < blocks {
                changed.notified().await;
            }
        };
        timeout(DEADLINE, waiting).await.expect("blocks in time");
    }
}

async fn relay() -> (Relay, String) {
    let relay =
        Relay::start(RelaySettings { listen: "127.0.0.1:0".parse().unwrap(), tls: None }).await.unwrap();
    let url = format!("http://{}", relay.bound().unwrap());
    (relay, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_and_a_place_are_enough() {
    let sale = Sale::new();
    let serving = sale.serve("127.0.0.1:0", &[], true).await;
    let mut purchase = sale.buyer(&serving.endpoint);
    purchase.holds(3).await;
    sale.log.append(&["four"]).unwrap();
    purchase.holds(4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_and_a_relay_are_enough() {
    let (_relay, url) = relay().await;
    let sale = Sale::new();
    let serving = sale.serve("127.0.0.1:0", &[url], false).await;
    assert_eq!(serving.endpoint.direct().count(), 0);
    sale.buyer(&serving.endpoint).holds(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_seller_at_the_endpoint_is_an_impostor() {
    let (sale, impostor) = (Sale::new(), Sale::new());
    let serving = impostor.serve("127.0.0.1:0", &[], true).await;
    let purchase = sale.buyer(&serving.endpoint);
    let end = timeout(DEADLINE, purchase.task).await.expect("an end in time").unwrap();
    assert!(end.is_about_identity(), "{end}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_endpoint_at_the_place_is_not_spoken_to() {
    let (sale, impostor) = (Sale::new(), Sale::new());
    let serving = impostor.serve("127.0.0.1:0", &[], true).await;
    let mut notices = serving.seller.notices();
    let places: Vec<_> = serving.endpoint.direct().cloned().collect();
    let id = *SecretKey::from_bytes(&[5; 32]).public().as_bytes();
    let wrong = IrohAddress::new(id, &places, &[]).unwrap();
    let mut purchase = sale.buyer(&wrong);
    let failed = async {
        loop {
            if let BuyerNotice::Disconnected { reason, .. } = purchase.notices.recv().await.unwrap() {
                return reason;
            }
        }
    };
    let reason = timeout(DEADLINE, failed).await.expect("a failure in time");
    assert!(reason.contains("iroh"), "{reason}");
    assert!(notices.try_recv().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_goes_on_where_it_stopped_when_the_seller_is_back() {
    let sale = Sale::new();
    let serving = sale.serve("127.0.0.1:0", &[], true).await;
    let mut purchase = sale.buyer(&serving.endpoint);
    purchase.holds(3).await;
    serving.seller.close();
    timeout(DEADLINE, serving.task).await.expect("an end in time").unwrap();
    sale.log.append(&["four"]).unwrap();
    let place: SocketAddr = serving.endpoint.direct().next().unwrap().to_string().parse().unwrap();
    let again = sale.serve(&place.to_string(), &[], true).await;
    // The key derives from the market's, so the seller is where they were.
    assert_eq!(again.endpoint, serving.endpoint);
    purchase.holds(4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seller_hears_at_once_that_a_buyer_is_gone() {
    let sale = Sale::new();
    let serving = sale.serve("127.0.0.1:0", &[], true).await;
    let mut notices = serving.seller.notices();
    let mut purchase = sale.buyer(&serving.endpoint);
    purchase.holds(3).await;
    purchase.task.abort();
    purchase.dialer.close().await;
    let gone = async { while !matches!(notices.recv().await.unwrap(), SellerNotice::Disconnected { .. }) {} };
    // Whoever says nothing is taken to be gone after 20 seconds.
    timeout(Duration::from_secs(15), gone).await.expect("a notice in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_connects_and_says_nothing_keeps_nobody_out() {
    let sale = Sale::new();
    let serving = sale.serve("127.0.0.1:0", &[], true).await;
    let place: SocketAddr = serving.endpoint.direct().next().unwrap().to_string().parse().unwrap();
    let target =
        EndpointAddr::new(EndpointId::from_bytes(serving.endpoint.id()).unwrap()).with_ip_addr(place);
    let idler = Endpoint::bind(presets::Minimal).await.unwrap();
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(timeout(DEADLINE, idler.connect(target.clone(), ALPN)).await.expect("in time").unwrap());
    }
    sale.buyer(&serving.endpoint).holds(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_dialled_only_by_who_can() {
    let sale = Sale::new();
    let serving = sale.serve("127.0.0.1:0", &[], true).await;
    let market = Arc::new(Market::create(&sale.folder.path().join("plain"), None, None).unwrap());
    let link = Link { addresses: vec![Address::Iroh(serving.endpoint)], ..Link::new(serving.seller.key()) };
    let buyer = Buyer::new(market, link.into(), BuyerOptions::default()).unwrap();
    let end = timeout(DEADLINE, buyer.run()).await.expect("an end in time");
    assert!(matches!(end, BuyerEnd::NoAddress), "{end}");
}

#[tokio::test]
async fn a_relay_needs_a_certificate_and_its_key() {
    let file = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
    let start = |certificates: &str, key: &str| {
        let tls = Some(RelayTls { certificates: file(certificates), key: file(key) });
        Relay::start(RelaySettings { listen: "127.0.0.1:0".parse().unwrap(), tls })
    };
    let (certificate, key) = ("relay-certificate.pem", "relay-key.pem");
    assert!(start(certificate, key).await.unwrap().bound().is_some());
    for (certificate, key) in
        [("nothing.pem", key), (certificate, "nothing.pem"), (key, key), ("sale.rs", key)]
    {
        let error = start(certificate, key).await.unwrap_err();
        assert!(matches!(error, RelayError::File { .. }), "{error}");
    }
}
