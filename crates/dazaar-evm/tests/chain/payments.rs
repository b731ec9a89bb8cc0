//! Payments that go as they should, or nearly.

use std::os::unix::fs::PermissionsExt as _;

use dazaar::database::Finality;
use dazaar::payment::{Payee as _, Payer as _, PaymentError};
use dazaar_evm::{Address, FinalityRule, PayeeSettings, Secret, TokenPayee, read_token};
use dazaar_market::{Asset, Money};

use crate::support::{
    BUYER_KEY, CHAIN, CONFIRMATIONS, FUNDS, SELLER_KEY, World, account, payer, signed, told,
};

#[tokio::test]
async fn a_payment_is_seen_at_once_and_counts_after_enough_blocks() {
    let world = World::new();
    let (payee, payer, bill) = (world.payee(), world.payer(), world.bill(1, 500));
    let (demand, paid) = signed(&payee, &payer, &bill).await;
    let proof = paid.proof.unwrap();
    let taken = payee.take(&bill, &demand, &proof).await.unwrap();
    assert_eq!(told(&taken), [(Finality::Seen, 500, false)]);
    let seen = world.look(&payee, &bill, &demand).await;
    assert_eq!(told(&seen), [(Finality::Seen, 500, true)]);
    world.chain.mine(CONFIRMATIONS - 1);
    let counts = world.look(&payee, &bill, &demand).await;
    assert_eq!(told(&counts), [(Finality::Final, 500, true)]);
    assert_eq!(hex::encode(&counts[0].reference), paid.reference, "both sides call it the same");
    assert_eq!(counts[0].order, Some(bill.order));
    assert_eq!(counts[0].block, world.chain.block(world.chain.height() + 1 - CONFIRMATIONS).to_vec());
    assert_eq!(counts, payee.take(&bill, &demand, &proof).await.unwrap(), "and again");
    assert_eq!(world.paid(), 500);
    assert_eq!(world.chain.transactions(account(SELLER_KEY)), 1);
}

#[tokio::test]
async fn a_payment_can_wait_until_the_chain_itself_calls_it_final() {
    let world = World::new();
    for (nth, finality) in [FinalityRule::Safe, FinalityRule::Finalized].into_iter().enumerate() {
        let records = world.folder.path().join(format!("{finality}.db"));
        let settings = PayeeSettings { finality: Some(finality), records, ..world.payee_settings() };
        let payee = TokenPayee::open(settings).unwrap();
        let bill = world.bill(u8::try_from(nth).unwrap(), 500);
        let (demand, paid) = signed(&payee, &world.payer(), &bill).await;
        payee.take(&bill, &demand, &paid.proof.unwrap()).await.unwrap();
        world.chain.mine(CONFIRMATIONS);
        assert_eq!(told(&world.look(&payee, &bill, &demand).await), [(Finality::Seen, 500, true)]);
        world.chain.mine(100);
        assert_eq!(told(&world.look(&payee, &bill, &demand).await), [(Finality::Final, 500, true)]);
    }
}

