//! Heads of another history.

use super::faulty::{Fault, FaultyStorage};
use super::*;
use crate::digest::Digest;

/// A writer with rows up to `common`, and then those of `branch` up to `length`.
fn writer(common: u64, branch: &str, length: u64) -> Log<MemoryStorage> {
    let mut log = log();
    log.append(&rows(0..common)).unwrap();
    grow(&mut log, branch, length);
    log
}

fn grow(log: &mut Log<MemoryStorage>, branch: &str, length: u64) {
    for block in log.length()..length {
        log.append(&[format!("{branch} {block}")]).unwrap();
    }
}

fn rekeyed() -> crate::Feed {
    crate::Feed::rekeyed(FeedKeyPair::from_seed(&[3; 32]))
}

/// The head of `log` as a buyer proves it who has it under the key of `feed`.
fn head(log: &Log<MemoryStorage>, feed: &mut crate::Feed) -> SignedHead {
    let index = log.length() - 1;
    let proof = log.proof(index, Digest::NONE, true, &mut RemoteTree::new()).unwrap().unwrap();
    let signature = feed.signature(log, proof.signature_length.unwrap()).unwrap();
    SignedHead::of_proof(UnverifiedBlock { index, value: None, nodes: proof.nodes, signature }, &feed.key())
        .unwrap()
}

