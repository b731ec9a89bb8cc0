//! Mints that lie, hang, are down, or answer with garbage; and what counts without them.

#![allow(clippy::unwrap_used)]

mod server;
#[path = "../src/testing.rs"]
mod testing;

use cashu::{BlindSignature, BlindedMessage, CurrencyUnit, Proof, Token};
use dazaar::payment::{Bill, Payee as _, PaymentError};
use dazaar_cashu::{Ecash, EcashError, MintFault, Settings, read_request};
use dazaar_log::IdentityKeyPair;
use dazaar_market::price::{Kind, Method, Price};
use dazaar_market::{Asset, MasterKey};
use serde_json::{Value, json};
use server::{Reply, Server};
use tempfile::TempDir;
use testing::Signer;

fn signer() -> Signer {
    Signer::new(1, 0)
}

fn bill(order: u8) -> Bill {
    let identity = |seed| IdentityKeyPair::from_seed(&[seed; 32]).public();
    Bill {
        order: [order; 16],
        seller: identity(1),
        buyer: identity(2),
        method: Method::Cashu,
        price: Price::new(Asset::Bitcoin, Kind::Free),
        units: 8000,
        pay_to: None,
        memo: String::new(),
        expires_ms: 0,
    }
}

fn wallet(dir: &TempDir, mint: &str) -> Ecash {
    let settings = Settings { mints: vec![mint.to_owned()], answer_seconds: 1, ..Settings::default() };
    Ecash::open(&dir.path().join("cashu.db"), &MasterKey::new(&[7; 32]), settings).unwrap()
}

/// What a mint with this signer's keys says of them.
fn keys(signer: &Signer, path: &str) -> Option<Reply> {
    let keyset = signer.keyset();
    if path == "/v1/keysets" {
        let info = json!({ "id": keyset.id, "unit": "sat", "active": true, "input_fee_ppk": 0 });
        return Some(Reply::Json(json!({ "keysets": [info] })));
    }
    path.starts_with("/v1/keys/").then(|| Reply::Json(json!({ "keysets": [keyset] })))
}

/// A mint that signs whatever it is asked to with the keys of `with`.
fn signs(with: fn() -> Signer) -> impl Fn(&str, &Value) -> Reply + Send + Sync {
    move |path, body| {
        if let Some(reply) = keys(&signer(), path) {
            return reply;
        }
        let outputs: Vec<BlindedMessage> =
            serde_json::from_value(body["outputs"].clone()).unwrap_or_default();
        let signatures: Vec<BlindSignature> = outputs.iter().map(|output| with().sign(output)).collect();
        Reply::Json(json!({ "signatures": signatures, "outputs": outputs, "states": [] }))
    }
}

fn token(mint: &str, coins: Vec<Proof>) -> String {
    Token::new(mint.parse().unwrap(), coins, None, CurrencyUnit::Sat).to_string()
}

/// A token of one coin that is locked as the request wants it.
fn locked(mint: &str, request: &str, nonce: u8) -> String {
    let lock = read_request(request).unwrap().lock.to_hex();
    let data = json!({ "nonce": format!("{nonce:02x}"), "data": lock, "tags": [] });
    token(mint, vec![signer().coin(8, &json!(["P2PK", data]).to_string())])
}

#[tokio::test]
async fn locked_coins_count_while_the_mint_is_gone() {
    let (dir, server) = (TempDir::new().unwrap(), Server::start(signs(signer)));
    let demand = wallet(&dir, &server.url()).demand(&bill(1)).await.unwrap();
    let token = locked(&server.url(), &demand.request, 0);
    server.answer(|_, _| Reply::Raw(Vec::new()));
    let wallet = wallet(&dir, &server.url());
    assert_eq!(wallet.demand(&bill(1)).await.unwrap(), demand, "its keys are known");
    let first = wallet.take(&bill(1), &demand, &token).await.unwrap();
    assert_eq!(first[0].units, 8000);
    assert_eq!(wallet.take(&bill(1), &demand, &token).await.unwrap(), first);
    assert_eq!(wallet.look_up(&bill(1), &demand).await.unwrap(), first);
    let other = wallet.demand(&bill(2)).await.unwrap();
    let replayed = wallet.take(&bill(2), &other, &token).await;
    assert!(matches!(replayed, Err(PaymentError::Refused { .. })), "{replayed:?}");
}

