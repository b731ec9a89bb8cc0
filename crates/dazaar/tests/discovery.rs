//! Finding each other: our programs and those of npm, through the DHT and on the local network, which is this machine.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../../dazaar-cli/tests/interop/support/process.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod process;

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use dazaar::cards::{Address, Link};
use dazaar::database::{Admission, Listing};
use dazaar::discovery::{Discovery, DiscoverySettings, Found, LanScope, Mode, Topic, Via};
use dazaar::log::IdentityKey;
use dazaar::{Buyer, BuyerNotice, BuyerOptions, Market, Offer, Seller, SellerNotice, SellerOptions, now_ms};
use process::Process;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, broadcast};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long anything may take before the test fails.
const DEADLINE: Duration = Duration::from_secs(60);

/// The local network of the tests.
const LAN: LanScope = LanScope::Interface(Ipv4Addr::LOCALHOST);

/// A node of ours that others begin with.
async fn entrance() -> (Discovery, String) {
    let settings = DiscoverySettings {
        dht: Some(Mode::Full),
        bind: Some("127.0.0.1:0".parse().unwrap()),
        lan: LanScope::None,
        ..DiscoverySettings::default()
    };
    let node = Discovery::start(settings).unwrap();
    let bound = node.status().await.bound.unwrap().to_string();
    (node, bound)
}

/// Waits until a topic was announced; how many nodes took it.
async fn announced(node: &Discovery, topic: Topic) -> usize {
    timeout(DEADLINE, node.announced(topic)).await.expect("an announcement in time")
}

fn settings(bootstrap: Option<&str>, lan: LanScope) -> DiscoverySettings {
    DiscoverySettings {
        dht: bootstrap.map(|_| Mode::Client),
        bootstrap: bootstrap.iter().map(|address| address.parse().unwrap()).collect(),
        bind: None,
        lan,
    }
}

/// A seller of ours with three blocks, who admits everybody.
struct Sale {
    _folder: TempDir,
    market: Arc<Market>,
    listing: Listing,
    seller: Seller,
    port: u16,
}

impl Sale {
    async fn new(settings: DiscoverySettings) -> Self {
        let folder = TempDir::new().unwrap();
        let market = Arc::new(Market::create(folder.path(), None, None).unwrap());
        market.discover_by(settings);
        let log = market.own_feed("ticks").unwrap();
        log.append(&["one", "two", "three"]).unwrap();
        let offer = Offer::new(log.key(), "ticks", market.feed_folder(&log.key()), Admission::Everybody);
        let listing = market.list(offer, now_ms()).unwrap();
        let (seller, port) = serve(&market, &listing).await;
        Self { _folder: folder, market, listing, seller, port }
    }

    fn topic(&self) -> Topic {
        self.seller.key().discovery_key()
    }

    /// Waits until the DHT has heard of it.
    async fn announced(&self) -> usize {
        announced(self.market.discovery().unwrap(), self.topic()).await
    }
}

/// Serves a listing on a free port.
async fn serve(market: &Arc<Market>, listing: &Listing) -> (Seller, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let options = SellerOptions { validate_interval: Duration::from_millis(20), ..SellerOptions::default() };
    let seller = Seller::new(Arc::clone(market), listing.clone(), options).unwrap();
    let server = seller.clone();
    tokio::spawn(async move { server.serve(listener).await });
    (seller, port)
}

