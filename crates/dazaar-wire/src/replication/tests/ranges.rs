//! Ranges between peers of our own kind.

use std::time::Duration;

use super::jar::*;
use crate::message::Message;
use crate::replication::limits::{
    DOUBLED_BYTES_FREE, DOUBLED_PART, FETCH_BLOCKS_START, REQUEST_TIMEOUT, SLOW_AFTER,
};
use crate::replication::{Download, PeerId, ReplicationEvent};

/// What one end has to say.
pub(super) fn polled(jar: &mut Jar, host: usize, link: usize) -> Vec<Message> {
    let now = jar.now;
    let host = &mut jar.hosts[host];
    let peer = PeerId(link as u64);
    std::iter::from_fn(|| host.feeds[0].poll_message(peer, &host.log, now).unwrap()).collect()
}

pub(super) fn give(jar: &mut Jar, host: usize, link: usize, messages: Vec<Message>) {
    let host = &mut jar.hosts[host];
    for message in messages {
        host.feeds[0].handle_message(PeerId(link as u64), message, &mut host.log, jar.now).unwrap();
    }
}

/// The first of the messages with which everything is answered has arrived.
fn begun(seed: u64) -> (Jar, [usize; 3]) {
    let mut jar = Jar::of_ranges(seed);
    let (seller, buyer) = (jar.writer(9000), jar.reader(Download::All));
    let link = jar.connect(seller, buyer);
    let asked = polled(&mut jar, buyer, link);
    give(&mut jar, seller, link, asked);
    let mut answers = polled(&mut jar, seller, link);
    let first = answers.iter().position(|answer| matches!(answer, Message::Blocks(_))).unwrap();
    answers.truncate(first + 1);
    give(&mut jar, buyer, link, answers);
    (jar, [seller, buyer, link])
}

#[test]
fn everything_comes_for_one_question() {
    for (seed, blocks) in (0..).zip([0, 1, 2, 65, 1000, 4096, 4097, 20_000]) {
        for download in [Download::All, Download::Linear] {
            let mut jar = Jar::of_ranges(seed);
            let (seller, buyer) = (jar.writer(blocks), jar.reader(download));
            let link = jar.connect(seller, buyer);
            jar.settle();
            jar.assert_holds(buyer, 0..blocks);
            // Status, the seller's Want and its answer, the buyer's and its two, the question, and the blocks.
            assert!(jar.links[link].messages <= 8 + blocks / 4096, "{} messages", jar.links[link].messages);
            assert_eq!(jar.links[link].fault, None);
        }
    }
}

#[test]
fn the_first_blocks_take_one_round_trip() {
    let mut jar = Jar::of_ranges(1);
    let (seller, buyer) = (jar.writer(3000), jar.reader(Download::All));
    let link = jar.connect(seller, buyer);
    let asked = polled(&mut jar, buyer, link);
    assert!(asked.contains(&Message::Fetch { start: 0, length: None }), "{asked:?}");
    give(&mut jar, seller, link, asked);
    let answers = polled(&mut jar, seller, link);
    give(&mut jar, buyer, link, answers);
    jar.assert_holds(buyer, 0..3000);
}

#[test]
fn new_blocks_are_pushed_in_one_message() {
    let mut jar = Jar::of_ranges(2);
    let (seller, buyer) = (jar.writer(10), jar.reader(Download::All));
    let link = jar.connect(seller, buyer);
    jar.settle();
    for count in [1, 1, 50, 3] {
        let before = jar.links[link].messages;
        jar.hosts[seller].append(count);
        jar.settle();
        assert_eq!(jar.links[link].messages, before + 1);
    }
    jar.assert_holds(buyer, 0..65);
    let complete = ReplicationEvent::Complete { length: 65 };
    assert_eq!(jar.hosts[buyer].events.last(), Some(&complete));
    jar.sleep(3 * REQUEST_TIMEOUT);
    assert_eq!(jar.links[link].fault, None, "nothing is owed");
}

