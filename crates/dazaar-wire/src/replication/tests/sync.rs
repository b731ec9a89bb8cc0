//! Peers that do what they should.

use std::time::Duration;

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
