//! An endpoint at which buyers connect, and which is bound anew should it be stuck.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use dazaar::cards::{AddressError, HostPort, IrohAddress};
use dazaar::transport::{BoxedStream, Connecting, Listener};
use iroh::endpoint::Endpoint;
use iroh::{EndpointAddr, RelayConfig, RelayMap, SecretKey, Watcher as _};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use zeroize::Zeroizing;

use crate::ALPN;
use crate::authorities::Authorities;
use crate::endpoint::{InUse, bind, builder, relay, transport};
use crate::error::IrohError;
use crate::stream::IrohStream;
use crate::window::WIDE;

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

/// Questions to ourselves in a row that have to remain unanswered, in that time and a little more.
const DEAF_AFTER: u32 = 2;

/// Pause before binding is tried again, at first and at most.
const BIND_PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// Bytes that may wait on a connection until they are read: buyers say little.
const RECEIVE_WINDOW: u32 = 256 * 1024;

/// Connections on which more may be under way, up to [`WIDE`] bytes, as long lines need. All together that is 256 MiB.
const WIDE_MAX: usize = 32;

type BoxedError = Box<dyn std::error::Error + Send + Sync>;

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
    /// How long nobody may be reached.
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
                () = self.loses_touch(&endpoint, &in_use) => tracing::warn!("the endpoint of iroh reaches nobody"),
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

    /// Waits until nobody was reached for long while nobody was connected.
    async fn loses_touch(&self, endpoint: &Endpoint, in_use: &InUse) {
        if self.relays.is_empty() {
            return self.goes_deaf(endpoint, in_use).await;
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

    /// Without relays there is nobody to be reached but ourselves: waits until the endpoint has not answered us twice.
    async fn goes_deaf(&self, endpoint: &Endpoint, in_use: &InUse) {
        let mut failures = 0;
        while failures < DEAF_AFTER {
            sleep(self.patience / DEAF_AFTER).await;
            let answers = Arc::strong_count(in_use) > 1 || self.is_answered(endpoint).await;
            failures = if answers { 0 } else { failures + 1 };
        }
    }

    /// Whether the endpoint answers another one on this machine.
    async fn is_answered(&self, endpoint: &Endpoint) -> bool {
        let mut place = self.address;
        match place.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => place.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => place.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        let unbound = builder(SecretKey::generate(), RelayMap::empty(), &self.authorities, RECEIVE_WINDOW);
        let Ok(other) = bind(unbound, Some(SocketAddr::new(place.ip(), 0))).await else {
            // That says nothing about the one that is asked.
            return true;
        };
        let target = EndpointAddr::new(endpoint.id()).with_ip_addr(place);
        let answered =
            timeout(self.patience, other.connect(target, ALPN)).await.is_ok_and(|asked| asked.is_ok());
        other.close().await;
        answered
    }
}

/// Takes in whoever connects, until the endpoint ends.
async fn accept_all(endpoint: &Endpoint, streams: &mpsc::Sender<BoxedStream>, in_use: &InUse) {
    let wide = endpoint
        .create_server_config_builder(vec![ALPN.to_vec()])
        .set_transport_config(transport(RECEIVE_WINDOW, WIDE.into()))
        .build();
    let (wide, places) = (Arc::new(wide), Arc::new(Semaphore::new(WIDE_MAX)));
    let mut handshakes = JoinSet::new();
    while let Some(incoming) = endpoint.accept().await {
        while handshakes.try_join_next().is_some() {}
        if handshakes.len() >= HANDSHAKES_MAX {
            incoming.refuse();
        } else if handshakes.len() >= HANDSHAKES_UNCHECKED_MAX && !incoming.remote_addr_validated() {
            // Only who was validated cannot be asked again.
            let _ = incoming.retry();
        } else {
            let place = Arc::clone(&places).try_acquire_owned().ok();
            let accepting = match &place {
                Some(_) => incoming.accept_with(Arc::clone(&wide)),
                None => incoming.accept(),
            };
            let in_use = Arc::clone(in_use);
            let connecting = async move {
                let connection = accepting?.await?;
                let stream = connection.accept_bi().await?;
                Ok(IrohStream::new(connection, stream, in_use).with_place(place))
            };
            handshakes.spawn(greet(connecting, streams.clone()));
        }
    }
}

/// Brings one connection to where a session can begin.
async fn greet(
    connecting: impl Future<Output = Result<IrohStream, BoxedError>>,
    streams: mpsc::Sender<BoxedStream>,
) {
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
    async fn without_relays_an_endpoint_that_does_not_answer_is_given_up_unless_somebody_is_connected() {
        let mut place = place(&[]);
        place.address = "0.0.0.0:0".parse().unwrap();
        let endpoint = place.bind().await.unwrap();
        let (sink, _streams) = mpsc::channel(1);
        let in_use = InUse::default();
        let is_bound = |socket: &&SocketAddr| socket.is_ipv4();
        place.address = *endpoint.bound_sockets().iter().find(is_bound).unwrap();
        let patient = Place { patience: DEADLINE, ..place };
        tokio::select! {
            () = accept_all(&endpoint, &sink, &in_use) => panic!("it has ended"),
            is_answered = patient.is_answered(&endpoint) => assert!(is_answered),
        }
        // As if nothing came out of its socket any more.
        let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let patience = Duration::from_millis(50);
        let place = Place { address: silent.local_addr().unwrap(), patience, ..patient };
        let connected = Arc::clone(&in_use);
        assert!(timeout(10 * patience, place.loses_touch(&endpoint, &in_use)).await.is_err());
        drop(connected);
        timeout(DEADLINE, place.loses_touch(&endpoint, &in_use)).await.expect("an end in time");
        endpoint.close().await;
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
