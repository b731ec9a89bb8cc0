//! An endpoint at which buyers connect, and which is bound anew should it be stuck.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dazaar::cards::{AddressError, HostPort, IrohAddress};
use dazaar::transport::{BoxedStream, Connecting, Listener};
use iroh::endpoint::{Endpoint, Incoming};
use iroh::{RelayConfig, SecretKey, Watcher as _};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use zeroize::Zeroizing;

use crate::ALPN;
use crate::authorities::Authorities;
use crate::endpoint::{InUse, bind, builder, relay};
use crate::error::IrohError;
use crate::stream::IrohStream;

/// Connections that are being made at once. Further ones are refused.
const HANDSHAKES_MAX: usize = 64;

/// As many, and who wants one more has to show that they are where they say.
const HANDSHAKES_UNCHECKED_MAX: usize = 16;

/// How long a buyer may take to connect and to open the stream.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection waits for a seller who has no room.
const ROOM_TIMEOUT: Duration = Duration::from_secs(10);

/// How long no relay may be reached before the endpoint is bound anew.
const RELAY_PATIENCE: Duration = Duration::from_secs(120);

/// Pause before binding is tried again, at first and at most.
const BIND_PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// Bytes that may wait on a connection until they are read: buyers say little.
const RECEIVE_WINDOW: u32 = 256 * 1024;

/// How to listen.
#[derive(Debug)]
pub struct ListenSettings {
    /// The secret of the endpoint, by which buyers know it.
    pub secret: Zeroizing<[u8; 32]>,
    /// The UDP address to listen on.
    pub address: SocketAddr,
    /// URLs of relays through which it can be reached.
    pub relays: Vec<String>,
    /// Who may vouch for those.
    pub authorities: Authorities,
}

/// A place where buyers connect through iroh.
#[derive(Debug)]
pub struct IrohListener {
    id: [u8; 32],
    bound: SocketAddr,
    relays: Vec<String>,
    streams: mpsc::Receiver<BoxedStream>,
    // Ends with the listener.
    _serving: JoinSet<Infallible>,
}

impl IrohListener {
    /// Listens, in the background of the present tokio runtime.
    ///
    /// # Errors
    /// [`IrohError::Relay`], [`IrohError::Bind`].
    pub async fn bind(settings: ListenSettings) -> Result<Self, IrohError> {
        let ListenSettings { secret, address, relays, authorities } = settings;
        let secret = SecretKey::from_bytes(&secret);
        let configs = relays.iter().map(|url| relay(url)).collect::<Result<_, _>>()?;
        let mut place = Place { secret, address, relays: configs, authorities, patience: RELAY_PATIENCE };
        let endpoint = place.bind().await?;
        let sockets = endpoint.bound_sockets();
        let is_meant = |socket: &&SocketAddr| socket.is_ipv4() == address.is_ipv4();
        let bound = *sockets.iter().find(is_meant).ok_or_else(|| IrohError::Bind("no socket".to_owned()))?;
        // Bound anew it is to be found where it was.
        place.address = bound;
        let (sink, streams) = mpsc::channel(1);
        let id = *endpoint.id().as_bytes();
        let mut serving = JoinSet::new();
        serving.spawn(place.serve(endpoint, sink));
        Ok(Self { id, bound, relays, streams, _serving: serving })
    }

    /// The UDP address that it listens on.
    pub const fn bound(&self) -> SocketAddr {
        self.bound
    }

    /// The address by which buyers dial it, if it can be reached at these places.
    ///
    /// # Errors
    /// [`AddressError::Relay`], [`AddressError::TooLong`].
    pub fn address(&self, places: &[HostPort]) -> Result<IrohAddress, AddressError> {
        IrohAddress::new(self.id, places, &self.relays)
    }
}

impl Listener for IrohListener {
    fn accept(&mut self) -> Connecting<'_> {
        Box::pin(async {
            match self.streams.recv().await {
                Some(stream) => Ok(stream),
                None => std::future::pending().await,
            }
        })
    }
}

/// Where the endpoint is.
#[derive(Debug)]
struct Place {
    secret: SecretKey,
    address: SocketAddr,
    relays: Vec<RelayConfig>,
    authorities: Authorities,
    /// How long no relay may be reached.
    patience: Duration,
}

impl Place {
    async fn bind(&self) -> Result<Endpoint, IrohError> {
        let relays = self.relays.iter().cloned().collect();
        let unbound = builder(self.secret.clone(), relays, &self.authorities, RECEIVE_WINDOW)
            .alpns(vec![ALPN.to_vec()]);
        bind(unbound, Some(self.address)).await
    }

    /// Serves one endpoint after the other.
    async fn serve(self, mut endpoint: Endpoint, streams: mpsc::Sender<BoxedStream>) -> Infallible {
        let in_use = InUse::default();
        loop {
            tokio::select! {
                () = accept_all(&endpoint, &streams, &in_use) => tracing::warn!("the endpoint of iroh has ended"),
                () = self.loses_touch(&endpoint, &in_use) => tracing::warn!("no relay is reached"),
            }
            endpoint.close().await;
            // Its sockets are free when it is gone.
            drop(endpoint);
            endpoint = self.rebind().await;
        }
    }

