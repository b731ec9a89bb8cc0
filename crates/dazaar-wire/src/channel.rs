//! Channels: which feeds this side and the remote have opened, and under which numbers.
//!
//! Grade: machine. Each side numbers the feeds that it opens; a message carries its sender's number. A feed is open
//! when both have opened it.
//! Source: classic protocol, sections 4.4 and 4.6.

use std::collections::BTreeMap;

use dazaar_log::{DiscoveryKey, FeedKey};

use crate::capability::Capability;
use crate::extension::{LocalExtensions, RemoteExtensions};
use crate::fault::PeerFault;
use crate::limits::{CHANNELS_MAX, OFFERS_MAX};

/// A feed that this side has opened on a session. Never used again for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel(pub(crate) u64);

impl Channel {
    /// The number that this side's messages carry.
    pub(crate) const fn number(self) -> u64 {
        self.0
    }
}

/// A feed that we opened.
#[derive(Debug)]
pub(crate) struct LocalChannel {
    pub(crate) key: FeedKey,
    pub(crate) discovery_key: DiscoveryKey,
    /// The remote's number, once it has opened the feed too.
    pub(crate) remote: Option<u64>,
    pub(crate) extensions: LocalExtensions,
}

/// A feed that the remote opened.
#[derive(Debug)]
pub(crate) struct RemoteChannel {
    pub(crate) discovery_key: DiscoveryKey,
    pub(crate) capability: Option<Capability>,
    /// Ours, once we have opened the feed too; until then the feed is on offer.
    pub(crate) local: Option<Channel>,
    pub(crate) extensions: RemoteExtensions,
}

/// All channels of a session.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    local: BTreeMap<Channel, LocalChannel>,
    remote: BTreeMap<u64, RemoteChannel>,
    last: u64,
}

impl Channels {
    pub(crate) fn is_empty(&self) -> bool {
        self.local.is_empty() && self.remote.is_empty()
    }

    /// Feeds that we have opened.
    pub(crate) fn local_len(&self) -> usize {
        self.local.len()
    }

    /// Those of them that the remote has not.
    pub(crate) fn unanswered_len(&self) -> usize {
        self.local.values().filter(|local| local.remote.is_none()).count()
    }

    /// Feeds that the remote has opened, and we have not.
    pub(crate) fn offers_len(&self) -> usize {
        self.remote.values().filter(|remote| remote.local.is_none()).count()
    }

    /// A number that no feed has, to refuse one with.
    pub(crate) const fn unused_number(&self) -> u64 {
        self.last + 1
    }

    pub(crate) fn local(&self, channel: Channel) -> Option<&LocalChannel> {
        self.local.get(&channel)
    }

    pub(crate) fn local_mut(&mut self, channel: Channel) -> Option<&mut LocalChannel> {
        self.local.get_mut(&channel)
    }

    pub(crate) fn remote(&self, number: u64) -> Option<&RemoteChannel> {
        self.remote.get(&number)
    }

    pub(crate) fn remote_mut(&mut self, number: u64) -> Option<&mut RemoteChannel> {
        self.remote.get_mut(&number)
    }

    /// What the remote announced for a channel.
    pub(crate) fn remote_extensions(&self, channel: Channel) -> Option<&RemoteExtensions> {
        let number = self.local.get(&channel)?.remote?;
        Some(&self.remote.get(&number)?.extensions)
    }

    /// The channel on which we opened a feed.
    pub(crate) fn find_local(&self, discovery_key: &DiscoveryKey) -> Option<Channel> {
        let found = self.local.iter().find(|(_, local)| local.discovery_key == *discovery_key);
        found.map(|(channel, _)| *channel)
    }

    /// The remote's number of a feed that it opened and we did not.
    pub(crate) fn find_offer(&self, discovery_key: &DiscoveryKey) -> Option<u64> {
        let mut offers = self.remote.iter().filter(|(_, remote)| remote.local.is_none());
        offers.find(|(_, remote)| remote.discovery_key == *discovery_key).map(|(number, _)| *number)
    }

    /// Opens a feed on this side.
    pub(crate) fn insert_local(&mut self, key: FeedKey) -> Channel {
        self.last += 1;
        let channel = Channel(self.last);
        let discovery_key = key.discovery_key();
        let extensions = LocalExtensions::default();
        self.local.insert(channel, LocalChannel { key, discovery_key, remote: None, extensions });
        channel
    }

    /// Records that the remote opened a feed, and returns our channel of it.
    pub(crate) fn insert_remote(
        &mut self,
        number: u64,
        discovery_key: DiscoveryKey,
        capability: Option<Capability>,
    ) -> Result<Option<Channel>, PeerFault> {
        if number == 0 || self.remote.contains_key(&number) {
            return Err(PeerFault::ChannelNumber { number });
        }
        if self.remote.values().any(|remote| remote.discovery_key == discovery_key) {
            return Err(PeerFault::OpenedTwice { discovery_key });
        }
        if self.remote.len() >= CHANNELS_MAX {
            return Err(PeerFault::TooManyChannels { max: CHANNELS_MAX });
        }
        let local = self.find_local(&discovery_key);
        if local.is_none() && self.offers_len() >= OFFERS_MAX {
            return Err(PeerFault::TooManyChannels { max: OFFERS_MAX });
        }
        let extensions = RemoteExtensions::default();
        self.remote.insert(number, RemoteChannel { discovery_key, capability, local: None, extensions });
        Ok(local)
    }

    /// Both sides have opened the feed.
    pub(crate) fn join(&mut self, channel: Channel, number: u64) {
        if let Some(local) = self.local.get_mut(&channel) {
            local.remote = Some(number);
        }
        if let Some(remote) = self.remote.get_mut(&number) {
            remote.local = Some(channel);
        }
    }

    /// Forgets a channel on both sides; what the remote still sends on it is ignored.
    pub(crate) fn remove_local(&mut self, channel: Channel) -> Option<LocalChannel> {
        let local = self.local.remove(&channel)?;
        if let Some(number) = local.remote {
            self.remote.remove(&number);
        }
        Some(local)
    }

    /// Forgets what the remote opened under a number, not our side of it.
    pub(crate) fn remove_remote(&mut self, number: u64) -> Option<RemoteChannel> {
        self.remote.remove(&number)
    }
}
