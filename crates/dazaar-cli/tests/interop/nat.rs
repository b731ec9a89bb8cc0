//! Sales between hosts in network namespaces: through NAT and firewalls, over bad lines, with cables pulled and addresses changed.
//!
//! `cargo xtask nat` runs them; they need root.

mod lab;

use serde_json::Value;

use crate::support::{Process, Scene, text};
use lab::{Host, Lab, Router};

/// Rows of what is sold, and bytes of each.
const ROWS: usize = 2000;
const ROW_BYTES: usize = 1000;

/// What is sold takes some seconds at this rate, so that there is time to disturb it.
const SLOW: &str = "4mbit";

/// The port of sellers, and of nodes.
const PORT: &str = "49737";

fn rows() -> String {
    (0..ROWS).map(|row| format!("{row:0width$}\n", width = ROW_BYTES - 1)).collect()
}

/// An internet, what is sold in it, and a relay that everybody can reach.
struct Stage {
    scene: Scene,
    lab: Lab,
}

impl Stage {
    fn new() -> Self {
        Self { scene: Scene::new(), lab: Lab::new() }
    }

    /// Runs a node of the DHT; its address.
    fn node(&self) -> (Process, String) {
        self.node_named("node")
    }

    fn node_named(&self, name: &str) -> (Process, String) {
        let host = self.lab.host(name);
        let mut process = host.dazaar(&self.scene, name, &["node"]);
        process.wait_for("node");
        (process, format!("{}:{PORT}", host.address))
    }

    /// Runs a relay with a certificate of its own.
    fn relay(&self) -> Relay {
        let host = self.lab.host("relay");
        let [certificate, key] = ["relay.pem", "relay-key.pem"].map(|name| self.scene.text_path(name));
        lab::certificate(&host.address, &certificate, &key);
        let words = ["relay", "--listen", "0.0.0.0:443", "--certificate", &certificate, "--key", &key];
        let mut process = host.dazaar(&self.scene, "relay", &words);
        process.wait_for("relay");
        let url = format!("https://{}", host.address);
        Relay { host, _process: process, url, certificate }
    }

    /// Sells the rows on a host, where everybody is admitted; the process, and the link.
    fn sell(&self, host: &Host, options: &[&str]) -> (Process, String) {
        let data = self.scene.file("data.csv", rows());
        self.scene.init("seller");
        let listen = format!("0.0.0.0:{PORT}");
        let words = [&["sell", &data, "--admit-all", "--listen", &listen], options].concat();
        let mut seller = host.dazaar(&self.scene, "seller", &words);
        let link = text(&seller.wait_for("listening"), "link");
        (seller, link)
    }

    fn buy(&self, host: &Host, link: &str, options: &[&str]) -> Process {
        let bought = self.scene.text_path("bought.csv");
        host.dazaar(&self.scene, "buyer", &[&["buy", link, "--to", &bought], options].concat())
    }

    /// Waits for the end, and looks at what came.
    fn complete(&self, buyer: &mut Process) {
        buyer.succeed();
        assert!(self.scene.read("bought.csv") == rows(), "another file came: {buyer}");
    }

    /// What the doctor says, on a host, of each way to the seller.
    fn examine(&self, host: &Host, link: &str, options: &[&str]) -> (Process, Vec<Value>) {
        let mut doctor = host.dazaar(&self.scene, "nobody", &[&["doctor", link], options].concat());
        doctor.wait_for_end();
        let ways = doctor.seen().iter().filter(|event| event["event"] == "way").cloned().collect();
        (doctor, ways)
    }
}

struct Relay {
    host: Host,
    _process: Process,
    url: String,
    certificate: String,
}

impl Relay {
    fn options(&self) -> [&str; 4] {
        ["--relay", &self.url, "--relay-ca", &self.certificate]
    }
}

/// Waits until some of the download is there, and makes sure that not all is.
fn is_under_way(buyer: &mut Process) {
    let progress = buyer.wait_until("progress", |event| {
        event["event"] == "progress" && event["have"].as_u64().is_some_and(|have| have > 0)
    });
    assert!(progress["have"].as_u64() < progress["length"].as_u64(), "too fast to be disturbed: {progress}");
}

/// Sells and buys through iroh between two routers: bytes that went directly, and by way of the relay.
fn sale_between(sellers: Router, buyers: Router) -> (u64, u64) {
    let stage = Stage::new();
    let relay = stage.relay();
    let (near, far) = (stage.lab.host_behind(sellers, "seller"), stage.lab.host_behind(buyers, "buyer"));
    stage.lab.count("direct", &near, &far, "meta l4proto udp");
    stage.lab.count("relayed", &relay.host, &far, "meta l4proto tcp");
    let (_seller, link) = stage.sell(&near, &relay.options());
    let mut buyer = stage.buy(&far, &link, &relay.options());
    stage.complete(&mut buyer);
    assert!(text(buyer.last("connected"), "address").starts_with("iroh:"), "{buyer}");
    (stage.lab.counted("direct"), stage.lab.counted("relayed"))
}

