//! The wallet behind a connection string.

use std::fmt;
use std::time::Duration;

use dazaar::payment::{Answer, PaymentError};
use dazaar_market::display_text;
use dazaar_pay::Secret;
use dazaar_pay::lightning::{About, Incoming, LightningWallet, NewInvoice, Outgoing, PaymentHash, Spend};
use nwc::nostr::RelayUrl;
use nwc::nostr::nips::nip47::{
    self, ErrorCode, LookupInvoiceRequest, LookupInvoiceResponse, MakeInvoiceRequest, Method, NIP47Error,
    NostrWalletConnectURI, PayInvoiceRequest, TransactionState, TransactionType,
};
use nwc::nostr::types::url::Host;
use nwc::{NWC, NostrWalletConnectOptions};

/// How long an answer is waited for. A payment that takes longer goes on by itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// A wallet that is reached through relays.
pub struct NwcWallet {
    client: NWC,
}

impl fmt::Debug for NwcWallet {
    /// Without the connection string.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NwcWallet")
            .field("wallet", &self.client.uri().public_key.to_hex())
            .finish_non_exhaustive()
    }
}

impl NwcWallet {
    /// The wallet of a connection string. Nothing is connected yet.
    ///
    /// # Errors
    /// [`PaymentError::Refused`] if it is none, or names a relay whose connection would not be encrypted, but for one on this machine.
    pub fn new(connection: &Secret) -> Result<Self, PaymentError> {
        let uri = NostrWalletConnectURI::parse(connection.reveal()).map_err(|_| {
            PaymentError::refused("this is no connection string, as in `nostr+walletconnect://...`")
        })?;
        if let Some(relay) = uri.relays.iter().find(|relay| !is_safe(relay)) {
            let relay = display_text(relay.as_str());
            return Err(PaymentError::refused(format!("the relay {relay} is not reached by wss://")));
        }
        let options = NostrWalletConnectOptions::new().timeout(PATIENCE);
        Ok(Self { client: NWC::with_opts(uri, options) })
    }

    /// What the wallet knows of a payment; none if nothing.
    async fn transaction(&self, hash: &PaymentHash) -> Result<Option<LookupInvoiceResponse>, PaymentError> {
        let question = LookupInvoiceRequest { payment_hash: Some(hex::encode(hash)), invoice: None };
        match self.client.lookup_invoice(question).await {
            Ok(found) if found.payment_hash == hex::encode(hash) => Ok(Some(found)),
            Ok(_) => Err(PaymentError::unavailable("the wallet answers about another payment")),
            Err(error) => match code(&error) {
                Some(NIP47Error { code: ErrorCode::NotFound, .. }) => Ok(None),
                _ => Err(unavailable(&error)),
            },
        }
    }
}

impl LightningWallet for NwcWallet {
    fn about(&self) -> Answer<'_, About> {
        Box::pin(async {
            let info = self.client.get_info().await.map_err(|error| unavailable(&error))?;
            let name = match info.alias.filter(|alias| !alias.trim().is_empty()) {
                Some(alias) => format!("Nostr wallet `{}`", display_text(&alias)),
                None => "Nostr wallet".to_owned(),
            };
            Ok(About { name, can_pay: info.methods.contains(&Method::PayInvoice) })
        })
    }

    fn balance(&self) -> Answer<'_, u64> {
        Box::pin(async { self.client.get_balance().await.map_err(|error| unavailable(&error)) })
    }

    fn invoice<'a>(&'a self, wanted: &'a NewInvoice) -> Answer<'a, String> {
        Box::pin(async move {
            let request = MakeInvoiceRequest {
                amount: wanted.msat,
                description: Some(wanted.memo.clone()),
                description_hash: None,
                expiry: Some(wanted.expiry.as_secs()),
            };
            let made = self.client.make_invoice(request).await.map_err(|error| unavailable(&error))?;
            Ok(made.invoice)
        })
    }

    fn incoming<'a>(&'a self, hash: &'a PaymentHash) -> Answer<'a, Incoming> {
        Box::pin(async move {
            Ok(match self.transaction(hash).await? {
                Some(found)
                    if found.transaction_type != Some(TransactionType::Outgoing) && is_settled(&found) =>
                {
                    Incoming::Settled { msat: found.amount, preimage: preimage(&found) }
                }
                _ => Incoming::Nothing,
            })
        })
    }

    fn pay<'a>(&'a self, spend: &'a Spend) -> Answer<'a, Outgoing> {
        Box::pin(async move {
            let request = PayInvoiceRequest { id: None, invoice: spend.invoice.clone(), amount: None };
            match self.client.pay_invoice(request).await {
                Ok(paid) => Ok(Outgoing::Paid {
                    fee_msat: paid.fees_paid.unwrap_or(0),
                    preimage: bytes(&paid.preimage),
                }),
                Err(error) => Err(match code(&error) {
                    Some(refusal) if is_final(refusal.code) => {
                        PaymentError::refused(format!("the wallet says: {}", display_text(&refusal.message)))
                    }
                    // A payment that failed may have run out of time, and arrive all the same.
                    _ => unavailable(&error),
                }),
            }
        })
    }

    fn outgoing<'a>(&'a self, hash: &'a PaymentHash) -> Answer<'a, Outgoing> {
        Box::pin(async move {
            let Some(found) = self.transaction(hash).await? else { return Ok(Outgoing::Unknown) };
            if found.transaction_type == Some(TransactionType::Incoming) {
                return Ok(Outgoing::Unknown);
            }
            Ok(match found.state {
                _ if is_settled(&found) => {
                    Outgoing::Paid { fee_msat: found.fees_paid, preimage: preimage(&found) }
                }
                Some(TransactionState::Failed | TransactionState::Expired) => {
                    Outgoing::Failed { reason: "the wallet says no more".to_owned() }
                }
                _ => Outgoing::Pending,
            })
        })
    }
}

/// Whether nobody on the way learns who asks whom.
fn is_safe(relay: &RelayUrl) -> bool {
    let is_here = match relay.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    is_here || relay.as_str().starts_with("wss://")
}

/// Older wallets tell no state, but when it was settled.
fn is_settled(found: &LookupInvoiceResponse) -> bool {
    match found.state {
        Some(state) => state == TransactionState::Settled,
        None => found.settled_at.is_some(),
    }
}

fn preimage(found: &LookupInvoiceResponse) -> Option<[u8; 32]> {
    bytes(found.preimage.as_deref()?)
}

fn bytes(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).is_ok().then_some(bytes)
}

/// Whether nothing leaves after such a refusal.
const fn is_final(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::RateLimited
            | ErrorCode::NotImplemented
            | ErrorCode::InsufficientBalance
            | ErrorCode::QuotaExceeded
            | ErrorCode::Restricted
            | ErrorCode::Unauthorized
    )
}

/// What the wallet itself answered, if it did.
const fn code(error: &nwc::Error) -> Option<&NIP47Error> {
    match error {
        nwc::Error::NIP47(nip47::Error::ErrorCode(error)) => Some(error),
        _ => None,
    }
}

fn unavailable(error: &nwc::Error) -> PaymentError {
    PaymentError::unavailable(match error {
        nwc::Error::PrematureExit | nwc::Error::Timeout => "the wallet does not answer".to_owned(),
        error => display_text(&error.to_string()),
    })
}
