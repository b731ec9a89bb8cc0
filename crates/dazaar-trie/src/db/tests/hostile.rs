//! Entries of a writer who means harm: whatever they are, reading ends soon and with an error that names the block.

use std::cell::Cell;
use std::sync::Arc;

use bytes::Bytes;
use dazaar_log::FeedKey;
use dazaar_log::codec::protobuf::{encode_bytes, encode_varint};
use dazaar_log::codec::varint;
use proptest::prelude::*;

use super::support::*;
use crate::db::put::link;
use crate::db::store::Nodes;
use crate::db::*;
use crate::{Fault, Path};

/// An entry with a list of these writers.
fn entry(key_text: &str, index: &[u8], clock: &[u64], writers: &[u8]) -> Bytes {
    let writers: Vec<FeedKey> = writers.iter().map(|writer| key(*writer)).collect();
    entry_listing(key_text, index, clock, &writers)
}

fn entry_listing(key_text: &str, index: &[u8], clock: &[u64], writers: &[FeedKey]) -> Bytes {
    let mut block = Vec::new();
    encode_bytes(1, key_text.as_bytes(), &mut block);
    encode_bytes(2, b"v", &mut block);
    encode_bytes(4, index, &mut block);
    clock.iter().for_each(|length| encode_varint(5, *length, &mut block));
    encode_varint(6, 1, &mut block);
    for writer in writers {
        let mut message = Vec::new();
        encode_bytes(1, &writer.0, &mut message);
        encode_bytes(7, &message, &mut block);
    }
    block.into()
}

/// An entry that has seen all of the first block of the owner's, with a list of the two writers of its own.
fn entry_at(key_text: &str, index: &[u8], seq: u8) -> Bytes {
    // The last field counts, which says where the list is.
    [&entry(key_text, index, &[2], &[1, 2])[..], &[0x30, seq]].concat().into()
}

fn header() -> Bytes {
    Bytes::from_static(b"\x0a\x07hyperdb")
}

fn db(feeds: &[(u8, Vec<Bytes>)]) -> Db<Blocks> {
    Db::new(key(1), feeds.iter().map(|(writer, blocks)| (key(*writer), blocks.clone())).collect())
}

