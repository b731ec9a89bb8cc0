//! Buys what a link leads to, and prints every row as it comes: `cargo run --example buy -- <folder> <link>`.

use std::io::{Write as _, stdout};
use std::path::PathBuf;
use std::sync::Arc;

use dazaar::cards::Link;
use dazaar::wire::replication::Download;
use dazaar::{Buyer, BuyerOptions, Market};
use tokio::sync::Notify;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = PathBuf::from(arguments.next().ok_or("which folder?")?);
    let link: Link = arguments.next().ok_or("which link?")?.parse()?;
    let exists = Market::keystore(&dir).exists();
    let market = Arc::new(if exists { Market::open(&dir, None)? } else { Market::create(&dir, None, None)? });

    let options = BuyerOptions { download: Download::Linear, ..BuyerOptions::default() };
    let buyer = Buyer::new(market, link.into(), options)?;
    let connection = buyer.clone();
    tokio::spawn(async move { eprintln!("{}", connection.run().await) });

    let mut notices = buyer.notices();
    let feed = loop {
        match buyer.feed() {
            Some(feed) => break feed,
            None => eprintln!("{:?}", notices.recv().await?),
        }
    };
    let changed = Arc::new(Notify::new());
    feed.log().listen(&changed);
    let mut next = 0;
    loop {
        let rows = feed.log().lock().blocks(next..u64::MAX)?;
        for row in rows.iter() {
            stdout().write_all(row)?;
        }
        next += rows.len() as u64;
        if rows.is_empty() {
            changed.notified().await;
        }
    }
}
