//! What the tests of ecash share with the processes that they start.
//!
//! Grade: tool.

use dazaar::payment::Bill;
use dazaar_log::IdentityKeyPair;
use dazaar_market::Asset;
use dazaar_market::price::{Kind, Method, Price};

/// A bill over so many satoshis; the byte names its order.
pub fn bill(order: u8, sat: u64) -> Bill {
    let identity = |seed| IdentityKeyPair::from_seed(&[seed; 32]).public();
    Bill {
        order: [order; 16],
        seller: identity(1),
        buyer: identity(2),
        method: Method::Cashu,
        price: Price::new(Asset::Bitcoin, Kind::Free),
        units: sat * 1000,
        pay_to: None,
        memo: "dazaar".to_owned(),
        expires_ms: i64::MAX,
    }
}
