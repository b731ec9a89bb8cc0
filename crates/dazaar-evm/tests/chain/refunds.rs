//! Money that goes back.

use dazaar::payment::{Payee as _, PaymentError};

use dazaar_evm::{PayeeSettings, Secret, TokenPayee};
use serde_json::json;

use crate::support::{
    BUYER_KEY, Behaviour, CHAIN, CONFIRMATIONS, Line, OTHER_KEY, SELLER_KEY, World, account, balance,
    transfer,
};

/// A seller with some money.
fn funded(contract: &str) -> World {
    let world = World::with(contract, 6);
    let [seller, buyer] = [SELLER_KEY, BUYER_KEY].map(account);
    transfer(&world.chain, &world.token, buyer, seller, world.token.amount(1000));
    world
}

#[tokio::test]
async fn a_refund_arrives_once_and_says_which_transaction_it_was() {
    let world = funded("Dollar");
    let (asset, buyer) = (world.token.asset(CHAIN), account(BUYER_KEY));
    let before: u64 = balance(&world.chain, &world.token, buyer).to();
    for _ in 0..2 {
        // Another process of the same seller's, each time.
        let error = world.payee().refund(b"first", &asset, 300, &buyer.to_string()).await.unwrap_err();
        assert!(matches!(error, PaymentError::Unavailable { .. }), "{error}");
    }
    world.chain.mine(CONFIRMATIONS);
    let payee = world.payee();
    let transaction = payee.refund(b"first", &asset, 300, &buyer.to_string()).await.unwrap();
    assert_eq!(payee.refund(b"first", &asset, 300, &buyer.to_string()).await.unwrap(), transaction);
    assert_eq!(transaction.len(), 66);
    assert_eq!(balance(&world.chain, &world.token, buyer).to::<u64>(), before + 300);
    let other = payee.refund(b"first", &asset, 301, &buyer.to_string()).await;
    assert!(matches!(other, Err(PaymentError::Refused { .. })), "the name is taken");
}

#[tokio::test]
async fn a_refund_that_is_forgotten_by_the_chain_is_sent_again_and_not_twice() {
    let world = funded("Dollar");
    let (payee, asset, buyer) = (world.payee(), world.token.asset(CHAIN), account(BUYER_KEY));
    let _ = payee.refund(b"1", &asset, 300, &buyer.to_string()).await;
    world.chain.forget(1);
    world.chain.mine(1);
    assert_eq!(balance(&world.chain, &world.token, account(SELLER_KEY)).to::<u64>(), 1000);
    let _ = payee.refund(b"1", &asset, 300, &buyer.to_string()).await;
    world.chain.mine(CONFIRMATIONS);
    payee.refund(b"1", &asset, 300, &buyer.to_string()).await.unwrap();
    assert_eq!(balance(&world.chain, &world.token, account(SELLER_KEY)).to::<u64>(), 700);
}

#[tokio::test]
async fn a_refund_that_waits_for_a_block_is_not_sent_under_another_number() {
    let world = funded("Dollar");
    let (payee, asset, buyer) = (world.payee(), world.token.asset(CHAIN), account(BUYER_KEY).to_string());
    world.chain.mine_at_once(false);
    for _ in 0..3 {
        payee.refund(b"1", &asset, 300, &buyer).await.unwrap_err();
    }
    world.chain.mine(CONFIRMATIONS);
    payee.refund(b"1", &asset, 300, &buyer).await.unwrap();
    assert_eq!(balance(&world.chain, &world.token, account(SELLER_KEY)).to::<u64>(), 700);
    assert_eq!(world.chain.transactions(account(SELLER_KEY)), 1);
}

