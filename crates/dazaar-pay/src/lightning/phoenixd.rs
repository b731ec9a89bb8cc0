//! phoenixd: a wallet that runs by itself and opens channels as it needs them. Source: its HTTP interface, version 0.8.
//!
//! It counts satoshis, limits descriptions to 128 characters - those of npm dazaar are longer - and decides itself what the way may cost.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dazaar::payment::{Answer, PaymentError};
use dazaar_market::display_text;
use serde::Deserialize;
use serde_json::Value;

use super::bolt11::unsure;
use super::http::{Call, Endpoint, Service, hash_of};
use super::{About, Incoming, LightningWallet, NewInvoice, Outgoing, PaymentHash, Spend};
use crate::Secret;

/// A wallet that runs phoenixd. Its key is a password: sellers need the one for limited access, buyers the other.
#[derive(Debug)]
pub struct Phoenixd {
    service: Service,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Info {
    node_id: String,
    version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Balance {
    balance_sat: u64,
}

#[derive(Deserialize)]
struct Made {
    serialized: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Received {
    is_paid: bool,
    received_sat: u64,
    /// In msat: what phoenixd kept for making room. The payer sent it all the same.
    fees: u64,
    preimage: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    is_paid: bool,
    /// In msat.
    fees: u64,
    preimage: Option<String>,
    completed_at: Option<u64>,
}

/// What phoenixd says of everything that is not there, an unknown payment too; a proxy before it has other words.
const NOT_FOUND: &str = "Unknown endpoint";

impl Phoenixd {
    /// The wallet at `endpoint`, with one of its passwords.
    ///
    /// # Errors
    /// [`PaymentError::Refused`] if the address or certificate is none.
    pub fn new(endpoint: &Endpoint, password: &Secret) -> Result<Self, PaymentError> {
        let credentials = STANDARD.encode(format!(":{}", password.reveal()));
        let key = Secret::new(&format!("Basic {credentials}"));
        let service = Service::new("phoenixd", endpoint, "Authorization", key)?;
        Ok(Self { service: service.made_of(password.clone()) })
    }
}

impl LightningWallet for Phoenixd {
    fn about(&self) -> Answer<'_, About> {
        Box::pin(async {
            let info: Info = self.service.ask(Call::get("getinfo")).await?;
            // Nothing is paid: there is no invoice in it.
            let attempt = self.service.send(Call::post_form("payinvoice", Vec::new())).await?;
            let can_pay = match attempt.status {
                400 => true,
                401 | 403 => false,
                _ => return Err(self.service.failure(&attempt)),
            };
            let name = format!("phoenixd {} ({})", display_text(&info.version), display_text(&info.node_id));
            Ok(About { name, can_pay })
        })
    }

    fn balance(&self) -> Answer<'_, u64> {
        Box::pin(async {
            let balance: Balance = self.service.ask(Call::get("getbalance")).await?;
            Ok(balance.balance_sat.saturating_mul(1000))
        })
    }

    fn invoice<'a>(&'a self, wanted: &'a NewInvoice) -> Answer<'a, String> {
        Box::pin(async move {
            let form = vec![
                ("amountSat", wanted.whole_sat()?.to_string()),
                ("description", wanted.memo.clone()),
                ("expirySeconds", wanted.expiry.as_secs().to_string()),
                ("externalId", hex::encode(wanted.order)),
            ];
            let made: Made = self.service.ask(Call::post_form("createinvoice", form)).await?;
            Ok(made.serialized)
        })
    }

    fn incoming<'a>(&'a self, hash: &'a PaymentHash) -> Answer<'a, Incoming> {
        Box::pin(async move {
            let reply =
                self.service.send(Call::get(format!("payments/incoming/{}", hex::encode(hash)))).await?;
            if reply.status == 404 && reply.begins_with(NOT_FOUND) {
                return Ok(Incoming::Nothing);
            }
            let received: Received = self.service.expect(&reply)?;
            if !received.is_paid {
                return Ok(Incoming::Nothing);
            }
            Ok(Incoming::Settled {
                msat: received.received_sat.saturating_mul(1000).saturating_add(received.fees),
                preimage: received.preimage.as_deref().and_then(hash_of),
            })
        })
    }

    fn pay<'a>(&'a self, spend: &'a Spend) -> Answer<'a, Outgoing> {
        Box::pin(async move {
            let form = vec![("invoice", spend.invoice.clone())];
            let answer: Value = self.service.ask(Call::post_form("payinvoice", form).pays()).await?;
            // An answer with a reason is a failure; but of what was paid or is being paid already it says that, too.
            let outgoing = self.outgoing(&spend.hash).await.map_err(unsure)?;
            match answer["reason"].as_str() {
                Some(reason) if outgoing == Outgoing::Unknown => {
                    Ok(Outgoing::Failed { reason: display_text(reason) })
                }
                _ => Ok(outgoing),
            }
        })
    }

    fn outgoing<'a>(&'a self, hash: &'a PaymentHash) -> Answer<'a, Outgoing> {
        Box::pin(async move {
            let reply = self
                .service
                .send(Call::get(format!("payments/outgoingbyhash/{}", hex::encode(hash))))
                .await?;
            if reply.status == 404 && reply.begins_with(NOT_FOUND) {
                return Ok(Outgoing::Unknown);
            }
            let sent: Sent = self.service.expect(&reply)?;
            Ok(match (sent.is_paid, sent.completed_at) {
                (true, _) => Outgoing::Paid {
                    fee_msat: sent.fees,
                    preimage: sent.preimage.as_deref().and_then(hash_of),
                },
                (false, Some(_)) => Outgoing::Failed { reason: "phoenixd says no more".to_owned() },
                (false, None) => Outgoing::Pending,
            })
        })
    }
}
