//! Blocks that come along with an answer, though nobody asked for them by number.

use super::jar::*;
use super::ranges::{give, polled};
use crate::message::Message;
use crate::replication::limits::{REQUEST_TIMEOUT, SENT_ALONG_QUEUE_MAX};
use crate::replication::{Download, PeerId};

/// A seller and a reader who wants only what it says, and has heard what there is.
fn connected(seed: u64) -> (Jar, [usize; 3]) {
    let mut jar = Jar::of_ranges(seed);
    let (seller, buyer) = (jar.writer(500), jar.reader(Download::Sparse));
    let link = jar.connect(seller, buyer);
    jar.settle();
    (jar, [seller, buyer, link])
}

fn send_along(jar: &mut Jar, host: usize, link: usize, blocks: &[u64]) -> Option<Vec<u64>> {
    let host = &mut jar.hosts[host];
    host.feeds[0].send_along(PeerId(link as u64), blocks, &host.log)
}

fn expect(jar: &mut Jar, host: usize, link: usize, blocks: &[u64]) {
    let now = jar.now;
    let host = &mut jar.hosts[host];
    host.feeds[0].expect(PeerId(link as u64), blocks, &host.log, now);
}

fn holds(jar: &Jar, host: usize, blocks: &[u64]) -> bool {
    blocks.iter().all(|&block| jar.hosts[host].log.has(block))
}

fn fetches(messages: &[Message]) -> usize {
    messages.iter().filter(|message| matches!(message, Message::Fetch { .. })).count()
}

#[test]
fn blocks_that_come_along_are_stored_and_not_asked_for() {
    let (mut jar, [seller, buyer, link]) = connected(1);
    let along = send_along(&mut jar, seller, link, &[400, 3, 7, 8, 3, 1_000_000]).unwrap();
    assert_eq!(along, [3, 7, 8, 400], "each once, and none that is not here");
    expect(&mut jar, buyer, link, &along);
    assert_eq!(fetches(&polled(&mut jar, buyer, link)), 0, "they are on their way");
    let sent = polled(&mut jar, seller, link);
    assert_eq!(sent.len(), 3, "a message for each run");
    give(&mut jar, buyer, link, sent);
    assert!(holds(&jar, buyer, &along));
    assert_eq!(send_along(&mut jar, seller, link, &[3, 7, 9]), Some(vec![9]), "not what was sent already");
    expect(&mut jar, buyer, link, &[9]);
    jar.settle();
    assert!(holds(&jar, buyer, &[7, 8, 9]));
    assert_eq!(jar.links[link].fault, None);
}

#[test]
fn what_was_asked_for_by_number_does_not_come_along() {
    let (mut jar, [seller, buyer, link]) = connected(2);
    jar.hosts[buyer].feeds[0].want(20..22);
    let asked = polled(&mut jar, buyer, link);
    give(&mut jar, seller, link, asked);
    assert_eq!(send_along(&mut jar, seller, link, &[19, 20, 21, 22]), Some(vec![19, 22]));
    expect(&mut jar, buyer, link, &[19, 22]);
    jar.settle();
    assert!(holds(&jar, buyer, &[19, 20, 21, 22]));

    // Unless that is heard of too late: then it comes twice, and nobody minds.
    jar.hosts[buyer].feeds[0].want(30..32);
    let asked = polled(&mut jar, buyer, link);
    let along = send_along(&mut jar, seller, link, &[29, 30, 31, 32]).unwrap();
    assert_eq!(along.len(), 4);
    give(&mut jar, seller, link, asked);
    expect(&mut jar, buyer, link, &along);
    jar.settle();
    assert!(holds(&jar, buyer, &[29, 30, 31, 32]));
    assert_eq!(jar.links[link].fault, None);
    let late = jar.hosts[buyer].feeds[0].handle_timeout(jar.now + 2 * REQUEST_TIMEOUT);
    assert!(late.is_empty(), "nothing is owed any more: {late:?}");
}

#[test]
fn nothing_goes_along_where_nothing_may_be_sent() {
    let (mut jar, [seller, buyer, link]) = connected(3);
    let peer = PeerId(link as u64);
    jar.hosts[seller].feeds[0].set_upload_limit(Some(0));
    assert_eq!(send_along(&mut jar, seller, link, &[1]), None);
    jar.hosts[seller].feeds[0].set_upload_limit(None);
    jar.hosts[seller].feeds[0].set_uploading(peer, false);
    assert_eq!(send_along(&mut jar, seller, link, &[1]), None);
    jar.hosts[seller].feeds[0].set_uploading(peer, true);
    assert_eq!(send_along(&mut jar, seller, link, &[1]), Some(vec![1]));
    // Whoever is revoked meanwhile gets nothing, and may ask again later.
    expect(&mut jar, buyer, link, &[1]);
    jar.hosts[seller].feeds[0].set_uploading(peer, false);
    jar.settle();
    assert!(!jar.hosts[buyer].log.has(1));
    jar.hosts[seller].feeds[0].set_uploading(peer, true);
    jar.settle();
    assert!(holds(&jar, buyer, &[1]));

    // Whoever asks for much by number is answered by number.
    for block in 0..SENT_ALONG_QUEUE_MAX as u64 {
        let asked = Message::Fetch { start: block % 300, length: Some(1) };
        give(&mut jar, seller, link, vec![asked]);
    }
    assert_eq!(send_along(&mut jar, seller, link, &[301]), None);

    let mut classic = Jar::new(4);
    let (seller, buyer) = (classic.writer(5), classic.reader(Download::Sparse));
    let link = classic.connect(seller, buyer);
    classic.settle();
    assert_eq!(send_along(&mut classic, seller, link, &[1]), None, "JavaScript asks for each block");
}

#[test]
fn who_says_that_blocks_come_has_to_send_them() {
    let (mut jar, [_, buyer, link]) = connected(5);
    expect(&mut jar, buyer, link, &[1, 2, 77]);
    let late = jar.hosts[buyer].feeds[0].handle_timeout(jar.now + REQUEST_TIMEOUT);
    assert_eq!(late.len(), 1, "{late:?}");
}
