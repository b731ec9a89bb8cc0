//! Random changes by three writers who hear of each other now and then, against all entries compared with each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::support::TWINS;
use super::support::*;
use crate::db::*;

#[derive(Debug, Clone)]
enum Step {
    Put { writer: usize, key: String },
    Delete { writer: usize, key: String },
    Sync { a: usize, b: usize },
}

fn some_key() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec!["a", "b", "dir", TWINS[0], TWINS[1]]);
    prop::collection::vec(word, 1..4).prop_map(|words| words.join("/"))
}

fn step() -> impl Strategy<Value = Step> {
    let put = (0..3_usize, some_key()).prop_map(|(writer, key)| Step::Put { writer, key });
    let delete = (0..3_usize, some_key()).prop_map(|(writer, key)| Step::Delete { writer, key });
    let sync = (0..3_usize, 0..3_usize).prop_map(|(a, b)| Step::Sync { a, b });
    prop_oneof![12 => put, 4 => delete, 6 => sync]
}

/// Every entry that a peer has and that counts.
fn all_entries(peer: &Peer, stays: &BTreeMap<u8, u64>) -> Vec<Arc<DbNode>> {
    let view = peer.db.view().unwrap();
    let keys: Vec<_> = view.writers().keys().collect();
    let mut entries = Vec::new();
    for (writer, key) in (1..=3).map(|writer| (writer, key(writer))) {
        if let Some(feed) = keys.iter().position(|known| *known == key) {
            let length = peer.db.feeds().get(&key).map_or(0, |blocks| blocks.len() as u64);
            let number = peer.db.number(keys[feed]);
            for seq in 1..length.min(stays.get(&writer).copied().unwrap_or(u64::MAX)) {
                entries.push(store::Nodes::node(&peer.db, number, seq).unwrap());
            }
        }
    }
    entries
}

/// The entries of each key that no other entry of the key replaces.
fn expected(peer: &Peer, stays: &BTreeMap<u8, u64>) -> BTreeMap<String, BTreeSet<(usize, u64)>> {
    let mut by_key: BTreeMap<String, Vec<Arc<DbNode>>> = BTreeMap::new();
    for node in all_entries(peer, stays) {
        by_key.entry(node.key().to_owned()).or_default().push(node);
    }
    by_key.remove("");
    let mut found = BTreeMap::new();
    for (key, nodes) in by_key {
        let newest: Vec<_> = nodes
            .iter()
            .filter(|node| {
                !nodes.iter().any(|other| {
                    other.place() != node.place() && other.clock().has_seen(node.feed(), node.seq())
                })
            })
            .collect();
        if !newest.iter().all(|node| node.is_deleted()) {
            found.insert(key, newest.iter().map(|node| (node.feed(), node.seq())).collect());
        }
    }
    found
}

fn places(nodes: &[Arc<DbNode>]) -> BTreeSet<(usize, u64)> {
    nodes.iter().map(|node| (node.feed(), node.seq())).collect()
}

fn compare(peer: &Peer, stays: &BTreeMap<u8, u64>) {
    let expected = expected(peer, stays);
    let view = peer.db.view().unwrap();
    for prefix in ["", "a", "dir/a", TWINS[0]] {
        for is_reverse in [false, true] {
            let list: Vec<_> =
                view.iter(&DbIterOptions { is_reverse, ..below(prefix) }).map(Result::unwrap).collect();
            let is_below =
                |key: &str| prefix.is_empty() || key == prefix || key.starts_with(&format!("{prefix}/"));
            let wanted: BTreeMap<_, _> = expected
                .iter()
                .filter(|(key, _)| is_below(key))
                .map(|(key, places)| (key.clone(), places.clone()))
                .collect();
            let count = list.len();
            let found: BTreeMap<_, _> =
                list.iter().map(|nodes| (nodes[0].key().to_owned(), places(nodes))).collect();
            assert_eq!(found, wanted, "below {prefix:?}");
            assert_eq!(found.len(), count, "each key comes once");
            let mut sorted = list.clone();
            sorted.sort_by(|a, b| a[0].path.cmp(&b[0].path));
            if is_reverse {
                sorted.reverse();
            }
            assert_eq!(list, sorted);
        }
    }
    for key in expected.keys().map(String::as_str).chain(["nothing", "a/nothing"]) {
        assert_eq!(places(&view.get(key).unwrap()), expected.get(key).cloned().unwrap_or_default(), "{key}");
    }
}

fn three() -> Vec<Peer> {
    let mut peers: Vec<Peer> = (1..=3).map(Peer::new).collect();
    peers[0].put("init", "0");
    peers[0].authorize(2);
    peers[0].authorize(3);
    sync(&mut peers, 0, 1);
    sync(&mut peers, 0, 2);
    peers
}

