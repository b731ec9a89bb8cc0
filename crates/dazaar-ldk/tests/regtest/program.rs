//! The program itself with nodes in it: the demo, and a sale whose seller is killed again and again while it is paid.

#[path = "../../../dazaar-cli/tests/interop/support/process.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod process;

use std::path::{Path, PathBuf};
use std::process::Command;

use dazaar_ldk::regtest::{PASSWORD, Regtest, USER, free_port};
use serde_json::Value;

use process::Process;

/// Units of a satoshi.
const SAT: u64 = 1000;

/// What the buyer puts into the channel, in satoshis.
const CHANNEL_SAT: u64 = 500_000;

/// What the buyer pays for, each time: more than has to stay in the channel.
const PAID: &str = "10000 sats";
const PAID_UNITS: u64 = 10_000 * SAT;

/// The exit code if somebody is not reached.
const UNREACHABLE: i32 = 5;

/// When the seller is killed. In the moment in which a payment passes, nodes of ldk close their channel when they come back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Moment {
    Connected,
    Ordered,
    Sent,
    Paid,
}

const MOMENTS: [Moment; 4] = [Moment::Connected, Moment::Ordered, Moment::Sent, Moment::Paid];

/// Markets of a seller and a buyer, with a node each.
struct Scene {
    folder: PathBuf,
    chain: Regtest,
}

impl Scene {
    fn new(folder: &Path) -> Self {
        let core = folder.join("chain");
        std::fs::create_dir(&core).unwrap();
        let chain = Regtest::start(&core).expect("DAZAAR_BITCOIND: run `cargo xtask lightning`");
        std::fs::write(folder.join("rpc"), PASSWORD).unwrap();
        std::fs::write(folder.join("data.csv"), "time,value\n1,2\n3,4\n").unwrap();
        Self { folder: folder.to_owned(), chain }
    }

    /// The program with `who`'s market.
    fn dazaar(&self, who: &str, arguments: &[&str]) -> Process {
        let mut command = program();
        command.current_dir(&self.folder).args(["--json", "--dir", who]).args(arguments);
        Process::start(&format!("dazaar {} ({who})", arguments.join(" ")), command)
    }

    /// What a command says that ends well.
    fn answer(&self, who: &str, arguments: &[&str], event: &str) -> Value {
        let mut process = self.dazaar(who, arguments);
        process.succeed();
        process.last(event).clone()
    }

    /// Gives both sides a node with coins on the chain. Returns where the seller's is.
    fn add_nodes(&self) -> String {
        let place = format!("bitcoind://{USER}@127.0.0.1:{}", self.chain.port());
        let listen = format!("127.0.0.1:{}", free_port().unwrap());
        let add = ["wallet", "add", "mine", "ldk", &place, "--network", "regtest", "--secret-file", "rpc"];
        let mut addresses = Vec::new();
        for (who, more) in [("seller", &["--listen", &listen][..]), ("buyer", &[])] {
            let added = self.answer(who, &[&add[..], more].concat(), "wallet");
            assert!(added["detail"].as_str().unwrap().ends_with("may pay"), "{added}");
            let made = self.answer(who, &["wallet", "node", "mine", "address"], "bitcoin-address");
            addresses.push(made["address"].as_str().unwrap().to_owned());
        }
        self.chain.endow(&addresses).unwrap();
        listen
    }

    /// A seller who asks one satoshi a second, and how it is reached.
    fn sell(&self) -> (Process, [String; 3]) {
        let words = ["sell", "data.csv", "--blocks", "raw", "--follow", "--listen", "127.0.0.1:0"];
        let terms = ["--interval", "50", "--price", "1 sat/second"];
        let mut seller = self.dazaar("seller", &[&words[..], &terms[..]].concat());
        let listening = seller.wait_for("listening");
        let [key, address] = ["seller", "address"].map(|field| listening[field].as_str().unwrap().to_owned());
        (seller, [key, "--connect".to_owned(), address])
    }

    fn buy(&self, place: &[String; 3], rest: &[&str]) -> Process {
        let place: Vec<&str> = place.iter().map(String::as_str).collect();
        self.dazaar("buyer", &[&["buy"], &place[..], rest].concat())
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.join(name)).unwrap()
    }

    /// What the channel of `who` lets pay, with what must stay in it.
    fn channel(&self, who: &str) -> Value {
        self.answer(who, &["wallet", "node", "mine"], "lightning-channel")
    }
}