#[test]
fn a_reader_goes_on_where_it_stopped() {
    let (mut jar, [seller, buyer, link]) = begun(3);
    jar.cut(link);
    let held = jar.hosts[buyer].log.downloaded();
    assert_eq!(held, 4096);
    let again = jar.connect(seller, buyer);
    let asked = polled(&mut jar, buyer, again);
    assert!(asked.contains(&Message::Fetch { start: held, length: None }), "{asked:?}");
    jar.cut(again);
    jar.connect(seller, buyer);
    jar.settle();
    jar.assert_holds(buyer, 0..9000);
}

#[test]
fn holes_are_filled_before_everything_is_asked_for() {
    let mut jar = Jar::of_ranges(4);
    let (seller, buyer) = (jar.writer(300), jar.reader(Download::All));
    jar.connect(seller, buyer);
    jar.settle();
    jar.hosts[buyer].clear(100..200);
    jar.hosts[buyer].feeds[0].want(100..200);
    jar.settle();
    jar.assert_holds(buyer, 0..300);
    jar.hosts[seller].append(5);
    jar.settle();
    jar.assert_holds(buyer, 0..305);
}

#[test]
fn sparse_reads_ask_for_what_is_wanted() {
    let mut jar = Jar::of_ranges(5);
    let (seller, buyer) = (jar.writer(5000), jar.reader(Download::Sparse));
    jar.connect(seller, buyer);
    for block in [7, 4999, 300, 301, 302] {
        jar.hosts[buyer].feeds[0].want(block..block + 1);
    }
    jar.settle();
    let mut stored = jar.hosts[buyer].stored();
    stored.sort_unstable();
    assert_eq!(stored, [7, 300, 301, 302, 4999]);
    jar.assert_intact(buyer);
}

#[test]
fn sparse_reads_do_not_wait_to_be_told_what_there_is() {
    let mut jar = Jar::of_ranges(12);
    let (seller, buyer) = (jar.writer(100), jar.reader(Download::Sparse));
    [50, 7, 8, 200].into_iter().for_each(|block| jar.hosts[buyer].feeds[0].want(block..block + 1));
    let link = jar.connect(seller, buyer);
    let asked = polled(&mut jar, buyer, link);
    let fetched: Vec<_> = asked.iter().filter(|message| matches!(message, Message::Fetch { .. })).collect();
    assert_eq!(fetched.len(), 3, "{asked:?}");
    give(&mut jar, seller, link, asked);
    let answers = polled(&mut jar, seller, link);
    give(&mut jar, buyer, link, answers);
    assert_eq!(jar.hosts[buyer].log.downloaded(), 3);
    jar.settle();
    jar.hosts[seller].append(150);
    jar.settle();
    assert!(jar.hosts[buyer].log.has(200) && jar.links[link].fault.is_none());
}

#[test]
fn several_peers_share_the_work() {
    let mut jar = Jar::of_ranges(6);
    let (one, buyer) = (jar.writer(30_000), jar.reader(Download::All));
    let other = jar.writer(30_000);
    let links = [jar.connect(one, buyer), jar.connect(other, buyer)];
    jar.settle();
    jar.assert_holds(buyer, 0..30_000);
    for (host, link) in [one, other].into_iter().zip(links) {
        let sent = jar.hosts[host].feeds[0].progress(&jar.hosts[host].log).bytes_up;
        assert!(sent > 0 && jar.links[link].fault.is_none(), "{:?}", jar.links[link].fault);
    }
}

#[test]
fn one_of_several_leaves_work_to_the_others_until_blocks_have_come() {
    let mut jar = Jar::of_ranges(13);
    let (seller, buyer) = (jar.writer(5000), jar.reader(Download::All));
    let newcomer = jar.reader(Download::All);
    let link = jar.connect(seller, buyer);
    jar.connect(newcomer, buyer);
    for (from, to) in [(buyer, seller), (seller, buyer)] {
        let said = polled(&mut jar, from, link);
        give(&mut jar, to, link, said);
    }
    let asked = polled(&mut jar, buyer, link);
    let blocks: u64 = asked
        .iter()
        .filter_map(|message| match message {
            Message::Fetch { length, .. } => Some(length.unwrap_or(u64::MAX)),
            _ => None,
        })
        .sum();
    assert_eq!(blocks, FETCH_BLOCKS_START, "{asked:?}");
}

