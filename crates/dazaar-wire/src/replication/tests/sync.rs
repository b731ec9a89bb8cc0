//! Peers that do what they should.

use std::time::Duration;

use dazaar_log::storage::MemoryStorage;

use super::jar::*;
use super::javascript::JsPeer;
use crate::replication::{Download, Progress, ReplicationEvent};

#[test]
fn fetches_everything() {
    for (seed, blocks) in (0..).zip([0, 1, 2, 5, 64, 65, 1000, 8192, 8193]) {
        for download in [Download::All, Download::Linear] {
            let mut jar = Jar::new(seed);
            let (seller, buyer) = (jar.writer(blocks), jar.reader(download));
            jar.connect(seller, buyer);
            jar.settle();
            jar.assert_holds(buyer, 0..blocks);
            let host = &jar.hosts[buyer];
            let bytes = (0..blocks).map(|block| block_bytes(block).len() as u64).sum();
            let done = Progress { have: blocks, length: blocks, bytes_down: bytes, bytes_up: 0 };
            assert_eq!(host.feeds[0].progress(&host.log), done);
            assert_eq!(jar.hosts[seller].feeds[0].progress(&jar.hosts[seller].log).bytes_up, bytes);
            let complete = host.events.contains(&ReplicationEvent::Complete { length: blocks });
            assert_eq!(complete, blocks > 0);
        }
    }
}

#[test]
fn a_hundred_thousand_blocks() {
    let mut jar = Jar::new(7);
    let (seller, buyer) = (jar.writer(100_000), jar.reader(Download::All));
    let link = jar.connect(seller, buyer);
    jar.settle();
    jar.assert_holds(buyer, 0..100_000);
    assert!(jar.now < Duration::from_secs(120), "the window did not grow: {:?}", jar.now);
    assert!(jar.links[link].messages < 201_000, "{} messages", jar.links[link].messages);
}

#[test]
fn linear_comes_in_order() {
    let mut jar = Jar::new(1);
    let (seller, buyer) = (jar.writer(500), jar.reader(Download::Linear));
    jar.connect(seller, buyer);
    jar.settle();
    assert_eq!(jar.hosts[buyer].stored(), (0..500).collect::<Vec<_>>());
}

#[test]
fn all_starts_somewhere_and_wraps() {
    let mut jar = Jar::new(1);
    let (seller, buyer) = (jar.writer(500), jar.reader(Download::All));
    jar.connect(seller, buyer);
    jar.settle();
    let stored = jar.hosts[buyer].stored();
    assert_ne!(stored[0], 0);
    assert_eq!(stored, (stored[0]..500).chain(0..stored[0]).collect::<Vec<_>>());
}

#[test]
fn sparse_fetches_only_what_is_wanted() {
    let mut jar = Jar::new(2);
    let (seller, buyer) = (jar.writer(1000), jar.reader(Download::Sparse));
    jar.connect(seller, buyer);
    jar.settle();
    assert_eq!((jar.hosts[buyer].log.length(), jar.hosts[buyer].log.downloaded()), (0, 0));
    let feed = &mut jar.hosts[buyer].feeds[0];
    feed.want(300..310);
    feed.want(999..1002);
    feed.unwant(305..306);
    jar.settle();
    let host = &jar.hosts[buyer];
    let held: Vec<_> = host.log.have().runs(0..u64::MAX).collect();
    assert_eq!(held, [300..305, 306..310, 999..1000]);
    assert!(!host.feeds[0].is_complete(&host.log), "two wanted blocks do not exist yet");
    jar.hosts[seller].append(5);
    jar.settle();
    let host = &jar.hosts[buyer];
    assert!(host.log.has(1001) && !host.log.has(1002) && host.feeds[0].is_complete(&host.log));
    jar.assert_intact(buyer);
}

