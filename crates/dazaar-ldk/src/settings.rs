//! Settings of the node, as they are stored, and how it is started. A password may be in them.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::str::FromStr as _;
use std::sync::Arc;

use dazaar::payment::PaymentError;
use dazaar_pay::lightning::{FeeLimit, Network};
use ldk_node::config::{AnchorChannelsConfig, Config};
use ldk_node::lightning::ln::msgs::SocketAddress;
use ldk_node::{Builder, bitcoin};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::log::Log;
use crate::sent::Sent;
use crate::{Chain, LdkWallet, Peer};

/// The secret from which a node's keys grow.
pub type Seed = Zeroizing<[u8; 64]>;

/// Who holds this file's lock runs the node.
const LOCK: &str = "lock";

/// All that makes a node, but for its folder and its seed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LdkSettings {
    /// Which bitcoins: the real ones if nothing is said.
    #[serde(default)]
    pub network: Network,
    /// Where it learns what is on the chain.
    pub chain: Chain,
    /// Addresses at which others may connect, `host:port`. A buyer needs none.
    #[serde(default)]
    pub listen: Vec<String>,
    /// Who opens a channel when a payment is more than all channels can take.
    #[serde(default)]
    pub provider: Option<Provider>,
    /// What the way to a payee may cost.
    #[serde(default)]
    pub fee: FeeLimit,
}

/// Who sells channels at the moment that a payment needs one (LSPS2, bLIP 52). It is trusted as long as there is a channel with it: not to
/// take back the transaction that makes it, before that is on the chain, and to close it when asked to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Who, and where.
    pub peer: Peer,
    /// The most that it may keep of a payment, in thousandths.
    pub permille: u16,
}

impl LdkSettings {
    /// Starts the node in a folder, which must belong to it alone, and never be restored from a backup: whoever publishes an old state of a
    /// channel loses what is in it. It runs until it is [stopped](LdkWallet::stop).
    ///
    /// # Errors
    /// [`PaymentError::Refused`] if a setting cannot be right, [`PaymentError::Unavailable`] if the node does not start, or runs already.
    pub async fn start(&self, folder: &Path, seed: &Seed) -> Result<LdkWallet, PaymentError> {
        let (settings, folder, seed) = (self.clone(), folder.to_owned(), seed.clone());
        // It waits for the disk and for the chain.
        let started = tokio::task::spawn_blocking(move || settings.start_blocking(&folder, &seed)).await;
        started.unwrap_or_else(|error| Err(PaymentError::unavailable(error.to_string())))
    }

    fn start_blocking(&self, folder: &Path, seed: &Seed) -> Result<LdkWallet, PaymentError> {
        let builder = self.builder(folder, seed)?;
        let lock = lock(folder)?;
        let sent = Sent::open(folder).map_err(|error| unavailable("cannot use its folder", &error))?;
        // The node would say less, after it has begun to work.
        for place in &self.listen {
            TcpListener::bind(place)
                .map_err(|error| unavailable(&format!("cannot listen at {place}"), &error))?;
        }
        let node = builder.build().map_err(|error| unavailable("cannot be opened", &error))?;
        node.start().map_err(|error| unavailable("does not start", &error))?;
        Ok(LdkWallet::new(node, lock, sent, self.provider.clone()))
    }

    fn builder(&self, folder: &Path, seed: &Seed) -> Result<Builder, PaymentError> {
        let mut anchors = AnchorChannelsConfig::default();
        // A seller who was never paid has nothing to keep on the chain for a channel that is given up.
        anchors.trusted_peers_no_reserve.extend(self.provider.as_ref().map(|provider| provider.peer.id));
        let config = Config { anchor_channels_config: Some(anchors), ..Config::default() };
        let mut builder = Builder::from_config(config);
        builder
            .set_network(network(self.network))
            .set_storage_dir_path(text(folder)?)
            .set_entropy_seed_bytes(**seed)
            .set_custom_logger(Arc::new(Log));
        let listen: Vec<SocketAddress> = self
            .listen
            .iter()
            .map(|address| SocketAddress::from_str(address))
            .collect::<Result<_, _>>()
            .map_err(|_| PaymentError::refused("a Lightning node listens at addresses like 0.0.0.0:9735"))?;
        if !listen.is_empty() {
            builder.set_listening_addresses(listen).map_err(|error| unavailable("cannot listen", &error))?;
        }
        match self.chain.clone() {
            Chain::Esplora { url } => builder.set_chain_source_esplora(url, None),
            Chain::Electrum { url } => builder.set_chain_source_electrum(url, None),
            Chain::Bitcoind { host, port, user, password } => {
                builder.set_chain_source_bitcoind_rpc(host, port, user, password.reveal().to_owned())
            }
        };
        if let Some(Provider { peer, .. }) = &self.provider {
            builder.set_liquidity_source_lsps2(peer.id, peer.address.clone(), None);
        }
        Ok(builder)
    }
}

/// Two programs with one node would each publish what the other has replaced, and lose the money in its channels.
fn lock(folder: &Path) -> Result<File, PaymentError> {
    let failed = |error: &io::Error| unavailable("cannot use its folder", error);
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| failed(&error))?;
    let file =
        OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(folder.join(LOCK));
    let file = file.map_err(|error| failed(&error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::Error(error)) => Err(failed(&error)),
        Err(TryLockError::WouldBlock) => {
            Err(PaymentError::unavailable("another program runs this Lightning node now"))
        }
    }
}

fn text(folder: &Path) -> Result<String, PaymentError> {
    let text =
        folder.to_str().ok_or_else(|| PaymentError::refused("the node's folder must be named in UTF-8"))?;
    Ok(text.to_owned())
}

const fn network(network: Network) -> bitcoin::Network {
    match network {
        Network::Bitcoin => bitcoin::Network::Bitcoin,
        Network::Testnet => bitcoin::Network::Testnet,
        Network::Signet => bitcoin::Network::Signet,
        Network::Regtest => bitcoin::Network::Regtest,
    }
}

fn unavailable(what: &str, error: &dyn std::fmt::Display) -> PaymentError {
    PaymentError::unavailable(format!("the Lightning node {what}: {error}"))
}
