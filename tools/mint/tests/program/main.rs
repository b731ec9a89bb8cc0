//! Ecash through the program itself: bought, given back, found again, with a seller that is killed while it is paid.

#[path = "../support/mint.rs"]
mod mint;
#[path = "../../../../crates/dazaar-cli/tests/interop/support/process.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod process;

use std::path::{Path, PathBuf};
use std::process::Command;

use mint::Mint;
use process::Process;
use serde_json::{Value, json};

/// Units of a satoshi.
const SAT: u64 = 1000;

/// What the buyer's wallet has at first.
const FUNDS: u64 = 2_000 * SAT;

/// A market for a seller and one for a buyer, each with a wallet at the same mint.
struct Scene {
    folder: tempfile::TempDir,
    mint: Mint,
}

impl Scene {
    fn new() -> Self {
        let scene = Self { folder: tempfile::tempdir().unwrap(), mint: Mint::start(0) };
        for who in ["seller", "buyer"] {
            let mut added = scene.dazaar(who, &["wallet", "add", "coins", "cashu", &scene.mint.url()]);
            added.succeed();
            let wallet = added.last("wallet");
            assert_eq!((&wallet["receives"], &wallet["pays"]), (&json!("cashu"), &json!("cashu")));
        }
        let mut filled = scene.dazaar("buyer", &["wallet", "fill", "coins", "2000 sats"]);
        filled.succeed();
        assert_eq!(filled.last("received")["units"], FUNDS);
        std::fs::write(scene.path("data.csv"), data()).unwrap();
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program with `who`'s market. `cargo xtask cashu` builds it and says where it is.
    fn dazaar(&self, who: &str, arguments: &[&str]) -> Process {
        let program = std::env::var_os("DAZAAR_PROGRAM").expect("DAZAAR_PROGRAM: run `cargo xtask cashu`");
        let mut command = Command::new(program);
        command.env_remove("DAZAAR_LOG").env_remove("DAZAAR_PASSPHRASE").env_remove("DAZAAR_BOOTSTRAP");
        command.env("DAZAAR_NO_LAN", "true").current_dir(self.folder.path());
        // The demo starts a mint of its own.
        command.env("PATH", Path::new(env!("CARGO_BIN_EXE_dazaar-mint")).parent().unwrap());
        command.args(["--json", "--dir", who]).args(arguments);
        Process::start(&format!("dazaar {} ({who})", arguments.join(" ")), command)
    }

    /// A seller who asks one satoshi a second, and how it is reached.
    fn sell(&self) -> (Process, [String; 3]) {
        let words = ["sell", "data.csv", "--blocks", "raw", "--listen", "127.0.0.1:0", "--interval", "50"];
        let mut seller = self.dazaar("seller", &[&words[..], &["--price", "1 sat/second by cashu"]].concat());
        let listening = seller.wait_for("listening");
        let place = ["seller", "address"].map(|field| listening[field].as_str().unwrap().to_owned());
        let [key, address] = place;
        (seller, [key, "--connect".to_owned(), address])
    }

    fn at_seller(&self, verb: &str, place: &[String; 3], rest: &[&str]) -> Process {
        let place: Vec<&str> = place.iter().map(String::as_str).collect();
        self.dazaar("buyer", &[&[verb], &place[..], rest].concat())
    }

    /// Units in a wallet, once what was earned is redeemed.
    fn balance(&self, who: &str) -> u64 {
        let mut asked = self.dazaar(who, &["wallet", "balance"]);
        asked.succeed();
        asked.last("balance")["units"].as_u64().unwrap()
    }

    /// What the seller's ledger says: paid, refunded, left. With what was delivered it adds up.
    fn ledger(&self) -> [u64; 3] {
        let mut report = self.dazaar("seller", &["report"]);
        report.succeed();
        let report = report.last("report");
        let [paid, delivered, refunded, revoked, left] =
            ["paid", "delivered", "refunded", "revoked", "left"].map(|field| report[field].as_u64().unwrap());
        assert_eq!(paid, delivered + left + refunded + revoked);
        [paid, refunded, left]
    }

    fn spent(&self) -> Vec<Value> {
        let mut spent = self.dazaar("buyer", &["wallet", "spent"]);
        spent.succeed();
        spent.seen().iter().filter(|event| event["event"] == "spent").cloned().collect()
    }
}

fn data() -> String {
    let rows = (1..20).map(|row| format!("{row},{}\n", row * row % 1009));
    std::iter::once("time,value\n".to_owned()).chain(rows).collect()
}

#[test]
fn ecash_buys_and_comes_back() {
    let scene = Scene::new();
    let (mut seller, place) = scene.sell();
    let mut buyer = scene.at_seller("buy", &place, &["--pay", "500 sats", "--to", "copy.csv"]);
    assert_eq!(buyer.wait_for("sent")["units"], 500 * SAT);
    assert_eq!(buyer.wait_for("paid")["units"], 500 * SAT);
    buyer.wait_for("done");
    buyer.succeed();
    assert_eq!(std::fs::read_to_string(scene.path("copy.csv")).unwrap(), data());
    assert_eq!(seller.wait_for("buyer-paid")["units"], 500 * SAT);
    assert_eq!(scene.balance("buyer"), FUNDS - 500 * SAT);

    // What is left comes back as a token, though nothing that was earned is redeemed yet.
    let mut refund = scene.at_seller("refund", &place, &["--by", "cashu"]);
    refund.succeed();
    let refunded = refund.last("refunded").clone();
    let back = refunded["units"].as_u64().unwrap();
    let sats = back / SAT * SAT;
    assert!((400 * SAT..500 * SAT).contains(&back), "{back}");
    let mut received = scene.dazaar("buyer", &["wallet", "receive", "coins"]);
    received.say(refunded["proof"].as_str().unwrap());
    received.close_stdin();
    received.succeed();
    assert_eq!(received.last("received")["units"], sats);
    assert_eq!(scene.balance("buyer"), FUNDS - 500 * SAT + sats);
    assert_eq!(scene.balance("seller"), 500 * SAT - sats);
    assert_eq!(scene.ledger(), [500 * SAT, back, 0]);
}

/// Killed when it has asked for coins, when they were sent to it, and when it counted them.
#[test]
fn a_seller_that_is_killed_while_it_is_paid_is_paid_once() {
    for (who, event) in [("seller", "buyer-ordered"), ("buyer", "sent"), ("seller", "buyer-paid")] {
        let scene = Scene::new();
        let (mut seller, place) = scene.sell();
        let mut buyer = scene.at_seller("buy", &place, &["--pay", "100 sats"]);
        if who == "seller" { &mut seller } else { &mut buyer }.wait_for(event);
        seller.kill();
        buyer.kill();
        let (_seller, place) = scene.sell();
        let mut buyer = scene.at_seller("buy", &place, &["--pay", "100 sats"]);
        buyer.wait_for("done");
        buyer.succeed();
        let spent = scene.spent();
        assert_eq!((spent.len(), &spent[0]["state"]), (1, &json!("done")), "{event}");
        assert_eq!(scene.ledger()[0], 100 * SAT, "{event}");
        assert_eq!((scene.balance("seller"), scene.balance("buyer")), (100 * SAT, FUNDS - 100 * SAT));
    }
}

#[test]
fn coins_whose_file_is_lost_are_found_again() {
    let scene = Scene::new();
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(scene.path(&format!("buyer/wallets/coins.coins{suffix}")));
    }
    assert_eq!(scene.balance("buyer"), 0);
    let mut restored = scene.dazaar("buyer", &["wallet", "restore", "coins"]);
    restored.succeed();
    assert_eq!(restored.last("received")["units"], FUNDS);
    assert_eq!(scene.balance("buyer"), FUNDS);
}

#[test]
fn the_demo_pays_with_ecash() {
    let scene = Scene::new();
    let mut demo = scene.dazaar("nobody", &["demo", "--pay", "cashu"]);
    assert!(demo.wait_for("done")["length"].as_u64() > Some(100_000), "{demo}");
    demo.succeed();
}
