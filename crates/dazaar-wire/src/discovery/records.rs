//! Announcements that a node keeps for others.
//!
//! Grade: machine. Each is bound to the IP address that it came from, which its token proved, and is forgotten after a
//! while. One public IP address has few places in a topic, so nobody owns it alone. Source: classic protocol, section 8.2.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use super::limits::{
    RECORD_LIFETIME, RECORDS_MAX, RECORDS_PER_IP_IN_TOPIC_MAX, RECORDS_PER_IP_MAX, RECORDS_PER_TOPIC_MAX,
};
use super::payload::{PeersOutput, share_network};
use super::random::Random;
use super::reach::Reach;

type Topic = [u8; 32];

/// Somebody who announced a topic.
#[derive(Debug, Clone, Copy)]
struct Record {
    address: SocketAddrV4,
    local: Option<SocketAddrV4>,
    announced: Duration,
}

/// All announcements.
#[derive(Debug, Default)]
pub(super) struct Records {
    topics: BTreeMap<Topic, Vec<Record>>,
    /// How many announcements each address has.
    addresses: BTreeMap<SocketAddrV4, usize>,
    count: usize,
}

impl Records {
    /// Keeps an announcement, or keeps it longer. False if there is no room for more: those that are there run out soon.
    pub(super) fn announce(
        &mut self,
        now: Duration,
        topic: Topic,
        address: SocketAddrV4,
        local: Option<SocketAddrV4>,
    ) -> bool {
        let record = Record { address, local, announced: now };
        let known = self.topics.get_mut(&topic).and_then(|records| find(records, address));
        if let Some(known) = known {
            *known = record;
            return true;
        }
        if self.count >= RECORDS_MAX || self.count_of(*address.ip()) >= RECORDS_PER_IP_MAX {
            return false;
        }
        let records = self.topics.entry(topic).or_default();
        let removed = make_room(records, *address.ip());
        records.push(record);
        self.count += 1;
        *self.addresses.entry(address).or_default() += 1;
        if let Some(removed) = removed {
            self.forget(removed.address);
        }
        true
    }

    /// Forgets an announcement.
    pub(super) fn unannounce(&mut self, topic: Topic, address: SocketAddrV4) {
        let Some(records) = self.topics.get_mut(&topic) else { return };
        let before = records.len();
        records.retain(|record| record.address != address);
        let removed = before - records.len();
        if records.is_empty() {
            self.topics.remove(&topic);
        }
        for _ in 0..removed {
            self.forget(address);
        }
    }

    /// Who announced a topic: at most `max`, chosen at random, and never the asker itself.
    ///
    /// An address in a local network is told only to who asks from the same public address: to others it leads nowhere, or to
    /// somebody else.
    pub(super) fn peers(
        &self,
        now: Duration,
        topic: &Topic,
        asker: SocketAddrV4,
        asker_local: Option<SocketAddrV4>,
        max: usize,
        random: &mut Random,
    ) -> PeersOutput {
        let records = self.topics.get(topic).map(Vec::as_slice).unwrap_or_default();
        let mut found: Vec<Record> = records
            .iter()
            .filter(|record| record.address != asker && now < record.announced + RECORD_LIFETIME)
            .copied()
            .collect();
        random.draw(&mut found, max);
        found.truncate(max);
        let near = |record: &Record| {
            let (local, asker_local) = (record.local?, asker_local?);
            let is_near = record.address.ip() == asker.ip() && share_network(*local.ip(), *asker_local.ip());
            (is_near && local != asker_local).then_some(local)
        };
        let local = found.iter().filter_map(near).collect();
        PeersOutput { peers: found.iter().map(|record| record.address).collect(), local }
    }

    /// Whether somebody announced this address to us.
    pub(super) fn knows(&self, address: SocketAddrV4) -> bool {
        self.addresses.contains_key(&address)
    }

    /// Forgets what is too old.
    pub(super) fn expire(&mut self, now: Duration) {
        let mut expired = Vec::new();
        self.topics.retain(|_, records| {
            records.retain(|record| {
                let is_fresh = now < record.announced + RECORD_LIFETIME;
                if !is_fresh {
                    expired.push(record.address);
                }
                is_fresh
            });
            !records.is_empty()
        });
        for address in expired {
            self.forget(address);
        }
    }

    /// How many announcements there are.
    pub(super) const fn len(&self) -> usize {
        self.count
    }

    fn count_of(&self, ip: Ipv4Addr) -> usize {
        self.addresses
            .range(SocketAddrV4::new(ip, 0)..=SocketAddrV4::new(ip, u16::MAX))
            .map(|(_, count)| count)
            .sum()
    }

    fn forget(&mut self, address: SocketAddrV4) {
        self.count = self.count.saturating_sub(1);
        if let Some(count) = self.addresses.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.addresses.remove(&address);
            }
        }
    }
}

fn find(records: &mut [Record], address: SocketAddrV4) -> Option<&mut Record> {
    records.iter_mut().find(|record| record.address == address)
}

/// Gives up a record of a topic if there is no room for one more of `ip`: its own oldest if it has its share, else the oldest of
/// the address with the most.
fn make_room(records: &mut Vec<Record>, ip: Ipv4Addr) -> Option<Record> {
    let mut counts: BTreeMap<Ipv4Addr, usize> = BTreeMap::new();
    for record in records.iter() {
        *counts.entry(*record.address.ip()).or_default() += 1;
    }
    let count = |ip: &Ipv4Addr| counts.get(ip).copied().unwrap_or_default();
    let has_share = Reach::of(ip) == Some(Reach::Public) && count(&ip) >= RECORDS_PER_IP_IN_TOPIC_MAX;
    if !has_share && records.len() < RECORDS_PER_TOPIC_MAX {
        return None;
    }
    let rivals = records.iter().enumerate().filter(|(_, record)| !has_share || *record.address.ip() == ip);
    let weakest = rivals.min_by_key(|(_, record)| (Reverse(count(record.address.ip())), record.announced));
    let (place, _) = weakest?;
    Some(records.swap_remove(place))
}

#[cfg(test)]
mod tests;