#[test]
fn a_second_peer_ends_the_push_of_the_first() {
    let mut jar = Jar::of_ranges(7);
    let (seller, first, second) = (jar.writer(100), jar.reader(Download::All), jar.reader(Download::All));
    jar.connect(seller, first);
    jar.connect(seller, second);
    jar.settle();
    let link = jar.connect(first, second);
    jar.settle();
    for _ in 0..20 {
        jar.hosts[seller].append(3);
        jar.settle();
    }
    jar.cut(link);
    jar.hosts[seller].append(1);
    jar.settle();
    jar.assert_holds(first, 0..161);
    jar.assert_holds(second, 0..161);
    assert!(jar.links.iter().all(|link| link.fault.is_none()));
}

#[test]
fn what_was_not_pushed_in_time_is_announced() {
    let mut jar = Jar::of_ranges(12);
    let (seller, buyer) = (jar.writer(10), jar.reader(Download::All));
    let link = jar.connect(seller, buyer);
    jar.settle();
    jar.hosts[seller].append(5);
    let idle = jar.reader(Download::All);
    jar.connect(idle, buyer);
    let said = polled(&mut jar, buyer, link);
    assert!(said.contains(&Message::Cancel { index: 0, bytes: 0, hash: false }), "{said:?}");
    give(&mut jar, seller, link, said);
    jar.settle();
    jar.assert_holds(buyer, 0..15);
}

#[test]
fn a_revoked_reader_gets_nothing_until_it_may_again() {
    let mut jar = Jar::of_ranges(8);
    let (seller, buyer) = (jar.writer(10), jar.reader(Download::All));
    let link = jar.connect(seller, buyer);
    jar.settle();
    jar.set_uploading(link, 0, false);
    jar.settle();
    jar.hosts[seller].append(5);
    jar.settle();
    jar.assert_holds(buyer, 0..10);
    jar.set_uploading(link, 0, true);
    jar.settle();
    jar.assert_holds(buyer, 0..15);
    jar.set_downloading(link, 1, false);
    jar.settle();
    jar.hosts[seller].append(5);
    jar.settle();
    jar.assert_holds(buyer, 0..15);
    jar.set_downloading(link, 1, true);
    jar.settle();
    jar.assert_holds(buyer, 0..20);
}

#[test]
fn what_the_seller_cleared_is_left_out() {
    let mut jar = Jar::of_ranges(9);
    let (seller, buyer) = (jar.writer(300), jar.reader(Download::All));
    jar.hosts[seller].clear(0..100);
    jar.hosts[seller].clear(150..160);
    jar.connect(seller, buyer);
    jar.settle();
    let held: Vec<_> = jar.hosts[buyer].log.have().runs(0..u64::MAX).collect();
    assert_eq!(held, [100..150, 160..300]);
    jar.assert_intact(buyer);
}

#[test]
fn a_re_keyed_feed_is_signed_once_for_each_length() {
    let mut jar = Jar::of_ranges(10);
    let seller = jar.writer(500);
    let sold = jar.rekey(seller, 9);
    let buyer = jar.reader_of(pair(9).public(), Download::All);
    let link = jar.link([sold, End::Ours { host: buyer, feed: 0 }]);
    jar.settle();
    jar.hosts[seller].append(7);
    jar.settle();
    jar.assert_holds(buyer, 0..507);
    assert_eq!(jar.links[link].fault, None);
}

#[test]
fn a_peer_that_owes_and_is_silent_is_given_up() {
    let (mut jar, [_, _, link]) = begun(11);
    jar.sleep(2 * REQUEST_TIMEOUT);
    assert_eq!(jar.links[link].fault.as_deref(), Some("no requested block within 20 s"));
}

