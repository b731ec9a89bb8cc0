//! Buyers, sellers and nodes that mean no good.

use dazaar::database::Finality;
use dazaar::payment::{Demand, Payee as _, Payer as _, PaymentError};
use dazaar_evm::authorisation::{Authorisation, bound_nonce};
use dazaar_evm::x402::{Payment, Requirements};
use dazaar_evm::{Key, PayeeSettings, Secret, TokenPayee, U256};
use dazaar_market::Asset;
use serde_json::{Value, json};

use crate::support::{
    BUYER_KEY, Behaviour, CHAIN, CONFIRMATIONS, Line, OTHER_KEY, SELLER_KEY, World, account, payer, signed,
    told,
};

fn reason(error: PaymentError) -> String {
    match error {
        PaymentError::Refused { reason } => reason,
        error => panic!("not refused for good: {error:?}"),
    }
}

#[tokio::test]
async fn a_payer_signs_for_nothing_but_its_bill() {
    let world = World::new();
    let (payee, payer, bill) = (world.payee(), world.payer(), world.bill(1, 500));
    let demand: Value = serde_json::from_str(&payee.demand(&bill).await.unwrap().request).unwrap();
    let (buyer, zero) = (account(BUYER_KEY), "0x0000000000000000000000000000000000000000");
    for (field, value, why) in [
        ("/amount", json!("501"), "wants 501 of the token, not 500"),
        ("/amount", json!("499"), "wants 499"),
        ("/amount", json!("0x1f4"), "not x402's JSON"),
        ("/amount", json!(500), "not x402's JSON"),
        ("/network", json!("eip155:1"), "on another chain than 31337"),
        ("/network", json!("solana:1"), "on another chain"),
        ("/asset", json!(buyer), "in token"),
        ("/payTo", json!(zero), "nobody is paid at"),
        ("/payTo", json!(buyer), "nobody is paid at"),
        ("/payTo", json!(world.token.contract), "nobody is paid at"),
        ("/payTo", json!("0x12"), "not x402's JSON"),
        ("/scheme", json!("upto"), "only scheme exact"),
        ("/extra/assetTransferMethod", json!("permit2"), "only scheme exact"),
        ("/extra/name", json!("Euro"), "another name or version"),
        ("/extra/version", json!("x".repeat(101)), "at most 100 characters"),
        ("/extra", json!({}), "not x402's JSON"),
        ("/maxTimeoutSeconds", json!(0), "to be signed, 1 to 86400 s are"),
        ("/maxTimeoutSeconds", json!(u64::MAX), "to be signed"),
        ("/maxTimeoutSeconds", json!(-1), "not x402's JSON"),
    ] {
        let mut other = demand.clone();
        *other.pointer_mut(field).unwrap() = value;
        let why_not = reason(payer.pay(&bill, &other.to_string()).await.unwrap_err());
        assert!(why_not.contains(why), "{field}: {why_not}");
    }
    for text in ["", "null", "[]", "lnbc1...", &" ".repeat(9000)] {
        reason(payer.pay(&bill, text).await.unwrap_err());
    }
    let demand = demand.to_string();
    let named = dazaar::payment::Bill { pay_to: Some(account(OTHER_KEY).to_string()), ..bill.clone() };
    assert!(reason(payer.pay(&named, &demand).await.unwrap_err()).contains("not whom the card names"));
    assert!(reason(payee.demand(&named).await.unwrap_err()).contains("names another recipient"));
    let named = dazaar::payment::Bill { pay_to: Some(account(SELLER_KEY).to_string()), ..bill.clone() };
    payer.pay(&named, &demand).await.unwrap();
    let key = dazaar::payment::Bill { pay_to: Some("02".repeat(33)), ..bill };
    assert!(reason(payer.pay(&key, &demand).await.unwrap_err()).contains("names no address"));
    assert!(!payer.pays(&Asset::Erc20 { chain: 1, contract: world.token.contract.into_array() }));
}

