//! Nostr Wallet Connect: any wallet that answers on a relay. The link that it gives is address and key in one. Source: NIP-47.

use std::fmt;
use std::time::Duration;

use dazaar::payment::{Answer, PaymentError};
use dazaar_market::display_text;
use nwc::NWC;
use nwc::nostr::nips::nip47::{
    Error as Nip47Error, ErrorCode, LookupInvoiceRequest, LookupInvoiceResponse, MakeInvoiceRequest, Method,
    NIP47Error, NostrWalletConnectURI, PayInvoiceRequest, TransactionState, TransactionType,
};
use nwc::options::NostrWalletConnectOptions;

use super::http::hash_of;
use super::{About, Incoming, LightningWallet, NewInvoice, Outgoing, PaymentHash, Spend};
use crate::Secret;

/// How long a wallet may take to answer; as long as that, a payment is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A wallet behind a link `nostr+walletconnect://`. What it may do, and what the way may cost, was settled when the link was made.
pub struct NostrWallet {
    client: NWC,
}

impl NostrWallet {
    /// The wallet of a link. Nothing is connected yet.
    ///
    /// # Errors
    /// [`PaymentError::Refused`] if it is no such link.
    pub fn new(link: &Secret) -> Result<Self, PaymentError> {
        // What is wrong with it is not repeated: the link is a secret.
        let uri = NostrWalletConnectURI::parse(link.reveal())
            .map_err(|_| PaymentError::refused("this is no link like nostr+walletconnect://..."))?;
        let options = NostrWalletConnectOptions::new().timeout(PATIENCE);
        Ok(Self { client: NWC::with_opts(uri, options) })
    }

    /// None if the wallet knows no such payment in this direction.
    async fn look_up(
        &self,
        hash: &PaymentHash,
        direction: TransactionType,
    ) -> Result<Option<LookupInvoiceResponse>, PaymentError> {
        let request = LookupInvoiceRequest { payment_hash: Some(hex::encode(hash)), invoice: None };
        match self.client.lookup_invoice(request).await {
            Ok(found) => Ok((found.transaction_type.unwrap_or(direction) == direction).then_some(found)),
            Err(error) if code(&error) == Some(ErrorCode::NotFound) => Ok(None),
            Err(error) => Err(failure(&error)),
        }
    }
}

fn code(error: &nwc::Error) -> Option<ErrorCode> {
    match error {
        nwc::Error::NIP47(Nip47Error::ErrorCode(NIP47Error { code, .. })) => Some(*code),
        _ => None,
    }
}

/// What a failed call means: refused only if the wallet understood, and nothing happened.
fn failure(error: &nwc::Error) -> PaymentError {
    let reason = match error {
        nwc::Error::NIP47(Nip47Error::ErrorCode(error)) => display_text(&error.message),
        nwc::Error::NIP47(Nip47Error::CantDeserializeResponse { .. }) => {
            "the answer is not what it should be".to_owned()
        }
        error => display_text(&error.to_string()),
    };
    match code(error) {
        Some(ErrorCode::Restricted | ErrorCode::Unauthorized | ErrorCode::NotImplemented) => {
            PaymentError::refused(format!("the wallet's link may not do this: {reason}"))
        }
        Some(ErrorCode::InsufficientBalance | ErrorCode::QuotaExceeded) => {
            PaymentError::refused(format!("the wallet refuses: {reason}"))
        }
        _ => PaymentError::unavailable(format!("the wallet behind the link: {reason}")),
    }
}

/// Wallets of before there were states say when a payment was settled.
fn is_settled(found: &LookupInvoiceResponse) -> bool {
    found.state.map_or(found.settled_at.is_some(), |state| state == TransactionState::Settled)
}

impl LightningWallet for NostrWallet {
    fn about(&self) -> Answer<'_, About> {
        Box::pin(async {
            let info = self.client.get_info().await.map_err(|error| failure(&error))?;
            let alias = info.alias.unwrap_or_else(|| "without a name".to_owned());
            let name = format!("wallet `{}` over Nostr", display_text(&alias));
            Ok(About { name, can_pay: info.methods.contains(&Method::PayInvoice) })
        })
    }

    fn balance(&self) -> Answer<'_, u64> {
        Box::pin(async { self.client.get_balance().await.map_err(|error| failure(&error)) })
    }

    fn invoice<'a>(&'a self, wanted: &'a NewInvoice) -> Answer<'a, String> {
        Box::pin(async move {
            let request = MakeInvoiceRequest {
                amount: wanted.msat,
                description: Some(wanted.memo.clone()),
                description_hash: None,
                expiry: Some(wanted.expiry.as_secs()),
            };
            let made = self.client.make_invoice(request).await.map_err(|error| failure(&error))?;
            Ok(made.invoice)
        })
    }

    fn incoming<'a>(&'a self, hash: &'a PaymentHash) -> Answer<'a, Incoming> {
        Box::pin(async move {
            let found = self.look_up(hash, TransactionType::Incoming).await?;
            Ok(found.filter(is_settled).map_or(Incoming::Nothing, |found| Incoming::Settled {
                msat: found.amount,
                preimage: found.preimage.as_deref().and_then(hash_of),
            }))
        })
    }

    fn pay<'a>(&'a self, spend: &'a Spend) -> Answer<'a, Outgoing> {
        Box::pin(async move {
            match self.client.pay_invoice(PayInvoiceRequest::new(&spend.invoice)).await {
                Ok(paid) => Ok(Outgoing::Paid {
                    fee_msat: paid.fees_paid.unwrap_or(0),
                    preimage: hash_of(&paid.preimage),
                }),
                // Wallets call it failed too if it takes long.
                Err(error) if code(&error) == Some(ErrorCode::PaymentFailed) => {
                    Ok(match self.outgoing(&spend.hash).await? {
                        Outgoing::Unknown => Outgoing::Failed { reason: failure(&error).to_string() },
                        outgoing => outgoing,
                    })
                }
                Err(error) => Err(failure(&error)),
            }
        })
    }

    fn outgoing<'a>(&'a self, hash: &'a PaymentHash) -> Answer<'a, Outgoing> {
        Box::pin(async move {
            let Some(found) = self.look_up(hash, TransactionType::Outgoing).await? else {
                return Ok(Outgoing::Unknown);
            };
            Ok(match found.state {
                _ if is_settled(&found) => Outgoing::Paid {
                    fee_msat: found.fees_paid,
                    preimage: found.preimage.as_deref().and_then(hash_of),
                },
                Some(TransactionState::Failed) => {
                    Outgoing::Failed { reason: "the wallet says no more".to_owned() }
                }
                _ => Outgoing::Pending,
            })
        })
    }
}

impl fmt::Debug for NostrWallet {
    /// The link is a secret, but for whom it reaches.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NostrWallet").field("wallet", &self.client.uri().public_key).finish_non_exhaustive()
    }
}