fn take(peers: &mut [Peer], nth: usize, step: &Step) {
    match step {
        Step::Put { writer, key } => peers[*writer].put(key, &format!("v{nth}")),
        Step::Delete { writer, key } => peers[*writer].delete(key),
        Step::Sync { a, b } => sync(peers, *a, *b),
    }
}

proptest! {
    #[test]
    fn the_entries_that_nobody_replaced_are_found(steps in prop::collection::vec(step(), 0..50)) {
        let mut peers = three();
        for (nth, step) in steps.iter().enumerate() {
            take(&mut peers, nth, step);
        }
        for peer in &peers {
            compare(peer, &BTreeMap::new());
        }
        for (a, b) in [(0, 1), (1, 2), (0, 2), (0, 1)] {
            sync(&mut peers, a, b);
        }
        let lists: Vec<_> = peers.iter().map(|peer| peer.list(&below(""))).collect();
        prop_assert_eq!(&lists[0], &lists[1]);
        prop_assert_eq!(&lists[0], &lists[2]);
        compare(&peers[0], &BTreeMap::new());
        // As somebody reads it who was not there.
        let stranger = Peer { key: key(9), db: Db::new(key(1), peers[0].db.feeds().clone()) };
        prop_assert_eq!(&stranger.list(&below("")), &lists[0]);
    }

    #[test]
    fn what_a_revoked_writer_wrote_later_is_as_if_not_written(
        steps in prop::collection::vec(step(), 0..30),
        revoked in 1..3_usize,
        later in prop::collection::vec(step(), 0..20),
    ) {
        let mut peers = three();
        for (nth, step) in steps.iter().enumerate() {
            take(&mut peers, nth, step);
        }
        let writer = revoked as u8 + 1;
        let stays = peers[0].db.feeds().get(&key(writer)).map_or(0, |blocks| blocks.len() as u64);
        peers[0].revoke(writer).unwrap();
        let stays = BTreeMap::from([(writer, stays)]);
        for (nth, step) in later.iter().enumerate() {
            take(&mut peers, 100 + nth, step);
        }
        for (a, b) in [(0, 1), (1, 2), (0, 2), (0, 1)] {
            sync(&mut peers, a, b);
        }
        for peer in &peers {
            compare(peer, &stays);
            prop_assert!(!peer.db.view().unwrap().writers().is_authorized(&key(writer)));
        }
    }

    #[test]
    fn history_is_everything_in_an_order_of_causes(steps in prop::collection::vec(step(), 0..40)) {
        let mut peers = three();
        for (nth, step) in steps.iter().enumerate() {
            take(&mut peers, nth, step);
        }
        for peer in &peers {
            let view = peer.db.view().unwrap();
            let told: Vec<_> = view.history().map(Result::unwrap).collect();
            prop_assert_eq!(told.len(), all_entries(peer, &BTreeMap::new()).len());
            for (nth, node) in told.iter().enumerate() {
                for later in &told[nth + 1..] {
                    prop_assert!(!node.clock().has_seen(later.feed(), later.seq()));
                }
            }
        }
    }

    #[test]
    fn a_diff_is_the_difference_of_two_lists(steps in prop::collection::vec(step(), 1..40), cut in 0..40_usize) {
        let mut peers = three();
        let mut version = None;
        for (nth, step) in steps.iter().enumerate() {
            if nth == cut {
                version = Some(peers[0].db.view().unwrap().version());
            }
            take(&mut peers, nth, step);
        }
        let newer = peers[0].db.view().unwrap();
        let older = newer.checkout(&version.unwrap_or_else(|| newer.version())).unwrap();
        let map = |view: &View<'_, Blocks>| -> BTreeMap<String, BTreeSet<(usize, u64)>> {
            view.iter(&below("")).map(Result::unwrap).map(|nodes| (nodes[0].key().to_owned(), places(&nodes))).collect()
        };
        let (new, old) = (map(&newer), map(&older));
        let mut expected = BTreeMap::new();
        for key in new.keys().chain(old.keys()) {
            let sides = (new.get(key).cloned().unwrap_or_default(), old.get(key).cloned().unwrap_or_default());
            if sides.0 != sides.1 {
                expected.insert(key.clone(), sides);
            }
        }
        let found: BTreeMap<_, _> = newer
            .diff(&older, "")
            .map(Result::unwrap)
            .map(|change| (change.key().to_owned(), (places(&change.newer), places(&change.older))))
            .collect();
        prop_assert_eq!(found, expected);
    }
}
