//! Invoices as strangers send them: read, and compared with a bill.
//!
//! Grade: plain. Needs no wallet: it is enough to show an invoice to somebody who pays by phone. Source: BOLT 11.

use std::str::FromStr as _;
use std::time::Duration;

use dazaar::payment::Bill;
use dazaar_market::{Asset, display_text};
use lightning_invoice::{
    Currency, ExpiryTime, PayeePubKey, RawBolt11Invoice, SignedRawBolt11Invoice, TaggedField,
};
use serde::{Deserialize, Serialize};

use super::PaymentHash;

/// Characters of an invoice: what the largest QR code can hold.
const INVOICE_CHARS_MAX: usize = 4296;

/// How long an invoice can be paid that does not say.
const EXPIRY: &Duration = &Duration::from_secs(3600);

/// What comes before an invoice where programs are to find out what it is.
const URI_SCHEME: &str = "lightning:";

/// How memos of npm dazaar begin. Its sellers find payments by them, so that they must be exact.
const LEGACY_MEMO: &str = "dazaar: ";

/// Which bitcoins. Those of the test networks are worth nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// The real ones.
    #[default]
    Bitcoin,
    /// A public test network.
    Testnet,
    /// A public test network whose blocks are signed.
    Signet,
    /// A network of one's own.
    Regtest,
}

impl Network {
    /// The name, as settings have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bitcoin => "bitcoin",
            Self::Testnet => "testnet",
            Self::Signet => "signet",
            Self::Regtest => "regtest",
        }
    }

    const fn of(currency: &Currency) -> Option<Self> {
        match currency {
            Currency::Bitcoin => Some(Self::Bitcoin),
            Currency::BitcoinTestnet => Some(Self::Testnet),
            Currency::Signet => Some(Self::Signet),
            Currency::Regtest => Some(Self::Regtest),
            Currency::Simnet => None,
        }
    }
}

/// What an invoice asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The invoice's text, as wallets take it.
    pub invoice: String,
    /// The payment's own name.
    pub hash: PaymentHash,
    /// How much, in msat.
    pub msat: u64,
    /// Until when it can be paid: milliseconds since 1970 UTC.
    pub expires_ms: i64,
    /// The node that is paid: its public key.
    pub payee: [u8; 33],
    /// What the payer reads, if it is not only a hash.
    pub memo: Option<String>,
    /// Which bitcoins.
    pub network: Network,
}

impl Request {
    /// What phones open, in capitals: so a QR code of it is as small as can be.
    pub fn uri(&self) -> String {
        format!("{URI_SCHEME}{}", self.invoice).to_ascii_uppercase()
    }

    /// The same, if it is for these bitcoins.
    ///
    /// # Errors
    /// [`RequestError::Network`].
    pub fn on(self, network: Network) -> Result<Self, RequestError> {
        if self.network == network {
            return Ok(self);
        }
        Err(RequestError::Network { found: self.network.name() })
    }

    /// Whether it is too late to pay at `now_ms`.
    pub const fn is_expired(&self, now_ms: i64) -> bool {
        self.expires_ms <= now_ms
    }
}

/// Reads an invoice, or a URI of one: its signature is good, and it says how much. Which features a payer must have is for wallets
/// to look at.
///
/// # Errors
/// [`RequestError::TooLong`], [`RequestError::Malformed`], [`RequestError::Network`], [`RequestError::NoAmount`].
pub fn read_invoice(text: &str) -> Result<Request, RequestError> {
    let text = text.trim().to_ascii_lowercase();
    let text = text.strip_prefix(URI_SCHEME).unwrap_or(&text);
    if text.len() > INVOICE_CHARS_MAX {
        return Err(RequestError::TooLong { max: INVOICE_CHARS_MAX });
    }
    let signed = SignedRawBolt11Invoice::from_str(text).map_err(|error| malformed(&error.to_string()))?;
    let invoice = signed.raw_invoice();
    verify_fields(invoice)?;
    let payee = match invoice.payee_pub_key() {
        Some(PayeePubKey(key)) if signed.check_signature() => *key,
        None => signed.recover_payee_pub_key().map_err(|error| malformed(&error.to_string()))?.0,
        Some(_) => return Err(malformed("the signature is wrong")),
    };
    let hash = invoice.payment_hash().ok_or_else(|| malformed("it has no payment hash"))?;
    let pico = invoice.amount_pico_btc().filter(|pico| *pico > 0).ok_or(RequestError::NoAmount)?;
    if !pico.is_multiple_of(10) {
        return Err(malformed("it asks for a fraction of a millisatoshi"));
    }
    let expiry = invoice.expiry_time().map_or(EXPIRY, ExpiryTime::as_duration);
    let expires_ms = invoice.data.timestamp.as_duration_since_epoch().saturating_add(*expiry).as_millis();
    Ok(Request {
        invoice: text.to_owned(),
        hash: *AsRef::<[u8; 32]>::as_ref(&hash.0),
        msat: pico / 10,
        expires_ms: i64::try_from(expires_ms).unwrap_or(i64::MAX),
        payee: payee.serialize(),
        memo: invoice.description().map(|memo| memo.as_inner().0.clone()),
        network: Network::of(&invoice.currency()).ok_or(RequestError::Network { found: "simnet" })?,
    })
}

