//! The socket of multicast DNS.
//!
//! Grade: driver.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use dazaar_wire::discovery::Lan as Machine;
use dazaar_wire::discovery::limits::PACKET_BYTES_MAX;
use dazaar_wire::discovery::mdns::GROUP;
use if_addrs::IfAddr;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::sleep;

use super::settings::LanScope;

/// Time from one look at the network's interfaces to the next.
const INTERFACES_INTERVAL: Duration = Duration::from_secs(15);

/// How far packets go, as is usual for multicast DNS.
const TTL: u32 = 255;

/// An interface of this machine, and the network that begins there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: Ipv4Addr,
    mask: Ipv4Addr,
}

impl Network {
    fn holds(&self, ip: Ipv4Addr) -> bool {
        ip & self.mask == self.address & self.mask
    }
}

/// The machine and its socket.
#[derive(Debug)]
pub(super) struct Lan {
    socket: UdpSocket,
    pub(super) machine: Machine,
    scope: LanScope,
    /// A packet for which the socket had no room yet.
    pending: Option<Vec<u8>>,
    /// The networks that we are part of.
    joined: Vec<Network>,
    next_look: Duration,
    origin: Instant,
    input: Vec<u8>,
}

impl Lan {
    /// Joins the networks.
    pub(super) fn start(scope: LanScope) -> io::Result<Self> {
        let mut lan = Self {
            socket: bind()?,
            machine: Machine::new(rand::random()),
            scope,
            pending: None,
            joined: Vec::new(),
            next_look: INTERFACES_INTERVAL,
            origin: Instant::now(),
            input: vec![0; PACKET_BYTES_MAX + 1],
        };
        lan.join();
        Ok(lan)
    }

    /// The machine's clock.
    pub(super) fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// In how many networks we are.
    pub(super) const fn interfaces(&self) -> usize {
        self.joined.len()
    }

    /// Whether the only network is this machine.
    pub(super) fn is_loopback(&self) -> bool {
        self.joined.iter().all(|network| network.address.is_loopback())
    }

    /// Sends what is to be sent, and receives until something came in or the time has come.
    pub(super) async fn turn(&mut self) {
        self.flush();
        let due = self.machine.poll_timeout().map_or(self.next_look, |due| due.min(self.next_look));
        let wait = due.saturating_sub(self.now());
        tokio::select! {
            received = self.socket.recv_from(&mut self.input) => match received {
                Ok((bytes, SocketAddr::V4(from))) => {
                    let now = self.origin.elapsed();
                    let packet = self.input.get(..bytes).unwrap_or_default();
                    // Whoever is elsewhere has no say here (RFC 6762, section 11).
                    if self.joined.iter().any(|network| network.holds(*from.ip())) {
                        self.machine.handle_packet(now, *from.ip(), packet);
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(%error, "receiving from the local network");
                    sleep(Duration::from_millis(10)).await;
                }
            },
            // What it says is seen when it is tried.
            _ = self.socket.writable(), if self.pending.is_some() => {}
            () = sleep(wait) => {
                if self.now() >= self.next_look {
                    self.next_look = self.now() + INTERFACES_INTERVAL;
                    self.join();
                }
                self.machine.handle_timeout(self.origin.elapsed());
            }
        }
        self.flush();
    }

    /// Joins networks that have come up since.
    fn join(&mut self) {
        let wanted = wanted(self.scope);
        self.joined.retain(|network| wanted.contains(network));
        for network in wanted {
            if self.joined.contains(&network) {
                continue;
            }
            match self.socket.join_multicast_v4(*GROUP.ip(), network.address) {
                Ok(()) => self.joined.push(network),
                // It was joined before, went and came back.
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => self.joined.push(network),
                Err(error) => {
                    tracing::debug!(%error, address = %network.address, "cannot join a local network");
                }
            }
        }
    }

    /// Sends what waits to every network, as long as the socket has room for it.
    fn flush(&mut self) {
        while let Some(packet) = self.pending.take().or_else(|| self.machine.poll_packet()) {
            for Network { address, .. } in &self.joined {
                let sent = SockRef::from(&self.socket)
                    .set_multicast_if_v4(address)
                    .and_then(|()| self.socket.try_send_to(&packet, GROUP.into()));
                match sent {
                    // Hearing it twice does no harm.
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        self.pending = Some(packet);
                        return;
                    }
                    Err(error) => tracing::debug!(%error, %address, "sending to a local network"),
                    Ok(_) => {}
                }
            }
        }
    }
}

/// A socket that shares the port with everybody else on this machine who uses multicast DNS.
fn bind() -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.set_multicast_ttl_v4(TTL)?;
    socket.set_multicast_loop_v4(true)?;
    // Else we hear what others on this machine have joined.
    socket.set_multicast_all_v4(false)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, GROUP.port())).into())?;
    UdpSocket::from_std(socket.into())
}

/// The networks that are to be used.
fn wanted(scope: LanScope) -> Vec<Network> {
    let networks = networks();
    let is_alone = networks.iter().all(|network| network.address.is_loopback());
    let is_wanted = |network: &Network| match scope {
        LanScope::None => false,
        LanScope::Interface(address) => network.address == address,
        LanScope::All => is_alone || !network.address.is_loopback(),
    };
    networks.into_iter().filter(is_wanted).collect()
}

/// All networks that this machine is in.
fn networks() -> Vec<Network> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let networks = interfaces.into_iter().filter_map(|interface| match interface.addr {
        IfAddr::V4(found) => Some(Network { address: found.ip, mask: found.netmask }),
        IfAddr::V6(_) => None,
    });
    networks.collect()
}

/// All addresses of this machine.
pub(super) fn own_addresses() -> Vec<Ipv4Addr> {
    networks().into_iter().map(|network| network.address).collect()
}

/// The addresses of this machine in its local networks.
pub(super) fn local_addresses() -> Vec<Ipv4Addr> {
    own_addresses().into_iter().filter(|address| !address.is_loopback()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_networks_that_were_joined_are_heard() {
        let lan = Lan::start(LanScope::Interface(Ipv4Addr::LOCALHOST)).unwrap();
        let holds = |ip: &str| lan.joined.iter().any(|network| network.holds(ip.parse().unwrap()));
        assert_eq!(lan.interfaces(), 1);
        assert!(holds("127.0.0.1") && holds("127.9.9.9"));
        assert!(!holds("192.0.2.2") && !holds("8.8.8.8"));
        assert!(!SockRef::from(&lan.socket).multicast_all_v4().unwrap());
    }
}
