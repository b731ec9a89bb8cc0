//! Conflicts, deletions, lists, versions, histories.

use super::support::*;
use crate::db::*;

fn two() -> Vec<Peer> {
    let mut peers: Vec<Peer> = (1..=2).map(Peer::new).collect();
    peers[0].authorize(2);
    sync(&mut peers, 0, 1);
    peers
}

#[test]
fn a_conflict_ends_when_somebody_writes_who_knows_of_it() {
    let mut peers = two();
    peers[0].put("k", "a");
    peers[1].put("k", "b");
    sync(&mut peers, 0, 1);
    assert_eq!(peers[0].values("k"), ["a", "b"]);
    peers[1].put("other", "x");
    sync(&mut peers, 0, 1);
    assert_eq!(peers[0].values("k"), ["a", "b"], "another key settles nothing");
    peers[1].put("k", "both");
    sync(&mut peers, 0, 1);
    assert_eq!(
        (peers[0].values("k"), peers[1].values("k")),
        (vec!["both".to_owned()], vec!["both".to_owned()])
    );
}

#[test]
fn a_deletion_in_conflict_is_shown_beside_the_value() {
    let mut peers = two();
    peers[0].put("k", "old");
    sync(&mut peers, 0, 1);
    peers[0].delete("k");
    peers[1].put("k", "new");
    assert_eq!(peers[0].values("k"), [""; 0]);
    sync(&mut peers, 0, 1);
    assert_eq!(peers[0].values("k"), ["-", "new"]);
    peers[0].delete("k");
    sync(&mut peers, 0, 1);
    for peer in &peers {
        assert!(peer.values("k").is_empty());
        assert!(peer.keys(&below("")).is_empty());
        let deleted = peer.db.view().unwrap().get_with_deletions("k").unwrap();
        assert_eq!(values(&deleted), ["-"]);
        assert_eq!(peer.keys(&DbIterOptions { with_deletions: true, ..below("") }), ["k"]);
    }
}

#[test]
fn a_key_is_put_once_if_asked() {
    let mut peers = two();
    let put = |peer: &mut Peer| peer.write(|batch, db| batch.put_if_new(db, "k", Some(b"1"))).unwrap();
    assert_eq!(put(&mut peers[0]), Some(2));
    assert_eq!(put(&mut peers[0]), None);
    peers[0].delete("k");
    assert!(put(&mut peers[0]).is_some());
}

