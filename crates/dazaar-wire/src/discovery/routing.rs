//! The nodes that we know: twenty for each number of bits that they share with our own id.
//!
//! Grade: machine. Only nodes that answered us come in, and those that are there stay as long as they answer: a flood of new ones
//! pushes nobody out. Source: classic protocol, section 8.2.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::time::Duration;

use super::id::{Contact, NodeId};
use super::limits::{BUCKET_NODES_PER_IP_MAX, CHECK_INTERVAL, NODES_MAX};
use super::reach::Reach;

/// A node and when it last answered.
#[derive(Debug, Clone, Copy)]
struct Known {
    contact: Contact,
    seen: Duration,
}

impl Known {
    const fn is_silent(&self, now: Duration) -> bool {
        now.saturating_sub(self.seen).as_nanos() >= CHECK_INTERVAL.as_nanos()
    }
}

/// The routing table.
#[derive(Debug)]
pub(super) struct Routing {
    own: NodeId,
    /// By the number of bits shared with our id.
    buckets: BTreeMap<u32, Vec<Known>>,
}

impl Routing {
    pub(super) const fn new(own: NodeId) -> Self {
        Self { own, buckets: BTreeMap::new() }
    }

    /// A node answered. If there is no room for it, a node that has been silent for a while is returned, to be asked whether it
    /// is still there.
    pub(super) fn seen(&mut self, now: Duration, contact: Contact) -> Option<Contact> {
        if contact.id == self.own {
            return None;
        }
        let bucket = self.buckets.entry(contact.id.shared_bits(&self.own.0)).or_default();
        if let Some(known) = bucket.iter_mut().find(|known| known.contact.id == contact.id) {
            // Only the node itself can move; somebody else with its id is not believed while it is there.
            if known.contact.address == contact.address {
                known.seen = now;
                return None;
            }
            return known.is_silent(now).then_some(known.contact);
        }
        let ip = contact.address.ip();
        let neighbours = bucket.iter().filter(|known| known.contact.address.ip() == ip).count();
        if Reach::of(*ip) == Some(Reach::Public) && neighbours >= BUCKET_NODES_PER_IP_MAX {
            return None;
        }
        if bucket.len() < NODES_MAX {
            bucket.push(Known { contact, seen: now });
            return None;
        }
        let oldest = bucket.iter().min_by_key(|known| known.seen);
        oldest.filter(|known| known.is_silent(now)).map(|known| known.contact)
    }

    /// A node did not answer, or is not who it said.
    pub(super) fn remove(&mut self, contact: &Contact) {
        let bits = contact.id.shared_bits(&self.own.0);
        if let Some(bucket) = self.buckets.get_mut(&bits) {
            bucket.retain(|known| known.contact != *contact);
            if bucket.is_empty() {
                self.buckets.remove(&bits);
            }
        }
    }

    /// The nodes closest to a key, closest first.
    pub(super) fn closest(&self, target: &[u8; 32], max: usize) -> Vec<Contact> {
        let mut found: Vec<_> =
            self.contacts().map(|contact| (contact.id.distance(target), contact)).collect();
        if found.len() > max {
            found.select_nth_unstable_by_key(max, |(distance, _)| *distance);
            found.truncate(max);
        }
        found.sort_unstable_by_key(|(distance, _)| *distance);
        found.into_iter().map(|(_, contact)| contact).collect()
    }

    /// Nodes that have been silent for a while, those silent for longest first.
    pub(super) fn silent(&self, now: Duration, max: usize) -> Vec<Contact> {
        let mut silent: Vec<_> =
            self.buckets.values().flatten().filter(|known| known.is_silent(now)).collect();
        silent.sort_by_key(|known| known.seen);
        silent.into_iter().take(max).map(|known| known.contact).collect()
    }

    /// Whether a node is known at this address.
    pub(super) fn knows(&self, address: SocketAddrV4) -> bool {
        self.contacts().any(|contact| contact.address == address)
    }

