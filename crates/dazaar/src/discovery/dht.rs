//! The socket of a DHT node, and the node on it.
//!
//! Grade: driver.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use dazaar_market::HostPort;
use dazaar_wire::discovery::limits::DATAGRAM_BYTES_MAX;
use dazaar_wire::discovery::{Mode, Node, NodeConfig, Reach};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::settings::{DiscoveryError, DiscoverySettings};

/// Time from one attempt to resolve the names of bootstrap nodes to the next.
const RESOLVE_INTERVAL: Duration = Duration::from_secs(30);

/// A node and its socket.
#[derive(Debug)]
pub(super) struct Dht {
    socket: UdpSocket,
    pub(super) node: Node,
    origin: Instant,
    /// A datagram for which the socket had no room yet.
    pending: Option<(SocketAddrV4, Vec<u8>)>,
    /// Addresses of bootstrap nodes whose names were resolved, none if that failed.
    pub(super) resolved: mpsc::Receiver<Vec<SocketAddrV4>>,
    /// Whether names are being resolved for the first time: until then nobody can be asked.
    pub(super) is_resolving: bool,
    input: Vec<u8>,
}

impl Dht {
    /// Binds the socket, and begins.
    pub(super) fn start(settings: &DiscoverySettings, mode: Mode) -> Result<Self, DiscoveryError> {
        let (mut bootstrap, mut names) = (Vec::new(), Vec::new());
        for address in &settings.bootstrap {
            match literal(address) {
                Some(IpAddr::V4(ip)) => bootstrap.push(SocketAddrV4::new(ip, address.port())),
                Some(IpAddr::V6(_)) => return Err(DiscoveryError::NotIpv4 { address: address.clone() }),
                None => names.push(address.clone()),
            }
        }
        let given = bootstrap.iter().chain(&settings.bind).map(|address| *address.ip());
        let reach = Reach::of_all(given);
        // A DHT on this machine is nobody else's business.
        let default = if reach == Reach::Loopback { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
        let address = settings.bind.unwrap_or_else(|| SocketAddrV4::new(default, 0));
        let socket = bind(address).map_err(|source| DiscoveryError::Bind { address, source })?;
        let config = NodeConfig { seed: rand::random(), mode, bootstrap, reach };
        let node = Node::new(config, Duration::ZERO);
        let (sender, resolved) = mpsc::channel(1);
        let is_resolving = !names.is_empty();
        if is_resolving {
            tokio::spawn(async move {
                tokio::select! {
                    () = resolve(&names, reach, &sender) => {}
                    () = sender.closed() => {}
                }
            });
        }
        let input = vec![0; DATAGRAM_BYTES_MAX + 1];
        Ok(Self { socket, node, origin: Instant::now(), pending: None, resolved, is_resolving, input })
    }

    /// The node's clock.
    pub(super) fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// Where the socket is bound.
    pub(super) fn bound(&self) -> Option<SocketAddrV4> {
        match self.socket.local_addr() {
            Ok(SocketAddr::V4(address)) => Some(address),
            _ => None,
        }
    }

    /// Whether the DHT is on this machine only.
    pub(super) fn is_loopback(&self) -> bool {
        self.bound().is_some_and(|bound| bound.ip().is_loopback())
    }

    /// Sends what is to be sent, and receives until something came in or the time has come.
    pub(super) async fn turn(&mut self) {
        self.flush();
        let wait = self.node.poll_timeout().saturating_sub(self.now());
        tokio::select! {
            received = self.socket.recv_from(&mut self.input) => match received {
                Ok((bytes, SocketAddr::V4(from))) => {
                    let now = self.origin.elapsed();
                    self.node.handle_datagram(now, from, self.input.get(..bytes).unwrap_or_default());
                }
                Ok(_) => {}
                // Of a datagram that could not be delivered; or the socket is broken, and then we must not spin.
                Err(error) => {
                    tracing::debug!(%error, "receiving from the DHT");
                    sleep(Duration::from_millis(10)).await;
                }
            },
            // What it says is seen when it is tried.
            _ = self.socket.writable(), if self.pending.is_some() => {}
            Some(addresses) = self.resolved.recv() => {
                self.is_resolving = false;
                let now = self.origin.elapsed();
                self.node.add_bootstrap(now, &addresses);
            }
            () = sleep(wait) => {
                let now = self.origin.elapsed();
                self.node.handle_timeout(now);
            }
        }
        self.flush();
    }

    /// Sends what waits, as long as the socket has room for it.
    fn flush(&mut self) {
        while let Some((to, datagram)) = self.pending.take().or_else(|| self.node.poll_datagram()) {
            match self.socket.try_send_to(&datagram, to.into()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.pending = Some((to, datagram));
                    return;
                }
                // As if the network had lost it: it is sent again.
                Err(error) => tracing::trace!(%error, %to, "sending to the DHT"),
                Ok(_) => {}
            }
        }
    }
}

fn bind(address: SocketAddrV4) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

/// The IP address of a host that is written down as one, or means this machine whatever a name server says.
fn literal(address: &HostPort) -> Option<IpAddr> {
    if address.host().eq_ignore_ascii_case("localhost") {
        return Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    address.host().parse().ok()
}

/// Resolves the names of bootstrap nodes; goes on until there is at least one address.
async fn resolve(names: &[HostPort], reach: Reach, resolved: &mpsc::Sender<Vec<SocketAddrV4>>) {
    loop {
        let mut found = Vec::new();
        for name in names {
            match tokio::net::lookup_host((name.host(), name.port())).await {
                Ok(addresses) => found.extend(addresses.filter_map(|address| match address {
                    SocketAddr::V4(address) => Some(address),
                    SocketAddr::V6(_) => None,
                })),
                Err(error) => tracing::warn!(%error, %name, "cannot resolve a bootstrap node"),
            }
        }
        // A name server does not decide that we talk to our own network.
        for hidden in found.extract_if(.., |address| !reach.covers(*address)) {
            tracing::warn!(%hidden, "a bootstrap node in a local network has to be named by its address");
        }
        let is_done = !found.is_empty();
        if resolved.send(found).await.is_err() || is_done {
            return;
        }
        sleep(RESOLVE_INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(bootstrap: &str) -> DiscoverySettings {
        DiscoverySettings { bootstrap: vec![bootstrap.parse().unwrap()], ..DiscoverySettings::default() }
    }

    #[tokio::test]
    async fn a_dht_of_localhost_stays_on_this_machine() {
        for bootstrap in ["localhost:1", "LocalHost:1", "127.0.0.1:1"] {
            let dht = Dht::start(&settings(bootstrap), Mode::Client).unwrap();
            assert!(dht.is_loopback() && !dht.is_resolving, "{bootstrap}");
        }
    }

    #[tokio::test]
    async fn the_dht_has_no_ipv6() {
        let started = Dht::start(&settings("[::1]:1"), Mode::Client);
        assert!(matches!(started, Err(DiscoveryError::NotIpv4 { .. })), "{started:?}");
    }

    #[tokio::test]
    async fn a_name_that_leads_into_our_own_network_is_no_bootstrap_node() {
        let (sender, mut resolved) = mpsc::channel(1);
        // Taken as a name: what a name server says of it.
        let names = ["localhost:1".parse().unwrap()];
        tokio::select! {
            () = resolve(&names, Reach::Public, &sender) => panic!("resolved"),
            found = resolved.recv() => assert_eq!(found, Some(Vec::new())),
        }
    }
}