/// What must be there is there, and nothing is said twice: somebody else might read the other.
fn verify_fields(invoice: &RawBolt11Invoice) -> Result<(), RequestError> {
    let count =
        |is_it: fn(&TaggedField) -> bool| invoice.known_tagged_fields().filter(|field| is_it(field)).count();
    let counts = [
        count(|field| matches!(field, TaggedField::PaymentHash(_))),
        count(|field| matches!(field, TaggedField::PaymentSecret(_))),
        count(|field| matches!(field, TaggedField::Description(_) | TaggedField::DescriptionHash(_))),
    ];
    let at_most_once = [
        count(|field| matches!(field, TaggedField::ExpiryTime(_))),
        count(|field| matches!(field, TaggedField::PayeePubKey(_))),
    ];
    if counts != [1; 3] || at_most_once.iter().any(|count| *count > 1) {
        return Err(malformed("a field is missing, or there twice"));
    }
    Ok(())
}

fn malformed(reason: &str) -> RequestError {
    RequestError::Malformed { reason: display_text(reason) }
}

/// Compares a seller's request with the bill. When it expires is the caller's to look at: what was paid in time stays paid.
///
/// # Errors
/// Those of [`read_invoice`], and each way in which the request is not what the bill says.
pub fn read_request(bill: &Bill, network: Network, text: &str) -> Result<Request, RequestError> {
    if bill.price.asset != Asset::Bitcoin {
        return Err(RequestError::Asset);
    }
    let request = read_invoice(text)?.on(network)?;
    if request.msat != bill.units {
        return Err(RequestError::Amount { asked: request.msat, bill: bill.units });
    }
    if bill.memo.starts_with(LEGACY_MEMO) && request.memo.as_deref() != Some(bill.memo.as_str()) {
        return Err(RequestError::Memo);
    }
    if let Some(wanted) = bill.pay_to.as_deref().and_then(node_key)
        && wanted != request.payee
    {
        return Err(RequestError::Payee { found: hex::encode(request.payee) });
    }
    Ok(request)
}

/// A card may name the seller's node by its key, alone or with an address. Anything else that it says is for people.
fn node_key(text: &str) -> Option<[u8; 33]> {
    let key = text.split_once('@').map_or(text, |(key, _)| key);
    let mut bytes = [0; 33];
    hex::decode_to_slice(key.trim(), &mut bytes).ok()?;
    Some(bytes)
}

/// Why a request is not what a buyer pays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Longer than any invoice.
    #[error("an invoice has at most {max} characters")]
    TooLong {
        /// Characters allowed.
        max: usize,
    },
    /// Not an invoice, or changed on the way.
    #[error("this is no Lightning invoice: {reason}")]
    Malformed {
        /// Why; fit for display.
        reason: String,
    },
    /// Other bitcoins than the wallet's.
    #[error("the invoice is for {found}, which is another network")]
    Network {
        /// Which.
        found: &'static str,
    },
    /// The payer would have to say how much.
    #[error("the invoice does not say how much")]
    NoAmount,
    /// The bill is over something else than bitcoins.
    #[error("Lightning pays bitcoins only")]
    Asset,
    /// Not what was ordered.
    #[error("the invoice asks {asked} msat, and the order is for {bill} msat")]
    Amount {
        /// In the invoice, in msat.
        asked: u64,
        /// On the bill, in msat.
        bill: u64,
    },
    /// The seller would not know whose it is.
    #[error("the invoice is not for this seller and buyer: its description names others, or none")]
    Memo,
    /// Somebody else would be paid.
    #[error("the invoice is from node {found}, which is not the one on the card")]
    Payee {
        /// The node's key in hex.
        found: String,
    },
    /// Too late.
    #[error("the invoice has expired")]
    Expired,
}

#[cfg(test)]
mod tests;
