//! phoenixd's HTTP interface, as far as a wallet needs it. Source: its sources, version 0.8.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dazaar_ldk::LdkWallet;
use dazaar_pay::lightning::{Incoming, LightningWallet as _, NewInvoice, Outgoing, read_invoice};
use serde_json::json;

use super::{Access, pay};

type Fields = Form<BTreeMap<String, String>>;

pub(super) fn service(wallet: LdkWallet) -> Router {
    Router::new()
        .route("/getinfo", get(getinfo))
        .route("/getbalance", get(balance))
        .route("/createinvoice", post(create_invoice))
        .route("/payments/incoming/{hash}", get(incoming))
        .route("/payinvoice", post(pay_invoice))
        .route("/payments/outgoingbyhash/{hash}", get(outgoing))
        .with_state(wallet)
}

fn access(headers: &HeaderMap) -> Access {
    let credentials =
        headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Basic "));
    let text = credentials.and_then(|text| String::from_utf8(STANDARD.decode(text).ok()?).ok());
    Access::of(text.as_deref().and_then(|text| text.strip_prefix(':')))
}

fn unauthorized() -> Response {
    (StatusCode::UNAUTHORIZED, "Invalid authentication").into_response()
}

/// phoenixd writes JSON over several lines.
fn pretty(value: &serde_json::Value) -> Response {
    ([("content-type", "application/json")], serde_json::to_string_pretty(value).unwrap()).into_response()
}

async fn getinfo(State(wallet): State<LdkWallet>, headers: HeaderMap) -> Response {
    if access(&headers) == Access::None {
        return unauthorized();
    }
    pretty(
        &json!({ "nodeId": wallet.node().node_id().to_string(), "channels": [], "chain": "regtest", "version": "0.8.0" }),
    )
}

async fn balance(State(wallet): State<LdkWallet>, headers: HeaderMap) -> Response {
    if access(&headers) == Access::None {
        return unauthorized();
    }
    pretty(&json!({ "balanceSat": wallet.balance().await.unwrap() / 1000, "feeCreditSat": 0 }))
}

async fn create_invoice(
    State(wallet): State<LdkWallet>,
    headers: HeaderMap,
    Form(fields): Fields,
) -> Response {
    if access(&headers) == Access::None {
        return unauthorized();
    }
    if fields["description"].len() > 128 {
        return (StatusCode::BAD_REQUEST, "Request parameter description is too long (max 128 characters)")
            .into_response();
    }
    let wanted = NewInvoice {
        order: [0; 16],
        msat: fields["amountSat"].parse::<u64>().unwrap() * 1000,
        memo: fields["description"].clone(),
        expiry: Duration::from_secs(fields["expirySeconds"].parse().unwrap()),
    };
    let serialized = wallet.invoice(&wanted).await.unwrap();
    let hash = hex::encode(read_invoice(&serialized).unwrap().hash);
    pretty(&json!({ "amountSat": wanted.msat / 1000, "paymentHash": hash, "serialized": serialized }))
}

fn hash(text: &str) -> [u8; 32] {
    hex::decode(text).unwrap().try_into().unwrap()
}

async fn incoming(State(wallet): State<LdkWallet>, headers: HeaderMap, Path(text): Path<String>) -> Response {
    if access(&headers) == Access::None {
        return unauthorized();
    }
    pretty(&match wallet.incoming(&hash(&text)).await.unwrap() {
        Incoming::Nothing => {
            json!({ "isPaid": false, "receivedSat": 0, "fees": 0, "preimage": hex::encode([0; 32]) })
        }
        // Some of what came was kept for making room.
        Incoming::Settled { msat, preimage } => json!({
            "isPaid": true,
            "receivedSat": msat / 1000 - 1,
            "fees": 1000,
            "preimage": preimage.map(hex::encode),
            "completedAt": 1_712_785_646_035_u64,
        }),
    })
}

async fn pay_invoice(State(wallet): State<LdkWallet>, headers: HeaderMap, Form(fields): Fields) -> Response {
    if access(&headers) != Access::Full {
        return unauthorized();
    }
    let Some(outgoing) = pay(&wallet, fields.get("invoice").map_or("", String::as_str), 10_000).await else {
        return (StatusCode::BAD_REQUEST, "Missing parameter invoice").into_response();
    };
    match outgoing {
        Outgoing::Paid { fee_msat, preimage } => pretty(&json!({
            "routingFeeSat": fee_msat / 1000,
            "paymentPreimage": preimage.map(hex::encode),
        })),
        _ => pretty(&json!({ "reason": "no route" })),
    }
}

async fn outgoing(State(wallet): State<LdkWallet>, headers: HeaderMap, Path(text): Path<String>) -> Response {
    if access(&headers) == Access::None {
        return unauthorized();
    }
    match wallet.outgoing(&hash(&text)).await.unwrap() {
        Outgoing::Unknown => (StatusCode::NOT_FOUND, "Unknown endpoint (check api doc)").into_response(),
        Outgoing::Pending => pretty(&json!({ "isPaid": false, "fees": 0 })),
        Outgoing::Failed { .. } => pretty(&json!({ "isPaid": false, "fees": 0, "completedAt": 1 })),
        Outgoing::Paid { fee_msat, preimage } => pretty(&json!({
            "isPaid": true,
            "fees": fee_msat,
            "preimage": preimage.map(hex::encode),
            "completedAt": 1_712_785_646_035_u64,
        })),
    }
}
