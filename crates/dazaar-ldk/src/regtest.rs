//! A Bitcoin Core with a chain of its own, on which coins cost nothing and are worth nothing: for the demo, and for tests.

use std::env;
use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Says which program it is, if it is not `bitcoind` in the path.
pub const PROGRAM_VARIABLE: &str = "DAZAAR_BITCOIND";

/// Name and password for its RPC.
pub const USER: &str = "user";
/// See [`USER`].
pub const PASSWORD: &str = "password";

/// `user:password`
const AUTHORIZATION: &str = "Basic dXNlcjpwYXNzd29yZA==";

/// Where mined coins go that nobody wants.
const NOBODY: &str = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

/// Blocks after which mined coins can be spent.
const MATURITY: u32 = 100;

/// How long it may take to start on a machine that is busy.
const START_PATIENCE: Duration = Duration::from_secs(180);

/// Pause from one try to reach it to the next.
const TRY_PAUSE: Duration = Duration::from_millis(50);

/// A running Bitcoin Core, on loopback. It ends with this.
#[derive(Debug)]
pub struct Regtest {
    process: Child,
    port: u16,
}

impl Regtest {
    /// Starts it with a new chain in an empty folder, and waits until it answers.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if the program is not installed; others if it does not start.
    pub fn start(folder: &Path) -> io::Result<Self> {
        Self::start_with(folder, &[])
    }

    /// The same with more options.
    ///
    /// # Errors
    /// Those of [`start`](Self::start).
    pub fn start_with(folder: &Path, options: &[&str]) -> io::Result<Self> {
        let port = free_port()?;
        let program = env::var_os(PROGRAM_VARIABLE).unwrap_or_else(|| OsString::from("bitcoind"));
        let process = Command::new(program)
            .arg(format!("-datadir={}", folder.display()))
            .arg(format!("-rpcport={port}"))
            .arg(format!("-rpcuser={USER}"))
            .arg(format!("-rpcpassword={PASSWORD}"))
            .args(["-regtest", "-server", "-txindex", "-listen=0", "-dnsseed=0", "-fixedseeds=0"])
            .args(["-natpmp=0", "-rpcbind=127.0.0.1", "-rpcallowip=127.0.0.1", "-printtoconsole=0"])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let mut chain = Self { process, port };
        let start = Instant::now();
        while let Err(error) = chain.call("getblockcount", &json!([])) {
            if let Some(status) = chain.process.try_wait()? {
                return Err(io::Error::other(format!("bitcoind ends at once: {status}")));
            }
            if start.elapsed() > START_PATIENCE {
                return Err(error);
            }
            std::thread::sleep(TRY_PAUSE);
        }
        Ok(chain)
    }

    /// The port of its RPC.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Mines a block for each address, and enough others that its coins can be spent.
    ///
    /// # Errors
    /// [`io::Error`] if it is gone, or this is no address.
    pub fn endow(&self, addresses: &[String]) -> io::Result<()> {
        addresses.iter().try_for_each(|address| self.mine_for(address, 1))?;
        self.mine(MATURITY)
    }

    /// Mines so many blocks, and nobody gets the coins.
    ///
    /// # Errors
    /// [`io::Error`] if it is gone.
    pub fn mine(&self, blocks: u32) -> io::Result<()> {
        self.mine_for(NOBODY, blocks)
    }

    fn mine_for(&self, address: &str, blocks: u32) -> io::Result<()> {
        self.call("generatetoaddress", &json!([blocks, address])).map(drop)
    }

    /// Whether a transaction waits for a block.
    ///
    /// # Errors
    /// [`io::Error`] if it is gone.
    pub fn has_transactions_waiting(&self) -> io::Result<bool> {
        Ok(self.call("getrawmempool", &json!([]))?.as_array().is_some_and(|waiting| !waiting.is_empty()))
    }

    /// Asks it something: a method of its JSON-RPC, and what that takes.
    ///
    /// # Errors
    /// [`io::Error`] if it is gone or refuses.
    pub fn call(&self, method: &str, parameters: &Value) -> io::Result<Value> {
        let answer = ureq::post(format!("http://127.0.0.1:{}", self.port))
            .header("authorization", AUTHORIZATION)
            .send_json(json!({ "id": 1, "method": method, "params": parameters }));
        let mut answer: Value =
            answer.and_then(|mut answer| answer.body_mut().read_json()).map_err(io::Error::other)?;
        Ok(answer["result"].take())
    }
}

impl Drop for Regtest {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port of loopback on which nobody listens now.
///
/// # Errors
/// [`io::Error`] of the system.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
