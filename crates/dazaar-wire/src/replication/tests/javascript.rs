//! A peer that behaves like hypercore 9.12: a window of 16, a random start, `Have` for each block, answers at once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use dazaar_log::digest::{Digest, RemoteTree};
use dazaar_log::flat_tree::NodeIndex;
use dazaar_log::storage::MemoryStorage;
use dazaar_log::verify::UnverifiedBlock;
use dazaar_log::{Feed, Log, rle};

use super::jar::{Dice, MemoryLog, block_bytes, pair};
use crate::message::{Data, Have, Message, Request};

const WANT_BLOCKS: u64 = 1 << 20;

pub(super) struct JsPeer {
    pub(super) log: MemoryLog,
    feed: Feed,
    downloading: bool,
    streams: BTreeMap<usize, Stream>,
    reserved: BTreeSet<u64>,
    dice: Dice,
}

#[derive(Default)]
struct Stream {
    out: VecDeque<Message>,
    remote: BTreeSet<u64>,
    remote_want: bool,
    remote_uploading: bool,
    wants: BTreeSet<u64>,
    inflight: Vec<u64>,
    tree: RemoteTree,
}

impl JsPeer {
    pub(super) fn writer(blocks: u64) -> Self {
        let mut log = Log::create(MemoryStorage::new(), pair(1)).unwrap();
        log.append(&(0..blocks).map(block_bytes).collect::<Vec<_>>()).unwrap();
        Self::new(log, false)
    }

    pub(super) fn reader(seed: u8) -> Self {
        Self::new(Log::create_reader(MemoryStorage::new(), pair(seed).public()).unwrap(), true)
    }

    fn new(log: MemoryLog, downloading: bool) -> Self {
        let feed = Feed::own(log.key());
        Self { log, feed, downloading, streams: BTreeMap::new(), reserved: BTreeSet::new(), dice: Dice(9) }
    }

    pub(super) fn append(&mut self, count: u64) {
        let start = self.log.length();
        self.log.append(&(start..start + count).map(block_bytes).collect::<Vec<_>>()).unwrap();
        for stream in self.streams.values_mut().filter(|stream| stream.remote_want) {
            stream.out.push_back(Message::Have(Have::range(start, count)));
        }
    }

    pub(super) fn open(&mut self, link: usize) {
        let mut stream = Stream { remote_uploading: true, ..Stream::default() };
        if !self.downloading {
            stream.out.push_back(Message::Status { uploading: true, downloading: false });
        }
        self.streams.insert(link, stream);
        self.update();
    }

    pub(super) fn close(&mut self, link: usize) {
        if let Some(stream) = self.streams.remove(&link) {
            stream.inflight.iter().for_each(|block| _ = self.reserved.remove(block));
        }
        self.update();
    }

    pub(super) fn poll(&mut self, link: usize) -> Option<Message> {
        self.streams.get_mut(&link)?.out.pop_front()
    }

    pub(super) fn handle(&mut self, link: usize, message: Message) {
        match message {
            Message::Status { uploading, .. } => self.handle_status(link, uploading),
            Message::Have(have) => self.handle_have(link, &have),
            Message::Unhave { start, length } => {
                let stream = self.streams.get_mut(&link).unwrap();
                (start..start + length.max(1)).for_each(|block| _ = stream.remote.remove(&block));
            }
            Message::Want { start, length } => self.handle_want(link, start, length),
            Message::Request(request) => self.handle_request(link, request),
            Message::Data(data) => self.handle_data(link, data),
            other => panic!("hypercore never gets {other:?} from us"),
        }
        self.update();
    }

    fn handle_status(&mut self, link: usize, uploading: bool) {
        let stream = self.streams.get_mut(&link).unwrap();
        stream.remote_uploading = uploading;
        if !uploading {
            stream.inflight.drain(..).for_each(|block| _ = self.reserved.remove(&block));
            stream.wants.clear();
        }
    }

