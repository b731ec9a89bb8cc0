//! The feeds that come with the one that is bought.
//!
//! Grade: machine. As with that one, the key that is known wins over any other, and a new one is stored only once its channel has
//! opened, which the seller's capability proves. A member with the key of the first feed says what the data calls that.

use std::collections::BTreeMap;

use dazaar_log::{DiscoveryKey, FeedKey};

use super::{BuyerAction, BuyerEvent};
use crate::limits::MEMBERS_MAX;
use crate::member::Member;
use crate::session::{Actions, PeerFault};

#[derive(Debug)]
pub(super) struct Members {
    places: BTreeMap<FeedKey, Place>,
    /// What the data calls the first feed, and whether that is on record.
    first: Option<(FeedKey, bool)>,
}

/// Where one of them stands.
#[derive(Debug, Clone, Copy)]
struct Place {
    key: FeedKey,
    is_stored: bool,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The seller has not spoken of it.
    Unasked,
    Opening,
    Open,
}

impl Members {
    /// Those that are on record, beside the feed `first`.
    pub(super) fn new(first: Option<FeedKey>, known: &[Member]) -> Self {
        let place = |key| Place { key, is_stored: true, stage: Stage::Unasked };
        let (names, others): (Vec<&Member>, Vec<&Member>) =
            known.iter().partition(|member| Some(member.key) == first);
        Self {
            places: others.iter().map(|member| (member.feed, place(member.key))).collect(),
            first: names.first().map(|member| (member.feed, true)),
        }
    }

    /// The seller says which there are, beside the feed `first`.
    pub(super) fn handle_offer(
        &mut self,
        first: FeedKey,
        offered: &[Member],
        actions: &mut Actions<BuyerAction>,
    ) -> Result<(), PeerFault> {
        for &Member { feed, key } in offered {
            if key == first && !self.places.contains_key(&feed) {
                if feed != first {
                    self.first.get_or_insert((feed, false));
                }
                continue;
            }
            if !self.places.contains_key(&feed) {
                if self.places.len() >= MEMBERS_MAX {
                    return Err(PeerFault::TooManyFeeds { max: MEMBERS_MAX });
                }
                // A feed has one channel, whatever it is called, and one name.
                let is_first = self.first.is_some_and(|(name, _)| name == feed);
                if is_first || self.places.values().any(|place| place.key == key) {
                    continue;
                }
            }
            let place =
                self.places.entry(feed).or_insert(Place { key, is_stored: false, stage: Stage::Unasked });
            if place.key != key {
                let changed = BuyerEvent::FeedChanged { known: place.key, offered: key };
                actions.push(BuyerAction::Notify(changed));
            }
            if place.stage == Stage::Unasked {
                place.stage = Stage::Opening;
                actions.push(BuyerAction::OpenFeed { key: place.key });
            }
        }
        Ok(())
    }

    /// The first feed is open: what it is called can be believed.
    pub(super) fn handle_first_opened(&mut self, key: FeedKey, actions: &mut Actions<BuyerAction>) {
        if let Some((feed, is_stored)) = &mut self.first
            && !std::mem::replace(is_stored, true)
        {
            actions.push(BuyerAction::StoreMember(Member { feed: *feed, key }));
        }
    }

    pub(super) fn handle_opened(&mut self, opened: &FeedKey, actions: &mut Actions<BuyerAction>) {
        let is_it = |place: &Place| place.key == *opened && place.stage == Stage::Opening;
        let Some((&feed, place)) = self.places.iter_mut().find(|(_, place)| is_it(place)) else { return };
        let member = Member { feed, key: place.key };
        place.stage = Stage::Open;
        if !std::mem::replace(&mut place.is_stored, true) {
            actions.push(BuyerAction::StoreMember(member));
        }
        actions.push(BuyerAction::Notify(BuyerEvent::MemberOpened(member)));
    }

    /// Of an unknown feed that is refused nothing is kept.
    pub(super) fn handle_refused(&mut self, refused: &DiscoveryKey, actions: &mut Actions<BuyerAction>) {
        let is_it = |place: &Place| place.stage == Stage::Opening && place.key.discovery_key() == *refused;
        let Some((&feed, &place)) = self.places.iter().find(|(_, place)| is_it(place)) else { return };
        if place.is_stored {
            self.places.insert(feed, Place { stage: Stage::Unasked, ..place });
        } else {
            self.places.remove(&feed);
        }
        actions.push(BuyerAction::Notify(BuyerEvent::FeedRefused { key: place.key }));
    }

    /// Whether one was named that is not open yet.
    pub(super) fn is_opening(&self) -> bool {
        self.places.values().any(|place| place.stage == Stage::Opening)
    }

    /// What the data calls the feed that is bought under `key`.
    pub(super) fn feed_of(&self, key: &FeedKey) -> Option<FeedKey> {
        self.places.iter().find(|(_, place)| place.key == *key).map(|(&feed, _)| feed)
    }
}
