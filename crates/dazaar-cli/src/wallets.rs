//! The wallets of a market: their settings as they are stored, and what they can do.

use std::fmt;
use std::sync::Arc;

use dazaar::Market;
use dazaar::cards::{Asset, Method, Money};
use dazaar::payment::{Payee, Payer};
use dazaar_pay::{Hook, HookSettings};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// A wallet's settings. They hold secrets.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", content = "settings", rename_all = "kebab-case")]
pub(crate) enum Settings {
    /// A command or web service of the seller's own.
    Hook(HookSettings),
}

/// A wallet that is ready to be used.
pub(crate) struct Wallet {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) payee: Option<Arc<dyn Payee>>,
    pub(crate) payer: Option<Arc<dyn Payer>>,
    inner: Inner,
}

/// What only some wallets can do.
enum Inner {
    Hook(Arc<Hook>),
}

impl Settings {
    /// The kind of wallet, as stored and shown.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Hook(_) => "hook",
        }
    }

    /// The wallet of these settings; nobody is asked anything yet.
    fn open(self, name: String) -> Wallet {
        let kind = self.kind();
        match self {
            Self::Hook(settings) => {
                let hook = Arc::new(Hook::new(settings));
                Wallet {
                    name,
                    kind,
                    payee: Some(Arc::clone(&hook) as _),
                    payer: None,
                    inner: Inner::Hook(hook),
                }
            }
        }
    }
}

impl Wallet {
    /// All wallets of a market, by name.
    pub(crate) fn all(market: &Market) -> Result<Vec<Self>, Failure> {
        market.wallets()?.into_iter().map(|name| Self::named(market, name)).collect()
    }

    /// The wallet of this name.
    pub(crate) fn named(market: &Market, name: String) -> Result<Self, Failure> {
        let settings = market.wallet(&name)?;
        let settings: Settings = serde_json::from_value(settings).map_err(|_| {
            Failure::input(format!("wallet `{name}` has settings that this build does not know"))
                .hint("another version of the program, or one with more features, wrote them")
        })?;
        Ok(settings.open(name))
    }

    /// Asks whether it works, and who it is.
    pub(crate) async fn check(&self) -> Result<String, Failure> {
        match &self.inner {
            Inner::Hook(hook) => hook.check().await.map(|()| "it answers".to_owned()),
        }
        .map_err(|error| self.failed(&error))
    }

    /// What it holds; none if that is somebody else's business.
    pub(crate) async fn balance(&self) -> Result<Option<Money>, Failure> {
        match &self.inner {
            Inner::Hook(_) => Ok(None),
        }
    }

    /// The ways to be paid with it, and to pay.
    pub(crate) fn methods(&self) -> (Option<Method>, Option<Method>) {
        (self.payee.as_ref().map(|payee| payee.method()), self.payer.as_ref().map(|payer| payer.method()))
    }

    fn failed(&self, error: &impl fmt::Display) -> Failure {
        Failure::new(crate::failure::Kind::Unreachable, format!("wallet `{}`: {error}", self.name))
    }
}

/// The asset that a currency's name stands for.
pub(crate) fn asset_of(currency: &str) -> Result<Asset, Failure> {
    let is_bitcoin = ["sat", "sats", "btc"].iter().any(|name| name.eq_ignore_ascii_case(currency));
    if is_bitcoin { Ok(Asset::Bitcoin) } else { Asset::credit(currency).map_err(Failure::input) }
}
