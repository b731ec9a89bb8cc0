//! Connections on which nobody has shown yet that they may replicate a map: a number of them, none of which keeps a writer out.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;

/// Connections that wait in here at once.
const STRANGERS_MAX: usize = 64;

/// Who has connected and has not shown who they are.
#[derive(Debug, Clone, Default)]
pub(super) struct Lobby(Arc<Mutex<Strangers>>);

#[derive(Debug, Default)]
struct Strangers {
    next: u64,
    waiting: BTreeMap<u64, Stranger>,
}

#[derive(Debug)]
struct Stranger {
    host: IpAddr,
    /// None until the connection has a task.
    connection: Option<AbortHandle>,
}

/// A place in the lobby, left when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    number: u64,
    lobby: Lobby,
}

impl Lobby {
    /// A place for one more. If there is none, the connection ends that has waited longest of the host that has most of them: whoever
    /// connects from somewhere else is not sent away for it.
    pub(super) fn enter(&self, address: IpAddr) -> Place {
        let mut strangers = self.strangers();
        if strangers.waiting.len() >= STRANGERS_MAX
            && let Some(stranger) = strangers.greediest().and_then(|number| strangers.waiting.remove(&number))
            && let Some(connection) = stranger.connection
        {
            connection.abort();
        }
        let number = strangers.next;
        strangers.next += 1;
        strangers.waiting.insert(number, Stranger { host: host(address), connection: None });
        Place { number, lobby: self.clone() }
    }

    /// What ends a connection that has this place.
    pub(super) fn seat(&self, number: u64, connection: AbortHandle) {
        if let Some(stranger) = self.strangers().waiting.get_mut(&number) {
            stranger.connection = Some(connection);
        }
    }

    /// How many are known by now of `connections`.
    pub(super) fn known_of(&self, connections: usize) -> usize {
        connections.saturating_sub(self.strangers().waiting.len())
    }

    fn strangers(&self) -> MutexGuard<'_, Strangers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    pub(super) const fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.lobby.strangers().waiting.remove(&self.number);
    }
}

impl Strangers {
    /// Who has waited longest of the host with most connections.
    fn greediest(&self) -> Option<u64> {
        let mut hosts: BTreeMap<IpAddr, (usize, u64)> = BTreeMap::new();
        for (&number, stranger) in &self.waiting {
            hosts.entry(stranger.host).or_insert((0, number)).0 += 1;
        }
        let (_, oldest) = hosts.into_values().max_by_key(|(count, oldest)| (*count, u64::MAX - oldest))?;
        Some(oldest)
    }
}

/// Whom an address belongs to: one customer has a whole network of IPv6.
fn host(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_most_places_gives_way_first() {
        let lobby = Lobby::default();
        let address = |last: u8| IpAddr::from([203, 0, 113, last]);
        let writer = lobby.enter(address(1));
        let crowd: Vec<_> = (1..STRANGERS_MAX).map(|_| lobby.enter(address(2))).collect();
        let is_here = |place: &Place| lobby.strangers().waiting.contains_key(&place.number);
        let more: Vec<_> = (0..5).map(|_| lobby.enter(address(2))).collect();
        assert!(is_here(&writer), "who came first, and from elsewhere");
        assert!(crowd.iter().take(5).all(|place| !is_here(place)));
        assert!(crowd.iter().skip(5).chain(&more).all(is_here));
        let another = lobby.enter(address(3));
        assert!(is_here(&another) && !is_here(&crowd[5]));
        assert_eq!(lobby.known_of(STRANGERS_MAX), 0);
        drop(another);
        assert_eq!(lobby.known_of(STRANGERS_MAX), 1, "who has shown who they are");
    }

    #[test]
    fn a_network_is_one_host() {
        let [one, same, other] = ["2001:db8:1:2::1", "2001:db8:1:2:3::4", "2001:db8:1:3::1"]
            .map(|text| host(text.parse().expect("an address")));
        assert!(one == same && one != other);
        assert_eq!(host("::ffff:203.0.113.7".parse().expect("an address")), IpAddr::from([203, 0, 113, 7]));
    }
}
