//! Core Lightning's methods behind `clnrest`, as far as a wallet needs them. Source: `node.proto`, and the plugin's status codes.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use dazaar_ldk::LdkWallet;
use dazaar_pay::lightning::{Incoming, LightningWallet as _, NewInvoice, Outgoing};
use serde_json::{Value, json};

use super::{Access, pay};

pub(super) fn service(wallet: LdkWallet) -> Router {
    Router::new().route("/v1/{method}", post(call)).with_state(wallet)
}

fn error(status: StatusCode, code: i32, message: &str) -> Response {
    (status, Json(json!({ "code": code, "message": message }))).into_response()
}

async fn call(
    State(wallet): State<LdkWallet>,
    headers: HeaderMap,
    Path(method): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    let access = Access::of(headers.get("rune").and_then(|rune| rune.to_str().ok()));
    let is_allowed = match access {
        Access::Full => true,
        Access::Invoices => ["getinfo", "invoice", "listinvoices"].contains(&&*method),
        Access::None => false,
    };
    if !is_allowed {
        return error(StatusCode::UNAUTHORIZED, 1502, "Not permitted");
    }
    let result = match &*method {
        "getinfo" => json!({ "id": wallet.node().node_id().to_string(), "alias": "stub" }),
        "listpeerchannels" => json!({ "channels": [{ "spendable_msat": wallet.balance().await.unwrap() }] }),
        "invoice" => json!({ "bolt11": invoice(&wallet, &body).await }),
        "listinvoices" => json!({ "invoices": [listed(&wallet, &body).await] }),
        "listpays" => json!({ "pays": pays(&wallet, &body).await }),
        "xpay" => {
            let fee = body["maxfee"].as_u64().unwrap_or(0);
            match pay(&wallet, body["invstring"].as_str().unwrap(), fee).await {
                Some(Outgoing::Paid { preimage, .. }) => {
                    json!({ "payment_preimage": preimage.map(hex::encode) })
                }
                Some(_) => return error(StatusCode::INTERNAL_SERVER_ERROR, 205, "No route"),
                None => return error(StatusCode::INTERNAL_SERVER_ERROR, -32602, "Invalid bolt11"),
            }
        }
        _ => return error(StatusCode::NOT_FOUND, -32601, "Unknown command"),
    };
    (StatusCode::CREATED, Json(result)).into_response()
}

async fn invoice(wallet: &LdkWallet, body: &Value) -> String {
    assert!(body["label"].as_str().unwrap().starts_with("dazaar-"));
    let wanted = NewInvoice {
        order: [0; 16],
        msat: body["amount_msat"].as_u64().unwrap(),
        memo: body["description"].as_str().unwrap().to_owned(),
        expiry: Duration::from_secs(body["expiry"].as_u64().unwrap()),
    };
    wallet.invoice(&wanted).await.unwrap()
}

fn hash(body: &Value) -> [u8; 32] {
    hex::decode(body["payment_hash"].as_str().unwrap()).unwrap().try_into().unwrap()
}

async fn listed(wallet: &LdkWallet, body: &Value) -> Value {
    match wallet.incoming(&hash(body)).await.unwrap() {
        Incoming::Nothing => json!({ "status": "unpaid" }),
        Incoming::Settled { msat, preimage } => json!({
            "status": "paid",
            "amount_received_msat": msat,
            "payment_preimage": preimage.map(hex::encode),
        }),
    }
}

async fn pays(wallet: &LdkWallet, body: &Value) -> Vec<Value> {
    let hash = hash(body);
    let payment = wallet.node().list_payments_with_filter(|payment| payment.id.0 == hash).pop();
    let msat = payment.and_then(|payment| payment.amount_msat).unwrap_or(0);
    match wallet.outgoing(&hash).await.unwrap() {
        Outgoing::Unknown => Vec::new(),
        Outgoing::Pending => vec![json!({ "status": "pending" })],
        Outgoing::Failed { .. } => vec![json!({ "status": "failed", "created_at": 1 })],
        Outgoing::Paid { fee_msat, preimage } => vec![json!({
            "status": "complete",
            "amount_msat": msat,
            "amount_sent_msat": msat + fee_msat,
            "preimage": preimage.map(hex::encode),
        })],
    }
}