/// Blocks of ranges that are owed to a host on a link.
fn owed(jar: &Jar, host: usize, link: usize) -> u64 {
    let fetches = &jar.hosts[host].feeds[0].peers[&PeerId(link as u64)].fetches;
    fetches.owed().map(|range| range.end - range.start).sum()
}

/// A buyer of two who have everything, of whom one has been asked for a part and is silent from then on; and the links to them.
fn half_silent(seed: u64) -> (Jar, usize, [usize; 2]) {
    let mut jar = Jar::of_ranges(seed);
    let (silent, buyer) = (jar.writer(3000), jar.reader(Download::All));
    let other = jar.writer(3000);
    // Only one of several is asked for a part.
    let empty = jar.reader(Download::All);
    jar.connect(empty, buyer);
    jar.settle();
    let silent = jar.connect(silent, buyer);
    while owed(&jar, buyer, silent) == 0 {
        jar.sleep(Duration::from_millis(1));
    }
    jar.links[silent].deaf = Some(1);
    let other = jar.connect(other, buyer);
    jar.settle();
    assert_eq!(jar.hosts[buyer].log.downloaded(), 3000 - owed(&jar, buyer, silent));
    (jar, buyer, [silent, other])
}

#[test]
fn what_a_slow_peer_owes_is_asked_of_an_idle_one_too() {
    for seed in 0..20 {
        let (mut jar, buyer, links) = half_silent(seed);
        jar.sleep(SLOW_AFTER + Duration::from_millis(500));
        jar.assert_holds(buyer, 0..3000);
        assert!(links.iter().all(|link| jar.links[*link].fault.is_none()));
        // What comes after all is nothing new, and no fault.
        let events = jar.hosts[buyer].events.len();
        jar.links[links[0]].deaf = None;
        jar.settle();
        assert_eq!(jar.hosts[buyer].events.len(), events);
        assert_eq!(jar.links[links[0]].fault, None);
        // From then on they share the work again.
        jar.hosts[0].append(50);
        jar.hosts[2].append(50);
        jar.settle();
        jar.assert_holds(buyer, 0..3050);
    }
}

/// A buyer of one who sends a block now and then, and of one who has nothing else to do; and the links to them.
fn trickling(seed: u64) -> (Jar, usize, [usize; 2]) {
    let mut jar = Jar::of_ranges(seed);
    let blocks: Vec<_> = (0..3000_u32).map(|block| [&block.to_be_bytes()[..], &[7; 4092]].concat()).collect();
    let [slow, other] = [(); 2].map(|()| {
        let host = jar.writer(0);
        jar.hosts[host].log.append(&blocks).unwrap();
        host
    });
    let buyer = jar.reader(Download::All);
    let empty = jar.reader(Download::All);
    jar.connect(empty, buyer);
    jar.settle();
    let slow = jar.connect(slow, buyer);
    // It has shown how large a block is, and owes four megabytes.
    while owed(&jar, buyer, slow) < 900 {
        jar.sleep(Duration::from_millis(1));
    }
    jar.links[slow].deaf = Some(1);
    let other = jar.connect(other, buyer);
    jar.settle();
    assert_eq!(jar.hosts[buyer].log.downloaded(), 3000 - owed(&jar, buyer, slow));
    (jar, buyer, [slow, other])
}

