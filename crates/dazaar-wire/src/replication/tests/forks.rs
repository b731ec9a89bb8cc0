//! Writers that were restored from a backup, and the peers that know better.

use dazaar_log::storage::MemoryStorage;
use dazaar_log::{Feed, Log, LogError, SignedHead};

use super::jar::*;
use super::javascript::JsPeer;
use crate::message::{Have, Message};
use crate::replication::limits::*;
use crate::replication::{Download, PeerId, ReplicationEvent, Transfer};

const SOLD: u64 = 60;
const STRANGER: PeerId = PeerId(99);

/// The log of key pair 1 as a backup had it, with blocks that were appended since.
fn restored(kept: u64, appended: u64) -> MemoryLog {
    let mut log = Log::create(MemoryStorage::new(), pair(1)).unwrap();
    log.append(&(0..kept).map(block_bytes).collect::<Vec<_>>()).unwrap();
    (0..appended).for_each(|block| _ = log.append(&[format!("other {block}")]).unwrap());
    log
}

/// The feed of `host` under which it is sold: its own, or the one of key pair `seed`.
fn sold(jar: &mut Jar, host: usize, seed: u8) -> End {
    if seed == 1 { End::Ours { host, feed: 0 } } else { jar.rekey(host, seed) }
}

/// A buyer that has bought everything, and whose seller is restored then. Returns the new seller and the link to it.
fn world(transfer: Transfer, seed: u8, log: MemoryLog) -> (Jar, [usize; 2], usize) {
    let mut jar = match transfer {
        Transfer::Blocks => Jar::new(1),
        Transfer::Ranges => Jar::of_ranges(1),
    };
    let (seller, buyer) = (jar.writer(SOLD), jar.reader_of(pair(seed).public(), Download::Linear));
    let end = sold(&mut jar, seller, seed);
    let link = jar.link([end, End::Ours { host: buyer, feed: 0 }]);
    jar.settle();
    jar.assert_holds(buyer, 0..SOLD);
    assert_eq!(heads(&jar, seller), []);
    jar.cut(link);
    let restored = jar.add(log, Download::None);
    let end = sold(&mut jar, restored, seed);
    let link = jar.link([end, End::Ours { host: buyer, feed: 0 }]);
    (jar, [restored, buyer], link)
}

fn heads(jar: &Jar, host: usize) -> Vec<SignedHead> {
    let head = |event: &ReplicationEvent| match event {
        ReplicationEvent::Forked { head, .. } => Some(head.clone()),
        _ => None,
    };
    jar.hosts[host].events.iter().filter_map(head).collect()
}

#[track_caller]
fn assert_forked(jar: &mut Jar, host: usize, seed: u8) {
    let [head] = &heads(jar, host)[..] else { panic!("{:?}", jar.hosts[host].events) };
    assert_eq!((head.key(), head.length()), (pair(seed).public(), SOLD));
    let length = jar.hosts[host].log.length();
    let refused = jar.hosts[host].log.append(&["more"]);
    assert!(matches!(refused, Err(LogError::Forked { theirs, .. }) if *theirs == *head));
    assert_eq!(jar.hosts[host].log.length(), length);
}

#[test]
fn a_restored_seller_learns_what_it_lost() {
    for transfer in [Transfer::Blocks, Transfer::Ranges] {
        for seed in [1, 21] {
            for (kept, appended) in [(0, 0), (10, 0), (59, 0), (10, 5), (59, 0)] {
                let (mut jar, [seller, buyer], link) = world(transfer, seed, restored(kept, appended));
                jar.settle();
                assert_forked(&mut jar, seller, seed);
                assert!(appended > 0 || jar.links[link].fault.is_none(), "{:?}", jar.links[link].fault);
                jar.assert_holds(buyer, 0..SOLD);
            }
        }
    }
}

#[test]
fn a_seller_that_wrote_on_learns_of_it_before_its_buyer_is_gone() {
    for seed in [1, 21] {
        for (kept, appended) in [(59, 1), (10, 50), (59, 20), (0, 100)] {
            let (mut jar, [seller, buyer], link) = world(Transfer::Ranges, seed, restored(kept, appended));
            jar.settle();
            assert_forked(&mut jar, seller, seed);
            jar.assert_holds(buyer, 0..SOLD);
            let fault = jar.links[link].fault.as_deref();
            assert_eq!(
                fault.is_some(),
                kept + appended > SOLD,
                "the buyer refuses what it is sent: {fault:?}"
            );
        }
    }
}

