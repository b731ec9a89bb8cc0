//! Channels: opened, closed, and bought at the moment that a payment needs one.

use dazaar::payment::{Payee as _, Payer as _, PaymentError};
use dazaar_ldk::ldk_node::liquidity::LSPS2ServiceConfig;
use dazaar_ldk::ldk_node::{Builder, Node, bitcoin};
use dazaar_ldk::regtest::free_port;
use dazaar_ldk::{Peer, Provider};

use super::chain::{Chain, until};
use super::nodes::Side;
use super::trade::{self, receipt};

/// What a channel holds.
const SAT: u64 = 1_000_000;

async fn endowed(chain: &Chain) -> Side {
    let side = Side::start(chain.source(), None).await;
    chain.endow(&[side.wallet.address().await.unwrap()]);
    until("there are coins", || side.has_coins()).await;
    side
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_are_opened_and_closed_and_what_was_in_them_comes_back() {
    let chain = Chain::start().await;
    let (first, second) = (endowed(&chain).await, endowed(&chain).await);
    let had = first.wallet.standing().await.unwrap();
    assert_eq!((had.spendable_sat, had.channels), (had.chain_sat, Vec::new()));
    let all = first.wallet.open(&second.peer(), had.chain_sat * 2).await;
    assert!(matches!(all, Err(PaymentError::Refused { .. })), "{all:?}");
    let small = first.wallet.open(&second.peer(), 10).await;
    assert!(matches!(small, Err(PaymentError::Unavailable { .. })), "{small:?}");

    let name = first.wallet.open(&second.peer(), SAT).await.unwrap();
    assert!(chain.has_transactions_waiting());
    let standing = first.wallet.standing().await.unwrap();
    let channel = &standing.channels[0];
    assert_eq!((&channel.id, channel.capacity_sat, channel.state), (&name, SAT, "waits for the chain"));
    assert!(standing.spendable_sat < had.spendable_sat - SAT);
    chain.mine(6);
    until("the channel is open", || first.is_usable() && second.is_usable()).await;

    let unknown = first.wallet.close(&"00".repeat(32), false).await;
    assert!(matches!(unknown, Err(PaymentError::Refused { .. })), "{unknown:?}");
    first.wallet.close(&name, false).await.unwrap();
    chain.mine(6);
    let standing = first.wallet.standing().await.unwrap();
    assert_eq!(standing.channels, Vec::new());
    assert!(standing.spendable_sat > had.spendable_sat - 50_000, "{standing:?}");
    let to = second.wallet.address().await.unwrap();
    first.wallet.send_on_chain(&to, None).await.unwrap();
    assert!(chain.has_transactions_waiting());
    let real = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";
    let wrong = first.wallet.send_on_chain(real, Some(1000)).await;
    assert!(matches!(wrong, Err(PaymentError::Refused { .. })), "{wrong:?}");
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_runs_once() {
    let chain = Chain::start().await;
    let side = Side::start(chain.source(), None).await;
    let again = side.twin.wallet().await.map(drop);
    assert!(matches!(again, Err(PaymentError::Unavailable { .. })), "{again:?}");
    side.node.stop().await.unwrap();
    let again = side.node.wallet().await.unwrap();
    assert_eq!(again.node().node_id(), side.wallet.node().node_id());
    side.node.stop().await.unwrap();
}

/// Who sells channels at the moment that a payment needs one, and keeps a hundredth.
struct Shop {
    node: Node,
    peer: Peer,
    _folder: tempfile::TempDir,
}

impl Shop {
    fn start(chain: &Chain) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("127.0.0.1:{}", free_port().unwrap()).parse().unwrap();
        let mut builder = Builder::new();
        chain.look_through(&mut builder);
        builder
            .set_network(bitcoin::Network::Regtest)
            .set_storage_dir_path(folder.path().join("node").to_str().unwrap().to_owned())
            .set_entropy_seed_bytes([200; 64])
            .set_liquidity_provider_lsps2(LSPS2ServiceConfig {
                require_token: None,
                advertise_service: false,
                channel_opening_fee_ppm: 10_000,
                channel_over_provisioning_ppm: 1_000_000,
                min_channel_opening_fee_msat: 0,
                min_channel_lifetime: 100,
                max_client_to_self_delay: 1024,
                min_payment_size_msat: 0,
                max_payment_size_msat: 1_000_000_000,
                client_trusts_lsp: false,
            });
        builder.set_listening_addresses(vec![address]).unwrap();
        let node = builder.build().unwrap();
        node.start().unwrap();
        let peer = Peer { id: node.node_id(), address: node.listening_addresses().unwrap()[0].clone() };
        Self { node, peer, _folder: folder }
    }

    fn has_coins(&self) -> bool {
        let _ = self.node.sync_wallets();
        self.node.list_balances().spendable_onchain_balance_sats > 3 * SAT
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_channel_is_paid_through_one_that_the_payment_buys() {
    let chain = Chain::start().await;
    let shop = tokio::task::block_in_place(|| Shop::start(&chain));
    let buyer = endowed(&chain).await;
    chain.endow(&[shop.node.onchain_payment().new_address().unwrap().to_string()]);
    until("the shop has coins", || tokio::task::block_in_place(|| shop.has_coins())).await;
    buyer.wallet.open(&shop.peer, SAT).await.unwrap();
    chain.mine(6);
    until("the buyer's channel is open", || {
        let _ = tokio::task::block_in_place(|| shop.node.sync_wallets());
        buyer.is_usable() && shop.node.list_channels().iter().any(|channel| channel.is_usable)
    })
    .await;

    let provider = |permille| Some(Provider { peer: shop.peer.clone(), permille });
    let mean = Side::start(chain.source(), provider(1)).await;
    let refused = mean.bolt11().demand(&trade::bill(1, 10_000)).await;
    assert!(matches!(refused, Err(PaymentError::Unavailable { .. })), "{refused:?}");
    mean.stop().await;

    // Nothing on the chain, no channel.
    let seller = Side::start(chain.source(), provider(20)).await;
    let bill = trade::bill(2, 10_000);
    let demand = seller.bolt11().demand(&bill).await.unwrap();
    buyer.bolt11().pay(&bill, &demand.request).await.unwrap();
    // The buyer has paid all of it, whoever kept what.
    assert_eq!(receipt(&seller.bolt11(), &bill, &demand.request).await.units, bill.units);
    assert_eq!(seller.wallet.standing().await.unwrap().channels.len(), 1);
    let got = seller.bolt11().balance().await.unwrap();
    assert!(got < bill.units, "a hundredth was kept: {got}");
    // The next one goes through the same channel, and nothing is kept.
    let next = trade::bill(3, 5_000);
    let demand = seller.bolt11().demand(&next).await.unwrap();
    buyer.bolt11().pay(&next, &demand.request).await.unwrap();
    assert_eq!(receipt(&seller.bolt11(), &next, &demand.request).await.units, next.units);
    assert_eq!(seller.wallet.standing().await.unwrap().channels.len(), 1);

    seller.stop().await;
    buyer.stop().await;
    tokio::task::block_in_place(|| shop.node.stop()).unwrap();
}
