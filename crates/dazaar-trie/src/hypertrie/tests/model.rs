//! Random changes against a map.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::support::*;
use crate::hypertrie::*;

/// Entries by whether they are hidden, and key.
type Model = BTreeMap<(bool, String), Option<String>>;

fn key() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec!["a", "b", "dir", "", TWINS[0], TWINS[1]]);
    prop::collection::vec(word, 1..4)
        .prop_map(|words| words.join("/"))
        .prop_filter("a key that can be written", |key| {
            !key.starts_with("//") && !key.starts_with('/') && !key.ends_with('/') && !key.is_empty()
        })
}

fn change() -> impl Strategy<Value = Op> {
    let value = prop::option::of("[a-z]{0,3}");
    let put = (key(), value, any::<bool>(), 0..3_u32).prop_map(|(key, value, is_hidden, flags)| Op::Put {
        key,
        value,
        options: Options { is_hidden, flags },
    });
    let delete = (key(), any::<bool>()).prop_map(|(key, is_hidden)| Op::Delete { key, is_hidden });
    prop_oneof![3 => put, 2 => delete]
}

fn apply_to_model(model: &mut Model, change: &Op) {
    match change {
        Op::Put { key, value, options } => {
            model.insert((options.is_hidden, key.clone()), value.clone());
        }
        Op::Delete { key, is_hidden } => {
            model.remove(&(*is_hidden, key.clone()));
        }
    }
}

fn entries(model: &Model, hidden: bool, prefix: &str) -> BTreeMap<String, Option<String>> {
    let below = |key: &str| prefix.is_empty() || key == prefix || key.starts_with(&format!("{prefix}/"));
    let entries = model.iter().filter(|((is_hidden, key), _)| *is_hidden == hidden && below(key));
    entries.map(|((_, key), value)| (key.clone(), value.clone())).collect()
}

fn found(trie: &Memory, version: u64, options: &IterOptions<'_>) -> BTreeMap<String, Option<String>> {
    let rows: Vec<_> = trie.checkout(version).iter(options).map(|node| row(&node.unwrap())).collect();
    let count = rows.len();
    let map: BTreeMap<_, _> = rows.into_iter().map(|(key, value, _)| (key, value)).collect();
    assert_eq!(map.len(), count, "each entry comes once");
    map
}

