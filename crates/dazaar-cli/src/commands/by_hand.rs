//! Payments that a person makes: they are shown how, and the seller says when the money is there.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dazaar::cards::extension::printable;
use dazaar::cards::{Asset, Method, Money};
use dazaar::now_ms;
use dazaar::payment::{Answer, Bill, Paid, Payer, PaymentError};
use dazaar_pay::lightning::{read_invoice, read_request};

use crate::event::Event;
use crate::output::Output;
use crate::times::utc;

/// Lines of a request that are shown.
const LINES_MAX: usize = 64;

/// Shows people how to pay: a transfer, an invoice that a phone scans, or a link that a wallet on a chain opens.
pub(super) struct ByHand {
    pub(super) method: Method,
    pub(super) output: Arc<Output>,
}

impl ByHand {
    /// What is shown, if it is what the bill says.
    fn shown(&self, bill: &Bill, request: &str) -> Result<String, PaymentError> {
        let is_on_chain = matches!(self.method, Method::Ether | Method::Erc20);
        if is_on_chain && !request.starts_with("ethereum:") {
            return Err(PaymentError::refused("this takes a wallet that signs: dazaar wallet add"));
        }
        if self.method != Method::Bolt11 {
            return Ok(request.lines().take(LINES_MAX).map(printable).collect::<Vec<_>>().join("\n"));
        }
        let refused = |error: &dyn fmt::Display| PaymentError::refused(error.to_string());
        // Which bitcoins they have, people see themselves.
        let network = read_invoice(request).map_err(|error| refused(&error))?.network;
        Ok(read_request(bill, network, request).map_err(|error| refused(&error))?.invoice)
    }
}

impl Payer for ByHand {
    fn method(&self) -> Method {
        self.method
    }

    fn pays(&self, asset: &Asset) -> bool {
        match self.method {
            Method::Bolt11 => *asset == Asset::Bitcoin,
            Method::Ether => matches!(asset, Asset::Ether { .. }),
            Method::Erc20 => matches!(asset, Asset::Erc20 { .. }),
            _ => matches!(asset, Asset::Credit(_)),
        }
    }

    fn pay<'a>(&'a self, bill: &'a Bill, request: &'a str) -> Answer<'a, Paid> {
        Box::pin(async move {
            let event = Event::Pay {
                method: bill.method.to_string(),
                amount: Money { asset: bill.price.asset.clone(), units: bill.units }.to_string(),
                request: self.shown(bill, request)?,
                expires: (bill.expires_ms < i64::MAX).then(|| utc(bill.expires_ms)),
            };
            if let Err(error) = self.output.event(&event) {
                tracing::error!(%error, "cannot show how to pay");
            }
            let left_ms = u64::try_from(bill.expires_ms.saturating_sub(now_ms())).unwrap_or(0);
            // Only the seller can say that it is paid.
            tokio::time::sleep(Duration::from_millis(left_ms)).await;
            Err(PaymentError::refused("this was not paid in time, as far as the seller says"))
        })
    }
}

impl fmt::Debug for ByHand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByHand").field("method", &self.method).finish_non_exhaustive()
    }
}
