//! Electrum, whose Lightning is nobody else's code, and a node of ours that sees the chain through an Electrum server.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use dazaar::payment::Payee as _;
use dazaar_ldk::Chain as ChainSource;
use dazaar_ldk::ldk_node::config::{ChannelConfig, MaxDustHTLCExposure};
use dazaar_ldk::regtest::{PASSWORD, USER, free_port};
use dazaar_pay::lightning::{LightningWallet as _, Outgoing, Spend, read_invoice};
use serde_json::Value;

use super::chain::{Chain, until};
use super::nodes::Side;
use super::trade::{bill, receipt};

/// An Electrum server upon a chain. It ends with this.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    fn start(chain: &Chain, folder: &Path) -> Self {
        let port = free_port().unwrap();
        let cookie = folder.join("cookie");
        std::fs::write(&cookie, format!("{USER}:{PASSWORD}")).unwrap();
        let program =
            std::env::var_os("DAZAAR_ELECTRS").expect("DAZAAR_ELECTRS: run `cargo xtask lightning`");
        let process = Command::new(program)
            .args(["--network", "regtest", "--skip-default-conf-files", "--wait-duration-secs", "1"])
            .arg(format!("--daemon-rpc-addr=127.0.0.1:{}", chain.port()))
            .arg(format!("--electrum-rpc-addr=127.0.0.1:{port}"))
            .arg("--cookie-file")
            .arg(&cookie)
            .arg("--db-dir")
            .arg(folder.join("electrs"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { process, port }
    }

    fn answers(&self) -> bool {
        std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The wallet, which runs in the background until this goes.
struct Electrum {
    folder: PathBuf,
}

impl Electrum {
    async fn start(server: &Server, folder: &Path) -> Self {
        let wallet = Self { folder: folder.join("electrum") };
        wallet.say(&["setconfig", "--offline", "lightning_peers", "[]"]);
        wallet.say(&["setconfig", "--offline", "use_gossip", "true"]);
        wallet.say(&["create", "--offline", "--seed_type", "segwit"]);
        let place = format!("127.0.0.1:{}:t", server.port);
        wallet.say(&["daemon", "-d", "--oneserver", "--server", &place]);
        until("Electrum is connected", || wallet.json(&["getinfo"])["connected"] == true).await;
        wallet.say(&["load_wallet"]);
        wallet
    }

    fn command(&self, words: &[&str]) -> std::process::Output {
        let mut command = Command::new("electrum");
        command.args(["--regtest", "-D"]).arg(&self.folder).args(words);
        command.output().expect("electrum: run `cargo xtask lightning`")
    }

    /// What it answers to a command that must succeed.
    fn say(&self, words: &[&str]) -> String {
        let output = self.command(words);
        let [out, err] =
            [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        assert!(output.status.success(), "{words:?}: {out}{err}");
        out.trim().to_owned()
    }

    /// The same; null if it does not, or says nothing that can be read.
    fn json(&self, words: &[&str]) -> Value {
        serde_json::from_slice(&self.command(words).stdout).unwrap_or_default()
    }

    fn has_coins(&self) -> bool {
        let confirmed = &self.json(&["getbalance"])["confirmed"];
        confirmed.as_str().is_some_and(|coins| coins.parse().is_ok_and(|coins: f64| coins > 1.0))
    }
}

impl Drop for Electrum {
    fn drop(&mut self) {
        self.command(&["stop"]);
    }
}

/// The server thinks that sending anything is very dear, as nothing is ever sent, and then no channel would carry small sums.
fn let_small_sums_through(side: &Side) {
    let node = side.wallet.node();
    for channel in node.list_channels() {
        let config = ChannelConfig {
            max_dust_htlc_exposure: MaxDustHTLCExposure::FixedLimit { limit_msat: 500_000_000 },
            ..channel.config
        };
        node.update_channel_config(&channel.user_channel_id, channel.counterparty_node_id, config).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn electrum_buys_and_is_paid_back() {
    let folder = tempfile::tempdir().unwrap();
    let chain = Chain::start_with(&["-rest=1"]).await;
    // The server waits for a chain that has begun.
    chain.mine(1);
    let server = Server::start(&chain, folder.path());
    until("the server answers", || server.answers()).await;
    let source = ChainSource::Electrum { url: format!("tcp://127.0.0.1:{}", server.port) };
    let seller = Side::start(source, None).await;
    let electrum = Electrum::start(&server, folder.path()).await;
    chain.endow(&[seller.wallet.address().await.unwrap(), electrum.say(&["getunusedaddress"])]);
    until("both have coins", || electrum.has_coins() && seller.has_coins()).await;

    electrum.say(&["open_channel", &seller.peer().to_string(), "0.05"]);
    until("the channel is on its way to the chain", || chain.has_transactions_waiting()).await;
    let_small_sums_through(&seller);
    chain.mine(6);
    until("the channel is open", || {
        seller.is_usable() && electrum.json(&["list_channels"])[0]["state"] == "OPEN"
    })
    .await;

    let bill = bill(1, 200_000);
    let demand = seller.bolt11().demand(&bill).await.unwrap();
    assert_eq!(electrum.json(&["lnpay", &demand.request])["success"], true);
    assert_eq!(receipt(&seller.bolt11(), &bill, &demand.request).await.units, bill.units);

    let asked = electrum.json(&["add_request", "0.0005"]);
    let invoice = asked["lightning_invoice"].as_str().unwrap_or_else(|| panic!("{asked}"));
    let request = read_invoice(invoice).unwrap();
    let spend =
        Spend { invoice: request.invoice, hash: request.hash, msat: request.msat, fee_max_msat: 5_000 };
    let paid = seller.wallet.pay(&spend).await.unwrap();
    assert!(matches!(paid, Outgoing::Paid { fee_msat: 0, .. }), "{paid:?}");
    drop(electrum);
    seller.stop().await;
}
