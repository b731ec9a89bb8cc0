//! LNbits: accounts on somebody's node, each with two keys. Source: its OpenAPI description, version 1.6.

use dazaar::payment::{Answer, PaymentError};
use dazaar_market::display_text;
use serde::Deserialize;
use serde_json::json;

use super::bolt11::unsure;
use super::http::{Call, Endpoint, Service, hash_of};
use super::{About, Incoming, LightningWallet, NewInvoice, Outgoing, PaymentHash, Spend};
use crate::Secret;

/// A wallet in an LNbits. Its invoice key can do what sellers need; buyers need its admin key. What the way may cost is the server's setting.
#[derive(Debug)]
pub struct Lnbits {
    service: Service,
}

#[derive(Deserialize)]
struct Wallet {
    name: String,
    /// In msat.
    balance: i64,
    /// Only told to who has the admin key.
    id: Option<String>,
}

#[derive(Deserialize)]
struct Payment {
    payment_request: String,
}

#[derive(Deserialize)]
struct Status {
    paid: bool,
    preimage: Option<String>,
    details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    /// In msat; below zero if it was sent.
    amount: i64,
    /// In msat; below zero too.
    fee: i64,
    status: String,
}

impl Lnbits {
    /// The wallet of `key` at `endpoint`.
    ///
    /// # Errors
    /// [`PaymentError::Refused`] if the address or certificate is none.
    pub fn new(endpoint: &Endpoint, key: Secret) -> Result<Self, PaymentError> {
        Ok(Self { service: Service::new("LNbits", endpoint, "X-Api-Key", key)? })
    }

    async fn wallet(&self) -> Result<Wallet, PaymentError> {
        self.service.ask(Call::get("api/v1/wallet")).await
    }

    /// None if this wallet knows no such payment.
    async fn status(&self, hash: &PaymentHash) -> Result<Option<(Status, Details)>, PaymentError> {
        let reply = self.service.send(Call::get(format!("api/v1/payments/{}", hex::encode(hash)))).await?;
        // LNbits itself; a proxy before it says 404 in another form.
        let is_unknown = |detail: &str| reply.status == 404 && detail.starts_with("Payment does not exist");
        if reply.json()["detail"].as_str().is_some_and(is_unknown) {
            return Ok(None);
        }
        let mut status: Status = self.service.expect(&reply)?;
        // To a key that it does not know LNbits tells about everybody's payments, without details.
        let details = status.details.take();
        let details = details.ok_or_else(|| self.service.unavailable("the key is not known"))?;
        Ok(Some((status, details)))
    }
}

impl LightningWallet for Lnbits {
    fn about(&self) -> Answer<'_, About> {
        Box::pin(async {
            let wallet = self.wallet().await?;
            let name = format!("LNbits wallet `{}`", display_text(&wallet.name));
            Ok(About { name, can_pay: wallet.id.is_some() })
        })
    }

    fn balance(&self) -> Answer<'_, u64> {
        Box::pin(async { Ok(u64::try_from(self.wallet().await?.balance).unwrap_or(0)) })
    }

    fn invoice<'a>(&'a self, wanted: &'a NewInvoice) -> Answer<'a, String> {
        Box::pin(async move {
            let body = json!({
                "out": false,
                "unit": "sat",
                "amount": wanted.whole_sat()?,
                "memo": wanted.memo,
                "expiry": wanted.expiry.as_secs(),
                "external_id": hex::encode(wanted.order),
            });
            let made: Payment = self.service.ask(Call::post_json("api/v1/payments", body)).await?;
            Ok(made.payment_request)
        })
    }

    fn incoming<'a>(&'a self, hash: &'a PaymentHash) -> Answer<'a, Incoming> {
        Box::pin(async move {
            Ok(match self.status(hash).await? {
                Some((status, details)) if status.paid && details.amount > 0 => Incoming::Settled {
                    msat: details.amount.unsigned_abs(),
                    preimage: status.preimage.as_deref().and_then(hash_of),
                },
                _ => Incoming::Nothing,
            })
        })
    }

    fn pay<'a>(&'a self, spend: &'a Spend) -> Answer<'a, Outgoing> {
        Box::pin(async move {
            let body = json!({ "out": true, "bolt11": spend.invoice });
            let reply = self.service.send(Call::post_json("api/v1/payments", body).pays()).await?;
            // LNbits has a status of its own for payments that failed, and says `pending` where it is not sure.
            if reply.status == 520 && reply.json()["status"] == "failed" {
                return Ok(Outgoing::Failed { reason: self.service.reason(&reply) });
            }
            self.service.expect::<Payment>(&reply)?;
            self.outgoing(&spend.hash).await.map_err(unsure)
        })
    }

    fn outgoing<'a>(&'a self, hash: &'a PaymentHash) -> Answer<'a, Outgoing> {
        Box::pin(async move {
            let Some((status, details)) = self.status(hash).await? else { return Ok(Outgoing::Unknown) };
            if details.amount >= 0 {
                return Ok(Outgoing::Unknown);
            }
            Ok(match details.status.as_str() {
                _ if status.paid => Outgoing::Paid {
                    fee_msat: details.fee.unsigned_abs(),
                    preimage: status.preimage.as_deref().and_then(hash_of),
                },
                "failed" => Outgoing::Failed { reason: "LNbits says no more".to_owned() },
                _ => Outgoing::Pending,
            })
        })
    }
}