#[tokio::test]
async fn a_mint_that_does_not_answer_as_mints_do_is_unavailable() {
    let (dir, server) = (TempDir::new().unwrap(), Server::start(|_, _| Reply::Hang));
    let wallet = wallet(&dir, &server.url());
    let large = format!("HTTP/1.1 200 OK\r\n\r\n[{}]", "0,".repeat(5 << 20)).into_bytes();
    let endless = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n{".to_vec();
    let replies: Vec<fn() -> Reply> = vec![
        || Reply::Hang,
        || Reply::Raw(Vec::new()),
        || Reply::Raw(b"SSH-2.0\r\n".to_vec()),
        || Reply::Raw(b"HTTP/1.1 302 X\r\nlocation: /\r\ncontent-length: 0\r\n\r\n".to_vec()),
        || Reply::Status(500, json!({ "code": 11_001, "detail": "x" })),
        || Reply::Status(404, json!([])),
        || Reply::Json(json!(null)),
        || Reply::Json(json!({ "keysets": 1 })),
    ];
    for reply in replies {
        server.answer(move |_, _| reply());
        let asked = wallet.demand(&bill(1)).await;
        assert!(matches!(asked, Err(PaymentError::Unavailable { .. })), "{asked:?}");
    }
    for bytes in [large, endless] {
        server.answer(move |_, _| Reply::Raw(bytes.clone()));
        let asked = wallet.demand(&bill(1)).await;
        assert!(matches!(asked, Err(PaymentError::Unavailable { .. })), "{asked:?}");
    }
}

#[tokio::test]
async fn a_mint_without_satoshis_is_not_asked_for() {
    let dir = TempDir::new().unwrap();
    let server = Server::start(|_, _| Reply::Json(json!({ "keysets": [] })));
    let asked = wallet(&dir, &server.url()).demand(&bill(1)).await;
    assert!(matches!(asked, Err(PaymentError::Refused { .. })), "{asked:?}");
}

#[tokio::test]
async fn keys_with_a_wrong_name_are_not_believed() {
    let dir = TempDir::new().unwrap();
    let server = Server::start(|path, _| match keys(&signer(), path) {
        Some(Reply::Json(mut json)) if path != "/v1/keysets" => {
            json["keysets"][0]["keys"]["8"] = json["keysets"][0]["keys"]["4"].clone();
            Reply::Json(json)
        }
        reply => reply.unwrap_or(Reply::Hang),
    });
    let asked = wallet(&dir, &server.url()).demand(&bill(1)).await;
    assert!(matches!(asked, Err(PaymentError::Unavailable { .. })), "{asked:?}");
}

#[tokio::test]
async fn signatures_of_other_keys_are_not_money() {
    let (dir, server) = (TempDir::new().unwrap(), Server::start(signs(|| Signer::new(2, 0))));
    let wallet = wallet(&dir, &server.url());
    let demand = wallet.demand(&bill(1)).await.unwrap();
    let plain = token(&server.url(), vec![signer().coin(8, "a secret")]);
    let taken = wallet.take(&bill(1), &demand, &plain).await;
    assert!(matches!(taken, Err(PaymentError::Unavailable { .. })), "{taken:?}");
    assert_eq!(wallet.look_up(&bill(1), &demand).await.unwrap(), []);
    // It is asked again, and then it does what it should.
    server.answer(signs(signer));
    assert_eq!(wallet.look_up(&bill(1), &demand).await.unwrap()[0].units, 8000);
    assert_eq!(wallet.balance().await.unwrap()[0].own_sat, 8);
}

#[tokio::test]
async fn forged_coins_are_refused_without_asking() {
    let (dir, server) = (TempDir::new().unwrap(), Server::start(signs(signer)));
    let wallet = wallet(&dir, &server.url());
    let demand = wallet.demand(&bill(1)).await.unwrap();
    server.answer(|path, _| panic!("asked for {path}"));
    let lock = read_request(&demand.request).unwrap().lock.to_hex();
    let secret = json!(["P2PK", { "nonce": "00", "data": lock, "tags": [] }]).to_string();
    let mut forged = Signer::new(2, 0).coin(8, &secret);
    forged.keyset_id = signer().keyset().id;
    let taken = wallet.take(&bill(1), &demand, &token(&server.url(), vec![forged])).await;
    assert!(matches!(taken, Err(PaymentError::Refused { .. })), "{taken:?}");
    let good = signer().coin(8, &secret);
    let twice = token(&server.url(), vec![good.clone(), good]);
    let taken = wallet.take(&bill(1), &demand, &twice).await;
    assert!(matches!(taken, Err(PaymentError::Refused { .. })), "{taken:?}");
}

#[tokio::test]
async fn what_a_mint_says_is_fit_for_display() {
    let (dir, server) = (TempDir::new().unwrap(), Server::start(signs(signer)));
    let wallet = wallet(&dir, &server.url());
    let demand = wallet.demand(&bill(1)).await.unwrap();
    server.answer(|path, _| match path {
        "/v1/swap" => Reply::Status(400, json!({ "code": 10_001, "detail": "\u{1b}[2Jno" })),
        "/v1/restore" => Reply::Json(json!({ "outputs": [], "signatures": [] })),
        _ => Reply::Json(
            json!({ "states": [{ "Y": signer().coin(8, "a secret").y().unwrap(), "state": "UNSPENT" }] }),
        ),
    });
    let plain = token(&server.url(), vec![signer().coin(8, "a secret")]);
    let Err(PaymentError::Refused { reason }) = wallet.take(&bill(1), &demand, &plain).await else {
        panic!("refused")
    };
    assert!(reason.contains("no (code 10001)") && !reason.contains('\u{1b}'), "{reason}");
    // It was given up, and may come again.
    server.answer(signs(signer));
    assert_eq!(wallet.take(&bill(1), &demand, &plain).await.unwrap()[0].units, 8000);
}

#[tokio::test]
async fn a_mint_that_lacks_something_says_so_at_the_check() {
    let dir = TempDir::new().unwrap();
    let server = Server::start(|path, body| match path {
        "/v1/info" => Reply::Json(
            json!({ "name": "x", "nuts": { "7": { "supported": true }, "9": { "supported": true } } }),
        ),
        _ => signs(signer)(path, body),
    });
    let checked = wallet(&dir, &server.url()).check().await;
    let Err(EcashError::Mint { fault: MintFault::Lacks { missing }, .. }) = checked else {
        panic!("{checked:?}")
    };
    assert_eq!(missing, "NUT 11, 12");
}

#[tokio::test]
async fn secrets_do_not_print() {
    let (dir, server) = (TempDir::new().unwrap(), Server::start(signs(signer)));
    let wallet = wallet(&dir, &server.url());
    let word = wallet.words().split(' ').next().unwrap().to_owned();
    let printed = format!("{wallet:?}");
    assert!(printed.contains(&server.url()) && !printed.contains(&word), "{printed}");
    let demand = wallet.demand(&bill(1)).await.unwrap();
    server.answer(|_, _| Reply::Hang);
    let plain = token(&server.url(), vec![signer().coin(8, "a secret")]);
    let error = wallet.take(&bill(1), &demand, &plain).await.unwrap_err();
    assert!(!format!("{error:?} {error}").contains("a secret"));
}
