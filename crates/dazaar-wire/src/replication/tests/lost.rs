//! Requests that get no answer, while others do.

use std::time::Duration;

use super::jar::*;
use crate::replication::Download;
use crate::replication::limits::REQUEST_TIMEOUT;

const BLOCKS: u64 = 6000;

/// A buyer of 6,000 blocks with so many sellers, who have not spoken yet.
fn market(sellers: usize) -> (Jar, usize, Vec<usize>) {
    let mut jar = Jar::new(11);
    let first = jar.writer(BLOCKS);
    let mut hosts = vec![first];
    while hosts.len() < sellers {
        let host = jar.reader(Download::All);
        jar.connect(first, host);
        jar.settle();
        hosts.push(host);
    }
    let buyer = jar.reader(Download::Linear);
    let links = hosts.into_iter().map(|host| jar.connect(host, buyer)).collect();
    (jar, buyer, links)
}

#[test]
fn is_asked_for_again_of_the_only_peer() {
    // Overtaken by too many; too old; and several at once.
    for vanishing in [vec![0], vec![3000], vec![5990], vec![1, 2, 3, 2500, 2501, 5000]] {
        let (mut jar, buyer, links) = market(1);
        jar.links[links[0]].vanishing = vanishing.clone();
        jar.settle();
        let overtaken = vanishing == [0];
        assert_eq!(jar.hosts[buyer].log.have().next_clear(0) == BLOCKS, overtaken, "{vanishing:?}");
        jar.sleep(REQUEST_TIMEOUT);
        jar.settle();
        jar.assert_holds(buyer, 0..BLOCKS);
        assert_eq!(jar.links[links[0]].fault, None);
        assert_eq!(jar.hosts[buyer].feeds[0].poll_timeout(), None);
    }
}

#[test]
fn is_asked_for_again_though_the_clock_is_looked_at_late() {
    let (mut jar, buyer, links) = market(1);
    jar.links[links[0]].vanishing = vec![5000];
    jar.settle();
    jar.now += 2 * REQUEST_TIMEOUT;
    jar.settle();
    assert_eq!(jar.links[links[0]].fault, None);
    jar.assert_holds(buyer, 0..BLOCKS);
}

#[test]
fn twice_ends_the_session_of_the_only_peer() {
    let (mut jar, buyer, links) = market(1);
    jar.links[links[0]].vanishing = vec![3000, 3000];
    jar.settle();
    jar.sleep(REQUEST_TIMEOUT);
    assert_eq!(jar.links[links[0]].fault, None);
    jar.sleep(REQUEST_TIMEOUT + Duration::from_secs(1));
    assert_eq!(jar.links[links[0]].fault.as_deref(), Some("no requested block within 20 s"));
    jar.connect(0, buyer);
    jar.settle();
    jar.assert_holds(buyer, 0..BLOCKS);
}

#[test]
fn is_asked_of_another_peer() {
    let (mut jar, buyer, links) = market(2);
    // Whoever is asked does not hear it.
    links.iter().for_each(|&link| jar.links[link].vanishing = vec![3000]);
    jar.settle();
    jar.sleep(3 * REQUEST_TIMEOUT);
    let faults = links.iter().filter(|&&link| jar.links[link].fault.is_some()).count();
    assert!(faults < 2, "one is left");
    jar.settle();
    jar.assert_holds(buyer, 0..BLOCKS);
}

#[test]
fn returns_to_the_first_peer_when_the_other_is_lost() {
    let (mut jar, buyer, links) = market(2);
    links.iter().for_each(|&link| jar.links[link].vanishing = vec![3000]);
    jar.settle();
    let unasked = links.iter().position(|&link| !jar.links[link].vanishing.is_empty()).unwrap();
    jar.sleep(REQUEST_TIMEOUT + Duration::from_secs(1));
    assert!(jar.links[links[unasked]].vanishing.is_empty(), "both were asked");
    assert!(!jar.hosts[buyer].log.has(3000));
    jar.cut(links[unasked]);
    jar.settle();
    jar.assert_holds(buyer, 0..BLOCKS);
    assert_eq!(jar.links[links[1 - unasked]].fault, None);
}

#[test]
fn a_slow_peer_has_lost_nothing() {
    let (mut jar, buyer, links) = market(1);
    jar.sleep(Duration::from_millis(200));
    // It hears nothing for long, but not for too long; then all that it was asked for is old.
    for _ in 0..4 {
        jar.links[links[0]].deaf = Some(0);
        jar.sleep(REQUEST_TIMEOUT - Duration::from_secs(1));
        jar.links[links[0]].deaf = None;
        jar.sleep(Duration::from_millis(5));
    }
    jar.settle();
    jar.assert_holds(buyer, 0..BLOCKS);
    assert!(jar.links[links[0]].messages < 2 * BLOCKS + 20, "{}", jar.links[links[0]].messages);
}
