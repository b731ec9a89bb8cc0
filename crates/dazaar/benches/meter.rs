//! What counting costs: the same feed is sold to everybody, and to buyers who pay for time, bytes, rows or a range of time. The ways take turns,
//! each beside a sale in which nothing is counted: `cargo bench -p dazaar --bench meter`, and `-- 15` for so many rounds. Seller and buyer are this
//! process: the time of the processor that both took is the same whatever else the machine has to do.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dazaar::cards::price::{Clock, Kind, TimeRange};
use dazaar::cards::{Asset, Decimal, Link, Price, Rate};
use dazaar::contents::{BlockRows, Contents, RowBlocks};
use dazaar::database::{Admission, Finality, Listing, Order, Receipt};
use dazaar::{Buyer, BuyerOptions, Market, Offer, Seller, SellerOptions, SharedLog, now_ms};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// Pairs of sales of each way, unless the command line says otherwise.
const ROUNDS: usize = 9;

/// Blocks of a feed, and bytes of each: many rows that are a block each, and segments of a table.
const FEEDS: [(u64, usize); 2] = [(300_000, 64), (1_500, 64 * 1024)];

type Outcome<T> = Result<T, Box<dyn Error>>;

/// How a buyer pays.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Nothing,
    Time,
    Bytes,
    Rows,
    Range,
}

/// Each block is a row, each a millisecond after the one before.
#[derive(Debug)]
struct Milliseconds;

impl Contents for Milliseconds {
    fn rows(&self, block: u64, bytes: &[u8]) -> Option<BlockRows> {
        let time = i64::try_from(block).ok()? * 1_000_000;
        Some(BlockRows { times: Some((time, time)), ..RowBlocks.rows(block, bytes)? })
    }

    fn has_times(&self) -> bool {
        true
    }
}

impl Way {
    /// The price, if there is one.
    fn price(self) -> Outcome<Option<Price>> {
        let rate = Rate::new(Decimal::new(1, 0), 0, 1)?;
        let kind = match self {
            Self::Nothing => return Ok(None),
            Self::Time => Kind::Time { rate, clock: Clock::Open },
            Self::Bytes => Kind::Bytes { rate },
            Self::Rows => Kind::Records { rate },
            Self::Range => Kind::Range { units: 1, range: "1970 to 1971".parse::<TimeRange>()? },
        };
        Ok(Some(Price::new(Asset::Bitcoin, kind)))
    }
}

/// A seller who is at work.
struct Shop {
    market: Arc<Market>,
    listing: Listing,
    link: Link,
    blocks: u64,
}

impl Shop {
    async fn new(dir: &Path, admission: Admission, (blocks, bytes): (u64, usize)) -> Outcome<Self> {
        let market = Arc::new(Market::create(dir, None, None)?);
        let log = market.own_feed("rows")?;
        for start in (0..blocks).step_by(1000) {
            let rows: Vec<_> = (start..blocks.min(start + 1000))
                .map(|row| [&row.to_be_bytes()[..], &vec![7; bytes - 8]].concat())
                .collect();
            log.append(&rows)?;
        }
        let offer = Offer::new(log.key(), "rows", market.feed_folder(&log.key()), admission);
        let listing = market.list(offer, now_ms())?;
        let contents = |_: &SharedLog| Some(Arc::new(Milliseconds) as Arc<dyn Contents>);
        let options = SellerOptions { contents, ..SellerOptions::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let link = market.link(&listing, vec![listener.local_addr()?.to_string().parse()?]);
        let seller = Seller::new(Arc::clone(&market), listing.clone(), options)?;
        tokio::spawn(async move { seller.serve(listener).await });
        Ok(Self { market, listing, link, blocks })
    }

    /// The time from connecting to the last block on the disk of a new buyer, who has paid enough; and the processor's: seconds.
    async fn sell(&self, way: Way) -> Outcome<[f64; 2]> {
        let dir = tempfile::tempdir()?;
        let market = Arc::new(Market::create(dir.path(), None, None)?);
        if let Some(price) = way.price()? {
            self.pay(&market, price)?;
        }
        let buyer = Buyer::new(market, self.link.clone().into(), BuyerOptions::default())?;
        let (began, used, runner) = (Instant::now(), processor_time(), buyer.clone());
        let running = tokio::spawn(async move { drop(runner.run().await) });
        let changed = Arc::new(Notify::new());
        while buyer.feed().is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if let Some(feed) = buyer.feed() {
            feed.log().listen(&changed);
            while feed.log().lock().downloaded() < self.blocks {
                changed.notified().await;
            }
        }
        let taken = [began.elapsed().as_secs_f64(), processor_time() - used];
        running.abort();
        let _ = running.await;
        Ok(taken)
    }

    fn pay(&self, buyer: &Market, price: Price) -> Outcome<()> {
        let (id, units): ([u8; 16], _) = (dazaar::random_number_128().to_be_bytes(), 1 << 50);
        let (feed, buyer) = (self.listing.feed, buyer.buyer().public());
        let method = "bench".to_owned();
        let order = Order { id, feed, buyer, price, method, units, memo: String::new(), expires_ms: 0 };
        self.market.database().put_order(&order, now_ms())?;
        let receipt = Receipt {
            reference: id.to_vec(),
            block: Vec::new(),
            order: Some(id),
            units,
            finality: Finality::Final,
            evidence: Vec::new(),
        };
        self.market.database().apply("bench", &[receipt], None, now_ms())?;
        Ok(())
    }
}

/// Seconds that the processor has worked for this process.
fn processor_time() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The median, and the quarters around it.
fn quartiles(mut ratios: Vec<f64>) -> [f64; 3] {
    ratios.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| ratios[(ratios.len() - 1) * quarter / 4])
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let rounds = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(ROUNDS);
    println!(
        "{:>8} {:>7} {:>7} {:>12}  of the time without: median, quarters; of the processor's",
        "blocks", "bytes", "pays", "blocks/s"
    );
    for feed in FEEDS {
        let dir = tempfile::tempdir()?;
        let free = Shop::new(&dir.path().join("free"), Admission::Everybody, feed).await?;
        let paid = Shop::new(&dir.path().join("paid"), Admission::Granted, feed).await?;
        for way in [Way::Nothing, Way::Time, Way::Bytes, Way::Rows, Way::Range] {
            let shop = if way == Way::Nothing { &free } else { &paid };
            let (mut ratios, mut of_cpu, mut times) = (Vec::new(), Vec::new(), Vec::new());
            for round in 0..rounds {
                // Whoever comes second finds a warmer machine.
                let (with, without) = if round % 2 == 0 {
                    let without = free.sell(Way::Nothing).await?;
                    (shop.sell(way).await?, without)
                } else {
                    (shop.sell(way).await?, free.sell(Way::Nothing).await?)
                };
                ratios.push(with[0] / without[0]);
                of_cpu.push(with[1] / without[1]);
                times.push(with[0]);
            }
            let [ratio, cpu] = [ratios, of_cpu].map(|ratios| {
                let [low, median, high] = quartiles(ratios);
                format!("{median:.3} ({low:.3} to {high:.3})")
            });
            let per_second = feed.0 as f64 / quartiles(times)[1];
            let way = format!("{way:?}").to_lowercase();
            println!("{:>8} {:>7} {way:>7} {per_second:>10.0}/s  {ratio:<24}  {cpu}", feed.0, feed.1);
        }
    }
    Ok(())
}