#[test]
fn direct_children_are_one_key_each_and_live() {
    let mut peers = two();
    for key in ["a/x", "a/y", "b/x/1", "b/x/2", "c"] {
        peers[0].put(key, key);
    }
    peers[0].delete("c");
    peers[0].delete("a/x");
    let options = DbIterOptions { is_recursive: false, ..below("") };
    let children = |keys: Vec<String>, depth: usize| {
        let mut names: Vec<String> =
            keys.iter().map(|key| key.split('/').nth(depth).unwrap().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(children(peers[0].keys(&options), 0), ["a", "b"]);
    let options = DbIterOptions { is_recursive: false, is_below_only: true, ..below("b") };
    assert_eq!(children(peers[0].keys(&options), 1), ["x"]);
    assert_eq!(peers[0].keys(&DbIterOptions { is_below_only: true, ..below("a/y") }), [""; 0]);
}

#[test]
fn components_of_one_hash_are_told_apart() {
    let mut peers = two();
    let keys = [
        "c/idgcmnmna",
        "c/mpomeiehc",
        "c/idgcmnmna/x",
        "c/mpomeiehc/x",
        "mpomeiehc",
        "mpomeiehc/idgcmnmna",
        "idgcmnmna/mpomeiehc",
    ];
    for (nth, key) in keys.into_iter().enumerate() {
        peers[nth % 2].put(key, key);
        if nth == 3 {
            sync(&mut peers, 0, 1);
        }
    }
    sync(&mut peers, 0, 1);
    for key in keys {
        assert_eq!(peers[0].values(key), [key]);
    }
    assert_eq!(peers[0].values("idgcmnmna"), [""; 0]);
    let mut below_twin = peers[0].keys(&below("c/mpomeiehc"));
    below_twin.sort();
    assert_eq!(below_twin, ["c/mpomeiehc", "c/mpomeiehc/x"]);
    peers[0].delete("c/mpomeiehc");
    assert_eq!(peers[0].values("c/idgcmnmna"), ["c/idgcmnmna"]);
}

#[test]
fn an_old_version_stays_what_it_was() {
    let mut peers = two();
    peers[0].put("k", "1");
    sync(&mut peers, 0, 1);
    peers[1].put("j", "1");
    sync(&mut peers, 0, 1);
    let version = peers[0].db.view().unwrap().version();
    let bytes = version.encode();
    peers[0].put("k", "2");
    peers[1].delete("j");
    sync(&mut peers, 0, 1);
    let view = peers[1].db.view().unwrap();
    let old = view.checkout(&Version::decode(&bytes).unwrap()).unwrap();
    assert_eq!(
        (values(&old.get("k").unwrap()), values(&old.get("j").unwrap())),
        (vec!["1".to_owned()], vec!["1".to_owned()])
    );
    assert_eq!(old.version(), version);
    assert_eq!((peers[1].values("k"), peers[1].values("j")), (vec!["2".to_owned()], vec![]));
}

#[test]
fn the_history_of_a_key_is_the_latest_first() {
    let mut peers = two();
    peers[0].put("k", "1");
    peers[0].put("other", "x");
    peers[0].put("k", "2");
    sync(&mut peers, 0, 1);
    peers[0].put("k", "3a");
    peers[1].put("k", "3b");
    sync(&mut peers, 0, 1);
    peers[1].delete("k");
    let view = peers[1].db.view().unwrap();
    let told: Vec<_> = view.key_history("k").map(|nodes| values(&nodes.unwrap())).collect();
    assert_eq!(told, [vec!["-"], vec!["3a", "3b"], vec!["2"], vec!["1"]]);
    assert_eq!(view.key_history("nothing").count(), 0);
}

#[test]
fn a_watch_tells_of_changes_below_its_prefix() {
    let mut peers = two();
    peers[0].put("a/b", "1");
    let mut watch = DbWatch::new(&peers[0].db.view().unwrap(), "a").unwrap();
    let mut has_changed = |peer: &Peer| watch.has_changed(&peer.db.view().unwrap()).unwrap();
    assert!(!has_changed(&peers[0]));
    peers[0].put("b", "1");
    assert!(!has_changed(&peers[0]));
    peers[0].put("a/c", "1");
    assert!(has_changed(&peers[0]));
    sync(&mut peers, 0, 1);
    peers[1].delete("a/c");
    assert!(!has_changed(&peers[0]));
    sync(&mut peers, 0, 1);
    assert!(has_changed(&peers[0]));
    assert!(!has_changed(&peers[0]));
}

#[test]
fn any_text_is_a_key() {
    let mut peers = two();
    let deep = vec!["d"; 10_000].join("/");
    let keys = ["\0", "a\0b/\0", "\u{1f600}/\u{e9}", "a//b", "/a", &deep, &format!("{deep}/x")];
    for (nth, key) in keys.iter().enumerate() {
        peers[nth % 2].put(key, &nth.to_string());
    }
    sync(&mut peers, 0, 1);
    for (nth, key) in keys.iter().enumerate() {
        assert_eq!(peers[0].values(key), [nth.to_string()]);
    }
    assert_eq!(peers[0].keys(&below("")).len(), keys.len());
    for key in ["", "/", "//", "//a"] {
        let refused = peers[0].write(|batch, db| batch.put(db, key, None));
        assert!(matches!(refused, Err(DbError::Key(_))), "{key:?}");
    }
}

#[test]
fn what_entries_know_and_is_not_here_is_told() {
    let mut peers: Vec<Peer> = (1..=2).map(Peer::new).collect();
    peers[0].authorize(2);
    sync(&mut peers, 0, 1);
    peers[1].put("a", "1");
    peers[1].put("b", "2");
    sync(&mut peers, 0, 1);
    peers[0].put("c", "3");
    let mut reader = Peer::new(3);
    reader.db.feeds_mut().insert(key(1), peers[0].db.feeds()[&key(1)].clone());
    assert_eq!(reader.db.view().unwrap().lacking(), [key(2)], "the owner had seen more");
    let theirs = peers[1].db.feeds()[&key(2)].clone();
    reader.db.feeds_mut().insert(key(2), theirs[..2].to_vec());
    assert_eq!(reader.db.view().unwrap().lacking(), [key(2)]);
    reader.db.feeds_mut().insert(key(2), theirs);
    assert_eq!(reader.db.view().unwrap().lacking(), []);
    assert_eq!(reader.values("b"), ["2"]);
}
