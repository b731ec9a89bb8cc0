//! Settings of wallets, as they are stored: encrypted, since they hold secrets.

#[cfg(feature = "erc20")]
use dazaar_evm::{DepositSettings, PayeeSettings};
use dazaar_pay::HookSettings;
use dazaar_pay::lightning::{LightningSettings, WalletSettings};
use serde::{Deserialize, Serialize};

/// A wallet's settings.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", content = "settings", rename_all = "kebab-case")]
pub(crate) enum Settings {
    /// A command or web service of the seller's own.
    Hook(HookSettings),
    /// A Lightning wallet.
    Lightning(LightningSettings),
    /// A Lightning wallet behind a Nostr relay.
    #[cfg(feature = "nwc")]
    Nwc(dazaar_nwc::NwcSettings),
    /// A Lightning node in this program.
    #[cfg(feature = "ldk")]
    Ldk(dazaar_ldk::LdkSettings),
    /// Coins of mints.
    #[cfg(feature = "cashu")]
    Cashu(dazaar_cashu::Settings),
    /// An account on an Ethereum chain.
    #[cfg(feature = "erc20")]
    Erc20(PayeeSettings),
    /// The addresses of a card of npm dazaar.
    #[cfg(feature = "erc20")]
    Deposits(DepositSettings),
}

impl Settings {
    /// The kind of wallet, as it is shown.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Hook(HookSettings::Command(_)) => "command",
            Self::Hook(HookSettings::Service { .. }) => "service",
            Self::Lightning(settings) => match settings.wallet {
                WalletSettings::Lnbits { .. } => "lnbits",
                WalletSettings::Lnd { .. } => "lnd",
                WalletSettings::Cln { .. } => "cln",
                WalletSettings::Phoenixd { .. } => "phoenixd",
            },
            #[cfg(feature = "nwc")]
            Self::Nwc(_) => "nwc",
            #[cfg(feature = "ldk")]
            Self::Ldk(_) => "ldk",
            #[cfg(feature = "cashu")]
            Self::Cashu(_) => "cashu",
            #[cfg(feature = "erc20")]
            Self::Erc20(_) => "erc20",
            #[cfg(feature = "erc20")]
            Self::Deposits(_) => "deposits",
        }
    }
}
