//! Writing: conditions, batches, keys and values of all kinds.

use super::support::*;
use crate::KeyError;
use crate::hypertrie::*;
use crate::limits::MAX_USER_FLAGS;

fn put_if(
    trie: &mut Memory,
    key: &str,
    value: &str,
    condition: impl FnOnce(Before<'_>) -> bool,
) -> Option<u64> {
    let mut batch = Batch::new(trie);
    let written = batch.put_if(trie, key, Some(value.as_bytes()), Options::default(), condition).unwrap();
    append(trie, batch);
    written
}

fn delete_if(trie: &mut Memory, key: &str, condition: impl FnOnce(Before<'_>) -> bool) -> Option<u64> {
    let mut batch = Batch::new(trie);
    let written = batch.delete_if(trie, key, condition).unwrap();
    append(trie, batch);
    written
}

#[test]
fn a_condition_sees_the_entry_that_was_there() {
    let mut trie = memory();
    let is_other = |value: &'static str| {
        move |before: Before<'_>| before.entry.and_then(Node::value) != Some(value.as_bytes())
    };
    assert_eq!(put_if(&mut trie, "hello", "world", is_other("world")), Some(1));
    assert_eq!(put_if(&mut trie, "hello", "world", is_other("world")), None);
    assert_eq!(trie.version(), 2);
    for key in ["hello/below", TWINS[0], TWINS[1]] {
        assert!(put_if(&mut trie, key, "1", |before| before.entry.is_none()).is_some());
        assert!(put_if(&mut trie, key, "2", |before| before.entry.is_none()).is_none());
        assert_eq!(value(&trie, key).as_deref(), Some("1"));
    }
    assert!(
        delete_if(&mut trie, "hello", |before| before.entry.and_then(Node::value) == Some(b"moon")).is_none()
    );
    assert!(
        delete_if(&mut trie, "hello", |before| before.entry.and_then(Node::value) == Some(b"world"))
            .is_some()
    );
    assert_eq!(value(&trie, "hello"), None);
}

#[test]
fn a_condition_sees_the_closest_entry() {
    let mut trie = memory();
    for key in ["a", "b", "a/a", "b/a", "b/b"] {
        put(&mut trie, key, key);
    }
    let closest = |before: Before<'_>| before.closest.map(|node| node.key().to_owned());
    put_if(&mut trie, "a/b", "c", |before| {
        assert!(before.entry.is_none());
        closest(before).is_some()
    });
    let written = delete_if(&mut trie, "a/a/b", |before| {
        assert_eq!(closest(before).as_deref(), Some("a/a"));
        true
    });
    assert_eq!(written, None, "there is no such entry");
    // A mount point is a flagged entry above the key.
    let mut batch = Batch::new(&trie);
    batch.put(&trie, "m", Some(b"mount"), Options { is_hidden: false, flags: 1 }).unwrap();
    let refused = batch.put_if(&trie, "m/x", Some(b"v"), Options::default(), |before| {
        assert_eq!(before.closest.map(|node| (node.key(), node.flags())), Some(("m", 1)));
        false
    });
    assert_eq!(refused.unwrap(), None);
}

#[test]
fn a_batch_sees_its_own_changes_and_is_seen_only_once_it_was_appended() {
    let mut trie = memory();
    put(&mut trie, "a", "1");
    let mut batch = Batch::new(&trie);
    batch.put(&trie, "b", Some(b"2"), Options::default()).unwrap();
    batch.delete(&trie, "a").unwrap();
    batch.delete(&trie, "b").unwrap();
    assert_eq!(batch.get(&trie, "b").unwrap(), None, "everything is deleted");
    batch.put(&trie, "c", Some(b"3"), Options::default()).unwrap();
    assert_eq!(batch.get(&trie, "c").unwrap().unwrap().value(), Some(&b"3"[..]));
    assert_eq!((value(&trie, "a").as_deref(), value(&trie, "c")), (Some("1"), None));
    append(&mut trie, batch);
    assert_eq!(keys(&trie, &below("")), ["c"]);
}

#[test]
fn what_would_not_be_read_back_is_not_written() {
    let mut trie = memory();
    put(&mut trie, "a", "1");
    let mut batch = Batch::new(&trie);
    for key in ["", "/", "//", "//a", "///a", "////"] {
        let refused = batch.put(&trie, key, None, Options::default());
        assert!(matches!(refused, Err(TrieError::Key(KeyError::NotLasting { .. }))), "{key:?}");
    }
    let long = "k".repeat(crate::limits::MAX_KEY_BYTES + 1);
    assert!(matches!(
        batch.put(&trie, &long, None, Options::default()),
        Err(TrieError::Key(KeyError::TooLong { .. }))
    ));
    let flags = Options { is_hidden: false, flags: MAX_USER_FLAGS + 1 };
    assert!(matches!(batch.put(&trie, "a", None, flags), Err(TrieError::Flags { .. })));
    assert!(batch.blocks().is_empty());
}

#[test]
fn any_text_is_a_key() {
    let mut trie = memory();
    let deep = vec!["d"; 10_000].join("/");
    let keys = [
        "\0",
        "a\0b/\0",
        "\u{1f600}/\u{e9}",
        "e\u{301}",
        ".",
        "..",
        " ",
        "a//b",
        "/a",
        &deep,
        &format!("{deep}/x"),
    ];
    for (nth, key) in keys.iter().enumerate() {
        put(&mut trie, key, &nth.to_string());
    }
    // As somebody else reads it, who has nothing in memory.
    let trie = Trie::new(trie.blocks().clone());
    for (nth, key) in keys.iter().enumerate() {
        assert_eq!(value(&trie, key), Some(nth.to_string()), "{nth}");
    }
    assert_eq!(list(&trie, &below("")).len(), keys.len());
    assert_eq!(list(&trie, &below("d")).len(), 2);
}

#[test]
fn a_slash_behind_a_key_names_the_same_place() {
    let mut trie = memory();
    put(&mut trie, "a/d/", "1");
    assert_eq!(value(&trie, "a/d").as_deref(), Some("1"));
    delete(&mut trie, "a/d");
    assert_eq!(value(&trie, "a/d/").as_deref(), Some("1"), "only the text that was written is deleted");
    put(&mut trie, "a/d", "2");
    assert_eq!(keys(&trie, &below("")), ["a/d"]);
}
