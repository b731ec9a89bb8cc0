//! The feed that is bought, and those that come with it: begun once, and replicated with the seller and with whoever else has them.

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError};

use dazaar_log::{Feed, FeedKey};
use dazaar_market::Member;
use dazaar_wire::replication::Options;

use super::Shared;
use crate::database::DatabaseError;
use crate::market::MarketError;
use crate::replicator::Replicator;
use crate::trie;

impl Shared {
    /// The feed's replication, begun when it is first asked for. There is one feed for each seller.
    pub(super) fn begin_feed(&self, feed: &FeedKey) -> Result<Arc<Replicator>, MarketError> {
        if let Some(replicator) = self.replicator.get() {
            return Ok(Arc::clone(replicator));
        }
        let log = self.market.purchased_feed(feed)?;
        let options = Options { download: self.options.download, seed: rand::random() };
        let replicator = Replicator::new(log, Feed::own(*feed), options);
        self.feeds.add(Arc::clone(&replicator), Some(Arc::new(trie::Core::new(&replicator))));
        let replicator = Arc::clone(self.replicator.get_or_init(|| replicator));
        // Whoever waits for a free feed looks again.
        self.is_free.send_modify(|_| {});
        Ok(replicator)
    }

    /// The same of a feed that comes with it.
    pub(super) fn begin_member(&self, member: Member) -> Result<Arc<Replicator>, MarketError> {
        let mut members = self.members();
        if let Some(replicator) = members.get(&member.feed) {
            return Ok(Arc::clone(replicator));
        }
        let log = self.market.purchased_feed(&member.key)?;
        let options = Options { download: self.options.download, seed: rand::random() };
        let replicator = Replicator::new(log, Feed::own(member.key), options);
        self.feeds.add(Arc::clone(&replicator), None);
        members.insert(member.feed, Arc::clone(&replicator));
        Ok(replicator)
    }

    /// Takes note of what the data calls the feed, if the member says that; whether it does.
    pub(super) fn take_name(&self, member: &Member) -> bool {
        let is_first = self.replicator.get().is_some_and(|first| first.key() == member.key);
        if is_first {
            self.name.get_or_init(|| member.feed);
        }
        is_first
    }

    /// The seller says whether everybody gets the feed. Who accepted terms passes nothing on.
    pub(super) fn set_free(&self, is_free: bool) -> Result<(), DatabaseError> {
        let is_free = is_free && self.acceptance.is_none();
        if *self.is_free.borrow() != is_free {
            self.market.database().set_purchase_free(&self.order.link.seller, is_free)?;
            self.is_free.send_replace(is_free);
        }
        Ok(())
    }

    /// The feeds that come with it, and what the data calls it.
    pub(super) fn known_members(&self) -> Vec<Member> {
        let name = self.name.get().zip(self.replicator.get());
        let name = name.map(|(&feed, first)| Member { feed, key: first.key() });
        let members = self.members();
        let members = members.iter().map(|(&feed, member)| Member { feed, key: member.key() });
        name.into_iter().chain(members).collect()
    }

    pub(super) fn members(&self) -> MutexGuard<'_, BTreeMap<FeedKey, Arc<Replicator>>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