#[tokio::test]
async fn records_are_for_their_owner_only() {
    let world = World::new();
    let payee = world.payee();
    payee.demand(&world.bill(1, 500)).await.unwrap();
    for entry in std::fs::read_dir(world.folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
}

#[tokio::test]
async fn a_bill_that_is_paid_again_and_again_is_paid_once() {
    let world = World::new();
    let (payee, payer, bill) = (world.payee(), world.payer(), world.bill(1, 500));
    let (demand, paid) = signed(&payee, &payer, &bill).await;
    payee.take(&bill, &demand, &paid.proof.unwrap()).await.unwrap();
    for _ in 0..3 {
        let again = payer.pay(&bill, &demand.request).await.unwrap();
        assert_eq!(again.reference, paid.reference);
        let receipts = payee.take(&bill, &demand, &again.proof.unwrap()).await.unwrap();
        assert_eq!(receipts.len(), 1);
    }
    assert_eq!(world.paid(), 500);
}

#[tokio::test]
async fn fine_tokens_are_counted_in_billionths() {
    let world = World::with("Dollar", 18);
    let (payee, payer, bill) = (world.payee(), world.payer(), world.bill(1, 7));
    let (demand, paid) = signed(&payee, &payer, &bill).await;
    assert!(demand.request.contains(r#""amount":"7000000000""#), "{}", demand.request);
    payee.take(&bill, &demand, &paid.proof.unwrap()).await.unwrap();
    assert_eq!(told(&world.look(&payee, &bill, &demand).await), [(Finality::Seen, 7, true)]);
    assert_eq!(payer.balance().await.unwrap()[0].units, FUNDS - 7);
}

#[tokio::test]
async fn what_a_token_keeps_was_not_paid() {
    let world = World::with("Taxed", 6);
    let (payee, payer) = (world.payee(), world.payer());
    let bill = world.bill(1, 500);
    let (demand, paid) = signed(&payee, &payer, &bill).await;
    payee.take(&bill, &demand, &paid.proof.unwrap()).await.unwrap();
    assert_eq!(told(&world.look(&payee, &bill, &demand).await), [(Finality::Seen, 495, true)]);
    assert_eq!(world.paid(), 495);
}

#[tokio::test]
async fn wallets_say_who_they_are_and_what_they_have() {
    let world = World::new();
    let [seller, buyer] = [SELLER_KEY, BUYER_KEY].map(account);
    let standing = world.payee().check().await.unwrap();
    assert_eq!((standing.account, standing.pay_to, standing.chain), (seller, Some(seller), CHAIN));
    assert_eq!(world.payer().check().await.unwrap().account, buyer);
    let asset = world.token.asset(CHAIN);
    let has = world.payee().balance().await.unwrap();
    assert_eq!(has[0], Money { asset: asset.clone(), units: 0 });
    assert_eq!(has[1].asset, Asset::Ether { chain: CHAIN });
    assert!(has[1].units > 9_000_000_000_000);
    assert_eq!(world.payer().balance().await.unwrap(), [Money { asset, units: FUNDS }]);
}

#[tokio::test]
async fn a_token_describes_itself_and_what_is_none_is_refused() {
    let world = World::new();
    let node = Secret::new(&world.chain.url);
    assert_eq!(read_token(&node, CHAIN, world.token.contract).await.unwrap(), world.token);
    let plain = World::with("Plain", 6);
    let node = Secret::new(&plain.chain.url);
    for (contract, why) in
        [(plain.token.contract, "EIP-3009"), (account(BUYER_KEY), "does not answer as a token")]
    {
        let error = read_token(&node, CHAIN, contract).await.unwrap_err();
        assert!(matches!(&error, PaymentError::Refused { reason } if reason.contains(why)), "{error}");
    }
    let error = plain.payee().check().await.unwrap_err();
    assert!(matches!(&error, PaymentError::Refused { reason } if reason.contains("EIP-3009")), "{error}");
}

#[tokio::test]
async fn a_wallet_with_wrong_settings_says_what_is_wrong() {
    let world = World::new();
    let broken = async |change: fn(&mut PayeeSettings)| {
        let mut settings = world.payee_settings();
        change(&mut settings);
        TokenPayee::open(settings).unwrap().check().await.unwrap_err().to_string()
    };
    let name = broken(|settings| settings.tokens[0].name = "Euro".to_owned()).await;
    assert!(name.contains("\"Euro\""), "{name}");
    let decimals = broken(|settings| settings.tokens[0].decimals = 18).await;
    assert!(decimals.contains("6 decimals, not 18"), "{decimals}");
    let chain = broken(|settings| settings.chain = 1).await;
    assert!(chain.contains("on chain 31337, the wallet is for chain 1"), "{chain}");
    let poor = broken(|settings| settings.key = Secret::new("77".repeat(32))).await;
    assert!(poor.contains("no coins to pay gas"), "{poor}");
}

#[tokio::test]
async fn somebody_else_may_be_paid_than_who_pays_the_gas() {
    let world = World::new();
    let vault = Address::repeat_byte(0x77);
    let payee = TokenPayee::open(PayeeSettings { pay_to: Some(vault), ..world.payee_settings() }).unwrap();
    let bill = world.bill(1, 500);
    let (demand, paid) = signed(&payee, &world.payer(), &bill).await;
    payee.take(&bill, &demand, &paid.proof.unwrap()).await.unwrap();
    assert_eq!(told(&world.look(&payee, &bill, &demand).await), [(Finality::Seen, 500, true)]);
    assert_eq!(payee.balance().await.unwrap()[0].units, 500);
    let refund = payee.refund(b"1", &world.token.asset(CHAIN), 1, &account(BUYER_KEY).to_string()).await;
    assert!(matches!(refund, Err(PaymentError::Refused { .. })));
}

#[tokio::test]
async fn settings_are_written_and_read_and_never_shown() {
    let world = World::new();
    let settings = world.payee_settings();
    let shown = format!("{settings:?} {:?} {:?}", world.payee(), world.payer());
    for secret in [SELLER_KEY, BUYER_KEY, &world.chain.url] {
        assert!(!shown.contains(secret.trim_start_matches("0x")), "{shown}");
    }
    let json = serde_json::to_string(&settings).unwrap();
    assert_eq!(serde_json::from_str::<PayeeSettings>(&json).unwrap(), settings);
}

#[tokio::test]
async fn an_account_without_money_cannot_pay() {
    let world = World::new();
    let (payee, poor) = (world.payee(), payer(&"55".repeat(32), world.token.clone(), None));
    let bill = world.bill(1, 500);
    let (demand, paid) = signed(&payee, &poor, &bill).await;
    let error = payee.take(&bill, &demand, &paid.proof.unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("has less than this payment"), "{error}");
    assert_eq!(world.look(&payee, &bill, &demand).await, []);
    assert_eq!(world.chain.transactions(account(SELLER_KEY)), 0, "no gas was spent");
}
