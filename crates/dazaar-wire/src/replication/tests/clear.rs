//! Blocks that go away.

use std::ops::Range;

use dazaar_log::storage::{FileName, MemoryStorage, Storage};

use super::jar::*;
use crate::replication::{Download, ReplicationEvent};

#[test]
fn cleared_blocks_are_not_fetched_again_unless_wanted() {
    let downloads = [Download::All, Download::Linear, Download::Sparse];
    for (download, mut jar) in
        downloads.into_iter().flat_map(|download| [(download, Jar::new(1)), (download, Jar::of_ranges(1))])
    {
        let (seller, buyer) = (jar.writer(100), jar.reader(download));
        jar.connect(seller, buyer);
        jar.hosts[buyer].feeds[0].want(0..100);
        jar.settle();
        jar.hosts[buyer].clear(20..50);
        jar.settle();
        let held = |jar: &Jar| jar.hosts[buyer].log.have().runs(0..u64::MAX).collect::<Vec<_>>();
        assert_eq!(held(&jar), [0..20, 50..100]);
        let host = &jar.hosts[buyer];
        assert!(host.feeds[0].is_complete(&host.log));
        jar.hosts[buyer].feeds[0].want(30..40);
        jar.settle();
        assert_eq!(held(&jar), [0..20, 30..40, 50..100]);
        jar.assert_intact(buyer);
    }
}

#[test]
fn what_a_peer_cleared_is_asked_of_others() {
    for mut jar in [Jar::new(2), Jar::of_ranges(2)] {
        let first = jar.writer(3000);
        let second = jar.reader(Download::All);
        jar.connect(first, second);
        jar.settle();
        let sink = jar.reader(Download::Linear);
        let links = [jar.connect(first, sink), jar.connect(second, sink)];
        jar.sleep(std::time::Duration::from_millis(100));
        jar.hosts[first].clear(0..3000);
        jar.settle();
        jar.assert_holds(sink, 0..3000);
        assert!(links.iter().all(|&link| jar.links[link].fault.is_none()));
    }
}

/// Nobody announces a block to the peer that it came from, so that peer learns only now who else has it.
#[test]
fn who_cleared_a_block_gets_it_back_from_whom_it_gave_it_to() {
    for mut jar in [Jar::new(5), Jar::of_ranges(5)] {
        let (source, middle, sink) = (jar.writer(100), jar.reader(Download::All), jar.reader(Download::All));
        jar.connect(source, middle);
        jar.connect(middle, sink);
        jar.settle();
        jar.hosts[middle].clear(20..50);
        jar.hosts[source].clear(0..100);
        jar.settle();
        jar.hosts[middle].feeds[0].want(30..40);
        jar.settle();
        assert_eq!(
            jar.hosts[middle].log.have().runs(0..u64::MAX).collect::<Vec<_>>(),
            [0..20, 30..40, 50..100]
        );
    }
}

#[test]
fn what_nobody_has_is_not_asked_for() {
    for mut jar in [Jar::new(3), Jar::of_ranges(3)] {
        let (seller, buyer) = (jar.writer(100), jar.reader(Download::All));
        jar.hosts[seller].clear(10..20);
        let is_settled = |jar: &Jar| jar.hosts[buyer].feeds[0].is_settled(&jar.hosts[buyer].log);
        assert!(!is_settled(&jar), "nobody was asked");
        let link = jar.connect(seller, buyer);
        while jar.hosts[buyer].log.downloaded() < 90 {
            assert!(!is_settled(&jar), "there is more to come");
            jar.sleep(std::time::Duration::from_millis(1));
        }
        jar.settle();
        assert!(is_settled(&jar));
        let host = &jar.hosts[buyer];
        assert_eq!(host.log.have().runs(0..u64::MAX).collect::<Vec<_>>(), [0..10, 20..100]);
        assert!(!host.feeds[0].is_complete(&host.log));
        assert_eq!(jar.links[link].fault, None);
    }
}

#[test]
fn what_a_growing_feed_has_more_is_not_taken_for_gone() {
    for mut jar in [Jar::new(6), Jar::of_ranges(6)] {
        let (seller, buyer) = (jar.writer(20_000), jar.reader(Download::All));
        jar.connect(seller, buyer);
        for _ in 0..300 {
            // Blocks may be sent with the proof of a longer log before anybody is told of that.
            let before = jar.hosts[seller].log.length();
            let blocks: Vec<_> = (before..before + 7).map(block_bytes).collect();
            jar.hosts[seller].log.append(&blocks).unwrap();
            jar.sleep(std::time::Duration::from_millis(1));
            let host = &jar.hosts[buyer];
            let is_complete = host.log.downloaded() == host.log.length();
            assert!(is_complete || !host.feeds[0].is_settled(&host.log), "{} blocks", host.log.length());
            let Host { log, feeds, .. } = &mut jar.hosts[seller];
            feeds.iter_mut().for_each(|feed| feed.handle_added(before..before + 7, log));
        }
        jar.settle();
        let length = jar.hosts[seller].log.length();
        jar.assert_holds(buyer, 0..length);
        assert!(jar.hosts[buyer].feeds[0].is_settled(&jar.hosts[buyer].log));
    }
}

