//! Settings of a Lightning wallet, as they are stored. There are secrets in them.

use dazaar::payment::PaymentError;
use serde::{Deserialize, Serialize};

use super::{Bolt11, CoreLightning, Endpoint, FeeLimit, LightningWallet, Lnbits, Lnd, Network, Phoenixd};
use crate::Secret;

/// All that makes a [`Bolt11`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LightningSettings {
    /// Which wallet.
    pub wallet: WalletSettings,
    /// Which bitcoins: the real ones if nothing is said.
    #[serde(default)]
    pub network: Network,
    /// What the way to the payee may cost.
    #[serde(default)]
    pub fee: FeeLimit,
}

/// A wallet, and the key to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum WalletSettings {
    /// An account in an LNbits.
    Lnbits {
        /// Where it is.
        endpoint: Endpoint,
        /// The invoice key or the admin key.
        key: Secret,
    },
    /// A node that runs LND.
    Lnd {
        /// Where its REST interface is.
        endpoint: Endpoint,
        /// A macaroon in hex.
        macaroon: Secret,
    },
    /// A node that runs Core Lightning with its plugin `clnrest`.
    Cln {
        /// Where that plugin listens.
        endpoint: Endpoint,
        /// A rune.
        rune: Secret,
    },
    /// A wallet that runs phoenixd.
    Phoenixd {
        /// Where it is.
        endpoint: Endpoint,
        /// The password for limited or for full access.
        password: Secret,
    },
}

impl LightningSettings {
    /// The way to pay with this wallet. Nothing is connected yet.
    ///
    /// # Errors
    /// [`PaymentError::Refused`] if an address, certificate or key cannot be one.
    pub fn open(&self) -> Result<Bolt11, PaymentError> {
        Ok(Bolt11::new(self.wallet.open()?, self.network, self.fee))
    }
}

impl WalletSettings {
    fn open(&self) -> Result<Box<dyn LightningWallet>, PaymentError> {
        Ok(match self {
            Self::Lnbits { endpoint, key } => Box::new(Lnbits::new(endpoint, key.clone())?),
            Self::Lnd { endpoint, macaroon } => Box::new(Lnd::new(endpoint, macaroon.clone())?),
            Self::Cln { endpoint, rune } => Box::new(CoreLightning::new(endpoint, rune.clone())?),
            Self::Phoenixd { endpoint, password } => Box::new(Phoenixd::new(endpoint, password)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_they_are_written_and_never_shown() {
        let json = r#"{"wallet":{"kind":"lnd","endpoint":{"url":"https://node:8080"},"macaroon":"0201"},
            "network":"signet","fee":{"permille":5,"least_msat":1000}}"#;
        let settings: LightningSettings = serde_json::from_str(json).unwrap();
        assert_eq!(settings.network, Network::Signet);
        let written = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<LightningSettings>(&written).unwrap(), settings);
        assert!(!format!("{settings:?}").contains("0201"));
        assert!(!format!("{:?}", settings.open().unwrap()).contains("0201"));
        for wrong in
            [r#"{"wallet":{"kind":"paypal"}}"#, &json.replace("fee", "fees"), &json.replace("url", "uri")]
        {
            assert!(serde_json::from_str::<LightningSettings>(wrong).is_err(), "{wrong}");
        }
    }
}
