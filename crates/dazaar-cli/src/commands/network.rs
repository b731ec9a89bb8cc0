//! How sellers and buyers find each other: options that several commands have.

use std::net::Ipv4Addr;
use std::str::FromStr;

use clap::{ArgAction, Args};
use dazaar::cards::{AddressError, HostPort};
use dazaar::discovery::{DiscoverySettings, LanScope, Mode, bootstrap_nodes};
use dazaar::{Market, switch};

use super::iroh::IrohArguments;

/// Where to look, besides at addresses that are known.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Finding each other")]
pub(crate) struct NetworkArguments {
    /// Use the DHT, and begin with this node; may be repeated. `default` means the nodes of npm hyperswarm
    #[arg(
        long,
        value_name = "HOST:PORT",
        env = "DAZAAR_BOOTSTRAP",
        hide_env_values = true,
        value_delimiter = ','
    )]
    bootstrap: Vec<Bootstrap>,

    /// Do not use the DHT, whatever DAZAAR_BOOTSTRAP says
    #[arg(long)]
    no_dht: bool,

    /// Do not use the local network
    #[arg(long, env = "DAZAAR_NO_LAN", hide_env_values = true, action = ArgAction::SetTrue, value_parser = switch)]
    no_lan: bool,

    /// Use only the local network of the interface with this address
    #[arg(long, value_name = "IP")]
    interface: Option<Ipv4Addr>,

    #[command(flatten)]
    pub(super) iroh: IrohArguments,
}

impl NetworkArguments {
    /// Has a market find sellers, and be found, as the options say.
    pub(super) fn join(&self, market: &Market, mode: Mode) {
        market.discover_by(self.settings(mode));
    }

    fn settings(&self, mode: Mode) -> DiscoverySettings {
        let bootstrap = self.bootstrap();
        let lan = match (self.no_lan, self.interface) {
            (true, _) => LanScope::None,
            (false, None) => LanScope::All,
            (false, Some(address)) => LanScope::Interface(address),
        };
        let dht = (!self.no_dht && !bootstrap.is_empty()).then_some(mode);
        DiscoverySettings { dht, bootstrap, bind: None, lan }
    }

    fn bootstrap(&self) -> Vec<HostPort> {
        self.bootstrap.iter().flat_map(Bootstrap::addresses).collect()
    }
}

/// Nodes to begin with.
#[derive(Debug, Clone)]
pub(super) struct Bootstrap(Vec<HostPort>);

impl Bootstrap {
    /// Where they are.
    pub(super) fn addresses(&self) -> Vec<HostPort> {
        self.0.clone()
    }
}

impl FromStr for Bootstrap {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        bootstrap_nodes(text).map(Self)
    }
}