#[test]
fn completion_is_told_when_it_is_reached() {
    let complete = |jar: &Jar, host: usize| {
        let is_complete = |event: &&ReplicationEvent| matches!(event, ReplicationEvent::Complete { .. });
        jar.hosts[host].events.iter().filter(is_complete).count()
    };
    let mut jar = Jar::new(2);
    let (seller, all, sparse) = (jar.writer(50), jar.reader(Download::All), jar.reader(Download::Sparse));
    jar.connect(seller, all);
    jar.connect(seller, sparse);
    jar.settle();
    assert_eq!([complete(&jar, seller), complete(&jar, all), complete(&jar, sparse)], [0, 1, 0]);
    jar.hosts[sparse].feeds[0].want(3..5);
    jar.hosts[seller].append(1);
    jar.settle();
    assert_eq!([complete(&jar, seller), complete(&jar, all), complete(&jar, sparse)], [0, 2, 1]);
    jar.hosts[sparse].feeds[0].want(4..5);
    jar.settle();
    assert_eq!(complete(&jar, sparse), 2, "what is wanted is here already");
}

#[test]
fn a_want_far_out_is_asked_for_and_only_its_range() {
    let far = 3 << 20;
    let mut jar = Jar::new(2);
    let seller = jar.writer(0);
    let blocks: Vec<_> = (0..far + 10).map(|_| b"").collect();
    jar.hosts[seller].log.append(&blocks).unwrap();
    let buyer = jar.reader(Download::Sparse);
    let link = jar.connect(seller, buyer);
    jar.hosts[buyer].feeds[0].want(far + 1..far + 4);
    jar.settle();
    assert_eq!(jar.hosts[buyer].stored(), [far + 1, far + 2, far + 3]);
    assert!(jar.links[link].messages < 15, "{} messages", jar.links[link].messages);
}

#[test]
fn update_proves_the_length_without_a_block() {
    let mut jar = Jar::new(3);
    let (seller, buyer) = (jar.writer(100), jar.reader(Download::Sparse));
    jar.hosts[buyer].feeds[0].update();
    jar.connect(seller, buyer);
    jar.settle();
    assert_eq!((jar.hosts[buyer].log.length(), jar.hosts[buyer].log.downloaded()), (100, 0));
    jar.hosts[seller].append(7);
    jar.settle();
    assert_eq!(jar.hosts[buyer].log.length(), 100, "a claim is not a proof");
    jar.hosts[buyer].feeds[0].update();
    jar.settle();
    assert_eq!(jar.hosts[buyer].log.length(), 107);
    assert!(jar.hosts[buyer].events.contains(&ReplicationEvent::Length { length: 107 }));
}

#[test]
fn live_appends_arrive() {
    for download in [Download::All, Download::Linear] {
        let mut jar = Jar::new(4);
        let (seller, buyer) = (jar.writer(10), jar.reader(download));
        jar.connect(seller, buyer);
        for count in [0, 1, 3, 100, 1, 1] {
            jar.hosts[seller].append(count);
            let pause = jar.dice.below(80);
            jar.sleep(Duration::from_millis(pause));
        }
        jar.settle();
        jar.assert_holds(buyer, 0..116);
    }
}

#[test]
fn a_feed_that_starts_empty() {
    let mut jar = Jar::new(4);
    let (seller, buyer) = (jar.writer(0), jar.reader(Download::All));
    jar.connect(seller, buyer);
    jar.settle();
    assert!(!jar.hosts[buyer].feeds[0].is_complete(&jar.hosts[buyer].log));
    jar.hosts[seller].append(3);
    jar.settle();
    jar.assert_holds(buyer, 0..3);
}

#[test]
fn appends_to_a_slow_peer_join() {
    let mut jar = Jar::new(5);
    let (seller, buyer) = (jar.writer(1), jar.reader(Download::All));
    let link = jar.connect(seller, buyer);
    jar.settle();
    jar.links[link].deaf = Some(1);
    let before = jar.links[link].messages;
    (0..1000).for_each(|_| jar.hosts[seller].append(1));
    jar.sleep(Duration::from_secs(1));
    assert_eq!(jar.links[link].messages - before, 1);
    jar.links[link].deaf = None;
    jar.settle();
    jar.assert_holds(buyer, 0..1001);
}

