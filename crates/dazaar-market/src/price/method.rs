//! Ways to pay: what both sides must speak, whatever wallet each of them has.
//!
//! Grade: plain.

use std::fmt;

use super::OfferError;
use super::fields::Fields;
use crate::extension::display_text;

/// A way to pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Nothing is asked.
    Free,
    /// Credit that the seller gave by other means: grants and vouchers.
    Credit,
    /// Lightning invoices.
    Bolt11,
    /// Lightning offers.
    Bolt12,
    /// Ecash.
    Cashu,
    /// Tokens on an Ethereum chain.
    Erc20,
    /// The coin of an Ethereum chain.
    Ether,
    /// Money that goes another way, such as a bank transfer or a card: a person reads how, and pays.
    Transfer,
}

impl Method {
    /// The name, as cards and records have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Credit => "credit",
            Self::Bolt11 => "bolt11",
            Self::Bolt12 => "bolt12",
            Self::Cashu => "cashu",
            Self::Erc20 => "erc20",
            Self::Ether => "eth",
            Self::Transfer => "transfer",
        }
    }

    /// The method of this name, as records and messages have it.
    pub fn by_name(name: &str) -> Option<Self> {
        let all = [
            Self::Free,
            Self::Credit,
            Self::Bolt11,
            Self::Bolt12,
            Self::Cashu,
            Self::Erc20,
            Self::Ether,
            Self::Transfer,
        ];
        all.into_iter().find(|method| method.name() == name)
    }

    /// The method of an entry: by its `method`, or else, as cards in the wild have it, by its `label` or currency.
    pub(super) fn of(fields: Fields<'_>) -> Result<Self, OfferError> {
        let currency = fields.text(&["currency"])?.unwrap_or_default();
        if let Some(method) = fields.text(&["method"])? {
            return Self::named(method, fields);
        }
        let lower = currency.to_ascii_lowercase();
        if lower.starts_with("eos") {
            return Err(OfferError::Gone { method: "EOS" });
        }
        if lower.starts_with("lightning") {
            return Ok(Self::Bolt11);
        }
        match fields.text(&["label"])? {
            Some(label) => Self::named(label, fields),
            None => Err(OfferError::Missing { field: "method" }),
        }
    }

    fn named(name: &str, fields: Fields<'_>) -> Result<Self, OfferError> {
        Ok(match name.to_ascii_lowercase().as_str() {
            "free" => Self::Free,
            "credit" | "voucher" => Self::Credit,
            "bolt11" | "lightning" | "ln" | "lnd" | "clightning" | "c-lightning" => Self::Bolt11,
            "bolt12" => Self::Bolt12,
            "cashu" => Self::Cashu,
            "erc20" => Self::Erc20,
            "eth" | "ethereum" if fields.has("erc20Contract") => Self::Erc20,
            "eth" | "ethereum" => Self::Ether,
            "transfer" => Self::Transfer,
            "eos" | "eos-testnet" | "eos testnet" => return Err(OfferError::Gone { method: "EOS" }),
            _ => return Err(OfferError::UnknownMethod { method: display_text(name) }),
        })
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
