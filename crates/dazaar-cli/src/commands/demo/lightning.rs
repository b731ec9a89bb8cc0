//! The demo with Lightning: a chain of its own, and a node each for seller and buyer, with a channel between them.

use std::io;
use std::path::Path;

use dazaar_ldk::regtest::{PASSWORD, PROGRAM_VARIABLE, Regtest, USER, free_port};

use super::{Demo, bitcoin, lines, path, text, unpack};
use crate::failure::Failure;

/// What the buyer puts into the channel.
const CHANNEL: &str = "500000 sats";

/// What the buyer pays for.
const PAID: &str = "20000 sats";

/// Blocks after which a channel can be used.
const CONFIRMATIONS: u32 = 6;

pub(super) async fn play(demo: &Demo<'_>) -> Result<(), Failure> {
    let chain = start(demo.dir).await?;
    demo.say("Bitcoin Core runs, with a chain of its own: its coins are worth nothing")?;
    let place = format!("bitcoind://{USER}@127.0.0.1:{}", chain.port());
    let (secret, listen) = (demo.dir.join("rpc"), format!("127.0.0.1:{}", free_port()?));
    std::fs::write(&secret, PASSWORD)?;
    let add =
        ["wallet", "add", "mine", "ldk", &place, "--network", "regtest", "--secret-file", path(&secret)];
    let mut addresses = Vec::new();
    for (who, more) in [("seller", &["--listen", &listen][..]), ("buyer", &[])] {
        demo.actor(who, &[&add[..], more].concat())?.answer("wallet").await?;
        let made = demo.actor(who, &["wallet", "node", "mine", "address"])?.answer("bitcoin-address").await?;
        addresses.push(text(&made["address"]).to_owned());
    }
    tokio::task::block_in_place(|| chain.endow(&addresses))?;
    demo.say("Seller and buyer have a Lightning node each, and coins on the chain")?;

    let (csv, copy) = (demo.dir.join("flights.csv"), demo.dir.join("copy.csv"));
    let history = unpack()?;
    std::fs::write(&csv, &history)?;
    demo.introduce(&history)?;
    let sell = ["sell", path(&csv), "--blocks", "raw", "--listen", "127.0.0.1:0", "--interval", "100"];
    let mut seller = demo.actor("seller", &[&sell[..], &["--price", "20 sats/second by bolt11"]].concat())?;
    let listening = seller.wait("listening").await?;
    let link = text(&listening["link"]).to_owned();
    demo.say(&format!("The seller asks 20 sats a second, and listens on {}", text(&listening["address"])))?;
    let node = seller.wait("lightning-node").await?;
    let peer = format!("{}@{listen}", text(&node["id"]));
    let open = ["wallet", "node", "mine", "open", &peer, CHANNEL];
    demo.actor("buyer", &open)?.answer("channel-opened").await?;
    tokio::task::block_in_place(|| chain.mine(CONFIRMATIONS))?;
    demo.say(&format!("The buyer has opened a channel to the seller with {CHANNEL} in it"))?;

    let mut buyer = demo.actor("buyer", &["buy", &link, "--to", path(&copy), "--pay", PAID])?;
    seller.wait("buyer-ordered").await?;
    demo.say(&format!("The buyer's node pays an invoice over {PAID}"))?;
    seller.wait("buyer-paid").await?;
    buyer.wait("paid").await?;
    demo.say("The seller's node has it, and it counts; the buyer has a receipt")?;
    demo.download(&mut buyer, lines(&history)).await?;
    buyer.wait("done").await?;
    demo.say("All rows are here, each verified against the seller's signature")?;
    buyer.stop().await?;
    seller.stop().await?;
    for who in ["seller", "buyer"] {
        let channel = demo.actor(who, &["wallet", "node", "mine"])?.answer("lightning-channel").await?;
        let [outbound, inbound] = ["outbound", "inbound"].map(|side| bitcoin(&channel[side]));
        demo.say(&format!("  the {who} can pay {outbound} through the channel, and be paid {inbound}"))?;
    }
    demo.compare(&csv, &copy)
}

async fn start(dir: &Path) -> Result<Regtest, Failure> {
    let folder = dir.join("chain");
    std::fs::create_dir(&folder)?;
    let started = tokio::task::spawn_blocking(move || Regtest::start(&folder)).await;
    started.map_err(Failure::input)?.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::input("the program `bitcoind` is not installed")
            .hint(format!("get Bitcoin Core from bitcoincore.org, or say where it is: {PROGRAM_VARIABLE}")),
        _ => error.into(),
    })
}
