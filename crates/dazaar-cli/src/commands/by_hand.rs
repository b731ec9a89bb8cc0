//! Payments that a person makes: they are shown how, and the seller says when the money is there.

use std::sync::Arc;
use std::time::Duration;

use dazaar::cards::extension::printable;
use dazaar::cards::{Asset, Method, Money};
use dazaar::now_ms;
use dazaar::payment::{Answer, Bill, Paid, Payer, PaymentError};

use crate::event::Event;
use crate::output::Output;
use crate::times::utc;

/// Lines of a request that are shown.
const LINES_MAX: usize = 64;

/// Shows people how to pay.
pub(super) struct ByHand {
    pub(super) output: Arc<Output>,
}

impl Payer for ByHand {
    fn method(&self) -> Method {
        Method::Transfer
    }

    fn pays(&self, asset: &Asset) -> bool {
        matches!(asset, Asset::Credit(_))
    }

    fn pay<'a>(&'a self, bill: &'a Bill, request: &'a str) -> Answer<'a, Paid> {
        let event = Event::Pay {
            method: bill.method.to_string(),
            amount: Money { asset: bill.price.asset.clone(), units: bill.units }.to_string(),
            request: request.lines().take(LINES_MAX).map(printable).collect::<Vec<_>>().join("\n"),
            expires: utc(bill.expires_ms),
        };
        if let Err(error) = self.output.event(&event) {
            tracing::error!(%error, "cannot show how to pay");
        }
        let left_ms = u64::try_from(bill.expires_ms.saturating_sub(now_ms())).unwrap_or(0);
        // Only the seller can say that it is paid.
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(left_ms)).await;
            Err(PaymentError::refused("this was not paid in time, as far as the seller says"))
        })
    }
}

impl std::fmt::Debug for ByHand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ByHand")
    }
}
