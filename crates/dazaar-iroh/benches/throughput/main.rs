//! What iroh costs: the same feed bought over TCP and through iroh, on loopback, in turns.
//!
//! `cargo bench -p dazaar-iroh`
//!
//! With `-- 50` through iroh only, over a line that takes 50 ms each way; with `-- 50 10` one that loses ten datagrams of a thousand. The
//! endpoints would find the way around it, so a firewall has to let UDP through to the line only, in a network namespace:
//!
//! ```sh
//! ip netns add far && ip -n far link set lo up
//! ip netns exec far nft 'table ip line { chain out { type filter hook output priority 0;
//!     meta l4proto udp ip saddr != 127.0.0.2 ip daddr != 127.0.0.2 drop; }; }'
//! ip netns exec far cargo bench -p dazaar-iroh -- 50
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark fails by panicking")]

mod line;

use std::sync::Arc;
use std::time::{Duration, Instant};

use dazaar::cards::Address;
use dazaar::database::Admission;
use dazaar::transport::Tcp;
use dazaar::{Buyer, BuyerOptions, Market, Offer, Seller, SellerOptions, now_ms};
use dazaar_iroh::{Authorities, IrohDialer, IrohListener, ListenSettings};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use line::{Line, Weather};

const BLOCK_BYTES: usize = 16 * 1024;
const BLOCKS: u64 = 16 * 1024;
const RUNS: usize = 7;
const FAR_RUNS: usize = 3;

#[tokio::main]
async fn main() {
    let folder = TempDir::new().unwrap();
    let market = Arc::new(Market::create(&folder.path().join("seller"), None, None).unwrap());
    let log = market.own_feed("bytes").unwrap();
    let mut number = 1_u64;
    for _ in 0..BLOCKS / 256 {
        let batch: Vec<Vec<u8>> = (0..256).map(|_| noise(&mut number)).collect();
        log.append(&batch).unwrap();
    }
    let offer = Offer::new(log.key(), "bytes", market.feed_folder(&log.key()), Admission::Everybody);
    let listing = market.list(offer, now_ms()).unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place: Address = tcp.local_addr().unwrap().to_string().parse().unwrap();
    let settings = ListenSettings {
        secret: market.master().endpoint(&listing.feed),
        address: "127.0.0.1:0".parse().unwrap(),
        relays: Vec::new(),
        authorities: Authorities::default(),
    };
    let iroh = IrohListener::bind(settings).await.unwrap();
    let bound = iroh.bound();
    // What the test harness of cargo would understand is no number.
    let numbers: Vec<u64> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let line = numbers.first().map(|&ms| {
        let lost = numbers.get(1).copied().unwrap_or(0);
        Line::to(bound, Weather { delay: Duration::from_millis(ms), lost })
    });
    let entrance = line.as_ref().map_or(bound, |line| line.entrance);
    let endpoint = Address::Iroh(iroh.address(&[entrance.to_string().parse().unwrap()]).unwrap());
    let seller = Seller::new(Arc::clone(&market), listing.clone(), SellerOptions::default()).unwrap();
    tokio::spawn(async move { seller.serve_also(tcp, vec![Box::new(iroh)]).await });

    let purchase = async |address: &Address| {
        let dir = TempDir::new_in(folder.path()).unwrap();
        let buyer = Market::create(dir.path(), None, None).unwrap();
        buyer.dial_by(vec![Arc::new(Tcp), Arc::new(IrohDialer::new(&[], Authorities::default()).unwrap())]);
        let link = market.link(&listing, vec![address.clone()]);
        buy(&Buyer::new(Arc::new(buyer), link.into(), BuyerOptions::default()).unwrap()).await
    };
    if let Some(line) = line {
        let mut times = Vec::new();
        for _ in 0..FAR_RUNS {
            let before = line.passed();
            times.push(purchase(&endpoint).await);
            let passed = line.passed() - before;
            assert!(
                passed > BLOCKS * BLOCK_BYTES as u64,
                "only {passed} bytes took the line: the rest went around it"
            );
        }
        println!("iroh  {:7.1} MB/s", speed(&mut times));
        return;
    }
    let mut taken = [Vec::new(), Vec::new()];
    for run in 0..=RUNS {
        for (way, address) in [&place, &endpoint].into_iter().enumerate() {
            let time = purchase(address).await;
            // The first of each warms up.
            if run > 0 {
                taken[way].push(time);
            }
        }
    }
    let [tcp, iroh] = taken.map(|mut times| speed(&mut times));
    println!("TCP   {tcp:7.1} MB/s");
    println!("iroh  {iroh:7.1} MB/s, {:.0} % of TCP", 100.0 * iroh / tcp);
}

/// Megabytes in a second, of the median.
fn speed(times: &mut [Duration]) -> f64 {
    times.sort();
    (BLOCKS as f64 * BLOCK_BYTES as f64) / 1e6 / times[times.len() / 2].as_secs_f64()
}

/// The time from the beginning until everything is here.
async fn buy(buyer: &Buyer) -> Duration {
    let mut notices = buyer.notices();
    let began = Instant::now();
    let changed = Arc::new(Notify::new());
    let buying = async {
        while buyer.feed().is_none() {
            notices.recv().await.unwrap();
        }
        let log = Arc::clone(buyer.feed().unwrap().log());
        log.listen(&changed);
        while log.lock().downloaded() < BLOCKS {
            changed.notified().await;
        }
    };
    tokio::select! {
        () = buying => began.elapsed(),
        end = buyer.run() => panic!("{end}"),
    }
}

fn noise(number: &mut u64) -> Vec<u8> {
    let mut block = Vec::with_capacity(BLOCK_BYTES);
    while block.len() < BLOCK_BYTES {
        *number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        block.extend(number.to_le_bytes());
    }
    block
}
