//! A Bitcoin Core with a chain of its own, which ends with the test.

use std::time::{Duration, Instant};

use dazaar_ldk::Chain as ChainSource;
use dazaar_ldk::ldk_node::Builder;
use dazaar_ldk::regtest::{PASSWORD, Regtest, USER};
use dazaar_pay::Secret;
use tempfile::TempDir;

/// The longest that anything here takes on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(180);

pub(crate) struct Chain {
    core: Regtest,
    _folder: TempDir,
}

impl Chain {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(options: &'static [&'static str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let start = move || {
            Regtest::start_with(&path, options).expect("DAZAAR_BITCOIND: run `cargo xtask lightning`")
        };
        let core = tokio::task::spawn_blocking(start).await.unwrap();
        Self { core, _folder: folder }
    }

    pub(crate) fn port(&self) -> u16 {
        self.core.port()
    }

    /// Where nodes find it.
    pub(crate) fn source(&self) -> ChainSource {
        ChainSource::Bitcoind {
            host: "127.0.0.1".to_owned(),
            port: self.core.port(),
            user: USER.to_owned(),
            password: Secret::new(PASSWORD),
        }
    }

    /// Lets a node that is not ours look at it.
    pub(crate) fn look_through(&self, builder: &mut Builder) {
        let (user, password) = (USER.to_owned(), PASSWORD.to_owned());
        builder.set_chain_source_bitcoind_rpc("127.0.0.1".to_owned(), self.core.port(), user, password);
    }

    pub(crate) fn mine(&self, blocks: u32) {
        self.core.mine(blocks).unwrap();
    }

    pub(crate) fn endow(&self, addresses: &[String]) {
        self.core.endow(addresses).unwrap();
    }

    pub(crate) fn has_transactions_waiting(&self) -> bool {
        self.core.has_transactions_waiting().unwrap()
    }
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
