//! Bills, and invoices that are signed and right, or wrong on purpose. For tests.

use std::time::Duration;

use bitcoin::hashes::{Hash as _, sha256};
use bitcoin::secp256k1::{Secp256k1, SecretKey};
use dazaar::payment::Bill;
use dazaar_log::IdentityKeyPair;
use dazaar_market::price::Kind;
use dazaar_market::{Asset, Method, Price};
use lightning_invoice::{Currency, InvoiceBuilder, PaymentSecret};

/// What an invoice will say.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) preimage: [u8; 32],
    pub(crate) msat: Option<u64>,
    pub(crate) memo: String,
    pub(crate) currency: Currency,
    pub(crate) expiry: Duration,
    pub(crate) made: Duration,
}

impl Draft {
    /// What a bill wants to be said.
    pub(crate) fn of(bill: &Bill) -> Self {
        Self {
            preimage: [bill.order[0]; 32],
            msat: Some(bill.units),
            memo: bill.memo.clone(),
            currency: Currency::Regtest,
            expiry: Duration::from_secs(3600),
            made: Duration::from_millis(dazaar::now_ms().unsigned_abs()),
        }
    }
}

/// A bill over 50,000 satoshis that is good for an hour.
pub(crate) fn bill() -> Bill {
    let [seller, buyer] = [1, 2].map(|seed| IdentityKeyPair::from_seed(&[seed; 32]).public());
    Bill {
        order: [7; 16],
        seller,
        buyer,
        method: Method::Bolt11,
        price: Price::new(Asset::Bitcoin, Kind::Free),
        units: 50_000_000,
        pay_to: None,
        memo: "dazaar 07070707".to_owned(),
        expires_ms: dazaar::now_ms() + 3_600_000,
    }
}

/// The invoice of a draft, signed by one and the same node.
pub(crate) fn invoice(draft: &Draft) -> String {
    let builder = InvoiceBuilder::new(draft.currency.clone())
        .description(draft.memo.clone())
        .payment_hash(sha256::Hash::hash(&draft.preimage))
        .payment_secret(PaymentSecret([9; 32]))
        .duration_since_epoch(draft.made)
        .expiry_time(draft.expiry)
        .min_final_cltv_expiry_delta(18);
    let builder = match draft.msat {
        Some(msat) => builder.amount_milli_satoshis(msat),
        None => builder,
    };
    let (curve, key) = (Secp256k1::new(), SecretKey::from_slice(&[5; 32]).unwrap());
    builder.build_signed(|hash| curve.sign_ecdsa_recoverable(hash, &key)).unwrap().to_string()
}
