//! Wallets that are killed with SIGKILL between each two steps of a question to the mint, and are asked for the same again.

use crate::support::{Mint, Moment, Purse, Road, balance, outcome, until};
use dazaar::payment::{Payee as _, Payer as _};
use dazaar_market::Asset;
use dazaar_mint::bill;

/// When the wallet is killed, and whether the mint is killed too: then it has only its records to answer from.
const WAYS: [(Moment, bool); 3] = [(Moment::Before, false), (Moment::After, false), (Moment::After, true)];

/// A mint, a road to it, a seller and a buyer.
async fn world() -> (Mint, Road, Purse, Purse) {
    let mint = Mint::start(0);
    let road = Road::open(&mint).await;
    let (seller, buyer) = (Purse::new(1, road.url()), Purse::new(2, road.url()));
    (mint, road, seller, buyer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_that_is_killed_pays_once() {
    for (moment, is_mint_killed) in WAYS {
        let (mut mint, road, seller, buyer) = world().await;
        let wallet = seller.open();
        drop(buyer.filled(100).await);
        let request = wallet.demand(&bill(1, 30)).await.unwrap().request;
        let words = ["pay", "1", "30", &request];
        assert!(road.kill_at("/v1/swap", moment, &mut buyer.step(&words)).await, "{moment:?}");
        if is_mint_killed {
            mint.restart();
        }
        let paid = outcome(&mut buyer.step(&words)).unwrap();
        assert_eq!(outcome(&mut buyer.step(&words)).unwrap(), paid);
        assert_eq!(balance(&buyer.open()).await, (70, 0, 30), "{moment:?}");
        let demand = wallet.demand(&bill(1, 30)).await.unwrap();
        let receipts = wallet.take(&bill(1, 30), &demand, paid["proof"].as_str().unwrap()).await.unwrap();
        assert_eq!(hex::encode(&receipts[0].reference), paid["reference"]);
        assert_eq!(wallet.redeem().await.unwrap().sat, 30);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seller_that_is_killed_counts_once() {
    for (moment, is_mint_killed) in WAYS {
        let (mut mint, road, seller, buyer) = world().await;
        let payer = buyer.filled(100).await;
        // Not locked: it is redeemed before it counts.
        let token = payer.refund(b"x", &Asset::Bitcoin, 30_000, "").await.unwrap();
        let words = ["take", "1", "30", &token];
        assert!(road.kill_at("/v1/swap", moment, &mut seller.step(&words)).await, "{moment:?}");
        if is_mint_killed {
            mint.restart();
        }
        let wallet = seller.open();
        let demand = wallet.demand(&bill(1, 30)).await.unwrap();
        // Nobody hands it over again, and it is found.
        assert_eq!(wallet.look_up(&bill(1, 30), &demand).await.unwrap()[0].units, 30_000, "{moment:?}");
        assert_eq!(outcome(&mut seller.step(&words)).unwrap(), 30_000);
        assert_eq!(balance(&wallet).await, (30, 0, 0), "{moment:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seller_that_is_killed_while_it_redeems_loses_nothing() {
    for (moment, is_mint_killed) in WAYS {
        let (mut mint, road, seller, buyer) = world().await;
        let (wallet, payer) = (seller.open(), buyer.filled(100).await);
        let demand = wallet.demand(&bill(1, 30)).await.unwrap();
        let proof = payer.pay(&bill(1, 30), &demand.request).await.unwrap().proof.unwrap();
        wallet.take(&bill(1, 30), &demand, &proof).await.unwrap();
        assert!(road.kill_at("/v1/swap", moment, &mut seller.step(&["redeem"])).await, "{moment:?}");
        if is_mint_killed {
            mint.restart();
        }
        assert_eq!(balance(&wallet).await, (0, 30, 0));
        outcome(&mut seller.step(&["redeem"])).unwrap();
        assert_eq!(balance(&wallet).await, (30, 0, 0), "{moment:?}");
        assert_eq!(wallet.look_up(&bill(1, 30), &demand).await.unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_is_killed_leaves_once() {
    for (moment, is_mint_killed) in WAYS {
        let (mut mint, road, seller, buyer) = world().await;
        drop(seller.filled(100).await);
        let words = ["refund", "name", "30", ""];
        assert!(road.kill_at("/v1/swap", moment, &mut seller.step(&words)).await, "{moment:?}");
        if is_mint_killed {
            mint.restart();
        }
        let token = outcome(&mut seller.step(&words)).unwrap();
        assert_eq!(outcome(&mut seller.step(&words)).unwrap(), token);
        assert_eq!(balance(&seller.open()).await, (70, 0, 0), "{moment:?}");
        assert_eq!(buyer.open().receive(token.as_str().unwrap()).await.unwrap(), 30);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_that_is_killed_while_it_is_filled_is_filled() {
    for (moment, is_mint_killed) in WAYS {
        let (mut mint, road, _, buyer) = world().await;
        let wallet = buyer.open();
        wallet.top_up(50).await.unwrap();
        // A step that finds the invoice not paid yet ends by itself.
        until(async || {
            let is_killed = road.kill_at("/v1/mint/bolt11", moment, &mut buyer.step(&["collect"])).await;
            is_killed.then_some(())
        })
        .await;
        if is_mint_killed {
            mint.restart();
        }
        assert_eq!(outcome(&mut buyer.step(&["collect"])).unwrap(), 50, "{moment:?}");
        assert_eq!(outcome(&mut buyer.step(&["collect"])).unwrap(), 0);
        assert_eq!(balance(&wallet).await, (50, 0, 0), "{moment:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_is_paid_once_by_a_wallet_that_is_killed() {
    for (moment, is_mint_killed) in WAYS {
        let (mut mint, road, seller, _) = world().await;
        let elsewhere = Mint::start(0);
        let payee_purse = Purse::new(2, &elsewhere.url());
        let payee = payee_purse.open();
        drop(seller.filled(100).await);
        let invoice = payee.top_up(40).await.unwrap().invoice;
        let words = ["cash-out", &invoice];
        assert!(road.kill_at("/v1/melt/bolt11", moment, &mut seller.step(&words)).await, "{moment:?}");
        if is_mint_killed {
            mint.restart();
        }
        assert_eq!(outcome(&mut seller.step(&words)).unwrap(), 40, "{moment:?}");
        assert_eq!(outcome(&mut seller.step(&words)).unwrap(), 40);
        let (own, _, _) = balance(&seller.open()).await;
        assert!((58..=60).contains(&own), "{own} left, {moment:?}");
    }
}