#[tokio::test]
async fn a_payee_takes_only_what_pays_the_bill() {
    let world = World::new();
    let (payee, payer, bill) = (world.payee(), world.payer(), world.bill(1, 500));
    let (demand, paid) = signed(&payee, &payer, &bill).await;
    let proof: Value = serde_json::from_str(&paid.proof.unwrap()).unwrap();
    let signature = proof["payload"]["signature"].as_str().unwrap().to_owned();
    let other = account(OTHER_KEY);
    for (field, value, why) in [
        ("/x402Version", json!(1), "version 1 of x402"),
        ("/accepted/network", json!("eip155:1"), "another chain"),
        ("/accepted/asset", json!(other), "another token"),
        ("/payload/authorization/to", json!(other), "is to 0x"),
        ("/payload/authorization/from", json!(other), "not 0x"),
        ("/payload/authorization/value", json!("499"), "of 499, 500 were asked"),
        ("/payload/authorization/value", json!("501"), "the signature is"),
        ("/payload/authorization/nonce", json!(format!("0x{}", "00".repeat(32))), "the signature is"),
        ("/payload/authorization/validAfter", json!("99999999999"), "not valid yet"),
        ("/payload/authorization/validBefore", json!("1"), "not valid for another"),
        ("/payload/authorization/validBefore", json!("99999999999"), "the signature is"),
        ("/payload/signature", json!("0x"), "has 65 bytes, not 0"),
        ("/payload/signature", json!(format!("0x{}", "11".repeat(3000))), "has 65 bytes, not 3000"),
        ("/payload/signature", json!(format!("0x{}1b", "00".repeat(64))), "belongs to nobody"),
        ("/payload/signature", json!(signature[..130].to_owned() + "05"), "27 or 28, not 5"),
        ("/payload", json!({}), "not x402's JSON"),
    ] {
        let mut changed = proof.clone();
        *changed.pointer_mut(field).unwrap() = value;
        let error = payee.take(&bill, &demand, &changed.to_string()).await.unwrap_err();
        let why_not = reason(error);
        assert!(why_not.contains(why), "{field}: {why_not}");
    }
    for text in ["", "null", "{}", &"[".repeat(8000), &" ".repeat(9000)] {
        reason(payee.take(&bill, &demand, text).await.unwrap_err());
    }
    assert_eq!(world.chain.transactions(account(SELLER_KEY)), 0, "nothing of it cost gas");
}

#[tokio::test]
async fn the_higher_of_two_signatures_is_refused() {
    let world = World::new();
    let (payee, bill) = (world.payee(), world.bill(1, 500));
    let (demand, paid) = signed(&payee, &world.payer(), &bill).await;
    let mut proof: Value = serde_json::from_str(&paid.proof.unwrap()).unwrap();
    let bytes = hex::decode(&proof["payload"]["signature"].as_str().unwrap()[2..]).unwrap();
    let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    let order = U256::from_str_radix(order, 16).unwrap();
    let s = order - U256::from_be_slice(&bytes[32..64]);
    let high = [&bytes[..32], &s.to_be_bytes::<32>(), &[27 + 28 - bytes[64]]].concat();
    proof["payload"]["signature"] = json!(format!("0x{}", hex::encode(high)));
    let error = payee.take(&bill, &demand, &proof.to_string()).await.unwrap_err();
    assert!(reason(error).contains("low form"));
}

#[tokio::test]
async fn a_payment_pays_for_one_order() {
    let world = World::new();
    let (payee, payer) = (world.payee(), world.payer());
    let [first, second] = [1, 2].map(|order| world.bill(order, 500));
    let (demand, paid) = signed(&payee, &payer, &first).await;
    let other = payee.demand(&second).await.unwrap();
    let proof = paid.proof.unwrap();
    payee.take(&first, &demand, &proof).await.unwrap();
    let error = payee.take(&second, &other, &proof).await.unwrap_err();
    assert!(reason(error).contains("handed over for another order"));
    // Nor does a seller that has lost its records fall for it.
    let records = world.folder.path().join("lost.db");
    let payee = TokenPayee::open(PayeeSettings { records, ..world.payee_settings() }).unwrap();
    let error = payee.take(&second, &other, &proof).await.unwrap_err();
    assert!(reason(error).contains("was used before"));
    assert_eq!(world.look(&payee, &second, &other).await, []);
}