#[test]
fn reconnects_with_a_partial_feed() {
    let mut jar = Jar::new(6);
    let (seller, buyer) = (jar.writer(3000), jar.reader(Download::All));
    let mut link = jar.connect(seller, buyer);
    for _ in 0..5 {
        jar.sleep(Duration::from_millis(60));
        jar.cut(link);
        link = jar.connect(seller, buyer);
    }
    jar.settle();
    jar.assert_holds(buyer, 0..3000);
    let mut stored = jar.hosts[buyer].stored();
    stored.sort_unstable();
    stored.dedup();
    assert_eq!(stored.len(), 3000);
}

#[test]
fn three_sources_one_sink() {
    let mut jar = Jar::new(8);
    let first = jar.writer(5000);
    let sources = [first, jar.reader(Download::All), jar.reader(Download::All)];
    for source in &sources[1..] {
        jar.connect(first, *source);
    }
    jar.settle();
    let sink = jar.reader(Download::All);
    for source in sources {
        jar.connect(source, sink);
    }
    jar.settle();
    jar.assert_holds(sink, 0..5000);
    assert_eq!(jar.hosts[sink].stored().len(), 5000, "no block came twice");
    for source in sources {
        let host = &jar.hosts[source];
        let to_sink = |event: &&ReplicationEvent| matches!(event, ReplicationEvent::Uploaded { peer, .. } if peer.0 >= 2);
        let given = host.events.iter().filter(to_sink).count();
        assert!((200..4000).contains(&given), "source {source} gave {given} blocks");
    }
}

#[test]
fn the_requests_of_a_lost_peer_go_to_others() {
    let mut jar = Jar::new(9);
    let first = jar.writer(2000);
    let second = jar.reader(Download::All);
    jar.connect(first, second);
    jar.settle();
    let sink = jar.reader(Download::Linear);
    let lost = jar.connect(first, sink);
    jar.connect(second, sink);
    jar.sleep(Duration::from_millis(100));
    jar.links[lost].deaf = Some(0);
    jar.sleep(Duration::from_secs(1));
    assert!(jar.hosts[sink].log.have().next_clear(0) < 2000);
    jar.cut(lost);
    jar.settle();
    jar.assert_holds(sink, 0..2000);
}

#[test]
fn a_peer_that_answers_nothing_is_given_up() {
    let mut jar = Jar::new(9);
    let (seller, buyer) = (jar.writer(2000), jar.reader(Download::All));
    let link = jar.connect(seller, buyer);
    jar.sleep(Duration::from_millis(100));
    jar.links[link].deaf = Some(0);
    jar.sleep(Duration::from_secs(25));
    assert_eq!(jar.links[link].fault.as_deref(), Some("no requested block within 20 s"));
}

#[test]
fn a_swarm_passes_blocks_on() {
    let mut jar = Jar::new(10);
    let seller = jar.writer(4000);
    let swarm: Vec<_> = (0..4).map(|_| jar.reader(Download::All)).collect();
    jar.connect(seller, swarm[0]);
    jar.connect(seller, swarm[1]);
    for (at, left) in swarm.iter().enumerate() {
        swarm[at + 1..].iter().for_each(|right| _ = jar.connect(*left, *right));
    }
    jar.settle();
    jar.hosts[seller].append(10);
    jar.settle();
    for peer in swarm {
        jar.assert_holds(peer, 0..4010);
        assert_eq!(jar.hosts[peer].stored().len(), 4010, "no block came twice");
    }
    let given = jar.hosts[seller].feeds[0].progress(&jar.hosts[seller].log).bytes_up;
    let all: u64 = (0..4010).map(|block| block_bytes(block).len() as u64).sum();
    assert!(given < 3 * all, "peers got blocks from each other: {given} of {}", 4 * all);
}

