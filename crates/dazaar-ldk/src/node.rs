//! A node that starts when it is first needed: a command that only lists wallets must not.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dazaar::payment::{Answer, PaymentError};
use dazaar_pay::lightning::{
    About, Bolt11, Incoming, LightningWallet, NewInvoice, Outgoing, PaymentHash, Spend,
};
use tokio::sync::Mutex;

use crate::{LdkSettings, LdkWallet, Seed};

/// How long a node that was just started waits for the others in its channels.
const CHANNELS_PATIENCE: Duration = Duration::from_secs(15);

/// A Lightning node that is started by whoever first asks it anything.
#[derive(Clone)]
pub struct LdkNode(Arc<Inner>);

struct Inner {
    settings: LdkSettings,
    folder: PathBuf,
    seed: Seed,
    running: Mutex<Option<LdkWallet>>,
}

impl LdkNode {
    /// The node of this folder and seed. See [`LdkSettings::start`] for what that folder must be.
    pub fn new(settings: LdkSettings, folder: PathBuf, seed: Seed) -> Self {
        Self(Arc::new(Inner { settings, folder, seed, running: Mutex::new(None) }))
    }

    /// The way to pay with it.
    pub fn bolt11(&self) -> Bolt11 {
        let LdkSettings { network, fee, .. } = self.0.settings;
        Bolt11::new(Box::new(self.clone()), network, fee)
    }

    /// The running node. One that was just started has looked at the chain, and tried to reach the others
    /// in its channels.
    ///
    /// # Errors
    /// Those of [`LdkSettings::start`].
    pub async fn wallet(&self) -> Result<LdkWallet, PaymentError> {
        let Inner { settings, folder, seed, running } = &*self.0;
        let mut running = running.lock().await;
        if let Some(wallet) = &*running {
            return Ok(wallet.clone());
        }
        let wallet = settings.start(folder, seed).await?;
        if let Err(error) = wallet.look_at_chain().await {
            tracing::warn!(%error, "a Lightning node works with what it knew of the chain before");
        }
        wallet.wait_for_channels(CHANNELS_PATIENCE).await;
        *running = Some(wallet.clone());
        Ok(wallet)
    }

    /// Stops the node if it runs: before the runtime of tokio ends, on which it does. It starts again when it is asked something.
    ///
    /// # Errors
    /// Those of [`LdkWallet::stop`].
    pub async fn stop(&self) -> Result<(), PaymentError> {
        match self.0.running.lock().await.take() {
            Some(wallet) => wallet.stop().await,
            None => Ok(()),
        }
    }
}

impl LightningWallet for LdkNode {
    fn about(&self) -> Answer<'_, About> {
        Box::pin(async { self.wallet().await?.about().await })
    }

    fn balance(&self) -> Answer<'_, u64> {
        Box::pin(async { self.wallet().await?.balance().await })
    }

    fn invoice<'a>(&'a self, wanted: &'a NewInvoice) -> Answer<'a, String> {
        Box::pin(async { self.wallet().await?.invoice(wanted).await })
    }

    fn incoming<'a>(&'a self, hash: &'a PaymentHash) -> Answer<'a, Incoming> {
        Box::pin(async { self.wallet().await?.incoming(hash).await })
    }

    fn pay<'a>(&'a self, spend: &'a Spend) -> Answer<'a, Outgoing> {
        Box::pin(async { self.wallet().await?.pay(spend).await })
    }

    fn outgoing<'a>(&'a self, hash: &'a PaymentHash) -> Answer<'a, Outgoing> {
        Box::pin(async { self.wallet().await?.outgoing(hash).await })
    }
}

impl fmt::Debug for LdkNode {
    /// The seed is not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LdkNode").field("folder", &self.0.folder).finish_non_exhaustive()
    }
}
