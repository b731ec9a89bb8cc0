//! A Bitcoin Core with a chain of its own, which ends with the test.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dazaar_ldk::Chain as ChainSource;
use dazaar_pay::Secret;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Where mined coins go that nobody wants.
const NOBODY: &str = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

/// The longest that anything here takes on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(180);

pub(crate) struct Chain {
    process: Child,
    port: u16,
    _folder: TempDir,
}

impl Chain {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let program = std::env::var_os("DAZAAR_BITCOIND").map(PathBuf::from);
        let process = Command::new(program.expect("DAZAAR_BITCOIND: run `cargo xtask lightning`"))
            .arg(format!("-datadir={}", folder.path().display()))
            .arg(format!("-rpcport={port}"))
            .args([
                "-regtest",
                "-server",
                "-txindex",
                "-listen=0",
                "-dnsseed=0",
                "-fixedseeds=0",
                "-natpmp=0",
            ])
            .args(["-rpcbind=127.0.0.1", "-rpcallowip=127.0.0.1", "-rpcuser=user", "-rpcpassword=password"])
            .args(["-printtoconsole=0"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let chain = Self { process, port, _folder: folder };
        until("bitcoind answers", || chain.call("getblockcount", json!([])).is_some()).await;
        chain
    }

    /// Where nodes find it.
    pub(crate) fn source(&self) -> ChainSource {
        ChainSource::Bitcoind {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            user: "user".to_owned(),
            password: Secret::new("password"),
        }
    }

    /// Mines `blocks`, and nobody gets the coins.
    pub(crate) fn mine(&self, blocks: u32) {
        self.mine_for(NOBODY, blocks);
    }

    pub(crate) fn mine_for(&self, address: &str, blocks: u32) {
        self.call("generatetoaddress", json!([blocks, address])).unwrap();
    }

    pub(crate) fn has_transactions_waiting(&self) -> bool {
        self.call("getrawmempool", json!([])).is_some_and(|waiting| waiting != json!([]))
    }

    fn call(&self, method: &str, params: Value) -> Option<Value> {
        // user:password
        let answer = ureq::post(format!("http://127.0.0.1:{}", self.port))
            .header("authorization", "Basic dXNlcjpwYXNzd29yZA==")
            .send_json(json!({ "id": 1, "method": method, "params": params }));
        let answer: Value = answer.ok()?.body_mut().read_json().ok()?;
        answer.get("result").filter(|result| !result.is_null()).cloned()
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
