//! LND's REST interface, as far as a wallet needs it. Source: `lightning.proto`, `router.proto` and their gateway rules.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use dazaar_ldk::LdkWallet;
use dazaar_pay::lightning::{Incoming, LightningWallet as _, NewInvoice, Outgoing};
use serde_json::{Value, json};

use super::{Access, pay};

pub(super) fn service(wallet: LdkWallet) -> Router {
    Router::new()
        .route("/v1/getinfo", get(getinfo))
        .route("/v1/balance/channels", get(balance))
        .route("/v1/invoices", post(add_invoice))
        .route("/v1/invoice/{hash}", get(lookup_invoice))
        .route("/v2/router/send", post(send))
        .route("/v2/router/track/{hash}", get(track))
        .with_state(wallet)
}

fn access(headers: &HeaderMap) -> Access {
    Access::of(headers.get("grpc-metadata-macaroon").and_then(|key| key.to_str().ok()))
}

fn error(status: StatusCode, code: u32, message: &str) -> Response {
    (status, Json(json!({ "code": code, "message": message, "details": [] }))).into_response()
}

fn denied() -> Response {
    error(StatusCode::INTERNAL_SERVER_ERROR, 2, "permission denied")
}

async fn getinfo(State(wallet): State<LdkWallet>, headers: HeaderMap) -> Response {
    if access(&headers) != Access::Full {
        return denied();
    }
    Json(json!({ "alias": "stub", "identity_pubkey": wallet.node().node_id().to_string() })).into_response()
}

async fn balance(State(wallet): State<LdkWallet>, headers: HeaderMap) -> Response {
    if access(&headers) != Access::Full {
        return denied();
    }
    let msat = wallet.balance().await.unwrap();
    Json(json!({ "local_balance": { "sat": (msat / 1000).to_string(), "msat": msat.to_string() } }))
        .into_response()
}

fn number(value: &Value) -> u64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
}

async fn add_invoice(
    State(wallet): State<LdkWallet>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    if access(&headers) == Access::None {
        return denied();
    }
    let wanted = NewInvoice {
        order: [0; 16],
        msat: number(&body["value_msat"]),
        memo: body["memo"].as_str().unwrap_or_default().to_owned(),
        expiry: Duration::from_secs(number(&body["expiry"])),
    };
    Json(json!({ "payment_request": wallet.invoice(&wanted).await.unwrap(), "add_index": "1" }))
        .into_response()
}

async fn lookup_invoice(
    State(wallet): State<LdkWallet>,
    headers: HeaderMap,
    Path(hash): Path<String>,
) -> Response {
    if access(&headers) == Access::None {
        return denied();
    }
    let hash = hex::decode(hash).unwrap().try_into().unwrap();
    let invoice = match wallet.incoming(&hash).await.unwrap() {
        Incoming::Nothing => {
            json!({ "state": "OPEN", "amt_paid_msat": "0", "r_preimage": STANDARD.encode([0; 32]) })
        }
        Incoming::Settled { msat, preimage } => json!({
            "state": "SETTLED",
            "amt_paid_msat": msat.to_string(),
            "r_preimage": STANDARD.encode(preimage.unwrap()),
        }),
    };
    Json(invoice).into_response()
}

/// A line of a stream of a payment's states.
fn line(outgoing: &Outgoing) -> Response {
    let payment = match outgoing {
        Outgoing::Unknown => return error(StatusCode::NOT_FOUND, 5, "payment isn't initiated"),
        Outgoing::Pending => json!({ "status": "IN_FLIGHT", "fee_msat": "0" }),
        Outgoing::Failed { .. } => json!({ "status": "FAILED", "failure_reason": "FAILURE_REASON_NO_ROUTE" }),
        Outgoing::Paid { fee_msat, preimage } => json!({
            "status": "SUCCEEDED",
            "fee_msat": fee_msat.to_string(),
            "payment_preimage": hex::encode(preimage.unwrap()),
            "failure_reason": "FAILURE_REASON_NONE",
        }),
    };
    format!("{}\n", json!({ "result": payment })).into_response()
}

async fn send(State(wallet): State<LdkWallet>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    if access(&headers) != Access::Full {
        return denied();
    }
    let invoice = body["payment_request"].as_str().unwrap_or_default();
    match pay(&wallet, invoice, number(&body["fee_limit_msat"])).await {
        Some(outgoing) => line(&outgoing),
        None => error(StatusCode::INTERNAL_SERVER_ERROR, 2, "destination or payment request must be given"),
    }
}

async fn track(State(wallet): State<LdkWallet>, headers: HeaderMap, Path(hash): Path<String>) -> Response {
    if access(&headers) != Access::Full {
        return denied();
    }
    let hash = URL_SAFE.decode(hash).unwrap().try_into().unwrap();
    line(&wallet.outgoing(&hash).await.unwrap())
}
