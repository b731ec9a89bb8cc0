//! Ecash: a wallet of Cashu coins that a seller is paid into and a buyer pays from.
//!
//! Grade: driver. A buyer's coins are locked to the seller's key, one for each order (NUT-11), and prove their mint's signature (NUT-12). So
//! they count while the mint is down, and are redeemed later, many at once. Whoever pays and never sees the seller again takes the
//! coins back when the lock is over.
//!
//! The types and the cryptography come from the crate `cashu`. Its big sister `cdk` has a whole wallet, with a store, an HTTP client and
//! two hundred crates; it accepts coins whose lock ends in a moment, splits coins in its own way only, and its store knows nothing of
//! orders. What is left to do here is small: what a mint is about to be asked is written down, asked, and settled in one transaction.
//!
//! [`Ecash`] is both halves of a way to pay, [`Payee`](dazaar::payment::Payee) and [`Payer`](dazaar::payment::Payer).

mod amounts;
mod demand;
mod ecash;
mod error;
pub mod limits;
mod mint;
mod offline;
mod outputs;
mod reference;
mod seed;
mod settings;
mod store;
#[cfg(test)]
mod testing;
mod token;
mod wallet;

pub use demand::{Asked, RequestFault, read_request};
pub use ecash::Ecash;
pub use error::EcashError;
pub use mint::MintFault;
pub use offline::{CoinFault, Standing, examine};
pub use settings::Settings;
pub use token::{TokenFault, read_token};
pub use wallet::{Balance, CashedOut, MintReport, Redeemed, TopUp};
