//! Another wallet, written by others: `cdk` pays what our seller asks for, and takes what it gives back.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{Mint, Purse, balance, until};
use cdk::Amount;
use cdk::nuts::{Conditions, CurrencyUnit, PaymentMethod, PaymentRequest, SecretKey, SpendingConditions};
use cdk::wallet::{ReceiveOptions, SendOptions, Wallet};
use dazaar::payment::{Payee as _, PaymentError};
use dazaar_market::Asset;
use dazaar_mint::bill;

const PATIENCE: Duration = Duration::from_secs(60);

async fn wallet(mint: &Mint, seed: u8) -> Wallet {
    let store = Arc::new(cdk_sqlite::wallet::memory::empty().await.unwrap());
    let wallet = Wallet::new(&mint.url(), CurrencyUnit::Sat, store, [seed; 64], None).unwrap();
    wallet.disable_rate_limiting();
    wallet
}

async fn filled(mint: &Mint, sat: u64) -> Wallet {
    let wallet = wallet(mint, 1).await;
    let quote = wallet.mint_quote(PaymentMethod::BOLT11, Some(Amount::from(sat)), None, None).await.unwrap();
    wallet.wait_and_mint_quote(quote, Default::default(), Default::default(), PATIENCE).await.unwrap();
    wallet
}

/// What their wallet makes for a lock.
async fn send(wallet: &Wallet, sat: u64, lock: Option<SpendingConditions>) -> String {
    let options = SendOptions { conditions: lock, include_fee: true, ..Default::default() };
    let prepared = wallet.prepare_send(Amount::from(sat), options).await.unwrap();
    prepared.confirm(None).await.unwrap().to_string()
}

/// What the request wants coins locked to, as their wallet reads it.
fn lock_of(request: &str) -> (u64, SpendingConditions) {
    let request: PaymentRequest = request.parse().unwrap();
    let secret: cdk::nuts::Nut10Secret = request.nut10.unwrap().into();
    (request.amount.unwrap().into(), secret.try_into().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn their_wallet_pays_our_seller_while_the_mint_is_down() {
    for fee in [0, 100] {
        let mut mint = Mint::start(fee);
        let ours_purse = Purse::new(1, &mint.url());
        let ours = ours_purse.open();
        let theirs = filled(&mint, 1000).await;
        let bill = bill(1, 300);
        let demand = ours.demand(&bill).await.unwrap();
        let (sat, lock) = lock_of(&demand.request);
        let token = send(&theirs, sat, Some(lock)).await;
        mint.kill();
        let receipts = ours.take(&bill, &demand, &token).await.unwrap();
        assert!(receipts[0].units >= 300_000, "{receipts:?}");
        mint.restart();
        assert!(ours.redeem().await.unwrap().sat >= 300);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn their_wallet_takes_what_we_give_back() {
    let mint = Mint::start(0);
    let ours_purse = Purse::new(1, &mint.url());
    let ours = ours_purse.filled(1000).await;
    let theirs = wallet(&mint, 2).await;
    let plain = ours.refund(b"plain", &Asset::Bitcoin, 30_000, "").await.unwrap();
    let key = SecretKey::generate();
    let locked = ours.refund(b"locked", &Asset::Bitcoin, 40_000, &key.public_key().to_hex()).await.unwrap();
    assert_eq!(theirs.receive(&plain, ReceiveOptions::default()).await.unwrap(), Amount::from(30));
    assert!(theirs.receive(&locked, ReceiveOptions::default()).await.is_err());
    let options = ReceiveOptions { p2pk_signing_keys: vec![key], ..Default::default() };
    assert_eq!(theirs.receive(&locked, options).await.unwrap(), Amount::from(40));
}

/// Version 0.18.3 says that this coin is good; a moment later it is anybody's.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_ends_without_a_refund_key_does_not_count_before_it_is_redeemed() {
    let mut mint = Mint::start(0);
    let ours_purse = Purse::new(1, &mint.url());
    let ours = ours_purse.open();
    let theirs = filled(&mint, 1000).await;
    let bill = bill(1, 8);
    let demand = ours.demand(&bill).await.unwrap();
    let (_, SpendingConditions::P2PKConditions { data, .. }) = lock_of(&demand.request) else {
        panic!("a lock to a key")
    };
    let soon = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 2;
    let ends = Conditions::new(Some(soon), None, None, None, None, None).unwrap();
    let token = send(&theirs, 8, Some(SpendingConditions::new_p2pk(data, Some(ends)))).await;
    let wanted = Conditions { locktime: Some(soon + 3600), refund_keys: Some(vec![]), ..Default::default() };
    let wanted = SpendingConditions::new_p2pk(data, Some(wanted));
    theirs.verify_token_p2pk(&token.parse().unwrap(), wanted).await.expect("their check overlooks it");
    mint.kill();
    let taken = ours.take(&bill, &demand, &token).await;
    assert!(matches!(taken, Err(PaymentError::Unavailable { .. })), "{taken:?}");
    assert_eq!(ours.look_up(&bill, &demand).await.unwrap(), []);
    mint.restart();
    // Their wallet takes the coin back as soon as it is anybody's, and then it never counts.
    until(async || theirs.receive(&token, ReceiveOptions::default()).await.ok()).await;
    assert_eq!(ours.look_up(&bill, &demand).await.unwrap(), []);
    assert_eq!(balance(&ours).await, (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_token_of_their_wallet_counts_once_it_is_redeemed() {
    let mint = Mint::start(0);
    let ours_purse = Purse::new(1, &mint.url());
    let ours = ours_purse.open();
    let theirs = filled(&mint, 1000).await;
    let bill = bill(1, 21);
    let demand = ours.demand(&bill).await.unwrap();
    let token = send(&theirs, 21, None).await;
    assert_eq!(ours.take(&bill, &demand, &token).await.unwrap()[0].units, 21_000);
    assert_eq!(balance(&ours).await, (21, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn their_wallet_restores_our_money_from_the_words() {
    let mint = Mint::start(0);
    let ours_purse = Purse::new(1, &mint.url());
    let ours = ours_purse.filled(1000).await;
    let seed = bip39::Mnemonic::parse_normalized(&ours.words()).unwrap().to_seed_normalized("");
    let store = Arc::new(cdk_sqlite::wallet::memory::empty().await.unwrap());
    let theirs = Wallet::new(&mint.url(), CurrencyUnit::Sat, store, seed, None).unwrap();
    theirs.disable_rate_limiting();
    let restored = theirs.restore().await.unwrap();
    assert_eq!(restored.unspent, Amount::from(1000));
}