    async fn rebind(&self) -> Endpoint {
        let (mut pause, longest) = BIND_PAUSE;
        loop {
            match self.bind().await {
                Ok(endpoint) => return endpoint,
                Err(error) => tracing::warn!(%error, "iroh is not listened for at the moment"),
            }
            sleep(pause).await;
            pause = longest.min(pause * 2);
        }
    }

    /// Waits until no relay was reached for long while nobody was connected.
    async fn loses_touch(&self, endpoint: &Endpoint, in_use: &InUse) {
        if self.relays.is_empty() {
            return std::future::pending().await;
        }
        let mut status = endpoint.home_relay_status();
        loop {
            let is_reached = status.get().iter().any(|relay| relay.is_connected());
            if is_reached {
                // Ends with the endpoint only, and that is waited for elsewhere.
                if status.updated().await.is_err() {
                    return std::future::pending().await;
                }
            } else if timeout(self.patience, endpoint.online()).await.is_err()
                && Arc::strong_count(in_use) == 1
            {
                return;
            }
        }
    }
}

/// Takes in whoever connects, until the endpoint ends.
async fn accept_all(endpoint: &Endpoint, streams: &mpsc::Sender<BoxedStream>, in_use: &InUse) {
    let mut handshakes = JoinSet::new();
    while let Some(incoming) = endpoint.accept().await {
        while handshakes.try_join_next().is_some() {}
        if handshakes.len() >= HANDSHAKES_MAX {
            incoming.refuse();
        } else if handshakes.len() >= HANDSHAKES_UNCHECKED_MAX && !incoming.remote_addr_validated() {
            // Only who was validated cannot be asked again.
            let _ = incoming.retry();
        } else {
            handshakes.spawn(greet(incoming, streams.clone(), Arc::clone(in_use)));
        }
    }
}

/// Brings one connection to where a session can begin.
async fn greet(incoming: Incoming, streams: mpsc::Sender<BoxedStream>, in_use: InUse) {
    let connecting = async {
        let connection = incoming.accept()?.await?;
        let stream = connection.accept_bi().await?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(IrohStream::new(connection, stream, in_use))
    };
    match timeout(HANDSHAKE_TIMEOUT, connecting).await {
        Ok(Ok(stream)) => {
            // Who finds no room in time comes again.
            let _ = timeout(ROOM_TIMEOUT, streams.send(Box::new(stream))).await;
        }
        Ok(Err(error)) => tracing::debug!(%error, "somebody did not connect through iroh"),
        Err(_) => tracing::debug!("somebody took too long to connect through iroh"),
    }
}

#[cfg(test)]
mod tests {
    use dazaar::cards::Address;
    use dazaar::transport::Dialer as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::IrohDialer;

    /// How long anything may take before the test fails.
    const DEADLINE: Duration = Duration::from_secs(60);

    fn place(relays: &[&str]) -> Place {
        Place {
            secret: SecretKey::from_bytes(&[7; 32]),
            address: "127.0.0.1:0".parse().unwrap(),
            relays: relays.iter().map(|url| relay(url).unwrap()).collect(),
            authorities: Authorities::default(),
            patience: Duration::from_millis(50),
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_endpoint_that_has_ended_is_bound_anew_at_its_place() {
        let mut place = place(&[]);
        let endpoint = place.bind().await.unwrap();
        place.address = endpoint.bound_sockets()[0];
        let hint = place.address.to_string().parse().unwrap();
        let address = Address::Iroh(IrohAddress::new(*endpoint.id().as_bytes(), &[hint], &[]).unwrap());
        let (sink, mut streams) = mpsc::channel(1);
        let stuck = endpoint.clone();
        let serving = tokio::spawn(place.serve(endpoint, sink));
        stuck.close().await;
        drop(stuck);
        let talking = async {
            let dialer = IrohDialer::new(&[], Authorities::default()).unwrap();
            let mut near = dialer.dial(&address).await.unwrap();
            near.write_all(b"x").await.unwrap();
            let mut far = streams.recv().await.unwrap();
            assert_eq!(far.read_u8().await.unwrap(), b'x');
        };
        timeout(DEADLINE, talking).await.expect("a connection in time");
        serving.abort();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_endpoint_without_its_relays_is_given_up_unless_somebody_is_connected() {
        let place = place(&["http://127.0.0.1:1"]);
        let endpoint = place.bind().await.unwrap();
        let in_use = InUse::default();
        let connected = Arc::clone(&in_use);
        assert!(timeout(10 * place.patience, place.loses_touch(&endpoint, &in_use)).await.is_err());
        drop(connected);
        timeout(DEADLINE, place.loses_touch(&endpoint, &in_use)).await.expect("an end in time");
        endpoint.close().await;
    }
}
