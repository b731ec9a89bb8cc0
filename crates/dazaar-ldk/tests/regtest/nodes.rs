//! Nodes with channels between them.

use std::sync::atomic::{AtomicU8, Ordering};

use dazaar_ldk::regtest::free_port;
use dazaar_ldk::{Chain as ChainSource, LdkNode, LdkSettings, LdkWallet, Peer, Provider, Seed};
use dazaar_pay::lightning::{Bolt11, FeeLimit, Network};
use tempfile::TempDir;

use super::chain::{Chain, until};

/// What each side has in the channel at first, in satoshis.
const EACH_SAT: u64 = 1_000_000;

/// Nodes so far: each has keys of its own.
static NODES: AtomicU8 = AtomicU8::new(0);

/// A node, and what makes it anew.
pub(crate) struct Side {
    pub(crate) node: LdkNode,
    pub(crate) wallet: LdkWallet,
    /// Another node of the same folder.
    pub(crate) twin: LdkNode,
    looks_seldom: bool,
    _folder: TempDir,
}

impl Side {
    pub(crate) async fn start(chain: ChainSource, provider: Option<Provider>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = LdkSettings {
            network: Network::Regtest,
            chain,
            listen: vec![format!("127.0.0.1:{}", free_port().unwrap())],
            provider,
            fee: FeeLimit::default(),
        };
        let looks_seldom = matches!(settings.chain, ChainSource::Electrum { .. });
        let seed = Seed::new([NODES.fetch_add(1, Ordering::Relaxed); 64]);
        let make = || LdkNode::new(settings.clone(), folder.path().join("node"), seed.clone());
        let (node, twin) = (make(), make());
        let wallet = node.wallet().await.unwrap();
        Self { node, wallet, twin, looks_seldom, _folder: folder }
    }

    pub(crate) fn bolt11(&self) -> Bolt11 {
        self.node.bolt11()
    }

    /// Ends the node, and begins it again from its folder.
    pub(crate) async fn restart(self) -> Self {
        self.node.stop().await.unwrap();
        Self { wallet: self.node.wallet().await.unwrap(), ..self }
    }

    /// A node that still runs when the test's runtime ends complains.
    pub(crate) async fn stop(self) {
        self.node.stop().await.unwrap();
    }

    /// Who and where it is.
    pub(crate) fn peer(&self) -> Peer {
        let node = self.wallet.node();
        Peer { id: node.node_id(), address: node.listening_addresses().unwrap()[0].clone() }
    }

    /// Looks at the chain, if the node does so by itself only now and then. It may be looking already: whoever waits for something asks again.
    fn sync(&self) {
        if self.looks_seldom {
            let _ = tokio::task::block_in_place(|| self.wallet.node().sync_wallets());
        }
    }

    pub(crate) fn has_coins(&self) -> bool {
        self.sync();
        self.wallet.node().list_balances().spendable_onchain_balance_sats > 3 * EACH_SAT
    }

    pub(crate) fn is_usable(&self) -> bool {
        self.sync();
        self.wallet.node().list_channels().iter().any(|channel| channel.is_usable)
    }
}

/// A seller and a buyer, who have opened a channel in which both have something.
pub(crate) async fn pair(chain: &Chain) -> (Side, Side) {
    let (seller, buyer) = (Side::start(chain.source(), None).await, Side::start(chain.source(), None).await);
    // Both need something on the chain: channels keep a reserve there.
    chain.endow(&[seller.wallet.address().await.unwrap(), buyer.wallet.address().await.unwrap()]);
    until("both have coins", || seller.has_coins() && buyer.has_coins()).await;
    let (Peer { id, address }, node) = (seller.peer(), buyer.wallet.clone());
    let open = move || node.node().open_channel(id, address, 2 * EACH_SAT, Some(EACH_SAT * 1000), None);
    tokio::task::spawn_blocking(open).await.unwrap().unwrap();
    until("the channel is on its way to the chain", || chain.has_transactions_waiting()).await;
    chain.mine(6);
    until("the channel is open", || seller.is_usable() && buyer.is_usable()).await;
    (seller, buyer)
}

/// Connects two nodes that know each other, and waits for their channel.
pub(crate) async fn reconnect(seller: &Side, buyer: &Side) {
    let (node, Peer { id, address }) = (buyer.wallet.clone(), seller.peer());
    until("the channel is usable again", || {
        // The nodes connect by themselves too, some time.
        let _ = tokio::task::block_in_place(|| node.node().connect(id, address.clone(), true));
        seller.is_usable() && buyer.is_usable()
    })
    .await;
}
