//! What a Lightning wallet can do, whoever runs it.
//!
//! Grade: plain. Amounts are in thousandths of a satoshi (msat).

use std::fmt;
use std::time::Duration;

use dazaar::database::OrderId;
use dazaar::payment::Answer;

/// A payment's own name: the SHA-256 of its preimage.
pub type PaymentHash = [u8; 32];

/// A wallet on the Lightning network. Every call ends within a time that the wallet knows.
pub trait LightningWallet: fmt::Debug + Send + Sync {
    /// Who the wallet is, and what its key may do.
    fn about(&self) -> Answer<'_, About>;

    /// What can be spent, in msat.
    fn balance(&self) -> Answer<'_, u64>;

    /// Makes an invoice, and returns its text. Called again for the same order it may return the same.
    fn invoice<'a>(&'a self, wanted: &'a NewInvoice) -> Answer<'a, String>;

    /// What came of an invoice that this wallet made.
    fn incoming<'a>(&'a self, hash: &'a PaymentHash) -> Answer<'a, Incoming>;

    /// Pays an invoice; once, if the wallet remembers what it pays. [`PaymentError::Refused`](dazaar::payment::PaymentError::Refused)
    /// only if certainly nothing leaves; every other error leaves open what happened.
    fn pay<'a>(&'a self, spend: &'a Spend) -> Answer<'a, Outgoing>;

    /// What came of paying an invoice.
    fn outgoing<'a>(&'a self, hash: &'a PaymentHash) -> Answer<'a, Outgoing>;
}

/// Who a wallet is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// What it calls itself; fit for display.
    pub name: String,
    /// Whether its key may pay: a seller's need not, and better may not.
    pub can_pay: bool,
}

/// An invoice to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInvoice {
    /// For what: the wallet's own name of it.
    pub order: OrderId,
    /// How much, in msat.
    pub msat: u64,
    /// What the payer reads.
    pub memo: String,
    /// How long it can be paid.
    pub expiry: Duration,
}

impl NewInvoice {
    /// The amount in satoshis, for wallets that count nothing smaller.
    pub(crate) fn whole_sat(&self) -> Result<u64, dazaar::payment::PaymentError> {
        if self.msat.is_multiple_of(1000) {
            return Ok(self.msat / 1000);
        }
        let reason = format!("this wallet counts whole satoshis, and {} msat are none", self.msat);
        Err(dazaar::payment::PaymentError::refused(reason))
    }
}

/// What came of an invoice.
#[derive(Clone, PartialEq, Eq)]
pub enum Incoming {
    /// Nothing that stays: it is open, held back, expired, or the wallet does not know it.
    Nothing,
    /// It is paid.
    Settled {
        /// What the payer sent, which may be more than was asked.
        msat: u64,
        /// What proves it, if the wallet tells.
        preimage: Option<[u8; 32]>,
    },
}

/// An invoice to be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spend {
    /// Its text.
    pub invoice: String,
    /// Its name.
    pub hash: PaymentHash,
    /// What it asks, in msat.
    pub msat: u64,
    /// The most that the way there may cost on top, in msat.
    pub fee_max_msat: u64,
}

/// What came of paying an invoice.
#[derive(Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// The wallet never tried.
    Unknown,
    /// It is on its way, or is held by the payee.
    Pending,
    /// It arrived.
    Paid {
        /// What the way cost, in msat.
        fee_msat: u64,
        /// What proves it.
        preimage: Option<[u8; 32]>,
    },
    /// It came back, or never left.
    Failed {
        /// Why; fit for display.
        reason: String,
    },
}

impl fmt::Debug for Incoming {
    /// A preimage proves a payment to whoever has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("Nothing"),
            Self::Settled { msat, .. } => {
                f.debug_struct("Settled").field("msat", msat).finish_non_exhaustive()
            }
        }
    }
}

impl fmt::Debug for Outgoing {
    /// As for [`Incoming`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("Unknown"),
            Self::Pending => f.write_str("Pending"),
            Self::Paid { fee_msat, .. } => {
                f.debug_struct("Paid").field("fee_msat", fee_msat).finish_non_exhaustive()
            }
            Self::Failed { reason } => f.debug_struct("Failed").field("reason", reason).finish(),
        }
    }
}
