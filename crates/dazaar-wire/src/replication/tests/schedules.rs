//! Whatever happens in whatever order: once faults stop, every wanted block that somebody has is held, and is right.

use std::time::Duration;

use proptest::prelude::*;

use super::jar::*;
use super::javascript::JsPeer;
use crate::replication::Download;

#[derive(Debug, Clone)]
enum Step {
    Append(u64),
    Clear { host: usize, start: u64, length: u64 },
    Cut(usize),
    Deafen(usize),
    Switch { link: usize, end: usize, on: bool },
    Wait(u64),
    Want { start: u64, length: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (1u64..50).prop_map(Step::Append),
        1 => (0usize..4, 0u64..400, 1u64..50).prop_map(|(host, start, length)| Step::Clear { host, start, length }),
        2 => (0usize..20).prop_map(Step::Cut),
        1 => (0usize..20).prop_map(Step::Deafen),
        4 => (0usize..20, 0usize..2, any::<bool>()).prop_map(|(link, end, on)| Step::Switch { link, end, on }),
        4 => (1u64..100).prop_map(Step::Wait),
        1 => (0u64..400, 1u64..50).prop_map(|(start, length)| Step::Want { start, length }),
    ]
}

/// A seller, three readers of different kinds and a JavaScript reader; all know each other.
struct World {
    jar: Jar,
    pairs: Vec<[End; 2]>,
    /// The current link of each pair.
    links: Vec<usize>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut jar = Jar { transfer: None, ..Jar::new(seed) };
        jar.writer(300);
        for download in [Download::All, Download::Linear, Download::Sparse] {
            jar.reader(download);
        }
        jar.js.push(JsPeer::reader(1));
        let ours = |host| End::Ours { host, feed: 0 };
        let mut pairs = vec![[ours(0), End::Js(0)], [End::Js(0), ours(1)]];
        for left in 0..4 {
            pairs.extend((left + 1..4).map(|right| [ours(left), ours(right)]));
        }
        let links = pairs.iter().map(|ends| jar.link(*ends)).collect();
        Self { jar, pairs, links }
    }

    fn take(&mut self, step: Step) {
        let Self { jar, pairs, links } = self;
        match step {
            Step::Append(count) => jar.hosts[0].append(count),
            Step::Clear { host, start, length } => {
                let end = jar.hosts[host].log.length().min(start + length);
                if start < end {
                    jar.hosts[host].clear(start..end);
                }
            }
            Step::Cut(at) => jar.cut(links[at % pairs.len()]),
            Step::Deafen(at) => jar.links[links[at % pairs.len()]].deaf = Some(at % 2),
            Step::Switch { link, end, on } => {
                let (link, ends) = (links[link % pairs.len()], pairs[link % pairs.len()]);
                if matches!(ends[end], End::Ours { .. }) {
                    if link % 2 == 0 {
                        jar.set_uploading(link, end, on)
                    } else {
                        jar.set_downloading(link, end, on)
                    }
                }
            }
            Step::Wait(ms) => jar.sleep(Duration::from_millis(ms)),
            Step::Want { start, length } => jar.hosts[3].feeds[0].want(start..start + length),
        }
    }

    /// Everything works again: all are connected, hear, and may.
    fn heal(&mut self) {
        for (at, ends) in self.pairs.iter().enumerate() {
            if !self.jar.links[self.links[at]].open {
                self.links[at] = self.jar.link(*ends);
            }
            self.jar.links[self.links[at]].deaf = None;
            for (end, kind) in ends.iter().enumerate() {
                if matches!(kind, End::Ours { .. }) {
                    self.jar.set_uploading(self.links[at], end, true);
                    self.jar.set_downloading(self.links[at], end, true);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn everyone_finishes_when_faults_stop(seed: u64, steps in prop::collection::vec(step(), 0..30)) {
        let mut world = World::new(seed);
        let mut cleared = vec![std::collections::BTreeSet::new(); 4];
        let mut wanted = std::collections::BTreeSet::new();
        for step in steps {
            match &step {
                Step::Clear { host, start, length } if *start < world.jar.hosts[*host].log.length() => {
                    cleared[*host].extend(*start..(start + length).min(world.jar.hosts[*host].log.length()));
                    if *host == 3 {
                        wanted.retain(|block| !cleared[3].contains(block));
                    }
                }
                Step::Want { start, length } => {
                    wanted.extend(*start..start + length);
                    cleared[3].retain(|block| !wanted.contains(block));
                }
                _ => {}
            }
            world.take(step);
        }
        world.heal();
        world.jar.settle();
        let jar = &world.jar;
        let length = jar.hosts[0].log.length();
        for (host, cleared) in cleared.iter().enumerate().take(4).skip(1) {
            jar.assert_intact(host);
            for block in 0..length {
                let is_wanted = if host == 3 { wanted.contains(&block) } else { !cleared.contains(&block) };
                let available = (0..4).any(|other| other != host && jar.hosts[other].log.has(block));
                if is_wanted && available {
                    prop_assert!(jar.hosts[host].log.has(block), "host {} lacks block {}", host, block);
                }
            }
        }
        for link in &jar.links {
            let expected = link.fault.as_deref().is_none_or(|fault| fault == "no requested block within 20 s");
            prop_assert!(expected, "{:?}", link.fault);
        }
    }
}