/// Passes connections on to a port of this machine, as long as this is held.
fn pass_on(listener: TcpListener, port: u16) -> JoinSet<()> {
    let mut passing = JoinSet::new();
    passing.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut near, _)) = listener.accept().await {
            connections.spawn(async move {
                let mut far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    passing
}

/// A buyer of ours, who mostly knows nothing but the seller's key.
struct Purchase {
    _folder: TempDir,
    buyer: Buyer,
    notices: broadcast::Receiver<BuyerNotice>,
}

impl Purchase {
    fn new(seller: IdentityKey, settings: DiscoverySettings) -> Self {
        Self::of(Link::new(seller), settings)
    }

    fn of(link: Link, settings: DiscoverySettings) -> Self {
        let folder = TempDir::new().unwrap();
        let market = Arc::new(Market::create(folder.path(), None, None).unwrap());
        market.discover_by(settings);
        let buyer = Buyer::new(market, link.into(), BuyerOptions::default()).unwrap();
        let notices = buyer.notices();
        let connection = buyer.clone();
        tokio::spawn(async move { connection.run().await });
        Self { _folder: folder, buyer, notices }
    }

    /// Waits for the connection, and tells where the seller was.
    async fn connected(&mut self) -> Address {
        let connected = async {
            loop {
                if let BuyerNotice::Connected { address, .. } = self.notices.recv().await.unwrap() {
                    return address;
                }
            }
        };
        timeout(DEADLINE, connected).await.expect("a connection in time")
    }

    /// Waits until so many blocks are here.
    async fn holds(&self, blocks: u64) {
        let mut notices = self.buyer.notices();
        let changed = Arc::new(Notify::new());
        let holding = async {
            while self.buyer.feed().is_none() {
                notices.recv().await.unwrap();
            }
            let feed = self.buyer.feed().unwrap();
            feed.log().listen(&changed);
            while feed.log().lock().downloaded() < blocks {
                changed.notified().await;
            }
        };
        timeout(DEADLINE, holding).await.expect("blocks in time");
    }
}

/// A JavaScript peer with a folder of its own.
struct Js {
    _folder: TempDir,
    process: Process,
}

impl Js {
    fn start(program: &str, arguments: &[&str]) -> Self {
        let interop = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../interop");
        let installed = interop.join("node_modules/.package-lock.json");
        assert!(installed.is_file(), "the npm peers are not installed: run `cargo xtask setup`");
        let folder = TempDir::new().unwrap();
        let mut command = Command::new("node");
        command.arg(interop.join("js").join(program)).arg("--dir").arg(folder.path()).args(arguments);
        Self { _folder: folder, process: Process::start(program, command) }
    }

    /// Nodes of npm that begin with somebody; the address of the first.
    fn nodes(count: usize, bootstrap: &str) -> (Self, String) {
        let count_text = count.to_string();
        let mut js = Self::start("dht.js", &["--nodes", &count_text, "--bootstrap", bootstrap]);
        let mut first = String::new();
        for _ in 0..count {
            let listening = js.process.wait_for("listening");
            if listening["node"] == 0 {
                first = format!("127.0.0.1:{}", listening["port"]);
            }
        }
        (js, first)
    }

    /// A seller of npm, once it is announced.
    fn seller(arguments: &[&str]) -> (Self, IdentityKey, u64) {
        let mut js = Self::start("swarm-seller.js", arguments);
        let announced = js.process.wait_for("announced");
        let key = announced["seller"].as_str().unwrap().parse().unwrap();
        (js, key, announced["port"].as_u64().unwrap())
    }

    fn buyer(seller: IdentityKey, arguments: &[&str]) -> Self {
        let key = seller.to_string();
        let words = [&["--seller", &key, "--until-length", "3"], arguments].concat();
        Self::start("swarm-buyer.js", &words)
    }
}

fn hex(topic: Topic) -> String {
    topic.to_string()
}

fn at(port: u16) -> Value {
    format!("127.0.0.1:{port}").into()
}

/// The next address that a lookup finds.
async fn find(discovery: &Discovery, topic: Topic) -> Found {
    timeout(DEADLINE, discovery.look_up(topic).next()).await.expect("found in time").unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn our_buyer_finds_our_seller_by_its_key_alone() {
    let (node, bootstrap) = entrance().await;
    let sale = Sale::new(settings(Some(&bootstrap), LanScope::None)).await;
    assert_eq!(sale.announced().await, 1);
    assert_eq!(node.status().await.records, 1);
    let mut purchase = Purchase::new(sale.seller.key(), settings(Some(&bootstrap), LanScope::None));
    assert_eq!(purchase.connected().await.tcp().unwrap().port(), sale.port);
    purchase.holds(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_seller_that_ends_is_found_no_more() {
    let (node, bootstrap) = entrance().await;
    let sale = Sale::new(settings(Some(&bootstrap), LanScope::None)).await;
    sale.announced().await;
    sale.seller.close();
    let withdrawn = async {
        while node.status().await.records > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, withdrawn).await.expect("withdrawn in time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn our_buyer_waits_for_a_seller_that_comes_later() {
    let (_node, bootstrap) = entrance().await;
    let folder = TempDir::new().unwrap();
    let market = Arc::new(Market::create(folder.path(), None, None).unwrap());
    let topic = Topic([3; 32]);
    market.discover_by(settings(Some(&bootstrap), LanScope::None));
    let mut lookup = market.discovery().unwrap().look_up(topic);
    let seller = Discovery::start(settings(Some(&bootstrap), LanScope::None)).unwrap();
    seller.announce(topic, 80, true);
    let found = timeout(DEADLINE, lookup.next()).await.expect("found in time").unwrap();
    assert_eq!(found, Found { address: "127.0.0.1:80".parse().unwrap(), via: Via::Dht });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_buyer_of_npm_finds_our_seller_through_our_node() {
    let (_node, bootstrap) = entrance().await;
    let sale = Sale::new(settings(Some(&bootstrap), LanScope::None)).await;
    sale.announced().await;
    let mut buyer = Js::buyer(sale.seller.key(), &["--bootstrap", &bootstrap]);
    assert_eq!(buyer.process.wait_for("peer")["local"], false);
    assert_eq!(buyer.process.wait_for("done")["length"], 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn our_buyer_finds_a_seller_of_npm_through_our_node() {
    let (node, bootstrap) = entrance().await;
    let (_seller, key, port) = Js::seller(&["--bootstrap", &bootstrap]);
    assert_eq!(node.status().await.records, 1);
    let mut purchase = Purchase::new(key, settings(Some(&bootstrap), LanScope::None));
    assert_eq!(u64::from(purchase.connected().await.tcp().unwrap().port()), port);
    purchase.holds(5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn everybody_finds_everybody_through_nodes_of_npm_only() {
    let (first, first_address) = Js::nodes(1, "");
    let (_others, bootstrap) = Js::nodes(8, &first_address);
    let sale = Sale::new(settings(Some(&bootstrap), LanScope::None)).await;
    assert!(sale.announced().await >= 8, "all nodes are close in so small a DHT");
    Js::buyer(sale.seller.key(), &["--bootstrap", &first_address]).process.wait_for("done");

    let (_js_seller, key, port) = Js::seller(&["--bootstrap", &first_address]);
    let mut purchase = Purchase::new(key, settings(Some(&bootstrap), LanScope::None));
    assert_eq!(u64::from(purchase.connected().await.tcp().unwrap().port()), port);
    purchase.holds(5).await;

    sale.seller.close();
    let mut first = first;
    first.process.wait_until("the withdrawal", |event| {
        event["what"] == "unannounce" && event["topic"] == hex(sale.topic()).as_str()
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_of_npm_find_each_other_through_ours() {
    let (node, bootstrap) = entrance().await;
    let (mut announcer, announcer_address) = Js::nodes(1, &bootstrap);
    let (mut seeker, _) = Js::nodes(1, &bootstrap);
    seeker.process.say(&format!("ping {bootstrap}"));
    assert!(seeker.process.wait_for("pong")["error"].is_null());
    let known = async {
        while node.status().await.nodes < 2 {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, known).await.expect("both nodes are known");

    let topic = "ab".repeat(32);
    announcer.process.say(&format!("announce {topic} 4444"));
    announcer.process.wait_for("announced");
    assert_eq!(node.status().await.records, 1);
    seeker.process.say(&format!("lookup {topic}"));
    let found = seeker.process.wait_for("found");
    assert_eq!(found["peers"], serde_json::json!(["127.0.0.1:4444"]));

    // Ours tells the announcer to answer the seeker.
    seeker.process.say(&format!("punch {announcer_address} {bootstrap}"));
    assert!(seeker.process.wait_for("punched")["error"].is_null());

    announcer.process.say(&format!("unannounce {topic} 4444"));
    announcer.process.wait_for("unannounced");
    assert_eq!(node.status().await.records, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_dht_of_both_kinds_of_nodes_holds_together() {
    let (node, bootstrap) = entrance().await;
    let (_js, js_address) = Js::nodes(10, &bootstrap);
    let mut ours = Vec::new();
    for _ in 0..10 {
        let mode = Some(Mode::Full);
        ours.push(
            Discovery::start(DiscoverySettings { dht: mode, ..settings(Some(&js_address), LanScope::None) })
                .unwrap(),
        );
    }
    let sale = Sale::new(settings(Some(&js_address), LanScope::None)).await;
    assert!(sale.announced().await >= 10);
    let found = find(&ours[7], sale.topic()).await;
    assert_eq!(Value::from(found.address.to_string()), at(sale.port));
    Js::buyer(sale.seller.key(), &["--bootstrap", &bootstrap]).process.wait_for("done");
    assert!(node.status().await.nodes >= 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn our_programs_find_each_other_on_the_local_network() {
    let sale = Sale::new(settings(None, LAN)).await;
    let mut purchase = Purchase::new(sale.seller.key(), settings(None, LAN));
    assert_eq!(purchase.connected().await.tcp().unwrap().port(), sale.port);
    purchase.holds(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_buyer_of_npm_finds_our_seller_on_the_local_network() {
    let sale = Sale::new(settings(None, LAN)).await;
    let mut buyer = Js::buyer(sale.seller.key(), &["--lan"]);
    assert_eq!(buyer.process.wait_for("peer")["local"], true);
    buyer.process.wait_for("done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn our_buyer_finds_a_seller_of_npm_on_the_local_network() {
    // Without a DHT npm never says that it is announced, so there is one that we don't use.
    let (_node, bootstrap) = entrance().await;
    let (_seller, key, port) = Js::seller(&["--lan", "--bootstrap", &bootstrap]);
    let mut purchase = Purchase::new(key, settings(None, LAN));
    assert_eq!(u64::from(purchase.connected().await.tcp().unwrap().port()), port);
    purchase.holds(5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_buyer_of_npm_that_finds_our_seller_twice_keeps_one_connection() {
    let (_node, bootstrap) = entrance().await;
    // It is announced as what it is in the DHT, and under a second port that leads to it too.
    let sale = Sale::new(settings(Some(&bootstrap), LAN)).await;
    sale.announced().await;
    let relay = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let second = Discovery::start(settings(Some(&bootstrap), LanScope::None)).unwrap();
    second.announce(sale.topic(), relay.local_addr().unwrap().port(), true);
    announced(&second, sale.topic()).await;
    let _passing = pass_on(relay, sale.port);
    let key = sale.seller.key().to_string();
    let mut buyer = Js::start("swarm-buyer.js", &["--seller", &key, "--bootstrap", &bootstrap, "--lan"]);
    buyer.process.wait_until("the second connection to be ended", |event| {
        event["event"] == "disconnection" && event["duplicate"] == true
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_impostor_costs_one_refused_handshake() {
    let (_node, bootstrap) = entrance().await;
    let impostor = Sale::new(settings(None, LanScope::None)).await;
    let mut refused = impostor.seller.notices();
    let liar = Discovery::start(settings(Some(&bootstrap), LAN)).unwrap();
    let sale = Sale::new(settings(None, LanScope::None)).await;
    // The impostor is the only one at first.
    liar.announce(sale.topic(), impostor.port, true);
    announced(&liar, sale.topic()).await;
    let mut purchase = Purchase::new(sale.seller.key(), settings(Some(&bootstrap), LAN));
    let notice = timeout(DEADLINE, refused.recv()).await.expect("the impostor is dialled").unwrap();
    let SellerNotice::Disconnected { buyer: None, .. } = notice else {
        panic!("the impostor learnt who the buyer is: {notice:?}");
    };
    let announcer = Discovery::start(settings(Some(&bootstrap), LanScope::None)).unwrap();
    announcer.announce(sale.topic(), sale.port, true);
    announced(&announcer, sale.topic()).await;
    assert_eq!(purchase.connected().await.tcp().unwrap().port(), sale.port);
    purchase.holds(3).await;
    // The seller comes back at another port; on the way there the buyer leaves the impostor alone.
    sale.seller.close();
    let (_again, port) = serve(&sale.market, &sale.listing).await;
    announcer.announce(sale.topic(), port, true);
    assert_eq!(purchase.connected().await.tcp().unwrap().port(), port);
    assert!(refused.try_recv().is_err(), "the impostor was dialled again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_seller_on_loopback_is_not_announced_to_the_network() {
    let (node, bootstrap) = entrance().await;
    let outside = Discovery::start(DiscoverySettings {
        bind: Some("0.0.0.0:0".parse().unwrap()),
        ..settings(Some(&bootstrap), LanScope::None)
    })
    .unwrap();
    let topic = Topic([5; 32]);
    outside.announce(topic, 80, true);
    assert_eq!(announced(&outside, topic).await, 0);
    assert_eq!(node.status().await.records, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_purchase_moves_to_a_better_address_and_back_when_that_is_gone() {
    let sale = Sale::new(settings(None, LanScope::None)).await;
    let [far, near] = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let [far, near] = [far, near].map(|listener| {
        listener.set_nonblocking(true).unwrap();
        TcpListener::from_std(listener).unwrap()
    });
    let near_port = near.local_addr().unwrap().port();
    // By its name, the place might be anywhere.
    let link_address: Address = format!("localhost:{}", far.local_addr().unwrap().port()).parse().unwrap();
    let (_far, near) = (pass_on(far, sale.port), pass_on(near, sale.port));
    let link = Link { addresses: vec![link_address.clone()], ..Link::new(sale.seller.key()) };
    let mut purchase = Purchase::of(link, settings(None, LAN));
    assert_eq!(purchase.connected().await, link_address);
    purchase.holds(3).await;

    let announcer = Discovery::start(settings(None, LAN)).unwrap();
    announcer.announce(sale.topic(), near_port, true);
    // No end of a connection is told on the way.
    let moved = timeout(DEADLINE, async {
        loop {
            match purchase.notices.recv().await.unwrap() {
                BuyerNotice::Connected { address, .. } => return address,
                BuyerNotice::Disconnected { reason, .. } => panic!("{reason}"),
                _ => {}
            }
        }
    });
    assert_eq!(moved.await.expect("a move in time").to_string(), format!("127.0.0.1:{near_port}"));
    let log = sale.market.own_feed("ticks").unwrap();
    log.append(&["four"]).unwrap();
    purchase.holds(4).await;

    drop(near);
    assert_eq!(purchase.connected().await, link_address);
    log.append(&["five"]).unwrap();
    purchase.holds(5).await;
}

/// Whoever proves to be the seller and serves nobody there is no better place.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_purchase_stays_where_it_is_served_until_it_is_admitted_elsewhere() {
    let sale = Sale::new(settings(None, LanScope::None)).await;
    let refusing = Listing { admission: Admission::Granted, ..sale.listing.clone() };
    let (other, other_port) = serve(&sale.market, &refusing).await;
    let mut at_other = other.notices();
    let link_address: Address = format!("localhost:{}", sale.port).parse().unwrap();
    let link = Link { addresses: vec![link_address.clone()], ..Link::new(sale.seller.key()) };
    let mut purchase = Purchase::of(link, settings(None, LAN));
    assert_eq!(purchase.connected().await, link_address);
    purchase.holds(3).await;
    let announcer = Discovery::start(settings(None, LAN)).unwrap();
    announcer.announce(sale.topic(), other_port, true);
    let tried = timeout(DEADLINE, async {
        while !matches!(at_other.recv().await.unwrap(), SellerNotice::Disconnected { buyer: Some(_), .. }) {}
    });
    tried.await.expect("an attempt in time");
    sale.market.own_feed("ticks").unwrap().append(&["four"]).unwrap();
    purchase.holds(4).await;
    while let Ok(notice) = purchase.notices.try_recv() {
        let is_about_connections =
            matches!(notice, BuyerNotice::Connected { .. } | BuyerNotice::Disconnected { .. });
        assert!(!is_about_connections, "{notice:?}");
    }
}
