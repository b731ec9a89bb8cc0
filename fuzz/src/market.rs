//! Extension messages to the market's sessions.

use std::time::Duration;

use dazaar_log::{FeedKey, FeedKeyPair, IdentityKey, IdentityKeyPair};
use dazaar_market::seller::{PeerKind, UnsignedTerms};
use dazaar_market::{
    BuyerAction, BuyerConfig, BuyerSession, Card, Extension, Meter, Price, Sale, SellerAction, SellerConfig,
    SellerSession, Terms, VoucherCode, pay,
};
use serde_json::{Map, Value};

use crate::line::NOW;

/// Extension messages from a buyer: which one, how many bytes follow, and the bytes.
pub fn seller_extension(data: &[u8]) {
    let config = SellerConfig {
        seller: someone(1),
        seller_id: [0; 32],
        sale: Sale::Unique,
        terms: Terms::new("be nice").ok().flatten(),
        unsigned_terms: UnsignedTerms::Refuse,
        validate_interval: Duration::from_secs(1),
    };
    let mut session = SellerSession::new(config);
    session.handle_connected(NOW, someone(2), PeerKind::Native, None);
    for (name, payload) in messages(data) {
        if session.handle_extension(name, payload).is_err() {
            return;
        }
        while let Some(action) = session.poll_action() {
            assert!(!matches!(action, SellerAction::PrepareFeed { .. }), "a feed without accepted terms");
        }
    }
}

/// Extension messages from a seller, in the same form.
pub fn buyer_extension(data: &[u8]) {
    let config = BuyerConfig {
        seller: someone(1),
        known_feed: Some(known_feed()),
        known_members: Vec::new(),
        acceptance: None,
        vet_seller: false,
        validate_interval: Duration::from_secs(1),
    };
    let mut session = BuyerSession::new(config);
    session.handle_connected();
    for (name, payload) in messages(data) {
        if session.handle_extension(name, payload).is_err() {
            return;
        }
        while let Some(action) = session.poll_action() {
            assert!(!matches!(action, BuyerAction::StoreFeed { .. }), "another feed than the known one");
        }
    }
}

/// The ways to pay in a card: two numbers to charge with, and JSON for `payment` (if the third byte is even) or `prices`.
pub fn offers(data: &[u8]) {
    let &[balance, used, which, ref text @ ..] = data else { return };
    let Ok(entries) = serde_json::from_slice::<Value>(text) else { return };
    let field = if which % 2 == 0 { "payment" } else { "prices" };
    let Ok(card) = Card::of_seller(someone(1), Map::from_iter([(field.to_owned(), entries)])) else { return };
    for terms in card.offers().into_iter().filter_map(|offer| offer.terms.ok()) {
        let price = terms.price;
        assert_eq!(Price::from_json(&price.to_json()).as_ref(), Ok(&price), "what we write we read");
        let (balance, used) = (1 << (balance % 64), 1 << (used % 64));
        let mut meter = Meter::new(balance);
        let left = meter.left(&price, used);
        let charge = meter.charge(&price, used, used);
        assert_eq!(meter.balance + charge.units, balance, "a unit was lost");
        assert!(left.is_open() || charge.unpaid == used, "served behind a closed gate");
        assert!(!terms.shown.price(&price).is_empty());
    }
}

/// A message about a payment, or the code of a voucher.
pub fn payment(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(code) = text.parse::<VoucherCode>() {
        assert_eq!(code.reveal().parse(), Ok(code), "what we write we read");
    }
    let Ok(message) = serde_json::from_str::<Value>(text) else { return };
    if let Some(proof) = pay::read::<pay::Proof>(message.clone()) {
        assert_eq!(pay::read(pay::write(&proof)), Some(proof));
    }
    if let Some(receipt) = pay::read::<pay::Receipt>(message.clone()) {
        assert_eq!(pay::read(pay::write(&receipt)), Some(receipt));
    }
    if let Some(refusal) = pay::read::<pay::Refusal>(message.clone()) {
        assert_eq!(pay::read(pay::write(&refusal)), Some(refusal));
    }
    if let Some(due) = pay::read::<pay::Due>(message) {
        let shown = pay::display_lines(&due.offers).concat();
        assert!(!shown.chars().any(char::is_control), "control characters reach a terminal");
    }
}

fn someone(seed: u8) -> IdentityKey {
    IdentityKeyPair::from_seed(&[seed; 32]).public()
}

fn known_feed() -> FeedKey {
    FeedKeyPair::from_seed(&[9; 32]).public()
}

fn messages(data: &[u8]) -> Vec<(&'static str, &[u8])> {
    let mut messages = Vec::new();
    let mut rest = data;
    while let &[which, count, ref after @ ..] = rest {
        let (payload, after) = after.split_at(usize::from(count).min(after.len()));
        messages.push((Extension::ALL[usize::from(which) % Extension::ALL.len()].name(), payload));
        rest = after;
    }
    messages
}
