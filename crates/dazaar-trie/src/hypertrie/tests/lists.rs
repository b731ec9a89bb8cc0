//! Lists: order, prefixes, direct children, history.

use super::support::*;
use crate::hypertrie::*;

fn towns() -> Memory {
    let mut trie = memory();
    for key in
        ["a", "a/b", "a/b/c", "a/d", "ab", "b/x/y", "b/x/z", TWINS[0], TWINS[1], "idgcmnmna/x", "mpomeiehc/x"]
    {
        put(&mut trie, key, key);
    }
    trie
}

#[test]
fn a_prefix_is_whole_components() {
    let trie = towns();
    let mut found = keys(&trie, &below("a"));
    assert_eq!(found.first().map(String::as_str), Some("a"), "an entry comes before those below it");
    found.sort();
    assert_eq!(found, ["a", "a/b", "a/b/c", "a/d"]);
    assert_eq!(keys(&trie, &below("a/b/")), ["a/b", "a/b/c"]);
    assert!(keys(&trie, &below("nothing")).is_empty());
    assert!(keys(&memory(), &below("")).is_empty());
}

#[test]
fn the_entry_of_the_prefix_can_be_left_out() {
    let trie = towns();
    assert_eq!(keys(&trie, &IterOptions { is_below_only: true, ..below("a/b") }), ["a/b/c"]);
    let mut found = keys(&trie, &IterOptions { is_below_only: true, ..below("b") });
    found.sort();
    assert_eq!(found, ["b/x/y", "b/x/z"], "there is none");
}

#[test]
fn reverse_is_the_other_way_round() {
    let trie = towns();
    for prefix in ["", "a", "b"] {
        let forward = keys(&trie, &below(prefix));
        let mut backward = keys(&trie, &IterOptions { is_reverse: true, ..below(prefix) });
        backward.reverse();
        // Keys of one hash are sorted by text in both directions.
        let plain = |keys: &[String]| -> Vec<String> {
            keys.iter().filter(|key| !TWINS.iter().any(|twin| key.starts_with(twin))).cloned().collect()
        };
        assert_eq!(plain(&forward), plain(&backward));
        assert_eq!(forward.len(), backward.len());
    }
}

#[test]
fn direct_children_are_one_entry_each() {
    let trie = towns();
    let children = |prefix, is_below_only| {
        let options = IterOptions { is_recursive: false, is_below_only, ..below(prefix) };
        let mut first: Vec<String> = keys(&trie, &options);
        first.sort();
        first
    };
    let names: Vec<String> =
        children("", false).iter().map(|key| key.split('/').next().unwrap().to_owned()).collect();
    assert_eq!(names, ["a", "ab", "b", TWINS[0], TWINS[1]]);
    assert_eq!(children("a", true).len(), 2);
    assert_eq!(children("a", false).len(), 3, "itself, and its children");
    assert_eq!(children("b", true).len(), 1);
}

#[test]
fn keys_of_one_hash_are_separate_and_sorted() {
    let mut trie = towns();
    for twin in TWINS {
        assert_eq!(keys(&trie, &below(twin)), [twin.to_owned(), format!("{twin}/x")]);
    }
    let all = keys(&trie, &below(""));
    let twins: Vec<&str> =
        all.iter().map(String::as_str).filter(|key| key.contains('m') && key.len() == 9).collect();
    assert_eq!(twins, TWINS);
    // JavaScript would do nothing here, or lose the other one.
    delete(&mut trie, TWINS[0]);
    assert_eq!((value(&trie, TWINS[0]), value(&trie, TWINS[1])), (None, Some(TWINS[1].to_owned())));
    delete(&mut trie, TWINS[1]);
    assert_eq!((value(&trie, TWINS[1]), value(&trie, "mpomeiehc/x")), (None, Some("mpomeiehc/x".to_owned())));
}

#[test]
fn history_is_every_block_in_order() {
    let mut trie = towns();
    delete(&mut trie, "ab");
    let seqs: Vec<u64> = trie.snapshot().history().map(|node| node.unwrap().seq()).collect();
    assert_eq!(seqs, (1..trie.version()).collect::<Vec<_>>());
    let mut backward = History::reverse(3..6);
    let mut found = Vec::new();
    while let Some(node) = backward.next(&trie).unwrap() {
        found.push(node.seq());
    }
    assert_eq!(found, [5, 4, 3]);
    let checked_out: Vec<u64> = trie.checkout(4).history().map(|node| node.unwrap().seq()).collect();
    assert_eq!(checked_out, [1, 2, 3]);
}

#[test]
fn the_closest_entry_is_the_directory_above_if_there_is_one() {
    let trie = towns();
    let closest = |key| trie.snapshot().closest(key).unwrap().map(|node| node.key().to_owned());
    assert_eq!(closest("ab/c").as_deref(), Some("ab"));
    assert_eq!(closest("a/d").as_deref(), Some("a/d"));
    assert_eq!(closest("idgcmnmna/x/y").as_deref(), Some("idgcmnmna/x"));
    assert_eq!(memory().snapshot().closest("a").unwrap(), None);
}
