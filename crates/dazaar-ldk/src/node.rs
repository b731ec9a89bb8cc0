//! A node that starts when it is first needed: a command that only lists wallets must not.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dazaar::payment::{Answer, PaymentError};
use dazaar_pay::lightning::{
    About, Bolt11, Incoming, LightningWallet, Network, NewInvoice, Outgoing, PaymentHash, Spend,
};
use tokio::sync::Mutex;

use crate::{LdkSettings, LdkWallet, Seed};

/// How long a node that did not start is left alone.
const FAILURE_LASTS: Duration = Duration::from_secs(10);

/// A Lightning node that is started by whoever first asks it anything.
#[derive(Clone)]
pub struct LdkNode(Arc<Inner>);

struct Inner {
    settings: LdkSettings,
    folder: PathBuf,
    seed: Seed,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: Option<LdkWallet>,
    /// Why it did not start, and when: all who wait for it hear the same.
    failure: Option<(Instant, PaymentError)>,
}

impl LdkNode {
    /// The node of this folder and seed. See [`LdkSettings::start`] for what that folder must be.
    pub fn new(settings: LdkSettings, folder: PathBuf, seed: Seed) -> Self {
        Self(Arc::new(Inner { settings, folder, seed, state: Mutex::default() }))
    }

    /// The way to pay with it.
    pub fn bolt11(&self) -> Bolt11 {
        let LdkSettings { network, fee, .. } = self.0.settings;
        Bolt11::new(Box::new(self.clone()), network, fee)
    }

    /// Which bitcoins it has.
    pub fn network(&self) -> Network {
        self.0.settings.network
    }

    /// The running node. It may not [be ready](LdkWallet::ready) yet.
    ///
    /// # Errors
    /// Those of [`LdkSettings::start`].
    pub async fn wallet(&self) -> Result<LdkWallet, PaymentError> {
        let inner = Arc::clone(&self.0);
        // Whoever asks may leave: what has begun to start must be known to whoever stops it.
        let started = tokio::spawn(async move { inner.start().await }).await;
        started.unwrap_or_else(|error| Err(PaymentError::unavailable(error.to_string())))
    }

    /// The running node, once it is [ready](LdkWallet::ready).
    ///
    /// # Errors
    /// Those of [`LdkSettings::start`].
    pub async fn ready(&self) -> Result<LdkWallet, PaymentError> {
        let wallet = self.wallet().await?;
        wallet.ready().await;
        Ok(wallet)
    }

    /// Stops the node if it runs: before the runtime of tokio ends, on which it does. It starts again when it is asked something.
    ///
    /// # Errors
    /// Those of [`LdkWallet::stop`].
    pub async fn stop(&self) -> Result<(), PaymentError> {
        let running = self.0.state.lock().await.running.take();
        match running {
            Some(wallet) => wallet.stop().await,
            None => Ok(()),
        }
    }
}

impl Inner {
    async fn start(&self) -> Result<LdkWallet, PaymentError> {
        let mut state = self.state.lock().await;
        if let Some(wallet) = &state.running {
            return Ok(wallet.clone());
        }
        if let Some((when, error)) = &state.failure
            && when.elapsed() < FAILURE_LASTS
        {
            return Err(error.clone());
        }
        match self.settings.start(&self.folder, &self.seed).await {
            Ok(wallet) => {
                *state = State { running: Some(wallet.clone()), failure: None };
                Ok(wallet)
            }
            Err(error) => {
                state.failure = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }
}

impl LightningWallet for LdkNode {
    fn about(&self) -> Answer<'_, About> {
        Box::pin(async { self.wallet().await?.about().await })
    }

    fn balance(&self) -> Answer<'_, u64> {
        Box::pin(async { self.ready().await?.balance().await })
    }

    fn invoice<'a>(&'a self, wanted: &'a NewInvoice) -> Answer<'a, String> {
        Box::pin(async { self.ready().await?.invoice(wanted).await })
    }

    fn incoming<'a>(&'a self, hash: &'a PaymentHash) -> Answer<'a, Incoming> {
        Box::pin(async { self.wallet().await?.incoming(hash).await })
    }

    fn pay<'a>(&'a self, spend: &'a Spend) -> Answer<'a, Outgoing> {
        Box::pin(async { self.ready().await?.pay(spend).await })
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
