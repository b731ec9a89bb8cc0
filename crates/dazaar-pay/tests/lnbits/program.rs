//! The program itself with wallets in LNbits: bought, counted once, given back.

#[path = "../../../dazaar-cli/tests/interop/support/process.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod process;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::server::Server;
use process::Process;

/// Units of a satoshi.
const SAT: u64 = 1000;

/// A market for a seller and one for a buyer. Each has two wallets in one account: the first can only receive.
struct Scene {
    folder: PathBuf,
    server: Server,
    customer: Value,
}

impl Scene {
    async fn new(folder: &Path) -> Self {
        let server = Server::start(folder).await;
        let token = server.install();
        let [shop, customer] = ["shop", "customer"].map(|name| server.account(name));
        server.give(&token, &customer, 5000);
        let scene = Self { folder: folder.to_owned(), server, customer: customer.clone() };
        for (who, account) in [("seller", &shop), ("buyer", &customer)] {
            for (name, key, may) in
                [("a-till", "inkey", "can only be paid"), ("b-purse", "adminkey", "may pay")]
            {
                let file = scene.folder.join(format!("{who}-{key}"));
                std::fs::write(&file, account[key].as_str().unwrap()).unwrap();
                let words = ["wallet", "add", name, "lnbits", &scene.server.url, "--secret-file"];
                let mut added = scene.dazaar(who, &[&words[..], &[file.to_str().unwrap()]].concat());
                added.succeed();
                let detail = added.last("wallet")["detail"].as_str().unwrap().to_owned();
                assert!(detail.ends_with(may), "{detail}");
            }
        }
        std::fs::write(scene.folder.join("data.csv"), "time,value\n1,2\n3,4\n").unwrap();
        scene
    }

    /// The program with `who`'s market. `cargo xtask lightning` builds it and says where it is.
    fn dazaar(&self, who: &str, arguments: &[&str]) -> Process {
        let program =
            std::env::var_os("DAZAAR_PROGRAM").expect("DAZAAR_PROGRAM: run `cargo xtask lightning`");
        let mut command = Command::new(program);
        command.env_remove("DAZAAR_LOG").env_remove("DAZAAR_PASSPHRASE").env_remove("DAZAAR_BOOTSTRAP");
        command.env("DAZAAR_NO_LAN", "true").current_dir(&self.folder);
        command.args(["--json", "--dir", who]).args(arguments);
        Process::start(&format!("dazaar {} ({who})", arguments.join(" ")), command)
    }

    /// A seller who asks one satoshi a second, and how it is reached.
    fn sell(&self) -> (Process, [String; 3]) {
        let words = ["sell", "data.csv", "--blocks", "raw", "--listen", "127.0.0.1:0", "--interval", "50"];
        let mut seller = self.dazaar("seller", &[&words[..], &["--price", "1 sat/second"]].concat());
        let listening = seller.wait_for("listening");
        let [key, address] = ["seller", "address"].map(|field| listening[field].as_str().unwrap().to_owned());
        (seller, [key, "--connect".to_owned(), address])
    }

    fn at_seller(&self, verb: &str, place: &[String; 3], rest: &[&str]) -> Process {
        let place: Vec<&str> = place.iter().map(String::as_str).collect();
        self.dazaar("buyer", &[&[verb], &place[..], rest].concat())
    }

    /// Units in a wallet.
    fn balance(&self, who: &str) -> u64 {
        let mut asked = self.dazaar(who, &["wallet", "balance", "b-purse"]);
        asked.succeed();
        asked.last("balance")["units"].as_u64().unwrap()
    }
}

#[tokio::test]
#[ignore = "needs LNbits: run by `cargo xtask lightning`"]
async fn lightning_buys_once_whoever_is_killed_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path()).await;
    let (mut seller, place) = scene.sell();
    let mut buyer = scene.at_seller("buy", &place, &["--pay", "1000 sats"]);
    // The buyer's wallet pays meanwhile, or will.
    seller.wait_for("buyer-ordered");
    seller.kill();
    buyer.kill();
    let (_seller, place) = scene.sell();
    let mut buyer = scene.at_seller("buy", &place, &["--pay", "1000 sats", "--to", "copy.csv"]);
    buyer.wait_for("done");
    buyer.succeed();
    let read = |name| std::fs::read_to_string(scene.folder.join(name)).unwrap();
    assert_eq!(read("copy.csv"), read("data.csv"));
    let mut spent = scene.dazaar("buyer", &["wallet", "spent"]);
    spent.succeed();
    assert_eq!((spent.seen().len(), &spent.last("spent")["state"]), (1, &json!("done")));
    assert_eq!((scene.balance("seller"), scene.balance("buyer")), (1000 * SAT, 4000 * SAT));

    // What is left comes back to an invoice, less what the way may cost; by the wallet that may.
    let mut asked = scene.at_seller("refund", &place, &[]);
    asked.succeed();
    let left = asked.last("left").clone();
    assert_eq!(left["methods"], json!(["bolt11"]));
    let units = left["units"].as_u64().unwrap();
    let sat = (units - (units / 100).max(5 * SAT)) / SAT;
    let invoice = scene.server.invoice(&scene.customer, sat);
    let mut refund = scene.at_seller("refund", &place, &["--by", "bolt11", "--to", &invoice]);
    refund.succeed();
    assert_eq!(refund.last("refunded")["units"], units);
    assert_eq!(scene.balance("buyer"), (4000 + sat) * SAT);
    assert_eq!(scene.balance("seller"), (1000 - sat) * SAT);
}