/// Bytes of which most of what is sold consists.
const MOST: u64 = (ROWS * ROW_BYTES / 2) as u64;

#[test]
#[ignore = "needs root: cargo xtask nat"]
fn a_hole_is_punched_between_a_full_cone_and_a_router_that_lets_in_only_who_was_called() {
    let (direct, _) = sale_between(Router::PortRestricted, Router::FullCone);
    assert!(direct > MOST, "{direct} bytes went directly");
}

#[test]
#[ignore = "needs root: cargo xtask nat"]
fn a_symmetric_router_reaches_a_full_cone_directly() {
    let (direct, _) = sale_between(Router::FullCone, Router::Symmetric);
    assert!(direct > MOST, "{direct} bytes went directly");
}

#[test]
#[ignore = "needs root: cargo xtask nat"]
fn where_no_hole_can_be_punched_the_relay_carries_it() {
    let (direct, relayed) = sale_between(Router::PortRestricted, Router::Symmetric);
    assert!(relayed > MOST && direct < MOST, "{relayed} bytes by the relay, {direct} directly");
}

#[test]
#[ignore = "needs root: cargo xtask nat"]
fn where_no_udp_passes_the_relay_carries_it() {
    let (direct, relayed) = sale_between(Router::PortRestricted, Router::NoUdp);
    assert!(relayed > MOST && direct == 0, "{relayed} bytes by the relay, {direct} directly");
}

#[test]
#[ignore = "needs root: cargo xtask nat"]
fn from_behind_a_symmetric_router_a_key_is_enough() {
    let stage = Stage::new();
    let (_node, node) = stage.node();
    let (near, far) = (stage.lab.host("seller"), stage.lab.host_behind(Router::Symmetric, "buyer"));
    let (mut seller, _) = stage.sell(&near, &["--bootstrap", &node]);
    let key = text(&seller.wait_for("announced"), "seller");
    stage.complete(&mut stage.buy(&far, &key, &["--bootstrap", &node]));
}

#[test]
#[ignore = "needs root: cargo xtask nat"]
fn the_doctor_says_that_a_router_keeps_buyers_out() {
    let stage = Stage::new();
    let (_node, node) = stage.node();
    let near = stage.lab.host_behind(Router::PortRestricted, "seller");
    let far = stage.lab.host_behind(Router::PortRestricted, "buyer");
    let (mut seller, link) = stage.sell(&near, &["--bootstrap", &node]);
    seller.wait_for("announced");
    let (mut doctor, ways) = stage.examine(&far, &link, &["--bootstrap", &node]);
    doctor.fail_with(5);
    let way = |part: &str| find(&ways, part);
    assert_eq!(way("DHT")["fine"], true);
    for way in [way(&format!("link {}:{PORT}", near.address)), way(&format!("dht {}:{PORT}", near.outside))] {
        assert_eq!(way["fine"], false);
    }
    assert!(text(way(&format!("dht {}:{PORT}", near.outside)), "detail").contains("timed out"), "{ways:?}");
    // One node cannot tell what others see.
    assert!(text(way("NAT"), "detail").contains("to the one host that was asked"), "{ways:?}");
    assert!(text(doctor.last("error"), "hint").contains("--relay"), "{doctor}");
}

#[test]
#[ignore = "needs root: cargo xtask nat"]
fn the_doctor_names_the_kind_of_router() {
    let stage = Stage::new();
    let ((_one, one), (_other, other)) = (stage.node_named("node"), stage.node_named("node2"));
    let relay = stage.relay();
    let near = stage.lab.host("seller");
    let (_seller, link) = stage.sell(&near, &[]);
    let options = [&["--bootstrap", &one, "--bootstrap", &other][..], &relay.options()].concat();
    for (router, name, fine, kind) in [
        (None, "open", true, "others see our own address"),
        (Some(Router::PortRestricted), "restricted", true, "to everybody: iroh can punch holes"),
        (Some(Router::FullCone), "cone", true, "to everybody: iroh can punch holes"),
        (Some(Router::Symmetric), "symmetric", false, "symmetric"),
    ] {
        let far = match router {
            None => stage.lab.host(name),
            Some(router) => stage.lab.host_behind(router, name),
        };
        let (mut doctor, ways) = stage.examine(&far, &link, &options);
        doctor.succeed();
        let nat = find(&ways, "NAT");
        assert_eq!(nat["fine"], fine, "{nat}");
        for told in [kind, &far.outside] {
            assert!(text(nat, "detail").contains(told), "{told}: {nat}");
        }
        let relayed = find(&ways, &format!("relay {}", relay.url));
        assert_eq!(relayed["fine"], true, "{relayed}");
        assert!(text(relayed, "detail").contains(&format!("seen as {}", far.outside)), "{relayed}");
    }
}

