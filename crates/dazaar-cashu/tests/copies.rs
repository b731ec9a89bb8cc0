//! Two programs with one file of coins, and files that are old copies: every coin is somewhere, and nothing is paid twice.

#![allow(clippy::unwrap_used)]

mod mint;
#[allow(dead_code, reason = "this mint answers at once, and as it should")]
mod server;
#[allow(dead_code, reason = "this mint signs what it is asked to")]
#[path = "../src/testing.rs"]
mod testing;

use std::path::PathBuf;

use dazaar::payment::Payee as _;
use dazaar_cashu::{Ecash, Settings};
use dazaar_market::{Asset, MasterKey};
use mint::{Mint, invoice};
use tempfile::TempDir;

/// A mint, and a folder with a file of coins.
struct World {
    mint: Mint,
    folder: TempDir,
}

impl World {
    async fn with(sat: u64) -> Self {
        let world = Self { mint: Mint::start(), folder: TempDir::new().unwrap() };
        fill(&world.open(), sat).await;
        world
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("cashu.db")
    }

    fn open(&self) -> Ecash {
        let settings =
            Settings { mints: vec![self.mint.server.url()], answer_seconds: 20, ..Settings::default() };
        Ecash::open(&self.file(), &MasterKey::new(&[7; 32]), settings).unwrap()
    }

    /// Lives on with the file, and then with a copy of it that was made before.
    async fn go_back(&self, live: impl AsyncFn(&Ecash)) -> Ecash {
        let copy = std::fs::read(self.file()).unwrap();
        let wallet = self.open();
        live(&wallet).await;
        drop(wallet);
        std::fs::write(self.file(), copy).unwrap();
        self.open()
    }

    /// Of every coin that the mint issued and took back from nobody the wallet knows, but for what was given away.
    async fn all_is_there(&self, wallet: &Ecash, given_sat: u64) {
        assert_eq!(own(wallet).await + given_sat, self.mint.circulating());
    }
}

async fn own(wallet: &Ecash) -> u64 {
    wallet.balance().await.unwrap()[0].own_sat
}

async fn fill(wallet: &Ecash, sat: u64) {
    wallet.top_up(sat).await.unwrap();
    assert_eq!(wallet.collect().await.unwrap(), sat);
}

async fn give(wallet: &Ecash, name: &[u8], sat: u64) -> String {
    wallet.refund(name, &Asset::Bitcoin, sat * 1000, "").await.unwrap()
}

#[tokio::test]
async fn an_old_copy_that_is_filled_loses_nothing() {
    // The same coins once more, others in their place, fewer of them, and more.
    for (newer, older) in [(50, 50), (50, 37), (50, 7), (7, 127)] {
        let world = World::with(100).await;
        let wallet = world.go_back(async |wallet| fill(wallet, newer).await).await;
        fill(&wallet, older).await;
        assert_eq!(own(&wallet).await, 100 + newer + older, "{newer} and {older}");
        world.all_is_there(&wallet, 0).await;
        let memory = world.mint.memory.lock().unwrap();
        assert!(memory.issues.values().all(|state| *state == "ISSUED"), "{newer} and {older}");
    }
}

#[tokio::test]
async fn an_old_copy_that_gives_coins_away_loses_nothing() {
    for filled in [1, 63, 127] {
        let world = World::with(100).await;
        let wallet = world.go_back(async |wallet| fill(wallet, filled).await).await;
        let token = give(&wallet, b"a", 30).await;
        // One number is not enough to notice: what is given away has other secrets than what is kept.
        let found = wallet.restore().await.unwrap();
        assert_eq!(found, if filled == 1 { 1 } else { 0 });
        assert_eq!(own(&wallet).await, 70 + filled);
        world.all_is_there(&wallet, 30).await;
        // They are somebody else's, and good.
        assert_eq!(wallet.receive(&token).await.unwrap(), 30);
        world.all_is_there(&wallet, 0).await;
    }
}

#[tokio::test]
async fn an_old_copy_whose_coins_are_spent_finds_what_became_of_them() {
    let world = World::with(100).await;
    let wallet = world.go_back(async |wallet| drop(give(wallet, b"a", 30).await)).await;
    assert_eq!(own(&wallet).await, 100, "as it was then");
    let failed = wallet.refund(b"b", &Asset::Bitcoin, 10_000, "").await.unwrap_err();
    assert!(failed.to_string().contains("spent elsewhere"), "{failed}");
    assert_eq!(own(&wallet).await, 70);
    give(&wallet, b"b", 10).await;
    assert_eq!(own(&wallet).await, 60);
    world.all_is_there(&wallet, 40).await;
}

#[tokio::test]
async fn an_old_copy_that_pays_an_invoice_loses_nothing() {
    let world = World::with(100).await;
    let wallet = world.go_back(async |wallet| fill(wallet, 50).await).await;
    assert_eq!(wallet.cash_out(&invoice(33, "a"), 5).await.unwrap().sat, 33);
    assert_eq!(world.mint.memory.lock().unwrap().paid.len(), 1);
    assert_eq!(own(&wallet).await, 150 - 33);
    world.all_is_there(&wallet, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_programs_that_pay_an_invoice_one_does() {
    for nth in 0..5 {
        let world = World::with(200).await;
        let (one, other) = (world.open(), world.open());
        let invoice = invoice(33, &format!("invoice {nth}"));
        let (first, second) = tokio::join!(one.cash_out(&invoice, 5), other.cash_out(&invoice, 5));
        assert_eq!(first.unwrap(), second.unwrap());
        assert_eq!(world.mint.memory.lock().unwrap().paid, std::slice::from_ref(&invoice));
        assert_eq!(own(&one).await, 200 - 33);
        world.all_is_there(&one, 0).await;
        assert_eq!(world.open().cash_out(&invoice, 5).await.unwrap().sat, 33);
        assert_eq!(world.mint.memory.lock().unwrap().paid.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_programs_that_collect_at_once_get_the_coins_once() {
    for _ in 0..5 {
        let world = World::with(1).await;
        let (one, other) = (world.open(), world.open());
        one.top_up(100).await.unwrap();
        let (first, second) = tokio::join!(one.collect(), other.collect());
        assert!(first.unwrap() + second.unwrap() >= 100);
        assert_eq!(own(&one).await, 101);
        world.all_is_there(&one, 0).await;
        assert_eq!(other.collect().await.unwrap(), 0);
    }
}
