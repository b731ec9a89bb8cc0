//! `dazaar node`: a node of the DHT, for others to find each other.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use clap::Args;
use dazaar::discovery::{Discovery, DiscoverySettings, LanScope, Mode};
use tokio::time::interval;

use super::Context;
use super::network::Bootstrap;
use crate::event::Event;
use crate::failure::{Failure, Kind};
use crate::signals::Interruption;

/// The port that bootstrap nodes usually have.
const PORT: u16 = 49737;

/// Time from one look at the node to the next.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Take part in the DHT until Ctrl-C, so that sellers and buyers find each other
///
/// Others begin with this node: `dazaar serve --bootstrap host:port`, `dazaar buy --bootstrap host:port`, or npm hyperswarm 2. It needs
/// no market, and no data goes through it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dazaar node                                      the first node of a DHT of its own
  dazaar node --bootstrap dht.example.org:49737    one more node of somebody's")]
pub(crate) struct Arguments {
    /// UDP address to listen on
    #[arg(long, value_name = "IP:PORT", default_value_t = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, PORT))]
    listen: SocketAddrV4,

    /// Node to begin with; may be repeated. `default` means those of npm hyperswarm
    #[arg(
        long,
        value_name = "HOST:PORT",
        env = "DAZAAR_BOOTSTRAP",
        hide_env_values = true,
        value_delimiter = ','
    )]
    bootstrap: Vec<Bootstrap>,
}

pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let settings = DiscoverySettings {
        dht: Some(Mode::Full),
        bootstrap: arguments.bootstrap.iter().flat_map(Bootstrap::addresses).collect(),
        bind: Some(arguments.listen),
        lan: LanScope::None,
    };
    let interruption = Interruption::listen()?;
    let node = Discovery::start(settings).map_err(|error| Failure::new(Kind::Unreachable, error))?;
    let bound = node.status().await.bound.unwrap_or(arguments.listen);
    context.output.event(&Event::Node { address: bound.to_string() })?;
    interruption.or(watch(context, &node)).await.map(drop)
}

/// Tells whenever something has changed.
async fn watch(context: &Context, node: &Discovery) -> Result<(), Failure> {
    let mut looks = interval(LOOK_INTERVAL);
    let mut last = None;
    loop {
        looks.tick().await;
        let status = node.status().await;
        let now = (status.nodes, status.records, status.public);
        if last.replace(now) != Some(now) {
            let (nodes, records, public) = now;
            let public = public.map(|address| address.to_string());
            context.output.event(&Event::NodeStatus { nodes, records, public })?;
        }
    }
}