#[test]
#[ignore = "needs root: cargo xtask nat"]
fn the_doctor_says_that_no_udp_passes() {
    let stage = Stage::new();
    let (_node, node) = stage.node();
    let relay = stage.relay();
    let (near, far) = (stage.lab.host("seller"), stage.lab.host_behind(Router::NoUdp, "buyer"));
    let (_seller, link) = stage.sell(&near, &["--iroh"]);
    let options = [&["--bootstrap", &node][..], &relay.options()].concat();
    let (mut doctor, ways) = stage.examine(&far, &link, &options);
    doctor.succeed();
    assert!(ways.iter().all(|way| way["part"] != "NAT"), "{ways:?}");
    let relayed = find(&ways, &format!("relay {}", relay.url));
    assert!(text(relayed, "detail").contains("UDP does not go there and back"), "{relayed}");
    assert_eq!(find(&ways, "DHT")["fine"], false);
    assert!(text(find(&ways, "DHT"), "detail").contains("no bootstrap node answers"), "{ways:?}");
    assert_eq!(find(&ways, &format!("link {}:{PORT}", near.address))["fine"], true);
    let iroh = ways.iter().find(|way| text(way, "part").starts_with("link iroh:")).expect("an endpoint");
    assert!(text(iroh, "detail").contains("did not answer in time"), "{iroh}");
}

/// What the doctor said of this.
fn find<'a>(ways: &'a [Value], part: &str) -> &'a Value {
    ways.iter().find(|way| way["part"] == part).unwrap_or_else(|| panic!("{part}: {ways:?}"))
}

/// How a buyer reaches the seller, who has a public address.
#[derive(Clone, Copy)]
enum Way {
    Tcp,
    Iroh,
}

/// Buys on a slow line, from behind a router, and has the line disturbed when some of the download is there.
fn sale_disturbed(way: Way, disturb: impl FnOnce(&mut Host, &mut Process)) {
    let stage = Stage::new();
    let near = stage.lab.host("seller");
    let mut far = stage.lab.host_behind(Router::PortRestricted, "buyer");
    far.slow_down(SLOW);
    let (_seller, link) = stage.sell(&near, &["--iroh"]);
    let (link, options): (_, &[&str]) = match way {
        Way::Tcp => (link, &[]),
        Way::Iroh => (without_tcp(&link), &["--iroh"]),
    };
    let mut buyer = stage.buy(&far, &link, options);
    is_under_way(&mut buyer);
    disturb(&mut far, &mut buyer);
    stage.complete(&mut buyer);
}

/// A link that names no address of TCP.
fn without_tcp(link: &str) -> String {
    let (seller, rest) = link.split_once('?').expect("addresses");
    let kept: Vec<_> = rest.split('&').filter(|part| !part.starts_with("at=")).collect();
    format!("{seller}?{}", kept.join("&"))
}

/// Pulls the cable until the buyer has noticed.
fn pull_the_cable(host: &mut Host, buyer: &mut Process) {
    host.unplug();
    buyer.wait_for("disconnected");
    host.plug_in();
}

#[test]
#[ignore = "needs root: cargo xtask nat"]
fn a_purchase_goes_on_after_a_cable_was_pulled() {
    sale_disturbed(Way::Tcp, pull_the_cable);
}

#[test]
#[ignore = "needs root: cargo xtask nat"]
fn a_purchase_through_iroh_goes_on_after_a_cable_was_pulled() {
    sale_disturbed(Way::Iroh, pull_the_cable);
}

#[test]
#[ignore = "needs root: cargo xtask nat"]
fn a_purchase_goes_on_from_another_address() {
    sale_disturbed(Way::Tcp, |host, buyer| {
        host.renumber();
        buyer.wait_for("disconnected");
    });
}

#[test]
#[ignore = "needs root: cargo xtask nat"]
fn a_purchase_through_iroh_goes_on_from_another_address() {
    sale_disturbed(Way::Iroh, |host, _| host.renumber());
}

/// Buys on a line that loses one packet in twenty.
fn sale_with_losses(way: Way) {
    let stage = Stage::new();
    let (near, far) = (stage.lab.host("seller"), stage.lab.host_behind(Router::PortRestricted, "buyer"));
    stage.lab.lose("lost", 5);
    let (_seller, link) = stage.sell(&near, &["--iroh"]);
    let mut buyer = match way {
        Way::Tcp => stage.buy(&far, &link, &[]),
        Way::Iroh => stage.buy(&far, &without_tcp(&link), &["--iroh"]),
    };
    stage.complete(&mut buyer);
    let lost = stage.lab.counted("lost");
    assert!(lost > MOST / 50, "{lost} bytes were lost");
}

#[test]
#[ignore = "needs root: cargo xtask nat"]
fn lost_packets_cost_time_only() {
    sale_with_losses(Way::Tcp);
}

#[test]
#[ignore = "needs root: cargo xtask nat"]
fn lost_packets_cost_time_only_through_iroh() {
    sale_with_losses(Way::Iroh);
}
