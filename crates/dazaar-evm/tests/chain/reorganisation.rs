//! A chain that forgets its last blocks, and transactions that wait.

use dazaar::database::Finality;
use dazaar::payment::Payee as _;
use dazaar_evm::authorisation::Authorisation;
use dazaar_evm::x402::Payment;
use dazaar_evm::{Key, PayeeSettings, Secret, TokenPayee, U256};
use serde_json::json;

use crate::support::{
    BUYER_KEY, CHAIN, CONFIRMATIONS, OTHER_KEY, SELLER_KEY, World, account, ledger, signed, told,
};

#[tokio::test]
async fn a_payment_whose_block_is_forgotten_is_reversed_and_submitted_again() {
    let world = World::new();
    let (payee, bill) = (world.payee(), world.bill(1, 500));
    let paid_after = ledger(&world, &bill);
    let (demand, paid) = signed(&payee, &world.payer(), &bill).await;
    let taken = payee.take(&bill, &demand, &paid.proof.unwrap()).await.unwrap();
    assert_eq!(paid_after(&taken), 0);
    world.chain.mine(CONFIRMATIONS);
    let first = world.look(&payee, &bill, &demand).await;
    assert_eq!(told(&first), [(Finality::Final, 500, true)]);
    assert_eq!((paid_after(&first), paid_after(&first)), (500, 500));
    world.chain.forget(CONFIRMATIONS + 1);
    for _ in 1..CONFIRMATIONS {
        // Another block is in its place, and may go away as well.
        world.chain.mine(1);
        assert_eq!(told(&world.look(&payee, &bill, &demand).await), [(Finality::Final, 500, true)]);
    }
    world.chain.mine(1);
    assert_eq!(world.paid(), 0);
    let gone = world.look(&payee, &bill, &demand).await;
    assert_eq!(told(&gone), [(Finality::Reversed, 500, true), (Finality::Seen, 500, false)]);
    assert_eq!(gone[0].block, first[0].block);
    assert_eq!(paid_after(&gone), 0);
    let back = world.look(&payee, &bill, &demand).await;
    assert_eq!(told(&back), [(Finality::Seen, 500, true)]);
    assert_ne!(back[0].block, first[0].block);
    assert_eq!(back[0].reference, first[0].reference, "it is the same payment");
    world.chain.mine(CONFIRMATIONS);
    let counts = world.look(&payee, &bill, &demand).await;
    assert_eq!(told(&counts), [(Finality::Final, 500, true)]);
    assert_eq!((world.paid(), paid_after(&counts), paid_after(&counts)), (500, 500, 500));
}

#[tokio::test]
async fn a_payment_that_can_not_be_had_again_stays_reversed() {
    let world = World::new();
    let (payee, bill) = (world.payee(), world.bill(1, 500));
    let (demand, paid) = signed(&payee, &world.payer(), &bill).await;
    payee.take(&bill, &demand, &paid.proof.unwrap()).await.unwrap();
    world.look(&payee, &bill, &demand).await;
    world.chain.forget(1);
    // The buyer's money goes elsewhere meanwhile.
    let all = world.token.amount(crate::support::FUNDS);
    crate::support::transfer(&world.chain, &world.token, account(BUYER_KEY), account(OTHER_KEY), all);
    for _ in 0..3 {
        let gone = world.look(&payee, &bill, &demand).await;
        assert_eq!(gone[0].finality, Finality::Reversed);
        world.chain.mine(CONFIRMATIONS);
    }
    assert_eq!(world.paid(), 0);
}

#[tokio::test]
async fn what_is_signed_anew_is_heard_when_the_chain_forgot_a_payment_that_has_run_out() {
    let world = World::new();
    let settings = PayeeSettings { raise_fee_after_s: 0, ..world.payee_settings() };
    let (payee, payer, bill) = (TokenPayee::open(settings).unwrap(), world.payer(), world.bill(1, 500));
    let (demand, paid) = signed(&payee, &payer, &bill).await;
    let old = paid.proof.unwrap();
    payee.take(&bill, &demand, &old).await.unwrap();
    assert_eq!(told(&world.look(&payee, &bill, &demand).await), [(Finality::Seen, 500, true)]);
    world.chain.forget(1);
    world.chain.ask("anvil_dropAllTransactions", json!([]));
    world.chain.ask("evm_increaseTime", json!([3_700]));
    world.chain.mine(CONFIRMATIONS);
    assert_eq!(told(&world.look(&payee, &bill, &demand).await), [(Finality::Reversed, 500, true)]);
    // Another signature for the same order, which is good for longer.
    let Payment { accepted, payload, .. } = Payment::parse(&old).unwrap();
    let valid_before = payload.authorization.valid_before + U256::from(7_200);
    let anew = Authorisation { valid_before, ..payload.authorization };
    let anew = anew.sign(&Key::parse(&Secret::new(BUYER_KEY)).unwrap(), &world.token, CHAIN).unwrap();
    let proof = serde_json::to_string(&Payment::new(accepted, anew)).unwrap();
    payee.take(&bill, &demand, &proof).await.unwrap();
    for _ in 0..2 {
        world.look(&payee, &bill, &demand).await;
        world.chain.mine(CONFIRMATIONS);
    }
    assert_eq!(told(&world.look(&payee, &bill, &demand).await).last(), Some(&(Finality::Final, 500, true)));
    assert_eq!((world.paid(), world.chain.transactions(account(SELLER_KEY))), (500, 1));
    // It comes again, and is known.
    payee.take(&bill, &demand, &proof).await.unwrap();
    assert_eq!(world.paid(), 500);
}

