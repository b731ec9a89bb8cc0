//! Iroh: options of commands that dial sellers or serve buyers, and what becomes of them.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{ArgAction, Args};
use dazaar::switch;
use dazaar::transport::Dialer;

use crate::failure::{Failure, Kind};

#[cfg(feature = "iroh")]
mod listening;

#[cfg(feature = "iroh")]
pub(super) use listening::listen;

#[cfg(not(feature = "iroh"))]
use std::net::SocketAddr;

#[cfg(not(feature = "iroh"))]
use dazaar::{Market, cards::Address, database::Listing, transport::Listener};

/// Whether iroh is used, and with whose help.
#[derive(Debug, Clone, Args)]
pub(crate) struct IrohArguments {
    /// Use iroh too: it reaches through firewalls, if the link or card says so
    #[arg(long, env = "DAZAAR_IROH", hide_env_values = true, action = ArgAction::SetTrue, value_parser = switch)]
    iroh: bool,

    /// Use iroh with this relay; may be repeated
    #[arg(long, value_name = "URL", env = "DAZAAR_RELAY", hide_env_values = true, value_delimiter = ',')]
    relay: Vec<String>,

    /// File with certificates (PEM) of authorities that may vouch for relays, besides those that browsers trust
    #[arg(long, value_name = "FILE", env = "DAZAAR_RELAY_CA", hide_env_values = true)]
    relay_ca: Option<PathBuf>,
}

impl IrohArguments {
    /// Whether it is used.
    pub(super) const fn is_wanted(&self) -> bool {
        self.iroh || !self.relay.is_empty()
    }

    /// What dials through it, if it is used.
    #[cfg(feature = "iroh")]
    pub(super) fn dialer(&self) -> Result<Option<Arc<dyn Dialer>>, Failure> {
        if !self.is_wanted() {
            return Ok(None);
        }
        let dialer = dazaar_iroh::IrohDialer::new(&self.relay, self.authorities()?);
        dialer.map(|dialer| Some(Arc::new(dialer) as _)).map_err(Failure::input)
    }

    /// URLs of the relays that help.
    #[cfg(feature = "iroh")]
    pub(super) fn relays(&self) -> impl Iterator<Item = &str> {
        self.relay.iter().map(String::as_str)
    }

    /// Who may vouch for relays.
    #[cfg(feature = "iroh")]
    pub(super) fn authorities(&self) -> Result<dazaar_iroh::Authorities, Failure> {
        let read = self.relay_ca.as_deref().map(dazaar_iroh::Authorities::read).transpose();
        read.map(Option::unwrap_or_default).map_err(Failure::input)
    }

    #[cfg(not(feature = "iroh"))]
    pub(super) fn dialer(&self) -> Result<Option<Arc<dyn Dialer>>, Failure> {
        if self.is_wanted() { Err(missing()) } else { Ok(None) }
    }
}

/// Listens for the buyers of a listing, if iroh is wanted; it cannot be.
#[cfg(not(feature = "iroh"))]
pub(super) async fn listen(
    arguments: &IrohArguments,
    _: &Market,
    _: &mut Listing,
    _: SocketAddr,
    _: Option<&str>,
) -> Result<Option<(Box<dyn Listener>, Address)>, Failure> {
    if arguments.is_wanted() { Err(missing()) } else { Ok(None) }
}

/// This program cannot do it.
#[cfg(not(feature = "iroh"))]
pub(super) fn missing() -> Failure {
    Failure::new(Kind::Usage, "this program was built without iroh")
        .hint("build it with: cargo install --path crates/dazaar-cli --features iroh")
}

/// With a proxy nothing goes around it.
pub(super) fn beside_a_proxy() -> Failure {
    Failure::new(Kind::Usage, "iroh does not go through a proxy")
        .hint("use one of them: neither --iroh nor --relay, DAZAAR_IROH or DAZAAR_RELAY, or no proxy")
}
