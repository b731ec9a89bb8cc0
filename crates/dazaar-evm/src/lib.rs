//! Stablecoins: buyers sign, sellers submit.
//!
//! A buyer signs an authorisation (EIP-3009) for exactly one order, with no node and no gas, and hands it over within the session, as
//! x402's JSON. The seller checks it, records it, submits it, and counts it once enough blocks follow. [`TokenPayer`] and
//! [`TokenPayee`] are the two halves; [`DepositPayee`] reads the deposit addresses of npm dazaar. Source: the guide "Stablecoins".

mod abi;
pub mod authorisation;
mod chain;
mod decimal;
pub mod deposit;
mod deposits;
mod finality;
pub mod jsonrpc;
mod key;
pub mod limits;
mod node;
mod outbox;
mod payee;
mod payer;
mod refund;
mod search;
mod secret;
mod settings;
mod settlement;
mod standing;
mod store;
mod token;
mod tokens;
mod transaction;
pub mod transfers;
pub mod vet;
pub mod x402;

pub use alloy_primitives::{Address, B256, U256};

pub use deposits::DepositPayee;
pub use finality::{FinalityError, FinalityRule};
pub use key::{Key, KeyError};
pub use payee::TokenPayee;
pub use payer::TokenPayer;
pub use secret::Secret;
pub use settings::{DepositSettings, PayeeSettings, PayerSettings, SettingsError};
pub use standing::Standing;
pub use store::StoreError;
pub use token::Token;
pub use tokens::{read_plain_token, read_token};