#[test]
fn no_more_is_asked_for_twice_than_a_part_of_what_came() {
    for seed in 0..5 {
        let (mut jar, buyer, links) = trickling(seed);
        let (before, owed_before) = (jar.hosts[buyer].log.downloaded(), owed(&jar, buyer, links[0]));
        jar.sleep(SLOW_AFTER + Duration::from_secs(1));
        let came = jar.hosts[buyer].log.downloaded() - before;
        let down = jar.hosts[buyer].feeds[0].progress(&jar.hosts[buyer].log).bytes_down;
        let most = (DOUBLED_BYTES_FREE + down / DOUBLED_PART) / 4096;
        assert!(
            (most * 9 / 10..=most).contains(&came) && came < owed_before,
            "{came} of {owed_before}, {most}"
        );
        // What does not come for much longer is not waited for, though the peer says something now and then.
        jar.sleep(REQUEST_TIMEOUT - Duration::from_secs(5));
        assert!(jar.deliver_next(links[0], 1));
        assert!(jar.hosts[buyer].log.downloaded() < 3000);
        jar.sleep(Duration::from_secs(6));
        assert_eq!(jar.links[links[0]].fault, None, "it goes on");
        assert_eq!(jar.hosts[buyer].log.downloaded(), 3000);
    }
}

/// Blocks that a host sent.
fn sent(jar: &Jar, host: usize) -> u64 {
    let sent = jar.hosts[host].events.iter().map(|event| match event {
        ReplicationEvent::Uploaded { blocks, .. } => blocks.end - blocks.start,
        _ => 0,
    });
    sent.sum()
}

/// As when a purchase moves to a better address: who sells by the byte counts what is sent.
#[test]
fn a_peer_that_is_left_sends_what_is_under_way_and_nobody_sends_that_again() {
    for seed in 0..6 {
        let mut jar = Jar::of_ranges(seed);
        let (seller, buyer) = (jar.writer(200_000), jar.reader(Download::All));
        let old = jar.connect(seller, buyer);
        while jar.hosts[buyer].log.downloaded() < 30_000 * seed {
            jar.sleep(Duration::from_millis(1));
        }
        let left = PeerId(old as u64);
        jar.hosts[buyer].feeds[0].leave(left);
        jar.connect(seller, buyer);
        while jar.hosts[buyer].feeds[0].owes(left) {
            jar.sleep(Duration::from_millis(1));
        }
        jar.cut(old);
        jar.settle();
        jar.assert_holds(buyer, 0..200_000);
        assert!(sent(&jar, seller) <= 200_001, "{} blocks, seed {seed}", sent(&jar, seller));
        // It is served as the only one again.
        jar.hosts[seller].append(50);
        jar.settle();
        jar.assert_holds(buyer, 0..200_050);
    }
}

#[test]
fn what_a_peer_that_is_left_does_not_send_is_asked_of_others() {
    for seed in 0..3 {
        let mut jar = Jar::of_ranges(seed);
        // More than is under way at once.
        let (seller, buyer) = (jar.writer(300_000), jar.reader(Download::All));
        let old = jar.connect(seller, buyer);
        while jar.hosts[buyer].log.downloaded() == 0 {
            jar.sleep(Duration::from_millis(1));
        }
        jar.links[old].deaf = Some(1);
        jar.hosts[buyer].feeds[0].leave(PeerId(old as u64));
        jar.connect(seller, buyer);
        jar.settle();
        assert!(
            jar.hosts[buyer].feeds[0].owes(PeerId(old as u64)) && jar.hosts[buyer].log.downloaded() < 300_000
        );
        jar.cut(old);
        jar.settle();
        jar.assert_holds(buyer, 0..300_000);
    }
}

#[test]
fn what_two_owe_is_asked_anew_when_both_are_gone() {
    for seed in 0..20 {
        let (mut jar, buyer, links) = half_silent(seed);
        jar.links[links[1]].deaf = Some(1);
        jar.sleep(SLOW_AFTER + Duration::from_millis(100));
        assert_eq!(jar.hosts[buyer].log.downloaded(), 3000 - owed(&jar, buyer, links[0]));
        assert_eq!(owed(&jar, buyer, links[1]), owed(&jar, buyer, links[0]));
        let third = jar.writer(3000);
        jar.cut(links[(seed % 2) as usize]);
        jar.cut(links[1 - (seed % 2) as usize]);
        jar.connect(third, buyer);
        jar.settle();
        jar.assert_holds(buyer, 0..3000);
    }
}