fn fault(blocks: Vec<Bytes>) -> Fault {
    match db(&[(1, blocks)]).view() {
        Err(DbError::Block { fault, .. }) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_broken_rule_has_its_name() {
    let trie = Bytes::from_static(b"\x0a\x09hypertrie");
    assert!(matches!(
        db(&[(1, vec![trie, entry("a", b"", &[2], &[1])])]).view(),
        Err(DbError::NotADb { .. })
    ));
    let long: Vec<u64> = vec![1; 300];
    for (block, expected) in [
        (entry("a", b"", &[2, 1], &[1]), Fault::Clock),
        (entry("a", b"", &long, &[1]), Fault::Clock),
        (entry("a", b"", &[2], &[]), Fault::List),
        (entry("a", &[0, 2, 0, 1], &[2], &[1]), Fault::Index),
        (entry("a", &[0, 2, 4, 1], &[2], &[1]), Fault::Index),
        (entry("a", &[0, 2, 0, 0], &[2], &[1]), Fault::Index),
        (entry("a", &[0, 32, 0, 1], &[2], &[1]), Fault::Index),
        (entry("a", &[33, 1, 0, 1], &[2], &[1]), Fault::Index),
        (Bytes::from_static(b"\x0a\x01a\x22\x00\x28\x02"), Fault::Clock),
        (Bytes::from_static(b"\x0a\x01a\x28\x02\x30\x01"), Fault::NoField { field: 4 }),
    ] {
        assert_eq!(fault(vec![header(), block]), expected);
    }
}

#[test]
fn a_pointer_to_an_entry_of_another_place_is_refused() {
    let theirs = vec![header(), entry("hello", b"", &[1, 2], &[1, 2])];
    for index in [[0, 2, 2, 1], [1, 4, 2, 1]] {
        let db = db(&[(1, vec![header(), entry("a", &index, &[2, 2], &[1, 2])]), (2, theirs.clone())]);
        let listed: Result<Vec<_>, _> = db.view().unwrap().iter(&below("")).collect();
        assert!(matches!(listed, Err(DbError::Pointer { .. })), "{index:?}: {listed:?}");
    }
}

#[test]
fn faulty_pointers_do_not_stop_the_owner_from_writing() {
    let ours = vec![header(), entry("a", b"", &[2], &[1, 2])];
    // At the end mark of the empty key, under which the owner revokes, and where `a` is: both lead to what does not belong there.
    let digit = Path::new("a").digit(0);
    for index in [[0, 16, 0, 1], [0, 1 << digit, 0, 1], [0, 16, 2, 1], [0, 1 << digit, 2, 1]] {
        let theirs = vec![header(), Bytes::from_static(b"\xff"), entry_at("b", &index, 2)];
        let mut owner = Peer { key: key(1), db: db(&[(1, ours.clone()), (2, theirs)]) };
        owner.put("a", "1");
        owner.revoke(2).unwrap();
        assert_eq!(owner.values("a"), ["1"], "{index:?}");
    }
}

#[test]
fn pointers_in_a_circle_end() {
    // Each of two keys of one hash points to the other, at the end mark.
    let [first, second] = TWINS;
    let ours = vec![header(), entry(first, &[32, 16, 2, 1], &[2, 2], &[1, 2])];
    let theirs = vec![header(), entry(second, &[32, 16, 0, 1], &[2, 2], &[1, 2])];
    let db = db(&[(1, ours), (2, theirs)]);
    let view = db.view().unwrap();
    let keys: Vec<_> = view.iter(&below("")).map(|nodes| nodes.unwrap()[0].key().to_owned()).collect();
    assert_eq!(keys, TWINS);
    assert_eq!(view.history().count(), 2);
    for key in TWINS {
        assert_eq!(view.get(key).unwrap().len(), 1);
    }
}

#[test]
fn a_pointer_to_the_future_is_a_block_that_is_missing() {
    // `hello` parts from `a` at position 2, by digit 3.
    let db = db(&[(1, vec![header(), entry("a", &[2, 8, 2, 9], &[2, 10], &[1, 2])])]);
    let view = db.view().unwrap();
    assert_eq!(view.get("a").unwrap().len(), 1);
    assert!(matches!(view.get("hello"), Err(DbError::Missing { seq: 9, .. })));
}

#[test]
fn a_clock_that_claims_the_future_replaces_nothing_that_has_seen_it() {
    let mut peers = vec![Peer::new(1), Peer::new(2)];
    peers[0].authorize(2);
    sync(&mut peers, 0, 1);
    let lie = entry("k", b"", &[u64::MAX, 2], &[1, 2]);
    for peer in &mut peers {
        peer.db.feeds_mut().insert(key(2), vec![header(), lie.clone()]);
    }
    peers[0].put("k", "1");
    assert_eq!(peers[0].values("k"), ["1", "v"], "which of the two lies cannot be told");
    peers[0].put("j", "2");
    assert_eq!(peers[0].values("j"), ["2"]);
}

#[test]
fn a_writer_of_faulty_blocks_only_ends_their_own_feed() {
    let mut peers = vec![Peer::new(1), Peer::new(2)];
    peers[0].authorize(2);
    sync(&mut peers, 0, 1);
    peers[1].put("theirs", "1");
    sync(&mut peers, 0, 1);
    let owner = &mut peers[0];
    let sound = owner.db.feeds()[&key(2)].len() as u64;
    let faulty = [Bytes::from_static(b"\xff"), entry("a", b"", &[1; 300], &[1]), Bytes::new()];
    owner.db.feeds_mut().get_mut(&key(2)).unwrap().extend(faulty.clone());
    for _ in 0..2 {
        assert_eq!(owner.values("theirs"), ["1"]);
        let faults: Vec<_> = owner.db.view().unwrap().writers().faulty().collect();
        assert_eq!(faults, [(key(2), sound)]);
        owner.put("ours", "2");
        owner.db.feeds_mut().get_mut(&key(2)).unwrap().extend(faulty.clone());
    }
    owner.revoke(2).unwrap();
    let fresh = Db::new(key(1), owner.db.feeds().clone());
    let view = fresh.view().unwrap();
    assert!(!view.writers().is_authorized(&key(2)));
    assert_eq!(values(&view.get("theirs").unwrap()), ["1"]);
    assert_eq!(view.writers().faulty().count(), 0, "what is wrong does not count any more");
}

#[test]
fn names_of_nobody_take_no_room_from_others() {
    let feed = |puppet: u8, nth: u8| FeedKey([[puppet, nth], [7; 2]].concat().repeat(8).try_into().unwrap());
    let mut owner = Peer::new(1);
    owner.authorize(2);
    let puppets: Vec<FeedKey> = (0..255).map(|puppet| feed(puppet, 255)).collect();
    let feeds = owner.db.feeds_mut();
    feeds.insert(key(2), vec![header(), entry_listing("a", b"", &[], &puppets)]);
    for (puppet, feed_key) in (0..255).zip(&puppets) {
        let bogus: Vec<FeedKey> = (0..255).map(|nth| feed(puppet, nth)).collect();
        feeds.insert(*feed_key, vec![header(), entry_listing("b", b"", &[], &bogus)]);
    }
    owner.put("k", "1");
    assert_eq!(owner.values("k"), ["1"]);
    owner.revoke(2).unwrap();
    let fresh = Db::new(key(1), owner.db.feeds().clone());
    assert_eq!(values(&fresh.view().unwrap().get("k").unwrap()), ["1"]);
}

#[test]
fn a_writer_who_names_others_in_each_block_runs_out_of_names_alone() {
    let mut owner = Peer::new(1);
    owner.authorize(2);
    owner.db.feeds_mut().insert(key(2), vec![header()]);
    for round in 0..25_u8 {
        let names: Vec<FeedKey> =
            (0..200_u8).map(|nth| FeedKey([nth, round].repeat(16).try_into().unwrap())).collect();
        // The last field counts, which says that the list is in this block.
        let block = [&entry_listing("b", b"", &[], &names)[..], &[0x30, round + 1]].concat();
        owner.db.feeds_mut().entry(key(2)).or_default().push(block.into());
        let named = owner.db.view().unwrap().writers().keys().count();
        assert_eq!(named == 202, round < 20, "{round}: {named}");
    }
    owner.revoke(2).unwrap();
    owner.authorize(3);
    assert!(owner.db.view().unwrap().writers().is_authorized(&key(3)));
}

/// Entries, of which no more than so many are asked for.
struct Counting<'a>(&'a Db<Blocks>, Cell<usize>);

impl Nodes for Counting<'_> {
    fn node(&self, feed: u32, seq: u64) -> Result<Arc<DbNode>, DbError> {
        self.1.set(self.1.get() + 1);
        assert!(self.1.get() < 10_000, "too much work");
        self.0.node(feed, seq)
    }

    fn key(&self, feed: u32) -> FeedKey {
        self.0.key(feed)
    }
}

