//! A chain on this machine: the program `anvil`, on a port that it chooses itself.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dazaar_evm::{Address, B256};
use serde_json::{Value, json};

/// The chain's number.
pub(crate) const CHAIN: u64 = 31_337;

/// Keys of accounts that every such chain has, with coins.
pub(crate) const SELLER_KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
pub(crate) const BUYER_KEY: &str = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
pub(crate) const OTHER_KEY: &str = "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a";

/// How long anything may take before the test fails.
const DEADLINE: Duration = Duration::from_secs(60);

/// A running chain. It ends when this is dropped.
pub(crate) struct Anvil {
    child: Child,
    pub(crate) url: String,
    at_once: AtomicBool,
}

impl Anvil {
    pub(crate) fn start() -> Self {
        let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        let program = interop().join(format!("node_modules/@foundry-rs/anvil-linux-{machine}/bin/anvil"));
        let mut child = Command::new(&program)
            .args(["--host", "127.0.0.1", "--port", "0", "--chain-id", &CHAIN.to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask setup`", program.display()));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let address = lines.find_map(|line| Some(line.strip_prefix("Listening on ")?.to_owned())).unwrap();
        // Whoever writes wants to be read.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url: format!("http://{address}"), at_once: AtomicBool::new(true) }
    }

    /// Asks the chain, or tells it what to do.
    pub(crate) fn ask(&self, method: &str, params: Value) -> Value {
        let question = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let answer: Value =
            ureq::post(&self.url).send_json(&question).unwrap().body_mut().read_json().unwrap();
        assert_eq!(answer.get("error"), None, "{method}");
        answer["result"].clone()
    }

    /// Waits until no transaction waits for a block.
    pub(crate) fn settle(&self) {
        let begun = Instant::now();
        while self.at_once.load(Ordering::SeqCst) && self.ask("txpool_status", json!([]))["pending"] != "0x0"
        {
            assert!(begun.elapsed() < DEADLINE, "a transaction is not mined");
        }
    }

    pub(crate) fn mine(&self, blocks: u64) {
        self.settle();
        self.ask("anvil_mine", json!([blocks]));
    }

    /// Forgets the last blocks and what was in them.
    pub(crate) fn forget(&self, blocks: u64) {
        self.settle();
        self.ask("anvil_rollback", json!([blocks]));
    }

    /// Whether transactions are in a block at once, or when it is told to mine.
    pub(crate) fn mine_at_once(&self, at_once: bool) {
        self.ask("evm_setAutomine", json!([at_once]));
        self.at_once.store(at_once, Ordering::SeqCst);
    }

    pub(crate) fn height(&self) -> u64 {
        let text = self.ask("eth_blockNumber", json!([]));
        u64::from_str_radix(text.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
    }

    /// Sends a transaction from one of the chain's own accounts, and returns the contract that it made, if any.
    pub(crate) fn send(&self, from: Address, to: Option<Address>, data: &[u8], wei: u64) -> Option<Address> {
        let mut transaction =
            json!({ "from": from, "data": format!("0x{}", hex::encode(data)), "value": format!("{wei:#x}") });
        if let Some(to) = to {
            transaction["to"] = json!(to);
        }
        let hash = self.ask("eth_sendTransaction", json!([transaction]));
        self.settle();
        let receipt = self.ask("eth_getTransactionReceipt", json!([hash]));
        assert_eq!(receipt["status"], "0x1", "{receipt}");
        serde_json::from_value(receipt["contractAddress"].clone()).unwrap()
    }

    /// How many transactions an account has made.
    pub(crate) fn transactions(&self, account: Address) -> u64 {
        self.settle();
        let text = self.ask("eth_getTransactionCount", json!([account, "latest"]));
        u64::from_str_radix(text.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
    }

    /// The block of this height.
    pub(crate) fn block(&self, height: u64) -> B256 {
        let block = self.ask("eth_getBlockByNumber", json!([format!("{height:#x}"), false]));
        serde_json::from_value(block["hash"].clone()).unwrap()
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The folder of the npm packages.
pub(crate) fn interop() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../interop")
}
