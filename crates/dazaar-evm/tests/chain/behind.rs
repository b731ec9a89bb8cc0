//! Nodes that are behind what they, or others at the same address, said before.

use dazaar::database::{Finality, Receipt};
use dazaar::payment::{Bill, Demand, Payee, PaymentError};
use dazaar_evm::{PayeeSettings, Secret, TokenPayee};
use dazaar_market::price::{Kind, Method};
use dazaar_market::{Asset, Price};

use crate::deposits::watch_at;
use crate::support::{
    BUYER_KEY, Behaviour, CHAIN, CONFIRMATIONS, Line, SELLER_KEY, World, account, ledger, signed, told,
    transfer,
};

/// What a payee finds behind a line, whatever the nodes there are up to: asked until it answers.
async fn look(payee: &impl Payee, bill: &Bill, demand: &Demand) -> Vec<Receipt> {
    for _ in 0..100 {
        match payee.look_up(bill, demand).await {
            Ok(receipts) => return receipts,
            Err(PaymentError::Unavailable { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("never an answer")
}

#[tokio::test]
async fn coins_are_counted_once_by_nodes_that_are_not_equally_far() {
    let world = World::new();
    let line = Line::new(&world.chain.url);
    let payee = watch_at(&world, &line.url, false);
    let price = Price::new(Asset::Ether { chain: CHAIN }, Kind::Once { units: 500 });
    let bill = Bill { price, method: Method::Ether, ..world.bill(1, 500) };
    let paid_after = ledger(&world, &bill);
    let demand = payee.demand(&bill).await.unwrap();
    world.chain.mine(CONFIRMATIONS);
    let before = world.chain.height();
    let pay = |gwei: u64| {
        world.chain.send(account(BUYER_KEY), Some(payee.address(&bill)), &[], gwei * 1_000_000_000);
        world.chain.mine(CONFIRMATIONS);
    };
    pay(300);
    for two in [false, true] {
        for _ in 0..3 {
            line.set(Behaviour::Pass);
            let all = look(&payee, &bill, &demand).await;
            assert_eq!(told(&all), [(Finality::Final, 300, true)]);
            assert_eq!(paid_after(&all), 300);
            // It knows nothing of any coins.
            line.set(Behaviour::Behind { height: before, two });
            let all = look(&payee, &bill, &demand).await;
            assert_eq!(told(&all), [(Finality::Final, 300, true)]);
            assert_eq!(paid_after(&all), 300);
        }
    }
    line.set(Behaviour::Pass);
    pay(200);
    assert_eq!(paid_after(&look(&payee, &bill, &demand).await), 500);
}

#[tokio::test]
async fn transfers_are_counted_once_by_nodes_that_are_not_equally_far() {
    let world = World::new();
    let line = Line::new(&world.chain.url);
    let (payee, bill) = (watch_at(&world, &line.url, true), world.bill(1, 500));
    let paid_after = ledger(&world, &bill);
    let demand = payee.demand(&bill).await.unwrap();
    let pay = |units| {
        let amount = world.token.amount(units);
        transfer(&world.chain, &world.token, account(BUYER_KEY), payee.address(&bill), amount);
    };
    world.chain.mine(CONFIRMATIONS);
    let before = world.chain.height();
    pay(300);
    world.chain.mine(CONFIRMATIONS);
    for two in [false, true] {
        // Logs may be missing for blocks that one of them does not have; they are looked for again.
        line.set(Behaviour::Behind { height: before, two });
        let early = look(&payee, &bill, &demand).await;
        assert!(early.iter().all(|receipt| receipt.finality != Finality::Reversed));
        line.set(Behaviour::Pass);
        let all = look(&payee, &bill, &demand).await;
        assert_eq!(told(&all), [(Finality::Final, 300, true)]);
        assert!([0, 300].contains(&paid_after(&early)));
        assert_eq!(paid_after(&all), 300);
        for height in before..world.chain.height() {
            line.set(Behaviour::Behind { height, two });
            let still = look(&payee, &bill, &demand).await;
            assert_eq!(told(&still), [(Finality::Final, 300, true)], "at {height}");
        }
    }
    line.set(Behaviour::Pass);
    pay(200);
    world.chain.mine(CONFIRMATIONS);
    assert_eq!(paid_after(&look(&payee, &bill, &demand).await), 500);
}

#[tokio::test]
async fn what_counted_stays_whatever_a_node_does_not_know_yet() {
    let world = World::new();
    let line = Line::new(&world.chain.url);
    let settings = PayeeSettings { node: Secret::new(&line.url), ..world.payee_settings() };
    let (payee, bill) = (TokenPayee::open(settings).unwrap(), world.bill(1, 500));
    let paid_after = ledger(&world, &bill);
    let (demand, paid) = signed(&payee, &world.payer(), &bill).await;
    world.chain.mine(CONFIRMATIONS);
    let before = world.chain.height();
    let first = payee.take(&bill, &demand, &paid.proof.unwrap()).await.unwrap();
    assert_eq!(paid_after(&first), 0);
    // Seen, and not by all.
    let seen = world.look(&payee, &bill, &demand).await;
    assert_eq!(told(&seen), [(Finality::Seen, 500, true)]);
    line.set(Behaviour::Behind { height: before, two: false });
    assert_eq!(told(&payee.look_up(&bill, &demand).await.unwrap()), told(&seen), "not now");
    line.set(Behaviour::Pass);
    world.chain.mine(CONFIRMATIONS);
    let counts = world.look(&payee, &bill, &demand).await;
    assert_eq!(told(&counts), [(Finality::Final, 500, true)]);
    for two in [false, true] {
        for height in before..world.chain.height() {
            line.set(Behaviour::Behind { height, two });
            let still = look(&payee, &bill, &demand).await;
            assert_eq!(told(&still), [(Finality::Final, 500, true)], "at {height}");
            assert_eq!((still[0].block.clone(), paid_after(&still)), (counts[0].block.clone(), 500));
        }
    }
    assert_eq!(world.chain.transactions(account(SELLER_KEY)), 1, "nothing was submitted again");
}
