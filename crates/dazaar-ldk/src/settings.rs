//! Settings of the node, as they are stored. There are secrets in them.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::Arc;

use dazaar::payment::PaymentError;
use dazaar_pay::Secret;
use dazaar_pay::lightning::{Bolt11, FeeLimit, Network};
use ldk_node::lightning::ln::msgs::SocketAddress;
use ldk_node::{Builder, bitcoin};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::LdkWallet;
use crate::log::Log;

/// Bytes of a seed.
const SEED_BYTES: usize = 64;

/// All that makes a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LdkSettings {
    /// The node's folder. It must belong to one node at a time, and never be restored from a backup: whoever publishes an old state of a
    /// channel loses what is in it.
    pub folder: PathBuf,
    /// The secret from which its keys grow: 64 bytes in hex.
    pub seed: Secret,
    /// Which bitcoins: the real ones if nothing is said.
    #[serde(default)]
    pub network: Network,
    /// Where it learns what is on the chain.
    pub chain: Chain,
    /// Addresses at which others may connect, `host:port`. A buyer needs none.
    #[serde(default)]
    pub listen: Vec<String>,
    /// What the way to a payee may cost.
    #[serde(default)]
    pub fee: FeeLimit,
}

/// Where a node learns what is on the chain. Whoever answers there learns which transactions are its own, and can hide some.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Chain {
    /// An Esplora server.
    Esplora {
        /// Its address, `https://host/api`.
        url: String,
    },
    /// An Electrum server.
    Electrum {
        /// Its address, `ssl://host:port` or `tcp://host:port`.
        url: String,
    },
    /// A Bitcoin Core of one's own.
    Bitcoind {
        /// Its host.
        host: String,
        /// Its port for RPC.
        port: u16,
        /// Its name for RPC.
        user: String,
        /// Its password for RPC.
        password: Secret,
    },
}

impl LdkSettings {
    /// A new seed.
    pub fn new_seed() -> Secret {
        let seed: Zeroizing<[u8; SEED_BYTES]> = Zeroizing::new(rand::random());
        Secret::new(&Zeroizing::new(hex::encode(*seed)))
    }

    /// Starts the node. It runs until the wallet, and what was made of it, is dropped.
    ///
    /// # Errors
    /// [`PaymentError::Refused`] if a setting cannot be right, [`PaymentError::Unavailable`] if the node does not start.
    pub async fn start(&self) -> Result<LdkWallet, PaymentError> {
        let settings = self.clone();
        // It waits for the disk and for the chain.
        let started = tokio::task::spawn_blocking(move || settings.start_blocking()).await;
        started.unwrap_or_else(|error| Err(PaymentError::unavailable(error.to_string())))
    }

    /// The way to pay with a node that runs.
    pub fn bolt11(&self, wallet: &LdkWallet) -> Bolt11 {
        Bolt11::new(Box::new(wallet.clone()), self.network, self.fee)
    }

    fn start_blocking(&self) -> Result<LdkWallet, PaymentError> {
        let node = self.builder()?.build().map_err(|error| unavailable("cannot be opened", &error))?;
        node.start().map_err(|error| unavailable("does not start", &error))?;
        Ok(LdkWallet::new(node))
    }

    fn builder(&self) -> Result<Builder, PaymentError> {
        let mut builder = Builder::new();
        builder
            .set_network(network(self.network))
            .set_storage_dir_path(text(&self.folder)?)
            .set_entropy_seed_bytes(*self.seed()?)
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
        Ok(builder)
    }

    fn seed(&self) -> Result<Zeroizing<[u8; SEED_BYTES]>, PaymentError> {
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        hex::decode_to_slice(self.seed.reveal(), &mut *seed)
            .map_err(|_| PaymentError::refused("the node's seed must be 64 bytes in hex"))?;
        Ok(seed)
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