#[track_caller]
fn assert_refuses(log: &mut Log<MemoryStorage>, evidence: &SignedHead) {
    let (length, own) = (log.length(), log.signed_head());
    match log.append(&["more"]) {
        Err(LogError::Forked { ours, theirs }) => {
            assert_eq!((ours, *theirs), (own.map(Box::new), evidence.clone()))
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(log.length(), length);
    assert_eq!(log.append::<&str>(&[]).unwrap(), length..length, "nothing to append is nothing done");
}

#[test]
fn appending_is_refused_exactly_if_the_heads_contradict() {
    for (common, ours, theirs) in (0..7).flat_map(|common| {
        (common..8).flat_map(move |ours| (common.max(1)..8).map(move |theirs| (common, ours, theirs)))
    }) {
        for mut feed in [crate::Feed::own(pair().public()), rekeyed()] {
            let mut log = writer(common, "ours", ours);
            let evidence = head(&writer(common, "theirs", theirs), &mut feed);
            let contradicts = theirs > ours || theirs > common;
            let case = format!("{common} common, {ours} here, {theirs} there");
            assert_eq!(log.handle_foreign_head(&feed, evidence.clone()).unwrap(), contradicts, "{case}");
            assert_eq!(log.fork(), contradicts.then_some(&evidence), "{case}");
            if contradicts {
                assert_refuses(&mut log, &evidence);
                let mut reopened = Log::open(log.into_storage()).unwrap();
                assert_refuses(&mut reopened, &evidence);
            } else {
                log.append(&["more"]).unwrap();
                assert_eq!(log.storage.bytes(FileName::Fork), [0; 0], "{case}");
            }
        }
    }
}

#[test]
fn the_first_evidence_stays() {
    let mut log = writer(5, "ours", 7);
    let mut feed = rekeyed();
    let first = head(&writer(5, "theirs", 9), &mut feed);
    let second = head(&writer(5, "others", 12), &mut rekeyed());
    assert!(log.handle_foreign_head(&feed, first.clone()).unwrap());
    assert!(!log.handle_foreign_head(&feed, second).unwrap());
    assert_refuses(&mut log, &first);
}

#[test]
fn evidence_of_another_feed_is_none() {
    let mut log = writer(5, "ours", 7);
    let theirs = writer(5, "theirs", 9);
    let under_another_key = head(&theirs, &mut rekeyed());
    let own = crate::Feed::own(log.key());
    let stranger = crate::Feed::own(rekeyed().key());
    for feed in [own, stranger] {
        let refused = log.handle_foreign_head(&feed, under_another_key.clone());
        assert!(matches!(refused, Err(LogError::OtherLog { .. })));
    }
    log.append(&["more"]).unwrap();
}

#[test]
fn a_reader_is_not_marked() {
    let mut reader = Log::create_reader(MemoryStorage::new(), pair().public()).unwrap();
    let mut feed = crate::Feed::own(reader.key());
    let news = head(&writer(5, "theirs", 9), &mut feed);
    assert!(!reader.handle_foreign_head(&feed, news).unwrap());
    assert_eq!(reader.storage.bytes(FileName::Fork), [0; 0]);
}

#[test]
fn the_lost_blocks_come_back_and_appending_goes_on() {
    for by_range in [false, true] {
        let longer = writer(5, "lost", 9);
        let mut restored = writer(5, "lost", 6);
        let mut feed = crate::Feed::own(restored.key());
        let evidence = head(&longer, &mut feed);
        assert!(restored.handle_foreign_head(&feed, evidence.clone()).unwrap());
        let mut remote = RemoteTree::new();
        for block in 6..9 {
            assert_refuses(&mut restored, &evidence);
            if by_range {
                let sent = send_range(&longer, block..block + 1, &mut remote);
                let verified = restored.verify_range(sent).unwrap();
                restored.store_range(verified).unwrap();
            } else {
                let verified = restored.verify(send(&longer, &restored, block)).unwrap();
                restored.store(verified).unwrap();
            }
            if restored.length() == 9 {
                break;
            }
        }
        assert_eq!((restored.length(), restored.fork()), (9, None));
    }
}

#[test]
fn the_lost_blocks_can_be_appended_again_and_no_others() {
    let lost = |blocks: Range<u64>| blocks.map(|block| format!("lost {block}")).collect::<Vec<_>>();
    for (kept, end) in (0..9).flat_map(|kept| (kept + 1..14).map(move |end| (kept, end))) {
        for mut feed in [crate::Feed::own(pair().public()), rekeyed()] {
            let mut restored = writer(0, "lost", kept);
            let evidence = head(&writer(0, "lost", 9), &mut feed);
            assert!(restored.handle_foreign_head(&feed, evidence.clone()).unwrap());
            let mut other = lost(kept..9.max(end));
            other[0] = "other".to_owned();
            assert!(matches!(restored.append(&other), Err(LogError::Forked { .. })));
            assert_refuses(&mut restored, &evidence);
            let appended = restored.append(&lost(kept..end));
            assert_eq!(appended.is_ok(), end >= 9, "{kept} to {end}: {appended:?}");
            assert_eq!(restored.fork(), (end < 9).then_some(&evidence));
            let length = restored.length();
            let mut reopened = Log::open(restored.into_storage()).unwrap();
            assert_eq!((reopened.length(), reopened.fork().is_some()), (length, end < 9));
            assert_eq!(reopened.append(&["more"]).is_ok(), end >= 9);
        }
    }
}

#[test]
fn the_newer_folder_copied_over_the_restored_one_settles_it() {
    let mut newer = writer(5, "lost", 9);
    let mut restored = writer(5, "lost", 6);
    let mut feed = crate::Feed::own(restored.key());
    let evidence = head(&newer, &mut feed);
    assert!(restored.handle_foreign_head(&feed, evidence).unwrap());
    newer.storage.replace(FileName::Fork, restored.storage.bytes(FileName::Fork).to_vec());
    let mut log = Log::open(newer.into_storage()).unwrap();
    assert_eq!(log.fork(), None);
    log.append(&["more"]).unwrap();
    assert_eq!(Log::open(log.into_storage()).unwrap().length(), 10);
}

#[test]
fn a_torn_or_foreign_mark_is_none() {
    let mut log = writer(5, "ours", 6);
    let mut feed = rekeyed();
    let evidence = head(&writer(5, "theirs", 9), &mut feed);
    assert!(log.handle_foreign_head(&feed, evidence).unwrap());
    let storage = log.into_storage();
    let mark = storage.bytes(FileName::Fork).to_vec();
    let open_with = |mark: Vec<u8>| {
        let mut storage = storage.clone();
        storage.replace(FileName::Fork, mark);
        Log::open(storage).unwrap().fork().is_some()
    };
    assert!(open_with(mark.clone()));
    for bit in 0..8 * mark.len() {
        let mut flipped = mark.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(!open_with(flipped), "bit {bit}");
    }
    for len in [0, 1, mark.len() - 1, mark.len() + 1, 5000] {
        let mut torn = mark.clone();
        torn.resize(len, 0);
        assert!(!open_with(torn), "{len} bytes");
    }
}

#[test]
fn a_mark_that_cannot_be_written_counts_until_the_log_is_opened_anew() {
    let fault = Fault { eighths: 4, forever: false, ..Fault::default() };
    let mut log = Log::open(FaultyStorage::new(writer(5, "ours", 6).into_storage(), fault)).unwrap();
    let mut feed = rekeyed();
    let evidence = head(&writer(5, "theirs", 9), &mut feed);
    assert!(matches!(log.handle_foreign_head(&feed, evidence), Err(LogError::Io { .. })));
    assert!(matches!(log.append(&["more"]), Err(LogError::Forked { .. })));
    let reopened = Log::open(log.into_storage().files()).unwrap();
    assert_eq!(reopened.fork(), None, "a mark that was torn is none, and the next peer tells again");
}