    /// Whether this very node is known.
    pub(super) fn holds(&self, contact: &Contact) -> bool {
        let bucket = self.buckets.get(&contact.id.shared_bits(&self.own.0));
        bucket.is_some_and(|bucket| bucket.iter().any(|known| known.contact == *contact))
    }

    /// Whether a node with this id would be let in.
    pub(super) fn has_room(&self, id: &NodeId) -> bool {
        *id != self.own
            && self.buckets.get(&id.shared_bits(&self.own.0)).is_none_or(|bucket| bucket.len() < NODES_MAX)
    }

    /// How many nodes are known.
    pub(super) fn len(&self) -> usize {
        self.buckets.values().map(Vec::len).sum()
    }

    fn contacts(&self) -> impl Iterator<Item = Contact> {
        self.buckets.values().flatten().map(|known| known.contact)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    const OWN: NodeId = NodeId([0; 32]);

    /// A node that shares no bit with us.
    fn far(number: u8, ip: u32) -> Contact {
        let mut id = [number; 32];
        id[0] = 0x80;
        Contact { id: NodeId(id), address: SocketAddrV4::new(Ipv4Addr::from(ip), 49737) }
    }

    #[test]
    fn who_is_there_stays_and_is_asked_when_there_is_no_room() {
        let mut routing = Routing::new(OWN);
        for number in 0..NODES_MAX as u8 {
            let seen = Duration::from_secs(number.into());
            assert_eq!(routing.seen(seen, far(number, 0x0800_0000 + u32::from(number))), None);
        }
        let oldest = far(0, 0x0800_0000);
        let newcomer = far(99, 0x0900_0000);
        assert_eq!(
            routing.seen(Duration::from_secs(20), newcomer),
            None,
            "everybody was heard of a moment ago"
        );
        assert_eq!(routing.seen(Duration::from_secs(99), newcomer), Some(oldest));
        assert!(!routing.has_room(&newcomer.id) && !routing.holds(&newcomer));
        routing.remove(&oldest);
        assert_eq!(routing.seen(Duration::from_secs(99), newcomer), None);
        assert!(routing.holds(&newcomer) && routing.len() == NODES_MAX);
    }

    #[test]
    fn one_public_address_takes_two_places_of_a_bucket() {
        let mut routing = Routing::new(OWN);
        for number in 0..10 {
            routing.seen(Duration::ZERO, far(number, 0x0808_0808));
        }
        assert_eq!(routing.len(), BUCKET_NODES_PER_IP_MAX);
        let mut loopback = Routing::new(OWN);
        for number in 0..10 {
            loopback.seen(Duration::ZERO, far(number, 0x7f00_0001));
        }
        assert_eq!(loopback.len(), 10);
    }

    #[test]
    fn nobody_takes_the_place_of_a_node_by_its_id() {
        let mut routing = Routing::new(OWN);
        let (node, thief) = (far(1, 0x0800_0001), far(1, 0x0900_0001));
        routing.seen(Duration::ZERO, node);
        assert_eq!(routing.seen(Duration::ZERO, thief), None);
        assert_eq!(routing.seen(CHECK_INTERVAL, thief), Some(node), "unless the node is gone");
        assert!(routing.holds(&node) && !routing.knows(thief.address));
        routing.seen(Duration::ZERO, Contact { id: OWN, ..thief });
        assert_eq!(routing.len(), 1);
    }

    proptest! {
        /// Against sorting everything.
        #[test]
        fn the_closest_come_first(ids in proptest::collection::vec(any::<[u8; 32]>(), 0..60), target: [u8; 32], max in 1usize..30) {
            let mut routing = Routing::new(OWN);
            for (number, id) in (0..).zip(ids) {
                let address = SocketAddrV4::new(Ipv4Addr::from(0x0800_0000 + number), 1);
                routing.seen(Duration::ZERO, Contact { id: NodeId(id), address });
            }
            let mut all: Vec<Contact> = routing.contacts().collect();
            all.sort_by_key(|contact| contact.id.distance(&target));
            all.truncate(max);
            prop_assert_eq!(routing.closest(&target, max), all);
        }
    }
}
