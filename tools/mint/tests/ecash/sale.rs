//! A seller and a buyer with a real mint: paid while the mint is down, redeemed, taken back, given back, cashed out, restored.

use crate::support::{Mint, Purse, balance, remove, until};
use cashu::Token;
use dazaar::database::Finality;
use dazaar::payment::{Bill, Paid, Payee as _, Payer as _, PaymentError};
use dazaar_cashu::{Ecash, EcashError, read_request, read_token};
use dazaar_market::Asset;
use dazaar_mint::bill;

/// A bill, paid by the buyer and not handed over yet.
async fn pay_bill(seller: &Ecash, buyer: &Ecash, order: u8, sat: u64) -> (Bill, Paid) {
    let bill = bill(order, sat);
    let demand = seller.demand(&bill).await.unwrap();
    let paid = buyer.pay(&bill, &demand.request).await.unwrap();
    (bill, paid)
}

/// Hands a token over, and returns the references and units of what counts.
async fn take(seller: &Ecash, bill: &Bill, proof: &str) -> Result<Vec<(String, u64)>, PaymentError> {
    let demand = seller.demand(bill).await?;
    let receipts = seller.take(bill, &demand, proof).await?;
    assert!(
        receipts
            .iter()
            .all(|receipt| receipt.finality == Finality::Final && receipt.order == Some(bill.order))
    );
    let looked_up = seller.look_up(bill, &demand).await?;
    assert_eq!(looked_up, receipts, "what was taken is found again");
    Ok(receipts.into_iter().map(|receipt| (hex::encode(receipt.reference), receipt.units)).collect())
}

/// Each coin of a token as a token of its own.
fn coins(token: &str) -> Vec<String> {
    let Token::TokenV4(token) = read_token(token).unwrap() else { panic!("a token of version 4") };
    let [part] = token.token.as_slice() else { panic!("coins of one keyset") };
    let single = |index: usize| {
        let mut one = token.clone();
        one.token[0].proofs = vec![part.proofs[index].clone()];
        one.to_string()
    };
    (0..part.proofs.len()).map(single).collect()
}

