//! Cards, links, terms, and the seller's and the buyer's session machines.
//!
//! Knows nothing of sockets or logs: sessions eat extension messages and events, and say what to do next.
//! No clock, no file, no dice, and no floating-point money.

#![deny(clippy::float_arithmetic)]

pub mod address;
pub mod buyer;
pub mod card;
pub mod extension;
pub mod identity_signature;
pub mod legacy;
pub mod limits;
pub mod link;
pub mod master;
pub mod member;
pub mod meter;
pub mod money;
pub mod pay;
pub mod price;
pub mod receipt;
pub mod seller;
pub mod session;
pub mod span;
pub mod terms;
pub mod voucher;

pub use address::{Address, AddressError, HostPort, IrohAddress};
pub use buyer::{BuyerAction, BuyerConfig, BuyerEvent, BuyerSession, EndReason};
pub use card::{Card, CardError, CardSignature};
pub use extension::{Extension, display_text};
pub use identity_signature::NONCE_BYTES;
pub use legacy::{ImportedMarket, ImportedSale, LegacyError};
pub use link::{Link, LinkError};
pub use master::MasterKey;
pub use member::Member;
pub use meter::{Charge, Left, Meter};
pub use money::{Asset, Decimal, Money, Rate};
pub use price::{Method, Offer, Price, SpokenError, SpokenPrice, Terms as PriceTerms, Wish};
pub use receipt::{ReceiptError, SignedReceipt};
pub use seller::{PeerKind, Sale, SellerAction, SellerConfig, SellerEvent, SellerSession, UnsignedTerms};
pub use session::{PeerFault, SendError, Verdict};
pub use span::{SpanError, parse_span_ms};
pub use terms::{Acceptance, AcceptanceError, Terms, TermsError, TermsHash};
pub use voucher::{VoucherCode, VoucherCodeError, VoucherHash};
