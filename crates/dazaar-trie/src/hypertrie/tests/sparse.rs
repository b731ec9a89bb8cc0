//! Blocks that are not here, and the extension that tells which will be needed.

use std::collections::BTreeSet;

use super::support::*;
use crate::hypertrie::*;
use crate::limits::MAX_EXTENSION_BLOCKS;

fn thousand() -> Memory {
    let mut trie = memory();
    let puts: Vec<Op> = (0..1000)
        .map(|nth| Op::Put {
            key: format!("dir{}/key{nth}", nth % 10),
            value: Some(nth.to_string()),
            options: Options::default(),
        })
        .collect();
    write(&mut trie, &puts, 100);
    trie
}

fn sparse(trie: &Memory) -> Trie<Sparse> {
    Trie::new(Sparse { all: trie.blocks().clone(), here: BTreeSet::new() })
}

#[test]
fn a_search_names_the_block_that_it_lacks_and_goes_on_with_it() {
    let trie = thousand();
    let mut reader = sparse(&trie);
    let (found, fetched) = fetching(&mut reader, |trie| trie.snapshot().get("dir3/key203"));
    assert_eq!(found.and_then(|node| text(&node)).as_deref(), Some("203"));
    assert!((2..15).contains(&fetched.len()), "{fetched:?}");
    let (again, fetched) = fetching(&mut reader, |trie| trie.snapshot().get("dir3/key203"));
    assert!(again.is_some() && fetched.is_empty());
}

#[test]
fn lists_and_diffs_go_on_with_the_blocks_that_they_lacked() {
    let trie = thousand();
    let mut reader = sparse(&trie);
    let mut iter = Iter::new(trie.version(), &below("dir7"));
    let mut found = Vec::new();
    while let (Some(node), _) = fetching(&mut reader, |trie| iter.next(trie)) {
        found.push(row(&node));
    }
    assert_eq!(found, list(&trie, &below("dir7")));
    assert!(reader.blocks().here.len() < 300, "not everything is needed");

    let mut reader = sparse(&trie);
    let mut diff = Diff::new(trie.version(), 991, &DiffOptions::default());
    let mut changed = BTreeSet::new();
    while let (Some(change), _) = fetching(&mut reader, |trie| diff.next(trie)) {
        changed.insert(change.key().to_owned());
    }
    let expected: BTreeSet<String> = (990..1000).map(|nth| format!("dir{}/key{nth}", nth % 10)).collect();
    assert_eq!(changed, expected);
    assert!(reader.blocks().here.len() < 100, "what both have in common is not looked at");
}

#[test]
fn a_writer_goes_on_with_the_blocks_that_it_lacked() {
    let trie = thousand();
    let mut writer = sparse(&trie);
    let mut batch = Batch::new(&writer);
    let (seq, _) = fetching(&mut writer, |trie| batch.put(trie, "dir1/new", Some(b"1"), Options::default()));
    let mut whole = Batch::new(&trie);
    assert_eq!(whole.put(&trie, "dir1/new", Some(b"1"), Options::default()).unwrap(), seq);
    assert_eq!(batch.blocks(), whole.blocks());
}

/// Asks once, and fetches what the answer names.
fn ask(reader: &mut Trie<Sparse>, trie: &Memory, question: &ExtensionMessage) -> usize {
    let question = ExtensionMessage::decode(&question.encode()).unwrap().unwrap();
    let answers = Responder::new(trie).answer(&question);
    for answer in &answers {
        let answer = ExtensionMessage::decode(&answer.encode()).unwrap().unwrap();
        let length = reader.version();
        reader.blocks_mut().here.extend(wanted_blocks(answer, length));
    }
    answers.len()
}

#[test]
fn one_question_brings_all_blocks_of_a_search() {
    let trie = thousand();
    let mut reader = sparse(&trie);
    let question = ExtensionMessage::Get { head: trie.version() - 1, key: "dir3/key203".to_owned() };
    assert_eq!(ask(&mut reader, &trie, &question), 1);
    assert!(fetching(&mut reader, |trie| trie.snapshot().get("dir3/key203")).1.is_empty());
}

#[test]
fn one_question_brings_all_blocks_of_a_list() {
    let trie = thousand();
    for is_reverse in [false, true] {
        let mut reader = sparse(&trie);
        let flags = ExtensionMessage::RECURSIVE | if is_reverse { ExtensionMessage::REVERSE } else { 0 };
        let question = ExtensionMessage::Iterator {
            head: trie.version() - 1,
            key: "dir4".to_owned(),
            flags,
            checkpoint: None,
        };
        assert_eq!(ask(&mut reader, &trie, &question), 1);
        let mut iter = Iter::new(trie.version(), &IterOptions { is_reverse, ..below("dir4") });
        let mut count = 0;
        while let (Some(_), fetched) = fetching(&mut reader, |trie| iter.next(trie)) {
            assert!(fetched.is_empty());
            count += 1;
        }
        assert_eq!(count, 100);
    }
}

#[test]
fn a_question_costs_a_bounded_number_of_blocks() {
    let mut trie = memory();
    let puts: Vec<Op> = (0..3 * MAX_EXTENSION_BLOCKS)
        .map(|nth| Op::Put { key: nth.to_string(), value: None, options: Options::default() })
        .collect();
    write(&mut trie, &puts, 1000);
    let everything = ExtensionMessage::Iterator {
        head: u64::MAX,
        key: String::new(),
        flags: ExtensionMessage::RECURSIVE,
        checkpoint: None,
    };
    assert_eq!(Responder::new(&trie).answer(&everything), [], "a head that is not there");
    let ExtensionMessage::Iterator { key, flags, .. } = everything else { unreachable!() };
    let question = ExtensionMessage::Iterator { head: trie.version() - 1, key, flags, checkpoint: None };
    let named: usize = Responder::new(&trie)
        .answer(&question)
        .into_iter()
        .map(|answer| wanted_blocks(answer, trie.version()).len())
        .sum();
    assert_eq!(named, MAX_EXTENSION_BLOCKS);
}

#[test]
fn a_checkpoint_of_a_stranger_is_only_a_list_of_places() {
    let trie = thousand();
    for checkpoint in [vec![0x21], vec![0, 0], vec![0xff, 0xff, 0x7f, 1], vec![1, 0xff, 0x7f], vec![0x80; 12]]
    {
        let question = ExtensionMessage::Iterator {
            head: 5,
            key: "a".to_owned(),
            flags: 1,
            checkpoint: Some(checkpoint),
        };
        let named: usize = Responder::new(&trie).answer(&question).len();
        assert!(named <= 1);
    }
    let useless = ExtensionMessage::Cache { start: 1, end: 2, blocks: vec![0, 1, 999, u64::MAX] };
    assert_eq!(Responder::new(&trie).answer(&useless), []);
    assert_eq!(wanted_blocks(useless, 999), [1]);
}
