//! Settings of such a wallet, as they are stored. There is a secret in them.

use dazaar::payment::PaymentError;
use dazaar_pay::Secret;
use dazaar_pay::lightning::{Bolt11, FeeLimit, Network};
use serde::{Deserialize, Serialize};

use crate::NwcWallet;

/// All that makes a [`Bolt11`] of a connection string.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NwcSettings {
    /// `nostr+walletconnect://...`, as the wallet shows it. Whoever has it may do what the wallet allows it.
    pub connection: Secret,
    /// Which bitcoins: the real ones if nothing is said.
    #[serde(default)]
    pub network: Network,
}

impl NwcSettings {
    /// The way to pay with this wallet. Nothing is connected yet.
    ///
    /// # Errors
    /// [`PaymentError::Refused`] if the connection string is none.
    pub fn open(&self) -> Result<Bolt11, PaymentError> {
        let wallet = NwcWallet::new(&self.connection)?;
        // What the way may cost is the wallet's own setting: it cannot be told.
        Ok(Bolt11::new(Box::new(wallet), self.network, FeeLimit::default()))
    }
}
