//! Every file missing, cut off, or with a byte that flipped: what is said, what is done, and what comes of it.

use super::*;
use crate::log::doctor::{Cure, Fault, Finding, Report, examine, repair};
use crate::sleep::header;

const LENGTH: u64 = 37;

/// A writer's folder with several signatures, checkpointed, and with a journal that was used.
fn writer() -> MemoryStorage {
    let mut log = log();
    log.append(&rows(0..20)).unwrap();
    log.append(&rows(20..36)).unwrap();
    log.append_committed(&rows(36..LENGTH)).unwrap();
    log.flush().unwrap();
    log.into_storage()
}

/// A copy of it, bought whole.
fn reader() -> MemoryStorage {
    let writer = Log::open(writer()).unwrap();
    let mut reader = Log::create_reader(MemoryStorage::new(), writer.key()).unwrap();
    for block in 0..LENGTH {
        let verified = reader.verify(send(&writer, &reader, block)).unwrap();
        reader.store(verified).unwrap();
    }
    reader.flush().unwrap();
    reader.into_storage()
}

fn missing(files: &MemoryStorage, file: FileName) -> MemoryStorage {
    let mut files = files.clone();
    files.replace(file, Vec::new());
    files
}

fn cut(files: &MemoryStorage, file: FileName) -> MemoryStorage {
    let mut files = files.clone();
    let bytes = files.bytes(file);
    let half = bytes[..bytes.len() / 2].to_vec();
    files.replace(file, half);
    files
}

fn flipped(files: &MemoryStorage, file: FileName, at: usize) -> MemoryStorage {
    let mut files = files.clone();
    let mut bytes = files.bytes(file).to_vec();
    bytes[at] ^= 1;
    files.replace(file, bytes);
    files
}

fn is_hopeless(report: &Report) -> bool {
    !report.is_repairable()
}

/// What becomes of damaged files: the findings, and how many blocks are left. What was promised is done, what is done holds.
#[track_caller]
fn treat(files: &MemoryStorage, named: Option<FeedKey>) -> (Report, MemoryStorage) {
    let report = examine(files, named).unwrap();
    let mut repaired = files.clone();
    assert_eq!(repair(&mut repaired, named).unwrap(), report);
    if is_hopeless(&report) {
        assert!(&repaired == files, "a folder beyond repair is left alone");
        return (report, repaired);
    }
    let again = examine(&repaired, None).unwrap();
    assert!(again.is_fine(), "after {report:?} there is {again:?}");
    let mut log = Log::open(repaired.clone()).unwrap_or_else(|error| panic!("{report:?}: {error:?}"));
    assert_eq!((log.length(), log.downloaded()), (report.length, report.held), "{report:?}");
    assert_eq!(log.audit().unwrap(), Audit { valid: report.held, invalid: 0 }, "{report:?}");
    for block in 0..log.length() {
        if let Some(data) = log.block(block).unwrap() {
            assert_eq!(data, row(block));
        }
    }
    (report, repaired)
}

/// Nothing is lost, and the files are byte for byte what they were.
#[track_caller]
fn heals(whole: &MemoryStorage, files: &MemoryStorage, file: FileName, cure: Cure) {
    let (report, repaired) = treat(files, Some(pair().public()));
    let found: Vec<_> = report.findings.iter().map(|finding| (finding.file, finding.cure.clone())).collect();
    assert_eq!(found, [(file, cure)], "{report:?}");
    assert_eq!((report.length, report.held), (LENGTH, LENGTH));
    for file in FileName::ALL.into_iter().filter(|file| ![FileName::Commit, FileName::Journal].contains(file))
    {
        assert!(repaired.bytes(file) == whole.bytes(file), "{file} differs after {report:?}");
    }
}

/// Where the size of a block's leaf lies.
fn size_of_leaf(block: u64) -> u64 {
    crate::sleep::node_offset(NodeIndex::leaf(block)) + 32
}

#[test]
fn a_leaf_with_a_wrong_size_does_not_make_the_data_short() {
    for size in [1 << 40, u64::MAX] {
        let mut whole = log();
        whole.append(&rows(0..36)).unwrap();
        // A folder that has all is opened without reading leaves.
        whole.clear(0..1).unwrap();
        let mut files = whole.into_storage();
        let data = files.len(FileName::Data).unwrap();
        files.write(FileName::Tree, size_of_leaf(35), &u64::to_be_bytes(size)).unwrap();
        assert_eq!(Log::open(files.clone()).unwrap().length(), 36);
        let (report, repaired) = treat(&files, None);
        assert_eq!((only(&report).file, report.held), (FileName::Tree, 35));
        assert_eq!(repaired.len(FileName::Data).unwrap(), data);
    }
}

