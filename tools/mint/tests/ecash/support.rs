//! The mint, a road to it that can be cut, and wallets, as real processes on loopback.

#[path = "../support/mint.rs"]
mod mint;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use dazaar_cashu::{Ecash, Settings};
use dazaar_market::MasterKey;

pub use mint::Mint;

/// How long a test waits for something before it fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with a wallet in it.
pub struct Purse {
    folder: tempfile::TempDir,
    master: u8,
    mint: String,
}

impl Purse {
    pub fn new(master: u8, mint: &str) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), master, mint: mint.to_owned() }
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("cashu.db")
    }

    pub fn open(&self) -> Ecash {
        self.open_with(|_| {})
    }

    pub fn open_with(&self, change: impl FnOnce(&mut Settings)) -> Ecash {
        let mut settings = Settings { mints: vec![self.mint.clone()], ..Settings::default() };
        change(&mut settings);
        Ecash::open(&self.file(), &MasterKey::new(&[self.master; 32]), settings).unwrap()
    }

    /// A wallet with so many satoshis.
    pub async fn filled(&self, sat: u64) -> Ecash {
        let wallet = self.open();
        wallet.top_up(sat).await.unwrap();
        until(async || (wallet.collect().await.unwrap() == sat).then_some(())).await;
        wallet
    }

    /// A step of the wallet, in a process of its own.
    pub fn step(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dazaar-wallet"));
        command.arg(self.file()).arg(self.master.to_string()).arg(&self.mint).args(words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// What a step prints.
pub fn outcome(command: &mut Command) -> Result<serde_json::Value, String> {
    let output = command.output().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(serde_json::from_slice(&output.stdout).unwrap())
}

/// Asks until there is an answer.
pub async fn until<T>(ask: impl AsyncFn() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What there is in a wallet with one mint.
pub async fn balance(wallet: &Ecash) -> (u64, u64, u64) {
    let balance = wallet.balance().await.unwrap().remove(0);
    (balance.own_sat, balance.earned_sat, balance.given_sat)
}

/// When the process that asks is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before the mint hears the question.
    Before,
    /// When the mint did what it was asked, and nobody heard the answer.
    After,
}

/// What is waited for on the road.
struct Trap {
    path: String,
    moment: Moment,
    victim: Option<Child>,
}

/// A road to the mint on which the asking process can be killed.
#[derive(Clone)]
pub struct Road {
    url: String,
    mint: String,
    trap: Arc<Mutex<Option<Trap>>>,
}

impl Road {
    pub async fn open(mint: &Mint) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let road = Self { url, mint: mint.url(), trap: Arc::default() };
        let router = axum::Router::new().fallback(travel).with_state(road.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        road
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Starts a step, and kills it with SIGKILL when it asks for `path`. Whether it came to that: else it ended by itself.
    pub async fn kill_at(&self, path: &str, moment: Moment, step: &mut Command) -> bool {
        let trap = Trap { path: path.to_owned(), moment, victim: None };
        // The process cannot ask before it is in the trap, because the lock is held.
        let pid = {
            let mut held = self.trap.lock().unwrap();
            let victim = step.spawn().unwrap();
            let pid = victim.id();
            *held = Some(Trap { victim: Some(victim), ..trap });
            pid
        };
        until(async || {
            let mut held = self.trap.lock().unwrap();
            match held.as_mut() {
                None => Some(true),
                Some(trap) => {
                    let victim = trap.victim.as_mut().unwrap();
                    assert_eq!(victim.id(), pid);
                    let has_ended = victim.try_wait().unwrap().is_some();
                    has_ended.then(|| *held = None).map(|()| false)
                }
            }
        })
        .await
    }

    /// Kills the process that is waited for at this moment of this question.
    fn spring(&self, path: &str, moment: Moment) -> bool {
        let mut held = self.trap.lock().unwrap();
        if !held.as_ref().is_some_and(|trap| trap.path == path && trap.moment == moment) {
            return false;
        }
        let mut victim = held.as_mut().unwrap().victim.take().unwrap();
        victim.kill().unwrap();
        victim.wait().unwrap();
        *held = None;
        true
    }
}

/// Carries a question to the mint and its answer back.
async fn travel(State(road): State<Road>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let cut = || Response::builder().status(StatusCode::BAD_GATEWAY).body(Body::empty()).unwrap();
    if road.spring(&path, Moment::Before) {
        return cut();
    }
    let is_post = request.method() == "POST";
    let body = to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let url = format!("{}{path}", road.mint);
    let answer = tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let answer = if is_post {
            agent.post(url).header("content-type", "application/json").send(&body[..])
        } else {
            agent.get(url).call()
        };
        let mut answer = answer.ok()?;
        Some((answer.status().as_u16(), answer.body_mut().read_to_vec().ok()?))
    });
    let Some((status, body)) = answer.await.unwrap() else { return cut() };
    if road.spring(&path, Moment::After) {
        return cut();
    }
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Body::from(body))
        .unwrap()
}

/// Removes the file of coins, and what SQLite keeps beside it.
pub fn remove(file: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let file = PathBuf::from(format!("{}{suffix}", file.display()));
        if file.exists() {
            std::fs::remove_file(file).unwrap();
        }
    }
}