#[test]
fn re_keyed_feeds_of_one_log() {
    let mut jar = Jar::new(11);
    let seller = jar.writer(300);
    let mut buyers = Vec::new();
    for seed in [21, 22, 23] {
        let end = jar.rekey(seller, seed);
        let buyer = jar.reader_of(pair(seed).public(), Download::All);
        jar.link([end, End::Ours { host: buyer, feed: 0 }]);
        buyers.push(buyer);
    }
    jar.sleep(Duration::from_millis(30));
    jar.hosts[seller].append(20);
    jar.settle();
    for buyer in buyers {
        jar.assert_holds(buyer, 0..320);
    }
}

#[test]
fn a_re_keyed_feed_of_a_log_that_is_being_fetched() {
    let mut jar = Jar::new(12);
    let (origin, seller) = (jar.writer(300), jar.reader(Download::All));
    let end = jar.rekey(seller, 21);
    let buyer = jar.reader_of(pair(21).public(), Download::All);
    jar.link([end, End::Ours { host: buyer, feed: 0 }]);
    jar.connect(origin, seller);
    jar.settle();
    jar.hosts[origin].append(20);
    jar.settle();
    jar.assert_holds(buyer, 0..320);
}

#[test]
fn from_a_javascript_seller() {
    for download in [Download::All, Download::Linear] {
        let mut jar = Jar::new(13);
        jar.js.push(JsPeer::writer(700));
        let buyer = jar.reader(download);
        let link = jar.link([End::Js(0), End::Ours { host: buyer, feed: 0 }]);
        jar.sleep(Duration::from_millis(50));
        jar.js[0].append(30);
        jar.js[0].append(1);
        jar.settle();
        jar.assert_holds(buyer, 0..731);
        jar.cut(link);
    }
}

#[test]
fn to_a_javascript_buyer() {
    let mut jar = Jar::new(14);
    let seller = jar.writer(700);
    jar.js.push(JsPeer::reader(1));
    jar.link([End::Ours { host: seller, feed: 0 }, End::Js(0)]);
    jar.sleep(Duration::from_millis(50));
    jar.hosts[seller].append(30);
    jar.hosts[seller].append(1);
    jar.settle();
    assert_eq!((jar.js[0].log.length(), jar.js[0].log.downloaded()), (731, 731));
}

#[test]
fn to_a_javascript_buyer_under_its_own_key() {
    let mut jar = Jar::new(15);
    let seller = jar.writer(700);
    let end = jar.rekey(seller, 21);
    jar.js.push(JsPeer::reader(21));
    jar.link([end, End::Js(0)]);
    jar.settle();
    assert_eq!((jar.js[0].log.length(), jar.js[0].log.downloaded()), (700, 700));
}

#[test]
fn a_javascript_swarm() {
    let mut jar = Jar::new(16);
    jar.js.extend([JsPeer::writer(900), JsPeer::reader(1)]);
    let ours = jar.reader(Download::All);
    for ends in [[End::Js(0), End::Js(1)], [End::Js(1), End::Ours { host: ours, feed: 0 }]] {
        jar.link(ends);
    }
    jar.settle();
    jar.js[0].append(5);
    jar.settle();
    jar.assert_holds(ours, 0..905);
}

#[test]
fn a_log_in_storage_goes_on_where_it_was() {
    let mut jar = Jar::new(17);
    let (seller, buyer) = (jar.writer(100), jar.reader(Download::Sparse));
    let link = jar.connect(seller, buyer);
    jar.hosts[buyer].feeds[0].want(10..20);
    jar.settle();
    jar.cut(link);
    let reader = MemoryLog::create_reader(MemoryStorage::new(), pair(1).public()).unwrap();
    let old = std::mem::replace(&mut jar.hosts[buyer].log, reader);
    let again = jar.add(MemoryLog::open(old.into_storage()).unwrap(), Download::All);
    jar.connect(seller, again);
    jar.settle();
    jar.assert_holds(again, 0..100);
    assert_eq!(jar.hosts[again].stored().len(), 90);
}
