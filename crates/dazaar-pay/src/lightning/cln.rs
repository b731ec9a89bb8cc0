//! Core Lightning: a node of one's own. Source: its schemas (`node.proto`), as the plugin `clnrest` offers them.

use dazaar::now_ms;
use dazaar::payment::{Answer, PaymentError};
use dazaar_market::display_text;
use serde::Deserialize;
use serde_json::{Value, json};

use super::bolt11::unsure;
use super::http::{Call, Endpoint, Service, TRY_TO_PAY_SECS, hash_of};
use super::{About, Incoming, LightningWallet, NewInvoice, Outgoing, PaymentHash, Spend};
use crate::Secret;

/// Code of an invoice whose label is taken.
const LABEL_IS_TAKEN: i64 = 900;

/// Code of a payment that goes on.
const IN_PROGRESS: i64 = 200;

/// How long after its beginning a payment that is called failed has failed: the node gives up after [`TRY_TO_PAY_SECS`], and its clock may
/// differ from ours.
const OVER_AFTER_SECS: u64 = TRY_TO_PAY_SECS + 600;

/// A node that runs Core Lightning. Its key is a rune: of a seller for `invoice`, `listinvoices` and `getinfo`; of a buyer for `xpay`, `listpays`,
/// `listpeerchannels` and `getinfo`.
#[derive(Debug)]
pub struct CoreLightning {
    service: Service,
}

#[derive(Deserialize)]
struct Info {
    id: String,
    alias: String,
}

#[derive(Deserialize)]
struct Channels {
    channels: Vec<Channel>,
}

#[derive(Deserialize)]
struct Channel {
    spendable_msat: Option<u64>,
}

#[derive(Deserialize)]
struct Made {
    bolt11: String,
}

#[derive(Deserialize)]
struct Invoices {
    invoices: Vec<Invoice>,
}

#[derive(Deserialize)]
struct Invoice {
    status: String,
    bolt11: Option<String>,
    amount_received_msat: Option<u64>,
    payment_preimage: Option<String>,
}

#[derive(Deserialize)]
struct Payments {
    pays: Vec<Payment>,
}

#[derive(Deserialize)]
struct Payment {
    status: String,
    /// Seconds since 1970 UTC.
    created_at: Option<u64>,
    amount_msat: Option<u64>,
    amount_sent_msat: Option<u64>,
    preimage: Option<String>,
}

impl CoreLightning {
    /// The node at `endpoint`, with a rune.
    ///
    /// # Errors
    /// [`PaymentError::Refused`] if the address or certificate is none.
    pub fn new(endpoint: &Endpoint, rune: Secret) -> Result<Self, PaymentError> {
        Ok(Self { service: Service::new("Core Lightning", endpoint, "Rune", rune)? })
    }

    async fn invoices(&self, which: Value) -> Result<Option<Invoice>, PaymentError> {
        let found: Invoices = self.service.ask(Call::post_json("v1/listinvoices", which)).await?;
        Ok(found.invoices.into_iter().next())
    }

    /// How a payment stands. Between two attempts it is called failed, and goes on: it has failed if the node `gave_up`, or must have.
    async fn standing(&self, hash: &PaymentHash, gave_up: bool) -> Result<Outgoing, PaymentError> {
        let body = json!({ "payment_hash": hex::encode(hash) });
        let payments = self.service.ask::<Payments>(Call::post_json("v1/listpays", body)).await?.pays;
        if let Some(paid) = payments.iter().find(|payment| payment.status == "complete") {
            let sent = paid.amount_sent_msat.unwrap_or(0);
            return Ok(Outgoing::Paid {
                fee_msat: sent.saturating_sub(paid.amount_msat.unwrap_or(sent)),
                preimage: paid.preimage.as_deref().and_then(hash_of),
            });
        }
        let now_s = now_ms().unsigned_abs() / 1000;
        let has_failed = |payment: &Payment| {
            let must_be_over = |begun: u64| begun.saturating_add(OVER_AFTER_SECS) < now_s;
            payment.status == "failed" && (gave_up || payment.created_at.is_some_and(must_be_over))
        };
        Ok(match &payments[..] {
            [] => Outgoing::Unknown,
            all if all.iter().all(has_failed) => {
                Outgoing::Failed { reason: "every way there failed".to_owned() }
            }
            _ => Outgoing::Pending,
        })
    }
}