#[test]
fn pointers_that_would_multiply_the_work_of_a_writer_at_each_step_do_not() {
    const WAYS: u64 = 20;
    let wanted = Path::new("victim");
    // Ever nearer to the key: at each depth many entries, all of which point to all of the next depth.
    let parting = |key: &str| wanted.first_difference(&Path::new(key), 0);
    let near = |depth| (0..).map(|nth: u32| nth.to_string()).find(|key| parting(key) == Some(depth)).unwrap();
    let mut theirs = vec![header()];
    for depth in (0..8).rev() {
        let first = theirs.len() as u64;
        let mut index = Vec::new();
        if depth < 7 {
            index.extend([depth as u8, 1 << wanted.digit(depth)]);
            for seq in first - WAYS..first {
                varint::encode(2 | u64::from(seq + 1 < first), &mut index);
                varint::encode(seq, &mut index);
            }
        }
        theirs.extend((0..WAYS).map(|_| entry(&near(depth), &index, &[2], &[1, 2])));
    }
    let owners = vec![header(), entry("a", b"", &[2], &[1, 2])];
    let mut db = db(&[(1, owners), (2, theirs)]);
    let heads = db.view().unwrap().heads().to_vec();
    link(&Counting(&db, Cell::new(0)), &heads, &wanted).unwrap();

    let mut batch = DbBatch::new(&db, key(1)).unwrap();
    batch.put(&db, "victim", Some(b"v")).unwrap();
    let block = Bytes::from(batch.blocks()[0].clone());
    db.feeds_mut().entry(key(1)).or_default().push(block);
    assert_eq!(db.view().unwrap().get("victim").unwrap().len(), 1);
}

proptest! {
    #[test]
    fn changed_blocks_do_not_panic(
        puts in prop::collection::vec((0..2_usize, "[ab]{1,2}(/[ab]{1,2}){0,2}"), 1..12),
        place in 0..10_000_usize,
        bit in 0..8_u8,
    ) {
        let mut peers = vec![Peer::new(1), Peer::new(2)];
        peers[0].authorize(2);
        sync(&mut peers, 0, 1);
        for (nth, (writer, key)) in puts.iter().enumerate() {
            peers[*writer].put(key, "v");
            if nth % 3 == 0 {
                sync(&mut peers, 0, 1);
            }
        }
        let mut feeds = peers[0].db.feeds().clone();
        let all: usize = feeds.values().map(Vec::len).sum();
        let block = feeds.values_mut().flatten().nth(place % all).unwrap();
        let mut bytes = block.to_vec();
        let length = bytes.len();
        bytes[place % length] ^= 1 << bit;
        *block = bytes.into();
        let db = Db::new(key(1), feeds);
        let Ok(view) = db.view() else { return Ok(()) };
        for prefix in ["", "a", "a/b"] {
            prop_assert!(view.iter(&below(prefix)).take(200).count() < 200);
            let _ = view.get(prefix);
            let _ = view.key_history(prefix).take(50).last();
        }
        prop_assert!(view.history().take(200).count() < 200);
        if let Ok(mut batch) = DbBatch::new(&db, key(2)) {
            let _ = batch.put(&db, "b/a", None);
        }
    }
}
