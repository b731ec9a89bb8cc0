//! A way to be paid of one's own: a command or a web service says how a buyer can pay, and what came.
//!
//! It is told one JSON object and answers with one. Bank transfers, cards and shops' checkout pages are taken so; the buyer is a
//! person who reads the request. Source: guide "A way to be paid of your own".

mod call;
mod message;

use std::fmt;
use std::time::Duration;

use dazaar::cards::{Asset, Decimal, Method};
use dazaar::database::{Finality, Receipt};
use dazaar::payment::{Answer, Bill, Demand, Payee, PaymentError};

use crate::lightning::verify;
pub use call::{Call, HookSettings};
use message::{Demanded, Found, Question, Refunded};

/// Characters of a request, and of a payment's name.
const TEXT_CHARS_MAX: usize = 4096;

/// Payments for one order.
const PAYMENTS_MAX: usize = 64;

/// Digits behind the point of a credit's currency.
const DECIMALS: u32 = 2;

/// A command or web service that takes payments.
pub struct Hook {
    call: Call,
}

impl Hook {
    /// The hook of these settings. Nothing is called yet.
    ///
    /// # Errors
    /// [`PaymentError::Refused`] if others could read a token on the way.
    pub fn new(settings: HookSettings) -> Result<Self, PaymentError> {
        if let HookSettings::Service { url, .. } = &settings {
            verify(url, false)?;
        }
        Ok(Self { call: Call::new(settings) })
    }

    /// Asks whether it is there.
    ///
    /// # Errors
    /// What [`PaymentError`] says.
    pub async fn check(&self) -> Result<(), PaymentError> {
        self.call.ask::<serde_json::Value>(&Question::check()).await.map(drop)
    }
}

impl Payee for Hook {
    fn method(&self) -> Method {
        Method::Transfer
    }

    fn takes(&self, asset: &Asset) -> bool {
        matches!(asset, Asset::Credit(_))
    }

    /// Banks take their time.
    fn lifetime(&self) -> Duration {
        Duration::from_secs(7 * 24 * 60 * 60)
    }

    fn demand<'a>(&'a self, bill: &'a Bill) -> Answer<'a, Demand> {
        Box::pin(async move {
            let answer: Demanded = self.call.ask(&Question::demand(bill)).await?;
            let is_text = !answer.request.is_empty() && answer.request.chars().count() <= TEXT_CHARS_MAX;
            if !is_text {
                return Err(PaymentError::unavailable("the hook says nothing that a buyer could read"));
            }
            Ok(Demand { request: answer.request, handle: answer.handle.unwrap_or_default() })
        })
    }

    fn look_up<'a>(&'a self, bill: &'a Bill, demand: &'a Demand) -> Answer<'a, Vec<Receipt>> {
        Box::pin(async move {
            let found: Found = self.call.ask(&Question::look_up(bill, &demand.handle)).await?;
            if found.payments.len() > PAYMENTS_MAX {
                return Err(PaymentError::unavailable("the hook finds too many payments for one order"));
            }
            // One that makes no sense keeps no other from being counted.
            let receipts = found.payments.iter().filter_map(|payment| {
                receipt(bill, payment)
                    .inspect_err(|error| tracing::warn!(%error, "a payment is not counted"))
                    .ok()
            });
            Ok(receipts.collect())
        })
    }

    fn refund<'a>(&'a self, name: &'a [u8], asset: &'a Asset, units: u64, to: &'a str) -> Answer<'a, String> {
        Box::pin(async move {
            let refunded: Refunded = self.call.ask(&Question::refund(name, asset, units, to)).await?;
            Ok(refunded.proof)
        })
    }
}

fn receipt(bill: &Bill, payment: &message::Payment) -> Result<Receipt, PaymentError> {
    let wrong = |what: &str| PaymentError::unavailable(format!("the hook's answer is wrong: {what}"));
    if payment.reference.is_empty() || payment.reference.chars().count() > TEXT_CHARS_MAX {
        return Err(wrong("a payment has no name of its own"));
    }
    let amount: Decimal = payment.amount.parse().map_err(|_| wrong("an amount is no number"))?;
    let units =
        amount.whole(DECIMALS.cast_signed()).ok_or_else(|| wrong("an amount is finer than a hundredth"))?;
    Ok(Receipt {
        reference: payment.reference.as_bytes().to_vec(),
        block: Vec::new(),
        order: Some(bill.order),
        units,
        finality: Finality::Final,
        evidence: Vec::new(),
    })
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook").finish_non_exhaustive()
    }
}