#[tokio::test]
async fn a_fee_that_is_too_low_is_raised() {
    let world = World::new();
    let settings = PayeeSettings { raise_fee_after_s: 0, ..world.payee_settings() };
    let (payee, bill) = (TokenPayee::open(settings).unwrap(), world.bill(1, 500));
    let (demand, paid) = signed(&payee, &world.payer(), &bill).await;
    world.chain.mine_at_once(false);
    payee.take(&bill, &demand, &paid.proof.unwrap()).await.unwrap();
    let fee = || {
        let pool = world.chain.ask("txpool_content", json!([]));
        let waiting =
            pool["pending"].as_object().unwrap().values().next().unwrap().as_object().unwrap().clone();
        assert_eq!(waiting.len(), 1, "one takes the place of the other");
        let fee = waiting.values().next().unwrap()["maxFeePerGas"].as_str().unwrap().to_owned();
        u128::from_str_radix(fee.trim_start_matches("0x"), 16).unwrap()
    };
    let first = fee();
    let waits = world.look(&payee, &bill, &demand).await;
    assert_eq!(told(&waits), [(Finality::Seen, 500, false)]);
    assert!(fee() > first);
    world.chain.mine(1);
    assert_eq!(told(&world.look(&payee, &bill, &demand).await), [(Finality::Seen, 500, true)]);
    assert_eq!(world.chain.transactions(account(SELLER_KEY)), 1);
}

#[tokio::test]
async fn a_number_that_something_else_has_spent_for_good_is_not_waited_for() {
    let world = World::new();
    let (payee, bill) = (world.payee(), world.bill(1, 500));
    let (demand, paid) = signed(&payee, &world.payer(), &bill).await;
    world.chain.mine_at_once(false);
    payee.take(&bill, &demand, &paid.proof.unwrap()).await.unwrap();
    world.chain.ask("anvil_dropAllTransactions", json!([]));
    world.chain.mine_at_once(true);
    world.chain.send(account(SELLER_KEY), Some(account(OTHER_KEY)), &[], 1);
    for _ in 0..2 {
        // It may still be ours that is there in the end.
        assert_eq!(told(&world.look(&payee, &bill, &demand).await), [(Finality::Seen, 500, false)]);
        assert_eq!(world.paid(), 0);
    }
    world.chain.mine(CONFIRMATIONS);
    world.look(&payee, &bill, &demand).await;
    assert_eq!(told(&world.look(&payee, &bill, &demand).await), [(Finality::Seen, 500, true)]);
    assert_eq!((world.paid(), world.chain.transactions(account(SELLER_KEY))), (500, 2));
}

#[tokio::test]
async fn a_wallet_pays_no_more_for_gas_than_it_may() {
    let world = World::new();
    let settings = PayeeSettings { max_fee_gwei: Some(0), ..world.payee_settings() };
    let (payee, bill) = (TokenPayee::open(settings).unwrap(), world.bill(1, 500));
    let (demand, paid) = signed(&payee, &world.payer(), &bill).await;
    let error = payee.take(&bill, &demand, &paid.proof.unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("more for gas"), "{error}");
    drop(payee);
    // The payment is on record, and goes on when gas is cheaper, or the wallet may pay more.
    let payee = world.payee();
    assert_eq!(told(&world.look(&payee, &bill, &demand).await), [(Finality::Seen, 500, false)]);
    assert_eq!(told(&world.look(&payee, &bill, &demand).await), [(Finality::Seen, 500, true)]);
}

#[tokio::test]
async fn payments_that_come_together_have_numbers_of_their_own() {
    let world = World::new();
    let (payee, payer) = (world.payee(), world.payer());
    world.chain.mine_at_once(false);
    let mut waiting = Vec::new();
    for order in 0..5 {
        let bill = world.bill(order, 100);
        let (demand, paid) = signed(&payee, &payer, &bill).await;
        waiting.push((bill, demand, paid.proof.unwrap()));
    }
    let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(|nth| {
        let (bill, demand, proof): &(_, _, String) = &waiting[nth];
        payee.take(bill, demand, proof)
    });
    let taken = tokio::join!(a, b, c, d, e);
    assert!(taken.0.is_ok() && taken.1.is_ok() && taken.2.is_ok() && taken.3.is_ok() && taken.4.is_ok());
    world.chain.mine(1);
    assert_eq!(world.paid(), 500);
}

#[tokio::test]
async fn an_authorisation_that_somebody_else_submits_pays_all_the_same() {
    let world = World::new();
    let (payee, bill) = (world.payee(), world.bill(1, 500));
    let (demand, paid) = signed(&payee, &world.payer(), &bill).await;
    let proof = paid.proof.unwrap();
    world.chain.mine_at_once(false);
    payee.take(&bill, &demand, &proof).await.unwrap();
    // Our transaction is lost, and somebody who saw it in the pool makes it their own.
    let pool = world.chain.ask("txpool_content", json!([]));
    let ours = pool["pending"].as_object().unwrap().values().next().unwrap()["0"].clone();
    world.chain.ask("anvil_dropAllTransactions", json!([]));
    world.chain.mine_at_once(true);
    let data = hex::decode(ours["input"].as_str().unwrap().trim_start_matches("0x")).unwrap();
    world.chain.send(account(OTHER_KEY), Some(world.token.contract), &data, 0);
    world.chain.mine(CONFIRMATIONS);
    let receipts = world.look(&payee, &bill, &demand).await;
    assert_eq!(told(&receipts), [(Finality::Final, 500, true)]);
    assert_eq!(hex::encode(&receipts[0].reference), paid.reference);
    assert_eq!(world.chain.transactions(account(SELLER_KEY)), 0);
}
