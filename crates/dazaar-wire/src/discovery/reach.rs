//! Which addresses it makes sense to talk to.
//!
//! Grade: plain. A stranger names addresses; those that lead to this machine, into our own network or to everybody at once
//! are left out, unless the DHT itself is there.

use std::net::{Ipv4Addr, SocketAddrV4};

/// From where an address can be reached. Of two, the smaller is the more public.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// From everywhere.
    Public,
    /// Within a local network.
    Local,
    /// On this machine only.
    Loopback,
}

impl Reach {
    /// The reach of an address that a datagram can be sent to; none if that is no single host.
    pub fn of(ip: Ipv4Addr) -> Option<Self> {
        let [first, second, ..] = ip.octets();
        // This network, groups, reserved addresses and everybody.
        if first == 0 || first >= 224 {
            return None;
        }
        // Addresses of carriers are as local as the three private ranges.
        let is_shared = first == 100 && second & 0xc0 == 64;
        Some(match () {
            () if ip.is_loopback() => Self::Loopback,
            () if ip.is_private() || ip.is_link_local() || is_shared => Self::Local,
            () => Self::Public,
        })
    }

    /// The least public of these addresses. A DHT whose entrance is in a local network is a local one.
    pub fn of_all(addresses: impl IntoIterator<Item = Ipv4Addr>) -> Self {
        addresses.into_iter().filter_map(Self::of).max().unwrap_or(Self::Public)
    }

    /// Whether somebody with this reach may talk to `address`.
    pub fn covers(self, address: SocketAddrV4) -> bool {
        address.port() != 0 && Self::of(*address.ip()).is_some_and(|reach| reach <= self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_address_has_its_reach() {
        for (ip, reach) in [
            ("8.8.8.8", Some(Reach::Public)),
            ("100.63.0.1", Some(Reach::Public)),
            ("100.64.0.1", Some(Reach::Local)),
            ("10.1.2.3", Some(Reach::Local)),
            ("172.31.0.1", Some(Reach::Local)),
            ("192.168.0.1", Some(Reach::Local)),
            ("169.254.9.9", Some(Reach::Local)),
            ("127.0.0.1", Some(Reach::Loopback)),
            ("0.0.0.0", None),
            ("224.0.0.251", None),
            ("240.0.0.1", None),
            ("255.255.255.255", None),
        ] {
            assert_eq!(Reach::of(ip.parse().unwrap()), reach, "{ip}");
        }
    }

    #[test]
    fn a_public_dht_names_no_private_addresses() {
        let public = Reach::of_all(["8.8.8.8".parse().unwrap()]);
        assert!(public.covers("1.1.1.1:1".parse().unwrap()));
        for hidden in ["1.1.1.1:0", "10.0.0.1:80", "127.0.0.1:80", "224.0.0.251:5353"] {
            assert!(!public.covers(hidden.parse().unwrap()), "{hidden}");
        }
        let local = Reach::of_all(["8.8.8.8".parse().unwrap(), "127.0.0.1".parse().unwrap()]);
        assert!(
            local.covers("127.0.0.1:80".parse().unwrap()) && local.covers("10.0.0.1:80".parse().unwrap())
        );
    }
}
