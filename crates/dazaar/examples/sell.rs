//! Sells three rows, and one more each second, to everybody: `cargo run --example sell -- <folder>`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dazaar::database::Admission;
use dazaar::{Market, Offer, Seller, SellerOptions, now_ms};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = PathBuf::from(std::env::args().nth(1).ok_or("which folder?")?);
    let exists = Market::keystore(&dir).exists();
    let market = Arc::new(if exists { Market::open(&dir, None)? } else { Market::create(&dir, None, None)? });

    let log = market.own_feed("ticks")?;
    log.append(&["tick 1\n", "tick 2\n", "tick 3\n"])?;
    let folder = market.feed_folder(&log.key());
    let offer = Offer::new(log.key(), "ticks", folder, Admission::Everybody);
    let listing = market.list(offer, now_ms())?;

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string().parse()?;
    println!("cargo run --example buy -- <another folder> '{}'", market.link(&listing, vec![address]));
    let seller = Seller::new(Arc::clone(&market), listing, SellerOptions::default())?;
    tokio::spawn(async move { seller.serve(listener).await });
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let next = log.lock().length() + 1;
        log.append(&[format!("tick {next}\n")])?;
    }
}
