//! A map of several writers: the blocks of their feeds read as entries.
//!
//! Grade: over a door. Feeds get numbers as they are taken for those of writers, the owner's being 0; numbers last as long as the [`Db`].

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use dazaar_log::{FeedKey, LogError};

use super::clock::Clock;
use super::entry::{Entry, List, is_header};
use super::index::Pointer;
use super::node::{DbNode, newest};
use super::{DbBatch, DbError, View, Writers};
use crate::cache::NodeCache;
use crate::fault::Fault;
use crate::limits::{MAX_FEEDS_NAMED, MAX_WRITERS};
use crate::path::END;

/// The blocks of several feeds, all of them or only some.
pub trait Feeds {
    /// Blocks of a feed that are part of the map, here or elsewhere; 0 if nobody has told. If only those count of which none before is
    /// missing here, nobody can hold up the map by keeping blocks of their feed back.
    fn length(&self, feed: &FeedKey) -> u64;

    /// A block; `None` if it is not here.
    ///
    /// # Errors
    /// What reading met with.
    fn block(&self, feed: &FeedKey, seq: u64) -> Result<Option<Bytes>, LogError>;
}

impl<F: Feeds + ?Sized> Feeds for Arc<F> {
    fn length(&self, feed: &FeedKey) -> u64 {
        (**self).length(feed)
    }

    fn block(&self, feed: &FeedKey, seq: u64) -> Result<Option<Bytes>, LogError> {
        (**self).block(feed, seq)
    }
}

impl Feeds for BTreeMap<FeedKey, Vec<Bytes>> {
    fn length(&self, feed: &FeedKey) -> u64 {
        self.get(feed).map_or(0, |blocks| blocks.len() as u64)
    }

    fn block(&self, feed: &FeedKey, seq: u64) -> Result<Option<Bytes>, LogError> {
        let blocks = self.get(feed);
        Ok(usize::try_from(seq).ok().and_then(|seq| blocks?.get(seq)).cloned())
    }
}

/// A map of several writers.
#[derive(Debug)]
pub struct Db<F> {
    feeds: F,
    names: RefCell<Names>,
    cache: NodeCache<(u32, u64), DbNode>,
    lists: RefCell<BTreeMap<(u32, u64), Arc<Listed>>>,
    /// What the last view was of.
    latest: RefCell<Option<Latest>>,
}

/// A list of feeds, also by our numbers. Feeds of nobody whom we took for a writer have none.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) list: List,
    pub(super) numbers: Vec<Option<u32>>,
}

/// The map as it is while no feed changes its length.
#[derive(Debug, Clone)]
pub(super) struct Latest {
    pub(super) writers: Arc<Writers>,
    pub(super) heads: Vec<Arc<DbNode>>,
}

/// Feeds and their numbers.
#[derive(Debug)]
struct Names {
    keys: Vec<FeedKey>,
    numbers: BTreeMap<FeedKey, u32>,
}

/// Where entries come from.
pub(super) trait Nodes {
    /// The entry in block `seq` of a feed.
    fn node(&self, feed: u32, seq: u64) -> Result<Arc<DbNode>, DbError>;

    /// The key of a feed.
    fn key(&self, feed: u32) -> FeedKey;

    /// The entry to which a pointer of `from` leads, which has to part from it just there.
    fn follow(&self, from: &DbNode, pointer: Pointer) -> Result<Arc<DbNode>, DbError> {
        let node = self.node(pointer.feed, pointer.seq)?;
        let position = pointer.position as usize;
        let parts = match from.path.first_difference(&node.path, 0) {
            Some(difference) => difference == position,
            // Keys of one hash.
            None => position == from.path.digits() && pointer.digit == END,
        };
        if parts && node.path.digit(position) == pointer.digit {
            return Ok(node);
        }
        let (feed, target_feed) = (self.key(from.feed), self.key(pointer.feed));
        Err(DbError::Pointer { feed, seq: from.seq, target_feed, target: pointer.seq })
    }
}

impl<F: Feeds> Db<F> {
    /// The map whose owner writes feed `source`. Nothing is read yet.
    pub fn new(source: FeedKey, feeds: F) -> Self {
        let names = Names { keys: vec![source], numbers: BTreeMap::from([(source, 0)]) };
        Self {
            feeds,
            names: RefCell::new(names),
            cache: NodeCache::new(),
            lists: RefCell::default(),
            latest: RefCell::default(),
        }
    }

    /// The feeds.
    pub const fn feeds(&self) -> &F {
        &self.feeds
    }

    /// The feeds, to append to. What they hold already must not change.
    pub const fn feeds_mut(&mut self) -> &mut F {
        &mut self.feeds
    }

    /// The owner's feed.
    pub fn source(&self) -> FeedKey {
        self.key(0)
    }

