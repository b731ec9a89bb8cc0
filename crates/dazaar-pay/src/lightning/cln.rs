//! Core Lightning: a node of one's own. Source: its schemas (`node.proto`), as the plugin `clnrest` offers them.

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
}

impl LightningWallet for CoreLightning {
    fn about(&self) -> Answer<'_, About> {
        Box::pin(async {
            let info: Info = self.service.ask(Call::post_json("v1/getinfo", json!({}))).await?;
            // Nothing is paid: this is no invoice.
            let attempt = Call::post_json("v1/xpay", json!({ "invstring": "none" }));
            let attempt = self.service.send(attempt).await?;
            let name =
                format!("Core Lightning node {} ({})", display_text(&info.id), display_text(&info.alias));
            Ok(About { name, can_pay: ![401, 403].contains(&attempt.status) })
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
            let outgoing = self.outgoing(&spend.hash).await.map_err(unsure)?;
            // The node understood, said no, and keeps no trace: nothing left it.
            let is_refused = outgoing == Outgoing::Unknown && reply.json()["code"].is_number();
            Ok(if is_refused { Outgoing::Failed { reason: self.service.reason(&reply) } } else { outgoing })
        })
    }

    fn outgoing<'a>(&'a self, hash: &'a PaymentHash) -> Answer<'a, Outgoing> {
        Box::pin(async move {
            let body = json!({ "payment_hash": hex::encode(hash) });
            let payments = self.service.ask::<Payments>(Call::post_json("v1/listpays", body)).await?.pays;
            let with = |status: &str| payments.iter().find(|payment| payment.status == status);
            if let Some(paid) = with("complete") {
                let sent = paid.amount_sent_msat.unwrap_or(0);
                return Ok(Outgoing::Paid {
                    fee_msat: sent.saturating_sub(paid.amount_msat.unwrap_or(sent)),
                    preimage: paid.preimage.as_deref().and_then(hash_of),
                });
            }
            Ok(match () {
                () if with("pending").is_some() => Outgoing::Pending,
                () if with("failed").is_some() => {
                    Outgoing::Failed { reason: "every way there failed".to_owned() }
                }
                () => Outgoing::Unknown,
            })
        })
    }
}