proptest! {
    #[test]
    fn a_trie_is_a_map(changes in prop::collection::vec(change(), 0..60), batch_len in 1..9_usize) {
        let mut trie = memory();
        let mut model = Model::new();
        let mut versions = vec![(0, model.clone())];
        for changes in changes.chunks(batch_len) {
            changes.iter().for_each(|change| apply_to_model(&mut model, change));
            write(&mut trie, changes, batch_len);
            versions.push((trie.version(), model.clone()));
        }
        for (version, model) in &versions {
            for hidden in [false, true] {
                for prefix in ["", "a", "dir/a", TWINS[0], "b/idgcmnmna"] {
                    for is_reverse in [false, true] {
                        let options = IterOptions { is_hidden: hidden, is_reverse, ..below(prefix) };
                        prop_assert_eq!(found(&trie, *version, &options), entries(model, hidden, prefix));
                    }
                }
            }
            for change in &changes {
                let (Op::Put { key, .. } | Op::Delete { key, .. }) = change;
                for is_hidden in [false, true] {
                    let node = trie.checkout(*version).get(Query { key, is_hidden }).unwrap();
                    prop_assert_eq!(node.map(|node| text(&node)), model.get(&(is_hidden, key.clone())).cloned());
                }
            }
        }
    }

    #[test]
    fn a_diff_is_the_difference_of_two_lists(
        changes in prop::collection::vec(change(), 1..50),
        prefix in prop::sample::select(vec!["", "a", "dir", TWINS[1]]),
        hidden: bool,
        stop in 1..10_usize,
    ) {
        let mut trie = memory();
        write(&mut trie, &changes, 3);
        let options = DiffOptions { prefix, is_hidden: hidden, ..DiffOptions::default() };
        let blocks = |version| -> BTreeMap<String, u64> {
            let options = IterOptions { is_hidden: hidden, ..below(prefix) };
            trie.checkout(version).iter(&options).map(|node| row(&node.unwrap())).map(|(key, _, seq)| (key, seq)).collect()
        };
        let newest = blocks(trie.version());
        for older in 0..trie.version() {
            let old = blocks(older);
            let keys: BTreeSet<&String> = newest.keys().chain(old.keys()).collect();
            let expected: BTreeMap<String, (Option<u64>, Option<u64>)> = keys
                .into_iter()
                .map(|key| (key.clone(), (newest.get(key).copied(), old.get(key).copied())))
                .filter(|(_, (new, old))| new != old)
                .collect();
            let seq = |side: &Option<_>| side.as_ref().map(|node: &std::sync::Arc<Node>| node.seq());
            // Interrupted once, and resumed from a checkpoint.
            let mut diff = Diff::new(trie.version(), older, &options);
            let mut found = BTreeMap::new();
            for nth in 0.. {
                if nth == stop {
                    diff = Diff::resume(&trie, &options, &diff.checkpoint()).unwrap();
                }
                let Some(change) = diff.next(&trie).unwrap() else { break };
                let sides = (seq(&change.newer), seq(&change.older));
                prop_assert_eq!(found.insert(change.key().to_owned(), sides), None, "each key comes once");
            }
            prop_assert_eq!(&found, &expected);

            for (skip_added, skip_removed) in [(true, false), (false, true)] {
                let options = DiffOptions { skip_added, skip_removed, ..options };
                let some: BTreeSet<String> =
                    trie.snapshot().diff(older, &options).map(|change| change.unwrap().key().to_owned()).collect();
                let wanted = |(new, old): &(Option<u64>, Option<u64>)| !(skip_added && old.is_none() || skip_removed && new.is_none());
                let expected: BTreeSet<String> =
                    expected.iter().filter(|(_, sides)| wanted(sides)).map(|(key, _)| key.clone()).collect();
                prop_assert_eq!(some, expected);
            }
        }
    }

    #[test]
    fn a_list_goes_on_from_a_checkpoint(changes in prop::collection::vec(change(), 0..50), stop in 0..20_usize, is_reverse: bool) {
        let mut trie = memory();
        write(&mut trie, &changes, 7);
        let options = IterOptions { is_reverse, ..below("") };
        let all = list(&trie, &options);
        let mut iter = Iter::new(trie.version(), &options);
        let mut found = Vec::new();
        while found.len() < stop {
            let Some(node) = iter.next(&trie).unwrap() else { break };
            found.push(row(&node));
        }
        if found.len() == stop && stop > 0 {
            iter = Iter::resume(&options, &iter.checkpoint()).unwrap();
        }
        while let Some(node) = iter.next(&trie).unwrap() {
            found.push(row(&node));
        }
        prop_assert_eq!(found, all);
    }

    #[test]
    fn a_watch_tells_of_changes_below_its_prefix_and_of_no_others(changes in prop::collection::vec(change(), 1..40)) {
        let mut trie = memory();
        let mut model = Model::new();
        let mut watch = Watch::new(&trie, trie.version(), "a").unwrap();
        for change in &changes {
            let before = entries(&model, false, "a");
            apply_to_model(&mut model, change);
            write(&mut trie, std::slice::from_ref(change), 1);
            let told = watch.has_changed(&trie, trie.version()).unwrap();
            if entries(&model, false, "a") != before {
                prop_assert!(told, "{:?}", change);
            }
            if let Op::Put { options: Options { is_hidden: true, .. }, .. } = change {
                prop_assert!(!told, "{:?}", change);
            }
        }
    }
}
