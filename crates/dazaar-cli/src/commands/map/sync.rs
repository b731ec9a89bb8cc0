//! `dazaar map sync`: what the writers of a map have, each brings to the others.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use dazaar::cards::Address;
use dazaar::hyperdb::{HyperDb, SyncError, SyncOptions};
use dazaar::transport::{BoxedStream, Dialer, Proxy, Tcp};
use dazaar::wire::Role;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::lobby::Lobby;
use super::open_several;
use super::writers::version;
use crate::commands::Context;
use crate::event::Event;
use crate::failure::{Failure, Kind};
use crate::output::Output;
use crate::secrets;
use crate::signals::Interruption;

/// Writers who are connected at once, besides those who have not shown yet that they are.
const CONNECTIONS_MAX: usize = 64;

/// Pause before somebody is dialled again, or after the system refused to accept a connection.
const PAUSE: Duration = Duration::from_secs(1);

/// Replicate a map of several writers with other writers of it, until all have the same
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dazaar map sync ./team --listen 0.0.0.0:4100      others connect here, until Ctrl-C
  dazaar map sync ./team team.example.org:4100      with whoever is there, once
  dazaar map sync ./team team.example.org:4100 --live")]
pub(crate) struct Arguments {
    /// Folder of the map
    map: PathBuf,

    /// Where others listen
    #[arg(value_name = "HOST:PORT")]
    addresses: Vec<Address>,

    /// Let writers connect to this address, until Ctrl-C; port 0 takes a free one
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<SocketAddr>,

    /// Stay connected, and exchange changes as they come, until Ctrl-C
    #[arg(long)]
    live: bool,

    /// With whoever knows the key of the map, as npm hyperdb does; otherwise with writers only
    #[arg(long)]
    anyone: bool,
}

pub(super) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    if arguments.addresses.is_empty() && arguments.listen.is_none() {
        return Err(Failure::new(Kind::Usage, "with whom?")
            .hint("name where another writer listens, or listen yourself: --listen 0.0.0.0:4100"));
    }
    let map = Arc::new(open_several(context, &arguments.map)?);
    let is_live = arguments.live || arguments.listen.is_some();
    let options = SyncOptions { with_anybody: arguments.anyone, is_live };
    let interruption = Interruption::listen()?;
    let outcome = interruption.or(replicate(context, arguments, &map, options)).await;
    map.flush().await?;
    match outcome? {
        None if !is_live => Err(Failure::new(Kind::Interrupted, "interrupted; what came is here")),
        _ => Ok(()),
    }
}

async fn replicate(
    context: &Context,
    arguments: &Arguments,
    map: &Arc<HyperDb>,
    options: SyncOptions,
) -> Result<(), Failure> {
    let writers = Writers { map: Arc::clone(map), output: Arc::clone(&context.output), options };
    let dialer = dialer()?;
    if !options.is_live {
        for address in &arguments.addresses {
            let synced = writers.dial(&*dialer, address).await;
            // What one does not have another may.
            synced?;
            writers.tell(address, None)?;
        }
        return Ok(());
    }
    let mut tasks = JoinSet::new();
    for address in arguments.addresses.clone() {
        let (writers, dialer) = (writers.clone(), Arc::clone(&dialer));
        tasks.spawn(async move { writers.stay_with(&*dialer, &address).await });
    }
    if let Some(address) = arguments.listen {
        tasks.spawn(async move { writers.serve(address).await });
    }
    match tasks.join_next().await {
        Some(ended) => ended.map_err(|error| Failure::new(Kind::General, error))?,
        None => Ok(()),
    }
}

/// What dials writers: the proxy of the environment, if there is one.
fn dialer() -> Result<Arc<dyn Dialer>, Failure> {
    let Some(proxy) = secrets::proxy(None)? else { return Ok(Arc::new(Tcp)) };
    Ok(Arc::new(proxy.trim().parse::<Proxy>().map_err(Failure::input)?))
}

/// The others who write a map.
#[derive(Debug, Clone)]
pub(crate) struct Writers {
    pub(crate) map: Arc<HyperDb>,
    pub(crate) output: Arc<Output>,
    pub(crate) options: SyncOptions,
}

impl Writers {
    /// Lets them connect to an address, until that fails.
    pub(crate) async fn serve(&self, address: SocketAddr) -> Result<(), Failure> {
        let unusable =
            |error| Failure::new(Kind::Unreachable, format!("cannot listen on {address}: {error}"));
        let listener = TcpListener::bind(address).await.map_err(unusable)?;
        let bound = listener.local_addr()?.to_string();
        self.output.event(&Event::MapListening { key: self.map.key().to_string(), address: bound })?;
        let (mut connections, lobby) = (JoinSet::new(), Lobby::default());
        loop {
            tokio::select! {
                accepted = listener.accept(), if lobby.known_of(connections.len()) < CONNECTIONS_MAX => match accepted {
                    Ok((stream, from)) => {
                        // Small messages must not wait for more; a socket that cannot be told works all the same.
                        let _ = stream.set_nodelay(true);
                        let writers = self.clone();
                        let place = lobby.enter(from.ip());
                        let number = place.number();
                        let connection = connections.spawn(async move {
                            let stream: BoxedStream = Box::new(stream);
                            let is_known = || drop(place);
                            let end =
                                writers.map.sync_with(stream, Role::Responder, writers.options, is_known).await;
                            writers.tell(&from, end.err().as_ref())
                        });
                        lobby.seat(number, connection);
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
                Some(ended) = connections.join_next() => match ended {
                    // Who gave way to another.
                    Err(error) if error.is_cancelled() => {}
                    ended => ended.map_err(|error| Failure::new(Kind::General, error))??,
                }
            }
        }
    }

    /// Connects to somebody, and again whenever that ends.
    async fn stay_with(&self, dialer: &dyn Dialer, address: &Address) -> Result<(), Failure> {
        loop {
            let end = self.dial(dialer, address).await;
            if let Err(SyncError::Map(error)) = end {
                return Err(error.into());
            }
            self.tell(address, end.err().as_ref())?;
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn dial(&self, dialer: &dyn Dialer, address: &Address) -> Result<(), SyncError> {
        let stream = dialer.dial(address).await.map_err(dazaar::ConnectionError::from)?;
        self.map.sync(stream, Role::Initiator, self.options).await
    }

    fn tell(&self, address: &impl ToString, error: Option<&SyncError>) -> Result<(), Failure> {
        Ok(self.output.event(&Event::MapSynced {
            key: self.map.key().to_string(),
            address: address.to_string(),
            version: version(&self.map)?,
            error: error.map(|error| dazaar::explain(error)),
        })?)
    }
}
