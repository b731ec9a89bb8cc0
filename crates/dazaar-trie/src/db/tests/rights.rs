//! Who may write.

use super::support::*;
use crate::db::*;

#[test]
fn nobody_reads_a_writer_who_was_not_let_in() {
    let mut peers: Vec<Peer> = (1..=3).map(Peer::new).collect();
    peers[0].put("k", "1");
    sync(&mut peers, 0, 1);
    peers[1].put("k", "2");
    assert_eq!(peers[1].values("k"), ["1"]);
    assert!(!peers[0].db.view().unwrap().writers().is_authorized(&key(2)));
    peers[0].authorize(2);
    sync(&mut peers, 0, 1);
    assert_eq!(peers[0].values("k"), ["2"], "it had seen the first value");
    // Whoever was let in lets others in.
    sync(&mut peers, 1, 2);
    peers[1].authorize(3);
    sync(&mut peers, 1, 2);
    peers[2].put("k", "3");
    sync(&mut peers, 1, 2);
    sync(&mut peers, 0, 1);
    assert_eq!(peers[0].values("k"), ["3"]);
    let keys: Vec<_> = peers[0].db.view().unwrap().writers().keys().collect();
    assert_eq!(keys, [key(1), key(2), key(3)]);
}

#[test]
fn only_the_owner_revokes_and_only_writers() {
    let mut peers: Vec<Peer> = (1..=3).map(Peer::new).collect();
    peers[0].authorize(2);
    peers[0].authorize(3);
    sync(&mut peers, 0, 1);
    assert!(matches!(peers[1].revoke(3), Err(DbError::NotTheOwner)));
    assert!(matches!(peers[0].revoke(1), Err(DbError::NotAWriter { .. })));
    assert!(matches!(peers[0].revoke(9), Err(DbError::NotAWriter { .. })));
}

#[test]
fn a_batch_forgets_who_could_not_be_let_in() {
    let mut owner = Peer::new(1);
    owner
        .write(|batch, db| {
            for writer in 2..=255 {
                batch.authorize(db, key(writer))?;
            }
            batch.authorize(db, key(0))?;
            let one_more = dazaar_log::FeedKey([9; 32]);
            assert!(matches!(batch.authorize(db, one_more), Err(DbError::TooManyWriters)));
            batch.put(db, "k", None)
        })
        .unwrap();
    assert_eq!(owner.values("k"), ["null"]);
}

#[test]
fn what_the_owner_knew_of_a_revoked_writer_stays() {
    let mut peers: Vec<Peer> = (1..=3).map(Peer::new).collect();
    peers[0].put("k", "owner");
    peers[0].authorize(2);
    peers[0].authorize(3);
    sync(&mut peers, 0, 1);
    sync(&mut peers, 0, 2);
    peers[1].put("kept", "early");
    sync(&mut peers, 0, 1);
    // Somebody else builds on what the owner never saw.
    peers[1].put("k", "late");
    sync(&mut peers, 1, 2);
    peers[2].put("third", "x");
    assert_eq!(peers[2].values("k"), ["late"]);
    peers[0].revoke(2).unwrap();
    for (a, b) in [(0, 2), (0, 1), (1, 2)] {
        sync(&mut peers, a, b);
    }
    for peer in &peers {
        assert_eq!(peer.values("k"), ["owner"]);
        assert_eq!(
            (peer.values("kept"), peer.values("third")),
            (vec!["early".to_owned()], vec!["x".to_owned()])
        );
    }
    // Let in once more, all of it counts.
    peers[0].authorize(2);
    assert_eq!(peers[0].values("k"), ["late"]);
}

#[test]
fn a_revocation_outlives_new_writers() {
    let mut peers: Vec<Peer> = (1..=3).map(Peer::new).collect();
    peers[0].authorize(2);
    sync(&mut peers, 0, 1);
    peers[0].revoke(2).unwrap();
    peers[0].authorize(3);
    peers[0].put("k", "1");
    let writers = peers[0].db.view().unwrap().writers().clone();
    assert!(writers.is_authorized(&key(3)) && !writers.is_authorized(&key(2)));
}
