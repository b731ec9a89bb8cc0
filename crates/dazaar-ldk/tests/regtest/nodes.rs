//! Two nodes with a channel between them, in which each has something.

use dazaar_ldk::{LdkSettings, LdkWallet};
use dazaar_pay::lightning::{Bolt11, FeeLimit, Network};
use tempfile::TempDir;

use super::chain::{Chain, free_port, until};

/// What each side has in the channel at first, in satoshis.
const EACH_SAT: u64 = 1_000_000;

/// A node, and what makes it anew.
pub(crate) struct Side {
    pub(crate) settings: LdkSettings,
    pub(crate) wallet: LdkWallet,
    _folder: TempDir,
}

impl Side {
    async fn start(chain: &Chain) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = LdkSettings {
            folder: folder.path().join("node"),
            seed: LdkSettings::new_seed(),
            network: Network::Regtest,
            chain: chain.source(),
            listen: vec![format!("127.0.0.1:{}", free_port())],
            fee: FeeLimit::default(),
        };
        let wallet = settings.start().await.unwrap();
        Self { settings, wallet, _folder: folder }
    }

    pub(crate) fn bolt11(&self) -> Bolt11 {
        self.settings.bolt11(&self.wallet)
    }

    /// Ends the node, and begins it again from its folder.
    pub(crate) async fn restart(self) -> Self {
        self.wallet.stop().await.unwrap();
        Self { wallet: self.settings.start().await.unwrap(), ..self }
    }

    /// A node that still runs when the test's runtime ends complains.
    pub(crate) async fn stop(self) {
        self.wallet.stop().await.unwrap();
    }

    /// Looks at the chain. It may be looking already: whoever waits for something asks again.
    fn sync(&self) {
        let _ = tokio::task::block_in_place(|| self.wallet.node().sync_wallets());
    }

    fn has_coins(&self) -> bool {
        self.sync();
        self.wallet.node().list_balances().spendable_onchain_balance_sats > 3 * EACH_SAT
    }

    fn is_usable(&self) -> bool {
        self.wallet.node().list_channels().iter().any(|channel| channel.is_usable)
    }
}

/// A seller and a buyer.
pub(crate) async fn pair(chain: &Chain) -> (Side, Side) {
    let (seller, buyer) = (Side::start(chain).await, Side::start(chain).await);
    // Both need something on the chain: channels keep a reserve there.
    for side in [&seller, &buyer] {
        let address = side.wallet.node().onchain_payment().new_address().unwrap();
        chain.mine_for(&address.to_string(), 1);
    }
    chain.mine(101);
    until("both have coins", || seller.has_coins() && buyer.has_coins()).await;
    let peer = seller.wallet.node();
    let address = peer.listening_addresses().unwrap()[0].clone();
    let node = buyer.wallet.clone();
    let peer = peer.node_id();
    let open = move || node.node().open_channel(peer, address, 2 * EACH_SAT, Some(EACH_SAT * 1000), None);
    tokio::task::spawn_blocking(open).await.unwrap().unwrap();
    until("the channel is on its way to the chain", || chain.has_transactions_waiting()).await;
    chain.mine(6);
    let is_open = || {
        seller.sync();
        buyer.sync();
        seller.is_usable() && buyer.is_usable()
    };
    until("the channel is open", is_open).await;
    (seller, buyer)
}

/// Connects two nodes that know each other, and waits for their channel.
pub(crate) async fn reconnect(seller: &Side, buyer: &Side) {
    let (node, peer) = (buyer.wallet.clone(), seller.wallet.node().node_id());
    let address = seller.wallet.node().listening_addresses().unwrap()[0].clone();
    until("the channel is usable again", || {
        // The nodes connect by themselves too, some time.
        let _ = tokio::task::block_in_place(|| node.node().connect(peer, address.clone(), true));
        seller.is_usable() && buyer.is_usable()
    })
    .await;
}
