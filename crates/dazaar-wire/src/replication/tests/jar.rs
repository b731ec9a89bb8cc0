//! A world in a jar: hosts with a log and one or more feeds of it, links with delays, and one clock for all.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use dazaar_log::storage::MemoryStorage;
use dazaar_log::{Feed, FeedKey, FeedKeyPair, Log};

use super::javascript::JsPeer;
use crate::message::Message;
use crate::replication::{Download, Fault, Options, PeerId, Replication, ReplicationEvent, Transfer};

/// Messages that fit between two ends: the driver's high-water mark.
const LINK_MESSAGES_MAX: usize = 50;

pub(super) type MemoryLog = Log<MemoryStorage>;

/// SplitMix64: enough to make every seed another world.
#[derive(Debug, Clone)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut roll = self.0;
        roll = (roll ^ (roll >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        roll = (roll ^ (roll >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (roll ^ (roll >> 31)) % end
    }
}

pub(super) fn pair(seed: u8) -> FeedKeyPair {
    FeedKeyPair::from_seed(&[seed; 32])
}

/// What block `block` of every test feed is.
pub(super) fn block_bytes(block: u64) -> Vec<u8> {
    block.to_string().repeat((block % 7) as usize).into_bytes()
}

pub(super) struct Host {
    pub(super) log: MemoryLog,
    pub(super) feeds: Vec<Replication>,
    pub(super) events: Vec<ReplicationEvent>,
}

impl Host {
    /// Appends blocks, and tells every feed.
    pub(super) fn append(&mut self, count: u64) {
        let start = self.log.length();
        let blocks: Vec<_> = (start..start + count).map(block_bytes).collect();
        let added = self.log.append(&blocks).unwrap();
        self.feeds.iter_mut().for_each(|feed| feed.handle_added(added.clone(), &self.log));
    }

    /// Clears blocks, and tells every feed.
    pub(super) fn clear(&mut self, blocks: Range<u64>) {
        self.log.clear(blocks.clone()).unwrap();
        self.feeds.iter_mut().for_each(|feed| feed.handle_cleared(blocks.clone(), &self.log));
    }

    /// Passes on what one feed stored to the others, as the driver has to.
    fn drain_events(&mut self, feed: usize) {
        while let Some(event) = self.feeds[feed].poll_event(&self.log) {
            if let ReplicationEvent::Stored { blocks, .. } = &event {
                let others = self.feeds.iter_mut().enumerate().filter(|(other, _)| *other != feed);
                others.for_each(|(_, other)| other.handle_added(blocks.clone(), &self.log));
            }
            self.events.push(event);
        }
    }

    pub(super) fn stored(&self) -> Vec<u64> {
        let blocks = self.events.iter().filter_map(|event| match event {
            ReplicationEvent::Stored { blocks, .. } => Some(blocks.clone()),
            _ => None,
        });
        blocks.flatten().collect()
    }
}

/// Who is at the end of a link.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    Js(usize),
    Ours { host: usize, feed: usize },
}

pub(super) struct Link {
    ends: [End; 2],
    /// Messages on their way to the end of the same number, with the time of their arrival.
    queues: [VecDeque<(Duration, Message)>; 2],
    delay_ms: u64,
    pub(super) open: bool,
    /// An end that is not given its messages.
    pub(super) deaf: Option<usize>,
    /// Blocks for which a request vanishes on its way, one for each.
    pub(super) vanishing: Vec<u64>,
    pub(super) fault: Option<String>,
    pub(super) messages: u64,
}

impl Link {
    fn loses(&mut self, message: &Message) -> bool {
        let Message::Request(request) = message else { return false };
        let at = self.vanishing.iter().position(|&block| block == request.index);
        at.map(|at| self.vanishing.remove(at)).is_some()
    }
}

pub(super) struct Jar {
    pub(super) hosts: Vec<Host>,
    pub(super) js: Vec<JsPeer>,
    pub(super) links: Vec<Link>,
    pub(super) now: Duration,
    pub(super) dice: Dice,
    /// Between our own hosts; `None` lets the dice decide for each link.
    pub(super) transfer: Option<Transfer>,
}

impl Jar {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            hosts: Vec::new(),
            js: Vec::new(),
            links: Vec::new(),
            now: Duration::ZERO,
            dice: Dice(seed),
            transfer: Some(Transfer::Blocks),
        }
    }

    /// A world in which our hosts send each other ranges.
    pub(super) fn of_ranges(seed: u64) -> Self {
        Self { transfer: Some(Transfer::Ranges), ..Self::new(seed) }
    }

    pub(super) fn add(&mut self, log: MemoryLog, download: Download) -> usize {
        let feed =
            Replication::new(Feed::own(log.key()), Options { download, seed: self.dice.below(u64::MAX) });
        self.hosts.push(Host { log, feeds: vec![feed], events: Vec::new() });
        self.hosts.len() - 1
    }

    /// A host that writes the feed of key pair 1.
    pub(super) fn writer(&mut self, blocks: u64) -> usize {
        let host = self.add(Log::create(MemoryStorage::new(), pair(1)).unwrap(), Download::None);
        self.hosts[host].append(blocks);
        host
    }

    /// A host that fetches the feed of key pair 1.
    pub(super) fn reader(&mut self, download: Download) -> usize {
        self.reader_of(pair(1).public(), download)
    }

    pub(super) fn reader_of(&mut self, key: FeedKey, download: Download) -> usize {
        self.add(Log::create_reader(MemoryStorage::new(), key).unwrap(), download)
    }

    /// Gives a host another feed of its log, under the key pair of a seed. Returns the feed's end.
    pub(super) fn rekey(&mut self, host: usize, seed: u8) -> End {
        let options = Options { download: Download::All, seed: 0 };
        let feeds = &mut self.hosts[host].feeds;
        feeds.push(Replication::new(Feed::rekeyed(pair(seed)), options));
        End::Ours { host, feed: feeds.len() - 1 }
    }

    pub(super) fn connect(&mut self, left: usize, right: usize) -> usize {
        self.link([End::Ours { host: left, feed: 0 }, End::Ours { host: right, feed: 0 }])
    }

    pub(super) fn link(&mut self, ends: [End; 2]) -> usize {
        let number = self.links.len();
        let classic = ends.iter().any(|end| matches!(end, End::Js(_)));
        let dice = if self.dice.below(3) == 0 { Transfer::Blocks } else { Transfer::Ranges };
        let transfer = if classic { Transfer::Blocks } else { self.transfer.unwrap_or(dice) };
        for end in ends {
            match end {
                End::Js(peer) => self.js[peer].open(number),
                End::Ours { host, feed } => {
                    self.hosts[host].feeds[feed].add_peer(PeerId(number as u64), transfer);
                }
            }
        }
        self.links.push(Link {
            ends,
            queues: Default::default(),
            delay_ms: 1 + self.dice.below(40),
            open: true,
            deaf: None,
            vanishing: Vec::new(),
            fault: None,
            messages: 0,
        });
        number
    }

    pub(super) fn cut(&mut self, link: usize) {
        if !std::mem::replace(&mut self.links[link].open, false) {
            return;
        }
        for end in self.links[link].ends {
            match end {
                End::Js(peer) => self.js[peer].close(link),
                End::Ours { host, feed } => self.hosts[host].feeds[feed].remove_peer(PeerId(link as u64)),
            }
        }
    }

    pub(super) fn set_uploading(&mut self, link: usize, end: usize, on: bool) {
        self.switch(link, end, |feed, peer| feed.set_uploading(peer, on));
    }

    pub(super) fn set_downloading(&mut self, link: usize, end: usize, on: bool) {
        self.switch(link, end, |feed, peer| feed.set_downloading(peer, on));
    }

    fn switch(&mut self, link: usize, end: usize, turn: impl Fn(&mut Replication, PeerId)) {
        let End::Ours { host, feed } = self.links[link].ends[end] else { panic!("not one of ours") };
        turn(&mut self.hosts[host].feeds[feed], PeerId(link as u64));
    }

    /// Lets the world run for a while.
    pub(super) fn sleep(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.now < end {
            self.step();
        }
    }

    /// Lets the world run until nobody has anything to say.
    #[track_caller]
    pub(super) fn settle(&mut self) {
        let mut quiet = 0;
        for _ in 0..4_000_000 {
            quiet = if self.step() { 0 } else { quiet + 1 };
            if quiet > 3 {
                return;
            }
        }
        panic!("the world does not come to rest");
    }

    /// Goes on by a millisecond. Returns whether anything is on its way.
    fn step(&mut self) -> bool {
        self.now += Duration::from_millis(1);
        let mut busy = false;
        for link in 0..self.links.len() {
            for end in 0..2 {
                self.drain(link, end);
                self.deliver(link, end);
                let link = &self.links[link];
                busy |= link.open && link.deaf != Some(end) && !link.queues[end].is_empty();
            }
        }
        self.expire();
        busy
    }

    /// Takes from one end what it has to say.
    fn drain(&mut self, link: usize, end: usize) {
        let now = self.now;
        while self.links[link].open && self.links[link].queues[1 - end].len() < LINK_MESSAGES_MAX {
            let message = match self.links[link].ends[end] {
                End::Js(peer) => self.js[peer].poll(link),
                End::Ours { host, feed } => {
                    let host = &mut self.hosts[host];
                    let polled = host.feeds[feed].poll_message(PeerId(link as u64), &host.log, now);
                    host.drain_events(feed);
                    polled.unwrap_or_else(|fault| self.fail(link, fault))
                }
            };
            let Some(message) = message else { return };
            let link = &mut self.links[link];
            link.messages += 1;
            if link.loses(&message) {
                continue;
            }
            let jitter = Duration::from_millis(link.delay_ms + self.dice.below(3));
            let arrival = link.queues[1 - end].back().map_or(now, |(before, _)| *before).max(now + jitter);
            link.queues[1 - end].push_back((arrival, message));
        }
    }

    /// Gives one end what has arrived.
    fn deliver(&mut self, link: usize, end: usize) {
        while self.links[link].open && self.links[link].deaf != Some(end) && self.deliver_next(link, end) {}
    }

    /// Gives one end the next message that has arrived, even if it is deaf. Returns whether there was one.
    pub(super) fn deliver_next(&mut self, link: usize, end: usize) -> bool {
        let next = self.links[link].queues[end].pop_front_if(|(at, _)| *at <= self.now);
        if let Some((_, message)) = next {
            match self.links[link].ends[end] {
                End::Js(peer) => self.js[peer].handle(link, message),
                End::Ours { host, feed } => {
                    let host = &mut self.hosts[host];
                    let handled = host.feeds[feed].handle_message(
                        PeerId(link as u64),
                        message,
                        &mut host.log,
                        self.now,
                    );
                    host.drain_events(feed);
                    if let Err(fault) = handled {
                        self.fail(link, fault);
                    }
                }
            }
            return true;
        }
        false
    }

    fn expire(&mut self) {
        for host in 0..self.hosts.len() {
            for feed in 0..self.hosts[host].feeds.len() {
                if self.hosts[host].feeds[feed].poll_timeout().is_some_and(|timeout| timeout <= self.now) {
                    for (peer, fault) in self.hosts[host].feeds[feed].handle_timeout(self.now) {
                        self.fail(peer.0 as usize, fault.into());
                    }
                }
            }
        }
    }

    fn fail(&mut self, link: usize, fault: Fault) -> Option<Message> {
        assert!(matches!(fault, Fault::Peer(_)), "{fault}");
        self.links[link].fault = Some(fault.to_string());
        self.cut(link);
        None
    }

    /// Asserts that a host holds exactly these blocks below `length`, and that they are the right ones.
    #[track_caller]
    pub(super) fn assert_holds(&self, host: usize, blocks: Range<u64>) {
        let log = &self.hosts[host].log;
        let held: Vec<_> = log.have().runs(0..u64::MAX).collect();
        let expected: Vec<_> = Some(blocks.clone()).into_iter().filter(|blocks| !blocks.is_empty()).collect();
        assert_eq!(held, expected, "blocks of host {host}");
        self.assert_intact(host);
    }

    /// Asserts that whatever a host holds is right.
    #[track_caller]
    pub(super) fn assert_intact(&self, host: usize) {
        let log = &self.hosts[host].log;
        for block in log.have().runs(0..u64::MAX).flatten() {
            assert_eq!(
                log.block(block).unwrap().unwrap(),
                block_bytes(block),
                "block {block} of host {host}"
            );
        }
    }
}
