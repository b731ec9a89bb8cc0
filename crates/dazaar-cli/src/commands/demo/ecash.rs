//! The demo with ecash: a mint that pays its own invoices, and a wallet each for seller and buyer.

use std::io;
use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::{Demo, bitcoin, lines, path, text, unpack};
use crate::failure::Failure;

/// The program that runs the mint.
const PROGRAM: &str = "dazaar-mint";

/// What the buyer pays for.
const PAID: &str = "600 sats";

pub(super) async fn play(demo: &Demo<'_>) -> Result<(), Failure> {
    let mint = Mint::start(demo.dir).await?;
    demo.say(&format!(
        "A mint runs on {}. Its Lightning pays itself: the coins are worth nothing",
        mint.url
    ))?;
    for who in ["seller", "buyer"] {
        demo.actor(who, &["wallet", "add", "coins", "cashu", &mint.url])?.wait("wallet").await?;
    }
    demo.actor("buyer", &["wallet", "fill", "coins", "2000 sats"])?.wait("received").await?;
    demo.say("Seller and buyer have a wallet there; the buyer's has 2000 sats")?;

    let (csv, copy) = (demo.dir.join("flights.csv"), demo.dir.join("copy.csv"));
    let history = unpack()?;
    std::fs::write(&csv, &history)?;
    demo.introduce(&history)?;
    let sell = ["sell", path(&csv), "--blocks", "raw", "--listen", "127.0.0.1:0", "--interval", "100"];
    let mut seller = demo.actor("seller", &[&sell[..], &["--price", "1 sat/second by cashu"]].concat())?;
    let listening = seller.wait("listening").await?;
    let link = text(&listening["link"]).to_owned();
    demo.say(&format!("The seller asks 1 sat a second, and listens on {}", text(&listening["address"])))?;

    let mut buyer = demo.actor("buyer", &["buy", &link, "--to", path(&copy), "--pay", PAID])?;
    buyer.wait("sent").await?;
    demo.say(&format!("The buyer pays {PAID}: coins that are locked to the seller"))?;
    seller.wait("buyer-paid").await?;
    buyer.wait("paid").await?;
    demo.say("The seller checks them without asking the mint, and they count; the buyer has a receipt")?;
    demo.download(&mut buyer, lines(&history)).await?;
    buyer.wait("done").await?;
    demo.say("All rows are here, each verified against the seller's signature")?;

    let refunded = demo.actor("buyer", &["refund", &link, "--by", "cashu"])?.wait("refunded").await?;
    let mut receiving = demo.actor("buyer", &["wallet", "receive", "coins"])?;
    receiving.tell_last(text(&refunded["proof"])).await?;
    receiving.wait("received").await?;
    demo.say(&format!("What was not used comes back as coins: {}", bitcoin(&refunded["units"])))?;
    for who in ["seller", "buyer"] {
        let balance = demo.actor(who, &["wallet", "balance"])?.wait("balance").await?;
        demo.say(&format!("  the {who} has {}", bitcoin(&balance["units"])))?;
    }
    seller.stop().await?;
    demo.compare(&csv, &copy)
}

/// A running mint. It ends with the demo.
struct Mint {
    _process: Child,
    url: String,
}

impl Mint {
    async fn start(dir: &Path) -> Result<Self, Failure> {
        let folder = dir.join("mint");
        std::fs::create_dir(&folder)?;
        let mut command = Command::new(PROGRAM);
        command.arg(&folder).args(["0", "0"]).stdin(Stdio::null()).stderr(Stdio::null());
        let mut process = match command.stdout(Stdio::piped()).kill_on_drop(true).spawn() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Failure::input(format!("the program `{PROGRAM}` is not installed"))
                    .hint("in the sources of Dazaar: cargo install --locked --path tools/mint"));
            }
            process => process?,
        };
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut line).await?;
        }
        let port: u16 = line.trim().parse().map_err(|_| Failure::input("the mint does not start"))?;
        Ok(Self { _process: process, url: format!("http://127.0.0.1:{port}") })
    }
}