#[test]
fn what_is_there_is_served_after_a_fork() {
    for transfer in [Transfer::Blocks, Transfer::Ranges] {
        let (mut jar, [seller, _], _) = world(transfer, 1, restored(40, 0));
        jar.settle();
        assert_forked(&mut jar, seller, 1);
        let other = jar.reader(Download::Linear);
        jar.connect(seller, other);
        jar.settle();
        jar.assert_holds(other, 0..40);
        assert_eq!(heads(&jar, seller).len(), 1, "told once");
    }
}

#[test]
fn a_javascript_buyer_tells_too() {
    let mut jar = Jar::new(1);
    let seller = jar.writer(SOLD);
    jar.js.push(JsPeer::reader(1));
    let link = jar.link([End::Ours { host: seller, feed: 0 }, End::Js(0)]);
    jar.settle();
    assert_eq!(jar.js[0].log.length(), SOLD);
    jar.cut(link);
    let restored = jar.add(restored(40, 0), Download::None);
    jar.link([End::Ours { host: restored, feed: 0 }, End::Js(0)]);
    jar.settle();
    assert_forked(&mut jar, restored, 1);
}

#[test]
fn an_honest_seller_goes_on() {
    for transfer in [Transfer::Blocks, Transfer::Ranges] {
        for seed in [1, 21] {
            for appended in [0, 1, 40] {
                let mut log = restored(SOLD, 0);
                log.append(&(SOLD..SOLD + appended).map(block_bytes).collect::<Vec<_>>()).unwrap();
                let (mut jar, [seller, buyer], link) = world(transfer, seed, log);
                jar.settle();
                jar.hosts[seller].append(1);
                jar.settle();
                jar.assert_holds(buyer, 0..SOLD + appended + 1);
                assert_eq!((heads(&jar, seller), &jar.links[link].fault), (Vec::new(), &None));
            }
        }
    }
}

#[test]
fn a_javascript_buyer_hears_a_want_and_nothing_else_that_is_new() {
    let mut jar = Jar::new(1);
    let seller = jar.writer(SOLD);
    let host = &mut jar.hosts[seller];
    host.feeds[0].add_peer(STRANGER, Transfer::Blocks);
    for have in [Have::range(SOLD - 1, 1), Have::range(0, SOLD)] {
        host.feeds[0].handle_message(STRANGER, Message::Have(have), &mut host.log, jar.now).unwrap();
    }
    let heard: Vec<_> =
        std::iter::from_fn(|| host.feeds[0].poll_message(STRANGER, &host.log, jar.now).unwrap()).collect();
    let status = Message::Status { uploading: true, downloading: false };
    assert_eq!(heard, [status, Message::Want { start: 0, length: WANT_BLOCKS }]);
}

#[test]
fn whoever_only_claims_changes_nothing() {
    for transfer in [Transfer::Blocks, Transfer::Ranges] {
        let mut jar = Jar::new(1);
        let seller = jar.writer(SOLD);
        let host = &mut jar.hosts[seller];
        host.feeds[0].add_peer(STRANGER, transfer);
        let mut questions = 0;
        for length in SOLD + 1..SOLD + 100 {
            let have = Message::Have(Have::range(0, length));
            host.feeds[0].handle_message(STRANGER, have, &mut host.log, jar.now).unwrap();
            while let Some(message) = host.feeds[0].poll_message(STRANGER, &host.log, jar.now).unwrap() {
                let Message::Request(request) = message else { continue };
                questions += 1;
                assert!(request.hash && request.nodes == 0);
                // A proof, but of a log that somebody else signed.
                let data = forged(request.index);
                host.feeds[0].handle_message(STRANGER, Message::Data(data), &mut host.log, jar.now).unwrap();
            }
        }
        assert_eq!(questions, HEAD_QUESTIONS_MAX);
        assert_eq!(host.log.fork(), None);
        jar.hosts[seller].append(1);
    }
}

fn forged(index: u64) -> crate::message::Data {
    let mut log = Log::create(MemoryStorage::new(), pair(7)).unwrap();
    log.append(&(0..=index).map(block_bytes).collect::<Vec<_>>()).unwrap();
    let proof = log.proof(index, Default::default(), true, &mut Default::default()).unwrap().unwrap();
    let signature = Feed::own(log.key()).signature(&log, index + 1).unwrap();
    crate::message::Data { index, value: None, nodes: proof.nodes, signature }
}