#[test]
fn a_peer_that_does_not_answer_may_have_more() {
    for mut jar in [Jar::new(5), Jar::of_ranges(5)] {
        let (seller, buyer) = (jar.writer(100), jar.reader(Download::All));
        let link = jar.connect(seller, buyer);
        let is_settled = |jar: &Jar| jar.hosts[buyer].feeds[0].is_settled(&jar.hosts[buyer].log);
        jar.set_uploading(link, 0, false);
        jar.settle();
        assert!(!is_settled(&jar));
        jar.set_uploading(link, 0, true);
        jar.settle();
        assert!(is_settled(&jar));
        jar.assert_holds(buyer, 0..100);
    }
}

#[test]
fn an_open_range_is_cleared_up_to_the_end_of_the_log() {
    let mut jar = Jar::new(4);
    let (seller, buyer) = (jar.writer(100), jar.reader(Download::Linear));
    let link = jar.connect(seller, buyer);
    jar.settle();
    let before = jar.links[link].messages;
    jar.hosts[seller].clear(40..u64::MAX);
    jar.hosts[buyer].clear(200..u64::MAX);
    jar.hosts[buyer].clear(90..u64::MAX);
    jar.settle();
    assert_eq!(jar.links[link].messages - before, 3, "an `Unhave` each, and what the buyer keeps");
    jar.hosts[seller].append(10);
    jar.settle();
    let held: Vec<_> = jar.hosts[buyer].log.have().runs(0..u64::MAX).collect();
    assert_eq!(held, [0..90, 100..110], "what comes later was not cleared");
    assert_eq!(jar.links[link].fault, None);
}

/// A seller of 100 blocks, whose disk damaged a file.
fn damaged_seller(jar: &mut Jar, file: FileName, offset: u64, bytes: &[u8]) -> usize {
    let mut written = MemoryLog::create(MemoryStorage::new(), pair(1)).unwrap();
    written.append(&(0..100).map(block_bytes).collect::<Vec<_>>()).unwrap();
    written.flush().unwrap();
    let mut storage = written.into_storage();
    storage.write(file, offset, bytes).unwrap();
    jar.add(MemoryLog::open(storage).unwrap(), Download::None)
}

/// Blocks that a buyer lacks, which must be those that the seller found damaged.
#[track_caller]
fn lost(jar: &Jar, seller: usize, buyer: usize, wanted: Range<u64>) -> Vec<u64> {
    jar.assert_intact(buyer);
    let have = jar.hosts[buyer].log.have();
    let missing: Vec<_> = wanted.filter(|&block| !have.get(block)).collect();
    let damaged = jar.hosts[seller].events.iter().filter_map(|event| match event {
        ReplicationEvent::Damaged { block } => Some(*block),
        _ => None,
    });
    assert_eq!(damaged.collect::<Vec<_>>(), missing);
    missing
}

#[test]
fn a_block_that_our_disk_damaged_is_gone_and_the_others_are_served() {
    // Of 100 blocks, one has a wrong byte; then one also lacks the leaf that another's proof needs.
    for (file, offset, bytes, expected) in [
        (FileName::Data, (0..51).map(|block| block_bytes(block).len() as u64).sum(), &b"x"[..], vec![51]),
        (FileName::Tree, 32 + 40 * 2 * 60, &[0; 40][..], vec![60, 61]),
    ] {
        for mut jar in [Jar::new(1), Jar::of_ranges(1)] {
            let seller = damaged_seller(&mut jar, file, offset, bytes);
            let buyer = jar.reader(Download::Linear);
            let link = jar.connect(seller, buyer);
            jar.settle();
            assert_eq!(jar.links[link].fault, None);
            let missing = lost(&jar, seller, buyer, 0..100);
            assert!(
                !missing.is_empty() && missing.iter().all(|block| expected.contains(block)),
                "{missing:?}"
            );
        }
    }
}

/// The proof of all that is wanted needs the node, most others do without it.
#[test]
fn a_node_that_our_disk_damaged_costs_only_the_blocks_that_it_proves() {
    let node_over_60_to_64 = 32 + 40 * 123;
    for mut jar in [Jar::new(1), Jar::of_ranges(1)] {
        let seller = damaged_seller(&mut jar, FileName::Tree, node_over_60_to_64, &[0; 40]);
        let buyer = jar.reader(Download::Sparse);
        jar.hosts[buyer].feeds[0].want(0..60);
        let link = jar.connect(seller, buyer);
        jar.settle();
        assert_eq!(jar.links[link].fault, None);
        assert_eq!(lost(&jar, seller, buyer, 0..60), [56, 57, 58, 59]);
    }
}
