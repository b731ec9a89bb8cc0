//! Replication over real sessions: what one machine says, the other reads from encrypted bytes.

use std::time::Duration;

use dazaar_log::storage::MemoryStorage;
use dazaar_log::{Feed, FeedKey, IdentityKeyPair, Log};

use super::jar::{MemoryLog, block_bytes, pair};
use crate::replication::{Download, Options, PeerId, Replication, Transfer};
use crate::session::{Channel, Config, Event, Expected, Role, SecurityPolicy, Session};

/// Bytes that may wait for the socket before nothing more is said.
const HIGH_WATER_BYTES: usize = 64 * 1024;

const PEER: PeerId = PeerId(0);

/// A session with one feed on it: the smallest driver there is.
struct Host {
    session: Session,
    key: FeedKey,
    channel: Option<Channel>,
    log: MemoryLog,
    replication: Replication,
    most_outgoing: usize,
}

impl Host {
    fn new(role: Role, security: SecurityPolicy, log: MemoryLog, feed: Feed, download: Download) -> Self {
        let seed = [role as u8 + 1; 32];
        let identity = &IdentityKeyPair::from_seed(&seed);
        let config =
            Config { role, identity, expected: Expected::Anybody, security, seed, extensions: vec![] };
        Self {
            session: Session::new(config, Duration::ZERO),
            key: feed.key(),
            channel: None,
            log,
            replication: Replication::new(feed, Options { download, seed: 0 }),
            most_outgoing: 0,
        }
    }

    fn receive(&mut self, bytes: &[u8], now: Duration) {
        self.session.handle_bytes(now, bytes).unwrap();
        while let Some(event) = self.session.poll_event().unwrap() {
            match event {
                Event::Connected { .. } => self.channel = Some(self.session.open(self.key).unwrap()),
                Event::Opened { .. } => self.replication.add_peer(PEER, Transfer::Ranges),
                Event::Message { message, .. } => {
                    self.replication.handle_message(PEER, message, &mut self.log, now).unwrap();
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// Says what there is room for, and takes up to `limit` bytes from the session.
    fn send(&mut self, limit: usize, now: Duration) -> Vec<u8> {
        while let Some(channel) = self.channel.filter(|_| self.session.outgoing_len() < HIGH_WATER_BYTES) {
            let Some(message) = self.replication.poll_message(PEER, &self.log, now).unwrap() else { break };
            self.session.send(channel, &message).unwrap();
        }
        self.most_outgoing = self.most_outgoing.max(self.session.outgoing_len());
        let outgoing = self.session.outgoing();
        let bytes = outgoing[..limit.min(outgoing.len())].to_vec();
        self.session.consume(bytes.len());
        bytes
    }
}

fn run(security: [SecurityPolicy; 2], limit: usize) -> [Host; 2] {
    let mut source = Log::create(MemoryStorage::new(), pair(1)).unwrap();
    source.append(&(0..2000).map(block_bytes).chain([vec![7; 1 << 20]]).collect::<Vec<_>>()).unwrap();
    let copy = Log::create_reader(MemoryStorage::new(), pair(21).public()).unwrap();
    let feed = Feed::own(copy.key());
    let mut hosts = [
        Host::new(Role::Responder, security[0], source, Feed::rekeyed(pair(21)), Download::None),
        Host::new(Role::Initiator, security[1], copy, feed, Download::All),
    ];
    for ms in 0..100_000 {
        let now = Duration::from_millis(ms);
        let [left, right] = &mut hosts;
        let (to_right, to_left) = (left.send(limit, now), right.send(limit, now));
        right.receive(&to_right, now);
        left.receive(&to_left, now);
        if hosts[1].replication.is_complete(&hosts[1].log) {
            return hosts;
        }
    }
    panic!("not complete: {:?}", hosts[1].replication.progress(&hosts[1].log));
}

#[test]
fn a_re_keyed_feed_goes_over_both_kinds_of_session() {
    use SecurityPolicy::{Classic, Offer};
    for (security, limit) in
        [([Classic, Classic], 100_000), ([Offer, Offer], 100_000), ([Offer, Classic], 777)]
    {
        let hosts = run(security, limit);
        assert_eq!((hosts[1].log.length(), hosts[1].log.downloaded()), (2001, 2001));
        assert_eq!(hosts[1].log.block(1999).unwrap().unwrap(), block_bytes(1999));
        assert!(hosts[0].most_outgoing < HIGH_WATER_BYTES + (1 << 20) + 4096, "{}", hosts[0].most_outgoing);
    }
}
