use super::*;

const KEY: FeedKey = FeedKey([7; 32]);

fn commit(signature: Option<Signature>) -> Commit {
    Commit { sequence: 9, length: 50, byte_length: 150, tree_hash: Hash([3; 32]), signature }
}

fn have(runs: &[Range<u64>]) -> HaveMap {
    let mut have = HaveMap::new();
    runs.iter().for_each(|run| have.set_range(run.clone()));
    have
}

#[test]
fn a_record_survives_the_file() {
    for signature in [None, Some(Signature([4; 64]))] {
        let commit = commit(signature);
        assert_eq!(Commit::decode(&commit.encode(&KEY), &KEY), Some(commit));
        let synced = Synced::new(commit, 77, &have(&[0..3, 5..9]));
        assert_eq!(Synced::decode(&synced.encode(&KEY), &KEY), Some(synced));
    }
}

#[test]
fn records_have_the_documented_layout() {
    let claim = commit(None).encode(&KEY);
    assert_eq!((claim.len(), &claim[..16]), (168, &b"dazaar-commit 1\n"[..]));
    assert_eq!(
        claim[16..40],
        *concat::<24>(&[&[0, 0, 0, 0, 0, 0, 0, 9], &[0; 7], &[50], &[0; 7], &[150]]).as_slice()
    );
    assert_eq!(claim[40..72], [3; 32]);
    assert_eq!(claim[72..136], [0; 64]);
    let synced = Synced::new(commit(None), 77, &have(&[0..3, 5..9])).encode(&KEY);
    assert_eq!((synced.len(), &synced[..16]), (496, &b"dazaar-commit 2\n"[..]));
    assert_eq!(synced[16..136], claim[16..136]);
    assert_eq!(
        synced[136..184].iter().filter(|byte| **byte != 0).copied().collect::<Vec<_>>(),
        [77, 3, 5, 9]
    );
    assert_eq!((synced[143], synced[159], synced[167], synced[175]), (77, 3, 5, 9));
    assert_eq!(synced[464..], keyed_hash(&KEY.0, &[&synced[..464]]));
}

#[test]
fn any_flipped_bit_and_any_other_log_is_refused() {
    let claim = commit(None).encode(&KEY);
    for bit in 0..8 * CLAIM_BYTES {
        let mut torn = claim;
        torn[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Commit::decode(&torn, &KEY), None, "bit {bit}");
    }
    let synced = Synced::new(commit(None), 0, &have(&[0..50])).encode(&KEY);
    for bit in 0..8 * SYNCED_BYTES {
        let mut torn = synced;
        torn[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Synced::decode(&torn, &KEY), None, "bit {bit}");
    }
    let other = FeedKey([8; 32]);
    assert_eq!((Commit::decode(&claim, &other), Synced::decode(&synced, &other)), (None, None));
    assert_eq!(Commit::decode(&[0; CLAIM_BYTES], &KEY), None);
    assert_eq!(Synced::decode(&[0; SYNCED_BYTES], &KEY), None);
}

#[test]
fn appends_take_turns() {
    assert_ne!(Slot::of(0), Slot::of(1));
    assert_eq!(Slot::of(0), Slot::of(2));
    let slots = [Slot::Synced, Slot::Even, Slot::Odd];
    assert!(slots.iter().all(|slot| slot.offset() % 4096 == 0));
    assert!(SYNCED_BYTES <= 512);
}

#[test]
fn gaps_are_what_no_run_covers() {
    let gaps =
        |runs: &[Range<u64>], end| Synced::new(commit(None), 0, &have(runs)).gaps(end).collect::<Vec<_>>();
    assert_eq!(gaps(&[], 50), [0..50]);
    assert_eq!(gaps(&[0..50], 50), []);
    assert_eq!(gaps(&[0..50], 60), [50..60]);
    assert_eq!(gaps(&[2..5, 9..20], 50), [0..2, 5..9, 20..50]);
    assert_eq!(gaps(&[2..5, 9..20], 12), [0..2, 5..9]);
    assert_eq!(gaps(&[2..5, 9..20], 7), [0..2, 5..7]);
}

#[test]
fn only_the_longest_runs_are_named_if_there_are_many() {
    let commit = Commit { length: 1000, ..commit(None) };
    let many: Vec<_> = (0..30).map(|nth| 10 * nth..10 * nth + 1 + nth % 3).collect();
    let synced = Synced::new(commit, 0, &have(&many));
    assert_eq!(synced.runs.len(), 20);
    assert!(synced.runs.is_sorted_by_key(|run| run.start));
    assert!(synced.runs.iter().all(|run| run.end - run.start >= 2));
    assert!(!synced.is_full());
    assert!(Synced::new(commit, 0, &have(&[0..2000])).is_full());
}