impl LightningWallet for CoreLightning {
    fn about(&self) -> Answer<'_, About> {
        Box::pin(async {
            let info: Info = self.service.ask(Call::post_json("v1/getinfo", json!({}))).await?;
            // Nothing is paid: this is no invoice.
            let attempt = Call::post_json("v1/xpay", json!({ "invstring": "none" }));
            let attempt = self.service.send(attempt).await?;
            let can_pay = ![401, 403].contains(&attempt.status);
            if can_pay && !attempt.json()["code"].is_number() {
                return Err(self.service.failure(&attempt));
            }
            let name =
                format!("Core Lightning node {} ({})", display_text(&info.id), display_text(&info.alias));
            Ok(About { name, can_pay })
        })
    }

    fn balance(&self) -> Answer<'_, u64> {
        Box::pin(async {
            let all: Channels = self.service.ask(Call::post_json("v1/listpeerchannels", json!({}))).await?;
            Ok(all.channels.iter().filter_map(|channel| channel.spendable_msat).fold(0, u64::saturating_add))
        })
    }

    fn invoice<'a>(&'a self, wanted: &'a NewInvoice) -> Answer<'a, String> {
        Box::pin(async move {
            let label = format!("dazaar-{}", hex::encode(wanted.order));
            let body = json!({
                "amount_msat": wanted.msat,
                "label": label,
                "description": wanted.memo,
                "expiry": wanted.expiry.as_secs(),
            });
            let reply = self.service.send(Call::post_json("v1/invoice", body)).await?;
            if reply.json()["code"] != LABEL_IS_TAKEN {
                return Ok(self.service.expect::<Made>(&reply)?.bolt11);
            }
            let made = self.invoices(json!({ "label": label })).await?;
            made.and_then(|made| made.bolt11)
                .ok_or_else(|| self.service.unavailable("an invoice disappeared"))
        })
    }

    fn incoming<'a>(&'a self, hash: &'a PaymentHash) -> Answer<'a, Incoming> {
        Box::pin(async move {
            let found = self.invoices(json!({ "payment_hash": hex::encode(hash) })).await?;
            let Some(invoice) = found.filter(|invoice| invoice.status == "paid") else {
                return Ok(Incoming::Nothing);
            };
            let msat = invoice.amount_received_msat;
            Ok(Incoming::Settled {
                msat: msat.ok_or_else(|| self.service.unavailable("a paid invoice has no amount"))?,
                preimage: invoice.payment_preimage.as_deref().and_then(hash_of),
            })
        })
    }

    fn pay<'a>(&'a self, spend: &'a Spend) -> Answer<'a, Outgoing> {
        Box::pin(async move {
            let body = json!({
                "invstring": spend.invoice,
                "maxfee": spend.fee_max_msat,
                "retry_for": TRY_TO_PAY_SECS,
            });
            let reply = self.service.send(Call::post_json("v1/xpay", body).pays()).await?;
            if [401, 403, 404].contains(&reply.status) {
                return Err(self.service.failure(&reply));
            }
            let gave_up = reply.json()["code"].as_i64().is_some_and(|code| code != IN_PROGRESS);
            let outgoing = self.standing(&spend.hash, gave_up).await.map_err(unsure)?;
            // The node understood, said no, and keeps no trace: nothing left it.
            let is_refused = outgoing == Outgoing::Unknown && gave_up;
            Ok(if is_refused { Outgoing::Failed { reason: self.service.reason(&reply) } } else { outgoing })
        })
    }

    fn outgoing<'a>(&'a self, hash: &'a PaymentHash) -> Answer<'a, Outgoing> {
        Box::pin(self.standing(hash, false))
    }
}
