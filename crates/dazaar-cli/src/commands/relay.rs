//! `dazaar relay`: a relay of iroh, for sellers and buyers behind firewalls.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Args;

use super::Context;
use crate::failure::Failure;

/// The port of a relay without TLS.
const PORT: u16 = 3340;

/// Pass on what sellers and buyers behind firewalls say to each other through iroh, until Ctrl-C
///
/// What passes is encrypted. With a certificate it also tells them from where they are seen, with which most of them then reach each other
/// directly. It needs no market.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dazaar relay --listen 0.0.0.0:443 --certificate fullchain.pem --key privkey.pem
  dazaar relay                                     behind something that speaks TLS, or to try it

Then: dazaar serve --relay https://relay.example.org")]
pub(crate) struct Arguments {
    /// TCP address to listen on
    #[arg(long, value_name = "IP:PORT", default_value_t = SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT)))]
    listen: SocketAddr,

    /// File with the certificates (PEM), its own first
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,

    /// File with the certificate's key (PEM)
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
}

#[cfg(feature = "iroh")]
pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    use crate::event::Event;
    use crate::failure::Kind;
    use crate::signals::Interruption;
    use dazaar_iroh::{Relay, RelaySettings, RelayTls};

    let Arguments { listen, certificate, key } = arguments;
    let tls = certificate.clone().zip(key.clone()).map(|(certificates, key)| RelayTls { certificates, key });
    let interruption = Interruption::listen()?;
    let unreachable = |error| Failure::new(Kind::Unreachable, error);
    let mut relay = Relay::start(RelaySettings { listen: *listen, tls }).await.map_err(unreachable)?;
    let address = relay.bound().unwrap_or(*listen).to_string();
    context.output.event(&Event::Relay { address })?;
    interruption.or(async { Err(unreachable(relay.ended().await)) }).await.map(|_: Option<()>| ())
}

#[cfg(not(feature = "iroh"))]
pub(crate) async fn run(_: &Context, _: &Arguments) -> Result<(), Failure> {
    Err(super::iroh::missing())
}
