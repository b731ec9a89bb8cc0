//! What a router makes of our address, by what others say.
//!
//! Grade: plain. Everybody who answers tells from where they see us. One who lies is outvoted where there are enough others, and else
//! at worst makes a router look stricter than it is.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};

/// Somebody sees one of our sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// Who.
    pub witness: SocketAddrV4,
    /// From where our datagrams come.
    pub seen: SocketAddrV4,
}

/// How the address of one of our sockets is translated on its way to others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mapping {
    /// Nobody has said anything.
    #[default]
    Unknown,
    /// It is not: others see an address of this machine.
    None {
        /// Which.
        seen: SocketAddrV4,
    },
    /// It is. Only one host has seen us, so nobody knows what others see.
    SeenOnce {
        /// What that host sees.
        seen: SocketAddrV4,
    },
    /// To the same for everybody (endpoint-independent mapping, RFC 4787): whoever is told it can be let in.
    Same {
        /// To what.
        seen: SocketAddrV4,
    },
    /// To something else for each (a symmetric NAT): what one host sees is of no use to another.
    Differs {
        /// To what, for one of them.
        seen: SocketAddrV4,
        /// And for another.
        other: SocketAddrV4,
    },
}

impl Mapping {
    /// The mapping of the socket that `sightings` are of, on a machine with these addresses.
    pub fn of(own: &[Ipv4Addr], sightings: &[Sighting]) -> Self {
        let is_own = |seen: &SocketAddrV4| own.contains(seen.ip());
        // Whoever sees a private address of ours is on our side of the router.
        let is_near = |sighting: &&Sighting| is_own(&sighting.seen) && sighting.seen.ip().is_private();
        let mut witnesses: BTreeMap<SocketAddrV4, BTreeSet<Ipv4Addr>> = BTreeMap::new();
        for Sighting { witness, seen } in sightings.iter().filter(|sighting| !is_near(sighting)) {
            // Some routers go by the host only: two witnesses there are one.
            witnesses.entry(*seen).or_default().insert(*witness.ip());
        }
        let hosts = witnesses.values().flatten().collect::<BTreeSet<_>>().len();
        let mut by_votes: Vec<_> = witnesses.iter().map(|(seen, hosts)| (hosts.len(), *seen)).collect();
        by_votes.sort_unstable_by(|one, other| other.cmp(one));
        match by_votes.as_slice() {
            [] => sightings.first().map_or(Self::Unknown, |sighting| Self::None { seen: sighting.seen }),
            [(votes, seen), ..] if is_own(seen) && 2 * votes >= hosts => Self::None { seen: *seen },
            [(_, seen)] if hosts == 1 => Self::SeenOnce { seen: *seen },
            [(votes, seen), others @ ..] => match others.first() {
                Some((_, other)) if *votes < 2 || 2 * votes <= hosts => {
                    Self::Differs { seen: *seen, other: *other }
                }
                _ => Self::Same { seen: *seen },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(sightings: &[(&str, &str)]) -> Mapping {
        let sighting =
            |(witness, seen): &(&str, &str)| Sighting { witness: address(witness), seen: address(seen) };
        let sightings: Vec<_> = sightings.iter().map(sighting).collect();
        Mapping::of(&[Ipv4Addr::new(192, 168, 1, 2), Ipv4Addr::new(203, 0, 113, 9)], &sightings)
    }

    fn address(text: &str) -> SocketAddrV4 {
        text.parse().unwrap()
    }

    #[test]
    fn our_own_address_is_not_translated() {
        assert_eq!(mapping(&[]), Mapping::Unknown);
        let seen = address("203.0.113.9:7");
        assert_eq!(mapping(&[("8.0.0.1:1", "203.0.113.9:7")]), Mapping::None { seen });
        // One liar is outvoted here, too.
        let lie =
            [("8.0.0.1:1", "203.0.113.9:7"), ("8.0.0.2:1", "203.0.113.9:7"), ("8.0.0.3:1", "6.6.6.6:6")];
        assert_eq!(mapping(&lie), Mapping::None { seen });
        // A neighbour sees us as we are; a node outside does not.
        let beyond = [("192.168.1.3:1", "192.168.1.2:7"), ("8.0.0.1:1", "8.9.9.9:70")];
        assert_eq!(mapping(&beyond), Mapping::SeenOnce { seen: address("8.9.9.9:70") });
    }

    #[test]
    fn two_hosts_tell_routers_apart() {
        let (seen, other) = (address("8.9.9.9:70"), address("8.9.9.9:71"));
        assert_eq!(mapping(&[("8.0.0.1:1", "8.9.9.9:70")]), Mapping::SeenOnce { seen });
        assert_eq!(
            mapping(&[("8.0.0.1:1", "8.9.9.9:70"), ("8.0.0.1:2", "8.9.9.9:70")]),
            Mapping::SeenOnce { seen }
        );
        assert_eq!(
            mapping(&[("8.0.0.1:1", "8.9.9.9:70"), ("8.0.0.2:1", "8.9.9.9:70")]),
            Mapping::Same { seen }
        );
        // The same host and another port is another destination too.
        for witness in ["8.0.0.1:2", "8.0.0.2:1"] {
            let differs = Mapping::Differs { seen: other, other: seen };
            assert_eq!(mapping(&[("8.0.0.1:1", "8.9.9.9:70"), (witness, "8.9.9.9:71")]), differs);
        }
    }

    #[test]
    fn a_liar_is_outvoted() {
        let truth = [("8.0.0.1:1", "8.9.9.9:70"), ("8.0.0.2:1", "8.9.9.9:70")];
        let lie = ("8.0.0.66:1", "8.66.66.66:66");
        assert_eq!(mapping(&[truth[0], truth[1], lie]), Mapping::Same { seen: address("8.9.9.9:70") });
        // Not by a friend at each of its own ports.
        let lies = [lie, ("8.0.0.66:2", "8.66.66.66:66"), ("8.0.0.66:3", "8.66.66.66:66")];
        let all = [&truth[..], &lies[..]].concat();
        assert_eq!(mapping(&all), Mapping::Same { seen: address("8.9.9.9:70") });
    }
}