#[tokio::test]
async fn a_refund_whose_number_another_program_has_spent_is_sent_once_under_another() {
    let world = funded("Dollar");
    let (payee, asset, buyer) = (world.payee(), world.token.asset(CHAIN), account(BUYER_KEY).to_string());
    let refund = async || payee.refund(b"1", &asset, 300, &buyer).await;
    let left = || balance(&world.chain, &world.token, account(SELLER_KEY)).to::<u64>();
    world.chain.mine_at_once(false);
    refund().await.unwrap_err();
    // Its transaction is lost, and another program with the same account uses its number.
    world.chain.ask("anvil_dropAllTransactions", json!([]));
    world.chain.mine_at_once(true);
    world.chain.send(account(SELLER_KEY), Some(account(OTHER_KEY)), &[], 1);
    world.chain.mine(CONFIRMATIONS - 2);
    refund().await.unwrap_err();
    world.chain.settle();
    assert_eq!(left(), 1000, "the other transaction may still go away, and this one come");
    world.chain.mine(CONFIRMATIONS);
    for _ in 0..2 {
        refund().await.unwrap_err();
        world.chain.settle();
    }
    assert_eq!(left(), 700);
    world.chain.mine(CONFIRMATIONS);
    refund().await.unwrap();
    assert_eq!((left(), world.chain.transactions(account(SELLER_KEY))), (700, 2));
}

#[tokio::test]
async fn a_refund_that_a_node_cannot_find_is_not_sent_again() {
    let world = funded("Dollar");
    let line = Line::new(&world.chain.url);
    let settings = PayeeSettings { node: Secret::new(&line.url), ..world.payee_settings() };
    let payee = TokenPayee::open(settings).unwrap();
    let (asset, buyer) = (world.token.asset(CHAIN), account(BUYER_KEY).to_string());
    payee.refund(b"1", &asset, 300, &buyer).await.unwrap_err();
    world.chain.mine(3 * CONFIRMATIONS);
    // The node knows that the number is spent, and forgot what became of the transaction.
    line.set(Behaviour::Forgetful);
    for _ in 0..3 {
        let error = payee.refund(b"1", &asset, 300, &buyer).await.unwrap_err();
        assert!(error.to_string().contains("see what left the account"), "{error}");
    }
    line.set(Behaviour::Pass);
    payee.refund(b"1", &asset, 300, &buyer).await.unwrap();
    assert_eq!(world.chain.transactions(account(SELLER_KEY)), 1);
}

#[tokio::test]
async fn of_two_processes_that_give_the_same_back_one_does() {
    let world = funded("Dollar");
    let (asset, buyer) = (world.token.asset(CHAIN), account(BUYER_KEY).to_string());
    let payees = [world.payee(), world.payee()];
    // Their questions to the chain alternate.
    let [first, second] = payees.each_ref().map(|payee| payee.refund(b"1", &asset, 300, &buyer));
    let _ = tokio::join!(first, second);
    world.chain.mine(CONFIRMATIONS);
    let transaction = payees[0].refund(b"1", &asset, 300, &buyer).await.unwrap();
    assert_eq!(payees[1].refund(b"1", &asset, 300, &buyer).await.unwrap(), transaction);
    assert_eq!(balance(&world.chain, &world.token, account(SELLER_KEY)).to::<u64>(), 700);
    assert_eq!(world.chain.transactions(account(SELLER_KEY)), 1);
}

#[tokio::test]
async fn what_cannot_be_given_back_is_refused_before_it_is_sent() {
    let world = funded("Dollar");
    let (payee, asset) = (world.payee(), world.token.asset(CHAIN));
    let zero = format!("0x{}", "00".repeat(20));
    let [seller, buyer] = [SELLER_KEY, BUYER_KEY].map(|key| account(key).to_string());
    let contract = world.token.contract.to_string();
    for (units, to) in [(1, "me"), (1, &zero), (1, &seller), (1, &contract), (1001, &buyer)] {
        let error = payee.refund(to.as_bytes(), &asset, units, to).await.unwrap_err();
        assert!(matches!(error, PaymentError::Refused { .. }), "{to}: {error}");
    }
    assert_eq!(world.chain.transactions(account(SELLER_KEY)), 0);
}

#[tokio::test]
async fn a_token_that_says_no_instead_of_failing_is_heard() {
    let world = funded("Polite");
    let (payee, asset) = (world.payee(), world.token.asset(CHAIN));
    let nobody = format!("0x{}dead", "00".repeat(18));
    let error = payee.refund(b"1", &asset, 300, &nobody).await.unwrap_err();
    assert_eq!(error, PaymentError::refused("the token refuses the refund"));
    assert_eq!(world.chain.transactions(account(SELLER_KEY)), 0);
}
