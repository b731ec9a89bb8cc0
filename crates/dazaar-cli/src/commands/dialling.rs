//! How sellers are reached: options of all commands that dial one.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use dazaar::Market;
use dazaar::discovery::{DiscoverySettings, LanScope, Mode};
use dazaar::transport::{Proxy, Tcp};

use super::iroh::{IrohArguments, beside_a_proxy};
use super::network::NetworkArguments;
use crate::failure::{Failure, Kind};
use crate::secrets;

/// What goes to sellers, and which way.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Finding each other")]
pub(crate) struct DialArguments {
    /// Dial sellers through this SOCKS5 proxy and not otherwise, and look for them nowhere else; it resolves their names. One with a
    /// password is taken from DAZAAR_PROXY or --proxy-file: others on this machine can read a command line
    #[arg(long, value_name = "socks5://HOST:PORT")]
    proxy: Option<String>,

    /// The same, with what is in this file: socks5://name:password@host:port
    #[arg(long, value_name = "FILE", conflicts_with = "proxy")]
    proxy_file: Option<PathBuf>,

    /// Although there is a proxy, look for sellers on the local network and in the DHT too: that goes around it
    #[arg(long)]
    around_proxy: bool,

    #[command(flatten)]
    network: NetworkArguments,
}

impl DialArguments {
    /// Has a market find and dial sellers as the options say; the proxy that it dials them through.
    pub(super) fn join(&self, market: &Market) -> Result<Option<Proxy>, Failure> {
        let proxy = self.dial(market)?;
        if proxy.is_none() || self.around_proxy {
            self.network.join(market, Mode::Client);
        } else {
            market.discover_by(DiscoverySettings { lan: LanScope::None, ..DiscoverySettings::default() });
        }
        Ok(proxy)
    }

    /// Whether iroh is used, and with whose help.
    pub(super) const fn iroh(&self) -> &IrohArguments {
        &self.network.iroh
    }

    /// Has a market dial sellers as the options say, but find none.
    pub(super) fn dial(&self, market: &Market) -> Result<Option<Proxy>, Failure> {
        let (proxy, iroh) = (self.proxy()?, self.network.iroh.dialer()?);
        match (&proxy, iroh) {
            (Some(_), Some(_)) => return Err(beside_a_proxy()),
            (Some(proxy), None) => market.dial_by(vec![Arc::new(proxy.clone())]),
            (None, Some(iroh)) => market.dial_by(vec![Arc::new(Tcp), iroh]),
            (None, None) => {}
        }
        Ok(proxy)
    }

    fn proxy(&self) -> Result<Option<Proxy>, Failure> {
        let text = match &self.proxy {
            Some(text) if text.contains('@') => {
                let exposed = "others on this machine can read a password on a command line";
                return Err(Failure::new(Kind::Usage, exposed).hint(
                    "put the proxy into DAZAAR_PROXY, or into a file and name that with --proxy-file",
                ));
            }
            Some(text) => Some(text.clone()),
            None => secrets::proxy(self.proxy_file.as_deref())?,
        };
        // What is wrong is told without the text: there may be a password in it.
        text.map(|text| text.trim().parse())
            .transpose()
            .map_err(|error| Failure::input(error).hint("a proxy is named so: socks5://127.0.0.1:9050"))
    }
}