/// What the buyer signs for a bill at some second: the nonce is the same.
fn signed_until(world: &World, bill: &dazaar::payment::Bill, valid_before: u64) -> String {
    let key = Key::parse(&Secret::new(BUYER_KEY)).unwrap();
    let requirements =
        Requirements::new(CHAIN, &world.token, world.token.amount(bill.units), account(SELLER_KEY));
    let authorisation = Authorisation {
        from: key.address(),
        to: account(SELLER_KEY),
        value: world.token.amount(bill.units),
        valid_after: U256::ZERO,
        valid_before: U256::from(valid_before),
        nonce: bound_nonce(&bill.seller, &bill.buyer, &bill.order),
    };
    let signed = authorisation.sign(&key, &world.token, CHAIN).unwrap();
    serde_json::to_string(&Payment::new(requirements, signed)).unwrap()
}

#[tokio::test]
async fn however_often_a_payment_is_signed_its_gas_is_paid_once() {
    let world = World::new();
    let (payee, bill) = (world.payee(), world.bill(1, 500));
    let demand = payee.demand(&bill).await.unwrap();
    let now = u64::try_from(dazaar::now_ms() / 1000).unwrap();
    let proofs = [1000, 1001, 1002, 1003].map(|after| signed_until(&world, &bill, now + after));
    // Nothing is mined yet: all of them would pass, and one would pay.
    world.chain.mine_at_once(false);
    let both = tokio::join!(payee.take(&bill, &demand, &proofs[0]), payee.take(&bill, &demand, &proofs[1]));
    for taken in [both.0, both.1, payee.take(&bill, &demand, &proofs[2]).await] {
        assert_eq!(told(&taken.unwrap()), [(Finality::Seen, 500, false)]);
    }
    // Nor does a seller that was started anew.
    drop(payee);
    let payee = world.payee();
    payee.take(&bill, &demand, &proofs[3]).await.unwrap();
    world.chain.mine(1);
    world.chain.mine_at_once(true);
    assert_eq!(told(&world.look(&payee, &bill, &demand).await), [(Finality::Seen, 500, true)]);
    payee.take(&bill, &demand, &proofs[1]).await.unwrap();
    assert_eq!((world.paid(), world.chain.transactions(account(SELLER_KEY))), (500, 1));
}

#[tokio::test]
async fn what_was_signed_too_shortly_can_be_signed_anew() {
    let world = World::new();
    let (payee, bill) = (world.payee(), world.bill(1, 500));
    let demand = payee.demand(&bill).await.unwrap();
    let now = u64::try_from(dazaar::now_ms() / 1000).unwrap();
    world.chain.mine_at_once(false);
    payee.take(&bill, &demand, &signed_until(&world, &bill, now + 600)).await.unwrap();
    // No block takes it in time.
    world.chain.ask("anvil_dropAllTransactions", json!([]));
    world.chain.ask("evm_setNextBlockTimestamp", json!([now + 700]));
    world.chain.mine(1);
    world.chain.mine_at_once(true);
    assert_eq!(world.look(&payee, &bill, &demand).await, []);
    payee.take(&bill, &demand, &signed_until(&world, &bill, now + 2000)).await.unwrap();
    for _ in 0..3 {
        // The number of the first is spent by it at last, in vain.
        world.look(&payee, &bill, &demand).await;
        world.chain.mine(CONFIRMATIONS);
    }
    assert_eq!(told(&world.look(&payee, &bill, &demand).await), [(Finality::Final, 500, true)]);
    assert_eq!(world.paid(), 500);
}

#[tokio::test]
async fn an_order_takes_only_so_many_payments() {
    let world = World::new();
    let (payee, bill) = (world.payee(), world.bill(1, 500));
    // Nothing is mined, so that all of them wait.
    world.chain.mine_at_once(false);
    let demand = payee.demand(&bill).await.unwrap();
    for order in 0..8 {
        // Signed for another order, so that each has another nonce.
        let paid = world.payer().pay(&world.bill(order, 500), &demand.request).await.unwrap();
        payee.take(&bill, &demand, &paid.proof.unwrap()).await.unwrap();
    }
    let paid = world.payer().pay(&world.bill(9, 500), &demand.request).await.unwrap();
    let error = payee.take(&bill, &demand, &paid.proof.unwrap()).await.unwrap_err();
    assert!(reason(error).contains("too many payments"));
    world.chain.mine(1);
    let receipts = world.look(&payee, &bill, &demand).await;
    assert_eq!(told(&receipts), [(Finality::Seen, 500, true); 8]);
}

