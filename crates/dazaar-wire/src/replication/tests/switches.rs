//! Switches that are turned in mid-stream.

use std::time::Duration;

use super::jar::*;
use super::javascript::JsPeer;
use crate::replication::Download;

const SOME_MS: Duration = Duration::from_millis(120);

#[test]
fn revoked_and_restored() {
    for download in [Download::All, Download::Linear] {
        let mut jar = Jar::new(1);
        let (seller, buyer) = (jar.writer(20_000), jar.reader(download));
        let link = jar.connect(seller, buyer);
        for _ in 0..3 {
            jar.sleep(SOME_MS);
            jar.set_uploading(link, 0, false);
            jar.settle();
            let held = jar.hosts[buyer].log.downloaded();
            assert!(held > 0 && held < 20_000, "{held} blocks");
            jar.hosts[seller].append(1);
            jar.sleep(Duration::from_secs(60));
            assert_eq!(jar.hosts[buyer].log.downloaded(), held, "nothing comes after a revocation");
            jar.set_uploading(link, 0, true);
        }
        jar.settle();
        jar.assert_holds(buyer, 0..20_003);
        assert_eq!(jar.links[link].fault, None);
    }
}

#[test]
fn a_revoked_peer_does_not_hear_of_new_blocks() {
    let mut jar = Jar::new(2);
    let (seller, buyer) = (jar.writer(10), jar.reader(Download::All));
    let link = jar.connect(seller, buyer);
    jar.settle();
    jar.set_uploading(link, 0, false);
    jar.settle();
    jar.hosts[seller].append(90);
    jar.settle();
    let length = |jar: &Jar| jar.hosts[buyer].feeds[0].progress(&jar.hosts[buyer].log).length;
    assert_eq!(length(&jar), 10);
    jar.set_uploading(link, 0, true);
    jar.settle();
    assert_eq!(length(&jar), 100);
}

#[test]
fn a_revocation_that_is_over_before_anybody_looks() {
    let mut jar = Jar::new(3);
    let (seller, buyer) = (jar.writer(20_000), jar.reader(Download::All));
    let link = jar.connect(seller, buyer);
    for _ in 0..10 {
        jar.sleep(SOME_MS);
        jar.set_uploading(link, 0, false);
        jar.set_uploading(link, 0, true);
    }
    jar.settle();
    jar.assert_holds(buyer, 0..20_000);
    assert_eq!(jar.links[link].fault, None);
}

#[test]
fn restored_after_the_first_want_was_ignored() {
    let mut jar = Jar::new(3);
    let (seller, buyer) = (jar.writer(50), jar.reader(Download::All));
    let link = jar.connect(seller, buyer);
    jar.set_uploading(link, 0, false);
    jar.settle();
    jar.assert_holds(buyer, 0..0);
    jar.set_uploading(link, 0, true);
    jar.settle();
    jar.assert_holds(buyer, 0..50);
}

#[test]
fn one_peer_of_a_feed_is_revoked_and_the_other_is_not() {
    let mut jar = Jar::new(4);
    let (seller, paid, unpaid) = (jar.writer(500), jar.reader(Download::All), jar.reader(Download::All));
    let links = [jar.connect(seller, paid), jar.connect(seller, unpaid)];
    jar.set_uploading(links[1], 0, false);
    jar.settle();
    jar.assert_holds(paid, 0..500);
    jar.assert_holds(unpaid, 0..0);
}

#[test]
fn the_buyer_stops_asking() {
    let mut jar = Jar::new(5);
    let (seller, buyer) = (jar.writer(20_000), jar.reader(Download::All));
    let link = jar.connect(seller, buyer);
    jar.sleep(SOME_MS);
    jar.set_downloading(link, 1, false);
    jar.settle();
    let held = jar.hosts[buyer].log.downloaded();
    assert!(held > 0 && held < 20_000, "{held} blocks");
    jar.sleep(Duration::from_secs(30));
    assert_eq!(jar.links[link].fault, None);
    jar.set_downloading(link, 1, true);
    jar.settle();
    jar.assert_holds(buyer, 0..20_000);
}

#[test]
fn a_writer_is_not_made_to_download() {
    let mut jar = Jar::new(6);
    let (seller, buyer) = (jar.writer(10), jar.reader(Download::All));
    let link = jar.connect(seller, buyer);
    jar.set_downloading(link, 0, true);
    jar.settle();
    let before = jar.links[link].messages;
    jar.set_downloading(link, 0, false);
    jar.settle();
    assert_eq!(jar.links[link].messages, before, "nothing has changed");
}

#[test]
fn a_javascript_buyer_is_revoked_and_restored() {
    let mut jar = Jar::new(7);
    let seller = jar.writer(5000);
    jar.js.push(JsPeer::reader(1));
    let link = jar.link([End::Ours { host: seller, feed: 0 }, End::Js(0)]);
    jar.sleep(SOME_MS);
    jar.set_uploading(link, 0, false);
    jar.settle();
    let held = jar.js[0].log.downloaded();
    assert!(held > 0 && held < 5000, "{held} blocks");
    jar.hosts[seller].append(1);
    jar.set_uploading(link, 0, true);
    jar.settle();
    assert_eq!(jar.js[0].log.downloaded(), 5001);
}
