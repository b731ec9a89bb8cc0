//! LND: a node of one's own. Source: its REST interface (`lightning.proto`, `router.proto` and their gateway rules).
//!
//! Numbers of 64 bits come as text, bytes as base64.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use dazaar::payment::{Answer, PaymentError};
use dazaar_market::display_text;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::http::{Call, Endpoint, Reply, Service, TRY_TO_PAY_SECS, hash_of};
use super::{About, Incoming, LightningWallet, NewInvoice, Outgoing, PaymentHash, Spend};
use crate::Secret;

/// The number that gRPC has for what is not there.
const NOT_FOUND: u64 = 5;

/// A node that runs LND. Its key is a macaroon in hex: of a seller `invoices:read invoices:write`, of a buyer also `offchain:read
/// offchain:write`; with `info:read` it tells its name.
#[derive(Debug)]
pub struct Lnd {
    service: Service,
}

#[derive(Deserialize)]
struct Info {
    alias: String,
    identity_pubkey: String,
}

#[derive(Deserialize)]
struct Balance {
    local_balance: Amount,
}

#[derive(Deserialize)]
struct Amount {
    msat: String,
}

#[derive(Deserialize)]
struct Added {
    payment_request: String,
}

#[derive(Deserialize)]
struct Invoice {
    state: String,
    amt_paid_msat: Option<String>,
    r_preimage: Option<String>,
}

/// A line of a stream.
#[derive(Deserialize)]
struct Line {
    result: Payment,
}

#[derive(Deserialize)]
struct Payment {
    status: String,
    fee_msat: Option<String>,
    payment_preimage: Option<String>,
    failure_reason: Option<String>,
}

impl Lnd {
    /// The node at `endpoint`, with a macaroon in hex.
    ///
    /// # Errors
    /// [`PaymentError::Refused`] if the address, certificate or macaroon is none.
    pub fn new(endpoint: &Endpoint, macaroon: Secret) -> Result<Self, PaymentError> {
        if hex::decode(macaroon.reveal()).is_err() {
            return Err(PaymentError::refused("LND's macaroon must be given in hex"));
        }
        Ok(Self { service: Service::new("LND", endpoint, "Grpc-Metadata-macaroon", macaroon)? })
    }

    async fn ask<T: DeserializeOwned>(&self, call: Call) -> Result<T, PaymentError> {
        self.service.expect(&self.allowed(self.service.send(call).await?)?)
    }

    fn number(&self, text: Option<&str>) -> Result<u64, PaymentError> {
        let number = text.and_then(|text| text.parse().ok());
        number.ok_or_else(|| self.service.unavailable("an amount is missing or is no number"))
    }

    fn payment(&self, reply: &Reply) -> Result<Outgoing, PaymentError> {
        let Payment { status, fee_msat, payment_preimage, failure_reason } =
            self.service.expect::<Line>(reply)?.result;
        Ok(match status.as_str() {
            "SUCCEEDED" => Outgoing::Paid {
                fee_msat: self.number(fee_msat.as_deref())?,
                preimage: payment_preimage.as_deref().and_then(hash_of),
            },
            "FAILED" => Outgoing::Failed { reason: display_text(&failure_reason.unwrap_or_default()) },
            _ => Outgoing::Pending,
        })
    }

    /// LND answers 500 to a macaroon that does not suffice, and says so in words.
    fn is_forbidden(&self, reply: &Reply) -> bool {
        let reason = self.service.reason(reply);
        reply.status >= 400
            && ["permission denied", "verification failed", "cannot get macaroon", "cannot retrieve macaroon"]
                .iter()
                .any(|words| reason.contains(words))
    }

    /// Whether LND itself has no such payment or invoice. Of an address that it does not know its gateway says `Not Found`; a proxy before it
    /// has another form.
    fn is_unknown(reply: &Reply) -> bool {
        let answer = reply.json();
        let error = answer.get("error").filter(|error| error.is_object()).unwrap_or(&answer);
        let code = error.get("code").or_else(|| error.get("grpc_code"));
        code.is_some_and(|code| *code == NOT_FOUND) && error["message"] != "Not Found"
    }