    fn handle_have(&mut self, link: usize, have: &Have) {
        let stream = self.streams.get_mut(&link).unwrap();
        match &have.bitfield {
            None => stream.remote.extend(have.start..have.start + have.length.max(1)),
            Some(bits) => {
                let bits = rle::decode(bits, 1 << 20).unwrap();
                let held = (0..bits.len() as u64 * 8)
                    .filter(|bit| bits[(bit / 8) as usize] & (0x80 >> (bit % 8)) != 0);
                stream.remote.extend(held.map(|bit| have.start + bit));
            }
        }
        stream.remote.retain(|&block| !self.log.has(block));
    }

    fn handle_want(&mut self, link: usize, start: u64, length: u64) {
        let stream = self.streams.get_mut(&link).unwrap();
        let last = self.log.length().wrapping_sub(1);
        if !stream.remote_want && self.log.has(last) {
            stream.out.push_back(Message::Have(Have::range(last, 1)));
        }
        stream.remote_want = true;
        let bits = rle::encode(&self.log.have().bytes(start..start + length));
        stream.out.push_back(Message::Have(Have { start, length, bitfield: Some(bits.into()), ack: false }));
    }

    fn handle_request(&mut self, link: usize, request: Request) {
        let stream = self.streams.get_mut(&link).unwrap();
        let Request { index, hash, nodes, bytes } = request;
        assert_eq!(bytes, 0);
        assert!(self.log.tree().contains(NodeIndex::leaf(index)), "hypercore destroys the connection");
        let proof = self.log.proof(index, Digest(nodes), hash, &mut stream.tree).unwrap().unwrap();
        let value = if hash { None } else { self.log.block(index).unwrap() };
        if !hash && value.is_none() {
            return;
        }
        let signature =
            proof.signature_length.map(|length| self.feed.signature(&self.log, length).unwrap().unwrap());
        stream.out.push_back(Message::Data(Data { index, value, nodes: proof.nodes, signature }));
    }

    fn handle_data(&mut self, link: usize, data: Data) {
        let block = data.index;
        let stream = self.streams.get_mut(&link).unwrap();
        stream.inflight.retain(|&asked| asked != block);
        if !self.reserved.remove(&block) {
            if !self.log.has(block) && stream.remote_want {
                stream.out.push_back(Message::Unhave { start: block, length: 1 });
            }
            return;
        }
        stream.remote.remove(&block);
        let Data { index, value, nodes, signature } = data;
        let verified = self.log.verify(UnverifiedBlock { index, value, nodes, signature });
        self.log.store(verified.expect("hypercore destroys the connection")).unwrap();
        for (_, other) in
            self.streams.iter_mut().filter(|(other, stream)| **other != link && stream.remote_want)
        {
            other.out.push_back(Message::Have(Have::range(block, 1)));
        }
    }

    fn update(&mut self) {
        if !self.downloading {
            return;
        }
        for stream in self.streams.values_mut().filter(|stream| stream.remote_uploading) {
            let length = stream.remote.last().map_or(0, |last| last + 1);
            for range in 0..length.div_ceil(WANT_BLOCKS).max(1) {
                if stream.wants.insert(range) {
                    let start = range * WANT_BLOCKS;
                    stream.out.push_back(Message::Want { start, length: WANT_BLOCKS });
                }
            }
            while stream.inflight.len() < 16 {
                let start = self.dice.below(length.max(1));
                let free = |block: &&u64| !self.reserved.contains(block) && !self.log.has(**block);
                let next =
                    stream.remote.range(start..).find(free).or_else(|| stream.remote.iter().find(free));
                let Some(&index) = next else { break };
                self.reserved.insert(index);
                stream.inflight.push(index);
                let nodes = self.log.digest(index).0;
                stream.out.push_back(Message::Request(Request { index, bytes: 0, hash: false, nodes }));
            }
        }
    }
}