    /// The map as it is now. What is appended later is not in it.
    ///
    /// # Errors
    /// [`DbError::Missing`] if the last block of a writer, or its list of feeds, is not here.
    pub fn view(&self) -> Result<View<'_, F>, DbError> {
        View::latest(self)
    }

    /// The key of a feed, by the number that entries call it by.
    pub fn key_of(&self, feed: usize) -> FeedKey {
        self.key(feed as u32)
    }

    /// Keeps the entries of a batch in memory, once its blocks were appended.
    pub fn keep(&self, batch: DbBatch) {
        batch.into_nodes().for_each(|node| self.cache.keep(node.place(), node));
    }

    /// The number of a feed that the owner or the user names, which it gets if it has none.
    pub(super) fn number(&self, key: FeedKey) -> u32 {
        if let Some(number) = self.known_number(&key) {
            return number;
        }
        let mut names = self.names.borrow_mut();
        let number = names.keys.len() as u32;
        names.keys.push(key);
        names.numbers.insert(key, number);
        // What was read before left the feed out.
        self.cache.clear();
        self.lists.borrow_mut().clear();
        self.latest.take();
        number
    }

    /// The number of a feed that somebody else names; none if it would be one too many.
    pub(super) fn number_if_room(&self, key: FeedKey) -> Option<u32> {
        let is_full = self.names.borrow().keys.len() >= MAX_FEEDS_NAMED;
        if is_full { self.known_number(&key) } else { Some(self.number(key)) }
    }

    fn known_number(&self, key: &FeedKey) -> Option<u32> {
        self.names.borrow().numbers.get(key).copied()
    }

    pub(super) fn length(&self, feed: u32) -> u64 {
        self.feeds.length(&self.key(feed))
    }

    fn block(&self, feed: u32, seq: u64) -> Result<Bytes, DbError> {
        let key = self.key(feed);
        self.feeds.block(&key, seq)?.ok_or(DbError::Missing { feed: key, seq })
    }

    fn malformed(&self, feed: u32, seq: u64) -> impl Fn(Fault) -> DbError {
        let feed = self.key(feed);
        move |fault| DbError::Block { feed, seq, fault }
    }

    /// Reads block 0 of the owner's feed.
    fn check_header(&self) -> Result<(), DbError> {
        if is_header(&self.block(0, 0)?) { Ok(()) } else { Err(DbError::NotADb { feed: self.source() }) }
    }

    /// The list of feeds in a block.
    pub(super) fn list(&self, feed: u32, seq: u64) -> Result<Arc<Listed>, DbError> {
        if let Some(known) = self.lists.borrow().get(&(feed, seq)) {
            return Ok(Arc::clone(known));
        }
        let list = List::decode(&self.block(feed, seq)?).map_err(self.malformed(feed, seq))?;
        let numbers = list.feeds.iter().map(|key| self.known_number(key)).collect();
        let listed = Arc::new(Listed { list, numbers });
        let mut lists = self.lists.borrow_mut();
        if lists.len() >= MAX_WRITERS {
            // Lists are few, unless somebody writes one into each block.
            lists.clear();
        }
        lists.insert((feed, seq), Arc::clone(&listed));
        Ok(listed)
    }

    /// Who may write, and the newest entries.
    pub(super) fn latest(&self) -> Result<Latest, DbError> {
        let before = self.latest.borrow().clone();
        if let Some(latest) = before.as_ref().filter(|latest| latest.writers.are_current(self)) {
            return Ok(latest.clone());
        }
        // Once is enough: a header stays.
        if before.is_none() && self.length(0) > 0 {
            self.check_header()?;
        }
        let writers = Writers::find(self, before.as_ref().map(|latest| &*latest.writers))?;
        let mut last = Vec::new();
        for feed in writers.numbers() {
            if let length @ 2.. = writers.length(feed) {
                last.push(self.node(feed, length - 1)?);
            }
        }
        let latest = Latest { writers: Arc::new(writers), heads: newest(last) };
        self.latest.replace(Some(latest.clone()));
        Ok(latest)
    }

    fn decode(&self, feed: u32, seq: u64) -> Result<DbNode, DbError> {
        let malformed = self.malformed(feed, seq);
        let entry = Entry::decode(seq, &self.block(feed, seq)?).map_err(&malformed)?;
        let numbers = &self.list(feed, entry.list)?.numbers;
        if entry.clock.len() > numbers.len() {
            return Err(malformed(Fault::Clock));
        }
        if entry.index.from(0).iter().any(|pointer| pointer.feed as usize >= numbers.len()) {
            return Err(malformed(Fault::Index));
        }
        let index = entry.index.renumbered(|wire| numbers.get(wire as usize).copied().flatten());
        if index.from(0).iter().any(|pointer| pointer.feed == feed && pointer.seq >= seq) {
            return Err(malformed(Fault::Index));
        }
        let mut clock = Vec::new();
        let seen = numbers.iter().zip(&entry.clock);
        let seen = seen.filter_map(|(number, length)| Some(((*number)?, *length)));
        // Whatever it says of its own feed: it has seen what is before it there.
        for (number, length) in seen.chain([(feed, seq + 1)]) {
            set_length(&mut clock, number, length);
        }
        let Entry { path, value, is_deleted, list, .. } = entry;
        Ok(DbNode { feed, seq, path, value, is_deleted, clock: Clock(clock), index, list })
    }
}

pub(super) fn set_length(clock: &mut Vec<u64>, feed: u32, length: u64) {
    let feed = feed as usize;
    if clock.len() <= feed {
        clock.resize(feed + 1, 0);
    }
    if let Some(place) = clock.get_mut(feed) {
        *place = length;
    }
}

impl<F: Feeds> Nodes for Db<F> {
    fn node(&self, feed: u32, seq: u64) -> Result<Arc<DbNode>, DbError> {
        if let Some(node) = self.cache.find(&(feed, seq)) {
            return Ok(node);
        }
        let node = Arc::new(self.decode(feed, seq)?);
        self.cache.keep((feed, seq), Arc::clone(&node));
        Ok(node)
    }

    fn key(&self, feed: u32) -> FeedKey {
        // A number is only ever given with its key.
        self.names.borrow().keys.get(feed as usize).copied().unwrap_or(FeedKey([0; 32]))
    }
}
