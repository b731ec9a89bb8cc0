//! The x402 packages of npm on the other side.

use std::io::Write as _;
use std::process::{Command, Stdio};

use dazaar::database::Finality;
use dazaar::payment::{Payee as _, Payer as _};
use serde_json::{Value, json};

use crate::support::{BUYER_KEY, CONFIRMATIONS, OTHER_KEY, World, account, balance, interop, signed, told};

/// Runs the script that uses them.
fn x402(what: &str, world: &World, key: &str, input: &Value) -> Value {
    let mut child = Command::new("node")
        .arg(interop().join("js/evm/x402.js"))
        .args([what, &world.chain.url, key])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the script says why");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn a_stock_client_pays_us() {
    let world = World::new();
    let (payee, bill) = (world.payee(), world.bill(1, 500));
    let demand = payee.demand(&bill).await.unwrap();
    let payment = x402("pay", &world, BUYER_KEY, &serde_json::from_str(&demand.request).unwrap());
    let receipts = payee.take(&bill, &demand, &payment.to_string()).await.unwrap();
    assert_eq!(told(&receipts), [(Finality::Seen, 500, false)]);
    world.chain.mine(CONFIRMATIONS);
    let receipts = world.look(&payee, &bill, &demand).await;
    assert_eq!(told(&receipts), [(Finality::Final, 500, true)]);
    assert_eq!(world.paid(), 500);
}

#[tokio::test]
async fn a_stock_facilitator_takes_what_we_sign_and_we_find_what_it_settled() {
    let world = World::new();
    let (payee, payer, bill) = (world.payee(), world.payer(), world.bill(1, 500));
    let (demand, paid) = signed(&payee, &payer, &bill).await;
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let both = json!({ "demand": parse(&demand.request), "payment": parse(paid.proof.as_ref().unwrap()) });
    let verdict = x402("verify", &world, OTHER_KEY, &both);
    assert_eq!(verdict["isValid"], true, "{verdict}");
    let settled = x402("settle", &world, OTHER_KEY, &both);
    assert_eq!(settled["success"], true, "{settled}");
    assert_eq!(balance(&world.chain, &world.token, account(BUYER_KEY)).to::<u64>(), 1_000_000 - 500);
    // Nobody handed it over here: it is found by its name.
    let receipts = world.look(&payee, &bill, &demand).await;
    assert_eq!(told(&receipts), [(Finality::Seen, 500, true)]);
    assert_eq!(
        hex::encode(&receipts[0].reference),
        payer.pay(&bill, &demand.request).await.unwrap().reference
    );
}