    fn allowed(&self, reply: Reply) -> Result<Reply, PaymentError> {
        if self.is_forbidden(&reply) {
            let reason = self.service.reason(&reply);
            return Err(PaymentError::refused(format!("LND: the macaroon may not do this: {reason}")));
        }
        Ok(reply)
    }
}

impl LightningWallet for Lnd {
    fn about(&self) -> Answer<'_, About> {
        Box::pin(async {
            // Nothing is paid: there is no invoice in it.
            let attempt = self.service.send(Call::post_json("v2/router/send", json!({})).streams()).await?;
            let can_pay = !self.is_forbidden(&attempt);
            if can_pay && !attempt.json().is_object() {
                return Err(self.service.failure(&attempt));
            }
            let reply = self.service.send(Call::get("v1/getinfo")).await?;
            if self.is_forbidden(&reply) {
                return Ok(About { name: "LND".to_owned(), can_pay });
            }
            let Info { alias, identity_pubkey } = self.service.expect(&reply)?;
            let name = format!("LND node {} ({})", display_text(&identity_pubkey), display_text(&alias));
            Ok(About { name, can_pay })
        })
    }

    fn balance(&self) -> Answer<'_, u64> {
        Box::pin(async {
            let balance: Balance = self.ask(Call::get("v1/balance/channels")).await?;
            self.number(Some(&balance.local_balance.msat))
        })
    }

    fn invoice<'a>(&'a self, wanted: &'a NewInvoice) -> Answer<'a, String> {
        Box::pin(async move {
            let body = json!({
                "value_msat": wanted.msat.to_string(),
                "memo": wanted.memo,
                "expiry": wanted.expiry.as_secs().to_string(),
                // Nodes without public channels are found by hints in the invoice.
                "private": true,
            });
            let added: Added = self.ask(Call::post_json("v1/invoices", body)).await?;
            Ok(added.payment_request)
        })
    }

    fn incoming<'a>(&'a self, hash: &'a PaymentHash) -> Answer<'a, Incoming> {
        Box::pin(async move {
            let reply = self.service.send(Call::get(format!("v1/invoice/{}", hex::encode(hash)))).await?;
            if Self::is_unknown(&reply) {
                return Ok(Incoming::Nothing);
            }
            let invoice: Invoice = self.service.expect(&self.allowed(reply)?)?;
            if invoice.state != "SETTLED" {
                return Ok(Incoming::Nothing);
            }
            let preimage = invoice.r_preimage.and_then(|text| STANDARD.decode(text).ok());
            Ok(Incoming::Settled {
                msat: self.number(invoice.amt_paid_msat.as_deref())?,
                preimage: preimage.and_then(|bytes| bytes.try_into().ok()),
            })
        })
    }

    fn pay<'a>(&'a self, spend: &'a Spend) -> Answer<'a, Outgoing> {
        Box::pin(async move {
            let body = json!({
                "payment_request": spend.invoice,
                "fee_limit_msat": spend.fee_max_msat.to_string(),
                "timeout_seconds": TRY_TO_PAY_SECS,
                "no_inflight_updates": true,
            });
            let reply = self.service.send(Call::post_json("v2/router/send", body).pays().streams()).await?;
            self.payment(&self.allowed(reply)?)
        })
    }

    fn outgoing<'a>(&'a self, hash: &'a PaymentHash) -> Answer<'a, Outgoing> {
        Box::pin(async move {
            // The first line says how it stands; others would come as it goes on.
            let call = Call::get(format!("v2/router/track/{}", URL_SAFE.encode(hash))).streams();
            let reply = self.service.send(call).await?;
            if Self::is_unknown(&reply) {
                return Ok(Outgoing::Unknown);
            }
            self.payment(&self.allowed(reply)?)
        })
    }
}
