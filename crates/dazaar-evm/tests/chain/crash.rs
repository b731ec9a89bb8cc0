//! A seller that ends at any moment: whatever was asked of the chain last, and whether the answer was heard.

use dazaar::database::Finality;
use dazaar::payment::Payee as _;
use dazaar_evm::{PayeeSettings, Secret, TokenPayee};

use crate::support::{
    BUYER_KEY, Behaviour, CHAIN, CONFIRMATIONS, Line, SELLER_KEY, World, account, balance, signed, told,
};

/// More questions than a payment or a refund takes.
const QUESTIONS: usize = 26;

fn behind(line: &Line, world: &World, nth: usize) -> TokenPayee {
    let records = world.folder.path().join(format!("{nth}.db"));
    TokenPayee::open(PayeeSettings { node: Secret::new(&line.url), records, ..world.payee_settings() })
        .unwrap()
}

#[tokio::test]
async fn a_payment_is_submitted_once_wherever_the_seller_ends() {
    let world = World::new();
    let (line, payer) = (Line::new(&world.chain.url), world.payer());
    let mut paid = 0;
    let mut unharmed = 0;
    for nth in 0..QUESTIONS {
        let bill = world.bill(u8::try_from(nth).unwrap(), 100);
        let payee = behind(&line, &world, nth);
        let (demand, authorised) = signed(&payee, &payer, &bill).await;
        let proof = authorised.proof.unwrap();
        line.set(Behaviour::Cut { after: nth / 2, before_answer: nth % 2 == 1 });
        let ended = payee.take(&bill, &demand, &proof).await;
        drop(payee);
        line.set(Behaviour::Pass);
        let payee = behind(&line, &world, nth);
        if ended.is_ok() {
            unharmed += 1;
        } else {
            // The buyer was not answered, and asks again.
            payee.take(&bill, &demand, &proof).await.unwrap();
        }
        world.look(&payee, &bill, &demand).await;
        world.chain.mine(CONFIRMATIONS);
        let receipts = world.look(&payee, &bill, &demand).await;
        assert_eq!(told(&receipts), [(Finality::Final, 100, true)], "cut at {nth}");
        assert_eq!(hex::encode(&receipts[0].reference), authorised.reference);
        paid += 100;
        assert_eq!(world.paid(), paid, "cut at {nth}");
    }
    assert!((1..QUESTIONS).contains(&unharmed), "all questions were cut: {unharmed}");
    let transactions = world.chain.transactions(account(SELLER_KEY));
    assert_eq!(transactions, QUESTIONS as u64, "no gas was spent in vain");
}

#[tokio::test]
async fn a_payment_that_was_recorded_goes_on_without_the_buyer() {
    let world = World::new();
    let (line, bill) = (Line::new(&world.chain.url), world.bill(1, 100));
    let payee = behind(&line, &world, 0);
    let (demand, paid) = signed(&payee, &world.payer(), &bill).await;
    let proof = paid.proof.unwrap();
    // The line is cut later and later, until the payment is on record; by then nothing was sent.
    for after in 0.. {
        line.set(Behaviour::Cut { after, before_answer: false });
        let _ = payee.take(&bill, &demand, &proof).await;
        line.set(Behaviour::Hang);
        assert_eq!(world.chain.transactions(account(SELLER_KEY)), 0);
        let other = TokenPayee::open(PayeeSettings {
            records: world.folder.path().join("0.db"),
            ..world.payee_settings()
        });
        if told(&other.unwrap().look_up(&bill, &demand).await.unwrap()) == [(Finality::Seen, 100, false)] {
            break;
        }
    }
    assert_eq!(world.paid(), 100);
}

#[tokio::test]
async fn a_payment_is_found_without_any_record() {
    let world = World::new();
    let (payee, payer, bill) = (world.payee(), world.payer(), world.bill(1, 100));
    let (demand, paid) = signed(&payee, &payer, &bill).await;
    payee.take(&bill, &demand, paid.proof.as_ref().unwrap()).await.unwrap();
    drop(payee);
    world.chain.mine(CONFIRMATIONS + 2500);
    let fresh = |name: &str| {
        let records = world.folder.path().join(name);
        TokenPayee::open(PayeeSettings { records, ..world.payee_settings() }).unwrap()
    };
    let receipts = world.look(&fresh("lost.db"), &bill, &demand).await;
    assert_eq!(told(&receipts), [(Finality::Final, 100, true)]);
    assert_eq!(hex::encode(&receipts[0].reference), paid.reference);
    // Or the buyer hands it over once more, and it is not submitted again.
    let receipts = fresh("lost-too.db").take(&bill, &demand, &paid.proof.unwrap()).await.unwrap();
    assert_eq!(told(&receipts), [(Finality::Final, 100, true)]);
    assert_eq!(world.chain.transactions(account(SELLER_KEY)), 1);
}

#[tokio::test]
async fn a_refund_is_sent_once_wherever_the_seller_ends() {
    let world = World::new();
    let [seller, buyer] = [SELLER_KEY, BUYER_KEY].map(account);
    crate::support::transfer(&world.chain, &world.token, buyer, seller, world.token.amount(10_000));
    let (line, asset) = (Line::new(&world.chain.url), world.token.asset(CHAIN));
    let payee = behind(&line, &world, 0);
    for nth in 0..QUESTIONS {
        let name = nth.to_be_bytes();
        line.set(Behaviour::Cut { after: nth / 2, before_answer: nth % 2 == 1 });
        let _ = payee.refund(&name, &asset, 10, &buyer.to_string()).await;
        line.set(Behaviour::Pass);
        let _ = payee.refund(&name, &asset, 10, &buyer.to_string()).await;
        world.chain.mine(CONFIRMATIONS);
        let transaction = payee.refund(&name, &asset, 10, &buyer.to_string()).await.unwrap();
        assert_eq!(payee.refund(&name, &asset, 10, &buyer.to_string()).await.unwrap(), transaction);
    }
    assert_eq!(
        balance(&world.chain, &world.token, seller),
        world.token.amount(10_000 - 10 * QUESTIONS as u64)
    );
    assert_eq!(world.chain.transactions(seller), QUESTIONS as u64);
}
