//! Lightning: sellers make invoices (BOLT 11), buyers pay them. Which wallet each of them has is their own affair.
//!
//! [`Bolt11`] is the way to pay, over any [`LightningWallet`]. It compares, limits and remembers; a wallet does what it is told, and
//! tells what it knows. Two rules keep money safe: a payment is only sent after the wallet said that it knows nothing of it; and a
//! payment that may be on its way is never called failed.

mod bolt11;
mod cln;
mod http;
mod invoice;
mod lnbits;
mod lnd;
mod phoenixd;
mod settings;
mod wallet;

pub use bolt11::{Bolt11, FeeLimit, Purpose};
pub use cln::CoreLightning;
pub use http::Endpoint;
pub(crate) use http::verify;
pub use invoice::{Network, Request, RequestError, read_invoice, read_request};
pub use lnbits::Lnbits;
pub use lnd::Lnd;
pub use phoenixd::Phoenixd;
pub use settings::{LightningSettings, WalletSettings};
pub use wallet::{About, Incoming, LightningWallet, NewInvoice, Outgoing, PaymentHash, Spend};
