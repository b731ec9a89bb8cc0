//! Ways to be paid and to pay, as seller and buyer use them. What a wallet is, and how it is spoken to, is somebody else's subject.
//!
//! A [`Bill`] says what is to be paid, and by whom to whom. The seller's [`Payee`] says how ([`Demand`]), the buyer's [`Payer`] pays, and
//! the payee is asked, again and again, what came. It may say so as often as it likes: the ledger counts each payment once. So nobody
//! has to be told of anything at the right moment, and a wallet that restarts loses nothing.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use dazaar_log::IdentityKey;
use dazaar_market::{Asset, Method, Price};

use crate::database::{OrderId, Receipt};

/// How long a buyer has to pay, where nothing is slow.
const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// An answer on its way.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, PaymentError>> + Send + 'a>>;

/// What a buyer is about to pay. Seller and buyer have the same one, each from what they know themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// Its name, the buyer's random choice: what is asked for twice is asked for once.
    pub order: OrderId,
    /// To whom.
    pub seller: IdentityKey,
    /// Who.
    pub buyer: IdentityKey,
    /// How.
    pub method: Method,
    /// At which price.
    pub price: Price,
    /// How much, in units of the price's asset.
    pub units: u64,
    /// Whom the card says to pay, if it does: what a payer finds in the request must agree.
    pub pay_to: Option<String>,
    /// What the payment is called where others may read it. Only npm dazaar wants both keys in there.
    pub memo: String,
    /// Until when the buyer should pay: milliseconds since 1970 UTC. What is paid later counts all the same.
    pub expires_ms: i64,
}

/// How a bill can be paid.
#[derive(Clone, PartialEq, Eq)]
pub struct Demand {
    /// What the buyer is told: an invoice, a request of the method's own form.
    pub request: String,
    /// What the payee wants to be reminded of when it looks for the payment. Nobody else sees it.
    pub handle: String,
}

/// What a buyer did.
#[derive(Clone, PartialEq, Eq)]
pub struct Paid {
    /// The payment's own name, which its receipt must have: bytes in hex.
    pub reference: String,
    /// What is handed over to the seller; none if the payment goes another way. A secret.
    pub proof: Option<String>,
    /// What paying cost on top, in the bill's units.
    pub fee: u64,
}

/// The seller's half of a way to pay.
pub trait Payee: fmt::Debug + Send + Sync {
    /// Which way.
    fn method(&self) -> Method;

    /// Whether it can be paid in this: in this currency, on this chain.
    fn takes(&self, asset: &Asset) -> bool;

    /// How long a buyer has to pay. For as long after that, an hour at least, the payment is looked for.
    fn lifetime(&self) -> Duration {
        LIFETIME
    }

    /// Whether buyers may pay without an order, each at a place of their own that only the seller and they lead to. Then that place is looked
    /// at for those who are connected: [`look_up`](Self::look_up) is asked with a bill of zero units, and tells what came and was not told
    /// for another bill.
    fn takes_unordered(&self) -> bool {
        false
    }

    /// How a bill can be paid. The answer is on record before the buyer hears it.
    fn demand<'a>(&'a self, bill: &'a Bill) -> Answer<'a, Demand>;

    /// Takes what the buyer hands over. May be called again with the same.
    fn take<'a>(&'a self, bill: &'a Bill, demand: &'a Demand, proof: &'a str) -> Answer<'a, Vec<Receipt>> {
        let _ = (bill, demand, proof);
        Box::pin(async { Err(PaymentError::refused("nothing can be handed over with this way to pay")) })
    }

    /// What was paid for a bill so far. Asked again and again until it is paid, or has long expired.
    fn look_up<'a>(&'a self, bill: &'a Bill, demand: &'a Demand) -> Answer<'a, Vec<Receipt>>;

    /// Whether it could give so much back, as far as it can tell without moving money: refused if not.
    fn may_refund<'a>(&'a self, asset: &'a Asset, units: u64) -> Answer<'a, ()> {
        let _ = (asset, units);
        Box::pin(async { Ok(()) })
    }

    /// Gives `units` back, to where the buyer says. `name` is the refund's own: called again with the same, it must not pay twice. Returns what proves it.
    fn refund<'a>(&'a self, name: &'a [u8], asset: &'a Asset, units: u64, to: &'a str) -> Answer<'a, String> {
        let _ = (name, asset, units, to);
        Box::pin(async { Err(PaymentError::refused("this way to pay gives nothing back")) })
    }
}

/// The buyer's half of a way to pay.
pub trait Payer: fmt::Debug + Send + Sync {
    /// Which way.
    fn method(&self) -> Method;

    /// Whether it can pay in this.
    fn pays(&self, asset: &Asset) -> bool;

    /// Whether it may pay a bill at all, as far as it can tell without moving money: refused if not. Asked only if another wallet could pay it.
    fn may_pay<'a>(&'a self, bill: &'a Bill) -> Answer<'a, ()> {
        let _ = bill;
        Box::pin(async { Ok(()) })
    }

    /// Pays a bill, having compared the seller's request with it: amount, currency, and that it is for this seller. May be called
    /// again with the same bill and request, also after a crash, and pays once.
    fn pay<'a>(&'a self, bill: &'a Bill, request: &'a str) -> Answer<'a, Paid>;
}

/// Why a payment could not be made, asked for, or looked up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PaymentError {
    /// It will never be possible like this: the request is wrong, the proof is spent, the wallet says no.
    #[error("{reason}")]
    Refused {
        /// Why; fit for display.
        reason: String,
    },
    /// Somebody could not be reached or did not understand: trying again may help.
    #[error("{reason}")]
    Unavailable {
        /// Why; fit for display.
        reason: String,
    },
}

impl PaymentError {
    /// It will never be possible like this.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into() }
    }

    /// Trying again may help.
    pub fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable { reason: reason.into() }
    }
}

impl fmt::Debug for Demand {
    /// A handle may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Demand").field("request", &self.request).finish_non_exhaustive()
    }
}

impl fmt::Debug for Paid {
    /// Who has the proof may have the money.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paid")
            .field("reference", &self.reference)
            .field("fee", &self.fee)
            .finish_non_exhaustive()
    }
}
