//! A real LNbits, whose money is its own invention: two wallets in it buy and sell. `cargo xtask lightning` installs and runs it.

#![allow(clippy::unwrap_used)]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dazaar::log::IdentityKeyPair;
use dazaar::payment::{Bill, Payee as _, Payer as _, PaymentError};
use dazaar_market::price::Kind;
use dazaar_market::{Asset, Method, Price};
use dazaar_pay::Secret;
use dazaar_pay::lightning::{Bolt11, Endpoint, LightningSettings, Purpose, WalletSettings};
use serde_json::{Value, json};

/// The server, which ends with the test.
struct Server {
    process: Child,
    url: String,
    folder: PathBuf,
}

impl Server {
    async fn start(folder: &Path) -> Self {
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

    async fn kill_and_start(mut self) -> Self {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        Self::start(&self.folder.clone()).await
    }

    /// The token of the one who runs the server.
    fn install(&self) -> String {
        let user = json!({ "username": "admin", "password": "secret1234", "password_repeat": "secret1234" });
        let answer: Value = ureq::put(format!("{}/api/v1/auth/first_install", self.url))
            .send_json(user)
            .unwrap()
            .body_mut()
            .read_json()
            .unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    fn account(&self, name: &str) -> Value {
        let account = ureq::post(format!("{}/api/v1/account", self.url)).send_json(json!({ "name": name }));
        account.unwrap().body_mut().read_json().unwrap()
    }

    fn give(&self, token: &str, account: &Value, sat: u64) {
        ureq::put(format!("{}/users/api/v1/balance", self.url))
            .header("authorization", format!("Bearer {token}"))
            .send_json(json!({ "id": account["id"], "amount": sat.to_string() }))
            .unwrap();
    }

    fn wallet(&self, account: &Value, key: &str) -> Bolt11 {
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

fn bill(order: u8, sat: u64) -> Bill {
    let [seller, buyer] = [1, 2].map(|seed| IdentityKeyPair::from_seed(&[seed; 32]).public());
    Bill {
        order: [order; 16],
        seller,
        buyer,
        method: Method::Bolt11,
        price: Price::new(Asset::Bitcoin, Kind::Free),
        units: sat * 1000,
        pay_to: None,
        memo: format!("dazaar: {seller} {buyer}"),
        expires_ms: dazaar::now_ms() + 600_000,
    }
}

#[tokio::test]
#[ignore = "needs LNbits: run by `cargo xtask lightning`"]
async fn two_wallets_trade_and_each_bill_is_paid_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let token = server.install();
    let [shop, customer] = ["shop", "customer"].map(|name| server.account(name));
    server.give(&token, &customer, 5000);
    let (seller, buyer) = (server.wallet(&shop, "inkey"), server.wallet(&customer, "adminkey"));

    let about = seller.check(Purpose::Receive).await.unwrap();
    assert_eq!((&*about.name, about.can_pay), ("LNbits wallet `shop`", false));
    assert!(matches!(seller.check(Purpose::Pay).await, Err(PaymentError::Refused { .. })));
    assert!(buyer.check(Purpose::Pay).await.unwrap().can_pay);
    assert!(matches!(
        server.wallet(&shop, "wrong").check(Purpose::Receive).await,
        Err(PaymentError::Refused { .. })
    ));
    assert_eq!(buyer.balance().await, Ok(5_000_000));

    let first = bill(1, 1200);
    let demand = seller.demand(&first).await.unwrap();
    assert_eq!(seller.look_up(&first, &demand).await, Ok(Vec::new()));
    let paid = buyer.pay(&first, &demand.request).await.unwrap();
    assert_eq!((&paid.reference, paid.fee), (&demand.handle, 0));
    let receipts = seller.look_up(&first, &demand).await.unwrap();
    assert_eq!(receipts.len(), 1);
    assert_eq!(
        (hex::encode(&receipts[0].reference), receipts[0].units),
        (paid.reference.clone(), first.units)
    );
    assert_eq!(receipts[0].order, Some(first.order));
    assert_eq!(receipts[0].evidence.len(), 32);

    // After a crash of the server everybody knows the same, and nothing is paid again.
    let server = server.kill_and_start().await;
    let (seller, buyer) = (server.wallet(&shop, "inkey"), server.wallet(&customer, "adminkey"));
    assert_eq!(buyer.pay(&first, &demand.request).await, Ok(paid));
    assert_eq!(seller.look_up(&first, &demand).await, Ok(receipts));
    assert_eq!((buyer.balance().await, seller.balance().await), (Ok(3_800_000), Ok(1_200_000)));

    // More than there is, and with a key that may not: refused, and nothing is spent.
    let second = bill(2, 4000);
    let unpaid = seller.demand(&second).await.unwrap();
    for wallet in [&buyer, &seller] {
        let refused = wallet.pay(&second, &unpaid.request).await;
        assert!(matches!(refused, Err(PaymentError::Refused { .. })), "{refused:?}");
    }
    assert_eq!(seller.look_up(&second, &unpaid).await, Ok(Vec::new()));
    assert_eq!(buyer.balance().await, Ok(3_800_000));

    // Whoever does not know a key is told about everybody's payments, which must not be taken for one's own.
    let stranger = server.wallet(&customer, "wrong");
    assert!(matches!(stranger.pay(&first, &demand.request).await, Err(PaymentError::Unavailable { .. })));
    assert!(matches!(stranger.look_up(&first, &demand).await, Err(PaymentError::Unavailable { .. })));
    let fraction = Bill { units: 1_200_500, ..second };
    assert!(matches!(seller.demand(&fraction).await, Err(PaymentError::Refused { .. })));
}