fn program() -> Command {
    let program = std::env::var_os("DAZAAR_PROGRAM").expect("DAZAAR_PROGRAM: run `cargo xtask lightning`");
    let mut command = Command::new(program);
    command.env_remove("DAZAAR_LOG").env_remove("DAZAAR_PASSPHRASE").env_remove("DAZAAR_BOOTSTRAP");
    command.env("DAZAAR_NO_LAN", "true");
    command
}

#[test]
fn the_demo_pays_over_lightning() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = program();
    command.current_dir(folder.path()).args(["--json", "demo", "--pay", "lightning"]);
    let mut demo = Process::start("dazaar demo", command);
    demo.succeed();
    let done = demo.last("done");
    assert_eq!((done["have"].as_u64(), &done["length"]), (Some(113_494), &done["have"]));
}

#[test]
fn a_seller_who_is_killed_while_it_is_paid_is_paid_once_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let listen = scene.add_nodes();
    let (mut seller, mut place) = scene.sell();
    let node = seller.wait_for("lightning-node")["id"].as_str().unwrap().to_owned();
    // One program at a time: the seller's serves.
    let mut second = scene.dazaar("seller", &["wallet", "balance"]);
    second.fail_with(UNREACHABLE);
    assert!(second.complaints().contains("another program runs this Lightning node"));
    let (peer, amount) = (format!("{node}@{listen}"), format!("{CHANNEL_SAT} sats"));
    scene.answer("buyer", &["wallet", "node", "mine", "open", &peer, &amount], "channel-opened");
    scene.chain.mine(6).unwrap();

    let key = scene.answer("buyer", &["key", "show"], "key")["buyer"].as_str().unwrap().to_owned();
    for moment in MOMENTS {
        let mut buyer = scene.buy(&place, &["--pay", PAID]);
        match moment {
            Moment::Connected => drop(seller.wait_for("buyer-connected")),
            // The buyer's node only begins to look at the chain.
            Moment::Ordered => drop(seller.wait_for("buyer-ordered")),
            Moment::Sent => {
                let has_sent = |event: &Value| event["event"] == "sent" || event["event"] == "paid";
                drop(buyer.wait_until("sent", has_sent));
            }
            Moment::Paid => buyer.succeed(),
        }
        if moment == Moment::Sent {
            buyer.interrupt();
        }
        seller.kill();
        if buyer.is_running() {
            buyer.interrupt();
        }
        (seller, place) = scene.sell();
        seller.wait_for("lightning-node");
        // The same purchase goes on, whatever has become of it.
        let mut again = scene.buy(&place, &["--pay", PAID, "--to", "copy.csv"]);
        again.wait_for("done");
        again.succeed();
        assert_eq!(scene.read("copy.csv"), scene.read("data.csv"));
        // There is something new to pay for.
        scene.answer("seller", &["revoke", &key], "revoked");
        std::fs::write(
            scene.folder.join("data.csv"),
            scene.read("data.csv") + &format!("{},0\n", 10 + moment as u8),
        )
        .unwrap();
    }
    seller.interrupt();
    seller.succeed();

    let mut spent = scene.dazaar("buyer", &["wallet", "spent"]);
    spent.succeed();
    let spent: u64 = spent
        .seen()
        .iter()
        .filter(|event| event["event"] == "spent" && event["state"] == "done")
        .map(|event| event["units"].as_u64().unwrap())
        .sum();
    let report = scene.answer("seller", &["report"], "report");
    assert_eq!(report["paid"].as_u64(), Some(spent), "{report}");
    assert!(
        (PAID_UNITS..=2 * MOMENTS.len() as u64 * PAID_UNITS).contains(&spent)
            && spent.is_multiple_of(PAID_UNITS),
        "{spent}"
    );
    // What the seller has in the channel is what the buyer has lost: all that was paid, once.
    let inbound = scene.channel("buyer")["inbound"].as_u64().unwrap();
    let reserve = CHANNEL_SAT * SAT / 100;
    assert_eq!(inbound + reserve, spent, "in the channel");
}