#[track_caller]
fn only(report: &Report) -> &Finding {
    assert_eq!(report.findings.len(), 1, "{report:?}");
    &report.findings[0]
}

#[test]
fn whole_folders_are_fine() {
    for files in [writer(), reader(), log().into_storage()] {
        assert_eq!(treat(&files, None).0.findings, []);
    }
    // As a killed process leaves it.
    let mut log = log();
    for length in [3, 4, 11] {
        log.append(&rows(log.length()..length)).unwrap();
        assert!(examine(log.storage(), None).unwrap().is_fine());
        log.append_committed(&rows(length..length + 1)).unwrap();
        assert!(examine(log.storage(), None).unwrap().is_fine());
    }
    log.clear(2..5).unwrap();
    assert!(examine(log.storage(), None).unwrap().is_fine());
}

#[test]
fn the_key_comes_from_the_secret_key_or_from_the_name() {
    for (whole, cure) in [(writer(), Cure::FromSecretKey), (reader(), Cure::FromName)] {
        heals(&whole, &missing(&whole, FileName::Key), FileName::Key, cure.clone());
        heals(&whole, &cut(&whole, FileName::Key), FileName::Key, cure.clone());
        heals(&whole, &flipped(&whole, FileName::Key, 9), FileName::Key, cure);
    }
    let report = treat(&missing(&reader(), FileName::Key), None).0;
    assert!(is_hopeless(&report) && only(&report).fault == Fault::Missing, "{report:?}");
}

#[test]
fn a_secret_key_comes_from_its_first_half_or_not_at_all() {
    let whole = writer();
    heals(&whole, &flipped(&whole, FileName::SecretKey, 40), FileName::SecretKey, Cure::FromSeed);
    heals(&whole, &cut(&whole, FileName::SecretKey), FileName::SecretKey, Cure::FromSeed);
    let report = treat(&flipped(&whole, FileName::SecretKey, 4), None).0;
    assert!(is_hopeless(&report) && only(&report).file == FileName::SecretKey, "{report:?}");
    let mut foreign = whole.clone();
    foreign.replace(FileName::SecretKey, FeedKeyPair::from_seed(&[2; 32]).to_secret_bytes().to_vec());
    let report = treat(&foreign, None).0;
    assert!(is_hopeless(&report) && only(&report).fault == Fault::Foreign, "{report:?}");
    // Without it the folder is that of a feed that was bought.
    assert!(treat(&missing(&whole, FileName::SecretKey), None).0.is_fine());
}

#[test]
fn a_bitfield_is_rebuilt() {
    for whole in [writer(), reader()] {
        let bytes = whole.bytes(FileName::Bitfield).len();
        heals(&whole, &missing(&whole, FileName::Bitfield), FileName::Bitfield, Cure::FromTree);
        heals(&whole, &cut(&whole, FileName::Bitfield), FileName::Bitfield, Cure::FromTree);
        for at in [32, 32 + 1024 + 3, bytes - 500] {
            heals(&whole, &flipped(&whole, FileName::Bitfield, at), FileName::Bitfield, Cure::FromTree);
        }
        for (file, at) in header::FILES.iter().flat_map(|file| (0..9).map(move |at| (*file, at))) {
            let report = treat(&flipped(&whole, file, at), None).0;
            assert_eq!((only(&report).file, report.held), (file, LENGTH), "{at}");
        }
    }
}

#[test]
fn a_node_is_rebuilt_from_those_around_it_and_the_data() {
    for whole in [writer(), reader()] {
        for node in 0..2 * LENGTH - 1 {
            let at = crate::sleep::node_offset(NodeIndex(node)) as usize;
            if whole.bytes(FileName::Tree)[at..at + 40] == [0; 40] {
                continue;
            }
            for at in [at + 5, at + 39] {
                let damaged = flipped(&whole, FileName::Tree, at);
                heals(&whole, &damaged, FileName::Tree, Cure::FromNodes);
            }
        }
    }
}

