//! A Lightning node in this program, and what it needs.

use std::path::Path;

use clap::Args;

use super::{Bitcoins, Settings};
use crate::failure::Failure;

/// What a node is made of.
#[derive(Debug, Args)]
#[cfg_attr(not(feature = "ldk"), allow(dead_code, reason = "this build only refuses it"))]
pub(super) struct LdkArguments {
    /// Where to look at the chain: https://host/api (Esplora), ssl://host:port (Electrum), or
    /// bitcoind://user@host:port, whose password is the secret
    #[arg(value_name = "URL")]
    chain: String,

    /// Which bitcoins
    #[arg(long, value_enum, default_value_t = Bitcoins::Bitcoin)]
    network: Bitcoins,

    /// Where other nodes can connect; may be repeated [default: nowhere, which is enough to pay]
    #[arg(long, value_name = "HOST:PORT")]
    listen: Vec<String>,

    /// A node that opens a channel when a payment needs one (LSPS2), so that the first buyer can pay at
    /// once: its key, `@`, host and port
    #[arg(long, value_name = "NODE")]
    provider: Option<String>,

    /// The most that it may keep of such a payment, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 10, value_parser = clap::value_parser!(u16).range(0..=50))]
    provider_fee: u16,
}

#[cfg(feature = "ldk")]
pub(super) fn settings(file: Option<&Path>, arguments: &LdkArguments) -> Result<Settings, Failure> {
    use dazaar_ldk::{Chain, LdkSettings, Peer, Provider};
    use dazaar_pay::lightning::FeeLimit;

    let LdkArguments { chain, network, listen, provider, provider_fee } = arguments;
    let peer = provider.as_ref().map(|peer| peer.parse::<Peer>()).transpose()?;
    let permille = provider_fee * 10;
    Ok(Settings::Ldk(LdkSettings {
        network: (*network).into(),
        chain: Chain::read(chain, || super::secret(file))?,
        listen: listen.clone(),
        provider: peer.map(|peer| Provider { peer, permille }),
        fee: FeeLimit::default(),
    }))
}

#[cfg(not(feature = "ldk"))]
pub(super) fn settings(_: Option<&Path>, _: &LdkArguments) -> Result<Settings, Failure> {
    Err(super::not_built("Lightning node", "ldk"))
}
