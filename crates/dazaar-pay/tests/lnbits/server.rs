//! A real LNbits, whose money is its own invention.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dazaar_pay::Secret;
use dazaar_pay::lightning::{Bolt11, Endpoint, LightningSettings, WalletSettings};
use serde_json::{Value, json};

/// The server, which ends with the test.
pub(crate) struct Server {
    process: Child,
    pub(crate) url: String,
    folder: PathBuf,
}

impl Server {
    pub(crate) async fn start(folder: &Path) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
        let venv = root.join("target/interop/lnbits");
        // LNbits looks for its static files here.
        let packages = std::fs::read_dir(venv.join("lib")).expect("run `cargo xtask lightning`").next();
        let packages = packages.unwrap().unwrap().path().join("site-packages");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let process = Command::new(venv.join("bin/lnbits"))
            .args(["--host", "127.0.0.1", "--port", &port])
            .current_dir(packages)
            .env("LNBITS_BACKEND_WALLET_CLASS", "FakeWallet")
            .env("LNBITS_ADMIN_UI", "true")
            .env("LNBITS_DATA_FOLDER", folder)
            .env("AUTH_SECRET_KEY", "test")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { process, url: format!("http://127.0.0.1:{port}"), folder: folder.to_owned() };
        while ureq::get(format!("{}/api/v1/health", server.url)).call().is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        server
    }

    pub(crate) async fn kill_and_start(mut self) -> Self {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        Self::start(&self.folder.clone()).await
    }

    /// The token of the one who runs the server.
    pub(crate) fn install(&self) -> String {
        let user = json!({ "username": "admin", "password": "secret1234", "password_repeat": "secret1234" });
        let answer: Value = ureq::put(format!("{}/api/v1/auth/first_install", self.url))
            .send_json(user)
            .unwrap()
            .body_mut()
            .read_json()
            .unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    pub(crate) fn account(&self, name: &str) -> Value {
        let account = ureq::post(format!("{}/api/v1/account", self.url)).send_json(json!({ "name": name }));
        account.unwrap().body_mut().read_json().unwrap()
    }

    pub(crate) fn give(&self, token: &str, account: &Value, sat: u64) {
        ureq::put(format!("{}/users/api/v1/balance", self.url))
            .header("authorization", format!("Bearer {token}"))
            .send_json(json!({ "id": account["id"], "amount": sat.to_string() }))
            .unwrap();
    }

    /// An invoice of an account's, over so many satoshis.
    pub(crate) fn invoice(&self, account: &Value, sat: u64) -> String {
        let made = ureq::post(format!("{}/api/v1/payments", self.url))
            .header("X-Api-Key", account["inkey"].as_str().unwrap())
            .send_json(json!({ "out": false, "unit": "sat", "amount": sat, "memo": "a refund" }));
        let made: Value = made.unwrap().body_mut().read_json().unwrap();
        made["bolt11"].as_str().unwrap().to_owned()
    }

    pub(crate) fn wallet(&self, account: &Value, key: &str) -> Bolt11 {
        let endpoint = Endpoint { url: self.url.clone(), certificate: None, plain_http: false };
        let key = Secret::new(account[key].as_str().unwrap_or(key));
        let wallet = WalletSettings::Lnbits { endpoint, key };
        LightningSettings { wallet, network: Default::default(), fee: Default::default() }.open().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