#[test]
fn a_lost_tree_is_said_to_be_lost() {
    for whole in [writer(), reader()] {
        let report = treat(&missing(&whole, FileName::Tree), None).0;
        let found = only(&report);
        assert!(is_hopeless(&report), "{report:?}");
        assert_eq!((found.file, found.fault), (FileName::Tree, Fault::Missing));
    }
}

#[test]
fn half_a_tree_is_half_a_feed_or_none() {
    for whole in [writer(), reader()] {
        let report = treat(&cut(&whole, FileName::Tree), None).0;
        assert_eq!(report.findings[0].file, FileName::Tree, "{report:?}");
        assert!(matches!(report.findings[0].fault, Fault::Truncated { .. }), "{report:?}");
    }
}

#[test]
fn lost_data_is_forgotten() {
    for whole in [writer(), reader()] {
        let bytes = whole.bytes(FileName::Data).len();
        let report = treat(&missing(&whole, FileName::Data), None).0;
        assert_eq!((report.length, report.held), (LENGTH, 0));
        assert_eq!(only(&report).cure, Cure::Forgotten { blocks: vec![0..LENGTH] });
        assert_eq!(only(&report).fault, Fault::Missing);
        let report = treat(&cut(&whole, FileName::Data), None).0;
        assert_eq!((report.length, only(&report).file), (LENGTH, FileName::Data));
        assert!((10..30).contains(&report.held), "{report:?}");
        let report = treat(&flipped(&whole, FileName::Data, bytes / 2), None).0;
        assert_eq!((report.length, report.held, only(&report).file), (LENGTH, LENGTH - 1, FileName::Data));
        let Cure::Forgotten { blocks } = &only(&report).cure else { panic!("{report:?}") };
        assert_eq!(blocks.len(), 1);
    }
}

#[test]
fn signatures_come_from_the_record_or_are_made_again() {
    let whole = writer();
    let head = crate::sleep::signature_offset(LENGTH) as usize;
    let earlier = crate::sleep::signature_offset(20) as usize;
    heals(&whole, &flipped(&whole, FileName::Signatures, head + 3), FileName::Signatures, Cure::FromCommit);
    heals(
        &whole,
        &flipped(&whole, FileName::Signatures, earlier + 3),
        FileName::Signatures,
        Cure::SignedAnew,
    );
    let without_record = missing(&missing(&whole, FileName::Commit), FileName::Journal);
    assert!(treat(&without_record, None).0.is_fine());
    let damaged = flipped(&without_record, FileName::Signatures, head + 3);
    heals(&whole, &damaged, FileName::Signatures, Cure::SignedAnew);
    for files in [missing(&whole, FileName::Signatures), cut(&whole, FileName::Signatures)] {
        let report = treat(&files, None).0;
        assert_eq!((only(&report).file, report.held), (FileName::Signatures, LENGTH), "{report:?}");
    }
    let report = treat(&missing(&without_record, FileName::Signatures), None).0;
    assert_eq!((only(&report).cure.clone(), report.held), (Cure::SignedAnew, LENGTH), "{report:?}");

    let bought = missing(&missing(&reader(), FileName::Commit), FileName::Journal);
    let report = treat(&missing(&bought, FileName::Signatures), None).0;
    assert!(is_hopeless(&report) && only(&report).fault == Fault::Missing, "{report:?}");
}

#[test]
fn commit_records_and_journals_are_made_anew() {
    let whole = writer();
    heals(&whole, &missing(&whole, FileName::Commit), FileName::Commit, Cure::MadeAnew);
    heals(&whole, &cut(&whole, FileName::Commit), FileName::Commit, Cure::MadeAnew);
    heals(&whole, &flipped(&whole, FileName::Commit, 50), FileName::Commit, Cure::MadeAnew);
    heals(&whole, &flipped(&whole, FileName::Commit, 4096 + 50), FileName::Commit, Cure::MadeAnew);

    let mut log = log();
    log.append_committed(&rows(0..30)).unwrap();
    log.append_committed(&rows(30..LENGTH)).unwrap();
    let whole = log.into_storage();
    let flipped = flipped(&whole, FileName::Journal, 400);
    heals(&whole, &flipped, FileName::Journal, Cure::MadeAnew);
    let mut cut = whole.clone();
    cut.set_len(FileName::Journal, 300).unwrap();
    heals(&whole, &cut, FileName::Journal, Cure::MadeAnew);
    assert_eq!(treat(&missing(&whole, FileName::Journal), None).0.held, LENGTH);
}
