//! Blocks that are weighed, and some withheld.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use super::jar::*;
use crate::replication::{Download, Scale};

/// Withholds what is not in its range; each block weighs one.
#[derive(Debug)]
struct Only(Mutex<Range<u64>>);

impl Scale for Only {
    fn weigh(&self, block: u64, _: &[u8]) -> Option<u64> {
        let open = self.0.lock().unwrap();
        assert!(block >= open.start / 2, "it need not be read");
        open.contains(&block).then_some(1)
    }

    fn withheld_until(&self, block: u64) -> u64 {
        // Only a part of what is withheld is known to be.
        block.max(self.0.lock().unwrap().start / 2)
    }
}

fn held(jar: &Jar, host: usize) -> Vec<Range<u64>> {
    jar.hosts[host].log.have().runs(0..u64::MAX).collect()
}

#[test]
fn what_is_withheld_is_gone_until_it_is_announced() {
    for download in [Download::All, Download::Linear, Download::Sparse] {
        for mut jar in [Jar::new(1), Jar::of_ranges(1)] {
            let (seller, buyer) = (jar.writer(3000), jar.reader(download));
            let scale = Arc::new(Only(Mutex::new(1000..1500)));
            jar.hosts[seller].feeds[0].set_scale(Some(Arc::clone(&scale) as Arc<dyn Scale>));
            let link = jar.connect(seller, buyer);
            jar.hosts[buyer].feeds[0].want(0..3000);
            jar.settle();
            assert_eq!(held(&jar, buyer), [1000..1500], "{download:?}");
            assert!(jar.hosts[buyer].feeds[0].is_settled(&jar.hosts[buyer].log));

            *scale.0.lock().unwrap() = 500..2000;
            let host = &mut jar.hosts[seller];
            host.feeds[0].handle_added(0..3000, &host.log);
            jar.settle();
            assert_eq!(held(&jar, buyer), [500..2000], "{download:?}");
            jar.assert_intact(buyer);
            assert_eq!(jar.links[link].fault, None);
        }
    }
}

#[test]
fn a_limit_counts_what_the_scale_says() {
    for mut jar in [Jar::new(2), Jar::of_ranges(2)] {
        let (seller, buyer) = (jar.writer(3000), jar.reader(Download::Linear));
        jar.hosts[seller].feeds[0].set_scale(Some(Arc::new(Only(Mutex::new(0..u64::MAX)))));
        jar.hosts[seller].feeds[0].set_upload_limit(Some(700));
        jar.connect(seller, buyer);
        jar.settle();
        assert_eq!(jar.hosts[buyer].log.downloaded(), 700);
        jar.hosts[seller].feeds[0].set_upload_limit(Some(1));
        jar.settle();
        assert_eq!(jar.hosts[buyer].log.downloaded(), 701);
    }
}
