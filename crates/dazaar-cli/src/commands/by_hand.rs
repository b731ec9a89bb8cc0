//! Payments that a person makes: they are shown how, and the seller says when the money is there.

use std::sync::Arc;

use dazaar::cards::{Asset, Method, Money, display_text};
use dazaar::payment::{Answer, Bill, Payer};

use crate::event::Event;
use crate::output::Output;
use crate::times::utc;

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

    fn pay<'a>(&'a self, bill: &'a Bill, request: &'a str) -> Answer<'a, dazaar::payment::Paid> {
        let event = Event::Pay {
            method: bill.method.to_string(),
            amount: Money { asset: bill.price.asset.clone(), units: bill.units }.to_string(),
            request: request.lines().map(display_text).collect::<Vec<_>>().join("\n"),
            expires: utc(bill.expires_ms),
        };
        if let Err(error) = self.output.event(&event) {
            tracing::error!(%error, "cannot show how to pay");
        }
        // Only the seller can say that it is paid.
        Box::pin(std::future::pending())
    }
}

impl std::fmt::Debug for ByHand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ByHand")
    }
}
