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
        if matches!(self.method, Method::Ether | Method::Erc20) && !is_link_for(bill, request) {
            let reason = "this is no link over what was ordered; other ways take a wallet: dazaar wallet add";
            return Err(PaymentError::refused(reason));
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

/// Whether a link asks a wallet for what a bill is over, and nothing else (EIP-681). Amounts of a token are compared as they are, so one
/// that has more than nine digits takes a wallet of ours.
fn is_link_for(bill: &Bill, request: &str) -> bool {
    let is_account = |text: &str| {
        let digits = text.strip_prefix("0x").unwrap_or_default();
        digits.len() == 40 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    };
    let Some((target, rest)) = request.strip_prefix("ethereum:").and_then(|link| link.split_once('@')) else {
        return false;
    };
    match &bill.price.asset {
        Asset::Ether { chain } => {
            let wei = u128::from(bill.units) * 1_000_000_000;
            is_account(target) && rest == format!("{chain}?value={wei}")
        }
        Asset::Erc20 { chain, contract } => {
            let start = format!("{chain}/transfer?address=");
            let transfer = rest.strip_prefix(start.as_str()).and_then(|rest| rest.split_once("&uint256="));
            let is_transfer = |(to, amount): (&str, &str)| is_account(to) && amount == bill.units.to_string();
            target.eq_ignore_ascii_case(&format!("0x{}", hex::encode(contract)))
                && transfer.is_some_and(is_transfer)
        }
        _ => false,
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

#[cfg(test)]
mod tests {
    use dazaar::cards::Price;
    use dazaar::cards::price::Kind;
    use dazaar::log::IdentityKey;

    use super::*;

    #[test]
    fn a_link_is_over_exactly_the_bill() {
        let bill = |asset| Bill {
            order: [0; 16],
            seller: IdentityKey([1; 32]),
            buyer: IdentityKey([2; 32]),
            method: Method::Ether,
            price: Price::new(asset, Kind::Free),
            units: 5,
            pay_to: None,
            memo: String::new(),
            expires_ms: 0,
        };
        let (to, contract) = ("0x".to_owned() + &"ab".repeat(20), "0x".to_owned() + &"07".repeat(20));
        let coins = bill(Asset::Ether { chain: 10 });
        assert!(is_link_for(&coins, &format!("ethereum:{to}@10?value=5000000000")));
        for wrong in [
            format!("ethereum:{to}@10?value=50000000000"),
            format!("ethereum:{to}@1?value=5000000000"),
            format!("ethereum:{to}@10?value=5000000000&gas=9"),
            format!("ethereum:{contract}@10/transfer?address={to}&uint256=5"),
            format!("ethereum:pay-{to}@10?value=5000000000"),
            "{}".to_owned(),
        ] {
            assert!(!is_link_for(&coins, &wrong), "{wrong}");
        }
        let tokens = bill(Asset::Erc20 { chain: 10, contract: [7; 20] });
        assert!(is_link_for(&tokens, &format!("ethereum:{contract}@10/transfer?address={to}&uint256=5")));
        for wrong in [
            format!("ethereum:{to}@10/transfer?address={to}&uint256=5"),
            format!("ethereum:{contract}@10/transfer?address={to}&uint256=50"),
            format!("ethereum:{contract}@10/approve?address={to}&uint256=5"),
        ] {
            assert!(!is_link_for(&tokens, &wrong), "{wrong}");
        }
    }
}
