//! What one buyer is sent: a view of each feed that is sold, which uploads once it is told to and never downloads.

use std::collections::BTreeMap;
use std::sync::Arc;

use dazaar_log::{Feed, FeedKey, SignedHead};
use dazaar_wire::replication::{Download, Options};

use crate::allowance::Counter;
use crate::replicator::{Replicator, Uploaded};
use crate::shared_log::SharedLog;

/// The views, by the key under which the buyer knows each.
#[derive(Debug, Default)]
pub(super) struct Uploads {
    views: BTreeMap<FeedKey, Arc<Replicator>>,
    is_open: bool,
}

impl Uploads {
    pub(super) fn add(&mut self, log: &Arc<SharedLog>, feed: Feed, counter: Arc<Counter>) {
        let key = feed.key();
        let options = Options { download: Download::None, seed: rand::random() };
        let view = Replicator::new(Arc::clone(log), feed, options);
        view.set_uploading(self.is_open);
        view.set_counter(counter);
        self.views.insert(key, view);
    }

    pub(super) fn get(&self, key: &FeedKey) -> Option<&Arc<Replicator>> {
        self.views.get(key)
    }

    pub(super) fn set_uploading(&mut self, is_open: bool) {
        self.is_open = is_open;
        self.views.values().for_each(|view| view.set_uploading(is_open));
    }

    /// There may be something to send again.
    pub(super) fn wake(&self) {
        self.views.values().for_each(|view| view.wake());
    }

    /// What was withheld may be sent now.
    pub(super) fn announce_all(&self) {
        self.views.values().for_each(|view| view.announce_all());
    }

    /// What was sent since it was last asked.
    pub(super) fn take_uploaded(&self) -> Uploaded {
        self.views.values().map(|view| view.take_uploaded()).fold(Uploaded::default(), |sum, next| Uploaded {
            blocks: sum.blocks + next.blocks,
            bytes: sum.bytes + next.bytes,
            counts: sum.counts | next.counts,
        })
    }

    /// What a log has, and what the buyer proved of another history of it.
    pub(super) fn take_forked(&self) -> Option<(Option<SignedHead>, SignedHead)> {
        self.views.values().find_map(|view| {
            let theirs = view.take_forked()?;
            Some((view.log().lock().signed_head(), theirs))
        })
    }
}
