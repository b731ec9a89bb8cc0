//! Buyers of a free feed serve each other, so that its seller sends less.

use crate::support::{Process, Scene, Uplink, text};

/// Rows of what is sold, and bytes of each.
const ROWS: usize = 4000;
const ROW_BYTES: usize = 8000;

/// Processes that buy.
const BUYERS: usize = 10;

/// What the seller's line carries for each buyer, in bytes a second; among themselves they have loopback.
const UPLINK: u32 = 4_000_000;

#[test]
fn the_sellers_upload_falls_as_the_swarm_grows() {
    let scene = Scene::new();
    let mut node = scene.dazaar("node", &["node", "--listen", "127.0.0.1:0"]);
    let bootstrap = text(&node.wait_for("node"), "address");
    let rows: String = (0..ROWS).map(|row| format!("{row:0width$}\n", width = ROW_BYTES - 1)).collect();
    let data = scene.file("data.csv", &rows);
    let uplink = Uplink::new();
    let announced = uplink.port.to_string();
    let options = ["--free", "--bootstrap", &bootstrap, "--announce", &announced];
    let (mut seller, place) = scene.sell(&data, &options);
    uplink.lead_to(&place.address, UPLINK);
    seller.wait_for("announced");

    // Each comes when those before it have everything.
    let buyers: Vec<Process> = (0..BUYERS)
        .map(|nth| {
            // The first has to take everything from the seller, and need not take long.
            let port = if nth == 0 { place.port() } else { &announced };
            let link = format!("dazaar:{}?at=127.0.0.1:{port}", place.seller);
            let words = ["buy", &link, "--live", "--share-on", "127.0.0.1:0", "--bootstrap", &bootstrap];
            let mut buyer = scene.dazaar(&format!("buyer-{nth}"), &words);
            buyer.wait_until("all blocks", |event| event["have"] == ROWS);
            buyer
        })
        .collect();

    seller.interrupt();
    drop(buyers);
    let mut sales = scene.dazaar("seller", &["sales"]);
    sales.succeed();
    let sent: Vec<_> = sales.seen().iter().filter_map(|sale| sale["bytes"].as_u64()).collect();
    assert_eq!(sent.len(), BUYERS, "{sales}");
    let total: u64 = sent.iter().sum();
    let feeds = total as f64 / rows.len() as f64;
    println!("{BUYERS} buyers cost the seller {feeds:.1} feeds: {sent:?}");
    assert!((1.0..BUYERS as f64 / 2.0).contains(&feeds), "the seller sent {feeds:.1} feeds: {sent:?}");
}
