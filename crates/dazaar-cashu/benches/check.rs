//! What looking at one coin costs a seller, offline: beside a plain verification of a signature on the same curve.
//!
//! Grade: tool.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../src/testing.rs"]
mod testing;

use cashu::SecretKey;
use criterion::{Criterion, criterion_group, criterion_main};
use dazaar_cashu::{Standing, examine};
use serde_json::json;

fn check(criterion: &mut Criterion) {
    let signer = testing::Signer::new(1, 0);
    let (keyset, seller) = (signer.keyset(), SecretKey::from_slice(&[7; 32]).expect("a key"));
    let lock = seller.public_key();
    let tags = json!([["locktime", "9000000000"], ["refund", lock.to_hex()], ["sigflag", "SIG_INPUTS"]]);
    let secret =
        json!(["P2PK", { "nonce": "00".repeat(32), "data": lock.to_hex(), "tags": tags }]).to_string();
    let coin = signer.coin(8, &secret);
    assert_eq!(examine(&coin, &keyset, &lock, 1000), Ok(Standing::Ours));
    criterion.bench_function("a coin is looked at", |bencher| {
        bencher.iter(|| examine(&coin, &keyset, &lock, 1000));
    });
    let signature = seller.sign(secret.as_bytes()).expect("a signature");
    criterion.bench_function("a Schnorr signature is verified", |bencher| {
        bencher.iter(|| lock.verify(secret.as_bytes(), &signature));
    });
}

criterion_group!(benches, check);
criterion_main!(benches);