#[tokio::test]
async fn using_up_the_nonce_without_paying_counts_for_nothing() {
    let world = World::new();
    let (payee, bill) = (world.payee(), world.bill(1, 500));
    let demand = payee.demand(&bill).await.unwrap();
    // The same nonce of the same buyer's, to somebody else.
    let elsewhere = PayeeSettings { pay_to: Some(account(OTHER_KEY)), ..world.payee_settings() };
    let records = world.folder.path().join("elsewhere.db");
    let elsewhere = TokenPayee::open(PayeeSettings { records, ..elsewhere }).unwrap();
    let (away, paid) = signed(&elsewhere, &world.payer(), &bill).await;
    elsewhere.take(&bill, &away, &paid.proof.unwrap()).await.unwrap();
    let there = world.look(&elsewhere, &bill, &away).await;
    assert_eq!(told(&there), [(Finality::Seen, 500, true)]);
    assert_eq!(world.look(&payee, &bill, &demand).await, []);
    let paid = world.payer().pay(&bill, &demand.request).await.unwrap();
    assert_eq!(payee.take(&bill, &demand, &paid.proof.unwrap()).await.unwrap(), []);
    assert_eq!(world.paid(), 0);
}

#[tokio::test]
async fn nodes_that_talk_nonsense_change_nothing() {
    let world = World::new();
    let line = Line::new(&world.chain.url);
    let settings = PayeeSettings { node: Secret::new(&line.url), ..world.payee_settings() };
    let (payee, bill) = (TokenPayee::open(settings).unwrap(), world.bill(1, 500));
    let (demand, paid) = signed(&payee, &world.payer(), &bill).await;
    let proof = paid.proof.unwrap();
    let huge = [b"{\"id\":1,\"result\":\"".to_vec(), vec![b'x'; 10 << 20]].concat();
    for answer in [
        Vec::new(),
        b"<html>too many requests</html>".to_vec(),
        br#"{"jsonrpc":"2.0","id":0,"result":"0x1"}"#.to_vec(),
        br#"{"jsonrpc":"2.0","id":null,"error":{"code":-32005,"message":"slow down"}}"#.to_vec(),
        b"[".repeat(100_000),
        huge,
    ] {
        line.set(Behaviour::Answer(answer));
        for result in [payee.take(&bill, &demand, &proof).await, payee.look_up(&bill, &demand).await] {
            let error = result.unwrap_err();
            assert!(matches!(error, PaymentError::Unavailable { .. }), "{error}");
            assert!(!error.to_string().contains("127.0.0.1"), "{error}");
        }
    }
    line.set(Behaviour::Pass);
    payee.take(&bill, &demand, &proof).await.unwrap();
    assert_eq!(told(&world.look(&payee, &bill, &demand).await), [(Finality::Seen, 500, true)]);
}

#[tokio::test]
async fn a_node_that_hangs_is_given_up() {
    let world = World::new();
    let line = Line::new(&world.chain.url);
    let settings = PayeeSettings { node: Secret::new(&line.url), ..world.payee_settings() };
    let (payee, bill) = (TokenPayee::open(settings).unwrap(), world.bill(1, 500));
    line.set(Behaviour::Hang);
    let error = payee.demand(&bill).await.unwrap_err();
    assert_eq!(error.to_string(), "the node cannot be reached: it does not answer in time");
    assert_eq!(line.asked(), 1);
}

#[tokio::test]
async fn a_node_of_another_chain_is_not_believed() {
    let world = World::new();
    let settings = PayeeSettings { chain: 8453, ..world.payee_settings() };
    let payee = TokenPayee::open(settings).unwrap();
    let bill = world.bill(1, 500);
    let price = dazaar_market::Price::new(world.token.asset(8453), bill.price.kind);
    let bill = dazaar::payment::Bill { price, ..bill };
    let demand = Demand { request: String::new(), handle: "0".to_owned() };
    for error in [payee.demand(&bill).await.unwrap_err(), payee.look_up(&bill, &demand).await.unwrap_err()] {
        assert!(error.to_string().contains("on chain 31337, the wallet is for chain 8453"), "{error}");
    }
    // A payment that was signed for another chain is worth nothing here.
    let here = world.payee();
    let elsewhere = payer(BUYER_KEY, world.token.clone(), None);
    assert!(!elsewhere.pays(&bill.price.asset));
    assert!(!here.takes(&bill.price.asset));
}