fn proofs(token: &str) -> usize {
    read_token(token).unwrap().token_secrets().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_counts_while_the_mint_is_down_and_is_redeemed_later() {
    for fee in [0, 100] {
        let mut mint = Mint::start(fee);
        let (seller, buyer) = (Purse::new(1, &mint.url()), Purse::new(2, &mint.url()));
        let (wallet, payer) = (seller.open(), buyer.filled(2000).await);
        let report = wallet.check().await.unwrap().remove(0);
        assert_eq!((report.name.as_str(), report.fee_thousandths), ("test mint", fee));
        let (bill, paid) = pay_bill(&wallet, &payer, 1, 300).await;
        mint.kill();
        let proof = paid.proof.as_deref().unwrap();
        let first = take(&wallet, &bill, proof).await.unwrap();
        assert_eq!(first, [(paid.reference.clone(), first[0].1)], "both sides call it the same");
        assert!((300_000..303_000).contains(&first[0].1), "{first:?}");
        assert_eq!(take(&wallet, &bill, proof).await.unwrap(), first, "once more is the same");
        assert_eq!(take(&seller.open(), &bill, proof).await.unwrap(), first, "after a restart too");
        assert!(matches!(wallet.redeem().await, Err(EcashError::Mint { .. })));
        mint.restart();
        let redeemed = wallet.redeem().await.unwrap();
        assert!(redeemed.sat * 1000 >= first[0].1 && redeemed.gone_sat == 0, "{redeemed:?}");
        assert_eq!(balance(&wallet).await, (redeemed.sat, 0, 0));
        let (own, _, given) = balance(&payer).await;
        assert_eq!(own * 1000 + paid.fee + 300_000, 2_000_000, "{own} own, {given} given");
        // Nothing is left to do.
        assert_eq!(wallet.redeem().await.unwrap().sat, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn coins_come_one_by_one_and_each_counts_once() {
    let mut mint = Mint::start(0);
    let (seller, buyer) = (Purse::new(1, &mint.url()), Purse::new(2, &mint.url()));
    let (wallet, payer) = (seller.open(), buyer.filled(1000).await);
    let (bill, paid) = pay_bill(&wallet, &payer, 1, 255).await;
    mint.kill();
    let whole = paid.proof.unwrap();
    let single = coins(&whole);
    assert_eq!(single.len(), 8);
    let sum = |receipts: &[(String, u64)]| receipts.iter().map(|receipt| receipt.1).sum::<u64>();
    let mut before = 0;
    for coin in &single[..4] {
        let receipts = take(&wallet, &bill, coin).await.unwrap();
        assert!(sum(&receipts) > before);
        before = sum(&receipts);
        assert_eq!(take(&wallet, &bill, coin).await.unwrap(), receipts);
    }
    let all = take(&wallet, &bill, &whole).await.unwrap();
    assert_eq!((all.len(), sum(&all)), (5, 255_000), "four alone, and the rest together");
    assert_eq!(take(&wallet, &bill, &whole).await.unwrap(), all);
    mint.restart();
    assert_eq!(wallet.redeem().await.unwrap().sat, 255);
    assert_eq!(take(&wallet, &bill, &whole).await.unwrap(), all, "redeemed coins count no more than before");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_order_is_refused() {
    let mint = Mint::start(0);
    let (seller, buyer) = (Purse::new(1, &mint.url()), Purse::new(2, &mint.url()));
    let (wallet, payer) = (seller.open(), buyer.filled(1000).await);
    let (first, paid) = pay_bill(&wallet, &payer, 1, 10).await;
    let proof = paid.proof.unwrap();
    take(&wallet, &first, &proof).await.unwrap();
    let other = take(&wallet, &bill(2, 10), &proof).await;
    assert!(matches!(other, Err(PaymentError::Refused { .. })), "{other:?}");
    // The same with coins that nobody locked.
    let plain = payer.refund(b"x", &Asset::Bitcoin, 10_000, "").await.unwrap();
    assert_eq!(take(&wallet, &bill(3, 10), &plain).await.unwrap()[0].1, 10_000);
    for order in [1, 4] {
        let again = take(&wallet, &bill(order, 10), &plain).await;
        assert!(matches!(again, Err(PaymentError::Refused { .. })), "{again:?}");
    }
    assert_eq!(wallet.redeem().await.unwrap().sat, 10);
    assert_eq!(balance(&wallet).await, (20, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn paying_twice_is_paying_once() {
    let mint = Mint::start(0);
    let (seller, buyer) = (Purse::new(1, &mint.url()), Purse::new(2, &mint.url()));
    let (wallet, payer) = (seller.open(), buyer.filled(1000).await);
    let bill = bill(1, 10);
    let request = wallet.demand(&bill).await.unwrap().request;
    assert_eq!(request, wallet.demand(&bill).await.unwrap().request);
    let other = buyer.open();
    // Who comes while the mint is at it is told to come again.
    let one = until(async || payer.pay(&bill, &request).await.ok());
    let two = until(async || other.pay(&bill, &request).await.ok());
    let (one, two) = tokio::join!(one, two);
    assert!(one == two);
    assert_eq!(balance(&payer).await, (990, 0, 10));
    let stranger = Purse::new(9, &mint.url());
    let stranger = stranger.open().demand(&bill).await.unwrap().request;
    assert!(matches!(payer.pay(&bill, &stranger).await, Err(PaymentError::Refused { .. })), "another lock");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_must_be_what_is_billed() {
    let mint = Mint::start(0);
    let (seller, buyer) = (Purse::new(1, &mint.url()), Purse::new(2, &mint.url()));
    let (wallet, payer) = (seller.open(), buyer.filled(1000).await);
    let request = wallet.demand(&bill(1, 11)).await.unwrap().request;
    assert!(matches!(payer.pay(&bill(1, 10), &request).await, Err(PaymentError::Refused { .. })));
    let request = wallet.demand(&bill(1, 5000)).await.unwrap().request;
    let short = payer.pay(&bill(1, 5000), &request).await;
    assert!(matches!(short, Err(PaymentError::Unavailable { .. })), "it can be filled: {short:?}");
    let mut part = bill(2, 10);
    part.units = 9_001;
    let request = wallet.demand(&part).await.unwrap().request;
    assert_eq!(read_request(&request).unwrap().sat, 10, "rounded up");
    assert_eq!(payer.pay(&part, &request).await.unwrap().fee, 999);
    assert_eq!(balance(&payer).await, (990, 0, 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_token_is_refused_and_forgotten() {
    let mint = Mint::start(0);
    let (seller, buyer) = (Purse::new(1, &mint.url()), Purse::new(2, &mint.url()));
    let (wallet, payer) = (seller.open(), buyer.filled(100).await);
    let plain = payer.refund(b"x", &Asset::Bitcoin, 10_000, "").await.unwrap();
    assert_eq!(payer.receive(&plain).await.unwrap(), 10, "spent by the buyer itself");
    let spent = take(&wallet, &bill(1, 10), &plain).await;
    assert!(matches!(spent, Err(PaymentError::Refused { .. })), "{spent:?}");
    assert_eq!(wallet.look_up(&bill(1, 10), &wallet.demand(&bill(1, 10)).await.unwrap()).await.unwrap(), []);
    assert_eq!(balance(&payer).await, (100, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_limit_coins_are_redeemed_before_they_count() {
    let mut mint = Mint::start(0);
    let (seller, buyer) = (Purse::new(1, &mint.url()), Purse::new(2, &mint.url()));
    let wallet = seller.open_with(|settings| settings.unredeemed_max_sat = 15);
    let payer = buyer.filled(1000).await;
    let (first, one) = pay_bill(&wallet, &payer, 1, 10).await;
    let (second, two) = pay_bill(&wallet, &payer, 2, 10).await;
    mint.kill();
    take(&wallet, &first, &one.proof.unwrap()).await.unwrap();
    let proof = two.proof.unwrap();
    let waits = take(&wallet, &second, &proof).await;
    assert!(matches!(waits, Err(PaymentError::Unavailable { .. })), "{waits:?}");
    let demand = wallet.demand(&second).await.unwrap();
    assert_eq!(wallet.look_up(&second, &demand).await.unwrap(), [], "does not count yet");
    mint.restart();
    assert_eq!(wallet.look_up(&second, &demand).await.unwrap()[0].units, 10_000, "counts by itself");
    assert_eq!(take(&wallet, &second, &proof).await.unwrap()[0].0, two.reference);
    assert_eq!(balance(&wallet).await, (10, 10, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_seller_never_redeems_comes_back() {
    let mint = Mint::start(0);
    let (seller, buyer) = (Purse::new(1, &mint.url()), Purse::new(2, &mint.url()));
    let wallet = seller.open();
    drop(buyer.filled(100).await);
    let long = buyer.open();
    let (_, kept) = pay_bill(&wallet, &long, 1, 10).await;
    let short = buyer.open_with(|settings| settings.lock_hours = 0);
    let (bill, lost) = pay_bill(&wallet, &short, 2, 20).await;
    until(async || (short.take_back().await.unwrap().sat == 20).then_some(())).await;
    assert_eq!(balance(&short).await, (90, 0, 10), "what is locked for longer stays");
    let late = take(&wallet, &bill, &lost.proof.unwrap()).await;
    assert!(matches!(late, Err(PaymentError::Refused { .. })), "{late:?}");
    take(&wallet, &dazaar_mint::bill(1, 10), &kept.proof.unwrap()).await.unwrap();
    assert_eq!(wallet.redeem().await.unwrap().sat, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_lock_counts_once_it_is_redeemed() {
    let mint = Mint::start(0);
    let (seller, buyer) = (Purse::new(1, &mint.url()), Purse::new(2, &mint.url()));
    let wallet = seller.open();
    drop(buyer.filled(100).await);
    let payer = buyer.open_with(|settings| settings.lock_hours = 1);
    let (bill, paid) = pay_bill(&wallet, &payer, 1, 20).await;
    take(&wallet, &bill, &paid.proof.unwrap()).await.unwrap();
    assert_eq!(balance(&wallet).await, (20, 0, 0), "redeemed at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds_go_to_the_buyers_key_once() {
    let mint = Mint::start(0);
    let (seller, buyer) = (Purse::new(1, &mint.url()), Purse::new(2, &mint.url()));
    let (wallet, payer) = (seller.filled(100).await, buyer.open());
    let address = payer.address();
    let give = || wallet.refund(b"refund 1", &Asset::Bitcoin, 30_999, &address);
    let token = give().await.unwrap();
    assert_eq!(give().await.unwrap(), token, "the same again");
    assert_eq!(balance(&wallet).await, (70, 0, 0));
    let thief_purse = Purse::new(3, &mint.url());
    let thief = thief_purse.open();
    assert!(thief.receive(&token).await.is_err(), "locked");
    assert_eq!(payer.receive(&token).await.unwrap(), 30);
    assert!(matches!(payer.receive(&token).await, Err(EcashError::Spent)));
    let other = wallet.refund(b"refund 1", &Asset::Bitcoin, 40_000, "").await;
    assert!(matches!(other, Err(PaymentError::Refused { .. })), "{other:?}");
    let much = wallet.refund(b"refund 2", &Asset::Bitcoin, 71_000, "").await;
    assert!(matches!(much, Err(PaymentError::Unavailable { .. })), "{much:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_earned_pays_lightning_invoices() {
    let (mint, elsewhere) = (Mint::start(0), Mint::start(0));
    let wallet_purse = Purse::new(1, &mint.url());
    let wallet = wallet_purse.filled(100).await;
    // The mints' Lightning pays every invoice, so what is seen here is what the wallet does.
    let payee = Purse::new(2, &elsewhere.url());
    let invoice = payee.open().top_up(60).await.unwrap().invoice;
    let dear = wallet.cash_out(&invoice, 0).await;
    assert!(matches!(dear, Err(EcashError::Amount { .. })), "{dear:?}");
    let done = wallet.cash_out(&invoice, 5).await.unwrap();
    assert_eq!(done.sat, 60);
    assert_eq!(wallet.cash_out(&invoice, 5).await.unwrap(), done, "once");
    let (own, _, _) = balance(&wallet).await;
    assert_eq!(own, 100 - 60 - done.fee_sat, "what was too much came back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_file_is_restored_from_the_master_key() {
    let mint = Mint::start(0);
    let (seller, buyer) = (Purse::new(1, &mint.url()), Purse::new(2, &mint.url()));
    let (wallet, payer) = (seller.open(), buyer.filled(1000).await);
    let plain = payer.refund(b"x", &Asset::Bitcoin, 100_000, "").await.unwrap();
    let (bill, paid) = pay_bill(&wallet, &payer, 1, 300).await;
    drop(payer);
    remove(&buyer.file());
    let payer = buyer.open();
    assert_eq!(balance(&payer).await, (0, 0, 0));
    assert_eq!(payer.restore().await.unwrap(), 600, "but not what was given away");
    assert_eq!(payer.restore().await.unwrap(), 0);
    assert_eq!(balance(&payer).await, (600, 0, 0));
    // New coins do not get the numbers of old ones.
    let (next, again) = pay_bill(&wallet, &payer, 2, 50).await;
    take(&wallet, &next, &again.proof.unwrap()).await.unwrap();
    take(&wallet, &bill, &paid.proof.unwrap()).await.unwrap();
    assert_eq!(wallet.receive(&plain).await.unwrap(), 100);
    assert_eq!(wallet.redeem().await.unwrap().sat, 350);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_copy_of_the_file_does_not_spoil_anything() {
    let mint = Mint::start(0);
    let (seller, buyer) = (Purse::new(1, &mint.url()), Purse::new(2, &mint.url()));
    let wallet = seller.open();
    drop(buyer.filled(1000).await);
    let copy = std::fs::read(buyer.file()).unwrap();
    let payer = buyer.open();
    let (_, first) = pay_bill(&wallet, &payer, 1, 300).await;
    drop(payer);
    remove(&buyer.file());
    std::fs::write(buyer.file(), copy).unwrap();
    // The copy has coins that are spent, and counts from numbers that are used.
    let payer = buyer.open();
    let second = bill(2, 50);
    let request = wallet.demand(&second).await.unwrap().request;
    let failed = payer.pay(&second, &request).await;
    assert!(failed.is_err(), "{:?}", failed.is_ok());
    // The failure took the spent coins out, and found what was change then.
    assert_eq!(balance(&payer).await, (700, 0, 0));
    assert_eq!(payer.restore().await.unwrap(), 0);
    let paid = payer.pay(&second, &request).await.unwrap();
    take(&wallet, &second, &paid.proof.unwrap()).await.unwrap();
    assert_ne!(first.reference, paid.reference);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_somebody_elses_lock_is_refused() {
    let mint = Mint::start(0);
    let (seller, buyer) = (Purse::new(1, &mint.url()), Purse::new(2, &mint.url()));
    let (wallet, payer) = (seller.open(), buyer.filled(100).await);
    let other_seller = Purse::new(5, &mint.url());
    let (_, paid) = pay_bill(&other_seller.open(), &payer, 1, 10).await;
    let token = paid.proof.unwrap();
    assert_eq!(proofs(&token), 2);
    let taken = take(&wallet, &bill(1, 10), &token).await;
    assert!(matches!(taken, Err(PaymentError::Refused { .. })), "{taken:?}");
    let other = Mint::start(0);
    let foreign_purse = Purse::new(2, &other.url());
    let foreign = foreign_purse.filled(100).await;
    let plain = foreign.refund(b"x", &Asset::Bitcoin, 10_000, "").await.unwrap();
    let taken = take(&wallet, &bill(1, 10), &plain).await;
    assert!(matches!(taken, Err(PaymentError::Refused { .. })), "another mint: {taken:?}");
}
